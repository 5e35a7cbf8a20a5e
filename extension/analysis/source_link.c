/*-------------------------------------------------------------------------
 *
 * source_link.c
 *	  Plain columns, the equalities between them, and output columns.
 *
 * What a condition is compared as matters as much as what it compares: a link
 * remembers the operator families in which its operator is equality and the
 * collation, and the type of each side.  equality_path.c chains links only
 * where all of these agree, as the planner does with equivalence classes.
 *
 * An output column of a subquery carries a link inward only where the planner
 * itself could move a condition on it inward, for the same reason: rows with
 * other values of that column must not be affected by the rows at hand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_collation.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analysis/source_link.h"
#include "base/compat.h"

static SourceLink *make_link(Oid opno, Oid inputcollid, Node *left, Node *right);

/* ----- columns ----- */

Oid
source_link_equality_collation(Oid collation)
{
	if (OidIsValid(collation) && get_collation_isdeterministic(collation))
		return DEFAULT_COLLATION_OID;
	return collation;
}

Node *
source_link_stands_for(RangeTblEntry *rte, AttrNumber attno)
{
	if (rte->rtekind == RTE_JOIN)
		return list_nth(rte->joinaliasvars, attno - 1);
	return compat_group_expression(rte, attno);
}

SourceLevel *
source_link_var_level(SourceLevel *level, const Var *var)
{
	for (Index up = 0; up < var->varlevelsup; up++)
	{
		level = level->lexical;
		if (level == NULL)
			elog(ERROR, "column reference leaves the definition");
	}
	return level;
}

static bool
same_columns(const List *a, const List *b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		const SourceColumn *one = lfirst(la);
		const SourceColumn *other = lfirst(lb);

		if (one->alias != other->alias || one->attno != other->attno)
			return false;
	}
	return true;
}

/* The alias that stands for COALESCE of these columns in level. */
static SourceAlias *
coalesce_alias(SourceTree *tree, SourceLevel *level, List *arguments)
{
	SourceColumn column = {NULL, 1};
	Bitmapset  *options = NULL;
	ListCell   *lc;

	foreach(lc, tree->aliases)
	{
		SourceAlias *alias = lfirst(lc);

		if (alias->kind == SOURCE_ALIAS_COALESCE && alias->level == level &&
			same_columns(alias->arguments, arguments))
			return alias;
	}
	column.alias = source_tree_add_alias(tree, SOURCE_ALIAS_COALESCE, "COALESCE", level);
	column.alias->arguments = arguments;
	foreach(lc, arguments)
	{
		SourceOutput *output = palloc0(sizeof(SourceOutput));

		output->outer = column;
		output->inner = *(SourceColumn *) lfirst(lc);
		output->guard = source_tree_add_node(tree);
		output->is_option = true;
		options = bms_add_member(options, output->guard);
		tree->outputs = lappend(tree->outputs, output);
	}
	source_tree_add_choice(tree, column.alias->node, options);
	return column.alias;
}

/* COALESCE of plain columns, as a FULL JOIN USING has it for its key. */
static bool
resolve_coalesce(SourceTree *tree, SourceLevel *level, CoalesceExpr *expr, SourceColumn *column)
{
	List	   *arguments = NIL;
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		SourceColumn *argument = palloc(sizeof(SourceColumn));

		if (!source_link_resolve_column(tree, level, lfirst(lc), argument))
			return false;
		arguments = lappend(arguments, argument);
	}
	column->alias = coalesce_alias(tree, level, arguments);
	column->attno = 1;
	return true;
}

