/*-------------------------------------------------------------------------
 *
 * counters.c
 *	  How many rows of a board are in each status, without counting them.
 *
 * A counter that writers keep is a row that they queue for.  Ours is a base and
 * the change log: andon.counter says how many rows were in each status for the
 * transactions that its snapshot S shows, and each row of the log knows the
 * transaction that wrote it.  Whoever reads adds up
 *
 *	  base + the log's rows that he sees and whose transaction S does not show
 *
 * Every row of the log that he sees is in exactly one of the two, so the sum is
 * exact in his snapshot R, whatever R is:
 *
 *	  T1 commits	fold takes S, reads the log, writes base, commits	R
 *						T2 commits
 *
 * R sees the base, so it was taken after the fold's commit, and all that S
 * shows had committed before S: R sees those too.  T2 is not in S, hence not in
 * the base, hence taken from the log.  A reader with an older R sees the older
 * base with its own S.  On a replica commits become visible in the order of
 * their WAL records; T1's is before the fold's.  Transactions that S had in
 * progress, prepared ones too, are listed in S and stay "not shown" for ever.
 * So is the folding transaction itself, which pg_current_snapshot() would not
 * list: create_board makes a base and may go on to change the board.
 *
 * A base made by counting (rebase) is the board's count less what the log says
 * of transactions that S does not show: the own ones.
 *
 * Dropping partitions of the log is not undone for older snapshots, as changes
 * of rows are.  andon.counter_retired, always read in its latest state, says
 * from which fold on the base has what was dropped; who sees an older base
 * counts the board itself.
 *
 * Transaction numbers are of one cluster: bases and rows of another epoch (its
 * system identifier; a dump brings such rows) are not ours to add up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "maintain/change_log.h"
#include "maintain/change_scan.h"
#include "maintain/counters.h"

/* andon.counter, see sql/modules/16_counter.sql */
enum
{
	COUNTER_ATT_BOARD = 1,
	COUNTER_ATT_EPOCH,
	COUNTER_ATT_FOLD,
	COUNTER_ATT_SNAPSHOT,
	COUNTER_ATT_STATUSES,
	COUNTER_ATT_COUNTS,
	COUNTER_NATTS = COUNTER_ATT_COUNTS
};

/* A base, as the active snapshot sees it. */
typedef struct Base
{
	FullTransactionId fold;
	Datum		snapshot;		/* pg_snapshot */
	List	   *counts;			/* of StatusCount */
} Base;

/*
 * The snapshot of the statement, with the own transaction as one that is in
 * progress: it may be lower than xmax, and nothing lists it.
 */
#define SNAPSHOT_SQL \
	"(SELECT pg_catalog.format('%s:%s:%s'," \
	"  CASE WHEN o < pg_catalog.pg_snapshot_xmin(s) THEN o ELSE pg_catalog.pg_snapshot_xmin(s) END," \
	"  pg_catalog.pg_snapshot_xmax(s)," \
	"  (SELECT pg_catalog.string_agg(x::pg_catalog.text, ',' ORDER BY x)" \
	"   FROM (SELECT pg_catalog.pg_snapshot_xip(s) UNION SELECT o WHERE o < pg_catalog.pg_snapshot_xmax(s)) u (x))" \
	"  )::pg_catalog.pg_snapshot" \
	" FROM (SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_current_xact_id() OFFSET 0) t (s, o))"

/* What the rows of the log c add to (status, n). */
#define DELTA_SQL \
	" FROM andon.change c, LATERAL (VALUES (c.to_status, 1, c.op <> 'd')," \
	"  (c.from_status, -1, c.op <> 'i')) v (status, n, counts)" \
	" WHERE v.counts AND c.board = $1 AND c.epoch = $2"

static bool counters_are_kept(const Board *board);
static bool type_is_told_by_text(Oid type);
static bool read_base(const Board *board, Base *base);
static bool base_is_too_old(const Base *base);
static void read_base_counts(HeapTuple tuple, TupleDesc desc, Base *base);
static void add_changes(const Board *board, List *partitions, Base *base);
static void add_changes_of_partition(const Board *board, Relation rel, Base *base);
static void add_change(const Board *board, HeapTuple tuple, TupleDesc desc, Base *base);
static int64 find_counted(SPITupleTable *rows, uint64 nrows, const char *status);
static void add_count(List **counts, const char *status, int64 n);
static char *normal_status(const Board *board, Datum logged);
static void run_counted(const Board *board, const char *sql);
static void fold_board(const Board *board);

