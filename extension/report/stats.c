/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  What is behind the view andon.board_stats, and andon.reset_stats().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "base/stats.h"
#include "board/board.h"

PG_FUNCTION_INFO_V1(andon_read_board_stats);
PG_FUNCTION_INFO_V1(andon_reset_stats);

/* Columns of read_board_stats(): the counters in their order, and since. */
#define COLUMN_SINCE	STATS_NCOUNTERS
#define NCOLUMNS		(STATS_NCOUNTERS + 1)

static Datum build_interval(uint64 us);

Datum
andon_read_board_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[NCOLUMNS] = {0};
	bool		nulls[NCOLUMNS];
	BoardStats	stats;
	bool		counted = stats_read(PG_GETARG_OID(0), &stats);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(nulls, !counted, sizeof(nulls));
	for (int c = 0; c < STATS_NCOUNTERS; c++)
		values[c] = Int64GetDatum((int64) stats.counters[c]);
	values[STATS_LOCK_WAIT_US] = build_interval(stats.counters[STATS_LOCK_WAIT_US]);
	values[COLUMN_SINCE] = TimestampTzGetDatum(stats.since);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
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

static Datum
build_interval(uint64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) us;
	return IntervalPGetDatum(interval);
}
