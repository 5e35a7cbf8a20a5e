/*-------------------------------------------------------------------------
 *
 * metrics_sessions.c
 *	  Prometheus text of what sessions, pools and nodes did and are.
 *
 * Families that are one number of a struct are lines of a table: name, help
 * and where the number is.  A counter of a node has no role label: what a
 * replica read must not become the primary's when it is promoted.  The role is
 * a label of andon_router_node_info, to be joined.
 *
 *-------------------------------------------------------------------------
 */
#include "http/metrics_sessions.h"

#include <stddef.h>

#include "http/metrics_text.h"
#include "session/account.h"

typedef enum ValueUnit
{
	VALUE_NUMBER,
	VALUE_US					/* shown in seconds */
} ValueUnit;

/* One number of a struct. */
typedef struct Family
{
	const char *name;
	MetricType	type;
	ValueUnit	unit;
	size_t		offset;
	const char *help;
} Family;

#define OF_SESSIONS(member) offsetof(SessionStats, member)
#define OF_LOOKUPS(member) offsetof(AuthQueryStats, member)
#define OF_NODE(member) offsetof(MetricsNode, member)
#define OF_VIEW(member) offsetof(NodeView, member)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const Family session_families[] = {
	{"andon_router_logins_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(logins),
	"Clients that logged in."},
	{"andon_router_login_failures_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(login_failures),
	"Clients that failed to prove who they are."},
	{"andon_router_units_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(units),
	"Units taken from clients: simple queries, or what comes before a Sync."},
	{"andon_router_transactions_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(transactions),
	"Transactions that ended on a server."},
	{"andon_router_reruns_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(held_reruns),
	"Units that a replica refused and the primary ran, unseen by the client."},
	{"andon_router_probe_waits_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(probe_waits),
	"Units that waited for a replica to catch up."},
	{"andon_router_fallback_reads_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(fallback_reads),
	"Reads sent to the primary for want of a replica."},
	{"andon_router_lost_floors_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(lost_floors),
	"Sessions whose acknowledged write may be lost: the new primary does not reach their floor."},
	{"andon_router_hidden_refusals_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(hidden_refusals),
	"Units refused because the primary hid for too long what their session had read on a replica."},
	{"andon_router_errors_raised_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(errors_raised),
	"Errors the router itself sent to clients."},
	{"andon_router_cancel_requests_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(cancel_requests),
	"Cancel requests that came in."},
	{"andon_router_cancel_guesses_total", METRIC_COUNTER, VALUE_NUMBER, OF_SESSIONS(cancel_guesses),
	"Cancel requests that named a session and had a wrong key: somebody guesses."},
};

static const Family lookup_families[] = {
	{"andon_router_auth_queries_total", METRIC_COUNTER, VALUE_NUMBER, OF_LOOKUPS(questions),
	"Users looked up by auth_query."},
	{"andon_router_auth_query_failures_total", METRIC_COUNTER, VALUE_NUMBER, OF_LOOKUPS(failures),
	"Times auth_query gave no answer."},
	{"andon_router_auth_query_kept_answers_total", METRIC_COUNTER, VALUE_NUMBER, OF_LOOKUPS(kept_answers),
	"Logins that an answer kept by auth_query_cache was used for."},
};

static const Family node_families[] = {
	{"andon_router_node_reads_total", METRIC_COUNTER, VALUE_NUMBER, OF_NODE(reads),
	"Units proven to be reads that ran on the node."},
	{"andon_router_node_writes_total", METRIC_COUNTER, VALUE_NUMBER, OF_NODE(writes),
	"All other units that ran on the node."},
	{"andon_router_node_waiting_clients", METRIC_GAUGE, VALUE_NUMBER, OF_NODE(waiting),
	"Clients that wait for a server of the node."},
	{"andon_router_node_oldest_wait_seconds", METRIC_GAUGE, VALUE_US, OF_NODE(oldest_wait_us),
	"How long the first of them has waited."},
	{"andon_router_node_checkouts_total", METRIC_COUNTER, VALUE_NUMBER, OF_NODE(checkouts),
	"Times a server was given to a client."},
	{"andon_router_node_wait_seconds_total", METRIC_COUNTER, VALUE_US, OF_NODE(wait_total_us),
	"Time clients waited for a server of the node."},
	{"andon_router_node_logins_total", METRIC_COUNTER, VALUE_NUMBER, OF_NODE(logins),
	"Server connections opened."},
	{"andon_router_node_login_failures_total", METRIC_COUNTER, VALUE_NUMBER, OF_NODE(login_failures),
	"Server connections that could not be opened."},
};

