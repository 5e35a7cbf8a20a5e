/*-------------------------------------------------------------------------
 *
 * monitor.c
 *	  Finds out and keeps knowing what each node is: role, life, position.
 *
 * Everything here runs in the monitor's thread, but for the functions of the
 * header that say "any thread": these post into its loop.
 *
 *	  timer, requests -> probe (one per node) -> on_sample, on_lost, on_silent
 *	     -> at the end of that turn: decide the roles, make a view, publish it
 *
 * So answers that arrive together make one view, and an answer that arrives
 * alone is not kept back: who waits for a replica to catch up takes the first
 * one that did.
 *
 * Until every node has answered or failed once no roles are decided: the first
 * to answer may be the wrong one.
 *
 * After a sign of trouble (a connection lost, a role changed, a worker's
 * report) all nodes are probed every SUSPICION_INTERVAL_US for a while.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/monitor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "topology/ahead.h"
#include "topology/facts_keeper.h"
#include "topology/probe.h"
#include "topology/watched.h"

#define SUSPICION_INTERVAL_US (10 * US_PER_MS)
#define SUSPICION_LENGTH_US US_PER_SEC

typedef struct MonitoredNode
{
	Probe	   *probe;			/* owned */
	Watched		watched;
} MonitoredNode;

struct Monitor
{
	Loop	   *loop;			/* owned */
	MonitorConfig config;
	pthread_t	thread;
	bool		is_running;
	LoopTimer  *tick;			/* owned */
	uint64_t	suspicion_until_us;
	FactsKeeper *facts;			/* owned */
	Subscribers subscribers;
	RolesState	roles;
	NodeIdentity primary_identity;	/* of the primary last told */
	LagHistory	history;		/* of the primary we have */
	TopologyView *last;			/* published; a reference; NULL: none yet */
	bool		is_deciding;	/* decide() will run at the end of this turn */
	bool		is_settled;		/* every node was heard of once */
	bool		has_synchronous;	/* the primary waits for synchronous standbys */
	Ahead		ahead;			/* while it does */
	atomic_bool probe_asked;	/* a request is on its way to our loop */
	atomic_bool suspicion_asked;
	MonitoredNode nodes[];
};

typedef struct FactsWish
{
	Monitor    *monitor;
	FactsAsk	ask;
	char		database[];
} FactsWish;

static void *monitor_main(void *arg);
static void start_probing(Monitor *monitor);
static void on_tick(void *arg);
static void suspect(Monitor *monitor);
static bool in_suspicion(const Monitor *monitor);
static void on_probe_requested(void *arg);
static void on_suspicion(void *arg);
static const char *on_ask(void *arg, int node, uint64_t *asked);
static void on_sample(void *arg, int node, const NodeSample *sample);
static void note_snapshot(Monitor *monitor, int node, const NodeSample *sample);
static void on_lost(void *arg, int node, const char *why);
static void on_silent(void *arg, int node, const char *why);
static void decide_later(Monitor *monitor);
static void decide(void *arg);
static bool settle(Monitor *monitor);
static void follow_primary(Monitor *monitor);
static void tell_verdicts(Monitor *monitor, const RolesVerdict *verdicts);
static void log_verdict(const Monitor *monitor, int i);
static void publish(Monitor *monitor);
static TopologyView *build_view(Monitor *monitor);
static void fill_node(const Monitor *monitor, int i, NodeView *node);
static void on_facts(void *arg, Facts *facts);
static void handle_wish(void *arg);

static const ProbeEvents probe_events = {
	.on_ask = on_ask,
	.on_sample = on_sample,
	.on_lost = on_lost,
	.on_silent = on_silent
};

/* ------------------------------------------------------- create, destroy */

Monitor *
monitor_create(const MonitorConfig *config, Error *error)
{
	Monitor    *monitor;
	FactsKeeperConfig facts_config = {
		.user = config->user,
		.password = config->password,
		.interval_us = config->facts_interval_us
	};

	if (config->nnodes < 1 || config->nnodes > TOPOLOGY_MAX_NODES)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%d nodes are configured, 1 to %d are possible",
				  config->nnodes, TOPOLOGY_MAX_NODES);
		error_set_hint(error, "List the servers in the section [nodes].");
		return NULL;
	}
	monitor = mem_alloc(sizeof(Monitor) + (size_t) config->nnodes * sizeof(MonitoredNode));
	monitor->config = *config;
	monitor->loop = loop_create();
	monitor->tick = loop_timer_create(monitor->loop, on_tick, monitor);
	facts_config.tls = &monitor->config.tls;
	monitor->facts = facts_keeper_create(monitor->loop, &facts_config, on_facts, monitor);
	monitor->roles = (RolesState) ROLES_STATE_INIT;
	for (int i = 0; i < config->nnodes; i++)
		monitor->nodes[i].watched.verdict = VERDICT_SILENT;
	return monitor;
}

