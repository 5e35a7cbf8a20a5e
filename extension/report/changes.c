/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  andon.changes() and andon.feed_position(): the feed, for who catches up.
 *
 * What a tick told is in the log: the rows that its snapshot shows and that of
 * the tick before did not (maintain/tick.c).  So changes() needs no queue, and a
 * position is the name of a snapshot.  Ticks are taken in batches: one scan of
 * the log finds the rows of all of them, and each row belongs to the first tick
 * that shows it.  Sorted by (tick, key, version) the changes of a key in a tick
 * follow one another and are merged into one.  The sort spills to disk, so
 * memory is bounded however many changes a tick has.
 *
 * The order inside a tick is that of keys, so it is the same for whoever asks,
 * whenever and wherever: an offset counts the merged changes of the board.
 *
 * Both look through the statement's snapshot: a tick is seen if its row is, and
 * then all that it tells is seen too.  So changes() never shows what a reader of
 * the board would not see in the same snapshot, and feed_position() is never
 * ahead of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
#include "utils/xid8.h"

#include "base/compat.h"
#include "board/board.h"
#include "contract/andon_contract.h"
#include "feed/position.h"
#include "feed/slots.h"
#include "maintain/change_log.h"
#include "maintain/change_scan.h"
#include "maintain/tick_table.h"
#include "report/log_access.h"

PG_FUNCTION_INFO_V1(andon_changes);
PG_FUNCTION_INFO_V1(andon_feed_position);

#define ERRCODE_POSITION_TOO_OLD \
	MAKE_SQLSTATE(ANDON_SQLSTATE_POSITION_TOO_OLD[0], ANDON_SQLSTATE_POSITION_TOO_OLD[1], \
				  ANDON_SQLSTATE_POSITION_TOO_OLD[2], ANDON_SQLSTATE_POSITION_TOO_OLD[3], \
				  ANDON_SQLSTATE_POSITION_TOO_OLD[4])

/* Ticks looked at together: few for who keeps up, many for who is behind. */
#define FIRST_BATCH 16
#define LARGEST_BATCH 1024

/* Columns of what is sorted, by the first three. */
enum
{
	SORT_TICK,
	SORT_KEY,
	SORT_VERSION,
	SORT_OP,
	SORT_FROM,
	SORT_TO,
	SORT_AT,
	SORT_NCOLUMNS,
	SORT_NKEYS = SORT_VERSION + 1
};

/* Columns of andon.changes(). */
enum
{
	CHANGES_POS,
	CHANGES_KEY,
	CHANGES_OP,
	CHANGES_FROM_STATUS,
	CHANGES_TO_STATUS,
	CHANGES_VERSION,
	CHANGES_AT,
	CHANGES_NCOLUMNS
};

typedef struct Request
{
	const Board *board;
	int64		max_rows;
	List	   *partitions;
	TickRow		last;			/* last tick that the snapshot sees */
	TickRow		from;			/* what this tick's snapshot shows is not asked for */
	uint64		skip_tick;		/* nor are the first changes of this tick */
	uint64		skip;			/* so many */
	ReturnSetInfo *result;
	int64		nrows;			/* given so far */
} Request;

/* Some ticks, and what is sorted of them. */
typedef struct Batch
{
	const Request *request;
	int			nticks;
	TickRow   **ticks;
	TupleDesc	columns;
	Tuplesortstate *sort;
	TupleTableSlot *slot;		/* what is put into it */
} Batch;

/* The changes of one key in one tick, as far as they have been read. */
typedef struct Merged
{
	MemoryContext context;		/* of logged */
	uint64		tick;			/* 0: none yet */
	LoggedChange logged;
	bool		is_there;		/* false: nothing is left of it so far */
	uint64		ordinal;		/* of the tick's changes that were shown or skipped */
} Merged;

static void check_board(const Board *board);
static void check_feed(Request *request);
static void start_from(Request *request, text *after);
static bool find_start(Request *request, const FeedPosition *position);
static void check_reached(const Request *request, const FeedPosition *position);
pg_noreturn static void raise_too_old(const FeedPosition *position, const char *detail);
static void show_changes(Request *request);
static void show_batch(Request *request, List *ticks);
static TupleDesc sort_columns(void);
static Tuplesortstate *begin_sort(TupleDesc columns);
static void put_change(HeapTuple tuple, TupleDesc desc, void *arg);
static uint64 find_tick(const Batch *batch, uint64 xid);
static void show_sorted(Request *request, Batch *batch);
static uint64 read_sorted(TupleTableSlot *slot, LoggedChange *logged);
static void merge(Request *request, Merged *merged, uint64 tick, const LoggedChange *logged,
				  TupleTableSlot *slot);
