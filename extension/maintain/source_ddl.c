/*-------------------------------------------------------------------------
 *
 * source_ddl.c
 *	  Event triggers: boards follow the DDL of their sources.
 *
 * Triggers on tables see rows, not DDL; but DDL too can change what a definition
 * gives.  After each command that might, the boards it concerns are found:
 *
 *	  a part comes or goes			it gets its triggers, or loses them; the board
 *									is computed anew (a new part is empty)
 *	  a view or function that a		the definition is analysed again; the board is
 *	  definition uses is replaced,	computed anew, with the sources locked against
 *	  or a type altered				writers who still know the old one
 *	  our triggers are switched		the board is marked as broken (board_state.h)
 *	  off or dropped				until refresh_board()
 *	  the board or its definition	no row of it stays in the catalog
 *	  is dropped					(board_drop.h)
 *
 * DDL after which a board could not be maintained is refused, by the analysis
 * that would refuse to create it: a foreign table as a partition, row security
 * that applies to the board's owner.  What the definition's view depends on,
 * PostgreSQL itself refuses to drop or to change.
 *
 * All of it happens inside the DDL command.  Its privileges are not enough for
 * what is done to boards of others, so that is done in their owners' names; DDL
 * that concerns no board costs a look at an empty or small table and the list
 * of its commands.
 *
 * Boards that are being restored are left alone: pg_dump's DDL goes through
 * states (dummy views, tables without triggers yet) that must not be taken for
 * changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/deparse_utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_state.h"
#include "maintain/board_ddl.h"
#include "maintain/board_drop.h"
#include "maintain/board_plan.h"
#include "maintain/definition_use.h"
#include "maintain/dirty_set.h"
#include "maintain/drain.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_on_ddl_start);
PG_FUNCTION_INFO_V1(andon_on_ddl_end);
PG_FUNCTION_INFO_V1(andon_on_drop);

/* What ALTER TABLE has done that boards care about. */
typedef struct TableChange
{
	Oid			relid;
	List	   *came;			/* tables that became a part of another */
	List	   *went;			/* tables that are no part any more */
	List	   *parents;		/* that they went from */
	bool		triggers;		/* some were switched on or off */
	bool		values;			/* values of rows changed without a trigger */
	bool		owner;			/* it belongs to another now */
} TableChange;

static EventTriggerData *event_data(FunctionCallInfo fcinfo, const char *name);
static void follow_command(Oid classid, Oid objid, CollectedCommand *command);
static void follow_new_table(Oid relid);
static void follow_alter_table(CollectedCommand *command);
static void note_subcommand(TableChange *change, const CollectedATSubcmd *subcommand);
static Oid	find_part(AlterTableCmd *command);
static void follow_parts(const TableChange *change);
static void follow_triggers(Oid relid);
static void follow_row_shape(Oid relid, bool values_changed);
static void follow_type(Oid type, Node *statement);
static void follow_dependents(Oid classid, Oid objid);
static void check_definition(Oid relid);
static void check_concurrent_detach(AlterTableStmt *statement);
static void make_room_for_clones(AlterTableStmt *statement, AlterTableCmd *command);
static void follow_dropped_trigger(Datum address_names, bool *part_is_gone);
static List *find_boards(Oid relid);
static bool is_restoring(Oid relid);
static List *with_ancestors(List *relids);
static void compute_anew(List *boards);
static void on_ddl_error(void *arg);

/*
 * Before ALTER TABLE and ALTER SCHEMA: what afterwards would be too late to refuse, or fail.
 */
Datum
andon_on_ddl_start(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo, "on_ddl_start");
	AlterTableStmt *statement = (AlterTableStmt *) data->parsetree;
	ListCell   *cell;

	board_ddl_check_statement(data->parsetree);
	if (!IsA(statement, AlterTableStmt))
		PG_RETURN_NULL();
	foreach(cell, statement->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, command->def)->concurrent)
			check_concurrent_detach(statement);
		else if (command->subtype == AT_AttachPartition)
			make_room_for_clones(statement, command);
	}
	PG_RETURN_NULL();
}

