/*-------------------------------------------------------------------------
 *
 * board_writer.c
 *	  Writes rows of a board.
 *
 * The time of a change is clock_timestamp() under the key's lock: now() could
 * lie before the time of the change it follows, and dwell would be negative.
 *
 * A version only ever grows, also over a key's absence: what leaves is noted in
 * andon.departed under the hash of its key, and a key that enters goes on from
 * there.  Two keys with one hash share the note, which is harmless, and share
 * the key lock, so the note has one writer at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/row_writer.h"
#include "base/stats.h"
#include "board/board_catalog.h"
#include "feed/feed_commit.h"
#include "feed/slots.h"
#include "maintain/board_writer.h"
#include "maintain/change_log.h"
#include "maintain/transition.h"

/* andon.departed, see sql/modules/10_catalog.sql */
enum
{
	DEPARTED_ATT_BOARD = 1,
	DEPARTED_ATT_KEY_HASH,
	DEPARTED_ATT_VERSION,
	DEPARTED_NATTS = DEPARTED_ATT_VERSION
};

struct BoardWriter
{
	BoardPlan  *plan;
	RowWriter  *rows;
	Relation	rel;			/* what rows has open */
	TupleTableSlot *before;
	TupleTableSlot *after;
	RowLookup  *found_by;		/* the one that found the row in before */
	Oid			status_output;	/* output function of the status' type; if needed */
	bool		is_filling;		/* a new board: nothing to tell, nothing to log */
	bool		is_collected;	/* what changes is told by the commit */
	List	   *rule;			/* allowed transitions; NIL: all */
	ExprContext *defaults;		/* in which defaults of the owner's columns are computed; if needed */
	ExprState **default_of;		/* by column; NULL: none */
	ChangeLog  *log;			/* NULL until the first change that is logged */
	MemoryContext context;		/* in which it was opened */
	MemoryContext row_context;	/* of what is told and logged about one row; if needed */
};

static void fill_slot(BoardWriter *writer, const BoardRow *before, Datum *values,
					  bool *nulls, TimestampTz since, int64 version);
static void fill_defaults(BoardWriter *writer);
static void prepare_defaults(BoardWriter *writer);
static bool status_differs(BoardWriter *writer, const BoardRow *before, Datum *values,
						   bool *nulls);
static void read_key(BoardWriter *writer, Datum *values, Datum *key);
static TimestampTz time_of_change(const BoardRow *before);
static void record_change(BoardWriter *writer, FeedOp op, const BoardRow *before,
						  Datum *values, bool *nulls, TimestampTz at, int64 version);
static void begin_record(BoardWriter *writer);
static void build_change(BoardWriter *writer, FeedChange *change, Datum *key,
						 const BoardRow *before, Datum *values, bool *nulls);
static char *format_status(BoardWriter *writer, Datum *values, bool *nulls);
static HeapTuple find_departed(Relation departed, Oid board, int64 hash);
static int64 last_version(BoardWriter *writer, Datum *values);
static void note_departed(BoardWriter *writer, Datum *values, int64 version);

BoardWriter *
board_writer_open(BoardPlan *plan, bool is_filling)
{
	BoardWriter *writer = palloc0(sizeof(BoardWriter));

	writer->plan = plan;
	writer->context = CurrentMemoryContext;
	writer->is_filling = is_filling;
	writer->is_collected = feed_is_collected(plan->board->log != BOARD_LOG_OFF &&
											 OidIsValid(board_catalog_relid("tick")));
	writer->rule = plan->is_mended ? NIL : transition_find_rule(plan->board);
	writer->rows = row_writer_open(plan->board->relid);
	writer->rel = row_writer_relation(writer->rows);
	writer->before = table_slot_create(writer->rel, NULL);
	writer->after = table_slot_create(writer->rel, NULL);
	return writer;
}

bool
board_writer_can_find(BoardWriter *writer, const RowLookup *lookup)
{
	return row_writer_find_index(writer->rows, lookup->index) != NULL;
}

