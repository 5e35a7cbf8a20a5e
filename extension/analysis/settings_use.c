/*-------------------------------------------------------------------------
 *
 * settings_use.c
 *	  May what a definition says, or what writing its board runs, depend on settings?
 *
 * PostgreSQL calls a function stable if it reads settings, with exceptions: the
 * texts of floating-point numbers and all that is made of them, of intervals and
 * of bytea count as immutable, and so does quote_ident().  So a definition is free of settings if its
 * functions are immutable and PostgreSQL's own, and texts are made only of types
 * of which it is known that they have one.  A user's function may look up a name
 * in the search_path, whatever it is declared to be.
 *
 * row_security is one of the settings: sources with row-level security need it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "analysis/settings_use.h"
#include "base/compat.h"

static bool has_dependent_node(Node *node, void *context);
static bool function_is_dependent(Oid function, void *context);
static bool type_has_one_text(Oid type);
static bool source_is_dependent(Oid relid);
static bool indexes_run_expressions(Relation table);

bool
settings_use_in_query(Query *query, const List *sources)
{
	ListCell   *cell;

	foreach(cell, sources)
		if (source_is_dependent(lfirst_oid(cell)))
			return true;
	return contain_mutable_functions((Node *) query) || has_dependent_node((Node *) query, NULL);
}

bool
settings_use_in_writes(Relation table)
{
	TriggerDesc *triggers = table->trigdesc;
	TupleConstr *constraints = RelationGetDescr(table)->constr;

	return table->rd_rel->relrowsecurity ||
		(constraints && (constraints->num_check > 0 || constraints->num_defval > 0)) ||
		(triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
					  triggers->trig_update_before_row || triggers->trig_update_after_row ||
					  triggers->trig_delete_before_row || triggers->trig_delete_after_row)) ||
		indexes_run_expressions(table);
}

static bool
has_dependent_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_dependent_node, context,
								 QTW_EXAMINE_RTES_BEFORE);
	switch (nodeTag(node))
	{
		case T_RangeTblEntry:
			/* a view's query is not looked at here; before 16 a view has itself, as OLD and NEW */
			return ((RangeTblEntry *) node)->rtekind == RTE_RELATION &&
				((RangeTblEntry *) node)->relkind == RELKIND_VIEW &&
				((RangeTblEntry *) node)->inFromCl;
		case T_CoerceViaIO:
			if (!type_has_one_text(exprType((Node *) ((CoerceViaIO *) node)->arg)))
				return true;
			break;
		case T_CoerceToDomain:
		case T_XmlExpr:
			return true;
		default:
			break;
	}
	if (check_functions_in_node(node, function_is_dependent, NULL))
		return true;
	return expression_tree_walker(node, has_dependent_node, context);
}

static bool
function_is_dependent(Oid function, void *context)
{
	return function >= FirstUnpinnedObjectId || function == F_QUOTE_IDENT ||
		get_func_rettype(function) == CSTRINGOID;
}

static bool
type_has_one_text(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case CHAROID:
		case NAMEOID:
		case UUIDOID:
			return true;
		default:
			return false;
	}
}

/* Takes no lock: a plan may be built where a row is captured, long before the sources are read. */
static bool
source_is_dependent(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_class) GETSTRUCT(tuple);
	result = form->relrowsecurity || form->relkind == RELKIND_FOREIGN_TABLE;
	/* computed when they are read, by the owner's expression */
	for (AttrNumber attno = 1; attno <= form->relnatts && !result; attno++)
		result = compat_att_is_virtual(relid, attno);
	ReleaseSysCache(tuple);
	return result;
}

static bool
indexes_run_expressions(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	bool		result = false;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		result = result || RelationGetIndexExpressions(index) != NIL ||
			RelationGetIndexPredicate(index) != NIL;
		index_close(index, NoLock);
	}
	list_free(indexes);
	return result;
}
