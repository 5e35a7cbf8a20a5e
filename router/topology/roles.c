/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  Decides from the latest samples who is primary and who may get work.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/roles.h"

#define CONFIRMATIONS 2

static void decide_cluster(RolesState *state, const RolesNode *nodes, int nnodes);
static void decide_primary(RolesState *state, const RolesNode *nodes, int nnodes);
static int	find_candidate(const RolesState *state, const RolesNode *nodes, int nnodes);
static uint32_t highest_timeline(const RolesState *state, const RolesNode *nodes, int nnodes);
static void enthrone(RolesState *state, const RolesNode *nodes, int candidate);
static bool is_primary(const RolesState *state, const RolesNode *node);
static bool is_member(const RolesState *state, const RolesNode *node);
static RolesVerdict judge(const RolesState *state, const RolesNode *nodes, int nnodes, int i);
static RolesVerdict judge_primary(const RolesState *state, const RolesNode *node, int i);
static RolesVerdict judge_replica(const RolesState *state, const RolesNode *node, bool former_goes_on);
static bool goes_on(const RolesState *state, const RolesNode *nodes, int nnodes);

void
roles_decide(RolesState *state, const RolesNode *nodes, int nnodes, RolesVerdict *verdicts)
{
	if (!state->is_certain)
		decide_cluster(state, nodes, nnodes);
	decide_primary(state, nodes, nnodes);
	for (int i = 0; i < nnodes; i++)
		verdicts[i] = judge(state, nodes, nnodes, i);
}

const char *
roles_verdict_text(RolesVerdict verdict)
{
	switch (verdict)
	{
		case VERDICT_USABLE:
			break;
		case VERDICT_SILENT:
			return "no answer";
		case VERDICT_FOREIGN:
			return "belongs to another cluster (its system identifier differs)";
		case VERDICT_OLD_PRIMARY:
			return "an old primary: the cluster has moved on to a higher timeline";
		case VERDICT_SECOND_PRIMARY:
			return "a second primary on the timeline of the one we know";
		case VERDICT_UNCONFIRMED_PRIMARY:
			return "a new primary, to be confirmed by a second answer";
		case VERDICT_OLD_TIMELINE:
			return "on an older timeline than the primary (or pg_monitor is not granted)";
		case VERDICT_OTHER_TIMELINE:
			return "on a timeline the primary does not have";
	}
	return "";
}

/* ---------------------------------------------------------------- the cluster */

/* Of the answering nodes the most, primaries before others; then the first. */
static void
decide_cluster(RolesState *state, const RolesNode *nodes, int nnodes)
{
	int			best_votes = 0;

	for (int i = 0; i < nnodes; i++)
	{
		int			votes = 0;

		if (!nodes[i].answers || nodes[i].identity.system_id == 0)
			continue;
		for (int j = 0; j < nnodes; j++)
			if (nodes[j].answers && nodes[j].identity.system_id == nodes[i].identity.system_id)
				votes += nodes[j].identity.role == NODE_PRIMARY ? 1 + TOPOLOGY_MAX_NODES : 1;
		if (votes > best_votes)
		{
			best_votes = votes;
			state->system_id = nodes[i].identity.system_id;
		}
	}
}

/* ---------------------------------------------------------------- the primary */

static void
decide_primary(RolesState *state, const RolesNode *nodes, int nnodes)
{
	int			candidate = find_candidate(state, nodes, nnodes);

	if (candidate >= 0)
		enthrone(state, nodes, candidate);
	else if (state->primary >= 0 && !is_primary(state, &nodes[state->primary]))
		state->primary = -1;
}

/* The primary of the highest timeline that may take the place; -1: none. */
static int
find_candidate(const RolesState *state, const RolesNode *nodes, int nnodes)
{
	uint32_t	highest = highest_timeline(state, nodes, nnodes);
	int			found = -1;

	for (int i = 0; i < nnodes; i++)
	{
		uint32_t	timeline = nodes[i].identity.timeline;
		bool		is_news = i != state->last_primary && state->last_primary >= 0;

		if (!is_primary(state, &nodes[i]) || timeline < highest)
			continue;
		if (is_news && (timeline == state->timeline || nodes[i].agreeing < CONFIRMATIONS))
			continue;
		if (found < 0 || i == state->last_primary)
			found = i;
	}
	return found;
}

