/*-------------------------------------------------------------------------
 *
 * fast_columns.c
 *	  Which columns of the key table only show and select their own board row.
 *
 * Two passes over the top level of the definition.  The first finds where the
 * key table stands in FROM and takes the conditions that read it alone and
 * must be true for every row of the result.  The second looks at all the rest:
 * a column found anywhere but as a plain output column is not fast.
 *
 * Conditions are taken only if evaluating them apart from the definition gives
 * the same answer for sure: of a short list of node types, with functions of
 * PostgreSQL's own.  Columns of a condition that is left are not fast.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "analysis/fast_columns.h"
#include "analysis/source_link.h"
#include "base/compat.h"

typedef struct FastFinder
{
	Query	   *query;
	Index		varno;			/* of the key table */
	bool		found;			/* it stands in FROM and is not null-extended */
	FastColumns *fast;
	int			depth;			/* levels of subqueries below the top */
	bool		whole;			/* all its columns are used at once */
	Bitmapset  *used;			/* its columns used elsewhere; plain numbers */
} FastFinder;

static bool definition_is_apt(const Definition *definition, Query *query);
static bool table_is_apt(const Definition *definition, const SourceUse *use);
static bool key_is_apt(FastFinder *finder, const Definition *definition);
static Index find_varno(Query *query, Oid relid);
static void visit_from(FastFinder *finder, Node *node, bool strict);
static void visit_join(FastFinder *finder, JoinExpr *join, bool strict);
static void visit_condition(FastFinder *finder, Node *quals, bool strict);
static void visit_outputs(FastFinder *finder);
static Var *plain_column(const FastFinder *finder, Node *expr);
static bool collect_uses(Node *node, void *context);
static void collect_var(FastFinder *finder, Var *var);
static bool is_own_condition(const FastFinder *finder, Node *node);
static bool has_alien_node(Node *node, void *context);
static bool function_is_alien(Oid function, void *context);
static bool function_is_stable(Oid function, void *context);
static bool has_stable_function(Node *node, void *context);
static void keep_fast_columns(FastFinder *finder, const Definition *definition);
static Bitmapset *columns_behind(const SourceUse *use);
static Bitmapset *path_columns(const Definition *definition);
static bool index_has_key(Relation index, const Definition *definition, const AttrNumber *attnos);

FastColumns *
fast_columns_find(const Definition *definition, Query *query)
{
	const SourceUse *use = definition_find_source(definition, definition->key_relid);
	FastFinder	finder = {0};

	/* one key table; a UNION or a FULL JOIN may have several */
	if (use == NULL)
		return NULL;
	finder.query = query;
	if (!definition_is_apt(definition, query) || !table_is_apt(definition, use))
		return NULL;
	finder.varno = find_varno(query, use->relid);
	if (finder.varno == 0)
		return NULL;

	finder.fast = palloc0(sizeof(FastColumns));
	finder.fast->relid = use->relid;
	finder.fast->key_attnos = use->paths[0].start_attnos;
	if (!key_is_apt(&finder, definition))
		return NULL;
	visit_from(&finder, (Node *) query->jointree, true);
	if (!finder.found)
		return NULL;
	visit_outputs(&finder);
	(void) collect_uses(query->havingQual, &finder);
	(void) collect_uses((Node *) query->cteList, &finder);
	(void) range_table_walker(query->rtable, collect_uses, &finder,
							  QTW_IGNORE_JOINALIASES | COMPAT_QTW_IGNORE_GROUPEXPRS);
	if (finder.whole)
		return NULL;
	finder.fast->needs_settings = has_stable_function((Node *) finder.fast->conditions, NULL);
	keep_fast_columns(&finder, definition);
	return bms_is_empty(finder.fast->attnos) ? NULL : finder.fast;
}

Oid
fast_columns_find_index(Relation rel, const Definition *definition, const AttrNumber *attnos)
{
	Oid			result = InvalidOid;
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index_has_key(index, definition, attnos))
			result = RelationGetRelid(index);
		index_close(index, NoLock);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

/* Is a row of the top level's FROM what a board row is made of, alone or grouped? */
static bool
definition_is_apt(const Definition *definition, Query *query)
{
	if (query->setOperations || query->distinctClause || query->windowClause ||
		query->limitCount || query->limitOffset || query->groupingSets ||
		query->hasTargetSRFs || query->rowMarks)
		return false;
	if (query->groupClause == NIL)
		return !query->hasAggs && query->havingQual == NULL;
	for (int i = 0; i < definition->nkeys; i++)
	{
		TargetEntry *entry = get_tle_by_resno(query->targetList, definition->key_resnos[i]);

		if (entry->ressortgroupref == 0 ||
			get_sortgroupref_clause_noerr(entry->ressortgroupref, query->groupClause) == NULL)
			return false;
	}
	return true;
}

