/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Where one unit goes: a pure decision over a topology view.
 *
 *	  write, or consistency=primary ------------------> the primary, or wait for one
 *	  read of a SERIALIZABLE transaction -------------> the same: replicas cannot run it
 *	  read, last replica still fits ------------------> stay there
 *	  read, session has seen more than its floor -----> probe, then ask again
 *	  read, some replica has replayed the floor ------> the least loaded of them, for its weight
 *	  read, the primary leaves the floor unflushed ---> the primary: no replica can have it
 *	  read, none has, patience left ------------------> probe, then ask again
 *	  read, patience over ----------------------------> the primary
 *	  read, no primary either ------------------------> wait for topology
 *	  for the primary, which may hide what was read --> probe, then ask again; refused in the end
 *
 * A replica's load is divided by its weight.  One that has just come (back)
 * begins with a tenth of its weight and has all of it after slow_start: its
 * caches are cold, and all sessions would move there at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_ROUTE_H
#define ROUTER_POLICY_ROUTE_H

#include "policy/consistency.h"

typedef enum RouteAction
{
	ROUTE_NODE,					/* use node */
	ROUTE_PROBE,				/* ask the monitor for a probe, decide again on the next view */
	ROUTE_WAIT,					/* no node can take it now: decide again on the next view */
	ROUTE_REFUSE				/* no node fits in time: the reason tells which was asked for */
} RouteAction;

/* Why; the names are what EXPLAIN ROUTE, logs and metrics show. */
#define ROUTE_REASONS(X) \
	X(ROUTE_WRITE, "write") \
	X(ROUTE_SERIALIZABLE, "serializable_by_default") \
	X(ROUTE_CONSISTENCY_PRIMARY, "consistency_primary") \
	X(ROUTE_SAME_REPLICA, "same_replica") \
	X(ROUTE_LEAST_LOADED, "least_loaded") \
	X(ROUTE_UNCOVERED, "uncovered_reads") \
	X(ROUTE_BEHIND_FLOOR, "behind_floor") \
	X(ROUTE_FALLBACK_WAIT, "fallback_wait_over") \
	X(ROUTE_FALLBACK_UNFLUSHED, "fallback_unflushed") \
	X(ROUTE_FALLBACK_NO_REPLICA, "fallback_no_replica") \
	X(ROUTE_NO_PRIMARY, "no_primary") \
	X(ROUTE_NO_REPLICA, "no_replica") \
	X(ROUTE_PRIMARY_HIDES, "primary_hides")

typedef enum RouteReason
{
#define ROUTE_REASON_ENUM(symbol, name) symbol,
	ROUTE_REASONS(ROUTE_REASON_ENUM)
#undef ROUTE_REASON_ENUM
	ROUTE_REASON_COUNT
} RouteReason;

typedef struct RouteInput
{
	const TopologyView *view;
	SessionPosition *position;	/* its floor may be raised by samples of the view */
	Consistency consistency;
	bool		is_read;		/* proven: may go to a replica */
	bool		is_serializable;	/* by its account's default: no replica can run it */
	bool		looks_at_nothing;	/* no data is read or written: ROLLBACK, SET and the like */
	bool		insists_on_replica; /* a READ ONLY transaction asked so: no fallback */
	bool		patience_over;	/* replica_wait has passed */
	uint64_t	patience_us;	/* replica_wait */
	uint64_t	asked_us;		/* since when the unit waits: a sample begun later knows its session's commits */
	uint64_t	excluded;		/* bit per node that must not be chosen (it just failed) */
	const int  *load;			/* per node: servers in use and waiters */
	unsigned	turn;			/* the session's number: spreads sessions over equally loaded replicas */
	uint64_t	slow_start_us;	/* 0: a replica that comes back has its whole weight at once */
	uint64_t	max_lag_us;		/* 0: no limit */
	uint64_t	max_lag_bytes;	/* 0: no limit */
} RouteInput;

typedef struct RouteDecision
{
	RouteAction action;
	int			node;
	RouteReason reason;
} RouteDecision;

extern RouteDecision route_decide(const RouteInput *input);
extern const char *route_reason_name(RouteReason reason);

#endif							/* ROUTER_POLICY_ROUTE_H */
