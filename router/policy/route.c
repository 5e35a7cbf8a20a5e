/*-------------------------------------------------------------------------
 *
 * route.c
 *	  The decision of route.h, rule by rule.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/route.h"

#include <stddef.h>

/* A session leaves its replica only for one this much less loaded, or with less than a third of its load. */
#define LOAD_MARGIN 8

/* Weights are counted in these, so that a tenth of the least one is something. */
#define WEIGHT_UNIT 100

/* A commit that is just under way is hidden for a moment: nobody is refused for that. */
#define HIDING_MIN_US 50000

static RouteDecision decide_primary(const RouteInput *input, RouteReason reason);
static RouteAction act_on_hiding(const RouteInput *input);
static RouteDecision decide_without_replica(const RouteInput *input, bool any_replica);
static bool floor_is_unflushed(const RouteInput *input);
static bool replica_is_candidate(const RouteInput *input, int node);
static bool replica_fits(const RouteInput *input, int node);
static uint64_t replica_weight(const RouteInput *input, int node);
static int	leaving_margin(int load);
static int	compare_load(const RouteInput *input, int a, int b, int margin);
static int	find_least_loaded(const RouteInput *input, bool fresh_only, bool *any_replica);
static int	pick_by_turn(const RouteInput *input, uint64_t nodes);