bool
counters_read(const Board *board, List **counts)
{
	Base		base = {0};
	List	   *partitions;
	ListCell   *cell;

	if (!counters_are_kept(board) || !read_base(board, &base))
		return false;
	/* the partitions are locked first: what is not dropped now stays */
	partitions = change_scan_open();
	if (base_is_too_old(&base))
		return false;
	add_changes(board, partitions, &base);
	*counts = NIL;
	foreach(cell, base.counts)
		if (((StatusCount *) lfirst(cell))->n != 0)
			*counts = lappend(*counts, lfirst(cell));
	return true;
}

List *
counters_verify(const Board *board)
{
	List	   *errors = NIL;
	List	   *counts;
	ListCell   *cell;
	int			rc;

	if (!counters_read(board, &counts))
		return NIL;
	rc = SPI_execute(psprintf("SELECT x.status, pg_catalog.count(*) FROM"
							  " (SELECT %s::pg_catalog.text AS status FROM %s) x GROUP BY x.status",
							  quote_identifier(board->column_names[board->status_attno - 1]),
							  board->qualified), true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "count query failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;

		/* what is left is how much too many the counters have */
		add_count(&counts, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1),
				  -DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
											   2, &isnull)));
	}
	foreach(cell, counts)
	{
		StatusCount *count = lfirst(cell);
		CounterError *error;

		if (count->n == 0)
			continue;
		error = palloc0(sizeof(CounterError));
		error->status = count->status;
		error->expected = find_counted(SPI_tuptable, SPI_processed, count->status);
		error->actual = error->expected + count->n;
		errors = lappend(errors, error);
	}
	return errors;
}

/* The number that a query of (status, count) has for a status. */
static int64
find_counted(SPITupleTable *rows, uint64 nrows, const char *status)
{
	for (uint64 row = 0; row < nrows; row++)
	{
		char	   *counted = SPI_getvalue(rows->vals[row], rows->tupdesc, 1);
		bool		isnull;

		if (status && counted ? strcmp(status, counted) == 0 : status == counted)
			return DatumGetInt64(SPI_getbinval(rows->vals[row], rows->tupdesc, 2, &isnull));
	}
	return 0;
}

void
counters_rebase(const Board *board)
{
	const char *status = quote_identifier(board->column_names[board->status_attno - 1]);
	const char *type = format_type_be_qualified(getBaseType(get_atttype(board->relid,
																		 board->status_attno)));

	if (!counters_are_kept(board))
		return;
	run_counted(board,
				psprintf("INSERT INTO andon.counter AS k (board, epoch, fold, snapshot, statuses, counts)"
						 " SELECT $1, $2, pg_catalog.pg_current_xact_id(), s.s,"
						 "  COALESCE(t.statuses, '{}'), COALESCE(t.counts, '{}')"
						 " FROM (SELECT %s OFFSET 0) s (s), LATERAL ("
						 "  SELECT pg_catalog.array_agg(x.status) AS statuses, pg_catalog.array_agg(x.n) AS counts FROM ("
						 "   SELECT y.status, pg_catalog.sum(y.n)::pg_catalog.int8 AS n FROM ("
						 "    SELECT b.%s::%s::pg_catalog.text AS status, 1 AS n FROM %s b UNION ALL"
						 "    SELECT v.status::%s::pg_catalog.text, -v.n " DELTA_SQL
						 "    AND c.xid >= pg_catalog.pg_snapshot_xmin(s.s)"
						 "    AND NOT pg_catalog.pg_visible_in_snapshot(c.xid, s.s)) y"
						 "   GROUP BY y.status HAVING pg_catalog.sum(y.n) <> 0) x) t"
						 " ON CONFLICT (board) DO UPDATE SET epoch = EXCLUDED.epoch, fold = EXCLUDED.fold,"
						 "  snapshot = EXCLUDED.snapshot, statuses = EXCLUDED.statuses, counts = EXCLUDED.counts",
						 SNAPSHOT_SQL, status, type, board->qualified, type));
}

void
counters_forget(Oid board)
{
	if (!OidIsValid(board_catalog_relid("counter")))
		return;
	board_catalog_run(psprintf("DELETE FROM andon.counter WHERE board = %u", board), 0, NULL, NULL);
}

