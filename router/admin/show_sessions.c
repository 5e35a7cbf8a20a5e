/*-------------------------------------------------------------------------
 *
 * show_sessions.c
 *	  SHOW CLIENTS: every session of every worker, the console's included; and
 *	  SHOW SOCKETS: what its connection and those of servers have passed on.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "base/clock.h"
#include "session/client.h"

static const ResultColumn client_columns[] = {
	{"type", RESULT_TEXT},
	{"user", RESULT_ORDER},
	{"database", RESULT_ORDER},
	{"state", RESULT_TEXT},
	{"addr", RESULT_ORDER},
	{"port", RESULT_ORDER},
	{"connect_time", RESULT_ORDER},
	{"request_time", RESULT_TEXT},
	{"wait", RESULT_MAX_SECONDS},
	{"wait_us", RESULT_MAX_MICROSECONDS},
	{"link", RESULT_TEXT},		/* remote_pid of the server it holds */
	{"tls", RESULT_TEXT},
	{"application_name", RESULT_TEXT},
	{"node", RESULT_TEXT},		/* of the server it holds */
	{"tx_status", RESULT_TEXT},
	{"floor", RESULT_TEXT},
	{"pin_reason", RESULT_TEXT},
	{"prepared_statements", RESULT_TEXT},
	{"route", RESULT_TEXT},		/* what it asks for, and how */
	{"route_rule", RESULT_TEXT},
	{"id", RESULT_TEXT},
	{"worker", RESULT_TEXT},
};

static const ResultColumn socket_columns[] = {
	{"type", RESULT_ORDER},
	{"user", RESULT_ORDER},
	{"database", RESULT_ORDER},
	{"state", RESULT_TEXT},
	{"addr", RESULT_ORDER},
	{"port", RESULT_ORDER},
	{"connect_time", RESULT_ORDER},
	{"request_time", RESULT_TEXT},
	{"link", RESULT_TEXT},
	{"remote_pid", RESULT_TEXT},
	{"tls", RESULT_TEXT},
	{"id", RESULT_TEXT},
	{"received", RESULT_TEXT},	/* bytes */
	{"sent", RESULT_TEXT},
	{"send_remain", RESULT_TEXT},	/* bytes the other end has not taken yet */
	{"paused", RESULT_TEXT},	/* 1: not read, since who gets it does not keep up */
	{"worker", RESULT_TEXT},
};

const ResultShape show_clients_shape = RESULT_SHAPE(client_columns);
const ResultShape show_sockets_shape = RESULT_SHAPE(socket_columns);

typedef struct Visit
{
	Result	   *result;
	const TopologyView *view;
	int			worker;
	uint64_t	now_us;
	bool		only_active;
} Visit;

static void add_client(void *arg, const ClientStats *stats);
static void add_sockets(ConsoleRun *run, int worker, SessionContext *context, bool only_active);
static void add_client_socket(void *arg, const ClientStats *stats);
static void add_server_socket(void *arg, const Server *server);
static void add_bytes(const Visit *visit, const StreamStats *bytes, size_t queued_bytes, bool is_paused);
static void add_number_or_null(Result *result, uint64_t number);

void
show_clients(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = {run->result, context->view, worker, clock_now_us(), false};

	client_each(context, add_client, &visit);
}

void
show_sockets(ConsoleRun *run, int worker, SessionContext *context)
{
	add_sockets(run, worker, context, false);
}

void
show_active_sockets(ConsoleRun *run, int worker, SessionContext *context)
{
	add_sockets(run, worker, context, true);
}

