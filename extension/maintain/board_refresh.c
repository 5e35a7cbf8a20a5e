/*-------------------------------------------------------------------------
 *
 * board_refresh.c
 *	  A whole board computed anew: andon.refresh_board().
 *
 * It is also the way back for a board that is marked as broken: it first makes
 * the triggers that are missing, so that nothing is missed while it computes, and
 * leaves the mark only where some are still switched off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "base/stats.h"
#include "board/board_state.h"
#include "maintain/board_plan.h"
#include "maintain/board_refresh.h"
#include "maintain/refresh.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_refresh_board);

static uint64 refresh_as_owner(Oid relid, uint64 (*refresh) (BoardPlan *plan));

Datum
andon_refresh_board(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	uint64		written;

	PreventCommandIfReadOnly("andon.refresh_board()");
	board_check_owner(board);
	spi_connect();
	board_state_lock(board->relid);
	board = board_load_or_error(board->relid);
	written = board_refresh_mend(board);
	spi_finish();
	PG_RETURN_INT64((int64) written);
}

uint64
board_refresh_fill(Oid relid)
{
	return refresh_as_owner(relid, refresh_fill);
}

uint64
board_refresh_mend(const Board *board)
{
	char	   *trouble = trigger_ddl_mend(board);
	uint64		written = refresh_as_owner(board->relid, refresh_whole);

	trigger_ddl_report_mended(board, trouble);
	return written;
}

static uint64
refresh_as_owner(Oid relid, uint64 (*refresh) (BoardPlan *plan))
{
	BoardPlan  *plan = board_plan_get_or_error(relid);
	OwnerScope	scope;
	uint64		written = 0;

	stats_begin();
	spi_util_enter_owner(&scope, plan->board->owner, plan->board->settings);
	locks_take_board(plan->board->view, LOCKS_BOARD_ALONE);
	PG_TRY();
	{
		plan->is_mended = true;
		written = refresh(plan);
	}
	PG_FINALLY();
	{
		plan->is_mended = false;
	}
	PG_END_TRY();
	spi_util_leave_owner(&scope);
	stats_flush(relid);
	return written;
}