RouteDecision
route_decide(const RouteInput *input)
{
	SessionPosition *position = input->position;
	int			last = position->last_node;
	bool		any_replica = false;
	int			best;

	position_reset_lost(position, input->view);
	if (!input->is_read)
		return decide_primary(input, ROUTE_WRITE);
	if (input->is_serializable)
		return decide_primary(input, ROUTE_SERIALIZABLE);
	if (input->consistency == CONSISTENCY_PRIMARY)
		return decide_primary(input, ROUTE_CONSISTENCY_PRIMARY);

	best = find_least_loaded(input, consistency_has_floor(input->consistency), &any_replica);

	if (last >= 0 && last < input->view->nnodes && replica_is_candidate(input, last) &&
		(!consistency_has_floor(input->consistency) ||
		 (position_is_same_node(position, input->view, last) && replica_fits(input, last))) &&
		(best < 0 || compare_load(input, last, best, leaving_margin(input->load[best])) <= 0))
		return (RouteDecision) {ROUTE_NODE, last, ROUTE_SAME_REPLICA};

	if (any_replica && consistency_has_floor(input->consistency) &&
		!position_cover(position, input->view) && !input->patience_over)
		return (RouteDecision) {ROUTE_PROBE, -1, ROUTE_UNCOVERED};

	/* the floor may have risen: what fitted may not fit any more */
	if (position->uncovered_us == 0 || !consistency_has_floor(input->consistency))
	{
		best = find_least_loaded(input, consistency_has_floor(input->consistency), &any_replica);
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
	if (input->view->primary >= 0 && !input->looks_at_nothing && consistency_has_floor(input->consistency))
	{
		RouteAction action = act_on_hiding(input);

		if (action != ROUTE_NODE)
			return (RouteDecision) {action, -1, ROUTE_PRIMARY_HIDES};
	}
	if (input->view->primary >= 0)
		return (RouteDecision) {ROUTE_NODE, input->view->primary, reason};
	return (RouteDecision) {ROUTE_WAIT, -1, ROUTE_NO_PRIMARY};
}

/*
 * What the session has read on a replica may be a commit that the primary hides
 * until a synchronous standby has it.  Where that is only not known the unit
 * waits as for a node: answers may be slow.
 */
static RouteAction
act_on_hiding(const RouteInput *input)
{
	const SessionPosition *position = input->position;
	uint64_t	limit_us = input->patience_us > HIDING_MIN_US ? input->patience_us : HIDING_MIN_US;

	switch (position_check_primary(input->position, input->view))
	{
		case PRIMARY_SHOWS_ALL:
			return ROUTE_NODE;
		case PRIMARY_HIDES:
			if (input->patience_over && input->view->nodes[position->last_node].hidden_us >= limit_us)
				return ROUTE_REFUSE;
			break;
		case PRIMARY_NOT_KNOWN:
			break;
	}
	return ROUTE_PROBE;
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

	return primary && consistency_has_floor(input->consistency) &&
		primary->sampled_us > input->asked_us && primary->unflushed_us >= input->patience_us &&
		input->position->floor > primary->flush_lsn;
}

/* May the node serve reads at all, freshness aside? */
static bool
replica_is_candidate(const RouteInput *input, int node)
{
	const NodeView *view = &input->view->nodes[node];

	if (view->identity.role != NODE_REPLICA || !view->is_usable || view->weight == 0 ||
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

/* In WEIGHT_UNITs; never 0 for a candidate. */
static uint64_t
replica_weight(const RouteInput *input, int node)
{
	const NodeView *view = &input->view->nodes[node];
	uint64_t	whole = (uint64_t) view->weight * WEIGHT_UNIT;
	uint64_t	age_us = input->asked_us > view->usable_since_us ? input->asked_us - view->usable_since_us : 0;

	if (view->usable_since_us == 0 || age_us >= input->slow_start_us)
		return whole;
	return whole / 10 + whole * 9 / 10 * age_us / input->slow_start_us;
}

/*
 * Leaving costs a sample, so chance must not do it; but an idle replica next to
 * a busy one, come back maybe, is to be used.
 */
static int
leaving_margin(int load)
{
	return 2 * load + 2 < LOAD_MARGIN ? 2 * load + 2 : LOAD_MARGIN;
}

/* Is a more loaded than b for its weight, by more than margin units of load?  < 0, 0, > 0. */
static int
compare_load(const RouteInput *input, int a, int b, int margin)
{
	uint64_t	load_a = (uint64_t) (input->load[a] > margin ? input->load[a] - margin : 0) * replica_weight(input, b);
	uint64_t	load_b = (uint64_t) input->load[b] * replica_weight(input, a);

	return load_a < load_b ? -1 : load_a > load_b;
}

/* The usable replica with the least load; of equals the one whose turn it is. */
static int
find_least_loaded(const RouteInput *input, bool fresh_only, bool *any_replica)
{
	uint64_t	equals = 0;
	int			best = -1;

	*any_replica = false;
	for (int i = 0; i < input->view->nnodes; i++)
	{
		int			order;

		if (!replica_is_candidate(input, i))
			continue;
		*any_replica = true;
		if (fresh_only && !replica_fits(input, i))
			continue;
		order = best < 0 ? -1 : compare_load(input, i, best, 0);
		if (order < 0)
		{
			best = i;
			equals = 0;
		}
		if (order <= 0)
			equals |= UINT64_C(1) << i;
	}
	return best < 0 ? -1 : pick_by_turn(input, equals);
}

/*
 * One of the nodes, each as often as its weight says.  Multiples of the golden
 * ratio fall evenly into any division of the whole, so few sessions are enough
 * for that (Knuth, The Art of Computer Programming 3, 6.4).
 */
static int
pick_by_turn(const RouteInput *input, uint64_t nodes)
{
	uint32_t	fraction = (uint32_t) (input->turn * UINT32_C(2654435769));
	uint64_t	total = 0;
	uint64_t	point;
	int			last = -1;

	for (int i = 0; i < input->view->nnodes; i++)
		if (nodes & UINT64_C(1) << i)
			total += replica_weight(input, i);
	point = total * fraction >> 32;
	for (int i = 0; i < input->view->nnodes; i++)
	{
		uint64_t	weight = replica_weight(input, i);

		if ((nodes & UINT64_C(1) << i) == 0)
			continue;
		last = i;
		if (point < weight)
			break;
		point -= weight;
	}
	return last;
}
