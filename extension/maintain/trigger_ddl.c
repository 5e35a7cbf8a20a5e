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
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "maintain/trigger_ddl.h"

static const struct
{
	const char *name;
	const char *event;
}			statement_triggers[] = {
	{TRIGGER_DRAIN, "INSERT OR UPDATE OR DELETE"},
	{TRIGGER_TRUNCATE, "TRUNCATE"},
};

static void attach_rows(Oid relid, List *tables);
static void create_trigger(Oid relid, const char *name, const char *event, const char *scope);
static void create_row_trigger_as_owner(Oid relid);
static bool is_needed(Oid relid);
static void drop_own_trigger(Oid relid, const char *name);
static bool is_clone(Oid trigger);

void
trigger_ddl_attach(Oid source)
{
	List	   *tables = find_all_inheritors(source, ShareRowExclusiveLock, NULL);
	ListCell   *cell;

	attach_rows(source, tables);
	foreach(cell, tables)
	{
		char		relkind = get_rel_relkind(lfirst_oid(cell));

		if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		for (int i = 0; i < lengthof(statement_triggers); i++)
			if (!OidIsValid(get_trigger_oid(lfirst_oid(cell), statement_triggers[i].name, true)))
				create_trigger(lfirst_oid(cell), statement_triggers[i].name,
							   statement_triggers[i].event, "STATEMENT");
	}
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
		drop_own_trigger(lfirst_oid(cell), TRIGGER_CAPTURE);
		for (int i = 0; i < lengthof(statement_triggers); i++)
			drop_own_trigger(lfirst_oid(cell), statement_triggers[i].name);
	}

	/* the root's trigger took its clones along: parts may need one of their own */
	CommandCounterIncrement();
	foreach(cell, tables)
		if (is_needed(lfirst_oid(cell)) &&
			!OidIsValid(get_trigger_oid(lfirst_oid(cell), TRIGGER_CAPTURE, true)))
			create_row_trigger_as_owner(lfirst_oid(cell));
}

void
trigger_ddl_guard(Oid board)
{
	spi_run(psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s "
					 "FOR EACH STATEMENT EXECUTE FUNCTION andon.board_guard()",
					 TRIGGER_GUARD, spi_util_relation_name(board)));
}

/*
 * Row triggers.  A partition that is a source by itself has a trigger of its
 * own, in whose place comes the clone of its root's.
 */
static void
attach_rows(Oid source, List *tables)
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
						   "INSERT OR UPDATE OR DELETE", "ROW");
}

static void
create_trigger(Oid relid, const char *name, const char *event, const char *scope)
{
	spi_run(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s "
					 "EXECUTE FUNCTION andon.source_trigger()",
					 name, event, spi_util_relation_name(relid), scope));
}

/* The user who drops one board need not be allowed to make triggers for another. */
static void
create_row_trigger_as_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	OwnerScope	scope;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	spi_util_enter_owner(&scope, ((Form_pg_class) GETSTRUCT(tuple))->relowner, NIL);
	ReleaseSysCache(tuple);
	create_trigger(relid, TRIGGER_CAPTURE, "INSERT OR UPDATE OR DELETE", "ROW");
	spi_util_leave_owner(&scope);
}

/* Does a board have this table, or one that it is a part of, as a source? */
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
	ObjectAddress address;

	if (!OidIsValid(trigger) || is_clone(trigger))
		return;
	ObjectAddressSet(address, TriggerRelationId, trigger);
	performDeletion(&address, DROP_RESTRICT, 0);
}

static bool
is_clone(Oid trigger)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		result = OidIsValid(((Form_pg_trigger) GETSTRUCT(tuple))->tgparentid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}
