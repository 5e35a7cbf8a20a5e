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
#include "workers/partitions.h"

PG_FUNCTION_INFO_V1(andon_maintain);

Datum
andon_maintain(PG_FUNCTION_ARGS)
{
	OwnerScope	scope;

	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("andon.maintain() cannot run inside a transaction block"),
				 errdetail("The locks it takes would be held to the end of the transaction."),
				 errhint("Call it in a statement of its own.")));
	PreventCommandIfReadOnly("andon.maintain()");
	PreventCommandDuringRecovery("andon.maintain()");
	spi_util_enter_owner(&scope, board_catalog_owner(), NIL);
	spi_connect();
	if (!partitions_maintain())
		ereport(NOTICE,
				(errmsg("not all partitions of the change log could be locked in time"),
				 errhint("Call andon.maintain() again.")));
	spi_finish();
	spi_util_leave_owner(&scope);
	PG_RETURN_VOID();
}
