/*-------------------------------------------------------------------------
 *
 * source_trigger.c
 *	  The one trigger function on every source, and the guard of the board.
 *
 * andon.source_trigger() is attached three times to a source: for each row it
 * collects, for each statement it drains, for TRUNCATE it does both for the
 * whole board.  A trigger whose source no board has any more does nothing.
 *
 * andon.board_guard() refuses statements that write the board directly.  It is
 * a statement trigger: maintenance writes single rows, below statements, and
 * so never meets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/guc.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "maintain/capture.h"
#include "maintain/drain.h"

PG_FUNCTION_INFO_V1(andon_source_trigger);
PG_FUNCTION_INFO_V1(andon_board_guard);

static void capture_event(TriggerData *trigger);
static bool is_restored(const Board *board, const TriggerData *trigger);
static char *list_source_names(const Board *board);

Datum
andon_source_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("andon.source_trigger() must be called as an AFTER trigger"),
				 errhint("andon.create_board() makes the triggers it needs.")));

	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		capture_event(trigger);
	else
	{
		if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
			capture_truncate(trigger->tg_relation);
		if (guc_maintain_at == MAINTAIN_AT_STATEMENT)
			drain_pending();
	}
	return PointerGetDatum(NULL);
}

Datum
andon_board_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Board	   *board;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("andon.board_guard() must be called as a trigger")));

	board = board_load(RelationGetRelid(trigger->tg_relation));
	if (board == NULL || is_restored(board, trigger))
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("board %s cannot be changed directly", board->qualified),
			 errdetail("Its rows follow its definition, view %s.",
					   spi_util_relation_name(board->view)),
			 errhint("Change its sources: %s.", list_source_names(board))));
}

static void
capture_event(TriggerData *trigger)
{
	TriggerEvent event = trigger->tg_event;

	if (TRIGGER_FIRED_BY_INSERT(event))
		capture_row(trigger->tg_relation, NULL, trigger->tg_trigslot);
	else if (TRIGGER_FIRED_BY_DELETE(event))
		capture_row(trigger->tg_relation, trigger->tg_trigslot, NULL);
	else
		capture_row(trigger->tg_relation, trigger->tg_trigslot, trigger->tg_newslot);
}

/* A dump's rows are taken as they come (board_state.h). */
static bool
is_restored(const Board *board, const TriggerData *trigger)
{
	return board->state == BOARD_RESTORING && TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		board_state_session_restores() && compat_is_relation_owner(board->relid, GetUserId());
}

static char *
list_source_names(const Board *board)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, board->sources)
	{
		char	   *name = get_rel_name(lfirst_oid(cell));

		if (name)
			appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", quote_identifier(name));
	}
	return buf.data;
}
