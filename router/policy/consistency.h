/*-------------------------------------------------------------------------
 *
 * consistency.h
 *	  A session's floor, and what it has seen beyond it.
 *
 * The floor is the LSN below which the session must not read.  A commit and a
 * sample raise it.  A read raises nothing by itself: it may have seen all that
 * its node had at that moment, which is not known.  So the session remembers
 * where it last read and until when (uncovered_us); before it may read on
 * another node, a sample of the old one that was begun later must raise the
 * floor (position_cover).  Staying on the same node, in the same life of it,
 * needs no cover: a node does not go back.
 *
 * What a read on the primary can have seen is committed: the floor rises to the
 * sample's visible_lsn, which running transactions do not move.  What was read
 * on a node that is gone is covered by the primary's whole insert position.
 *
 * Going to the primary needs no floor: the primary has all there is.  But it
 * does not show all: what was read on a replica may be a commit that waits there
 * for a synchronous standby.  Before the session runs anything on the primary,
 * it must be known to show what the session has read (position_check_primary).
 *
 * A commit made by the session itself covers what it read before on the
 * primary: the commit record comes after all that was visible.
 *
 * Pure: no sockets, clock, globals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_CONSISTENCY_H
#define ROUTER_POLICY_CONSISTENCY_H

#include "policy/topology_view.h"

typedef enum Consistency
{
	CONSISTENCY_SESSION,		/* read-your-writes and monotonic reads per session */
	CONSISTENCY_GLOBAL,			/* and never older than what any session was told is committed */
	CONSISTENCY_EVENTUAL,		/* any usable replica */
	CONSISTENCY_PRIMARY			/* no replicas at all */
} Consistency;

typedef struct SessionPosition
{
	Lsn			floor;
	uint32_t	floor_timeline; /* of the primary when the floor was raised; 0: never raised */
	Lsn			written;		/* its own last commit; 0: none, or told to be lost */
	uint32_t	written_timeline;
	int			last_node;		/* -1: has not read anywhere */
	NodeIdentity last_identity;
	uint64_t	uncovered_us;	/* what was read on last_node until then may be beyond the floor; 0: nothing is */
	uint64_t	hideable_us;	/* what was read on a replica until then the primary may hide; 0: nothing */
} SessionPosition;

typedef enum PrimaryShows
{
	PRIMARY_SHOWS_ALL,			/* what the session has read on replicas */
	PRIMARY_NOT_KNOWN,			/* a probe may tell */
	PRIMARY_HIDES				/* for hidden_us already (NodeView) something that the session's replica shows */
} PrimaryShows;

extern void position_init(SessionPosition *position);
extern void position_raise(SessionPosition *position, Lsn lsn, uint32_t timeline);

/*
 * A commit on the primary.  On a later timeline than the floor's it lies behind
 * all that has survived: a floor beyond it was lost.
 */
extern void position_raise_commit(SessionPosition *position, Lsn commit_lsn, uint32_t timeline);

/* A unit that may have read ended on a node at now_us. */
extern void position_note_read(SessionPosition *position, int node, const NodeIdentity *identity,
							   uint64_t now_us);

/* A commit of the session's own on the primary: its position covers the reads before it. */
extern void position_note_commit(SessionPosition *position, int node, const NodeIdentity *identity,
								 Lsn commit_lsn);

/* Is everything read so far covered by the floor, or can this view's samples cover it?
 * Raises the floor when they can. */
extern bool position_cover(SessionPosition *position, const TopologyView *view);

/* The session has taken over a floor of unknown origin: it is as if it had read on a replica at now_us. */
extern void position_note_token(SessionPosition *position, uint64_t now_us);

/* Does the primary show all that the session has read?  Remembers that it does. */
extern PrimaryShows position_check_primary(SessionPosition *position, const TopologyView *view);

/* The node still lives the life in which the session last read there. */
extern bool position_is_same_node(const SessionPosition *position, const TopologyView *view, int node);

/*
 * After a failover the new primary may be behind the floor: what was beyond it
 * is lost.  Lower the floor to the new primary's position; true if it was.
 */
extern bool position_reset_lost(SessionPosition *position, const TopologyView *view);

/*
 * By how many bytes the session's last commit lies beyond where the new
 * primary's timeline left the commit's own (beyond all the new primary has,
 * where that is not known): so far it is lost.  0: it is not.  Told once.
 */
extern Lsn	position_take_lost(SessionPosition *position, const TopologyView *view);

/* Does a read ask for a floor at all? */
static inline bool
consistency_has_floor(Consistency consistency)
{
	return consistency == CONSISTENCY_SESSION || consistency == CONSISTENCY_GLOBAL;
}

extern const char *consistency_name(Consistency consistency);

#endif							/* ROUTER_POLICY_CONSISTENCY_H */
