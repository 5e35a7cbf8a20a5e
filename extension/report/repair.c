/*-------------------------------------------------------------------------
 *
 * repair.c
 *	  andon.repair_board(): makes a board what its definition says, and tells
 *	  how many keys that took.
 *
 * The check finds the keys that differ, without a lock: at every commit board
 * and definition agree, so what differs in one snapshot is damage and not a
 * change that is under way.  Those keys are then recomputed as a drain would
 * do it, under the board's and the keys' locks and a newer snapshot, so writers
 * go on meanwhile and a key that somebody has mended is left alone.  Beyond
 * REPAIR_MOST keys the whole board is recomputed alone, as refresh_board() does.
 *
 * Counters that are wrong, or were wrong while the board was, are made anew from
 * a count of its rows.
 *
 * A row that was deleted behind our back has left no note of its version, and a
 * listener may have seen a high one.  What a repair brings in starts above all
 * versions that the board still has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "base/stats.h"
#include "maintain/board_plan.h"
#include "maintain/counters.h"
#include "maintain/drain.h"
#include "maintain/refresh.h"
#include "maintain/trigger_ddl.h"
#include "report/check.h"

#define REPAIR_MOST		10000	/* keys, beyond which the board is taken as a whole */

PG_FUNCTION_INFO_V1(andon_repair_board);

static uint64 repair(BoardPlan *plan);
static ValueSet *find_damaged_keys(BoardPlan *plan);
static int64 find_highest_version(BoardPlan *plan);

Datum
andon_repair_board(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Board	   *board;
	BoardPlan  *plan;
	OwnerScope	scope;
	char	   *trouble;
	uint64		repaired = 0;

	PreventCommandIfReadOnly("andon.repair_board()");
	board_check_owner(board_load_or_error(relid));
	/* what this transaction has not brought up to date yet is no damage */
	drain_pending();

	board_state_lock(relid);
	board = board_load_or_error(relid);
	spi_connect();
	trouble = trigger_ddl_mend(board);
	plan = board_plan_get_or_error(relid);
	stats_begin();
	spi_util_enter_owner(&scope, plan->board->owner, plan->board->settings);
	PG_TRY();
	{
		plan->is_mended = true;
		plan->version_floor = find_highest_version(plan);
		repaired = repair(plan);
	}
	PG_FINALLY();
	{
		plan->version_floor = 0;
		plan->is_mended = false;
	}
	PG_END_TRY();
	if (repaired > 0 || counters_verify(plan->board) != NIL)
		counters_rebase(plan->board);
	spi_util_leave_owner(&scope);
	stats_flush(relid);
	trigger_ddl_report_mended(board, trouble);
	spi_finish();
	PG_RETURN_INT64((int64) repaired);
}

static uint64
repair(BoardPlan *plan)
{
	ValueSet   *keys = find_damaged_keys(plan);

	if (keys == NULL)
	{
		locks_take_board(plan->board->view, LOCKS_BOARD_ALONE);
		return refresh_whole(plan);
	}
	return value_set_count(keys) > 0 ? drain_keys(plan, keys) : 0;
}

/* NULL if they are too many. */
static ValueSet *
find_damaged_keys(BoardPlan *plan)
{
	ValueSet   *keys = value_set_create(plan->key);
	Datum		key[INDEX_MAX_KEYS];
	bool		isnull;
	int			rc;

	rc = SPI_execute(check_build_query(plan, CHECK_KEYS), false, REPAIR_MOST + 1);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "check query failed: %s", SPI_result_code_string(rc));
	if (SPI_processed > REPAIR_MOST)
		return NULL;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		for (int i = 0; i < plan->key->n; i++)
			key[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1,
								   &isnull);
		value_set_add(keys, key);
	}
	SPI_freetuptable(SPI_tuptable);
	return keys;
}

static int64
find_highest_version(BoardPlan *plan)
{
	Datum		version;
	bool		isnull;
	int			rc;

	rc = SPI_execute(psprintf("SELECT pg_catalog.max(%s) FROM %s", BOARD_VERSION,
							  plan->board->qualified), false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "version query failed: %s", SPI_result_code_string(rc));
	version = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_freetuptable(SPI_tuptable);
	return isnull ? 0 : DatumGetInt64(version);
}