bool
source_link_resolve_column(SourceTree *tree, SourceLevel *level, Node *expr, SourceColumn *column)
{
	RangeTblEntry *rte;
	Var		   *var;

	while (expr != NULL && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (expr != NULL && IsA(expr, CoalesceExpr))
		return resolve_coalesce(tree, level, (CoalesceExpr *) expr, column);
	if (expr == NULL || !IsA(expr, Var))
		return false;
	var = (Var *) expr;
	if (var->varattno <= 0)
		return false;
	level = source_link_var_level(level, var);
	rte = rt_fetch(var->varno, level->query->rtable);
	if (rte->rtekind == RTE_JOIN || compat_is_group_rte(rte))
		return source_link_resolve_column(tree, level, source_link_stands_for(rte, var->varattno), column);

	column->alias = level->aliases[var->varno - 1];
	column->attno = var->varattno;
	if (column->alias == NULL || column->alias->kind == SOURCE_ALIAS_OTHER)
		return false;
	if (column->alias->kind == SOURCE_ALIAS_TABLE &&
		compat_att_is_virtual(column->alias->relid, column->attno))
	{
		tree->virtual_column = *column;
		return false;
	}
	return true;
}

Bitmapset *
source_link_columns_behind(Oid relid, AttrNumber attno)
{
	Bitmapset  *result = NULL;

	if (compat_att_is_virtual(relid, attno))
	{
		Relation	rel = table_open(relid, AccessShareLock);

		pull_varattnos(compat_virtual_expression(rel, attno), 1, &result);
		table_close(rel, NoLock);
	}
	return result;
}

/* ----- links ----- */

/* Hash operator families in which opno is the equality (xid has no other). */
static List *
hash_opfamilies(Oid opno)
{
	CatCList   *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(opno));
	List	   *families = NIL;

	for (int i = 0; i < members->n_members; i++)
	{
		Form_pg_amop member = (Form_pg_amop) GETSTRUCT(&members->members[i]->tuple);

		if (member->amopmethod == HASH_AM_OID && member->amopstrategy == HTEqualStrategyNumber)
			families = lappend_oid(families, member->amopfamily);
	}
	ReleaseSysCacheList(members);
	return families;
}

static bool
fill_equality(SourceEquality *equality, Oid opno, Oid inputcollid)
{
	equality->collation = source_link_equality_collation(inputcollid);
	equality->is_btree = true;
	equality->families = get_mergejoin_opfamilies(opno);
	if (equality->families == NIL)
	{
		equality->is_btree = false;
		equality->families = hash_opfamilies(opno);
	}
	return equality->families != NIL && op_strict(opno);
}

/* The link "left = right" with no columns filled in, or NULL if it is none. */
static SourceLink *
make_link(Oid opno, Oid inputcollid, Node *left, Node *right)
{
	SourceLink *link = palloc0(sizeof(SourceLink));

	if (!fill_equality(&link->equality, opno, inputcollid))
		return NULL;
	op_input_types(opno, &link->left.optype, &link->right.optype);
	link->left.valtype = getBaseType(exprType(left));
	link->right.valtype = getBaseType(exprType(right));

	/* values travel in arrays that are unnested again */
	if (!OidIsValid(get_array_type(link->left.valtype)) ||
		!OidIsValid(get_array_type(link->right.valtype)) ||
		type_is_rowtype(link->left.valtype) || type_is_rowtype(link->right.valtype))
		return NULL;
	return link;
}

void
source_link_add_conjunct(SourceTree *tree, SourceLevel *level, OpExpr *op, int guard)
{
	Node	   *left;
	Node	   *right;
	SourceLink *link;

	if (list_length(op->args) != 2)
		return;
	left = linitial(op->args);
	right = lsecond(op->args);
	link = make_link(op->opno, op->inputcollid, left, right);
	if (link == NULL ||
		!source_link_resolve_column(tree, level, left, &link->left.column) ||
		!source_link_resolve_column(tree, level, right, &link->right.column))
		return;
	link->guard = guard;
	tree->links = lappend(tree->links, link);
}