/* Of replicas whose position is known. */
static const Family lag_families[] = {
	{"andon_router_node_lag_bytes", METRIC_GAUGE, VALUE_NUMBER, OF_VIEW(lag_bytes),
	"WAL the replica has not replayed yet."},
	{"andon_router_node_lag_seconds", METRIC_GAUGE, VALUE_US, OF_VIEW(lag_us),
	"Age of what the replica shows; 0: caught up."},
};

static void add_client(void *arg, const ClientStats *stats);
static void add_pool(void *arg, const Pool *pool);
static void add_lookups(AuthQueryStats *into, const AuthQuery *query);
static void add_sessions(SessionStats *into, const SessionStats *from);
static void render_clients(const MetricsSessions *metrics, Buf *text);
static void render_routes(const SessionStats *sessions, Buf *text);
static void render_durations(const SessionStats *sessions, Buf *text);
static void render_servers(const MetricsSessions *metrics, const TopologyView *view, Buf *text);
static void render_nodes(const MetricsMoment *moment, Buf *text);
static void render_sample_age(const MetricsMoment *moment, Buf *text);
static void render_lag(const TopologyView *view, Buf *text);
static bool has_lag(const NodeView *node);
static void render_family(const Family *family, Buf *text);
static void render_value(const Family *family, const MetricLabel *label, const void *of, Buf *text);

void
metrics_sessions_add(MetricsSessions *metrics, const SessionContext *context)
{
	add_sessions(&metrics->sessions, &context->stats);
	client_each(context, add_client, metrics);
	pool_set_each_pool(context->pools, add_pool, metrics);
	if (context->auth_query)
		add_lookups(&metrics->lookups, context->auth_query);
	LIST_FOREACH(node, &context->accounts)
	{
		const Account *account = list_entry(node, Account, node);

		for (int i = 0; i < TOPOLOGY_MAX_NODES; i++)
		{
			metrics->nodes[i].reads += account->counters[i].reads;
			metrics->nodes[i].writes += account->counters[i].writes;
		}
	}
}

void
metrics_sessions_render(const MetricsSessions *metrics, const MetricsMoment *moment, Buf *text)
{
	const MetricLabel version = {"version", moment->version};

	metrics_text_family(text, "andon_router_build_info", METRIC_GAUGE, "Always 1; the label tells the version.");
	metrics_text_sample(text, "andon_router_build_info", &version, 1, 1);
	render_clients(metrics, text);
	for (size_t i = 0; i < COUNT_OF(session_families); i++)
	{
		render_family(&session_families[i], text);
		render_value(&session_families[i], NULL, &metrics->sessions, text);
	}
	for (size_t i = 0; i < COUNT_OF(lookup_families); i++)
	{
		render_family(&lookup_families[i], text);
		render_value(&lookup_families[i], NULL, &metrics->lookups, text);
	}
	render_routes(&metrics->sessions, text);
	render_durations(&metrics->sessions, text);
	render_nodes(moment, text);
	render_lag(moment->view, text);
	render_servers(metrics, moment->view, text);
}

/* ---------------------------------------------------------------- gathering */

