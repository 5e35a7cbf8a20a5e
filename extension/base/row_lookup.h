/*-------------------------------------------------------------------------
 *
 * row_lookup.h
 *	  Fetches the row of a key by a unique index, below SQL.
 *
 * Where any backend saw the row last is tried before the index is (row_hint.h):
 * a board's row is found there as a rule.
 *
 * Made once, kept by the caller, used with any snapshot.  It holds no relation
 * open: callers do, with a lock, and hand both over.  No privilege is asked
 * for; that is the callers' business too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_ROW_LOOKUP_H
#define ANDON_BASE_ROW_LOOKUP_H

#include "postgres.h"

#include "access/attnum.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

typedef struct RowLookup
{
	Oid			index;
	int			n;
	uint32		hash;			/* of the key last looked for */
	Size		room;			/* what another version of the row last seen takes up */
	int			positions[INDEX_MAX_KEYS];	/* per index column: which of the key's it is */
	ScanKeyData keys[INDEX_MAX_KEYS];
} RowLookup;

/*
 * In the current context.  index: a unique btree index whose columns are
 * attnos, in any order, and whose equality is eqops; both as long as the key.
 */
extern RowLookup *row_lookup_create(Relation index, const AttrNumber *attnos, const Oid *eqops);

/*
 * The version that the snapshot sees, into slot, which is one of rel's
 * (table_slot_create); false if it sees none.
 */
extern bool row_lookup_find(RowLookup *lookup, Relation rel, Relation index, const Datum *key,
							Snapshot snapshot, TupleTableSlot *slot);

/* The row last found, which slot still holds, has got new index entries, for tid. */
extern void row_lookup_note_moved(const RowLookup *lookup, TupleTableSlot *slot,
								  ItemPointerData tid);

#endif							/* ANDON_BASE_ROW_LOOKUP_H */
