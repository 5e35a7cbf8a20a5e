/*-------------------------------------------------------------------------
 *
 * tick_table.c
 *	  andon.tick and andon.feed_reset, read and written.
 *
 * Ticks are read in the order of the primary key, from either end.
 *
 * What is dropped from the log is old: maintain() drops it only when all
 * transactions up to the newest in it have ended (partitions.c).  So a snapshot
 * whose xmin lies beyond that transaction shows it all, and the snapshots of
 * all later ticks are such; a position from before may miss some of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "feed/slots.h"
#include "maintain/tick_table.h"

/* andon.tick, see sql/modules/17_tick.sql */
enum
{
	TICK_ATT_EPOCH = 1,
	TICK_ATT_TICK,
	TICK_ATT_AT,
	TICK_ATT_SNAPSHOT,
	TICK_ATT_LSN,
	TICK_ATT_SAFE_LSN,
	TICK_ATT_CHANGES,
	TICK_NATTS = TICK_ATT_CHANGES
};

/* andon.feed_reset */
enum
{
	RESET_ATT_BOARD = 1,
	RESET_ATT_XID,
	RESET_NATTS = RESET_ATT_XID
};

/* In feed_reset: what is dropped from the log, of whatever board. */
#define ALL_BOARDS InvalidOid

/* Calls of scan_resets(). */
typedef struct Reset
{
	Oid			board;
	uint64		xid;
} Reset;

static List *read_ticks(int nkeys, ScanKey keys, ScanDirection direction, int max, Snapshot snapshot);
static bool take_first(List *rows, TickRow *row);
static TickRow *read_row(HeapTuple tuple, TupleDesc desc);
static void init_key(ScanKey key, AttrNumber attno, StrategyNumber strategy, uint64 value);
static List *read_resets(void);
static void write_reset(Oid board, const char *xid_sql);

bool
tick_table_exists(void)
{
	return OidIsValid(board_catalog_relid("tick"));
}

bool
tick_table_find_last(Snapshot snapshot, TickRow *row)
{
	return take_first(read_ticks(0, NULL, BackwardScanDirection, 1, snapshot), row);
}

bool
tick_table_find_first(uint64 epoch, Snapshot snapshot, TickRow *row)
{
	ScanKeyData key;

	init_key(&key, TICK_ATT_EPOCH, BTEqualStrategyNumber, epoch);
	return take_first(read_ticks(1, &key, ForwardScanDirection, 1, snapshot), row);
}

bool
tick_table_find(uint64 epoch, uint64 tick, Snapshot snapshot, TickRow *row)
{
	ScanKeyData keys[2];

	init_key(&keys[0], TICK_ATT_EPOCH, BTEqualStrategyNumber, epoch);
	init_key(&keys[1], TICK_ATT_TICK, BTEqualStrategyNumber, tick);
	return take_first(read_ticks(2, keys, ForwardScanDirection, 1, snapshot), row);
}

List *
tick_table_read_after(const TickRow *row, int max, Snapshot snapshot)
{
	ScanKeyData keys[2];

	init_key(&keys[0], TICK_ATT_EPOCH, BTEqualStrategyNumber, row->epoch);
	init_key(&keys[1], TICK_ATT_TICK, BTGreaterStrategyNumber, row->tick);
	return read_ticks(2, keys, ForwardScanDirection, max, snapshot);
}

void
tick_table_insert(const TickRow *row)
{
	Relation	rel = table_open(board_catalog_relid("tick"), RowExclusiveLock);
	Datum		values[TICK_NATTS];
	bool		nulls[TICK_NATTS] = {0};

	values[TICK_ATT_EPOCH - 1] = Int64GetDatum((int64) row->epoch);
	values[TICK_ATT_TICK - 1] = Int64GetDatum((int64) row->tick);
	values[TICK_ATT_AT - 1] = TimestampTzGetDatum(row->at);
	values[TICK_ATT_SNAPSHOT - 1] = row->stored;
	values[TICK_ATT_LSN - 1] = LSNGetDatum(row->lsn);
	values[TICK_ATT_SAFE_LSN - 1] = LSNGetDatum(row->safe_lsn);
	values[TICK_ATT_CHANGES - 1] = Int64GetDatum(row->changes);
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	table_close(rel, NoLock);
}

void
tick_table_trim(TimestampTz before)
{
	if (!tick_table_exists())
		return;
	spi_run(psprintf("DELETE FROM andon.tick WHERE (epoch, tick) < (SELECT t.epoch, t.tick FROM andon.tick t"
					 " WHERE t.epoch = (SELECT pg_catalog.max(epoch) FROM andon.tick)"
					 "  AND (t.at >= '%s' OR t.tick = (SELECT pg_catalog.max(l.tick) FROM andon.tick l"
					 "                                 WHERE l.epoch = t.epoch))"
					 " ORDER BY t.epoch, t.tick LIMIT 1)", timestamptz_to_str(before)));
}

