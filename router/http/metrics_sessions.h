/*-------------------------------------------------------------------------
 *
 * metrics_sessions.h
 *	  Prometheus text of what sessions, pools and nodes did and are.
 *
 * Gathered first, then rendered: metrics_sessions_add() runs in the thread of
 * each worker, one worker after the other, on one MetricsSessions (zeroed at
 * first); metrics_sessions_render() after the last.  Labels are nodes, roles,
 * states and reasons: nothing of users or databases (router.md §10).
 *
 * contract/metrics.md lists what is rendered; a test compares both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_HTTP_METRICS_SESSIONS_H
#define ROUTER_HTTP_METRICS_SESSIONS_H

#include "base/buf.h"
#include "session/client.h"
#include "session/context.h"

/* One node, all accounts, all workers. */
typedef struct MetricsNode
{
	uint64_t	reads;
	uint64_t	writes;
	uint64_t	servers_active;
	uint64_t	servers_idle;
	uint64_t	servers_connecting;
	uint64_t	servers_resetting;
	uint64_t	waiting;		/* clients */
	uint64_t	oldest_wait_us;
	uint64_t	checkouts;
	uint64_t	wait_total_us;
	uint64_t	logins;
	uint64_t	login_failures;
} MetricsNode;

typedef struct MetricsSessions
{
	SessionStats sessions;
	uint64_t	clients[CLIENT_CLOSING + 1];	/* by ClientState */
	uint64_t	clients_pinned;
	MetricsNode nodes[TOPOLOGY_MAX_NODES];
	AuthQueryStats lookups;
} MetricsSessions;

typedef struct MetricsMoment
{
	const TopologyView *view;
	const char *version;		/* of the router */
	uint64_t	now_us;
} MetricsMoment;

extern void metrics_sessions_add(MetricsSessions *metrics, const SessionContext *context);
extern void metrics_sessions_render(const MetricsSessions *metrics, const MetricsMoment *moment, Buf *text);

#endif							/* ROUTER_HTTP_METRICS_SESSIONS_H */