/*
 * The highest timeline anybody of the cluster is known to have been on.  A
 * replica's counts as well, unless the primary we have still answers: then the
 * replica is the odd one.
 */
static uint32_t
highest_timeline(const RolesState *state, const RolesNode *nodes, int nnodes)
{
	uint32_t	highest = state->timeline;
	bool		has_primary = state->primary >= 0 && is_primary(state, &nodes[state->primary]);

	for (int i = 0; i < nnodes && !has_primary; i++)
		if (nodes[i].answers && is_member(state, &nodes[i]) &&
			nodes[i].identity.role == NODE_REPLICA && nodes[i].identity.timeline > highest)
			highest = nodes[i].identity.timeline;
	for (int i = 0; i < nnodes; i++)
		if (is_primary(state, &nodes[i]) && nodes[i].identity.timeline > highest &&
			(state->last_primary < 0 || nodes[i].agreeing >= CONFIRMATIONS))
			highest = nodes[i].identity.timeline;
	return highest;
}

static void
enthrone(RolesState *state, const RolesNode *nodes, int candidate)
{
	const RolesNode *node = &nodes[candidate];

	state->system_id = node->identity.system_id;
	state->is_certain = true;
	if (node->identity.timeline != state->timeline)
	{
		/* Where no timeline lies between the two, and it came from ours: that is where they part. */
		bool		is_next = node->promoted_from == state->timeline && node->identity.timeline == state->timeline + 1;

		state->former_timeline = state->timeline;
		state->fork_lsn = is_next ? node->began_lsn : 0;
		state->timeline = node->identity.timeline;
	}
	state->primary = state->last_primary = candidate;
}

static bool
is_primary(const RolesState *state, const RolesNode *node)
{
	return node->answers && is_member(state, node) && node->identity.role == NODE_PRIMARY;
}

static bool
is_member(const RolesState *state, const RolesNode *node)
{
	return node->identity.system_id != 0 && node->identity.system_id == state->system_id;
}

/* ---------------------------------------------------------------- verdicts */

static RolesVerdict
judge(const RolesState *state, const RolesNode *nodes, int nnodes, int i)
{
	const RolesNode *node = &nodes[i];

	if (node->identity.system_id != 0 && !is_member(state, node))
		return VERDICT_FOREIGN;
	if (!node->answers || node->identity.system_id == 0)
		return VERDICT_SILENT;
	if (node->identity.role == NODE_PRIMARY)
		return judge_primary(state, node, i);
	return judge_replica(state, node, goes_on(state, nodes, nnodes));
}

static RolesVerdict
judge_primary(const RolesState *state, const RolesNode *node, int i)
{
	if (i == state->primary)
		return VERDICT_USABLE;
	if (node->identity.timeline > state->timeline && node->agreeing < CONFIRMATIONS)
		return VERDICT_UNCONFIRMED_PRIMARY;
	if (node->identity.timeline == state->timeline && i != state->last_primary)
		return VERDICT_SECOND_PRIMARY;
	return VERDICT_OLD_PRIMARY;
}

static RolesVerdict
judge_replica(const RolesState *state, const RolesNode *node, bool former_goes_on)
{
	uint32_t	timeline = node->identity.timeline;

	if (state->timeline == 0 || timeline == state->timeline)
		return VERDICT_USABLE;
	if (timeline > state->timeline)
		return state->primary >= 0 ? VERDICT_OTHER_TIMELINE : VERDICT_USABLE;
	if (timeline == state->former_timeline && node->lsn != 0 && node->lsn <= state->fork_lsn && !former_goes_on)
		return VERDICT_USABLE;
	return VERDICT_OLD_TIMELINE;
}

/* Does a primary still write the former timeline?  Who follows it may pass the fork at any moment. */
static bool
goes_on(const RolesState *state, const RolesNode *nodes, int nnodes)
{
	for (int i = 0; i < nnodes; i++)
		if (is_primary(state, &nodes[i]) && nodes[i].identity.timeline == state->former_timeline)
			return true;
	return false;
}
