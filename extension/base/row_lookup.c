/*-------------------------------------------------------------------------
 *
 * row_lookup.c
 *	  Fetches the row of a key by a unique index, below SQL.
 *
 * A scan by the table access method's own hand prunes the page it reads as soon
 * as the page is fuller than its fillfactor.  On a board that is a page that
 * was rewritten just now and will be again: each change would clear away the one
 * dead row of the change before, and log it.  Here a page is pruned when the
 * next version would not fit, a dozen dead rows at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/row_lookup.h"

/* Room that is taken to be enough before a row of the table was seen. */
#define ROOM_AT_FIRST	(BLCKSZ / 16)

static bool scan_heap(RowLookup *lookup, IndexScanDesc scan, Snapshot snapshot,
					  TupleTableSlot *slot);
static bool fetch_heap_row(RowLookup *lookup, IndexScanDesc scan, ItemPointerData tid,
						   Snapshot snapshot, TupleTableSlot *slot);
static void prune_if_short(RowLookup *lookup, Relation rel, Buffer buffer);

RowLookup *
row_lookup_create(Relation index, const AttrNumber *attnos, const Oid *eqops)
{
	RowLookup  *lookup = palloc0(sizeof(RowLookup));

	lookup->index = RelationGetRelid(index);
	lookup->n = index->rd_index->indnkeyatts;
	lookup->room = ROOM_AT_FIRST;
	for (int i = 0; i < lookup->n; i++)
	{
		int			k = 0;

		while (attnos[k] != index->rd_index->indkey.values[i])
			k++;
		lookup->positions[i] = k;
		ScanKeyEntryInitialize(&lookup->keys[i], 0, i + 1, BTEqualStrategyNumber,
							   index->rd_opcintype[i], index->rd_indcollation[i],
							   get_opcode(eqops[k]), (Datum) 0);
	}
	return lookup;
}

bool
row_lookup_find(RowLookup *lookup, Relation rel, Relation index, const Datum *key,
				Snapshot snapshot, TupleTableSlot *slot)
{
	IndexScanDesc scan;
	bool		found;

	for (int i = 0; i < lookup->n; i++)
		lookup->keys[i].sk_argument = key[lookup->positions[i]];
	scan = compat_index_beginscan(rel, index, snapshot, lookup->n);
	index_rescan(scan, lookup->keys, lookup->n, NULL, 0);
	if (rel->rd_tableam == GetHeapamTableAmRoutine())
		found = scan_heap(lookup, scan, snapshot, slot);
	else
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	return found;
}

/* index_getnext_slot(), but for when pages are pruned. */
static bool
scan_heap(RowLookup *lookup, IndexScanDesc scan, Snapshot snapshot, TupleTableSlot *slot)
{
	ItemPointer tid;

	while ((tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
		if (fetch_heap_row(lookup, scan, *tid, snapshot, slot))
			return true;
	return false;
}

/* The version of a chain that the snapshot sees. */
static bool
fetch_heap_row(RowLookup *lookup, IndexScanDesc scan, ItemPointerData tid, Snapshot snapshot,
			   TupleTableSlot *slot)
{
	Relation	rel = scan->heapRelation;
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tid));
	HeapTuple	tuple = &((BufferHeapTupleTableSlot *) slot)->base.tupdata;
	bool		all_dead = false;
	bool		found;

	Assert(TTS_IS_BUFFERTUPLE(slot));
	ExecClearTuple(slot);
	prune_if_short(lookup, rel, buffer);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(&tid, rel, buffer, snapshot, tuple, &all_dead, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (!found)
	{
		/* the index learns, when the scan goes on, what nobody can see */
		if (!scan->xactStartedInRecovery)
			scan->kill_prior_tuple = all_dead;
		ReleaseBuffer(buffer);
		return false;
	}
	pgstat_count_heap_fetch(scan->indexRelation);
	tuple->t_self = tid;
	tuple->t_tableOid = RelationGetRelid(rel);
	slot->tts_tableOid = tuple->t_tableOid;
	ExecStorePinnedBufferHeapTuple(tuple, slot, buffer);
	lookup->room = MAXALIGN(tuple->t_len) + sizeof(ItemIdData);
	return true;
}

/* No lock is held: what is read here is a hint. */
static void
prune_if_short(RowLookup *lookup, Relation rel, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);

	if (PageIsFull(page) || PageGetHeapFreeSpace(page) < 2 * lookup->room)
		heap_page_prune_opt(rel, buffer);
}
