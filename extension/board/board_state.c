/*-------------------------------------------------------------------------
 *
 * board_state.c
 *	  What a board has been through that its row in andon.board must tell.
 *
 * The extension itself writes its tables below SQL, where no trigger fires.  So
 * an INSERT that fires a trigger on andon.board is a dump's row being loaded:
 * andon.catalog_trigger() marks it.  The same trigger tells all backends that
 * the relations it names have got, or lost, a board.
 *
 * A change of state is an ordinary UPDATE, as the owner of the table: of two
 * sessions that want to make the same change one waits for the other and then
 * finds nothing to do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "board/board_state.h"

PG_FUNCTION_INFO_V1(andon_catalog_trigger);

static const char *const state_names[] = {
	[BOARD_OK] = "ok",
	[BOARD_RESTORING] = "restoring",
	[BOARD_UNCHECKED] = "unchecked",
	[BOARD_BROKEN] = "broken",
};

static void change_state(Oid relid, const char *from, BoardState to, const char *why);
static HeapTuple mark_restoring(Relation rel, HeapTuple tuple);
static void invalidate_named(Relation rel, HeapTuple tuple);

BoardState
board_state_parse(const char *name)
{
	for (int i = 0; i < lengthof(state_names); i++)
		if (strcmp(name, state_names[i]) == 0)
			return i;
	return BOARD_OK;
}

const char *
board_state_name(BoardState state)
{
	return state_names[state];
}

bool
board_state_session_restores(void)
{
	return !check_function_bodies && namespace_search_path[0] == '\0';
}

void
board_state_end_restore(Oid board, BoardState state)
{
	if (state == BOARD_RESTORING)
		change_state(board, "{restoring}", BOARD_UNCHECKED, NULL);
}

void
board_state_confirm(Oid board, BoardState state)
{
	if (state != BOARD_OK)
		change_state(board, "{restoring,unchecked,broken}", BOARD_OK, NULL);
}

void
board_state_mark_broken(Oid board, const char *why)
{
	board_state_lock(board);
	change_state(board, "{ok,unchecked}", BOARD_BROKEN, why);
}

void
board_state_lock(Oid board)
{
	LockDatabaseObject(board_catalog_relid("board"), board, 0, ExclusiveLock);
}

/*
 * On andon.board and andon.board_source, BEFORE INSERT OR UPDATE OR DELETE FOR
 * EACH ROW.
 */
Datum
andon_catalog_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	rel;
	HeapTuple	result;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		(RelationGetRelid(trigger->tg_relation) != board_catalog_relid("board") &&
		 RelationGetRelid(trigger->tg_relation) != board_catalog_relid("board_source")))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("andon.catalog_trigger() is for the tables of the extension only")));

	rel = trigger->tg_relation;
	result = trigger->tg_trigtuple;
	invalidate_named(rel, result);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		result = trigger->tg_newtuple;
		invalidate_named(rel, result);
	}
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
			 RelationGetRelid(rel) == board_catalog_relid("board"))
		result = mark_restoring(rel, result);
	return PointerGetDatum(result);
}

/* from: an array of the states that it changes. */
static void
change_state(Oid relid, const char *from, BoardState to, const char *why)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(relid),
		CStringGetTextDatum(from),
		CStringGetTextDatum(state_names[to]),
		why ? CStringGetTextDatum(why) : (Datum) 0
	};
	char		nulls[] = {' ', ' ', ' ', why ? ' ' : 'n'};
	OwnerScope	scope;
	int			rc;

	spi_util_enter_owner(&scope, board_catalog_owner(), NIL);
	rc = SPI_execute_with_args("UPDATE andon.board SET state = $3, why = $4"
							   " WHERE board OPERATOR(pg_catalog.=) $1"
							   " AND state OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])",
							   lengthof(types), types, values, nulls, false, 0);
	if (rc != SPI_OK_UPDATE)
		elog(ERROR, "change of state failed: %s", SPI_result_code_string(rc));
	spi_util_leave_owner(&scope);
}

static HeapTuple
mark_restoring(Relation rel, HeapTuple tuple)
{
	int			attno = get_attnum(RelationGetRelid(rel), "state");
	Datum		state = CStringGetTextDatum(state_names[BOARD_RESTORING]);
	bool		isnull = false;

	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(rel), 1, &attno, &state, &isnull);
}

/* The first columns of both tables are relations: board and view, board and source. */
static void
invalidate_named(Relation rel, HeapTuple tuple)
{
	for (int attno = 1; attno <= 2; attno++)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(heap_getattr(tuple, attno, RelationGetDescr(rel),
														  &isnull));

		if (!isnull && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			CacheInvalidateRelcacheByRelid(relid);
	}
}
