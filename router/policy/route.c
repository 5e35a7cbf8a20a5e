/*-------------------------------------------------------------------------
 *
 * route.c
 *	  The decision of route.h, rule by rule.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/route.h"

#include <stddef.h>

/* A session leaves its replica only for one this much less loaded. */
#define LOAD_MARGIN 8

static RouteDecision decide_primary(const RouteInput *input, RouteReason reason);
static RouteDecision decide_without_replica(const RouteInput *input, bool any_replica);
static bool floor_is_unflushed(const RouteInput *input);
static bool replica_is_candidate(const RouteInput *input, int node);
static int	find_least_loaded(const RouteInput *input, bool fresh_only, bool *any_replica);
static bool replica_fits(const RouteInput *input, int node);

RouteDecision
route_decide(const RouteInput *input)
{
	SessionPosition *position = input->position;
	int			last = position->last_node;
	bool		any_replica = false;
	int			best;

	if (!input->is_read)
		return decide_primary(input, ROUTE_WRITE);
	if (input->consistency == CONSISTENCY_PRIMARY)
		return decide_primary(input, ROUTE_CONSISTENCY_PRIMARY);
	position_reset_lost(position, input->view);

	best = find_least_loaded(input, input->consistency == CONSISTENCY_SESSION, &any_replica);

	if (last >= 0 && last < input->view->nnodes && replica_is_candidate(input, last) &&
		(input->consistency != CONSISTENCY_SESSION ||
		 (position_is_same_node(position, input->view, last) && replica_fits(input, last))) &&
		(best < 0 || input->load[last] <= input->load[best] + LOAD_MARGIN))
		return (RouteDecision) {ROUTE_NODE, last, ROUTE_SAME_REPLICA};

	if (any_replica && input->consistency == CONSISTENCY_SESSION &&
		!position_cover(position, input->view) && !input->patience_over)
		return (RouteDecision) {ROUTE_PROBE, -1, ROUTE_UNCOVERED};

	/* the floor may have risen: what fitted may not fit any more */
	if (position->uncovered_us == 0 || input->consistency != CONSISTENCY_SESSION)
	{
		best = find_least_loaded(input, input->consistency == CONSISTENCY_SESSION, &any_replica);
		if (best >= 0)
			return (RouteDecision) {ROUTE_NODE, best, ROUTE_LEAST_LOADED};
	}
	return decide_without_replica(input, any_replica);
}

const char *
route_reason_name(RouteReason reason)
{
	static const char *const names[] = {
#define ROUTE_REASON_NAME(symbol, name) name,
		ROUTE_REASONS(ROUTE_REASON_NAME)
#undef ROUTE_REASON_NAME
	};

	return reason < ROUTE_REASON_COUNT ? names[reason] : "?";
}

static RouteDecision
decide_primary(const RouteInput *input, RouteReason reason)
{
	if (input->view->primary >= 0)
		return (RouteDecision) {ROUTE_NODE, input->view->primary, reason};
	return (RouteDecision) {ROUTE_WAIT, -1, ROUTE_NO_PRIMARY};
}

/* No replica can serve the read now. */
static RouteDecision
decide_without_replica(const RouteInput *input, bool any_replica)
{
	bool		is_unflushed = any_replica && !input->insists_on_replica && floor_is_unflushed(input);

	if (any_replica && !input->patience_over && !is_unflushed)
		return (RouteDecision) {ROUTE_PROBE, -1, ROUTE_BEHIND_FLOOR};
	if (input->insists_on_replica)
		return (RouteDecision) {ROUTE_REFUSE, -1, ROUTE_NO_REPLICA};
	return decide_primary(input, !any_replica ? ROUTE_FALLBACK_NO_REPLICA :
						  is_unflushed ? ROUTE_FALLBACK_UNFLUSHED : ROUTE_FALLBACK_WAIT);
}

/*
 * A replica is sent what is flushed.  On an idle primary the rest may stay
 * where it is for many seconds; where it has stayed for longer than the
 * session waits, there is no reason to begin to wait.
 */
static bool
floor_is_unflushed(const RouteInput *input)
{
	const NodeView *primary = input->view->primary >= 0 ? &input->view->nodes[input->view->primary] : NULL;

	return primary && input->consistency == CONSISTENCY_SESSION &&
		primary->sampled_us > input->asked_us && primary->unflushed_us >= input->patience_us &&
		input->position->floor > primary->flush_lsn;
}

/* May the node serve reads at all, freshness aside? */
static bool
replica_is_candidate(const RouteInput *input, int node)
{
	const NodeView *view = &input->view->nodes[node];

	if (view->identity.role != NODE_REPLICA || !view->is_usable ||
		(input->excluded & (UINT64_C(1) << node)) != 0)
		return false;
	return (input->max_lag_us == 0 || view->lag_us <= input->max_lag_us) &&
		(input->max_lag_bytes == 0 || view->lag_bytes <= input->max_lag_bytes);
}

/* Has it replayed the floor? */
static bool
replica_fits(const RouteInput *input, int node)
{
	const NodeView *view = &input->view->nodes[node];

	return input->position->floor == 0 || (view->lsn != 0 && view->lsn >= input->position->floor);
}

/* The usable replica with the least load; among equals, the first from turn on. */
static int
find_least_loaded(const RouteInput *input, bool fresh_only, bool *any_replica)
{
	int			best = -1;

	*any_replica = false;
	for (int n = 0; n < input->view->nnodes; n++)
	{
		int			i = (int) ((input->turn + (unsigned) n) % (unsigned) input->view->nnodes);

		if (!replica_is_candidate(input, i))
			continue;
		*any_replica = true;
		if (fresh_only && !replica_fits(input, i))
			continue;
		if (best < 0 || input->load[i] < input->load[best])
			best = i;
	}
	return best;
}