static void
add_sessions(SessionStats *into, const SessionStats *from)
{
	into->clients += from->clients;
	for (size_t i = 0; i < COUNT_OF(session_families); i++)
		*(uint64_t *) ((char *) into + session_families[i].offset) +=
			*(const uint64_t *) ((const char *) from + session_families[i].offset);
	for (int i = 0; i < ROUTE_REASON_COUNT; i++)
		into->routes[i] += from->routes[i];
	histogram_merge(&into->read_replica, &from->read_replica);
	histogram_merge(&into->read_primary, &from->read_primary);
	histogram_merge(&into->write, &from->write);
	histogram_merge(&into->wait, &from->wait);
}

static void
add_lookups(AuthQueryStats *into, const AuthQuery *query)
{
	AuthQueryStats stats;

	auth_query_stats(query, &stats);
	into->questions += stats.questions;
	into->failures += stats.failures;
	into->kept_answers += stats.kept_answers;
}

static void
add_client(void *arg, const ClientStats *stats)
{
	MetricsSessions *metrics = arg;

	metrics->clients[stats->state]++;
	metrics->clients_pinned += stats->pin_reason != NULL;
}

static void
add_pool(void *arg, const Pool *pool)
{
	MetricsSessions *metrics = arg;
	MetricsNode *node;
	PoolStats	stats;

	pool_stats(pool, &stats);
	node = &metrics->nodes[stats.node];
	node->servers_active += (uint64_t) stats.active;
	node->servers_idle += (uint64_t) stats.idle;
	node->servers_connecting += (uint64_t) stats.connecting;
	node->servers_resetting += (uint64_t) stats.resetting;
	node->waiting += (uint64_t) stats.waiting;
	if (stats.oldest_wait_us > node->oldest_wait_us)
		node->oldest_wait_us = stats.oldest_wait_us;
	node->checkouts += stats.checkouts;
	node->wait_total_us += stats.wait_total_us;
	node->logins += stats.logins;
	node->login_failures += stats.login_failures;
}

/* ---------------------------------------------------------------- rendering */

static void
render_clients(const MetricsSessions *metrics, Buf *text)
{
	const char *name = "andon_router_clients";

	metrics_text_family(text, name, METRIC_GAUGE, "Clients connected, by what they do.");
	for (int state = 0; state < CLIENT_CLOSING; state++)
		metrics_text_sample(text, name, &(MetricLabel) {"state", client_state_name((ClientState) state)}, 1,
							metrics->clients[state]);
	metrics_text_family(text, "andon_router_clients_pinned", METRIC_GAUGE,
						"Clients that keep their server because of state left on it.");
	metrics_text_sample(text, "andon_router_clients_pinned", NULL, 0, metrics->clients_pinned);
}

static void
render_routes(const SessionStats *sessions, Buf *text)
{
	const char *name = "andon_router_routes_total";

	metrics_text_family(text, name, METRIC_COUNTER, "Units sent to a node, by why there.");
	for (int i = 0; i < ROUTE_REASON_COUNT; i++)
		metrics_text_sample(text, name, &(MetricLabel) {"reason", route_reason_name((RouteReason) i)}, 1,
							sessions->routes[i]);
}

static void
render_durations(const SessionStats *sessions, Buf *text)
{
	const char *name = "andon_router_unit_seconds";
	const struct
	{
		const char *route;
		const Histogram *histogram;
	}			routes[] = {
		{"read_replica", &sessions->read_replica},
		{"read_primary", &sessions->read_primary},
		{"write", &sessions->write},
	};

	metrics_text_family(text, name, METRIC_HISTOGRAM, "Time of a unit, from its last byte in to its end.");
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		metrics_text_histogram(text, name, &(MetricLabel) {"route", routes[i].route}, 1, routes[i].histogram);
	name = "andon_router_unit_wait_seconds";
	metrics_text_family(text, name, METRIC_HISTOGRAM, "The part of it before a server was had.");
	metrics_text_histogram(text, name, NULL, 0, &sessions->wait);
}

