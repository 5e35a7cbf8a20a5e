/*-------------------------------------------------------------------------
 *
 * feed_watermark.c
 *	  andon.feed_safe_lsn(): up to where every change has been told.
 *
 * A tick's safe_lsn stands still while boards rest.  Here it moves on: the
 * insert position is sampled and the slots are read, as a tick does it, and if
 * the worker has nothing left to do after that, whoever had left his slot has
 * been told.  Else the last tick's is the answer.
 *
 *	  here						writer							worker
 *	  L
 *	  slots: none
 *								asked = 1, slot = 0
 *	  asked = 1: the last tick's
 *
 * The writer asks before it leaves its slot, so a slot found empty that was
 * filled before has been asked for; the worker says that it is busy before it
 * takes the work, and until the tick is committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/pg_lsn.h"

#include "base/wal.h"
#include "feed/feed_database.h"
#include "feed/slots.h"

PG_FUNCTION_INFO_V1(andon_feed_safe_lsn);

Datum
andon_feed_safe_lsn(PG_FUNCTION_ARGS)
{
	FeedState	state = {0};
	XLogRecPtr	result;

	slots_require_worker("andon.feed_safe_lsn()");
	PreventCommandDuringRecovery("andon.feed_safe_lsn()");
	result = slots_find_oldest(MyDatabaseId, wal_insert_end());
	if (!feed_database_is_resting(MyDatabaseId))
		result = InvalidXLogRecPtr;
	(void) feed_database_read(MyDatabaseId, &state);
	result = Max(result, state.safe_lsn);
	if (XLogRecPtrIsInvalid(result))
		PG_RETURN_NULL();
	PG_RETURN_LSN(result);
}
