/*-------------------------------------------------------------------------
 *
 * tick.c
 *	  One tick of the feed: what has become visible since the last is told.
 *
 * A tick takes a snapshot S and tells the rows of the change log that S shows
 * and the last tick's snapshot did not: no row is told twice, none is left out,
 * whatever order transactions commit in, and one that goes on for hours delays
 * its own changes only.  The tick's row in andon.tick and its notifications are
 * one transaction; whoever reads the row later (report/changes.c) finds the same
 * changes again between the same two snapshots.
 *
 * Two positions in the WAL go with it.  lsn lies behind the commit records of
 * all changes told: a replica that has replayed it shows them too.  It is
 * flushed before the notifications go out, for replicas get what is flushed.
 * Whoever waited for his commit has had it flushed before he was visible, so the
 * end of what is flushed, sampled after S, will do, and the tick makes nobody
 * wait for the disk; for commits without waiting (synchronous_commit = off) the
 * server remembers how far to flush.
 *
 * safe_lsn, never beyond lsn, says that every change whose commit record lies
 * before it has been told.  Its bound is found before S is taken: first the insert
 * position L, then the least of L and of all slots.  A writer puts the insert position into
 * his slot before he writes his commit record, and clears the slot when his
 * transaction is visible:
 *
 *	  writer						tick
 *	  slot := V
 *	  commit record, at C > V		L := insert position
 *									scan of the slots
 *	  is visible
 *	  clears the slot
 *									S := snapshot
 *
 *	  the scan came before the slot was set:	C is after the scan, so after L;
 *												safe_lsn <= L < C
 *	  the scan found the slot (as above):		safe_lsn <= V < C
 *	  the scan came after it was cleared:		the writer was visible before S
 *												was taken: told by now
 *
 * Beyond FEED_MAX_CHANGES of one board its readers are asked to resync instead:
 * a tick's memory is bounded, whatever a statement changes.  So are they when
 * the board is new since the last tick, and readers of all boards at the first
 * tick of an epoch, or when part of the log was dropped before it was told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/async.h"
#include "common/pg_prng.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/wal.h"
#include "board/board.h"
#include "board/board_cache.h"
#include "feed/feed_commit.h"
#include "feed/feed_payload.h"
#include "feed/position.h"
#include "maintain/change_log.h"
#include "maintain/change_scan.h"
#include "maintain/tick.h"
#include "maintain/tick_table.h"

/* A tick this long after the last one flushes all there is. */
#define REST_MS	30000

/* What a tick has to tell about one board. */
typedef struct TickBoard
{
	Oid			relid;
	int			nchanges;
	LoggedChange *changes;		/* room for FEED_MAX_CHANGES */
	bool		resync;
} TickBoard;

typedef struct Tick
{
	TickRow		last;			/* not filled if is_first */
	TickRow		row;
	bool		is_first;
	TransactionId flushed_xid;	/* its commit is known to lie before row.lsn */
	List	   *boards;			/* of TickBoard */
	TickBoard  *recent;			/* the one of the last change */
	int			notifications;
} Tick;

static void begin_tick(Tick *tick, const TickOrder *order);
static XLogRecPtr find_lsn(const Tick *tick);
static void note_commit(Tick *tick, HeapTuple tuple, TupleDesc desc);
static void collect(Tick *tick);
static void collect_change(HeapTuple tuple, TupleDesc desc, void *arg);
static TickBoard *get_board(Tick *tick, Oid relid);
static void ask_for_resync(Tick *tick, List *boards);
static int	notify(Tick *tick);
static int	notify_board(const TickBoard *told, const Board *board, const FeedStamp *stamp);
static List *order_changes(const TickBoard *told);
static void fill_result(const Tick *tick, TickResult *result);

uint64
tick_draw_epoch(void)
{
	uint64		epoch = ((uint64) (GetCurrentTimestamp() / 1000) << 8) |
		(pg_prng_uint32(&pg_global_prng_state) & 0xFF);
	TickRow		last;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (tick_table_exists() && tick_table_find_last(GetActiveSnapshot(), &last))
		epoch = Max(epoch, last.epoch + 1);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return epoch;
}

