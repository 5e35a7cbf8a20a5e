/*-------------------------------------------------------------------------
 *
 * mapping.h
 *	  One hop of a path: which values do these link values lead to?
 *
 * Called by drain.c, hop after hop, with the snapshot that answers the
 * question active.  Also home of the two-snapshot rule for the isolation levels
 * that keep one snapshot per transaction: see snapshot_pair.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_MAPPING_H
#define ANDON_MAINTAIN_MAPPING_H

#include "postgres.h"

#include "base/compat.h"
#include "base/values.h"
#include "maintain/board_plan.h"
#include "utils/snapshot.h"

/*
 * Snapshots of one step of a drain, taken after its locks.  latest sees all
 * that has committed; own is the transaction's, at REPEATABLE READ and
 * SERIALIZABLE, and NULL at READ COMMITTED.  Whatever is read is read under
 * both, and if the answers differ the transaction cannot go on: 40001.
 */
typedef struct SnapshotPair
{
	Snapshot	latest;
	Snapshot	own;
} SnapshotPair;

/* Makes the transaction's own changes visible and takes the snapshots. */
extern void mapping_take_snapshots(SnapshotPair *pair);
extern void mapping_drop_snapshots(SnapshotPair *pair);

/* ERROR 40001. */
pg_noreturn extern void mapping_raise_conflict(const BoardPlan *plan);

/* Maps the tuples through the hop, adding what they lead to to `to`. */
extern void mapping_run_hop(BoardPlan *plan, PlanHop *hop, const ValueSet *from,
							ValueSet *to, const SnapshotPair *pair);

#endif							/* ANDON_MAINTAIN_MAPPING_H */