Datum
andon_on_ddl_end(PG_FUNCTION_ARGS)
{
	SPITupleTable *commands;

	(void) event_data(fcinfo, "on_ddl_end");
	if (trigger_ddl_is_working() || board_list_all() == NIL)
		PG_RETURN_NULL();
	PushActiveSnapshot(GetTransactionSnapshot());
	spi_connect();
	if (SPI_execute("SELECT classid, objid, command FROM pg_catalog.pg_event_trigger_ddl_commands()",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "reading the list of DDL commands failed");
	commands = SPI_tuptable;
	for (uint64 i = 0; i < commands->numvals; i++)
	{
		bool		isnull;
		HeapTuple	row = commands->vals[i];
		Oid			classid = DatumGetObjectId(SPI_getbinval(row, commands->tupdesc, 1, &isnull));
		Oid			objid = DatumGetObjectId(SPI_getbinval(row, commands->tupdesc, 2, &isnull));
		Datum		command = SPI_getbinval(row, commands->tupdesc, 3, &isnull);

		if (!isnull)
			follow_command(classid, objid, (CollectedCommand *) DatumGetPointer(command));
	}
	spi_finish();
	PopActiveSnapshot();
	PG_RETURN_NULL();
}

Datum
andon_on_drop(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo, "on_drop");
	SPITupleTable *dropped;
	DropBehavior behavior = DROP_CASCADE;
	bool		part_is_gone = false;
	List	   *boards = NIL;
	ListCell   *cell;

	if (board_list_all() == NIL)
		PG_RETURN_NULL();
	if (IsA(data->parsetree, DropStmt))
		behavior = ((DropStmt *) data->parsetree)->behavior;
	PushActiveSnapshot(GetTransactionSnapshot());
	spi_connect();
	board_drop_forget_lost(behavior);
	if (SPI_execute("SELECT classid, address_names FROM pg_catalog.pg_event_trigger_dropped_objects()",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "reading the list of dropped objects failed");
	dropped = SPI_tuptable;
	for (uint64 i = 0; i < dropped->numvals; i++)
	{
		bool		isnull;
		Oid			classid = DatumGetObjectId(SPI_getbinval(dropped->vals[i], dropped->tupdesc, 1, &isnull));
		Datum		names = SPI_getbinval(dropped->vals[i], dropped->tupdesc, 2, &isnull);

		if (!isnull && classid == TriggerRelationId)
			follow_dropped_trigger(names, &part_is_gone);
	}

	/* which table it was a part of is no longer written anywhere */
	if (part_is_gone)
		foreach(cell, board_list_all())
		{
			Board	   *board = board_load(lfirst_oid(cell));
			ListCell   *source;

			if (board && board->state != BOARD_RESTORING)
				foreach(source, board->sources)
					if (has_subclass(lfirst_oid(source)))
						boards = list_append_unique_oid(boards, board->relid);
		}
	compute_anew(boards);
	spi_finish();
	PopActiveSnapshot();
	PG_RETURN_NULL();
}

static EventTriggerData *
event_data(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("andon.%s() must be called as an event trigger", name)));
	return (EventTriggerData *) fcinfo->context;
}

static void
follow_command(Oid classid, Oid objid, CollectedCommand *command)
{
	if (command->type == SCT_AlterTable)
		follow_alter_table(command);
	else if (classid == RelationRelationId && (IsA(command->parsetree, CreateStmt) ||
											   IsA(command->parsetree, CreateForeignTableStmt)))
		follow_new_table(objid);
	else if (classid == RelationRelationId && IsA(command->parsetree, RenameStmt))
	{
		board_ddl_check_columns(objid);
		follow_row_shape(objid, false);
	}
	else if ((classid == RelationRelationId && IsA(command->parsetree, ViewStmt)) ||
			 classid == ProcedureRelationId)
		follow_dependents(classid, objid);
	else if (classid == TypeRelationId)
		follow_type(objid, command->parsetree);
}