bool
board_writer_find(BoardWriter *writer, RowLookup *lookup, const Datum *key,
				  Snapshot snapshot, BoardRow *row)
{
	const Board *board = writer->plan->board;
	Relation	index = row_writer_find_index(writer->rows, lookup->index);

	if (!row_lookup_find(lookup, writer->rel, index, key, snapshot, writer->before))
		return false;
	writer->found_by = lookup;
	slot_getallattrs(writer->before);
	row->tid = writer->before->tts_tid;
	row->values = writer->before->tts_values;
	row->nulls = writer->before->tts_isnull;
	row->since = DatumGetTimestampTz(row->values[board->since_attno - 1]);
	row->version = DatumGetInt64(row->values[board->version_attno - 1]);
	return true;
}

void
board_writer_insert(BoardWriter *writer, Datum *values, bool *nulls)
{
	int64		version = last_version(writer, values) + 1;
	TimestampTz at = time_of_change(NULL);

	fill_slot(writer, NULL, values, nulls, at, version);
	row_writer_insert(writer->rows, writer->after);
	stats_count(STATS_INSERTED, writer->is_filling ? 0 : 1);
	record_change(writer, FEED_INSERT, NULL, values, nulls, at, version);
}

void
board_writer_update(BoardWriter *writer, const BoardRow *before, Datum *values, bool *nulls)
{
	TimestampTz at = time_of_change(before);
	bool		is_transition = status_differs(writer, before, values, nulls);
	RowImage	known = {writer->plan->board->ncolumns, before->values, before->nulls};

	fill_slot(writer, before, values, nulls, is_transition ? at : before->since,
			  before->version + 1);
	if (row_writer_update(writer->rows, writer->before, writer->after, &known) &&
		before->values == writer->before->tts_values)
		row_lookup_note_moved(writer->found_by, writer->before, writer->after->tts_tid);
	stats_count(STATS_UPDATED, 1);
	record_change(writer, FEED_UPDATE, before, values, nulls, at, before->version + 1);
}

void
board_writer_delete(BoardWriter *writer, const BoardRow *before)
{
	if (before->values != writer->before->tts_values)
	{
		ExecClearTuple(writer->before);
		writer->before->tts_tid = before->tid;
	}
	row_writer_delete(writer->rows, writer->before);
	stats_count(STATS_DELETED, 1);
	note_departed(writer, before->values, before->version + 1);
	record_change(writer, FEED_DELETE, before, before->values, before->nulls,
				  time_of_change(before), before->version + 1);
}

void
board_writer_close(BoardWriter *writer)
{
	if (writer->log)
		change_log_close(writer->log);
	if (writer->row_context)
		MemoryContextDelete(writer->row_context);
	if (writer->defaults)
		FreeExprContext(writer->defaults, true);
	ExecDropSingleTupleTableSlot(writer->before);
	ExecDropSingleTupleTableSlot(writer->after);
	row_writer_close(writer->rows);
	pfree(writer);
}

/*
 * The new row in writer->after; columns that the owner has added to the board
 * begin with their defaults and keep what they have.
 */
static void
fill_slot(BoardWriter *writer, const BoardRow *before, Datum *values, bool *nulls,
		  TimestampTz since, int64 version)
{
	const Board *board = writer->plan->board;
	TupleTableSlot *after = writer->after;
	int			natts = after->tts_tupleDescriptor->natts;

	ExecClearTuple(after);
	memset(after->tts_isnull, true, sizeof(bool) * natts);
	if (before && before->values == writer->before->tts_values)
	{
		/* found here: the values point into the slot */
		memcpy(after->tts_values, before->values, sizeof(Datum) * natts);
		memcpy(after->tts_isnull, before->nulls, sizeof(bool) * natts);
	}
	else if (before)
	{
		ExecClearTuple(writer->before);
		if (natts > board->version_attno &&
			table_tuple_fetch_row_version(writer->rel, (ItemPointer) &before->tid,
										  SnapshotAny, writer->before))
		{
			slot_getallattrs(writer->before);
			memcpy(after->tts_values, writer->before->tts_values, sizeof(Datum) * natts);
			memcpy(after->tts_isnull, writer->before->tts_isnull, sizeof(bool) * natts);
		}
		writer->before->tts_tid = before->tid;
	}
	else if (natts > board->version_attno)
		fill_defaults(writer);
	memcpy(after->tts_values, values, sizeof(Datum) * board->ncolumns);
	memcpy(after->tts_isnull, nulls, sizeof(bool) * board->ncolumns);
	after->tts_values[board->since_attno - 1] = TimestampTzGetDatum(since);
	after->tts_isnull[board->since_attno - 1] = false;
	after->tts_values[board->version_attno - 1] = Int64GetDatum(version);
	after->tts_isnull[board->version_attno - 1] = false;
	ExecStoreVirtualTuple(after);
}

