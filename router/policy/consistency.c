/*-------------------------------------------------------------------------
 *
 * consistency.c
 *	  Floors: raised by commits and samples, asked before a session moves.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/consistency.h"

#include <string.h>

static const NodeView *node_of(const TopologyView *view, int node);
static bool sample_covers(const NodeView *node, uint64_t uncovered_us);

void
position_init(SessionPosition *position)
{
	memset(position, 0, sizeof(*position));
	position->last_node = -1;
}

void
position_raise(SessionPosition *position, Lsn lsn, uint32_t timeline)
{
	/* a floor keeps its timeline: what lies beyond a later one's beginning may be lost */
	if (lsn < position->floor)
		return;
	position->floor = lsn;
	if (timeline > position->floor_timeline)
		position->floor_timeline = timeline;
}

void
position_raise_commit(SessionPosition *position, Lsn commit_lsn, uint32_t timeline)
{
	if (position->floor_timeline != 0 && timeline > position->floor_timeline && commit_lsn < position->floor)
		position->floor = commit_lsn;
	position_raise(position, commit_lsn, timeline);
}

void
position_note_read(SessionPosition *position, int node, const NodeIdentity *identity, uint64_t now_us)
{
	position->last_node = node;
	position->last_identity = *identity;
	position->uncovered_us = now_us;
	if (identity->role == NODE_REPLICA)
		position->hideable_us = now_us;
}

void
position_note_token(SessionPosition *position, uint64_t now_us)
{
	position->hideable_us = now_us;
}

void
position_note_commit(SessionPosition *position, int node, const NodeIdentity *identity, Lsn commit_lsn)
{
	position_raise_commit(position, commit_lsn, identity->timeline);
	position->written = commit_lsn;
	position->written_timeline = identity->timeline;
	position->last_node = node;
	position->last_identity = *identity;
	position->uncovered_us = 0;
}

bool
position_cover(SessionPosition *position, const TopologyView *view)
{
	const NodeView *last = node_of(view, position->last_node);
	const NodeView *primary = node_of(view, view->primary);

	if (position->uncovered_us == 0)
		return true;

	if (last && node_identity_equals(&last->identity, &position->last_identity) &&
		sample_covers(last, position->uncovered_us))
	{
		position_raise(position, last->visible_lsn, last->identity.timeline);
		position->uncovered_us = 0;
		return true;
	}

	/*
	 * The old node is silent or lives another life: the primary has all it
	 * had.  A replica may show a commit before the primary does, so what is
	 * visible there is not enough.
	 */
	if ((!last || !last->is_usable ||
		 !node_identity_equals(&last->identity, &position->last_identity)) &&
		primary && sample_covers(primary, position->uncovered_us))
	{
		position_raise(position, primary->lsn, primary->identity.timeline);
		position->uncovered_us = 0;
		return true;
	}
	return false;
}

PrimaryShows
position_check_primary(SessionPosition *position, const TopologyView *view)
{
	const NodeView *last = node_of(view, position->last_node);
	bool		is_alive = last && last->identity.system_id == position->last_identity.system_id &&
		last->identity.postmaster_start_us == position->last_identity.postmaster_start_us;
	uint64_t	shown_us = view->shown_us;

	if (position->hideable_us == 0 || !view->has_synchronous)
		return PRIMARY_SHOWS_ALL;
	if (is_alive && last->shown_us > shown_us)
		shown_us = last->shown_us;
	if (shown_us <= position->hideable_us)
		return is_alive && last->hidden_us > 0 ? PRIMARY_HIDES : PRIMARY_NOT_KNOWN;
	position->hideable_us = 0;
	return PRIMARY_SHOWS_ALL;
}

bool
position_is_same_node(const SessionPosition *position, const TopologyView *view, int node)
{
	return node >= 0 && node == position->last_node && node < view->nnodes &&
		node_identity_equals(&view->nodes[node].identity, &position->last_identity);
}

bool
position_reset_lost(SessionPosition *position, const TopologyView *view)
{
	const NodeView *primary = node_of(view, view->primary);

	if (!primary || position->floor_timeline == 0 ||
		primary->identity.timeline <= position->floor_timeline ||
		primary->lsn == 0 || position->floor <= primary->lsn)
		return false;
	position->floor = primary->lsn;
	position->floor_timeline = primary->identity.timeline;
	return true;
}

Lsn
position_take_lost(SessionPosition *position, const TopologyView *view)
{
	const NodeView *primary = node_of(view, view->primary);
	bool		is_forked = view->fork_lsn != 0 && view->former_timeline == position->written_timeline;
	Lsn			survived;
	Lsn			lost;

	if (!primary || position->written == 0 || primary->identity.timeline <= position->written_timeline)
		return 0;
	survived = is_forked ? view->fork_lsn : primary->lsn;
	if (survived == 0 || position->written <= survived)
		return 0;
	lost = position->written - survived;
	position->written = 0;
	return lost;
}

const char *
consistency_name(Consistency consistency)
{
	switch (consistency)
	{
		case CONSISTENCY_SESSION:
			return "session";
		case CONSISTENCY_GLOBAL:
			return "global";
		case CONSISTENCY_EVENTUAL:
			return "eventual";
		case CONSISTENCY_PRIMARY:
			return "primary";
	}
	return "?";
}

static const NodeView *
node_of(const TopologyView *view, int node)
{
	return node >= 0 && node < view->nnodes ? &view->nodes[node] : NULL;
}

/* Was the sample's query sent after that moment, and is there one? */
static bool
sample_covers(const NodeView *node, uint64_t uncovered_us)
{
	return node->is_usable && node->visible_lsn != 0 && node->sampled_us > uncovered_us;
}
