/*-------------------------------------------------------------------------
 *
 * show_nodes.c
 *	  SHOW NODES: what is known of the PostgreSQL servers.
 *
 * What is not known is null, never zero: a lag of 0 means caught up.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "base/clock.h"

static const ResultColumn columns[] = {
	{"node", RESULT_TEXT},
	{"host", RESULT_TEXT},
	{"port", RESULT_TEXT},
	{"address", RESULT_TEXT},	/* that host stands for now */
	{"weight", RESULT_TEXT},
	{"role", RESULT_TEXT},
	{"state", RESULT_TEXT},
	{"timeline", RESULT_TEXT},
	{"lsn", RESULT_TEXT},
	{"lag_bytes", RESULT_TEXT},
	{"lag_ms", RESULT_TEXT},
	{"system_id", RESULT_TEXT},
	{"sampled_ms_ago", RESULT_TEXT},
};

const ResultShape show_nodes_shape = RESULT_SHAPE(columns);

static const NodeView *find_node(const SessionContext *context, int node);
static void add_node(Result *result, const NodeView *node, uint64_t now_us);
static void add_known(Result *result, bool is_known, uint64_t number);

void
show_nodes(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);
	TopologyView *view = source->view(source->arg);
	uint64_t	now_us = clock_now_us();

	for (int i = 0; i < view->nnodes; i++)
		add_node(run->result, &view->nodes[i], now_us);
	topology_view_unref(view);
	console_run_send(run);
}

void
show_node_name(Result *result, const SessionContext *context, int node)
{
	const NodeView *view = find_node(context, node);

	result_add_text(result, view ? view->name : NULL);
}

void
show_node_role(Result *result, const SessionContext *context, int node)
{
	const NodeView *view = find_node(context, node);

	result_add_text(result, node_role_name(view ? view->identity.role : NODE_UNKNOWN));
}

static const NodeView *
find_node(const SessionContext *context, int node)
{
	return node >= 0 && node < context->view->nnodes ? &context->view->nodes[node] : NULL;
}

static void
add_node(Result *result, const NodeView *node, uint64_t now_us)
{
	const NodeIdentity *identity = &node->identity;
	bool		has_lag = identity->role == NODE_REPLICA && node->lsn != 0;
	uint64_t	age_us = now_us > node->sampled_us ? now_us - node->sampled_us : 0;

	result_begin_row(result);
	result_add_text(result, node->name);
	result_add_text(result, node->host);
	result_add_number(result, (uint64_t) node->port);
	if (node->address[0] != '\0')
		result_add_text(result, node->address);
	else
		result_add_null(result);
	result_add_number(result, node->weight);
	result_add_text(result, node_role_name(identity->role));
	result_add_text(result, node->is_usable ? "usable" : node->why[0] ? node->why : "not known yet");
	add_known(result, identity->timeline != 0, identity->timeline);
	result_add_lsn(result, node->lsn);
	add_known(result, has_lag, node->lag_bytes);
	add_known(result, has_lag, node->lag_us / US_PER_MS);
	add_known(result, identity->system_id != 0, identity->system_id);
	add_known(result, node->sampled_us != 0, age_us / US_PER_MS);
}

static void
add_known(Result *result, bool is_known, uint64_t number)
{
	if (is_known)
		result_add_number(result, number);
	else
		result_add_null(result);
}
