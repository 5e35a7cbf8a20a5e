/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  What is behind the views andon.board_stats and andon.feed_stats, and
 *	  andon.reset_stats().
 *
 * Both views read shared memory.  Where there is none they have their rows all
 * the same, so that monitoring that asks for them does not fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "base/stats.h"
#include "board/board.h"
#include "feed/feed_database.h"

PG_FUNCTION_INFO_V1(andon_read_board_stats);
PG_FUNCTION_INFO_V1(andon_read_feed_stats);
PG_FUNCTION_INFO_V1(andon_reset_stats);

/* Columns of read_board_stats(): the counters in their order, and since. */
#define COLUMN_SINCE	STATS_NCOUNTERS
#define NCOLUMNS		(STATS_NCOUNTERS + 1)

/* Columns of read_feed_stats(). */
enum
{
	FEED_STATE,
	FEED_PID,
	FEED_STARTED_AT,
	FEED_POSITION,
	FEED_TICK_AT,
	FEED_LSN,
	FEED_SAFE_LSN,
	FEED_LAG,
	FEED_TICKS,
	FEED_CHANGES,
	FEED_RESYNCS,
	FEED_NOTIFICATIONS,
	FEED_SINCE,
	FEED_NCOLUMNS
};

static void read_feed(const FeedState *state, Datum *values, bool *nulls);
static void put_time(Datum *values, bool *nulls, int column, TimestampTz time);
static Datum build_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);
static Datum build_interval(uint64 us);

Datum
andon_read_board_stats(PG_FUNCTION_ARGS)
{
	Datum		values[NCOLUMNS] = {0};
	bool		nulls[NCOLUMNS];
	BoardStats	stats;
	bool		counted = stats_read(PG_GETARG_OID(0), &stats);

	memset(nulls, !counted, sizeof(nulls));
	for (int c = 0; c < STATS_NCOUNTERS; c++)
		values[c] = Int64GetDatum((int64) stats.counters[c]);
	values[STATS_LOCK_WAIT_US] = build_interval(stats.counters[STATS_LOCK_WAIT_US]);
	values[COLUMN_SINCE] = TimestampTzGetDatum(stats.since);
	PG_RETURN_DATUM(build_row(fcinfo, values, nulls));
}

/* Of this database's worker. */
Datum
andon_read_feed_stats(PG_FUNCTION_ARGS)
{
	Datum		values[FEED_NCOLUMNS] = {0};
	bool		nulls[FEED_NCOLUMNS];
	FeedState	state;
	bool		known = feed_database_read(MyDatabaseId, &state);

	memset(nulls, true, sizeof(nulls));
	if (known)
		read_feed(&state, values, nulls);
	values[FEED_STATE] = CStringGetTextDatum(!stats_are_kept() ? "not preloaded" :
											 known && state.pid != 0 ? "running" : "no worker");
	nulls[FEED_STATE] = false;
	PG_RETURN_DATUM(build_row(fcinfo, values, nulls));
}

Datum
andon_reset_stats(PG_FUNCTION_ARGS)
{
	Oid			board = InvalidOid;

	if (!stats_are_kept())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("statistics of boards are not kept"),
				 errhint("Add andon to shared_preload_libraries and restart the server.")));
	if (!PG_ARGISNULL(0))
	{
		board = PG_GETARG_OID(0);
		if (board_load_record(board) == NULL)
			board_raise_not_found(board);
	}
	stats_reset(board);
	PG_RETURN_VOID();
}

static void
read_feed(const FeedState *state, Datum *values, bool *nulls)
{
	TimestampTz now = GetCurrentTimestamp();

	memset(nulls, false, sizeof(bool) * FEED_NCOLUMNS);
	values[FEED_PID] = Int32GetDatum(state->pid);
	nulls[FEED_PID] = state->pid == 0;
	put_time(values, nulls, FEED_STARTED_AT, state->started_at);
	put_time(values, nulls, FEED_TICK_AT, state->tick_at);
	put_time(values, nulls, FEED_SINCE, state->reset_at);
	values[FEED_POSITION] = CStringGetTextDatum(psprintf(UINT64_FORMAT "-" UINT64_FORMAT,
														 state->epoch, state->tick));
	values[FEED_LSN] = LSNGetDatum(state->lsn);
	values[FEED_SAFE_LSN] = LSNGetDatum(state->safe_lsn);
	nulls[FEED_POSITION] = nulls[FEED_LSN] = nulls[FEED_SAFE_LSN] = state->tick_at == 0;
	values[FEED_LAG] = build_interval(state->waiting_since == 0 ? 0 :
									  Max(now - state->waiting_since, 0));
	values[FEED_TICKS] = Int64GetDatum((int64) state->ticks);
	values[FEED_CHANGES] = Int64GetDatum((int64) state->changes);
	values[FEED_RESYNCS] = Int64GetDatum((int64) state->resyncs);
	values[FEED_NOTIFICATIONS] = Int64GetDatum((int64) state->notifications);
}

/* 0: none. */
static void
put_time(Datum *values, bool *nulls, int column, TimestampTz time)
{
	values[column] = TimestampTzGetDatum(time);
	nulls[column] = time == 0;
}

static Datum
build_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static Datum
build_interval(uint64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) us;
	return IntervalPGetDatum(interval);
}
