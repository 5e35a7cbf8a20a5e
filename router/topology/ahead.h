/*-------------------------------------------------------------------------
 *
 * ahead.h
 *	  Does the primary show what a replica has shown?
 *
 * A commit that waits for a synchronous standby is in the WAL, and a replica
 * that has replayed it shows it, while the primary still hides it; no position
 * tells.  Transaction numbers do.  A proof is about all that was read on a
 * replica before some moment:
 *
 *	  node	   is asked for						  state of the proof
 *	  replica  since: when it was asked
 *			   bound: below it are all numbers
 *			   whose end it has replayed		  NEW
 *	  primary  its snapshot						  NEW, as long as its xmax is below bound: it
 *												  hides the transaction before bound
 *												  else LISTED: the numbers below bound that run
 *	  replica  which of those are committed there DENIED: the rest cannot have been seen
 *	  primary  its snapshot, again and again	  those that have ended are taken off
 *
 *	  nothing is left: what was read there before since, the primary shows
 *
 * The answers may come in any order and as often as they like: each takes off
 * what it can.  Where nothing commits, what is known already ends a proof in
 * the moment it begins.  Transactions that run for long do not hold it up: the
 * replica says that they are not committed.
 *
 * Of a replica that is gone nothing can be asked.  So there is one more proof,
 * of all that any replica can have shown before the primary's sample: bound is
 * the next number to be given there, and any replica may deny that has replayed
 * what was flushed at that sample.
 *
 * The monitor feeds its samples in while synchronous replication is configured, and
 * puts what is proven into its views.  Pure.  Snapshots: PostgreSQL documentation, "Transaction ID and Snapshot
 * Information Functions".
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_AHEAD_H
#define ROUTER_TOPOLOGY_AHEAD_H

#include "topology/sample.h"

/* Transaction numbers, ascending. */
typedef struct XidList
{
	uint64_t   *xids;			/* owned */
	int			count;
} XidList;

/* The primary's last snapshot. */
typedef struct PrimarySnapshot
{
	uint64_t	number;			/* of the snapshot */
	uint64_t	xmax;			/* who has this number or a later one has not ended, or nobody sees that it has;
								 * 0: there is no snapshot */
	XidList		running;		/* those below it that have not */
} PrimarySnapshot;

typedef struct AheadProof
{
	uint64_t	shown_us;		/* what was read before then the primary shows; 0: not known */
	uint64_t	since_us;		/* the same, once the proof under way has succeeded; 0: none is */
	uint64_t	bound;
	uint64_t	begun;			/* number of the primary's snapshot then */
	uint64_t	listed;			/* number of the one it was listed from; 0: NEW */
	bool		is_denied;		/* DENIED: what is left is committed on a replica */
	XidList		left;
} AheadProof;

/* Zeroed: nothing is known. */
typedef struct Ahead
{
	PrimarySnapshot primary;
	char	   *question;		/* owned: its running transactions, for replicas; NULL: none */
	AheadProof	replicas[TOPOLOGY_MAX_NODES];	/* about what was read there as on a replica */
	Lsn			replay_lsns[TOPOLOGY_MAX_NODES];	/* reached there before the next sample's snapshot */
	AheadProof	all;			/* about what was read on any replica */
	Lsn			all_flush_lsn;	/* who has replayed it has replayed all that */
} Ahead;

/*
 * Another primary, or none, or no synchronous standbys any more: what is under
 * way is given up, and with it all memory.  What is proven stays so.
 */
extern void ahead_forget_primary(Ahead *ahead);
extern void ahead_forget_replica(Ahead *ahead, int node);	/* it may have been restarted */

/* What a replica is to be asked now, sample_probe_sql's parameter; asked is NodeSample's. */
extern const char *ahead_question(const Ahead *ahead, uint64_t *asked);
extern void ahead_note_primary(Ahead *ahead, const NodeSample *sample);
extern void ahead_note_replica(Ahead *ahead, int node, const NodeSample *sample);

/* Put what is known into a view: shown_us and hidden_us. */
extern void ahead_fill_view(const Ahead *ahead, TopologyView *view, uint64_t now_us);

#endif							/* ROUTER_TOPOLOGY_AHEAD_H */
