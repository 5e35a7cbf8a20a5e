/*-------------------------------------------------------------------------
 *
 * row_lookup.c
 *	  Fetches the row of a key by a unique index, below SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/row_lookup.h"

RowLookup *
row_lookup_create(Relation index, const AttrNumber *attnos, const Oid *eqops)
{
	RowLookup  *lookup = palloc0(sizeof(RowLookup));

	lookup->index = RelationGetRelid(index);
	lookup->n = index->rd_index->indnkeyatts;
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
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	return found;
}
