/*-------------------------------------------------------------------------
 *
 * counts.c
 *	  andon.counts(): how many orders are in each status.
 *
 * Runs as the caller, by a query on the board: it shows what the caller's own
 * SELECT would, under row-level security too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "base/spi_util.h"
#include "board/board.h"

PG_FUNCTION_INFO_V1(andon_counts);

Datum
andon_counts(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	const char *status = quote_identifier(board->column_names[board->status_attno - 1]);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			rc;

	InitMaterializedSRF(fcinfo, 0);
	spi_connect();
	rc = SPI_execute(psprintf("SELECT %s::pg_catalog.text, pg_catalog.count(*) FROM %s GROUP BY %s ORDER BY %s",
							  status, board->qualified, status, status), true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "count query failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[2];
		bool		nulls[2];

		for (int i = 0; i < 2; i++)
			values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	spi_finish();
	return (Datum) 0;
}
