/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  andon.trace() and andon.dwell(): where is my order, and where do orders
 *	  wait.
 *
 * Both read the change log past its privileges, for whom report/log_access.h
 * lets.
 *
 * A stay begins with the transition into a status and ends with the next
 * transition of the key; one that goes on is measured up to now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "maintain/board_plan.h"
#include "report/key_json.h"
#include "report/log_access.h"

PG_FUNCTION_INFO_V1(andon_trace);
PG_FUNCTION_INFO_V1(andon_dwell);

/* Columns of andon.trace(); the queries below have the same, and the key. */
enum
{
	TRACE_AT,
	TRACE_FROM_STATUS,
	TRACE_TO_STATUS,
	TRACE_DWELL,
	TRACE_ACTOR,
	TRACE_APPLICATION,
	TRACE_TRACEPARENT,
	TRACE_NCOLUMNS,
	TRACE_KEY = TRACE_NCOLUMNS
};

#define DWELL_NCOLUMNS 5

static void check_has_log(const Board *board);
static void put_transitions(ReturnSetInfo *result, BoardPlan *plan, const Datum *key);
static void put_present(ReturnSetInfo *result, BoardPlan *plan, const Datum *key);
static void put_row(ReturnSetInfo *result, HeapTuple row, TupleDesc desc, bool has_next,
					TimestampTz next);

Datum
andon_trace(PG_FUNCTION_ARGS)
{
	BoardPlan  *plan = board_plan_get_or_error(PG_GETARG_OID(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		key[INDEX_MAX_KEYS];

	log_access_check(plan->board);
	check_has_log(plan->board);
	key_json_parse(plan, PG_GETARG_JSONB_P(1), key);
	InitMaterializedSRF(fcinfo, 0);
	spi_connect();
	put_transitions(result, plan, key);
	spi_finish();
	return (Datum) 0;
}

Datum
andon_dwell(PG_FUNCTION_ARGS)
{
	static const char query[] =
	"SELECT to_status, pg_catalog.count(*),"
	" pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY stay),"
	" pg_catalog.percentile_disc(0.95) WITHIN GROUP (ORDER BY stay), pg_catalog.max(stay)"
	" FROM (SELECT to_status, COALESCE(pg_catalog.lead(at) OVER (PARTITION BY key ORDER BY version),"
	"         GREATEST(at, pg_catalog.clock_timestamp())) - at AS stay"
	"       FROM andon.change"
	"       WHERE board = $1 AND from_status IS DISTINCT FROM to_status AND at >= $2) s"
	" WHERE to_status IS NOT NULL GROUP BY to_status ORDER BY to_status";
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			types[2] = {OIDOID, TIMESTAMPTZOID};
	Datum		arguments[2];
	OwnerScope	scope;
	int			rc;

	log_access_check(board);
	check_has_log(board);
	InitMaterializedSRF(fcinfo, 0);
	arguments[0] = ObjectIdGetDatum(board->relid);
	arguments[1] = DirectFunctionCall2(timestamptz_mi_interval,
									   TimestampTzGetDatum(GetCurrentTimestamp()),
									   PG_GETARG_DATUM(1));
	spi_util_enter_internal(&scope, board_catalog_owner());
	spi_connect();
	rc = SPI_execute_with_args(query, 2, types, arguments, NULL, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "dwell query failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[DWELL_NCOLUMNS];
		bool		nulls[DWELL_NCOLUMNS];

		for (int i = 0; i < DWELL_NCOLUMNS; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1,
									  &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	spi_finish();
	spi_util_leave_owner(&scope);
	return (Datum) 0;
}

static void
check_has_log(const Board *board)
{
	if (board->log == BOARD_LOG_OFF)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("board %s has no change log", board->qualified),
				 errdetail("It was created with options.log \"off\"."),
				 errhint("Create it with \"log\": \"all\" or \"log\": \"transitions\".")));
}

static void
put_transitions(ReturnSetInfo *result, BoardPlan *plan, const Datum *key)
{
	static const char query[] =
	"SELECT at, from_status, to_status, NULL::pg_catalog.interval, actor::pg_catalog.name,"
	" application, traceparent, key FROM andon.change"
	" WHERE key_hash = $1 AND board = $2 AND from_status IS DISTINCT FROM to_status"
	" ORDER BY version DESC";
	Oid			types[2] = {INT8OID, OIDOID};
	Datum		arguments[2];
	OwnerScope	scope;
	List	   *rows = NIL;
	TimestampTz next = 0;
	int			rc;

	arguments[0] = Int64GetDatum((int64) value_lock_hash(plan->key, key));
	arguments[1] = ObjectIdGetDatum(plan->board->relid);
	spi_util_enter_internal(&scope, board_catalog_owner());
	rc = SPI_execute_with_args(query, 2, types, arguments, NULL, true, 0);
	spi_util_leave_owner(&scope);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "trace query failed: %s", SPI_result_code_string(rc));

	/* other keys may have the same hash; oldest first */
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		logged[INDEX_MAX_KEYS];
		bool		isnull;

		key_json_parse(plan, DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[row],
														  SPI_tuptable->tupdesc,
														  TRACE_KEY + 1, &isnull)), logged);
		if (key_json_equal(plan, key, logged))
			rows = lcons(SPI_tuptable->vals[row], rows);
	}
	for (int i = 0; i < list_length(rows); i++)
	{
		bool		has_next = i + 1 < list_length(rows);
		bool		isnull;

		if (has_next)
			next = DatumGetTimestampTz(SPI_getbinval(list_nth(rows, i + 1),
													 SPI_tuptable->tupdesc, TRACE_AT + 1,
													 &isnull));
		put_row(result, list_nth(rows, i), SPI_tuptable->tupdesc, has_next, next);
	}
	if (rows == NIL)
		put_present(result, plan, key);
}