/* The values live until the next row. */
static void
fill_defaults(BoardWriter *writer)
{
	TupleTableSlot *after = writer->after;

	if (writer->defaults == NULL)
		prepare_defaults(writer);
	ResetExprContext(writer->defaults);
	for (int i = writer->plan->board->version_attno; i < after->tts_tupleDescriptor->natts; i++)
		if (writer->default_of[i])
			after->tts_values[i] = ExecEvalExprSwitchContext(writer->default_of[i], writer->defaults,
															 &after->tts_isnull[i]);
}

static void
prepare_defaults(BoardWriter *writer)
{
	TupleDesc	desc = RelationGetDescr(writer->rel);
	MemoryContext old = MemoryContextSwitchTo(writer->context);

	writer->default_of = palloc0(sizeof(ExprState *) * desc->natts);
	for (int i = writer->plan->board->version_attno; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Node	   *expression = att->attisdropped || att->attgenerated ? NULL :
			build_column_default(writer->rel, i + 1);

		if (expression)
			writer->default_of[i] = ExecInitExpr(expression_planner((Expr *) expression), NULL);
	}
	writer->defaults = CreateStandaloneExprContext();
	MemoryContextSwitchTo(old);
}

static bool
status_differs(BoardWriter *writer, const BoardRow *before, Datum *values, bool *nulls)
{
	int			i = writer->plan->board->status_attno - 1;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(writer->rel), i);

	if (before->nulls[i] != nulls[i])
		return true;
	return !nulls[i] &&
		!datum_image_eq(before->values[i], values[i], att->attbyval, att->attlen);
}

static void
read_key(BoardWriter *writer, Datum *values, Datum *key)
{
	const Board *board = writer->plan->board;

	for (int i = 0; i < board->nkeys; i++)
		key[i] = values[board->key_attnos[i] - 1];
}

/* Under the key's lock: never before what it follows. */
static TimestampTz
time_of_change(const BoardRow *before)
{
	TimestampTz now = GetCurrentTimestamp();

	return before ? Max(now, before->since) : now;
}

/* values is the row after, or, for a row that leaves, the row before. */
static void
record_change(BoardWriter *writer, FeedOp op, const BoardRow *before, Datum *values,
			  bool *nulls, TimestampTz at, int64 version)
{
	const Board *board = writer->plan->board;
	bool		is_transition = op != FEED_UPDATE ||
		status_differs(writer, before, values, nulls);
	bool		is_logged = change_log_is_wanted(board, is_transition);
	Datum		key[INDEX_MAX_KEYS];
	FeedChange	change = {0};
	MemoryContext old;

	if (writer->is_filling || !(is_logged || writer->rule || writer->is_collected))
		return;
	if (is_logged && writer->log == NULL)
		writer->log = change_log_open();
	change.op = op;
	change.version = version;
	if (writer->row_context == NULL)
		begin_record(writer);
	old = MemoryContextSwitchTo(writer->row_context);
	build_change(writer, &change, key, before, values, nulls);
	if (writer->rule)
		transition_check(board, writer->rule, change.key, change.from, change.to);
	if (writer->is_collected)
		feed_collect(board->relid, board->qualified, board->channel, &change);
	if (is_logged)
	{
		change_log_write(writer->log, board->relid, &change,
						 value_lock_hash(writer->plan->key, key), at);
		slots_note_change();
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->row_context);
}

