/*-------------------------------------------------------------------------
 *
 * monitor.h
 *	  Finds out and keeps knowing what each node is: role, life, position.
 *
 * Runs in a thread of its own with one libpq connection per node.  Every
 * change and every sample makes a new TopologyView, which is put into each
 * subscriber's slot; whom it wakes is told in policy/view_slot.h.  A probe
 * asked for by a worker is shared by all who wait: it samples every node once
 * more, at once.
 *
 * Also loads the facts of each database from the primary (see sql/facts.h)
 * and posts them likewise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_MONITOR_H
#define ROUTER_TOPOLOGY_MONITOR_H

#include "base/error.h"
#include "net/tls.h"
#include "topology/subscribers.h"

typedef struct MonitorNode
{
	const char *name;			/* borrowed for the monitor's life, like all strings here */
	const char *host;
	int			port;
	unsigned	weight;			/* NodeView.weight */
} MonitorNode;

typedef struct MonitorConfig
{
	const MonitorNode *nodes;
	int			nnodes;
	const char *user;			/* who probes (monitor_user) */
	const char *password;		/* may be NULL */
	const char *database;		/* monitor_database */
	TlsConfig	tls;			/* as the pools' connections */
	uint64_t	probe_interval_us;
	uint64_t	probe_timeout_us;	/* silence that makes a node unusable */
	uint64_t	name_ttl_us;	/* nodes' names are looked up again after this time; 0: never */
	uint64_t	facts_interval_us;	/* facts are read again after this time */
} MonitorConfig;

typedef struct Monitor Monitor;

extern Monitor *monitor_create(const MonitorConfig *config, Error *error);
extern void monitor_subscribe(Monitor *monitor, const MonitorSubscriber *subscriber);	/* before start */
extern bool monitor_start(Monitor *monitor, Error *error);

/*
 * At shutdown: monitor_stop(), after which nothing more is posted to the
 * subscribers, while workers may still call what is below; then the workers'
 * loops end; then monitor_destroy(), and what it posted has all been delivered.
 */
extern void monitor_stop(Monitor *monitor);
extern void monitor_destroy(Monitor *monitor);	/* NULL is fine */

/* Sample every node now (any thread); the answer is a new view.  Cheap when one is already asked for. */
extern void monitor_request_probe(Monitor *monitor);

/* A worker saw a sign of a role change (25006 from a primary, a connection lost): probe and re-check (any thread). */
extern void monitor_report_suspicion(Monitor *monitor, int node);

/* facts_keeper_ask(), from any thread. */
extern void monitor_ask_facts(Monitor *monitor, const char *database, FactsAsk ask);

#endif							/* ROUTER_TOPOLOGY_MONITOR_H */
