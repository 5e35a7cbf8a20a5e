/*-------------------------------------------------------------------------
 *
 * source_walk.c
 *	  From a definition's Query tree to a SourceTree.
 *
 * One recursive pass.  For each level, in this order: the aliases of FROM
 * (so that anything may refer to any of them), what stands behind each alias,
 * the join tree with its conditions, then every other expression, and last
 * which output columns a condition from outside may be moved to.
 *
 * What the join tree says about null-extension becomes ScopeRules:
 *
 *	  A JOIN B ON c			any of A, B			=> c, A and B
 *	  A LEFT JOIN B ON c	any of B			=> c, A and B
 *	  A FULL JOIN B ON c	any of A, any of B	=> c, A and B
 *							any of A			=> A, the same for B
 *	  FROM A, B WHERE c		the level's root	=> A and B
 *
 * where "A and B" are the aliases of that arm which it never null-extends.
 * A WHERE that refers to nullable aliases needs no rule: using its equality
 * adds the alias (see equality_path.c).
 *
 * A set operation is a level whose aliases are its branches, of which each row
 * of the level comes from one: a SourceChoice.
 *
 * Only AND is looked into for links.  Below OR, NOT, CASE and in the select
 * list an equality says nothing; columns are noted there, and sublinks become
 * levels of their own, whose conditions count for their own aliases.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "analysis/refusal.h"
#include "analysis/source_link.h"
#include "analysis/source_walk.h"
#include "base/compat.h"

typedef struct WalkContext
{
	SourceTree *tree;
	SourceLevel *level;			/* where the expression stands */
	Bitmapset  *place;			/* nodes that hold where it is evaluated */
} WalkContext;

/* What one arm of the join tree contributes. */
typedef struct JoinArm
{
	Bitmapset  *all;			/* nodes of all aliases in it */
	Bitmapset  *never_null;		/* those it does not null-extend */
} JoinArm;

/* A level to be walked. */
typedef struct LevelSpec
{
	Query	   *query;
	SourceLevelUse use;
	SourceLevel *lexical;
	SourceLevel *parent;
	SourceAlias *output;
	Bitmapset  *place;
	Oid			as_user;
} LevelSpec;

static SourceLevel *walk_level(SourceTree *tree, const LevelSpec *spec);
static void walk_from_aliases(SourceTree *tree, SourceLevel *level, Node *jtnode);
static void walk_alias(SourceTree *tree, SourceLevel *level, Index rti);
static void walk_branches(SourceTree *tree, SourceLevel *level, Node *setop);
static void walk_alias_contents(SourceTree *tree, SourceLevel *level, SourceAlias *alias, RangeTblEntry *rte);
static JoinArm walk_join_tree(SourceTree *tree, SourceLevel *level, Node *jtnode);
static JoinArm walk_join(SourceTree *tree, SourceLevel *level, JoinExpr *join);
static void walk_quals(WalkContext *context, Node *quals, int guard);
static void walk_level_expressions(SourceTree *tree, SourceLevel *level);
static bool walk_expression(Node *node, WalkContext *context);
static void walk_var(WalkContext *context, Var *var);
static void walk_sublink(WalkContext *context, SubLink *sublink, bool must_be_true);

SourceTree *
source_walk_query(Query *query, const DefinitionOptions *options)
{
	SourceTree *tree = palloc0(sizeof(SourceTree));
	LevelSpec	spec = {.query = query,.use = SOURCE_LEVEL_TOP,.as_user = options->owner};

	tree->options = options;
	tree->never_node = source_tree_add_node(tree);
	spec.output = source_tree_add_alias(tree, SOURCE_ALIAS_QUERY, "the definition", NULL);
	tree->top = walk_level(tree, &spec);
	source_link_promote_values(tree);
	return tree;
}

/* ----- one level ----- */

static bool
level_always_yields_a_row(const SourceLevel *level)
{
	return level->query->groupClause == NIL &&
		(level->query->hasAggs || level->query->havingQual != NULL);
}

