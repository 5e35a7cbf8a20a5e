/*-------------------------------------------------------------------------
 *
 * primary_wal.h
 *	  What a primary's positions mean for those who have read there.
 *
 * Who read on the primary must not read below it afterwards.  The insert
 * position is enough for that, but mostly too much: WAL of transactions that
 * run, and of a read's clean-up of a page, lies before it, and until something
 * asks for it, which an idle primary may not do for many seconds, it is neither
 * flushed nor sent to anybody.
 *
 * What a read can have seen is committed, and visible in every snapshot
 * taken later.  So the insert position of a sample is good for as long as no
 * transaction has ended since: what is visible then was visible at that sample,
 * and its commit records lie before that position.  (The flush position would
 * not do: a commit with synchronous_commit = off is visible before it is
 * flushed.)
 *
 * The monitor notes each sample of the primary and puts what follows into its
 * views.  Pure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_PRIMARY_WAL_H
#define ROUTER_TOPOLOGY_PRIMARY_WAL_H

#include "topology/sample.h"

/* Zeroed: nothing is known. */
typedef struct PrimaryWal
{
	uint64_t	ended;			/* NodeSample's, of the last sample */
	Lsn			visible_lsn;	/* covers all that was visible at the last sample; 0: not known */
	Lsn			flush_lsn;
	uint64_t	unflushed_since_us; /* flush_lsn has stood since then with WAL behind it; 0: it has not */
} PrimaryWal;

/*
 * A sample of the same life of the same primary as the one before.  Another
 * life, or a lost connection (a crash may have taken back what was not
 * flushed, and its transaction numbers): zero it first.
 */
extern void primary_wal_note(PrimaryWal *wal, const NodeSample *sample);

/* For how long the primary had left WAL unflushed when it was sampled; 0: it had not. */
extern uint64_t primary_wal_unflushed_us(const PrimaryWal *wal, uint64_t sampled_us);

#endif							/* ROUTER_TOPOLOGY_PRIMARY_WAL_H */