static void
render_servers(const MetricsSessions *metrics, const TopologyView *view, Buf *text)
{
	static const struct
	{
		const char *state;
		size_t		offset;
	}			states[] = {
		{"active", OF_NODE(servers_active)},
		{"idle", OF_NODE(servers_idle)},
		{"connecting", OF_NODE(servers_connecting)},
		{"resetting", OF_NODE(servers_resetting)},
	};
	const char *name = "andon_router_servers";

	metrics_text_family(text, name, METRIC_GAUGE, "Server connections, by what they do.");
	for (int i = 0; i < view->nnodes; i++)
	{
		for (size_t s = 0; s < COUNT_OF(states); s++)
		{
			const MetricLabel labels[] = {{"node", view->nodes[i].name}, {"state", states[s].state}};

			metrics_text_sample(text, name, labels, 2,
								*(const uint64_t *) ((const char *) &metrics->nodes[i] + states[s].offset));
		}
	}
	for (size_t f = 0; f < COUNT_OF(node_families); f++)
	{
		render_family(&node_families[f], text);
		for (int i = 0; i < view->nnodes; i++)
			render_value(&node_families[f], &(MetricLabel) {"node", view->nodes[i].name}, &metrics->nodes[i], text);
	}
}

static void
render_nodes(const MetricsMoment *moment, Buf *text)
{
	const TopologyView *view = moment->view;

	metrics_text_family(text, "andon_router_node_info", METRIC_GAUGE, "Always 1; the label tells the node's role now.");
	for (int i = 0; i < view->nnodes; i++)
	{
		const MetricLabel labels[] = {{"node", view->nodes[i].name},
		{"role", node_role_name(view->nodes[i].identity.role)}};

		metrics_text_sample(text, "andon_router_node_info", labels, 2, 1);
	}
	metrics_text_family(text, "andon_router_node_usable", METRIC_GAUGE, "1: the node answers and may get work.");
	for (int i = 0; i < view->nnodes; i++)
		metrics_text_sample(text, "andon_router_node_usable", &(MetricLabel) {"node", view->nodes[i].name}, 1,
							view->nodes[i].is_usable);
	metrics_text_family(text, "andon_router_node_timeline", METRIC_GAUGE, "The node's timeline; 0: not known.");
	for (int i = 0; i < view->nnodes; i++)
		metrics_text_sample(text, "andon_router_node_timeline", &(MetricLabel) {"node", view->nodes[i].name}, 1,
							view->nodes[i].identity.timeline);
	render_sample_age(moment, text);
}

static void
render_sample_age(const MetricsMoment *moment, Buf *text)
{
	const char *name = "andon_router_node_sample_age_seconds";
	const TopologyView *view = moment->view;

	metrics_text_family(text, name, METRIC_GAUGE, "Time since the node was asked what was last learned of it.");
	for (int i = 0; i < view->nnodes; i++)
	{
		uint64_t	sampled_us = view->nodes[i].sampled_us;

		if (sampled_us != 0)
			metrics_text_seconds(text, name, &(MetricLabel) {"node", view->nodes[i].name}, 1,
								 moment->now_us > sampled_us ? moment->now_us - sampled_us : 0);
	}
}

static void
render_lag(const TopologyView *view, Buf *text)
{
	for (size_t f = 0; f < COUNT_OF(lag_families); f++)
	{
		render_family(&lag_families[f], text);
		for (int i = 0; i < view->nnodes; i++)
		{
			if (has_lag(&view->nodes[i]))
				render_value(&lag_families[f], &(MetricLabel) {"node", view->nodes[i].name}, &view->nodes[i], text);
		}
	}
}

static bool
has_lag(const NodeView *node)
{
	return node->identity.role == NODE_REPLICA && node->lsn != 0;
}

static void
render_family(const Family *family, Buf *text)
{
	metrics_text_family(text, family->name, family->type, family->help);
}

/* label: NULL for none. */
static void
render_value(const Family *family, const MetricLabel *label, const void *of, Buf *text)
{
	uint64_t	value = *(const uint64_t *) ((const char *) of + family->offset);

	if (family->unit == VALUE_US)
		metrics_text_seconds(text, family->name, label, label != NULL, value);
	else
		metrics_text_sample(text, family->name, label, label != NULL, value);
}