void
monitor_subscribe(Monitor *monitor, const MonitorSubscriber *subscriber)
{
	subscribers_add(&monitor->subscribers, subscriber);
}

bool
monitor_start(Monitor *monitor, Error *error)
{
	int			failure = pthread_create(&monitor->thread, NULL, monitor_main, monitor);

	if (failure != 0)
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "could not start the monitor's thread: %s",
						 strerror(failure));
	monitor->is_running = true;
	return true;
}

void
monitor_stop(Monitor *monitor)
{
	if (!monitor->is_running)
		return;
	loop_stop(monitor->loop);
	pthread_join(monitor->thread, NULL);
	monitor->is_running = false;
}

void
monitor_destroy(Monitor *monitor)
{
	if (monitor == NULL)
		return;
	monitor_stop(monitor);

	/* What was asked since then has memory to be freed. */
	loop_stop(monitor->loop);
	loop_run(monitor->loop);
	for (int i = 0; i < monitor->config.nnodes; i++)
		probe_destroy(monitor->nodes[i].probe);
	topology_view_unref(monitor->last);
	ahead_forget_primary(&monitor->ahead);
	facts_keeper_destroy(monitor->facts);
	loop_timer_destroy(monitor->tick);
	loop_destroy(monitor->loop);
	subscribers_fini(&monitor->subscribers);
	mem_free(monitor);
}

static void *
monitor_main(void *arg)
{
	Monitor    *monitor = arg;

	start_probing(monitor);
	loop_run(monitor->loop);
	return NULL;
}

static void
start_probing(Monitor *monitor)
{
	const MonitorConfig *config = &monitor->config;

	for (int i = 0; i < config->nnodes; i++)
	{
		const ProbeConfig probe_config = {
			.target = {
				.host = config->nodes[i].host,
				.port = config->nodes[i].port,
				.user = config->user,
				.password = config->password,
				.database = config->database,
				.tls = &config->tls
			},
			.timeout_us = config->probe_timeout_us,
			.name_ttl_us = config->name_ttl_us,
			.node = i
		};

		monitor->nodes[i].probe = probe_create(monitor->loop, &probe_config, &probe_events, monitor);
	}
	loop_timer_start(monitor->tick, config->probe_interval_us);
}

/* ---------------------------------------------------------------- when to ask */

static void
on_tick(void *arg)
{
	Monitor    *monitor = arg;
	bool		is_hurried = in_suspicion(monitor);

	for (int i = 0; i < monitor->config.nnodes; i++)
	{
		if (is_hurried)
			probe_hurry(monitor->nodes[i].probe);
		else
			probe_request(monitor->nodes[i].probe);
	}
	if (is_hurried && SUSPICION_INTERVAL_US < monitor->config.probe_interval_us)
		loop_timer_start(monitor->tick, SUSPICION_INTERVAL_US);
	else
		loop_timer_start(monitor->tick, monitor->config.probe_interval_us);
}

/* Only the first sign makes a round at once; when signs come thick and fast the
 * rounds keep their distance. */
static void
suspect(Monitor *monitor)
{
	bool		was_suspected = in_suspicion(monitor);

	monitor->suspicion_until_us = clock_now_us() + SUSPICION_LENGTH_US;
	if (!was_suspected)
		loop_timer_start(monitor->tick, 0);
}

static bool
in_suspicion(const Monitor *monitor)
{
	return clock_now_us() < monitor->suspicion_until_us;
}

void
monitor_request_probe(Monitor *monitor)
{
	if (!atomic_exchange(&monitor->probe_asked, true))
		loop_post(monitor->loop, on_probe_requested, monitor);
}

static void
on_probe_requested(void *arg)
{
	Monitor    *monitor = arg;

	/* Whoever asks from here on is answered by a probe of its own. */
	atomic_store(&monitor->probe_asked, false);
	for (int i = 0; i < monitor->config.nnodes; i++)
		if (monitor->nodes[i].probe != NULL)
			probe_request(monitor->nodes[i].probe);
}

