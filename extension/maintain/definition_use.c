/*-------------------------------------------------------------------------
 *
 * definition_use.c
 *	  Which boards' definitions use an object that is not a table.
 *
 * A walk over pg_depend, breadth first, from the object to what depends on it.
 * It goes on through the rules of views and through types; it ends at tables
 * that boards follow (a column of an altered type) and at definitions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "board/board.h"
#include "maintain/board_plan.h"
#include "maintain/definition_use.h"

typedef struct UseWalk
{
	List	   *open;			/* of ObjectAddress: dependents still to be read */
	List	   *seen;			/* of ObjectAddress */
	List	   *views;			/* OIDs */
	List	   *tables;			/* OIDs */
} UseWalk;

static void walk_reach(UseWalk *walk, Oid classid, Oid objid);
static void walk_dependents(UseWalk *walk, const ObjectAddress *address);
static void walk_dependent(UseWalk *walk, Oid classid, Oid objid);
static Oid	rule_get_relation(Oid rule);

List *
definition_use_find_boards(Oid classid, Oid objid)
{
	UseWalk		walk = {NIL};
	List	   *result = NIL;
	ListCell   *cell;

	walk_reach(&walk, classid, objid);
	while (walk.open != NIL)
	{
		ObjectAddress *next = linitial(walk.open);

		walk.open = list_delete_first(walk.open);
		walk_dependents(&walk, next);
	}
	foreach(cell, walk.tables)
		result = list_concat_unique_oid(result, board_find_by_source(lfirst_oid(cell)));
	foreach(cell, board_list_all())
	{
		Board	   *board = board_load_record(lfirst_oid(cell));

		if (board && list_member_oid(walk.views, board->view))
			result = list_append_unique_oid(result, board->relid);
	}
	list_sort(result, list_oid_cmp);
	return result;
}

bool
definition_use_shows_row(Oid board, Oid source)
{
	BoardPlan  *plan = board_plan_get(board);
	SourceUse  *use = plan ? definition_find_source(plan->definition, source) : NULL;

	return use && use->uses_whole_row;
}

/* Notes an object; each is followed once. */
static void
walk_reach(UseWalk *walk, Oid classid, Oid objid)
{
	ObjectAddress *address;
	ListCell   *cell;

	foreach(cell, walk->seen)
	{
		address = lfirst(cell);
		if (address->classId == classid && address->objectId == objid)
			return;
	}
	address = palloc(sizeof(ObjectAddress));
	ObjectAddressSet(*address, classid, objid);
	walk->seen = lappend(walk->seen, address);
	walk->open = lappend(walk->open, address);
	if (classid == RelationRelationId && get_rel_relkind(objid) == RELKIND_VIEW)
		walk->views = lappend_oid(walk->views, objid);
}

static void
walk_dependents(UseWalk *walk, const ObjectAddress *address)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(address->classId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(address->objectId));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		walk_dependent(walk, form->classid, form->objid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

static void
walk_dependent(UseWalk *walk, Oid classid, Oid objid)
{
	if (classid == RewriteRelationId)
		walk_reach(walk, RelationRelationId, rule_get_relation(objid));
	else if (classid == TypeRelationId || classid == ProcedureRelationId)
		walk_reach(walk, classid, objid);
	else if (classid == RelationRelationId &&
			 get_rel_relkind(objid) == RELKIND_COMPOSITE_TYPE)
		walk_reach(walk, TypeRelationId, get_rel_type_id(objid));
	else if (classid == RelationRelationId)
		walk->tables = list_append_unique_oid(walk->tables, objid);
}

static Oid
rule_get_relation(Oid rule)
{
	Relation	rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rule));
	scan = systable_beginscan(rewrite, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		result = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
	return result;
}
