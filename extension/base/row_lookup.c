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
 * A hint is right if the snapshot sees a row there, and that row has the key:
 * of one key it sees no more than one.  The page is read in the buffer that the
 * hint names, if that has it still; a page that is gone is never asked for.  At
 * SERIALIZABLE reading the index leaves a mark on it that others' inserts meet;
 * so hints are for READ COMMITTED.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/row_hint.h"
#include "base/row_lookup.h"

/* Room that is taken to be enough before a row of the table was seen. */
#define ROOM_AT_FIRST	(BLCKSZ / 16)

static uint32 hash_key(const RowLookup *lookup, Relation rel, Relation index, const Datum *key);
static bool find_by_hint(RowLookup *lookup, Relation rel, Relation index, const Datum *key,
						 Snapshot snapshot, TupleTableSlot *slot);
static bool slot_has_key(const RowLookup *lookup, Relation index, const Datum *key,
						 TupleTableSlot *slot);
static bool scan_heap(RowLookup *lookup, IndexScanDesc scan, Snapshot snapshot,
					  TupleTableSlot *slot);
static bool fetch_heap_row(RowLookup *lookup, Relation rel, ItemPointerData tid, Buffer buffer,
						   Snapshot snapshot, TupleTableSlot *slot, bool *all_dead);
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
	bool		is_heap = rel->rd_tableam == GetHeapamTableAmRoutine();
	IndexScanDesc scan;
	bool		found;

	lookup->hash = hash_key(lookup, rel, index, key);
	if (is_heap && !IsolationUsesXactSnapshot() &&
		find_by_hint(lookup, rel, index, key, snapshot, slot))
		return true;
	for (int i = 0; i < lookup->n; i++)
		lookup->keys[i].sk_argument = key[lookup->positions[i]];
	scan = compat_index_beginscan(rel, index, snapshot, lookup->n);
	index_rescan(scan, lookup->keys, lookup->n, NULL, 0);
	if (is_heap)
		found = scan_heap(lookup, scan, snapshot, slot);
	else
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	return found;
}

void
row_lookup_note_moved(const RowLookup *lookup, TupleTableSlot *slot, ItemPointerData tid)
{
	RowHint		hint = {tid, InvalidBuffer};

	/* another page's buffer is not known here: the next look-up notes it */
	if (TTS_IS_BUFFERTUPLE(slot) &&
		ItemPointerGetBlockNumber(&slot->tts_tid) == ItemPointerGetBlockNumber(&tid))
	{
		hint.buffer = ((BufferHeapTupleTableSlot *) slot)->buffer;
		row_hint_note(lookup->hash, &hint);
	}
}

static uint32
hash_key(const RowLookup *lookup, Relation rel, Relation index, const Datum *key)
{
	uint32		hash = murmurhash32(RelationGetRelid(rel));

	for (int i = 0; i < lookup->n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel),
											  index->rd_index->indkey.values[i] - 1);

		hash = hash_combine(hash, datum_image_hash(key[lookup->positions[i]], att->attbyval,
												   att->attlen));
	}
	return hash;
}

static bool
find_by_hint(RowLookup *lookup, Relation rel, Relation index, const Datum *key,
			 Snapshot snapshot, TupleTableSlot *slot)
{
	RowHint		hint;
	bool		all_dead;

	return row_hint_find(lookup->hash, &hint) &&
		compat_read_recent_buffer(rel, ItemPointerGetBlockNumber(&hint.tid), hint.buffer) &&
		fetch_heap_row(lookup, rel, hint.tid, hint.buffer, snapshot, slot, &all_dead) &&
		slot_has_key(lookup, index, key, slot);
}

static bool
slot_has_key(const RowLookup *lookup, Relation index, const Datum *key, TupleTableSlot *slot)
{
	for (int i = 0; i < lookup->n; i++)
	{
		AttrNumber	attno = index->rd_index->indkey.values[i];
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, attno - 1);
		bool		isnull;
		Datum		value = slot_getattr(slot, attno, &isnull);

		if (isnull || !datum_image_eq(value, key[lookup->positions[i]], att->attbyval,
									  att->attlen))
			return false;
	}
	return true;
}

/* index_getnext_slot(), but for when pages are pruned; and the row's hint is noted. */
static bool
scan_heap(RowLookup *lookup, IndexScanDesc scan, Snapshot snapshot, TupleTableSlot *slot)
{
	ItemPointer tid;

	while ((tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		RowHint		hint = {*tid, ReadBuffer(scan->heapRelation, ItemPointerGetBlockNumber(tid))};
		bool		all_dead = false;

		if (fetch_heap_row(lookup, scan->heapRelation, hint.tid, hint.buffer, snapshot, slot,
						   &all_dead))
		{
			pgstat_count_heap_fetch(scan->indexRelation);
			row_hint_note(lookup->hash, &hint);
			return true;
		}
		/* the index learns, when the scan goes on, what nobody can see */
		if (!scan->xactStartedInRecovery)
			scan->kill_prior_tuple = all_dead;
	}
	return false;
}

/* The version of a chain that the snapshot sees.  The buffer is pinned; slot takes the pin over. */
static bool
fetch_heap_row(RowLookup *lookup, Relation rel, ItemPointerData tid, Buffer buffer,
			   Snapshot snapshot, TupleTableSlot *slot, bool *all_dead)
{
	HeapTuple	tuple = &((BufferHeapTupleTableSlot *) slot)->base.tupdata;
	bool		found;

	Assert(TTS_IS_BUFFERTUPLE(slot));
	ExecClearTuple(slot);
	prune_if_short(lookup, rel, buffer);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(&tid, rel, buffer, snapshot, tuple, all_dead, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (!found)
	{
		ReleaseBuffer(buffer);
		return false;
	}
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
