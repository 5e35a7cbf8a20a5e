/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  andon.maintain(): the care of the change log, for those without the worker.
 *
 * Runs as the extension's owner and takes locks that must not be held for long,
 * so it refuses to be part of a longer transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "maintain/counters.h"
#include "workers/partitions.h"
#include "workers/step.h"

PG_FUNCTION_INFO_V1(andon_maintain);

static bool fold(void *arg);

Datum
andon_maintain(PG_FUNCTION_ARGS)
{
	OwnerScope	scope;
	bool		is_folded;

	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("andon.maintain() cannot run inside a transaction block"),
				 errdetail("The locks it takes would be held to the end of the transaction."),
				 errhint("Call it in a statement of its own.")));
	PreventCommandIfReadOnly("andon.maintain()");
	PreventCommandDuringRecovery("andon.maintain()");
	spi_util_enter_internal(&scope, board_catalog_owner());
	spi_connect();
	is_folded = step_run(fold, NULL);
	/* only what is folded may be dropped */
	if (!(is_folded && partitions_maintain()))
		ereport(NOTICE,
				(errmsg("the change log could not be locked in time"),
				 errhint("Call andon.maintain() again.")));
	spi_finish();
	spi_util_leave_owner(&scope);
	PG_RETURN_VOID();
}

static bool
fold(void *arg)
{
	counters_fold();
	return true;
}