/* A part that is new is empty. */
static void
follow_new_table(Oid relid)
{
	List	   *ancestors = board_find_ancestors(relid);
	List	   *boards = NIL;
	ListCell   *cell;

	foreach(cell, ancestors)
		boards = list_concat_unique_oid(boards, find_boards(lfirst_oid(cell)));
	if (boards == NIL)
		return;
	foreach(cell, ancestors)
		CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
	CommandCounterIncrement();
	foreach(cell, boards)
		check_definition(lfirst_oid(cell));
	trigger_ddl_attach_part(relid);
}

static void
follow_alter_table(CollectedCommand *command)
{
	TableChange change = {command->d.alterTable.objectId};
	ListCell   *cell;

	/* ALTER TYPE of a composite type is ALTER TABLE of its relation */
	if (get_rel_relkind(change.relid) == RELKIND_COMPOSITE_TYPE)
	{
		follow_dependents(TypeRelationId, get_rel_type_id(change.relid));
		return;
	}
	foreach(cell, command->d.alterTable.subcmds)
		note_subcommand(&change, lfirst(cell));
	board_ddl_check_columns(change.relid);
	if (change.owner && board_ddl_follow_owner(change.relid))
		check_definition(change.relid);
	if (change.came != NIL || change.went != NIL)
		follow_parts(&change);
	if (change.triggers)
		follow_triggers(change.relid);
	follow_row_shape(change.relid, change.values);
}

static void
note_subcommand(TableChange *change, const CollectedATSubcmd *subcommand)
{
	AlterTableCmd *command = (AlterTableCmd *) subcommand->parsetree;

	if (!IsA(command, AlterTableCmd))
		return;
	switch (command->subtype)
	{
		case AT_AttachPartition:
			change->came = lappend_oid(change->came, find_part(command));
			break;
		case AT_AddInherit:
			change->came = lappend_oid(change->came, change->relid);
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			change->went = lappend_oid(change->went, find_part(command));
			change->parents = lappend_oid(change->parents, change->relid);
			break;
		case AT_DropInherit:
			change->went = lappend_oid(change->went, change->relid);
			change->parents = lappend_oid(change->parents, subcommand->address.objectId);
			break;
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
			change->triggers = true;
			break;
		case AT_ChangeOwner:
			change->owner = true;
			break;
		default:
			if (compat_at_sets_expression(command->subtype))
				change->values = true;
			break;
	}
}

/* As the command names it: older servers do not tell which one it was. */
static Oid
find_part(AlterTableCmd *command)
{
	return RangeVarGetRelid(castNode(PartitionCmd, command->def)->name, NoLock, true);
}

static void
follow_parts(const TableChange *change)
{
	List	   *wholes = with_ancestors(list_concat_copy(change->came, change->parents));
	List	   *boards = NIL;
	ListCell   *cell;

	foreach(cell, wholes)
		if (!list_member_oid(change->came, lfirst_oid(cell)))
			boards = list_concat_unique_oid(boards, find_boards(lfirst_oid(cell)));
	if (boards == NIL)
		return;
	foreach(cell, wholes)
		CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
	CommandCounterIncrement();
	foreach(cell, boards)
		check_definition(lfirst_oid(cell));
	foreach(cell, change->came)
		trigger_ddl_attach_part(lfirst_oid(cell));
	foreach(cell, change->went)
		trigger_ddl_detach(lfirst_oid(cell));
	compute_anew(boards);
}