void
tick_table_note_new_board(Oid board)
{
	write_reset(board, "pg_catalog.pg_current_xact_id()");
	/* the worker tells its readers */
	slots_note_change();
}

void
tick_table_forget_board(Oid board)
{
	if (!tick_table_exists())
		return;
	board_catalog_run(psprintf("DELETE FROM andon.feed_reset WHERE board = %u", board), 0, NULL, NULL);
}

void
tick_table_note_dropped(uint64 xid)
{
	write_reset(ALL_BOARDS, psprintf("'" UINT64_FORMAT "'", xid));
}

List *
tick_table_find_new_boards(const XidSnapshot *before, const XidSnapshot *after)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, read_resets())
	{
		Reset	   *reset = lfirst(cell);

		if (reset->board != ALL_BOARDS && !xid_snapshot_shows(before, reset->xid) &&
			xid_snapshot_shows(after, reset->xid))
			result = lappend_oid(result, reset->board);
	}
	return result;
}

bool
tick_table_reaches_back(Oid board, const XidSnapshot *snapshot)
{
	ListCell   *cell;

	foreach(cell, read_resets())
	{
		Reset	   *reset = lfirst(cell);

		if (reset->board == board && !xid_snapshot_shows(snapshot, reset->xid))
			return false;
	}
	return tick_table_has_all_since(snapshot);
}

bool
tick_table_has_all_since(const XidSnapshot *snapshot)
{
	ListCell   *cell;

	foreach(cell, read_resets())
	{
		Reset	   *reset = lfirst(cell);

		if (reset->board == ALL_BOARDS && snapshot->xmin <= reset->xid)
			return false;
	}
	return true;
}

static List *
read_ticks(int nkeys, ScanKey keys, ScanDirection direction, int max, Snapshot snapshot)
{
	Relation	rel = table_open(board_catalog_relid("tick"), AccessShareLock);
	Relation	index = index_open(compat_primary_key_index(rel), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, index, snapshot, nkeys, keys);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (list_length(result) < max &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, direction)))
		result = lappend(result, read_row(tuple, RelationGetDescr(rel)));
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return result;
}

static bool
take_first(List *rows, TickRow *row)
{
	if (rows == NIL)
		return false;
	*row = *(TickRow *) linitial(rows);
	return true;
}

static TickRow *
read_row(HeapTuple tuple, TupleDesc desc)
{
	TickRow    *row = palloc0(sizeof(TickRow));
	Datum		values[TICK_NATTS];
	bool		nulls[TICK_NATTS];

	heap_deform_tuple(tuple, desc, values, nulls);
	row->epoch = (uint64) DatumGetInt64(values[TICK_ATT_EPOCH - 1]);
	row->tick = (uint64) DatumGetInt64(values[TICK_ATT_TICK - 1]);
	row->at = DatumGetTimestampTz(values[TICK_ATT_AT - 1]);
	row->stored = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[TICK_ATT_SNAPSHOT - 1]));
	row->snapshot = xid_snapshot_parse(row->stored);
	row->lsn = DatumGetLSN(values[TICK_ATT_LSN - 1]);
	row->safe_lsn = DatumGetLSN(values[TICK_ATT_SAFE_LSN - 1]);
	row->changes = DatumGetInt64(values[TICK_ATT_CHANGES - 1]);
	return row;
}

static void
init_key(ScanKey key, AttrNumber attno, StrategyNumber strategy, uint64 value)
{
	ScanKeyInit(key, attno, strategy,
				strategy == BTEqualStrategyNumber ? F_INT8EQ : F_INT8GT,
				Int64GetDatum((int64) value));
}

/* In their latest state: a list of Reset. */
static List *
read_resets(void)
{
	Relation	rel = table_open(board_catalog_relid("feed_reset"), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Reset	   *reset = palloc(sizeof(Reset));
		Datum		values[RESET_NATTS];
		bool		nulls[RESET_NATTS];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		reset->board = DatumGetObjectId(values[RESET_ATT_BOARD - 1]);
		reset->xid = U64FromFullTransactionId(DatumGetFullTransactionId(values[RESET_ATT_XID - 1]));
		result = lappend(result, reset);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return result;
}

/* As the extension's owner; SPI is connected. */
static void
write_reset(Oid board, const char *xid_sql)
{
	if (!tick_table_exists())
		return;
	board_catalog_run(psprintf("INSERT INTO andon.feed_reset AS r VALUES (%u, %s)"
					 " ON CONFLICT (board) DO UPDATE SET xid = GREATEST(r.xid, EXCLUDED.xid)",
					 board, xid_sql), 0, NULL, NULL);
}
