/*-------------------------------------------------------------------------
 *
 * watched.c
 *	  One node, as far as its own words go, from sample to sample.
 *
 * A position holds for as long as the connection it was told over: a node that
 * was killed and started again answers older than before.  So with the
 * connection go the positions, and with the life all else.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/watched.h"

#include <stdio.h>
#include <string.h>

static NodeIdentity known_identity(const Watched *watched, const NodeSample *sample);
static void forget_positions(Watched *watched);

bool
watched_note_sample(Watched *watched, const NodeSample *sample)
{
	NodeIdentity identity = known_identity(watched, sample);
	bool		is_first = watched->said.identity.system_id == 0;
	bool		is_same = node_identity_equals(&watched->said.identity, &identity);

	watched->sample = *sample;
	watched->sample.running = watched->sample.committed = NULL; /* they end with the answer */
	watched->was_heard = true;
	watched->said.answers = true;
	watched->said.agreeing = is_same ? watched->said.agreeing + 1 : 1;
	watched->said.identity = identity;
	watched->said.lsn = sample->lsn;
	if (!is_same || identity.role != NODE_PRIMARY)
		watched->wal = (PrimaryWal) {0};
	if (identity.role == NODE_PRIMARY)
		primary_wal_note(&watched->wal, sample);
	else
		watched->replica_timeline = identity.timeline;
	watched->said.promoted_from = identity.role == NODE_PRIMARY ? watched->replica_timeline : 0;
	watched->said.began_lsn = sample->began_lsn;
	return !is_same && !is_first;
}

/*
 * A replica that loses its upstream falls back to the timeline of its control
 * file, which may be an older one.  But within its life it does not go back.
 */
static NodeIdentity
known_identity(const Watched *watched, const NodeSample *sample)
{
	NodeIdentity identity = sample->identity;
	uint32_t	known = watched->said.identity.timeline;

	if (known > identity.timeline && identity.role == NODE_REPLICA)
	{
		identity.timeline = known;
		if (!node_identity_equals(&identity, &watched->said.identity))
			identity.timeline = sample->identity.timeline;
	}
	return identity;
}

void
watched_note_lost(Watched *watched)
{
	forget_positions(watched);
	watched->wal = (PrimaryWal) {0};
}

bool
watched_note_silence(Watched *watched, const char *why)
{
	if (!watched->said.answers && watched->was_heard &&
		strncmp(watched->silence, why, sizeof(watched->silence) - 1) == 0)
		return false;
	forget_positions(watched);
	watched->was_heard = true;
	watched->said.answers = false;
	snprintf(watched->silence, sizeof(watched->silence), "%s", why);
	return true;
}

static void
forget_positions(Watched *watched)
{
	watched->said.lsn = 0;
	watched->said.promoted_from = 0;
	watched->said.agreeing = 0;
	watched->replica_timeline = 0;
}

bool
watched_note_verdict(Watched *watched, RolesVerdict verdict, uint64_t now_us)
{
	bool		is_news = watched->verdict != verdict || now_us == 0 ||
		(watched->said.answers && !node_identity_equals(&watched->told, &watched->said.identity));

	if (verdict == VERDICT_USABLE && watched->verdict != VERDICT_USABLE)
		watched->usable_since_us = now_us;
	watched->verdict = verdict;
	if (watched->said.answers)
		watched->told = watched->said.identity;
	return is_news;
}

void
watched_fill_view(const Watched *watched, const LagHistory *history, NodeView *node)
{
	bool		is_primary = watched->said.identity.role == NODE_PRIMARY;

	node->identity = watched->said.identity;
	node->is_usable = watched->verdict == VERDICT_USABLE;
	node->usable_since_us = watched->usable_since_us;
	node->lsn = watched->said.lsn;
	node->sampled_us = watched->sample.sampled_us;
	node->visible_lsn = node->lsn != 0 && is_primary ? watched->wal.visible_lsn : node->lsn;
	node->flush_lsn = watched->wal.flush_lsn;
	node->unflushed_us = primary_wal_unflushed_us(&watched->wal, node->sampled_us);
	if (node->identity.role == NODE_REPLICA && node->lsn != 0)
	{
		node->lag_bytes = lag_history_bytes(history, node->lsn);
		node->lag_us = lag_history_find(history, node->lsn, node->sampled_us, watched->sample.replay_age_us);
	}
	snprintf(node->why, sizeof(node->why), "%s", watched->verdict == VERDICT_SILENT ?
			 watched->silence : roles_verdict_text(watched->verdict));
}