static SourceLevel *
walk_level(SourceTree *tree, const LevelSpec *spec)
{
	SourceLevel *level = palloc0(sizeof(SourceLevel));
	Query	   *query = spec->query;
	JoinArm		from;
	int			nrte = list_length(query->rtable);

	check_stack_depth();
	refusal_check_query(query, spec->use == SOURCE_LEVEL_TOP);

	level->query = query;
	level->use = spec->use;
	level->lexical = spec->lexical;
	level->parent = spec->parent;
	level->output = spec->output;
	level->place = spec->place;
	level->as_user = spec->as_user;
	level->root_node = source_tree_add_node(tree);
	level->aliases = palloc0(sizeof(SourceAlias *) * Max(nrte, 1));
	level->output->inner = level;

	walk_from_aliases(tree, level, (Node *) query->jointree);
	walk_branches(tree, level, query->setOperations);
	for (Index rti = 1; rti <= nrte; rti++)
		if (level->aliases[rti - 1] != NULL)
			walk_alias_contents(tree, level, level->aliases[rti - 1], rt_fetch(rti, query->rtable));

	from = walk_join_tree(tree, level, (Node *) query->jointree);
	source_tree_add_rule(tree, bms_make_singleton(level->root_node), NULL, from.never_null);
	if (!level_always_yields_a_row(level))
		source_tree_add_rule(tree, bms_make_singleton(level->output->node), NULL,
							 bms_make_singleton(level->root_node));

	walk_level_expressions(tree, level);
	if (level->branches != NIL)
		source_link_add_branches(tree, level);
	else
		source_link_add_outputs(tree, level);
	return level;
}

/* Everything but FROM and WHERE. */
static void
walk_level_expressions(SourceTree *tree, SourceLevel *level)
{
	Query	   *query = level->query;
	WalkContext context = {.tree = tree,.level = level};
	ListCell   *lc;

	/*
	 * Where FROM yields no row an aggregating level still evaluates its select
	 * list: then nothing holds there but that the level is asked for.
	 */
	context.place = bms_make_singleton(level_always_yields_a_row(level) ?
									   level->output->node : level->root_node);
	walk_expression((Node *) query->targetList, &context);
	walk_expression(query->havingQual, &context);

	context.place = bms_make_singleton(level->output->node);
	walk_expression(query->limitCount, &context);
	walk_expression(query->limitOffset, &context);
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		walk_expression(window->startOffset, &context);
		walk_expression(window->endOffset, &context);
	}
}

/* ----- FROM ----- */

static void
walk_from_aliases(SourceTree *tree, SourceLevel *level, Node *jtnode)
{
	if (jtnode == NULL)
		return;
	if (IsA(jtnode, RangeTblRef))
		walk_alias(tree, level, ((RangeTblRef *) jtnode)->rtindex);
	else if (IsA(jtnode, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			walk_from_aliases(tree, level, lfirst(lc));
	}
	else if (IsA(jtnode, JoinExpr))
	{
		walk_from_aliases(tree, level, ((JoinExpr *) jtnode)->larg);
		walk_from_aliases(tree, level, ((JoinExpr *) jtnode)->rarg);
	}
	else
		elog(ERROR, "unexpected join tree node type: %d", (int) nodeTag(jtnode));
}

static void
walk_alias(SourceTree *tree, SourceLevel *level, Index rti)
{
	RangeTblEntry *rte = rt_fetch(rti, level->query->rtable);
	SourceAlias *alias;
	SourceAliasKind kind = SOURCE_ALIAS_OTHER;

	if (rte->rtekind == RTE_RELATION)
		kind = rte->relkind == RELKIND_VIEW ? SOURCE_ALIAS_QUERY : SOURCE_ALIAS_TABLE;
	else if (rte->rtekind == RTE_SUBQUERY || rte->rtekind == RTE_CTE)
		kind = SOURCE_ALIAS_QUERY;

	alias = source_tree_add_alias(tree, kind, rte->eref->aliasname, level);
	if (kind == SOURCE_ALIAS_TABLE)
	{
		alias->relid = rte->relid;
		alias->only = !rte->inh;
		alias->is_static = list_member_oid(tree->options->static_relids, rte->relid);
		refusal_check_table(rte, level->as_user, alias->is_static);
	}
	level->aliases[rti - 1] = alias;
}

/* The arms of a set operation, which stand in no FROM. */
static void
walk_branches(SourceTree *tree, SourceLevel *level, Node *setop)
{
	if (setop == NULL)
		return;
	if (IsA(setop, RangeTblRef))
	{
		Index		rti = ((RangeTblRef *) setop)->rtindex;

		walk_alias(tree, level, rti);
		level->branches = lappend(level->branches, level->aliases[rti - 1]);
		return;
	}
	walk_branches(tree, level, castNode(SetOperationStmt, setop)->larg);
	walk_branches(tree, level, castNode(SetOperationStmt, setop)->rarg);
}

static void
walk_view(SourceTree *tree, SourceLevel *level, SourceAlias *alias, RangeTblEntry *rte)
{
	Relation	view = table_open(rte->relid, AccessShareLock);
	LevelSpec	spec = {.use = SOURCE_LEVEL_FROM,.parent = level,.output = alias};

	spec.query = copyObject(get_view_query(view));
	spec.place = bms_make_singleton(level->root_node);
	spec.as_user = RelationHasSecurityInvoker(view) ? level->as_user : view->rd_rel->relowner;
	table_close(view, NoLock);
	walk_level(tree, &spec);
}

static void
walk_cte(SourceTree *tree, SourceLevel *level, SourceAlias *alias, RangeTblEntry *rte)
{
	LevelSpec	spec = {.use = SOURCE_LEVEL_FROM,.parent = level,.output = alias};
	SourceLevel *home = level;
	ListCell   *lc;

	for (Index up = 0; up < rte->ctelevelsup; up++)
		home = home->lexical;
	foreach(lc, home->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			spec.query = castNode(Query, cte->ctequery);
	}
	if (spec.query == NULL)
		elog(ERROR, "common table expression \"%s\" not found", rte->ctename);
	spec.lexical = home;
	spec.place = bms_make_singleton(level->root_node);
	spec.as_user = level->as_user;
	walk_level(tree, &spec);
}

static void
walk_subquery(SourceTree *tree, SourceLevel *level, SourceAlias *alias, RangeTblEntry *rte)
{
	LevelSpec	spec = {.query = rte->subquery,.use = SOURCE_LEVEL_FROM,
		.lexical = level,.parent = level,.output = alias,.as_user = level->as_user};

	spec.place = bms_make_singleton(level->root_node);
	walk_level(tree, &spec);
}

static void
walk_alias_contents(SourceTree *tree, SourceLevel *level, SourceAlias *alias, RangeTblEntry *rte)
{
	WalkContext context = {.tree = tree,.level = level};

	context.place = bms_add_member(bms_make_singleton(level->root_node), alias->node);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (alias->kind == SOURCE_ALIAS_QUERY)
				walk_view(tree, level, alias, rte);
			break;
		case RTE_SUBQUERY:
			walk_subquery(tree, level, alias, rte);
			break;
		case RTE_CTE:
			walk_cte(tree, level, alias, rte);
			break;
		case RTE_FUNCTION:
			walk_expression((Node *) rte->functions, &context);
			break;
		case RTE_TABLEFUNC:
			walk_expression((Node *) rte->tablefunc, &context);
			break;
		case RTE_VALUES:
			walk_expression((Node *) rte->values_lists, &context);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("\"%s\" cannot be a source of a board", alias->name),
					 errdetail("It is neither a table, a view, a subquery nor a function.")));
	}
}