void
counters_fold(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *boards = NIL;
	ListCell   *cell;
	int			rc;

	/* also against who makes a base: two at once would count twice */
	spi_run("LOCK TABLE andon.counter IN SHARE ROW EXCLUSIVE MODE");
	rc = SPI_execute("SELECT b.board::pg_catalog.oid FROM andon.board b"
					 " JOIN pg_catalog.pg_class c ON c.oid = b.board", true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "board query failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;

		boards = lappend_oid(boards, DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[row],
																	SPI_tuptable->tupdesc, 1,
																	&isnull)));
	}
	foreach(cell, boards)
	{
		Board	   *board = board_load(lfirst_oid(cell));

		if (board && counters_are_kept(board))
			fold_board(board);
		MemoryContextSwitchTo(context);
	}
}

const char *
counters_folded_condition(void)
{
	return psprintf("(c.epoch <> " INT64_FORMAT " OR c.xid < (SELECT pg_catalog.pg_snapshot_xmin(%s)))",
					(int64) GetSystemIdentifier(), SNAPSHOT_SQL);
}

void
counters_note_retired(void)
{
	spi_run("DELETE FROM andon.counter_retired");
	spi_run("INSERT INTO andon.counter_retired VALUES (pg_catalog.pg_current_xact_id())");
}

static bool
counters_are_kept(const Board *board)
{
	Oid			collation;
	Oid			type;
	int32		typmod;

	if (board->log == BOARD_LOG_OFF || !OidIsValid(board_catalog_relid("counter")))
		return false;
	get_atttypetypmodcoll(board->relid, board->status_attno, &type, &typmod, &collation);
	return type_is_told_by_text(getBaseType(type)) &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/* Values are the same when their texts are, and a text once written stays true. */
static bool
type_is_told_by_text(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case BOOLOID:
			return true;
		default:
			return false;
	}
}

/* False if the active snapshot sees no base of this cluster. */
static bool
read_base(const Board *board, Base *base)
{
	Relation	rel = table_open(board_catalog_relid("counter"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, COUNTER_ATT_BOARD, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(board->relid));
	scan = systable_beginscan(rel, compat_primary_key_index(rel), true, GetActiveSnapshot(),
							  1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		TupleDesc	desc = RelationGetDescr(rel);

		found = DatumGetInt64(heap_getattr(tuple, COUNTER_ATT_EPOCH, desc, &isnull)) ==
			(int64) GetSystemIdentifier();
		read_base_counts(tuple, desc, base);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return found;
}

static void
read_base_counts(HeapTuple tuple, TupleDesc desc, Base *base)
{
	Datum		values[COUNTER_NATTS];
	bool		nulls[COUNTER_NATTS];
	Datum	   *statuses;
	bool	   *status_nulls;
	Datum	   *counts;
	int			nstatuses;
	int			ncounts;

	heap_deform_tuple(tuple, desc, values, nulls);
	base->fold = DatumGetFullTransactionId(values[COUNTER_ATT_FOLD - 1]);
	base->snapshot = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[COUNTER_ATT_SNAPSHOT - 1]));
	deconstruct_array(DatumGetArrayTypePCopy(values[COUNTER_ATT_STATUSES - 1]), TEXTOID, -1,
					  false, TYPALIGN_INT, &statuses, &status_nulls, &nstatuses);
	deconstruct_array(DatumGetArrayTypePCopy(values[COUNTER_ATT_COUNTS - 1]), INT8OID, 8,
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &counts, NULL, &ncounts);
	for (int i = 0; i < Min(nstatuses, ncounts); i++)
		add_count(&base->counts, status_nulls[i] ? NULL : TextDatumGetCString(statuses[i]),
				  DatumGetInt64(counts[i]));
}

/* Has something been dropped from the log that this base does not have? */
static bool
base_is_too_old(const Base *base)
{
	Relation	rel = table_open(board_catalog_relid("counter_retired"), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	bool		result = false;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		fold = heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull);

		if (FullTransactionIdPrecedes(base->fold, DatumGetFullTransactionId(fold)))
			result = true;
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return result;
}

static void
add_changes(const Board *board, List *partitions, Base *base)
{
	ListCell   *cell;

	foreach(cell, partitions)
	{
		Relation	rel = table_open(lfirst_oid(cell), NoLock);

		add_changes_of_partition(board, rel, base);
		table_close(rel, NoLock);
	}
}

static void
add_changes_of_partition(const Board *board, Relation rel, Base *base)
{
	Oid			index = change_scan_find_index(rel);
	Datum		xmin = DirectFunctionCall1(pg_snapshot_xmin, base->snapshot);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, CHANGE_ATT_XID, BTGreaterEqualStrategyNumber, F_XID8GE, xmin);
	scan = systable_beginscan(rel, index, OidIsValid(index), GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_change(board, tuple, RelationGetDescr(rel), base);
	systable_endscan(scan);
}