static void show_merged(Request *request, Merged *merged);
static void put_text(Datum *values, bool *nulls, int column, const char *text);

Datum
andon_changes(PG_FUNCTION_ARGS)
{
	Request		request = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the board is missing")));
	if (PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows must be 1 or more")));
	request.board = board_load_or_error(PG_GETARG_OID(0));
	request.max_rows = PG_GETARG_INT32(2);
	request.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check_board(request.board);
	InitMaterializedSRF(fcinfo, 0);
	/* the partitions are locked first: what is not dropped now stays */
	request.partitions = change_scan_open();
	check_feed(&request);
	start_from(&request, PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1));
	show_changes(&request);
	return (Datum) 0;
}

Datum
andon_feed_position(PG_FUNCTION_ARGS)
{
	Request		request = {0};
	FeedPosition position = {0};

	check_feed(&request);
	position.epoch = request.last.epoch;
	position.tick = request.last.tick;
	PG_RETURN_TEXT_P(cstring_to_text(position_format(&position)));
}

static void
check_board(const Board *board)
{
	log_access_check(board);
	if (board->log != BOARD_LOG_ALL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the log of board %s does not have all changes", board->qualified),
				 errdetail("It was created with options.log \"%s\".",
						   board->log == BOARD_LOG_OFF ? "off" : "transitions"),
				 errhint("Create it with \"log\": \"all\".")));
}

/* Fills request->last; ERROR 55000 if there is no feed. */
static void
check_feed(Request *request)
{
	if (!RecoveryInProgress() && !slots_are_there())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no feed"),
				 errdetail("Its worker runs only when the server has loaded the library at its start."),
				 errhint("Add andon to shared_preload_libraries and restart the server.")));
	if (!tick_table_exists() || !tick_table_find_last(GetActiveSnapshot(), &request->last))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the feed has not begun"),
				 errdetail("Its worker has not made a tick in this database yet."),
				 errhint("Try again; if it stays so, look whether andon.databases names this database.")));
}

static void
start_from(Request *request, text *after)
{
	FeedPosition position;

	if (after == NULL)
	{
		if (!tick_table_find_first(request->last.epoch, GetActiveSnapshot(), &request->from))
			request->from = request->last;
		return;
	}
	if (!position_parse(text_to_cstring(after), &position))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a position of the feed", text_to_cstring(after)),
				 errhint("Give back what andon.changes(), andon.feed_position() or a notification has given.")));
	if (find_start(request, &position) && !tick_table_reaches_back(request->board->relid,
																   request->from.snapshot))
		raise_too_old(&position, "The board is newer, or changes since then have been dropped from its log.");
}

/* False if the position lies ahead of what the snapshot sees: nothing to show yet. */
static bool
find_start(Request *request, const FeedPosition *position)
{
	uint64		tick = position->offset > 0 ? position->tick - 1 : position->tick;

	check_reached(request, position);
	request->skip_tick = position->tick;
	request->skip = position->offset;
	if (position->epoch > request->last.epoch || position->tick > request->last.tick)
	{
		request->from = request->last;
		return false;
	}
	if (!tick_table_find(position->epoch, tick, GetActiveSnapshot(), &request->from))
		raise_too_old(position, "Ticks are kept as long as the change log (andon.log_retention).");
	return true;
}

/* ERROR if the position is of another epoch, or of a tick that was lost. */
static void
check_reached(const Request *request, const FeedPosition *position)
{
	TickRow		newest;

	if (position->epoch < request->last.epoch)
		raise_too_old(position, "The server has been restarted or promoted since then.");
	if (position->epoch == request->last.epoch && position->tick <= request->last.tick)
		return;
	/* a replica may not have it yet, nor an older snapshot */
	if (RecoveryInProgress() ||
		(tick_table_find_last(GetLatestSnapshot(), &newest) &&
		 newest.epoch == position->epoch && newest.tick >= position->tick))
		return;
	raise_too_old(position, "The feed has no such tick: it was lost in a crash, or is of another server.");
}

static void
raise_too_old(const FeedPosition *position, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_POSITION_TOO_OLD),
			 errmsg("position \"%s\" is too old", position_format(position)),
			 errdetail_internal("%s", detail),
			 errhint("Call andon.feed_position(), read the board again, and go on from that position.")));
}