void
monitor_report_suspicion(Monitor *monitor, int node)
{
	if (!atomic_exchange(&monitor->suspicion_asked, true))
		loop_post(monitor->loop, on_suspicion, monitor);
}

static void
on_suspicion(void *arg)
{
	Monitor    *monitor = arg;

	atomic_store(&monitor->suspicion_asked, false);
	suspect(monitor);
}

/* ---------------------------------------------------------------- what they say */

static const char *
on_ask(void *arg, int node, uint64_t *asked)
{
	Monitor    *monitor = arg;

	return ahead_question(&monitor->ahead, asked);
}

static void
on_sample(void *arg, int node, const NodeSample *sample)
{
	Monitor    *monitor = arg;

	if (watched_note_sample(&monitor->nodes[node].watched, sample))
		suspect(monitor);
	if (monitor->has_synchronous)
		note_snapshot(monitor, node, sample);
	decide_later(monitor);
}

static void
note_snapshot(Monitor *monitor, int node, const NodeSample *sample)
{
	if (sample->identity.role == NODE_REPLICA)
		ahead_note_replica(&monitor->ahead, node, sample);
	else if (node == monitor->roles.primary)
		ahead_note_primary(&monitor->ahead, sample);
}

static void
on_lost(void *arg, int node, const char *why)
{
	Monitor    *monitor = arg;

	LOG_INFO("node_connection_lost", LF_STR("node", monitor->config.nodes[node].name), LF_STR("reason", why));
	watched_note_lost(&monitor->nodes[node].watched);
	ahead_forget_replica(&monitor->ahead, node);
	suspect(monitor);
	decide_later(monitor);
}

static void
on_silent(void *arg, int node, const char *why)
{
	Monitor    *monitor = arg;
	Watched    *watched = &monitor->nodes[node].watched;
	bool		did_answer = watched->said.answers;

	if (!watched_note_silence(watched, why))
		return;
	if (did_answer)
		suspect(monitor);
	decide_later(monitor);
}

/* ---------------------------------------------------------------- what it means */

static void
decide_later(Monitor *monitor)
{
	if (monitor->is_deciding)
		return;
	monitor->is_deciding = true;
	loop_later(monitor->loop, decide, monitor);
}

static void
decide(void *arg)
{
	Monitor    *monitor = arg;
	RolesNode	said[TOPOLOGY_MAX_NODES];
	RolesVerdict verdicts[TOPOLOGY_MAX_NODES];

	monitor->is_deciding = false;
	if (!settle(monitor))
		return;
	for (int i = 0; i < monitor->config.nnodes; i++)
		said[i] = monitor->nodes[i].watched.said;
	roles_decide(&monitor->roles, said, monitor->config.nnodes, verdicts);
	follow_primary(monitor);
	tell_verdicts(monitor, verdicts);
	publish(monitor);
}

static bool
settle(Monitor *monitor)
{
	if (monitor->is_settled)
		return true;
	for (int i = 0; i < monitor->config.nnodes; i++)
		if (!monitor->nodes[i].watched.was_heard)
			return false;
	monitor->is_settled = true;
	return true;
}

static void
follow_primary(Monitor *monitor)
{
	static const NodeIdentity nobody;
	int			primary = monitor->roles.primary;
	const Watched *watched = primary >= 0 ? &monitor->nodes[primary].watched : NULL;
	const NodeIdentity *identity = watched != NULL ? &watched->said.identity : &nobody;

	if (!node_identity_equals(identity, &monitor->primary_identity))
	{
		const MonitorNode *node = primary >= 0 ? &monitor->config.nodes[primary] : NULL;

		if (node != NULL)
			LOG_INFO("primary_changed", LF_STR("node", node->name), LF_INT("timeline", identity->timeline));
		else
			LOG_WARN("primary_lost");
		if (node != NULL && identity->timeline != monitor->primary_identity.timeline)
			lag_history_clear(&monitor->history);
		monitor->primary_identity = *identity;
		ahead_forget_primary(&monitor->ahead);
		facts_keeper_set_primary(monitor->facts, node != NULL ? node->host : NULL, node != NULL ? node->port : 0);
	}
	if (watched != NULL && monitor->has_synchronous != watched->sample.has_synchronous)
	{
		monitor->has_synchronous = watched->sample.has_synchronous;
		ahead_forget_primary(&monitor->ahead);
	}
	if (watched != NULL && watched->sample.flush_lsn != 0)
		lag_history_add(&monitor->history, watched->sample.flush_lsn, watched->sample.sampled_us);
}

