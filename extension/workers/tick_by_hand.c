/*-------------------------------------------------------------------------
 *
 * tick_by_hand.c
 *	  A tick as a function, for tests that say when there is one.
 *
 * Not part of the SQL face: a test creates it where no worker runs, in a
 * database that andon.databases leaves out,
 *
 *	  CREATE FUNCTION tick(epoch bigint) RETURNS text
 *	  LANGUAGE c AS 'andon', 'andon_tick_by_hand';
 *
 * and calls it in a statement of its own.  It answers with the position, rows of
 * the log announced, notifications and whether it asks for a resync.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/wal.h"
#include "maintain/tick.h"

PG_FUNCTION_INFO_V1(andon_tick_by_hand);

Datum
andon_tick_by_hand(PG_FUNCTION_ARGS)
{
	TickOrder	order = {0};
	TickResult	result;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("ticks by hand are for superusers")));
	PreventCommandDuringRecovery("a tick by hand");
	order.epoch = (uint64) PG_GETARG_INT64(0);
	order.safe_lsn = wal_insert_end();
	order.notifies = true;
	tick_make(&order, &result);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(UINT64_FORMAT "-" UINT64_FORMAT ": " INT64_FORMAT
											  " changes, %d notifications%s", order.epoch,
											  result.tick, result.changes, result.notifications,
											  result.resync ? ", resync" : "")));
}
