/*-------------------------------------------------------------------------
 *
 * change_scan.h
 *	  Rows of the change log by the transactions that wrote them.
 *
 * For who adds up or tells what became visible between two snapshots.  Rows are
 * found by each partition's index on xid and are those that the active snapshot
 * sees, of this cluster only.  No privilege is asked for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_CHANGE_SCAN_H
#define ANDON_MAINTAIN_CHANGE_SCAN_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "base/xid_snapshot.h"

/* The partitions' OIDs, locked: none of them is dropped before the transaction ends. */
extern List *change_scan_open(void);

typedef void (*ChangeReader) (HeapTuple tuple, TupleDesc desc, void *arg);

/*
 * Calls reader for each row whose transaction after shows and before does not,
 * in no order.  The tuple is only good during the call.
 */
extern void change_scan_between(List *partitions, const XidSnapshot *before,
								const XidSnapshot *after, ChangeReader reader, void *arg);

/* A partition's index on xid, or InvalidOid. */
extern Oid	change_scan_find_index(Relation rel);

#endif							/* ANDON_MAINTAIN_CHANGE_SCAN_H */