/* What was changed while they were off is not known: only a refresh helps. */
static void
follow_triggers(Oid relid)
{
	ListCell   *part;
	ListCell   *cell;

	foreach(part, find_all_inheritors(relid, NoLock, NULL))
	{
		List	   *boards = NIL;

		foreach(cell, with_ancestors(list_make1_oid(lfirst_oid(part))))
			boards = list_concat_unique_oid(boards, find_boards(lfirst_oid(cell)));
		foreach(cell, boards)
		{
			Board	   *board = board_load_record(lfirst_oid(cell));
			char	   *trouble = trigger_ddl_find_trouble(board, lfirst_oid(part), false);

			if (trouble)
				board_state_mark_broken(board->relid,
										psprintf("%s, or was for a time: changes may be missing; run andon.refresh_board() once it is enabled",
												 trouble));
		}
	}
}

/*
 * A whole-row reference shows every column, also a new one, and their names.
 * Boards of the table's parts are concerned too: the command went down to them.
 */
static void
follow_row_shape(Oid relid, bool values_changed)
{
	List	   *boards = NIL;
	ListCell   *cell;

	if (get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
	{
		follow_dependents(TypeRelationId, get_rel_type_id(relid));
		return;
	}
	foreach(cell, with_ancestors(find_all_inheritors(relid, NoLock, NULL)))
	{
		ListCell   *board;

		foreach(board, find_boards(lfirst_oid(cell)))
			if (values_changed || definition_use_shows_row(lfirst_oid(board), lfirst_oid(cell)))
				boards = list_append_unique_oid(boards, lfirst_oid(board));
	}
	compute_anew(boards);
}

static void
follow_type(Oid type, Node *statement)
{
	AlterEnumStmt *change = (AlterEnumStmt *) statement;

	if (IsA(statement, AlterEnumStmt) && change->oldVal)
		board_ddl_rename_status(type, change->oldVal, change->newVal);
	follow_dependents(TypeRelationId, type);
}

/*
 * Views over it, to any depth, and boards over those.  The sources are locked
 * first: a writer who has captured by the old definition must have ended.
 */
static void
follow_dependents(Oid classid, Oid objid)
{
	List	   *boards = NIL;
	List	   *sources = NIL;
	ListCell   *cell;

	foreach(cell, definition_use_find_boards(classid, objid))
		if (!is_restoring(lfirst_oid(cell)))
			boards = lappend_oid(boards, lfirst_oid(cell));
	foreach(cell, boards)
	{
		Board	   *board = board_load_record(lfirst_oid(cell));

		if (classid == RelationRelationId && board->view == objid)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("view %s is the definition of a board and cannot be replaced",
							spi_util_relation_name(objid)),
					 errhint("Drop the board with andon.drop_board() and create it again with the new definition.")));
		sources = list_concat_unique_oid(sources, list_difference_oid(board->sources,
																	  board->static_sources));
	}
	list_sort(sources, list_oid_cmp);
	trigger_ddl_wait_for_writers(sources);
	foreach(cell, boards)
	{
		CacheInvalidateRelcacheByRelid(board_load_record(lfirst_oid(cell))->view);
		CommandCounterIncrement();
		check_definition(lfirst_oid(cell));
	}
	compute_anew(boards);
}

/* Refuses what create_board would refuse, and other sources than the known ones. */
static void
check_definition(Oid relid)
{
	ErrorContextCallback callback = {error_context_stack, on_ddl_error, get_rel_name(relid)};
	BoardPlan  *plan;
	List	   *sources = NIL;

	error_context_stack = &callback;
	plan = board_plan_get_or_error(relid);
	for (int i = 0; i < plan->definition->nsources; i++)
		sources = lappend_oid(sources, plan->definition->sources[i].relid);
	if (list_difference_oid(sources, plan->board->sources) != NIL ||
		list_difference_oid(plan->board->sources, sources) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("board %s would have other sources than before", plan->board->qualified),
				 errhint("Drop the board with andon.drop_board(), repeat the command, and create the board again.")));
	error_context_stack = callback.previous;
}