static JoinArm
walk_join_tree(SourceTree *tree, SourceLevel *level, Node *jtnode)
{
	JoinArm		arm = {NULL, NULL};

	if (IsA(jtnode, RangeTblRef))
	{
		int			node = level->aliases[((RangeTblRef *) jtnode)->rtindex - 1]->node;

		arm.all = bms_make_singleton(node);
		arm.never_null = bms_make_singleton(node);
	}
	else if (IsA(jtnode, JoinExpr))
		arm = walk_join(tree, level, (JoinExpr *) jtnode);
	else
	{
		FromExpr   *from = castNode(FromExpr, jtnode);
		WalkContext context = {.tree = tree,.level = level};
		ListCell   *lc;

		foreach(lc, from->fromlist)
		{
			JoinArm		member = walk_join_tree(tree, level, lfirst(lc));

			arm.all = bms_add_members(arm.all, member.all);
			arm.never_null = bms_add_members(arm.never_null, member.never_null);
		}
		context.place = bms_make_singleton(level->root_node);
		walk_quals(&context, from->quals, level->root_node);
	}
	return arm;
}

/* What the rows of a join tell about its arms; node: its ON is true. */
static JoinArm
join_arms(SourceTree *tree, JoinType jointype, const JoinArm *left, const JoinArm *right, int node)
{
	JoinArm		arm = {bms_union(left->all, right->all), NULL};
	Bitmapset  *both = bms_union(left->never_null, right->never_null);
	Bitmapset  *any_of = bms_make_singleton(node);

	switch (jointype)
	{
		case JOIN_INNER:
			any_of = bms_add_members(any_of, arm.all);
			arm.never_null = bms_copy(both);
			break;
		case JOIN_LEFT:
			any_of = bms_add_members(any_of, right->all);
			arm.never_null = bms_copy(left->never_null);
			break;
		case JOIN_RIGHT:
			any_of = bms_add_members(any_of, left->all);
			arm.never_null = bms_copy(right->never_null);
			break;
		case JOIN_FULL:
			source_tree_add_rule(tree, left->all, NULL, left->never_null);
			source_tree_add_rule(tree, right->all, NULL, right->never_null);
			source_tree_add_rule(tree, left->all, right->all, bms_make_singleton(node));
			break;
		default:
			elog(ERROR, "unexpected join type: %d", (int) jointype);
	}
	source_tree_add_rule(tree, any_of, NULL, bms_add_member(both, node));
	return arm;
}