static void
add_client(void *arg, const ClientStats *stats)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	const char tx_status[2] = {stats->tx_status, '\0'};
	bool		holds_server = stats->node >= 0 && stats->node < visit->view->nnodes;
	uint64_t	since_us = stats->waiting_since_us;
	uint64_t	wait_us = since_us != 0 && visit->now_us > since_us ? visit->now_us - since_us : 0;

	result_begin_row(result);
	result_add_text(result, "C");
	result_add_text(result, stats->user);
	result_add_text(result, stats->database);
	result_add_text(result, client_state_name(stats->state));
	result_add_text(result, stats->peer->text);
	result_add_number(result, (uint64_t) stats->peer->port);
	result_add_time(result, stats->connected_us, visit->now_us);
	result_add_time(result, stats->request_us, visit->now_us);
	result_add_number(result, wait_us);
	result_add_number(result, wait_us);
	add_number_or_null(result, stats->server_pid);
	result_add_text(result, stats->tls);
	result_add_text(result, stats->application_name);
	result_add_text(result, holds_server ? visit->view->nodes[stats->node].name : NULL);
	result_add_text(result, tx_status);
	result_add_lsn(result, stats->floor);
	result_add_text(result, stats->pin_reason);
	result_add_number(result, stats->statements);
	result_add_text(result, route_target_names[stats->wish->target]);
	result_add_text(result, stats->wish->is_set ? "SET andon.route" : stats->wish->rule);
	result_add_number(result, stats->id);
	result_add_number(result, (uint64_t) visit->worker);
}

static void
add_sockets(ConsoleRun *run, int worker, SessionContext *context, bool only_active)
{
	Visit		visit = {run->result, context->view, worker, clock_now_us(), only_active};

	client_each(context, add_client_socket, &visit);
	pool_set_each_server(context->pools, add_server_socket, &visit);
}

static void
add_client_socket(void *arg, const ClientStats *stats)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;

	if (visit->only_active && stats->state == CLIENT_READY && stats->server_pid == 0)
		return;
	result_begin_row(result);
	result_add_text(result, "C");
	result_add_text(result, stats->user);
	result_add_text(result, stats->database);
	result_add_text(result, client_state_name(stats->state));
	result_add_text(result, stats->peer->text);
	result_add_number(result, (uint64_t) stats->peer->port);
	result_add_time(result, stats->connected_us, visit->now_us);
	result_add_time(result, stats->request_us, visit->now_us);
	add_number_or_null(result, stats->server_pid);
	result_add_null(result);
	result_add_text(result, stats->tls);
	result_add_number(result, stats->id);
	add_bytes(visit, &stats->bytes, stats->queued_bytes, stats->is_paused);
}

static void
add_server_socket(void *arg, const Server *server)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	const NodeView *node;
	ServerStats stats;

	server_stats(server, &stats);
	if (visit->only_active && stats.state == SERVER_IDLE)
		return;
	node = stats.node < visit->view->nnodes ? &visit->view->nodes[stats.node] : NULL;
	result_begin_row(result);
	result_add_text(result, "S");
	result_add_text(result, stats.user);
	result_add_text(result, stats.database);
	result_add_text(result, server_state_name(stats.state));
	result_add_text(result, node ? node->host : NULL);
	result_add_number(result, node ? (uint64_t) node->port : 0);
	result_add_time(result, stats.connected_us, visit->now_us);
	result_add_time(result, stats.used_us, visit->now_us);
	result_add_null(result);
	add_number_or_null(result, stats.pid);
	result_add_text(result, stats.tls);
	result_add_null(result);
	add_bytes(visit, &stats.bytes, stats.queued_bytes, stats.is_paused);
}

static void
add_bytes(const Visit *visit, const StreamStats *bytes, size_t queued_bytes, bool is_paused)
{
	result_add_number(visit->result, bytes->received_bytes);
	result_add_number(visit->result, bytes->sent_bytes);
	result_add_number(visit->result, queued_bytes);
	result_add_number(visit->result, is_paused);
	result_add_number(visit->result, (uint64_t) visit->worker);
}

static void
add_number_or_null(Result *result, uint64_t number)
{
	if (number != 0)
		result_add_number(result, number);
	else
		result_add_null(result);
}