static void
show_changes(Request *request)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext before = NULL;	/* where request->from is */
	int			max_ticks = FIRST_BATCH;
	bool		is_done = false;

	while (!is_done && request->nrows < request->max_rows)
	{
		MemoryContext context = AllocSetContextCreate(outer, "andon changes",
													  ALLOCSET_DEFAULT_SIZES);
		List	   *ticks;

		MemoryContextSwitchTo(context);
		ticks = tick_table_read_after(&request->from, max_ticks, GetActiveSnapshot());
		is_done = list_length(ticks) < max_ticks;
		if (ticks != NIL)
		{
			show_batch(request, ticks);
			request->from = *(TickRow *) llast(ticks);
		}
		MemoryContextSwitchTo(outer);
		if (before)
			MemoryContextDelete(before);
		before = context;
		max_ticks = Min(max_ticks * 2, LARGEST_BATCH);
	}
}

static void
show_batch(Request *request, List *ticks)
{
	Batch		batch = {0};
	ListCell   *cell;

	batch.request = request;
	batch.ticks = palloc(sizeof(TickRow *) * list_length(ticks));
	foreach(cell, ticks)
		batch.ticks[batch.nticks++] = lfirst(cell);
	batch.columns = sort_columns();
	batch.sort = begin_sort(batch.columns);
	batch.slot = MakeSingleTupleTableSlot(batch.columns, &TTSOpsVirtual);
	change_scan_between(request->partitions, request->from.snapshot,
						batch.ticks[batch.nticks - 1]->snapshot, put_change, &batch);
	tuplesort_performsort(batch.sort);
	show_sorted(request, &batch);
	tuplesort_end(batch.sort);
	ExecDropSingleTupleTableSlot(batch.slot);
}

static TupleDesc
sort_columns(void)
{
	static const Oid types[SORT_NCOLUMNS] = {
		[SORT_TICK] = INT8OID,
		[SORT_KEY] = JSONBOID,
		[SORT_VERSION] = INT8OID,
		[SORT_OP] = CHAROID,
		[SORT_FROM] = TEXTOID,
		[SORT_TO] = TEXTOID,
		[SORT_AT] = TIMESTAMPTZOID,
	};
	TupleDesc	columns = CreateTemplateTupleDesc(SORT_NCOLUMNS);

	for (int i = 0; i < SORT_NCOLUMNS; i++)
		TupleDescInitEntry(columns, i + 1, NULL, types[i], -1, 0);
	return columns;
}

static Tuplesortstate *
begin_sort(TupleDesc columns)
{
	AttrNumber	attnos[SORT_NKEYS];
	Oid			operators[SORT_NKEYS];
	Oid			collations[SORT_NKEYS];
	bool		nulls_first[SORT_NKEYS];

	for (int i = 0; i < SORT_NKEYS; i++)
	{
		attnos[i] = i + 1;
		operators[i] = lookup_type_cache(TupleDescAttr(columns, i)->atttypid,
										 TYPECACHE_LT_OPR)->lt_opr;
		collations[i] = InvalidOid;
		nulls_first[i] = false;
	}
	return tuplesort_begin_heap(columns, SORT_NKEYS, attnos, operators, collations, nulls_first,
								work_mem, NULL, TUPLESORT_NONE);
}

/* A row of the log: sorted, if it is one of the board's. */
static void
put_change(HeapTuple tuple, TupleDesc desc, void *arg)
{
	Batch	   *batch = arg;
	TupleTableSlot *slot = batch->slot;
	Datum		values[CHANGE_NATTS];
	bool		nulls[CHANGE_NATTS];

	heap_deform_tuple(tuple, desc, values, nulls);
	if (DatumGetObjectId(values[CHANGE_ATT_BOARD - 1]) != batch->request->board->relid)
		return;
	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * SORT_NCOLUMNS);
	slot->tts_values[SORT_TICK] =
		Int64GetDatum(find_tick(batch, U64FromFullTransactionId(
													 DatumGetFullTransactionId(values[CHANGE_ATT_XID - 1]))));
	slot->tts_values[SORT_KEY] = values[CHANGE_ATT_KEY - 1];
	slot->tts_values[SORT_VERSION] = values[CHANGE_ATT_VERSION - 1];
	slot->tts_values[SORT_OP] = values[CHANGE_ATT_OP - 1];
	slot->tts_values[SORT_FROM] = values[CHANGE_ATT_FROM_STATUS - 1];
	slot->tts_isnull[SORT_FROM] = nulls[CHANGE_ATT_FROM_STATUS - 1];
	slot->tts_values[SORT_TO] = values[CHANGE_ATT_TO_STATUS - 1];
	slot->tts_isnull[SORT_TO] = nulls[CHANGE_ATT_TO_STATUS - 1];
	slot->tts_values[SORT_AT] = values[CHANGE_ATT_AT - 1];
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(batch->sort, slot);
}

