/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  The care of the change log and the counters, and andon.maintain().
 *
 * Runs as the extension's owner and takes locks that must not be held for long,
 * so andon.maintain() refuses to be part of a longer transaction.  It also opens
 * and closes alerts, which the worker does more often.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "maintain/counters.h"
#include "workers/maintain.h"
#include "workers/partitions.h"
#include "workers/sla_watcher.h"
#include "workers/step.h"

/* Rounds of the watcher in one call; what is left is the next call's. */
#define WATCH_ROUNDS 20

PG_FUNCTION_INFO_V1(andon_maintain);

static bool run_as_owner(bool with_partitions);
static bool fold(void *arg);

Datum
andon_maintain(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("andon.maintain() cannot run inside a transaction block"),
				 errdetail("The locks it takes would be held to the end of the transaction."),
				 errhint("Call it in a statement of its own.")));
	PreventCommandIfReadOnly("andon.maintain()");
	PreventCommandDuringRecovery("andon.maintain()");
	/* before anything is locked that would be held meanwhile */
	for (int i = 0; i < WATCH_ROUNDS && sla_watch(); i++)
		CHECK_FOR_INTERRUPTS();
	if (!maintain_run())
		ereport(NOTICE,
				(errmsg("the change log could not be locked in time"),
				 errhint("Call andon.maintain() again.")));
	PG_RETURN_VOID();
}

bool
maintain_run(void)
{
	/* only what is folded may be dropped */
	return run_as_owner(true);
}

bool
maintain_fold(void)
{
	return run_as_owner(false);
}

static bool
run_as_owner(bool with_partitions)
{
	OwnerScope	scope;
	bool		done;

	spi_util_enter_internal(&scope, board_catalog_owner());
	spi_connect();
	done = step_run(fold, NULL) && (!with_partitions || partitions_maintain());
	spi_finish();
	spi_util_leave_owner(&scope);
	return done;
}

static bool
fold(void *arg)
{
	counters_fold();
	return true;
}