void
source_link_add_sublink(SourceTree *tree, SourceLevel *inner, SubLink *sublink)
{
	List	   *conjuncts = list_make1(sublink->testexpr);
	ListCell   *lc;

	if (is_andclause(sublink->testexpr))
		conjuncts = ((BoolExpr *) sublink->testexpr)->args;
	foreach(lc, conjuncts)
	{
		OpExpr	   *op = lfirst(lc);
		Node	   *param;
		SourceLink *link;
		Oid			opno;

		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		opno = sublink->subLinkType == ALL_SUBLINK ? get_negator(op->opno) : op->opno;
		param = lsecond(op->args);
		if (!OidIsValid(opno))
			continue;
		link = make_link(opno, op->inputcollid, linitial(op->args), param);
		while (IsA(param, RelabelType))
			param = (Node *) ((RelabelType *) param)->arg;
		if (link == NULL || !IsA(param, Param) ||
			!source_link_resolve_column(tree, inner->parent, linitial(op->args), &link->left.column))
			continue;
		link->right.column.alias = inner->output;
		link->right.column.attno = ((Param *) param)->paramid;
		link->guard = inner->output->node;
		if (inner->use == SOURCE_LEVEL_IN)
			tree->links = lappend(tree->links, link);
		else
			tree->value_links = lappend(tree->value_links, link);
	}
}

/* Can the column be NULL in a row its own level makes? */
static bool
column_is_never_null(SourceTree *tree, const SourceColumn *column)
{
	SourceAlias *alias = column->alias;
	SourceColumn inner;
	TargetEntry *tle;

	if (alias->level != NULL)
	{
		Bitmapset  *scope = bms_make_singleton(alias->level->root_node);

		scope = source_tree_close_scope(tree, scope);
		if (!bms_is_member(alias->node, scope))
			return false;
	}
	if (alias->kind == SOURCE_ALIAS_TABLE)
		return compat_att_is_not_null(alias->relid, column->attno);
	if (alias->kind != SOURCE_ALIAS_QUERY || alias->inner->branches != NIL)
		return false;
	tle = get_tle_by_resno(alias->inner->query->targetList, column->attno);
	return tle != NULL && source_link_resolve_column(tree, alias->inner, (Node *) tle->expr, &inner) &&
		column_is_never_null(tree, &inner);
}

void
source_link_promote_values(SourceTree *tree)
{
	ListCell   *lc;

	foreach(lc, tree->value_links)
	{
		SourceLink *link = lfirst(lc);

		if (column_is_never_null(tree, &link->left.column) &&
			column_is_never_null(tree, &link->right.column))
			tree->links = lappend(tree->links, link);
	}
}

/* ----- outputs ----- */

/* The clause in list whose expression is tle's, or NULL. */
static SortGroupClause *
find_clause(List *clauses, const TargetEntry *tle, List *targetlist)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);

		if (equal(get_sortgroupclause_expr(clause, targetlist), tle->expr))
			return clause;
	}
	return NULL;
}

const char *
source_link_blocks_output(const SourceLevel *level, AttrNumber resno)
{
	Query	   *query = level->query;
	TargetEntry *tle = get_tle_by_resno(query->targetList, resno);
	ListCell   *lc;

	if (query->limitCount != NULL || query->limitOffset != NULL)
		return _("rows are chosen with LIMIT or OFFSET");
	if ((query->groupClause != NIL || query->hasAggs) &&
		find_clause(query->groupClause, tle, query->targetList) == NULL)
		return _("it is not in GROUP BY");
	foreach(lc, query->windowClause)
		if (find_clause(lfirst_node(WindowClause, lc)->partitionClause, tle, query->targetList) == NULL)
			return _("it is not in PARTITION BY of every window");
	if (query->hasDistinctOn && find_clause(query->distinctClause, tle, query->targetList) == NULL)
		return _("it is not in DISTINCT ON");
	return NULL;
}

/* The operators by which rows with equal values in tle were put together. */
static List *
output_group_ops(const Query *query, const TargetEntry *tle)
{
	List	   *clauses = list_make2(query->groupClause, query->distinctClause);
	List	   *ops = NIL;
	ListCell   *lc;

	foreach(lc, query->windowClause)
		clauses = lappend(clauses, lfirst_node(WindowClause, lc)->partitionClause);
	foreach(lc, clauses)
	{
		SortGroupClause *clause = find_clause(lfirst(lc), tle, query->targetList);

		if (clause != NULL)
			ops = list_append_unique_oid(ops, clause->eqop);
	}
	return ops;
}

