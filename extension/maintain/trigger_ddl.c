/*-------------------------------------------------------------------------
 *
 * trigger_ddl.c
 *	  The triggers on sources: made with the first board, gone with the last.
 *
 * They are ordinary triggers, made by CREATE TRIGGER: users see them, pg_dump
 * keeps them, and they depend on the extension's function, so that DROP
 * EXTENSION refuses while a board exists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_state.h"
#include "maintain/trigger_ddl.h"

static const struct
{
	const char *name;
	const char *event;
}			statement_triggers[] = {
	{TRIGGER_DRAIN, "INSERT OR UPDATE OR DELETE"},
	{TRIGGER_TRUNCATE, "TRUNCATE"},
};

static const char *const source_triggers[] = {
	TRIGGER_CAPTURE, TRIGGER_DRAIN, TRIGGER_TRUNCATE
};

/* In whose name triggers are made. */
typedef enum TriggerMaker
{
	MAKER_CURRENT_USER,
	MAKER_TABLE_OWNER
} TriggerMaker;

static bool is_working = false;

static void attach(Oid source, TriggerMaker maker);
static void attach_rows(Oid source, List *tables, TriggerMaker maker);
static void create_trigger(Oid relid, const char *name, const char *event, const char *scope,
						   TriggerMaker maker);
static void run_as_owner(Oid relid, const char *sql);
static void match_firing(List *tables);
static void match_firing_of(Oid relid, const char *name, bool always);
static bool is_always(Oid relid);
static bool is_needed(Oid relid);
static void drop_own_trigger(Oid relid, const char *name);
static char *find_trouble_of(Oid relid, const char *name, bool always, bool missing_too);
static bool may_mend(const Board *board, Oid source);
static bool read_trigger(Oid trigger, FormData_pg_trigger *form);

void
trigger_ddl_attach(Oid source)
{
	attach(source, MAKER_CURRENT_USER);
}

void
trigger_ddl_attach_part(Oid part)
{
	attach(part, MAKER_TABLE_OWNER);
}

void
trigger_ddl_detach(Oid source)
{
	List	   *tables;
	ListCell   *cell;

	tables = find_all_inheritors(source, AccessExclusiveLock, NULL);
	foreach(cell, tables)
	{
		if (is_needed(lfirst_oid(cell)))
			continue;
		for (int i = 0; i < lengthof(source_triggers); i++)
			drop_own_trigger(lfirst_oid(cell), source_triggers[i]);
	}

	/* the root's trigger took its clones along: parts may need one of their own */
	CommandCounterIncrement();
	foreach(cell, tables)
		if (is_needed(lfirst_oid(cell)) &&
			!OidIsValid(get_trigger_oid(lfirst_oid(cell), TRIGGER_CAPTURE, true)))
			create_trigger(lfirst_oid(cell), TRIGGER_CAPTURE,
						   "INSERT OR UPDATE OR DELETE", "ROW", MAKER_TABLE_OWNER);
	match_firing(tables);
}

void
trigger_ddl_match_firing(Oid source)
{
	match_firing(find_all_inheritors(source, ShareRowExclusiveLock, NULL));
}

void
trigger_ddl_clear_part(Oid part)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(part, AccessExclusiveLock, NULL))
		drop_own_trigger(lfirst_oid(cell), TRIGGER_CAPTURE);
	CommandCounterIncrement();
}

void
trigger_ddl_wait_for_writers(const List *sources)
{
	ListCell   *cell;

	foreach(cell, sources)
	{
		if (get_rel_name(lfirst_oid(cell)) == NULL)
			continue;
		LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
		(void) find_all_inheritors(lfirst_oid(cell), ShareRowExclusiveLock, NULL);
	}
}

void
trigger_ddl_guard(Oid board)
{
	spi_run(psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s "
					 "FOR EACH STATEMENT EXECUTE FUNCTION andon.board_guard()",
					 TRIGGER_GUARD, spi_util_relation_name(board)));
}

void
trigger_ddl_unguard(Oid board)
{
	drop_own_trigger(board, TRIGGER_GUARD);
}