/* The first tick of the batch whose snapshot shows the transaction; the last one's does. */
static uint64
find_tick(const Batch *batch, uint64 xid)
{
	int			low = 0;
	int			high = batch->nticks - 1;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (xid_snapshot_shows(batch->ticks[middle]->snapshot, xid))
			high = middle;
		else
			low = middle + 1;
	}
	return batch->ticks[low]->tick;
}

static void
show_sorted(Request *request, Batch *batch)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(batch->columns, &TTSOpsMinimalTuple);
	MemoryContext old = CurrentMemoryContext;
	MemoryContext row = AllocSetContextCreate(old, "andon changes row", ALLOCSET_SMALL_SIZES);
	Merged		merged = {0};

	merged.context = AllocSetContextCreate(old, "andon merged change", ALLOCSET_SMALL_SIZES);
	while (request->nrows < request->max_rows &&
		   tuplesort_gettupleslot(batch->sort, true, false, slot, NULL))
	{
		LoggedChange logged;
		uint64		tick;

		MemoryContextReset(row);
		MemoryContextSwitchTo(row);
		tick = read_sorted(slot, &logged);
		MemoryContextSwitchTo(old);
		merge(request, &merged, tick, &logged, slot);
	}
	if (request->nrows < request->max_rows)
		show_merged(request, &merged);
	ExecDropSingleTupleTableSlot(slot);
}

/* In the current context. */
static uint64
read_sorted(TupleTableSlot *slot, LoggedChange *logged)
{
	slot_getallattrs(slot);
	logged->key = DatumGetJsonbPCopy(slot->tts_values[SORT_KEY]);
	logged->at = DatumGetTimestampTz(slot->tts_values[SORT_AT]);
	logged->change.key = NULL;
	logged->change.version = DatumGetInt64(slot->tts_values[SORT_VERSION]);
	logged->change.op = change_log_op(DatumGetChar(slot->tts_values[SORT_OP]));
	logged->change.from = slot->tts_isnull[SORT_FROM] ? NULL :
		TextDatumGetCString(slot->tts_values[SORT_FROM]);
	logged->change.to = slot->tts_isnull[SORT_TO] ? NULL :
		TextDatumGetCString(slot->tts_values[SORT_TO]);
	return (uint64) DatumGetInt64(slot->tts_values[SORT_TICK]);
}

/* Adds what slot has to the key's changes in the tick, or shows those and begins the next. */
static void
merge(Request *request, Merged *merged, uint64 tick, const LoggedChange *logged,
	  TupleTableSlot *slot)
{
	bool		is_same = tick == merged->tick &&
		change_log_is_same_key(logged, &merged->logged);
	MemoryContext old;

	if (is_same && merged->is_there)
	{
		old = MemoryContextSwitchTo(merged->context);
		merged->is_there = feed_payload_merge(&merged->logged.change, &logged->change);
		if (logged->change.to)
			merged->logged.change.to = pstrdup(logged->change.to);
		merged->logged.at = logged->at;
		MemoryContextSwitchTo(old);
		return;
	}
	if (!is_same)
		show_merged(request, merged);
	if (tick != merged->tick)
		merged->ordinal = 0;
	MemoryContextReset(merged->context);
	old = MemoryContextSwitchTo(merged->context);
	merged->tick = read_sorted(slot, &merged->logged);
	MemoryContextSwitchTo(old);
	merged->is_there = true;
}

static void
show_merged(Request *request, Merged *merged)
{
	static const char *const op_names[] = {
		[FEED_INSERT] = "insert",
		[FEED_UPDATE] = "update",
		[FEED_DELETE] = "delete",
	};
	const FeedChange *change = &merged->logged.change;
	FeedPosition position = {request->last.epoch, merged->tick, 0};
	Datum		values[CHANGES_NCOLUMNS];
	bool		nulls[CHANGES_NCOLUMNS] = {0};
	MemoryContext old;

	if (!merged->is_there)
		return;
	position.offset = ++merged->ordinal;
	if (merged->tick == request->skip_tick && merged->ordinal <= request->skip)
		return;
	old = MemoryContextSwitchTo(merged->context);
	values[CHANGES_POS] = CStringGetTextDatum(position_format(&position));
	values[CHANGES_KEY] = JsonbPGetDatum(merged->logged.key);
	values[CHANGES_OP] = CStringGetTextDatum(op_names[change->op]);
	put_text(values, nulls, CHANGES_FROM_STATUS, change->from);
	put_text(values, nulls, CHANGES_TO_STATUS, change->to);
	values[CHANGES_VERSION] = Int64GetDatum(change->version);
	values[CHANGES_AT] = TimestampTzGetDatum(merged->logged.at);
	tuplestore_putvalues(request->result->setResult, request->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	request->nrows++;
}

static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text ? CStringGetTextDatum(text) : (Datum) 0;
}
