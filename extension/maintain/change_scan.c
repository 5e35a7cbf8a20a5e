/*-------------------------------------------------------------------------
 *
 * change_scan.c
 *	  Rows of the change log by the transactions that wrote them.
 *
 * Between two snapshots become visible: what began after the first (from its
 * xmax on), and what was in progress then and has ended since (some of its xip).
 * The former is one range of the index, the latter are looked up one by one; a
 * transaction that goes on and on is in both snapshots' xip and costs nothing.
 *
 * Most partitions are of days gone by: one look tells that they have nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "board/board.h"
#include "board/board_catalog.h"
#include "maintain/change_log.h"
#include "maintain/change_scan.h"

typedef struct LogScan
{
	Relation	rel;
	Oid			index;
	const XidSnapshot *after;
	int64		epoch;			/* this cluster's */
	ChangeReader reader;
	void	   *arg;
} LogScan;

static List *find_ended(const XidSnapshot *before, const XidSnapshot *after);
static void scan_partition(LogScan *scan, const XidSnapshot *before, List *ended);
static bool has_any_from(LogScan *scan, uint64 xid);
static void scan_range(LogScan *scan, uint64 from, uint64 to);
static void init_key(ScanKey key, StrategyNumber strategy, uint64 xid);

List *
change_scan_open(void)
{
	return find_inheritance_children(board_catalog_relid("change"), AccessShareLock);
}

void
change_scan_between(List *partitions, const XidSnapshot *before, const XidSnapshot *after,
					ChangeReader reader, void *arg)
{
	List	   *ended = find_ended(before, after);
	ListCell   *cell;

	foreach(cell, partitions)
	{
		LogScan		scan = {0};

		scan.rel = table_open(lfirst_oid(cell), NoLock);
		scan.index = change_scan_find_index(scan.rel);
		scan.after = after;
		scan.epoch = (int64) GetSystemIdentifier();
		scan.reader = reader;
		scan.arg = arg;
		scan_partition(&scan, before, ended);
		table_close(scan.rel, NoLock);
	}
}

Oid
change_scan_find_index(Relation rel)
{
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		bool		is_it = index->rd_index->indkey.values[0] == CHANGE_ATT_XID &&
			index->rd_index->indisvalid;

		index_close(index, NoLock);
		if (is_it)
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/* Transactions in progress before, not after: pointers into before, ascending. */
static List *
find_ended(const XidSnapshot *before, const XidSnapshot *after)
{
	List	   *result = NIL;

	for (int i = 0; i < before->nxip; i++)
		if (xid_snapshot_shows(after, before->xip[i]))
			result = lappend(result, &before->xip[i]);
	return result;
}

static void
scan_partition(LogScan *scan, const XidSnapshot *before, List *ended)
{
	ListCell   *cell;

	if (ended != NIL && has_any_from(scan, *(uint64 *) linitial(ended)))
		foreach(cell, ended)
		{
			uint64		xid = *(uint64 *) lfirst(cell);

			scan_range(scan, xid, xid + 1);
		}
	scan_range(scan, before->xmax, scan->after->xmax);
}

static bool
has_any_from(LogScan *scan, uint64 xid)
{
	ScanKeyData key;
	SysScanDesc desc;
	bool		result;

	init_key(&key, BTGreaterEqualStrategyNumber, xid);
	desc = systable_beginscan(scan->rel, scan->index, OidIsValid(scan->index),
							  GetActiveSnapshot(), 1, &key);
	result = HeapTupleIsValid(systable_getnext(desc));
	systable_endscan(desc);
	return result;
}

/* from is in it, to is not. */
static void
scan_range(LogScan *scan, uint64 from, uint64 to)
{
	TupleDesc	columns = RelationGetDescr(scan->rel);
	ScanKeyData keys[2];
	SysScanDesc desc;
	HeapTuple	tuple;

	if (from >= to)
		return;
	init_key(&keys[0], BTGreaterEqualStrategyNumber, from);
	init_key(&keys[1], BTLessStrategyNumber, to);
	desc = systable_beginscan(scan->rel, scan->index, OidIsValid(scan->index),
							  GetActiveSnapshot(), 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(desc)))
	{
		bool		isnull;
		Datum		xid = heap_getattr(tuple, CHANGE_ATT_XID, columns, &isnull);
		Datum		epoch = heap_getattr(tuple, CHANGE_ATT_EPOCH, columns, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(epoch) == scan->epoch &&
			xid_snapshot_shows(scan->after,
							   U64FromFullTransactionId(DatumGetFullTransactionId(xid))))
			scan->reader(tuple, columns, scan->arg);
	}
	systable_endscan(desc);
}

static void
init_key(ScanKey key, StrategyNumber strategy, uint64 xid)
{
	ScanKeyInit(key, CHANGE_ATT_XID, strategy,
				strategy == BTLessStrategyNumber ? F_XID8LT : F_XID8GE,
				FullTransactionIdGetDatum(FullTransactionIdFromU64(xid)));
}