char *
trigger_ddl_find_trouble(const Board *board, Oid relid, bool missing_too)
{
	List	   *tables = find_all_inheritors(relid, NoLock, NULL);
	ListCell   *cell;

	foreach(cell, tables)
	{
		char		relkind = get_rel_relkind(lfirst_oid(cell));

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		for (int i = 0; i < lengthof(source_triggers); i++)
		{
			char	   *trouble = find_trouble_of(lfirst_oid(cell), source_triggers[i],
												  board->enable_always, missing_too);

			if (trouble)
				return trouble;
		}
	}
	return NULL;
}

char *
trigger_ddl_mend(const Board *board)
{
	char	   *trouble = NULL;
	ListCell   *cell;

	foreach(cell, board->sources)
	{
		if (list_member_oid(board->static_sources, lfirst_oid(cell)))
			continue;
		if (may_mend(board, lfirst_oid(cell)) &&
			trigger_ddl_find_trouble(board, lfirst_oid(cell), true))
		{
			attach(lfirst_oid(cell), MAKER_TABLE_OWNER);
			CommandCounterIncrement();
		}
		if (trouble == NULL)
			trouble = trigger_ddl_find_trouble(board, lfirst_oid(cell), true);
	}
	if (!OidIsValid(get_trigger_oid(board->relid, TRIGGER_GUARD, true)))
		trigger_ddl_guard(board->relid);
	return trouble;
}

void
trigger_ddl_report_mended(const Board *board, const char *trouble)
{
	if (trouble == NULL)
	{
		board_state_confirm(board->relid, board->state);
		return;
	}
	board_state_mark_broken(board->relid, trouble);
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("board %s is true now but will not stay so", board->qualified),
			 errdetail("The %s.", trouble),
			 errhint("Let the table's owner enable the trigger, or give the board's owner TRIGGER on the table; then run andon.refresh_board() again.")));
}

bool
trigger_ddl_is_working(void)
{
	return is_working;
}

bool
trigger_ddl_is_ours(const char *name)
{
	for (int i = 0; i < lengthof(source_triggers); i++)
		if (strcmp(name, source_triggers[i]) == 0)
			return true;
	return false;
}

static void
attach(Oid source, TriggerMaker maker)
{
	List	   *tables = find_all_inheritors(source, ShareRowExclusiveLock, NULL);
	ListCell   *cell;

	attach_rows(source, tables, maker);
	foreach(cell, tables)
	{
		char		relkind = get_rel_relkind(lfirst_oid(cell));

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		for (int i = 0; i < lengthof(statement_triggers); i++)
			if (!OidIsValid(get_trigger_oid(lfirst_oid(cell), statement_triggers[i].name, true)))
				create_trigger(lfirst_oid(cell), statement_triggers[i].name,
							   statement_triggers[i].event, "STATEMENT", maker);
	}
	match_firing(tables);
}

/*
 * Row triggers.  A partition that is a source by itself has a trigger of its
 * own, in whose place comes the clone of its root's.
 */
static void
attach_rows(Oid source, List *tables, TriggerMaker maker)
{
	bool		is_partitioned = get_rel_relkind(source) == RELKIND_PARTITIONED_TABLE;
	ListCell   *cell;

	if (is_partitioned && !OidIsValid(get_trigger_oid(source, TRIGGER_CAPTURE, true)))
		foreach(cell, tables)
			drop_own_trigger(lfirst_oid(cell), TRIGGER_CAPTURE);

	/* the first of the list is the source itself */
	foreach(cell, tables)
		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_FOREIGN_TABLE &&
			!OidIsValid(get_trigger_oid(lfirst_oid(cell), TRIGGER_CAPTURE, true)))
			create_trigger(lfirst_oid(cell), TRIGGER_CAPTURE,
						   "INSERT OR UPDATE OR DELETE", "ROW", maker);
}

static void
create_trigger(Oid relid, const char *name, const char *event, const char *scope,
			   TriggerMaker maker)
{
	char	   *sql = psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s "
							   "EXECUTE FUNCTION andon.source_trigger()",
							   name, event, spi_util_relation_name(relid), scope);

	if (maker == MAKER_TABLE_OWNER)
		run_as_owner(relid, sql);
	else
		spi_run(sql);
}