static bool
table_is_apt(const Definition *definition, const SourceUse *use)
{
	Relation	rel;
	bool		result;

	/* one path is one alias, wherever it stands */
	if (use->is_static || use->uses_whole_row || use->npaths != 1 || use->paths[0].nhops != 0)
		return false;
	rel = table_open(use->relid, AccessShareLock);
	result = rel->rd_rel->relkind == RELKIND_RELATION && !has_subclass(use->relid) &&
		OidIsValid(fast_columns_find_index(rel, definition, use->paths[0].start_attnos));
	table_close(rel, NoLock);
	for (int i = 0; i < definition->nkeys && result; i++)
		result = compat_att_is_not_null(use->relid, use->paths[0].start_attnos[i]);
	return result;
}

/* Are the board's key columns the key table's own, as they stand? */
static bool
key_is_apt(FastFinder *finder, const Definition *definition)
{
	for (int i = 0; i < definition->nkeys; i++)
	{
		TargetEntry *entry = get_tle_by_resno(finder->query->targetList,
											  definition->key_resnos[i]);
		Var		   *var = plain_column(finder, (Node *) entry->expr);

		if (var == NULL || var->varattno != finder->fast->key_attnos[i])
			return false;
	}
	return true;
}

static Index
find_varno(Query *query, Oid relid)
{
	for (int i = 1; i <= list_length(query->rtable); i++)
	{
		RangeTblEntry *rte = rt_fetch(i, query->rtable);

		if (rte->rtekind == RTE_RELATION && rte->relid == relid)
			return i;
	}
	return 0;
}

/* ----- FROM and WHERE ----- */

/*
 * strict: each row of the result has a row of this part of FROM that is not
 * null-extended and has passed the conditions of this part.
 */
static void
visit_from(FastFinder *finder, Node *node, bool strict)
{
	ListCell   *cell;

	if (IsA(node, RangeTblRef))
	{
		if (((RangeTblRef *) node)->rtindex == (int) finder->varno)
			finder->found = strict;
	}
	else if (IsA(node, JoinExpr))
		visit_join(finder, (JoinExpr *) node, strict);
	else
	{
		FromExpr   *from = castNode(FromExpr, node);

		foreach(cell, from->fromlist)
			visit_from(finder, lfirst(cell), strict);
		visit_condition(finder, from->quals, strict);
	}
}

static void
visit_join(FastFinder *finder, JoinExpr *join, bool strict)
{
	bool		is_inner = join->jointype == JOIN_INNER;

	visit_from(finder, join->larg, strict && (is_inner || join->jointype == JOIN_LEFT));
	visit_from(finder, join->rarg, strict && (is_inner || join->jointype == JOIN_RIGHT));
	visit_condition(finder, join->quals, strict && is_inner);
}

static void
visit_condition(FastFinder *finder, Node *quals, bool strict)
{
	ListCell   *cell;

	foreach(cell, make_ands_implicit((Expr *) quals))
	{
		if (strict && is_own_condition(finder, lfirst(cell)))
			finder->fast->conditions = lappend(finder->fast->conditions,
											   copyObject(lfirst(cell)));
		else
			(void) collect_uses(lfirst(cell), finder);
	}
}

/* ----- output columns ----- */

/*
 * A column that is only grouped or sorted by does no harm: the groups are the
 * keys', and nothing is cut off.
 */
static void
visit_outputs(FastFinder *finder)
{
	FastColumns *fast = finder->fast;
	ListCell   *cell;

	fast->outputs = palloc(sizeof(FastOutput) * list_length(finder->query->targetList));
	foreach(cell, finder->query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Var		   *var = plain_column(finder, (Node *) entry->expr);

		if (var == NULL)
			(void) collect_uses((Node *) entry->expr, finder);
		else if (!entry->resjunk)
			fast->outputs[fast->noutputs++] = (FastOutput) {var->varattno, entry->resno};
	}
}

/* The key table's column that expr is, through names that joins and groups give; or NULL. */
static Var *
plain_column(const FastFinder *finder, Node *expr)
{
	while (expr != NULL && IsA(expr, Var))
	{
		Var		   *var = (Var *) expr;
		RangeTblEntry *rte;

		if (var->varlevelsup != 0 || var->varattno <= 0)
			return NULL;
		if (var->varno == (int) finder->varno)
			return var;
		rte = rt_fetch(var->varno, finder->query->rtable);
		if (rte->rtekind != RTE_JOIN && !compat_is_group_rte(rte))
			return NULL;
		expr = source_link_stands_for(rte, var->varattno);
	}
	return NULL;
}

/* ----- all other uses ----- */

static bool
collect_uses(Node *node, void *context)
{
	FastFinder *finder = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup == finder->depth)
			collect_var(finder, (Var *) node);
		return false;
	}
	if (IsA(node, Query))
	{
		finder->depth++;
		(void) query_tree_walker((Query *) node, collect_uses, context, QTW_IGNORE_JOINALIASES);
		finder->depth--;
		return false;
	}
	return expression_tree_walker(node, collect_uses, context);
}

