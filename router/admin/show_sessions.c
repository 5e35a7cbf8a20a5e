/*-------------------------------------------------------------------------
 *
 * show_sessions.c
 *	  Connections.  SHOW CLIENTS: every session of every worker, the console's
 *	  included; SHOW SERVERS: those to the nodes; SHOW SOCKETS: what both have
 *	  passed on.
 *
 * They begin with the same columns, in PgBouncer's order.  A server's database
 * is the one its clients name.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "base/clock.h"
#include "session/client.h"

#define CONNECTION_COLUMNS \
	{"type", RESULT_ORDER}, \
	{"user", RESULT_ORDER}, \
	{"database", RESULT_ORDER}, \
	{"replication", RESULT_TEXT}, \
	{"state", RESULT_TEXT}, \
	{"addr", RESULT_ORDER}, \
	{"port", RESULT_ORDER}, \
	{"connect_time", RESULT_ORDER}, \
	{"request_time", RESULT_TEXT}

static const ResultColumn client_columns[] = {
	CONNECTION_COLUMNS,
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

static const ResultColumn server_columns[] = {
	CONNECTION_COLUMNS,
	{"close_needed", RESULT_TEXT},
	{"remote_pid", RESULT_TEXT},
	{"tls", RESULT_TEXT},
	{"prepared_statements", RESULT_TEXT},
	{"node", RESULT_TEXT},
	{"role", RESULT_TEXT},
	{"tx_status", RESULT_TEXT},
	{"worker", RESULT_TEXT},
};

static const ResultColumn socket_columns[] = {
	CONNECTION_COLUMNS,
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
const ResultShape show_servers_shape = RESULT_SHAPE(server_columns);
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
static void add_server(void *arg, const Server *server);
static void begin_client_row(const Visit *visit, const ClientStats *stats);
static void begin_server_row(const Visit *visit, const ServerStats *stats);
static const NodeView *find_node(const Visit *visit, int node);
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
show_servers(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = {run->result, context->view, worker, clock_now_us(), false};

	pool_set_each_server(context->pools, add_server, &visit);
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
	const NodeView *node = find_node(visit, stats->node);
	uint64_t	since_us = stats->waiting_since_us;
	uint64_t	wait_us = since_us != 0 && visit->now_us > since_us ? visit->now_us - since_us : 0;

	begin_client_row(visit, stats);
	result_add_number(result, wait_us);
	result_add_number(result, wait_us);
	add_number_or_null(result, stats->server_pid);
	result_add_text(result, stats->tls);
	result_add_text(result, stats->application_name);
	result_add_text(result, node ? node->name : NULL);
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
add_server(void *arg, const Server *server)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	const NodeView *node;
	ServerStats stats;
	char		tx_status[2] = {0};

	server_stats(server, &stats);
	tx_status[0] = stats.tx_status;
	node = find_node(visit, stats.node);
	begin_server_row(visit, &stats);
	result_add_number(result, stats.is_retired);
	result_add_number(result, stats.pid);
	result_add_text(result, stats.tls);
	result_add_number(result, stats.statements);
	result_add_text(result, node ? node->name : NULL);
	result_add_text(result, node_role_name(node ? node->identity.role : NODE_UNKNOWN));
	result_add_text(result, tx_status);
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
	begin_client_row(visit, stats);
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
	ServerStats stats;

	server_stats(server, &stats);
	if (visit->only_active && stats.state == SERVER_IDLE)
		return;
	begin_server_row(visit, &stats);
	result_add_null(result);
	add_number_or_null(result, stats.pid);
	result_add_text(result, stats.tls);
	result_add_null(result);
	add_bytes(visit, &stats.bytes, stats.queued_bytes, stats.is_paused);
}

static void
begin_client_row(const Visit *visit, const ClientStats *stats)
{
	Result	   *result = visit->result;

	result_begin_row(result);
	result_add_text(result, "C");
	result_add_text(result, stats->user);
	result_add_text(result, stats->database);
	result_add_text(result, stats->replication);
	result_add_text(result, client_state_name(stats->state));
	result_add_text(result, stats->peer->text);
	result_add_number(result, (uint64_t) stats->peer->port);
	result_add_time(result, stats->connected_us, visit->now_us);
	result_add_time(result, stats->request_us, visit->now_us);
}

static void
begin_server_row(const Visit *visit, const ServerStats *stats)
{
	Result	   *result = visit->result;
	const NodeView *node = find_node(visit, stats->node);

	result_begin_row(result);
	result_add_text(result, "S");
	result_add_text(result, stats->user);
	result_add_text(result, stats->name);
	result_add_text(result, "none");	/* replication connections belong to no pool */
	result_add_text(result, server_state_name(stats->state));
	result_add_text(result, node ? node->host : NULL);
	result_add_number(result, node ? (uint64_t) node->port : 0);
	result_add_time(result, stats->connected_us, visit->now_us);
	result_add_time(result, stats->used_us, visit->now_us);
}

/* NULL: it has none, or a reload has taken the node away. */
static const NodeView *
find_node(const Visit *visit, int node)
{
	return node >= 0 && node < visit->view->nnodes ? &visit->view->nodes[node] : NULL;
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
