/*-------------------------------------------------------------------------
 *
 * transition_rule.c
 *	  andon.set_transitions(): which changes of status are allowed.
 *
 * It takes the board lock exclusively: it waits for those who have changed the
 * board and not committed, and those who come later wait for its end and then
 * see the new rule, because they look for it under the lock (transition.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/inval.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "board/board_status.h"
#include "board/board_transition.h"
#include "maintain/drain.h"
#include "maintain/transition_rule.h"

PG_FUNCTION_INFO_V1(andon_set_transitions);

static ArrayType *read_rule(const Board *board, ArrayType *allowed);

Datum
andon_set_transitions(PG_FUNCTION_ARGS)
{
	ArrayType  *rule = NULL;
	Board	   *board;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"board\" of andon.set_transitions() must not be NULL")));
	PreventCommandIfReadOnly("andon.set_transitions()");
	board = board_load_or_error(PG_GETARG_OID(0));
	board_check_owner(board);
	/* what was done before is not measured by what comes now */
	drain_pending();
	if (!PG_ARGISNULL(1))
		rule = read_rule(board, PG_GETARG_ARRAYTYPE_P(1));
	locks_take_board(board->view, LOCKS_BOARD_ALONE);
	spi_connect();
	transition_store_rule(board->relid, rule);
	spi_finish();
	CacheInvalidateRelcacheByRelid(board->relid);
	PG_RETURN_VOID();
}

void
transition_store_rule(Oid relid, ArrayType *rule)
{
	Oid			types[] = {OIDOID, TEXTARRAYOID};
	Datum		values[] = {ObjectIdGetDatum(relid), PointerGetDatum(rule)};
	OwnerScope	scope;
	int			rc;

	spi_util_enter_owner(&scope, board_catalog_owner(), NIL);
	rc = SPI_execute_with_args("UPDATE andon.board SET transitions = $2"
							   " WHERE board OPERATOR(pg_catalog.=) $1",
							   lengthof(types), types, values, rule ? "  " : " n", false, 0);
	if (rc != SPI_OK_UPDATE)
		elog(ERROR, "change of transitions failed: %s", SPI_result_code_string(rc));
	spi_util_leave_owner(&scope);
}

/* Statuses as their type writes them; NULL if nothing is left. */
static ArrayType *
read_rule(const Board *board, ArrayType *allowed)
{
	List	   *rule = board_transition_parse(allowed);
	ListCell   *cell;

	foreach(cell, rule)
	{
		BoardTransition *transition = lfirst(cell);

		if (transition->from)
			transition->from = board_status_normalize(board, transition->from);
		if (transition->to)
			transition->to = board_status_normalize(board, transition->to);
	}
	return rule ? board_transition_format(rule) : NULL;
}
