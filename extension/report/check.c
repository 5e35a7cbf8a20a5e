/*-------------------------------------------------------------------------
 *
 * check.c
 *	  andon.check_board(): where a board differs from its definition.
 *
 * Both sides are read in one query, under one snapshot, and compared by image,
 * as maintenance does; but the comparison is the server's own, not ours, so
 * that the two can disagree.  Shows the definition's result, which is the
 * owner's to see: only the owner may call it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "base/spi_util.h"
#include "maintain/counters.h"
#include "report/check.h"

PG_FUNCTION_INFO_V1(andon_check_board);

/* (key, problem, expected, actual) */
#define CHECK_COLUMNS 4

/* How many rows the definition has for a key; no definition may have this name. */
#define COUNT_COLUMN BOARD_VERSION

static void append_report(StringInfo buf, const Board *board);
static void append_sides(StringInfo buf, const BoardPlan *plan);
static void append_either_key(StringInfo buf, const Board *board);
static void append_names(StringInfo buf, const Board *board, const char *prefix);
static void append_key_names(StringInfo buf, const Board *board, const char *prefix);
static void store_rows(ReturnSetInfo *result);
static void check_counters(ReturnSetInfo *result, const Board *board);
static void store_counter(ReturnSetInfo *result, const CounterError *error);
static Datum build_counter(const char *status, int64 n);

Datum
andon_check_board(PG_FUNCTION_ARGS)
{
	BoardPlan  *plan = board_plan_get_or_error(PG_GETARG_OID(0));
	OwnerScope	scope;
	int			rc;

	board_check_owner(plan->board);
	InitMaterializedSRF(fcinfo, 0);

	spi_util_enter_owner(&scope, plan->board->owner, plan->board->settings);
	spi_connect();
	rc = SPI_execute(check_build_query(plan, CHECK_REPORT), true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "check query failed: %s", SPI_result_code_string(rc));
	store_rows((ReturnSetInfo *) fcinfo->resultinfo);
	check_counters((ReturnSetInfo *) fcinfo->resultinfo, plan->board);
	spi_finish();
	spi_util_leave_owner(&scope);
	return (Datum) 0;
}

char *
check_build_query(const BoardPlan *plan, CheckColumns columns)
{
	const Board *board = plan->board;
	const char *first = quote_identifier(board->column_names[board->key_attnos[0] - 1]);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	if (columns == CHECK_REPORT)
		append_report(&buf, board);
	else
		append_either_key(&buf, board);
	append_sides(&buf, plan);
	appendStringInfo(&buf, " WHERE b.%s IS NULL OR d.%s IS NULL OR d.%s OPERATOR(pg_catalog.>) 1 "
					 "OR ROW(", first, first, COUNT_COLUMN);
	append_names(&buf, board, "b.");
	appendStringInfoString(&buf, ")::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(");
	append_names(&buf, board, "d.");
	appendStringInfoString(&buf, ")::pg_catalog.record ORDER BY ");
	append_key_names(&buf, board, "d.");
	appendStringInfoString(&buf, ", ");
	append_key_names(&buf, board, "b.");
	return buf.data;
}

static void
append_report(StringInfo buf, const Board *board)
{
	const char *first = quote_identifier(board->column_names[board->key_attnos[0] - 1]);

	appendStringInfoString(buf, "(SELECT pg_catalog.to_jsonb(k.*) FROM (SELECT ");
	append_either_key(buf, board);
	appendStringInfo(buf, ") k), CASE WHEN b.%s IS NULL THEN 'missing' "
					 "WHEN d.%s IS NULL THEN 'extra' ELSE 'different' END, "
					 "CASE WHEN d.%s IS NOT NULL THEN (SELECT pg_catalog.to_jsonb(r.*) FROM (SELECT ",
					 first, first, first);
	append_names(buf, board, "d.");
	appendStringInfoString(buf, ") r) END, pg_catalog.to_jsonb(b.*)");
}

/* The definition's rows (d), counted by key, beside the board's (b). */
static void
append_sides(StringInfo buf, const BoardPlan *plan)
{
	const Board *board = plan->board;

	appendStringInfoString(buf, " FROM (SELECT s.*, pg_catalog.count(*) OVER (PARTITION BY ");
	append_key_names(buf, board, "s.");
	appendStringInfo(buf, ") AS %s FROM %s s (", COUNT_COLUMN,
					 spi_util_relation_name(board->view));
	append_names(buf, board, "");
	appendStringInfoString(buf, ") WHERE (");
	append_key_names(buf, board, "s.");
	appendStringInfoString(buf, ") IS NOT NULL) d FULL JOIN (SELECT ");
	append_names(buf, board, "");
	appendStringInfo(buf, " FROM %s) b ON ", board->qualified);
	for (int i = 0; i < board->nkeys; i++)
	{
		const char *name = quote_identifier(board->column_names[board->key_attnos[i] - 1]);

		appendStringInfo(buf, "%sb.%s %s d.%s", i ? " AND " : "", name,
						 spi_util_operator_name(plan->definition->key_eqops[i]), name);
	}
}

/* The key, from the side that has it. */
static void
append_either_key(StringInfo buf, const Board *board)
{
	for (int i = 0; i < board->nkeys; i++)
	{
		const char *name = quote_identifier(board->column_names[board->key_attnos[i] - 1]);

		appendStringInfo(buf, "%sCOALESCE(d.%s, b.%s) AS %s", i ? ", " : "", name, name, name);
	}
}

static void
append_names(StringInfo buf, const Board *board, const char *prefix)
{
	for (int i = 0; i < board->ncolumns; i++)
		appendStringInfo(buf, "%s%s%s", i ? ", " : "", prefix,
						 quote_identifier(board->column_names[i]));
}

static void
append_key_names(StringInfo buf, const Board *board, const char *prefix)
{
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, "%s%s%s", i ? ", " : "", prefix,
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]));
}

static void
store_rows(ReturnSetInfo *result)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[CHECK_COLUMNS];
		bool		nulls[CHECK_COLUMNS];

		for (int i = 0; i < CHECK_COLUMNS; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
check_counters(ReturnSetInfo *result, const Board *board)
{
	ListCell   *cell;

	foreach(cell, counters_verify(board))
		store_counter(result, lfirst(cell));
}

static void
store_counter(ReturnSetInfo *result, const CounterError *error)
{
	Datum		values[CHECK_COLUMNS] = {0};
	bool		nulls[CHECK_COLUMNS] = {true};

	values[1] = CStringGetTextDatum("counter");
	values[2] = build_counter(error->status, error->expected);
	values[3] = build_counter(error->status, error->actual);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
build_counter(const char *status, int64 n)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"status\": ");
	if (status)
		escape_json(&buf, status);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfo(&buf, ", \"n\": " INT64_FORMAT "}", n);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}