bool
tick_find_last(uint64 epoch, TickResult *last)
{
	TickRow		row;
	bool		found;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	found = tick_table_exists() && tick_table_find_last(GetActiveSnapshot(), &row) &&
		row.epoch == epoch;
	memset(last, 0, sizeof(TickResult));
	if (found)
	{
		last->tick = row.tick;
		last->lsn = row.lsn;
		last->safe_lsn = row.safe_lsn;
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

void
tick_make(const TickOrder *order, TickResult *result)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "andon tick",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Tick		tick = {0};

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a tick must be a transaction of its own")));
	PushActiveSnapshot(GetLatestSnapshot());
	begin_tick(&tick, order);
	collect(&tick);
	/* the insert position L may lie beyond what is flushed; collect() has moved lsn on */
	tick.row.safe_lsn = Min(order->safe_lsn, tick.row.lsn);
	if (tick.boards != NIL || tick.is_first)
	{
		XLogFlush(tick.row.lsn);
		tick_table_insert(&tick.row);
		if (order->notifies)
			tick.notifications = notify(&tick);
	}
	fill_result(&tick, result);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Under the tick's snapshot, which is active. */
static void
begin_tick(Tick *tick, const TickOrder *order)
{
	TickRow    *row = &tick->row;
	bool		has_last = tick_table_find_last(GetActiveSnapshot(), &tick->last);

	if (has_last && tick->last.epoch > order->epoch)
		elog(ERROR, "epoch " UINT64_FORMAT " follows epoch " UINT64_FORMAT, order->epoch,
			 tick->last.epoch);
	tick->is_first = !has_last || tick->last.epoch < order->epoch;
	row->epoch = order->epoch;
	row->tick = tick->is_first ? 1 : tick->last.tick + 1;
	row->at = GetCurrentTimestamp();
	row->stored = xid_snapshot_current();
	row->snapshot = xid_snapshot_parse(row->stored);
	row->lsn = find_lsn(tick);
}

/*
 * What is flushed may end within a record at the end of a page: then no replica
 * may get there for a while.  After a long rest the server need not remember
 * any more how far to flush for whom.
 */
static XLogRecPtr
find_lsn(const Tick *tick)
{
	XLogRecPtr	flushed = GetFlushRecPtr(NULL);

	if (tick->is_first || flushed % XLOG_BLCKSZ == 0 ||
		TimestampDifferenceExceeds(tick->last.at, tick->row.at, REST_MS))
		return wal_insert_end();
	return flushed;
}

/* The log's rows of one transaction come one after the other. */
static void
note_commit(Tick *tick, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, CHANGE_ATT_XID, desc, &isnull);
	TransactionId xid = XidFromFullTransactionId(DatumGetFullTransactionId(value));

	if (xid == tick->flushed_xid)
		return;
	tick->flushed_xid = xid;
	tick->row.lsn = Max(tick->row.lsn, TransactionIdGetCommitLSN(xid));
}

static void
collect(Tick *tick)
{
	List	   *partitions;

	if (tick->is_first)
	{
		ask_for_resync(tick, board_list_all());
		return;
	}
	/* the partitions are locked first: what is not dropped now stays */
	partitions = change_scan_open();
	if (!tick_table_has_all_since(tick->last.snapshot))
		ask_for_resync(tick, board_list_all());
	ask_for_resync(tick, tick_table_find_new_boards(tick->last.snapshot, tick->row.snapshot));
	change_scan_between(partitions, tick->last.snapshot, tick->row.snapshot, collect_change, tick);
}

static void
collect_change(HeapTuple tuple, TupleDesc desc, void *arg)
{
	Tick	   *tick = arg;
	bool		isnull;
	TickBoard  *board = get_board(tick, DatumGetObjectId(heap_getattr(tuple, CHANGE_ATT_BOARD,
																	  desc, &isnull)));

	tick->row.changes++;
	note_commit(tick, tuple, desc);
	if (board->nchanges == FEED_MAX_CHANGES)
		board->resync = true;
	if (board->resync)
		return;
	if (board->changes == NULL)
		board->changes = palloc(sizeof(LoggedChange) * FEED_MAX_CHANGES);
	change_log_read(tuple, desc, &board->changes[board->nchanges++]);
}

/* Boards are few, and changes of one come in a row. */
static TickBoard *
get_board(Tick *tick, Oid relid)
{
	ListCell   *cell;
	TickBoard  *board;

	if (tick->recent && tick->recent->relid == relid)
		return tick->recent;
	foreach(cell, tick->boards)
	{
		board = lfirst(cell);
		if (board->relid == relid)
			return tick->recent = board;
	}
	board = palloc0(sizeof(TickBoard));
	board->relid = relid;
	tick->boards = lappend(tick->boards, board);
	return tick->recent = board;
}

static void
ask_for_resync(Tick *tick, List *boards)
{
	ListCell   *cell;

	foreach(cell, boards)
		get_board(tick, lfirst_oid(cell))->resync = true;
}

/* Queues the notifications; returns how many. */
static int
notify(Tick *tick)
{
	FeedPosition position = {0};
	FeedStamp	stamp;
	ListCell   *cell;
	int			sent = 0;

	position.epoch = tick->row.epoch;
	position.tick = tick->row.tick;
	stamp.pos = position_format(&position);
	stamp.lsn = tick->row.lsn;
	stamp.safe_lsn = tick->row.safe_lsn;
	foreach(cell, tick->boards)
	{
		TickBoard  *told = lfirst(cell);
		BoardEntry *entry = board_cache_get(told->relid);

		/* it may have been dropped since */
		if (entry->board)
			sent += notify_board(told, entry->board, &stamp);
	}
	return sent;
}

static int
notify_board(const TickBoard *told, const Board *board, const FeedStamp *stamp)
{
	List	   *payloads;
	ListCell   *cell;

	if (told->resync)
		payloads = list_make1(feed_payload_build_resync(board->qualified, stamp));
	else
		payloads = feed_payload_build(board->qualified, stamp, order_changes(told));
	foreach(cell, payloads)
		Async_Notify(board->channel, lfirst(cell));
	return list_length(payloads);
}

/* The last state per key, in the order in which changes() shows them: a list of FeedChange. */
static List *
order_changes(const TickBoard *told)
{
	List	   *result = NIL;
	FeedChange *last = NULL;

	qsort(told->changes, told->nchanges, sizeof(LoggedChange), change_log_compare);
	for (int i = 0; i < told->nchanges; i++)
	{
		LoggedChange *logged = &told->changes[i];

		if (last == NULL || !change_log_is_same_key(logged, logged - 1))
		{
			last = &logged->change;
			result = lappend(result, last);
		}
		else if (!feed_payload_merge(last, &logged->change))
		{
			result = list_delete_last(result);
			last = NULL;
		}
	}
	return result;
}

static void
fill_result(const Tick *tick, TickResult *result)
{
	ListCell   *cell;

	memset(result, 0, sizeof(TickResult));
	result->is_first = tick->is_first;
	result->tick = tick->boards == NIL && !tick->is_first ? tick->last.tick : tick->row.tick;
	result->lsn = tick->row.lsn;
	result->safe_lsn = tick->row.safe_lsn;
	result->changes = tick->row.changes;
	result->notifications = tick->notifications;
	foreach(cell, tick->boards)
		result->resync |= ((TickBoard *) lfirst(cell))->resync;
}