/* A column of the top level. */
static void
collect_var(FastFinder *finder, Var *var)
{
	RangeTblEntry *rte = rt_fetch(var->varno, finder->query->rtable);
	int			depth = finder->depth;

	if (rte->rtekind == RTE_JOIN || compat_is_group_rte(rte))
	{
		if (var->varattno <= 0)
			finder->whole = true;
		else
		{
			finder->depth = 0;
			(void) collect_uses(source_link_stands_for(rte, var->varattno), finder);
			finder->depth = depth;
		}
	}
	else if (var->varno != (int) finder->varno)
		return;
	else if (var->varattno <= 0)
		finder->whole = true;
	else
		finder->used = bms_add_member(finder->used, var->varattno);
}

/* ----- conditions ----- */

static bool
is_own_condition(const FastFinder *finder, Node *node)
{
	return !has_alien_node(node, (void *) finder);
}

/* Anything but columns of the key table and what is sure to be told from them? */
static bool
has_alien_node(Node *node, void *context)
{
	const FastFinder *finder = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			{
				Var		   *var = (Var *) node;

				return var->varlevelsup != 0 || var->varattno <= 0 ||
					var->varno != (int) finder->varno ||
					compat_att_is_virtual(finder->fast->relid, var->varattno);
			}
		case T_List:
		case T_Const:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_FuncExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_ArrayExpr:
			break;
		default:
			return true;
	}
	if (check_functions_in_node(node, function_is_alien, NULL))
		return true;
	return expression_tree_walker(node, has_alien_node, context);
}

/* Users' functions can be replaced, and see more than their arguments. */
static bool
function_is_alien(Oid function, void *context)
{
	return function >= FirstNormalObjectId || func_volatile(function) == PROVOLATILE_VOLATILE;
}

static bool
function_is_stable(Oid function, void *context)
{
	return func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static bool
has_stable_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, function_is_stable, NULL))
		return true;
	return expression_tree_walker(node, has_stable_function, context);
}

/* ----- what is left ----- */

static void
keep_fast_columns(FastFinder *finder, const Definition *definition)
{
	FastColumns *fast = finder->fast;
	const SourceUse *use = definition_find_source(definition, fast->relid);
	Bitmapset  *slow = bms_union(finder->used, path_columns(definition));
	Bitmapset  *behind = columns_behind(use);
	int			member = -1;
	int			n = 0;

	while ((member = bms_next_member(use->used_attnos, member)) >= 0)
	{
		int			attno = member + FirstLowInvalidHeapAttributeNumber;

		if (attno > 0 && !bms_is_member(attno, slow) && !bms_is_member(member, behind) &&
			!compat_att_is_virtual(fast->relid, attno))
			fast->attnos = bms_add_member(fast->attnos, attno);
	}
	for (int i = 0; i < fast->noutputs; i++)
		if (bms_is_member(fast->outputs[i].attno, fast->attnos))
			fast->outputs[n++] = fast->outputs[i];
	fast->noutputs = n;
}

/* What virtual generated columns are computed from: whatever is made of those needs the definition. */
static Bitmapset *
columns_behind(const SourceUse *use)
{
	Bitmapset  *result = NULL;
	int			member = -1;

	while ((member = bms_next_member(use->used_attnos, member)) >= 0)
		result = bms_add_members(result, source_link_columns_behind(use->relid,
																	member + FirstLowInvalidHeapAttributeNumber));
	return result;
}

/* Columns of the key table that are the key or that a path goes by. */
static Bitmapset *
path_columns(const Definition *definition)
{
	Bitmapset  *result = NULL;

	for (int s = 0; s < definition->nsources; s++)
	{
		const SourceUse *use = &definition->sources[s];

		for (int p = 0; p < use->npaths; p++)
		{
			const DirtyPath *path = &use->paths[p];

			for (int i = 0; use->relid == definition->key_relid && i < path->nstart; i++)
				result = bms_add_member(result, path->start_attnos[i]);
			for (int h = 0; h < path->nhops; h++)
			{
				const PathHop *hop = &path->hops[h];

				for (int i = 0; hop->relid == definition->key_relid && i < hop->nmatch; i++)
					result = bms_add_member(result, hop->match_attnos[i]);
				for (int i = 0; hop->relid == definition->key_relid && i < hop->nout; i++)
					result = bms_add_member(result, hop->out_attnos[i]);
			}
		}
	}
	return result;
}

/* ----- the index ----- */

static bool
index_has_key(Relation index, const Definition *definition, const AttrNumber *attnos)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indimmediate || !form->indisvalid ||
		index->rd_rel->relam != BTREE_AM_OID ||
		form->indnkeyatts != definition->nkeys ||
		RelationGetIndexPredicate(index) != NIL)
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		int			k = 0;

		while (k < definition->nkeys && attnos[k] != form->indkey.values[i])
			k++;
		if (k == definition->nkeys ||
			get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
								index->rd_opcintype[i],
								BTEqualStrategyNumber) != definition->key_eqops[k] ||
			source_link_equality_collation(index->rd_indcollation[i]) !=
			source_link_equality_collation(definition->key_collations[k]))
			return false;
	}
	return true;
}