/* What telling and logging need and plain writing does not. */
static void
begin_record(BoardWriter *writer)
{
	const Board *board = writer->plan->board;
	bool		is_varlena;

	getTypeOutputInfo(TupleDescAttr(RelationGetDescr(writer->rel), board->status_attno - 1)->atttypid,
					  &writer->status_output, &is_varlena);
	writer->row_context = AllocSetContextCreate(writer->context, "andon change",
												ALLOCSET_SMALL_SIZES);
}

/* The texts of a change, in the current context. */
static void
build_change(BoardWriter *writer, FeedChange *change, Datum *key, const BoardRow *before,
			 Datum *values, bool *nulls)
{
	read_key(writer, values, key);
	change->key = board_plan_format_key(writer->plan, key);
	change->from = before ? format_status(writer, before->values, before->nulls) : NULL;
	change->to = change->op != FEED_DELETE ? format_status(writer, values, nulls) : NULL;
}

static char *
format_status(BoardWriter *writer, Datum *values, bool *nulls)
{
	int			i = writer->plan->board->status_attno - 1;

	return nulls[i] ? NULL : OidOutputFunctionCall(writer->status_output, values[i]);
}

/* A copy of the note on a departed key, or NULL. */
static HeapTuple
find_departed(Relation departed, Oid board, int64 hash)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], DEPARTED_ATT_BOARD, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(board));
	ScanKeyInit(&keys[1], DEPARTED_ATT_KEY_HASH, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(hash));
	scan = systable_beginscan(departed, compat_primary_key_index(departed), true,
							  NULL, 2, keys);
	tuple = systable_getnext(scan);
	tuple = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : NULL;
	systable_endscan(scan);
	return tuple;
}

static int64
last_version(BoardWriter *writer, Datum *values)
{
	Relation	departed = table_open(board_catalog_relid("departed"), AccessShareLock);
	Datum		key[INDEX_MAX_KEYS];
	HeapTuple	tuple;
	int64		version = writer->plan->version_floor;
	bool		isnull;

	read_key(writer, values, key);
	tuple = find_departed(departed, writer->plan->board->relid,
						  (int64) value_lock_hash(writer->plan->key, key));
	if (tuple)
		version = Max(version, DatumGetInt64(heap_getattr(tuple, DEPARTED_ATT_VERSION,
														  RelationGetDescr(departed), &isnull)));
	table_close(departed, NoLock);
	return version;
}

static void
note_departed(BoardWriter *writer, Datum *values, int64 version)
{
	Relation	departed = table_open(board_catalog_relid("departed"), RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(departed);
	Datum		key[INDEX_MAX_KEYS];
	Datum		row[DEPARTED_NATTS];
	bool		nulls[DEPARTED_NATTS] = {0};
	HeapTuple	old;
	HeapTuple	tuple;
	int64		hash;

	read_key(writer, values, key);
	hash = (int64) value_lock_hash(writer->plan->key, key);
	row[DEPARTED_ATT_BOARD - 1] = ObjectIdGetDatum(writer->plan->board->relid);
	row[DEPARTED_ATT_KEY_HASH - 1] = Int64GetDatum(hash);
	row[DEPARTED_ATT_VERSION - 1] = Int64GetDatum(version);

	old = find_departed(departed, writer->plan->board->relid, hash);
	if (old)
	{
		bool		isnull;
		int64		before = DatumGetInt64(heap_getattr(old, DEPARTED_ATT_VERSION, desc,
														&isnull));

		row[DEPARTED_ATT_VERSION - 1] = Int64GetDatum(Max(before, version));
	}
	tuple = heap_form_tuple(desc, row, nulls);
	if (old)
		CatalogTupleUpdate(departed, &old->t_self, tuple);
	else
		CatalogTupleInsert(departed, tuple);
	/* the next key of this batch may have the same hash */
	CommandCounterIncrement();
	table_close(departed, NoLock);
}