/* A key that has not changed status since the log began: where it is, since when. */
static void
put_present(ReturnSetInfo *result, BoardPlan *plan, const Datum *key)
{
	const Board *board = plan->board;
	StringInfoData query;
	Datum	   *arguments = palloc(sizeof(Datum) * board->nkeys);
	int			rc;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s, NULL::pg_catalog.text, %s::pg_catalog.text,"
					 " NULL::pg_catalog.interval, NULL::pg_catalog.name,"
					 " NULL::pg_catalog.text, NULL::pg_catalog.text FROM %s WHERE ",
					 BOARD_SINCE, quote_identifier(board->column_names[board->status_attno - 1]),
					 board->qualified);
	for (int i = 0; i < board->nkeys; i++)
	{
		arguments[i] = key[i];
		appendStringInfo(&query, "%s%s %s $%d", i ? " AND " : "",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]),
						 spi_util_operator_name(plan->definition->key_eqops[i]), i + 1);
	}
	rc = SPI_execute_with_args(query.data, board->nkeys, plan->definition->key_types, arguments,
							   NULL, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "trace query failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
		put_row(result, SPI_tuptable->vals[row], SPI_tuptable->tupdesc, false, 0);
}

static void
put_row(ReturnSetInfo *result, HeapTuple row, TupleDesc desc, bool has_next, TimestampTz next)
{
	Datum		values[TRACE_NCOLUMNS];
	bool		nulls[TRACE_NCOLUMNS];

	for (int i = 0; i < TRACE_NCOLUMNS; i++)
		values[i] = SPI_getbinval(row, desc, i + 1, &nulls[i]);
	if (!nulls[TRACE_TO_STATUS])
	{
		TimestampTz at = DatumGetTimestampTz(values[TRACE_AT]);

		if (!has_next)
			next = Max(at, GetCurrentTimestamp());
		values[TRACE_DWELL] = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(next),
												  TimestampTzGetDatum(at));
		nulls[TRACE_DWELL] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
