/*-------------------------------------------------------------------------
 *
 * show_sessions.c
 *	  SHOW CLIENTS: every session of every worker, the console's included.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "base/clock.h"
#include "session/client.h"

static const ResultColumn columns[] = {
	{"type", RESULT_TEXT},
	{"user", RESULT_ORDER},
	{"database", RESULT_ORDER},
	{"state", RESULT_TEXT},
	{"addr", RESULT_ORDER},
	{"port", RESULT_ORDER},
	{"connect_time", RESULT_ORDER},
	{"tls", RESULT_TEXT},
	{"application_name", RESULT_TEXT},
	{"node", RESULT_TEXT},		/* of the server it holds */
	{"tx_status", RESULT_TEXT},
	{"floor", RESULT_TEXT},
	{"pin_reason", RESULT_TEXT},
	{"prepared_statements", RESULT_TEXT},
	{"worker", RESULT_TEXT},
};

const ResultShape show_clients_shape = RESULT_SHAPE(columns);

typedef struct Visit
{
	Result	   *result;
	const TopologyView *view;
	int			worker;
	uint64_t	now_us;
} Visit;

static void add_client(void *arg, const ClientStats *stats);

void
show_clients(Result *result, int worker, SessionContext *context)
{
	Visit		visit = {result, context->view, worker, clock_now_us()};

	client_each(context, add_client, &visit);
}

static void
add_client(void *arg, const ClientStats *stats)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	const char tx_status[2] = {stats->tx_status, '\0'};
	bool		holds_server = stats->node >= 0 && stats->node < visit->view->nnodes;

	result_begin_row(result);
	result_add_text(result, "C");
	result_add_text(result, stats->user);
	result_add_text(result, stats->database);
	result_add_text(result, client_state_name(stats->state));
	result_add_text(result, stats->peer->text);
	result_add_number(result, (uint64_t) stats->peer->port);
	result_add_time(result, stats->connected_us, visit->now_us);
	result_add_text(result, stats->tls);
	result_add_text(result, stats->application_name);
	result_add_text(result, holds_server ? visit->view->nodes[stats->node].name : NULL);
	result_add_text(result, tx_status);
	result_add_lsn(result, stats->floor);
	result_add_text(result, stats->pin_reason);
	result_add_number(result, stats->statements);
	result_add_number(result, (uint64_t) visit->worker);
}