static void
add_null(SourceTree *tree, SourceLevel *level, AttrNumber resno)
{
	SourceColumn *column = palloc(sizeof(SourceColumn));

	column->alias = level->output;
	column->attno = resno;
	tree->nulls = lappend(tree->nulls, column);
}

void
source_link_add_outputs(SourceTree *tree, SourceLevel *level)
{
	ListCell   *lc;

	foreach(lc, level->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		SourceColumn inner;
		SourceOutput *output;

		if (!tle->resjunk && IsA(tle->expr, Const) && ((Const *) tle->expr)->constisnull)
			add_null(tree, level, tle->resno);
		if (tle->resjunk || !source_link_resolve_column(tree, level, (Node *) tle->expr, &inner) ||
			source_link_blocks_output(level, tle->resno) != NULL)
			continue;
		output = palloc0(sizeof(SourceOutput));
		output->outer.alias = level->output;
		output->outer.attno = tle->resno;
		output->inner = inner;
		output->guard = level->root_node;
		output->group_ops = output_group_ops(level->query, tle);
		output->group_collation = source_link_equality_collation(exprCollation((Node *) tle->expr));
		tree->outputs = lappend(tree->outputs, output);
	}
}

bool
source_link_branch_converts(const SourceLevel *level, const SourceAlias *branch, AttrNumber resno)
{
	SetOperationStmt *setop = castNode(SetOperationStmt, level->query->setOperations);
	TargetEntry *tle = get_tle_by_resno(branch->inner->query->targetList, resno);

	return exprType((Node *) tle->expr) != list_nth_oid(setop->colTypes, resno - 1);
}

/* The operators by which UNION and INTERSECT tell what is the same in a column. */
static List *
setop_group_ops(Node *node, AttrNumber resno)
{
	SetOperationStmt *setop = (SetOperationStmt *) node;
	List	   *ops;

	if (!IsA(node, SetOperationStmt))
		return NIL;
	ops = list_concat_unique_oid(setop_group_ops(setop->larg, resno), setop_group_ops(setop->rarg, resno));
	if (setop->groupClauses != NIL)
		ops = list_append_unique_oid(ops, list_nth_node(SortGroupClause, setop->groupClauses, resno - 1)->eqop);
	return ops;
}

static void
add_branch_outputs(SourceTree *tree, SourceLevel *level, AttrNumber resno)
{
	SetOperationStmt *setop = castNode(SetOperationStmt, level->query->setOperations);
	ListCell   *lc;

	foreach(lc, level->branches)
	{
		SourceAlias *branch = lfirst(lc);
		SourceOutput *output;

		if (source_link_branch_converts(level, branch, resno))
			continue;
		output = palloc0(sizeof(SourceOutput));
		output->outer.alias = level->output;
		output->outer.attno = resno;
		output->inner.alias = branch;
		output->inner.attno = resno;
		output->guard = branch->node;
		output->is_option = true;
		output->group_ops = setop_group_ops((Node *) setop, resno);
		output->group_collation = source_link_equality_collation(list_nth_oid(setop->colCollations, resno - 1));
		tree->outputs = lappend(tree->outputs, output);
	}
}

void
source_link_add_branches(SourceTree *tree, SourceLevel *level)
{
	Bitmapset  *options = NULL;
	ListCell   *lc;

	foreach(lc, level->branches)
		options = bms_add_member(options, ((SourceAlias *) lfirst(lc))->node);
	source_tree_add_choice(tree, level->output->node, options);
	foreach(lc, level->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && source_link_blocks_output(level, tle->resno) == NULL)
			add_branch_outputs(tree, level, tle->resno);
	}
}