/*
 * DETACH ... CONCURRENTLY commits halfway: the partition's rows would be off the
 * source, and on the board, at a commit at which no code of ours runs.
 */
static void
check_concurrent_detach(AlterTableStmt *statement)
{
	Oid			relid = RangeVarGetRelid(statement->relation, NoLock, true);
	ListCell   *cell;

	if (!OidIsValid(relid))
		return;
	foreach(cell, with_ancestors(list_make1_oid(relid)))
		if (find_boards(lfirst_oid(cell)) != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("partitions of table %s cannot be detached concurrently",
							spi_util_relation_name(relid)),
					 errdetail("It is a source of board %s, which would differ from its definition until the second half of the command.",
							   spi_util_relation_name(linitial_oid(find_boards(lfirst_oid(cell))))),
					 errhint("Use DETACH PARTITION without CONCURRENTLY.")));
}

/* Only for who may attach; of all others ALTER TABLE itself gets rid. */
static void
make_room_for_clones(AlterTableStmt *statement, AlterTableCmd *command)
{
	Oid			root = RangeVarGetRelid(statement->relation, NoLock, true);
	Oid			part = find_part(command);

	if (!OidIsValid(root) || !OidIsValid(part) ||
		!OidIsValid(get_trigger_oid(root, TRIGGER_CAPTURE, true)) ||
		!compat_is_relation_owner(root, GetUserId()) ||
		!compat_is_relation_owner(part, GetUserId()))
		return;
	trigger_ddl_clear_part(part);
}

/* {schema, table, trigger} */
static void
follow_dropped_trigger(Datum address_names, bool *part_is_gone)
{
	Datum	   *names;
	int			count;
	Oid			schema;
	Oid			relid;
	ListCell   *table;
	ListCell   *cell;

	deconstruct_array(DatumGetArrayTypeP(address_names), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, NULL, &count);
	if (count != 3 || !trigger_ddl_is_ours(TextDatumGetCString(names[2])))
		return;
	schema = get_namespace_oid(TextDatumGetCString(names[0]), true);
	relid = OidIsValid(schema) ? get_relname_relid(TextDatumGetCString(names[1]), schema) : InvalidOid;
	if (!OidIsValid(relid))
	{
		*part_is_gone = true;
		return;
	}
	foreach(table, with_ancestors(list_make1_oid(relid)))
		foreach(cell, find_boards(lfirst_oid(table)))
			board_state_mark_broken(lfirst_oid(cell),
									psprintf("trigger %s of table %s has been dropped: changes may be missing; andon.refresh_board() makes it again",
											 TextDatumGetCString(names[2]),
											 spi_util_relation_name(relid)));
}

/* Boards that follow relid itself, but for those that are being restored. */
static List *
find_boards(Oid relid)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, board_find_by_source(relid))
		if (!is_restoring(lfirst_oid(cell)))
			result = lappend_oid(result, lfirst_oid(cell));
	return result;
}

static bool
is_restoring(Oid relid)
{
	Board	   *board = board_load_record(relid);

	return board == NULL || board->state == BOARD_RESTORING;
}

static List *
with_ancestors(List *relids)
{
	List	   *result = list_copy(relids);
	ListCell   *cell;

	foreach(cell, relids)
		result = list_concat_unique_oid(result, board_find_ancestors(lfirst_oid(cell)));
	return result;
}

static void
compute_anew(List *boards)
{
	ListCell   *cell;

	foreach(cell, boards)
	{
		DirtyTag	tag = {lfirst_oid(cell), 0, DIRTY_WHOLE, 0};

		dirty_set_add(&tag, NULL, NULL);
	}
	if (guc_maintain_at == MAINTAIN_AT_STATEMENT)
		drain_pending();
}

static void
on_ddl_error(void *arg)
{
	errcontext("board \"%s\", which rests on it", (char *) arg);
}