static void
tell_verdicts(Monitor *monitor, const RolesVerdict *verdicts)
{
	uint64_t	now_us = monitor->last != NULL ? clock_now_us() : 0;

	for (int i = 0; i < monitor->config.nnodes; i++)
		if (watched_note_verdict(&monitor->nodes[i].watched, verdicts[i], now_us))
			log_verdict(monitor, i);
}

static void
log_verdict(const Monitor *monitor, int i)
{
	const Watched *watched = &monitor->nodes[i].watched;
	const char *name = monitor->config.nodes[i].name;
	const char *role = node_role_name(watched->said.identity.role);
	int64_t		timeline = watched->said.identity.timeline;

	switch (watched->verdict)
	{
		case VERDICT_USABLE:
			LOG_INFO("node_usable", LF_STR("node", name), LF_STR("role", role), LF_INT("timeline", timeline));
			break;
		case VERDICT_SILENT:
			LOG_WARN("node_silent", LF_STR("node", name), LF_STR("reason", watched->silence));
			break;
		case VERDICT_SECOND_PRIMARY:
		case VERDICT_FOREIGN:
			LOG_ERROR("node_refused", LF_STR("node", name), LF_STR("role", role), LF_INT("timeline", timeline),
					  LF_STR("reason", roles_verdict_text(watched->verdict)));
			break;
		default:
			LOG_WARN("node_refused", LF_STR("node", name), LF_STR("role", role), LF_INT("timeline", timeline),
					 LF_STR("reason", roles_verdict_text(watched->verdict)));
			break;
	}
}

/* ---------------------------------------------------------------- telling it */

/* While there are signs of trouble all are told all. */
static void
publish(Monitor *monitor)
{
	TopologyView *view = build_view(monitor);
	TopologyView *before = monitor->last;
	bool		is_alike = before != NULL && topology_view_is_alike(view, before);

	view->number = before != NULL ? before->number + 1 : 1;
	view->state = is_alike ? before->state : view->number;
	topology_view_unref(before);
	monitor->last = topology_view_ref(view);
	subscribers_post_view(&monitor->subscribers, view, !is_alike || in_suspicion(monitor));
}

static TopologyView *
build_view(Monitor *monitor)
{
	TopologyView *view = topology_view_create(monitor->config.nnodes);

	view->system_id = monitor->roles.system_id;
	view->primary = monitor->roles.primary;
	view->former_timeline = monitor->roles.former_timeline;
	view->fork_lsn = monitor->roles.fork_lsn;
	view->has_synchronous = monitor->has_synchronous;
	for (int i = 0; i < view->nnodes; i++)
		fill_node(monitor, i, &view->nodes[i]);
	ahead_fill_view(&monitor->ahead, view, clock_now_us());
	return view;
}

static void
fill_node(const Monitor *monitor, int i, NodeView *node)
{
	const MonitorNode *config = &monitor->config.nodes[i];

	node->name = config->name;
	node->host = config->host;
	node->port = config->port;
	node->weight = config->weight;
	if (monitor->nodes[i].probe != NULL)
		snprintf(node->address, sizeof(node->address), "%s", probe_address(monitor->nodes[i].probe));
	watched_fill_view(&monitor->nodes[i].watched, &monitor->history, node);
}

/* ---------------------------------------------------------------- facts */

void
monitor_ask_facts(Monitor *monitor, const char *database, FactsAsk ask)
{
	size_t		len = strlen(database);
	FactsWish  *wish = mem_alloc(sizeof(FactsWish) + len + 1);

	wish->monitor = monitor;
	wish->ask = ask;
	memcpy(wish->database, database, len);
	loop_post(monitor->loop, handle_wish, wish);
}

static void
handle_wish(void *arg)
{
	FactsWish  *wish = arg;

	facts_keeper_ask(wish->monitor->facts, wish->database, wish->ask);
	mem_free(wish);
}

static void
on_facts(void *arg, Facts *facts)
{
	Monitor    *monitor = arg;

	subscribers_post_facts(&monitor->subscribers, facts);
}
