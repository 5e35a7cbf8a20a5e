/*-------------------------------------------------------------------------
 *
 * counts.c
 *	  andon.counts(): how many orders are in each status.
 *
 * From the counters (maintain/counters.h), if the caller may read the whole
 * board and the counters can tell.  Else by a query on the board, as the caller:
 * it shows what his own SELECT would, under row-level security too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "maintain/counters.h"

PG_FUNCTION_INFO_V1(andon_counts);

static bool may_read_all(const Board *board);
static void count_rows(const Board *board);
static void sort_counts(const Board *board, List *counts);
static void put_rows(ReturnSetInfo *result);

Datum
andon_counts(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	List	   *counts;

	InitMaterializedSRF(fcinfo, 0);
	spi_connect();
	if (may_read_all(board) && counters_read(board, &counts))
		sort_counts(board, counts);
	else
		count_rows(board);
	put_rows((ReturnSetInfo *) fcinfo->resultinfo);
	spi_finish();
	return (Datum) 0;
}

static bool
may_read_all(const Board *board)
{
	return pg_class_aclcheck(board->relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(board->relid, InvalidOid, true) != RLS_ENABLED;
}

static void
count_rows(const Board *board)
{
	const char *status = quote_identifier(board->column_names[board->status_attno - 1]);
	int			rc;

	rc = SPI_execute(psprintf("SELECT %s::pg_catalog.text, pg_catalog.count(*) FROM %s GROUP BY %s ORDER BY %s",
							  status, board->qualified, status, status), true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "count query failed: %s", SPI_result_code_string(rc));
}

/* In the order of the statuses' own type and collation, as the query above. */
static void
sort_counts(const Board *board, List *counts)
{
	int			n = list_length(counts);
	Datum	   *statuses = palloc(sizeof(Datum) * (n + 1));
	bool	   *nulls = palloc0(sizeof(bool) * (n + 1));
	Datum	   *numbers = palloc(sizeof(Datum) * (n + 1));
	Oid			types[2] = {TEXTARRAYOID, INT8ARRAYOID};
	Datum		arguments[2];
	int			lower = 1;
	Oid			type;
	int32		typmod;
	Oid			collation;
	ListCell   *cell;
	int			rc;

	foreach(cell, counts)
	{
		StatusCount *count = lfirst(cell);
		int			i = foreach_current_index(cell);

		nulls[i] = count->status == NULL;
		statuses[i] = count->status ? CStringGetTextDatum(count->status) : (Datum) 0;
		numbers[i] = Int64GetDatum(count->n);
	}
	arguments[0] = PointerGetDatum(construct_md_array(statuses, nulls, 1, &n, &lower, TEXTOID, -1,
													  false, TYPALIGN_INT));
	arguments[1] = PointerGetDatum(construct_array(numbers, n, INT8OID, 8, FLOAT8PASSBYVAL,
												   TYPALIGN_DOUBLE));
	get_atttypetypmodcoll(board->relid, board->status_attno, &type, &typmod, &collation);
	rc = SPI_execute_with_args(psprintf("SELECT u.s, u.n FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) u (s, n)"
										" ORDER BY u.s::%s%s%s",
										format_type_be_qualified(getBaseType(type)),
										OidIsValid(collation) ? " COLLATE " : "",
										OidIsValid(collation) ? spi_util_collation_name(collation) : ""),
							   2, types, arguments, NULL, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "count query failed: %s", SPI_result_code_string(rc));
}

static void
put_rows(ReturnSetInfo *result)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[2];
		bool		nulls[2];

		for (int i = 0; i < 2; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