static JoinArm
walk_join(SourceTree *tree, SourceLevel *level, JoinExpr *join)
{
	JoinArm		left = walk_join_tree(tree, level, join->larg);
	JoinArm		right = walk_join_tree(tree, level, join->rarg);
	WalkContext context = {.tree = tree,.level = level};
	int			node = source_tree_add_node(tree);
	JoinArm		arm = join_arms(tree, join->jointype, &left, &right, node);

	context.place = bms_add_member(bms_make_singleton(level->root_node), node);
	walk_quals(&context, join->quals, node);
	return arm;
}

/*
 * A condition that is true where guard holds: look for links among its
 * conjuncts, and walk it as any expression.
 */
static void
walk_quals(WalkContext *context, Node *quals, int guard)
{
	if (quals == NULL)
		return;
	if (IsA(quals, List) || is_andclause(quals))
	{
		List	   *args = IsA(quals, List) ? (List *) quals : ((BoolExpr *) quals)->args;
		ListCell   *lc;

		foreach(lc, args)
			walk_quals(context, lfirst(lc), guard);
		return;
	}
	if (IsA(quals, SubLink))
	{
		walk_sublink(context, (SubLink *) quals, true);
		return;
	}
	if (is_opclause(quals))
		source_link_add_conjunct(context->tree, context->level, (OpExpr *) quals, guard);
	walk_expression(quals, context);
}

/* ----- expressions ----- */

static bool
walk_expression(Node *node, WalkContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		walk_var(context, (Var *) node);
		return false;
	}
	if (IsA(node, SubLink))
	{
		walk_sublink(context, (SubLink *) node, false);
		return false;
	}
	refusal_check_expression(node, context->tree->options);
	return expression_tree_walker(node, walk_expression, context);
}

static void
note_whole_row(SourceAlias *alias)
{
	Relation	rel = table_open(alias->relid, AccessShareLock);
	int			natts = RelationGetNumberOfAttributes(rel);

	table_close(rel, NoLock);
	alias->uses_whole_row = true;
	for (AttrNumber attno = 1; attno <= natts; attno++)
		alias->used_attnos = bms_add_member(alias->used_attnos,
											attno - FirstLowInvalidHeapAttributeNumber);
}

/* A virtual generated column has no image in a row: it stands for others. */
static void
note_column(SourceAlias *alias, AttrNumber attno)
{
	alias->used_attnos = bms_add_member(alias->used_attnos,
										attno - FirstLowInvalidHeapAttributeNumber);
	alias->used_attnos = bms_add_members(alias->used_attnos,
										 source_link_columns_behind(alias->relid, attno));
}

/* Note that a column is used. */
static void
walk_var(WalkContext *context, Var *var)
{
	WalkContext there = *context;
	RangeTblEntry *rte;
	SourceAlias *alias;

	there.level = source_link_var_level(context->level, var);
	rte = rt_fetch(var->varno, there.level->query->rtable);
	if (rte->rtekind == RTE_JOIN && var->varattno == 0)
	{
		walk_expression((Node *) rte->joinaliasvars, &there);
		return;
	}
	if (rte->rtekind == RTE_JOIN || compat_is_group_rte(rte))
	{
		walk_expression(source_link_stands_for(rte, var->varattno), &there);
		return;
	}

	alias = there.level->aliases[var->varno - 1];
	if (alias == NULL || alias->kind != SOURCE_ALIAS_TABLE)
		return;
	refusal_check_column(alias->relid, var->varattno);
	if (var->varattno == 0)
		note_whole_row(alias);
	else
		note_column(alias, var->varattno);
}

static void
walk_sublink(WalkContext *context, SubLink *sublink, bool must_be_true)
{
	LevelSpec	spec = {.query = castNode(Query, sublink->subselect),
		.use = SOURCE_LEVEL_SUBLINK,
		.lexical = context->level,.parent = context->level,
		.place = context->place,.as_user = context->level->as_user};
	SourceLevel *inner;

	if (sublink->subLinkType == ANY_SUBLINK)
		spec.use = must_be_true ? SOURCE_LEVEL_IN : SOURCE_LEVEL_IN_VALUE;
	else if (sublink->subLinkType == ALL_SUBLINK)
		spec.use = SOURCE_LEVEL_IN_VALUE;
	spec.output = source_tree_add_alias(context->tree, SOURCE_ALIAS_QUERY, "a subquery", NULL);
	inner = walk_level(context->tree, &spec);

	walk_expression(sublink->testexpr, context);
	if (spec.use != SOURCE_LEVEL_SUBLINK)
		source_link_add_sublink(context->tree, inner, sublink);
}