/* Who drops one board need not be allowed to make triggers for another. */
static void
run_as_owner(Oid relid, const char *sql)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	OwnerScope	scope;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	spi_util_enter_owner(&scope, ((Form_pg_class) GETSTRUCT(tuple))->relowner, NIL);
	ReleaseSysCache(tuple);
	is_working = true;
	PG_TRY();
	{
		spi_run(sql);
	}
	PG_FINALLY();
	{
		is_working = false;
	}
	PG_END_TRY();
	spi_util_leave_owner(&scope);
}

static void
match_firing(List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		bool		always = is_always(lfirst_oid(cell));

		for (int i = 0; i < lengthof(source_triggers); i++)
			match_firing_of(lfirst_oid(cell), source_triggers[i], always);
	}
}

/* What the table's owner has switched off stays off. */
static void
match_firing_of(Oid relid, const char *name, bool always)
{
	Oid			trigger = get_trigger_oid(relid, name, true);
	FormData_pg_trigger form;

	if (!OidIsValid(trigger) || !read_trigger(trigger, &form) ||
		form.tgenabled != (always ? TRIGGER_FIRES_ON_ORIGIN : TRIGGER_FIRES_ALWAYS))
		return;
	run_as_owner(relid, psprintf("ALTER TABLE ONLY %s ENABLE %sTRIGGER %s",
								 spi_util_relation_name(relid), always ? "ALWAYS " : "", name));
}

static bool
is_always(Oid relid)
{
	ListCell   *table;
	ListCell   *cell;

	foreach(table, lcons_oid(relid, board_find_ancestors(relid)))
		foreach(cell, board_find_by_source(lfirst_oid(table)))
		{
			Board	   *board = board_load_record(lfirst_oid(cell));

			if (board && board->enable_always)
				return true;
		}
	return false;
}

/* Does a board follow this table, or one that it is a part of? */
static bool
is_needed(Oid relid)
{
	ListCell   *cell;

	foreach(cell, lcons_oid(relid, board_find_ancestors(relid)))
		if (board_find_by_source(lfirst_oid(cell)) != NIL)
			return true;
	return false;
}

/* A clone goes with its root's trigger and cannot be dropped by itself. */
static void
drop_own_trigger(Oid relid, const char *name)
{
	Oid			trigger = get_trigger_oid(relid, name, true);
	FormData_pg_trigger form;
	ObjectAddress address;

	if (!OidIsValid(trigger) || !read_trigger(trigger, &form) || OidIsValid(form.tgparentid))
		return;
	ObjectAddressSet(address, TriggerRelationId, trigger);
	performDeletion(&address, DROP_RESTRICT, 0);
}

static char *
find_trouble_of(Oid relid, const char *name, bool always, bool missing_too)
{
	Oid			trigger = get_trigger_oid(relid, name, true);
	FormData_pg_trigger form;

	if (!OidIsValid(trigger) || !read_trigger(trigger, &form))
		return missing_too ? psprintf("trigger %s is missing on table %s", name,
									  spi_util_relation_name(relid)) : NULL;
	if (form.tgenabled != TRIGGER_FIRES_ON_ORIGIN && form.tgenabled != TRIGGER_FIRES_ALWAYS)
		return psprintf("trigger %s of table %s is disabled", name,
						spi_util_relation_name(relid));
	if (always && form.tgenabled != TRIGGER_FIRES_ALWAYS)
		return psprintf("trigger %s of table %s is not enabled always", name,
						spi_util_relation_name(relid));
	return NULL;
}

/* What create_board asked of the owner is asked again. */
static bool
may_mend(const Board *board, Oid source)
{
	if (board->enable_always && !compat_is_relation_owner(source, board->owner))
		return false;
	return pg_class_aclcheck(source, board->owner, ACL_TRIGGER) == ACLCHECK_OK;
}

static bool
read_trigger(Oid trigger, FormData_pg_trigger *form)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		memcpy(form, GETSTRUCT(tuple), offsetof(FormData_pg_trigger, tgattr));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}