static void
add_change(const Board *board, HeapTuple tuple, TupleDesc desc, Base *base)
{
	Datum		values[CHANGE_NATTS];
	bool		nulls[CHANGE_NATTS];
	char		op;

	heap_deform_tuple(tuple, desc, values, nulls);
	if (DatumGetObjectId(values[CHANGE_ATT_BOARD - 1]) != board->relid ||
		DatumGetInt64(values[CHANGE_ATT_EPOCH - 1]) != (int64) GetSystemIdentifier() ||
		DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, values[CHANGE_ATT_XID - 1],
										 base->snapshot)))
		return;
	op = DatumGetChar(values[CHANGE_ATT_OP - 1]);
	if (op != 'd')
		add_count(&base->counts, nulls[CHANGE_ATT_TO_STATUS - 1] ? NULL :
				  normal_status(board, values[CHANGE_ATT_TO_STATUS - 1]), 1);
	if (op != 'i')
		add_count(&base->counts, nulls[CHANGE_ATT_FROM_STATUS - 1] ? NULL :
				  normal_status(board, values[CHANGE_ATT_FROM_STATUS - 1]), -1);
}

/* Statuses are few. */
static void
add_count(List **counts, const char *status, int64 n)
{
	StatusCount *count;
	ListCell   *cell;

	foreach(cell, *counts)
	{
		count = lfirst(cell);
		if (status && count->status ? strcmp(status, count->status) == 0 : status == count->status)
		{
			count->n += n;
			return;
		}
	}
	count = palloc(sizeof(StatusCount));
	count->status = status ? pstrdup(status) : NULL;
	count->n = n;
	*counts = lappend(*counts, count);
}

/* The log has what the output function gives, a query what a cast to text gives. */
static char *
normal_status(const Board *board, Datum logged)
{
	Oid			type = getBaseType(get_atttype(board->relid, board->status_attno));
	char	   *status = TextDatumGetCString(logged);

	if (type == BOOLOID)
		return strcmp(status, "t") == 0 ? "true" : "false";
	if (type == BPCHAROID)
		for (int i = strlen(status) - 1; i >= 0 && status[i] == ' '; i--)
			status[i] = '\0';
	return status;
}

/* Runs it as the extension's owner with (board, epoch). */
static void
run_counted(const Board *board, const char *sql)
{
	Oid			types[2] = {REGCLASSOID, INT8OID};
	Datum		arguments[2];

	arguments[0] = ObjectIdGetDatum(board->relid);
	arguments[1] = Int64GetDatum((int64) GetSystemIdentifier());
	board_catalog_run(sql, 2, types, arguments);
}

/* Moves the base to the present snapshot; makes it if there is none of ours. */
static void
fold_board(const Board *board)
{
	const char *type = format_type_be_qualified(getBaseType(get_atttype(board->relid,
																		 board->status_attno)));

	run_counted(board,
				psprintf("UPDATE andon.counter k SET fold = pg_catalog.pg_current_xact_id(), snapshot = f.s,"
						 "  statuses = COALESCE(f.statuses, '{}'), counts = COALESCE(f.counts, '{}')"
						 " FROM (SELECT s.s, t.* FROM andon.counter o, (SELECT %s OFFSET 0) s (s), LATERAL ("
						 "  SELECT pg_catalog.array_agg(x.status) AS statuses, pg_catalog.array_agg(x.n) AS counts FROM ("
						 "   SELECT y.status, pg_catalog.sum(y.n)::pg_catalog.int8 AS n FROM ("
						 "    SELECT u.status, u.n FROM ROWS FROM (pg_catalog.unnest(o.statuses), pg_catalog.unnest(o.counts)) u (status, n)"
						 "    UNION ALL SELECT v.status::%s::pg_catalog.text, v.n " DELTA_SQL
						 "    AND c.xid >= pg_catalog.pg_snapshot_xmin(o.snapshot)"
						 "    AND NOT pg_catalog.pg_visible_in_snapshot(c.xid, o.snapshot)"
						 "    AND pg_catalog.pg_visible_in_snapshot(c.xid, s.s)) y"
						 "   GROUP BY y.status HAVING pg_catalog.sum(y.n) <> 0) x) t"
						 "  WHERE o.board = $1 AND o.epoch = $2) f"
						 " WHERE k.board = $1 AND k.epoch = $2", SNAPSHOT_SQL, type));
	/* an old snapshot may lack what was changed before the log was switched on */
	if (SPI_processed == 0 && !IsolationUsesXactSnapshot())
		counters_rebase(board);
}
