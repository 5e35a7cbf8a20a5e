/*-------------------------------------------------------------------------
 *
 * board_drop.c
 *	  The end of a board: by andon.drop_board(), or by DROP of what it rests on.
 *
 * The catalog rows go first: what is dropped after them is no board's any more,
 * so triggers that nobody needs are recognised, and the event trigger that sees
 * our own DROP TABLE finds nothing left to do.
 *
 * drop_board first waits until writers of all sources have ended, and only then
 * takes any table for itself, to drop triggers: a writer who has yet to drain
 * reads the other sources and the board.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "base/spi_util.h"
#include "base/stats.h"
#include "board/board.h"
#include "board/board_table.h"
#include "feed/feed_commit.h"
#include "maintain/board_drop.h"
#include "maintain/change_log.h"
#include "maintain/counters.h"
#include "maintain/sla.h"
#include "maintain/tick_table.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_drop_board);

static void forget(const Board *board);
static void end_lost_board(const Board *board, DropBehavior behavior);

Datum
andon_drop_board(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Board	   *board = board_load_record(relid);

	PreventCommandIfReadOnly("andon.drop_board()");
	if (board == NULL)
		board_raise_not_found(relid);
	board_check_owner(board);
	trigger_ddl_wait_for_writers(board->sources);
	/* another may have dropped it meanwhile */
	if (board_load_record(relid) == NULL)
		board_raise_not_found(relid);
	spi_connect();
	forget(board);
	board_table_drop(board);
	spi_finish();
	PG_RETURN_VOID();
}

void
board_drop_forget_lost(DropBehavior behavior)
{
	ListCell   *cell;

	foreach(cell, board_list_all())
	{
		Board	   *board = board_load_record(lfirst_oid(cell));

		if (board && (get_rel_name(board->relid) == NULL || get_rel_name(board->view) == NULL))
			end_lost_board(board, behavior);
	}
}

/* Catalog rows, what was to be announced, and triggers on sources. */
static void
forget(const Board *board)
{
	ListCell   *cell;

	board_delete_record(board->relid);
	change_log_forget(board->relid);
	counters_forget(board->relid);
	tick_table_forget_board(board->relid);
	sla_forget(board->relid);
	feed_forget(board->relid);
	stats_forget(board->relid);
	foreach(cell, board->sources)
	{
		Oid			source = lfirst_oid(cell);

		if (get_rel_name(source) == NULL || list_member_oid(board->static_sources, source))
			continue;
		trigger_ddl_detach(source);
		CacheInvalidateRelcacheByRelid(source);
	}
}

static void
end_lost_board(const Board *board, DropBehavior behavior)
{
	ObjectAddress view;

	forget(board);
	if (get_rel_name(board->relid))
	{
		trigger_ddl_unguard(board->relid);
		CacheInvalidateRelcacheByRelid(board->relid);
		ereport(WARNING,
				(errmsg("table %s is no longer a board", spi_util_relation_name(board->relid)),
				 errdetail("Its definition has been dropped; its rows stay as they are."),
				 errhint("Drop the table; andon.create_board() makes the board anew.")));
	}
	else if (get_rel_name(board->view))
	{
		ObjectAddressSet(view, RelationRelationId, board->view);
		performDeletion(&view, behavior, 0);
	}
	CommandCounterIncrement();
}
