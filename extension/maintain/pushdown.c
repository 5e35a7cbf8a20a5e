/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  Does a condition on the key reach the sources of a definition?
 *
 * The query of a refresh is planned and the plan is looked at.  What is cheap
 * on tables that may still be empty says nothing, so costs and kinds of scans
 * are not looked at.  What counts is where parameters stand: the key, or a
 * value that one side of a join hands to the other.
 *
 * A node that needs all of its input before it gives a row (an aggregate, a
 * window, DISTINCT, LIMIT, a side of a FULL JOIN, a CTE, a hashed subquery)
 * must have a parameter in the condition of some scan below it, and so must
 * the plan as a whole: then that scan, and what is joined to it, is as small as
 * one key.  Tables below a node that has none are read as a whole, every time.
 *
 * Static sources are left out: to read them as a whole can be the point.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "base/spi_util.h"
#include "maintain/pushdown.h"

/* What is read below a node of the plan. */
typedef struct PlanReads
{
	List	   *sources;		/* OIDs */
	bool		by_parameter;	/* some scan's condition has a parameter */
} PlanReads;

typedef struct PushdownWalk
{
	const Definition *definition;
	List	   *rtable;
	List	   *whole;			/* OIDs of sources that are read as a whole */
} PushdownWalk;

static PlanReads walk_plan(PushdownWalk *walk, Plan *plan);

/* Reads that must be bound to the key here; what is not is noted. */
static PlanReads
require_parameter(PushdownWalk *walk, PlanReads reads)
{
	if (reads.sources != NIL && !reads.by_parameter)
	{
		walk->whole = list_concat_unique_oid(walk->whole, reads.sources);
		reads.sources = NIL;
	}
	return reads;
}

static PlanReads
join_reads(PlanReads a, PlanReads b)
{
	a.sources = list_concat_unique_oid(a.sources, b.sources);
	a.by_parameter |= b.by_parameter;
	return a;
}

static PlanReads
walk_list(PushdownWalk *walk, List *plans)
{
	PlanReads	reads = {NIL, false};
	ListCell   *lc;

	foreach(lc, plans)
		reads = join_reads(reads, walk_plan(walk, lfirst(lc)));
	return reads;
}

static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return true;
	return expression_tree_walker(node, has_parameter, context);
}

static bool
scan_has_parameter(Scan *scan)
{
	if (has_parameter((Node *) scan->plan.qual, NULL))
		return true;
	switch (nodeTag(scan))
	{
		case T_IndexScan:
			return has_parameter((Node *) ((IndexScan *) scan)->indexqual, NULL);
		case T_IndexOnlyScan:
			return has_parameter((Node *) ((IndexOnlyScan *) scan)->indexqual, NULL);
		case T_BitmapHeapScan:
			return has_parameter((Node *) ((BitmapHeapScan *) scan)->bitmapqualorig, NULL);
		default:
			return false;
	}
}

/* The source that the table is, or is a part of; InvalidOid if none that matters. */
static Oid
source_of_table(const Definition *definition, Oid relid)
{
	ListCell   *lc;

	foreach(lc, lcons_oid(relid, board_find_ancestors(relid)))
	{
		const SourceUse *use = definition_find_source(definition, lfirst_oid(lc));

		if (use != NULL && !use->is_static)
			return use->relid;
	}
	return InvalidOid;
}

static PlanReads
read_table(PushdownWalk *walk, Scan *scan)
{
	PlanReads	reads = {NIL, scan_has_parameter(scan)};
	RangeTblEntry *rte = rt_fetch(scan->scanrelid, walk->rtable);
	Oid			source = InvalidOid;

	if (rte->rtekind == RTE_RELATION)
		source = source_of_table(walk->definition, rte->relid);
	if (OidIsValid(source))
		reads.sources = list_make1_oid(source);
	return reads;
}

static PlanReads
walk_full_join(PushdownWalk *walk, Plan *plan)
{
	PlanReads	left = require_parameter(walk, walk_plan(walk, plan->lefttree));
	PlanReads	right = require_parameter(walk, walk_plan(walk, plan->righttree));

	return join_reads(left, right);
}

static PlanReads
walk_plan(PushdownWalk *walk, Plan *plan)
{
	PlanReads	reads;

	if (plan == NULL)
		return (PlanReads) {NIL, false};
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
			return read_table(walk, (Scan *) plan);
		case T_SubqueryScan:
			return walk_plan(walk, ((SubqueryScan *) plan)->subplan);
		case T_Append:
			return walk_list(walk, ((Append *) plan)->appendplans);
		case T_MergeAppend:
			return walk_list(walk, ((MergeAppend *) plan)->mergeplans);
		case T_HashJoin:
		case T_MergeJoin:
			if (((Join *) plan)->jointype == JOIN_FULL)
				return walk_full_join(walk, plan);
			break;
		default:
			break;
	}
	reads = join_reads(walk_plan(walk, plan->lefttree), walk_plan(walk, plan->righttree));
	if (IsA(plan, Agg) || IsA(plan, Group) || IsA(plan, WindowAgg) || IsA(plan, Unique) ||
		IsA(plan, SetOp) || IsA(plan, Limit))
		reads = require_parameter(walk, reads);
	return reads;
}

/* The sources that this statement reads as a whole. */
static List *
find_whole_reads(const Definition *definition, PlannedStmt *stmt)
{
	PushdownWalk walk = {definition, stmt->rtable, NIL};
	ListCell   *lc;

	require_parameter(&walk, walk_plan(&walk, stmt->planTree));
	foreach(lc, stmt->subplans)
		require_parameter(&walk, walk_plan(&walk, lfirst(lc)));
	return walk.whole;
}

/* SELECT * FROM view WHERE key = $1 AND ..., kept. */
static SPIPlanPtr
prepare_query(const BoardPlan *plan)
{
	const Board *board = plan->board;
	const Definition *definition = plan->definition;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT * FROM %s s (", spi_util_relation_name(board->view));
	for (int i = 0; i < board->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : "", quote_identifier(board->column_names[i]));
	for (int i = 0; i < definition->nkeys; i++)
		appendStringInfo(&sql, "%ss.%s %s $%d", i ? " AND " : ") WHERE ",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]),
						 spi_util_operator_name(definition->key_eqops[i]), i + 1);
	return spi_prepare_kept(sql.data, definition->nkeys, definition->key_types, CURSOR_OPT_GENERIC_PLAN);
}

/* In the order of the definition, whatever the plan's is. */
static char *
list_tables(const Definition *definition, const List *relids)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < definition->nsources; i++)
		if (list_member_oid(relids, definition->sources[i].relid))
			appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
							 get_rel_name(definition->sources[i].relid));
	return names.data;
}

void
pushdown_warn(BoardPlan *plan)
{
	SPIPlanPtr	query = prepare_query(plan);
	CachedPlan *cached = SPI_plan_get_cached_plan(query);
	List	   *whole = find_whole_reads(plan->definition, linitial_node(PlannedStmt, cached->stmt_list));

	if (whole != NIL)
		ereport(WARNING,
				(errmsg("each change of a row of board %s reads all of %s", plan->board->qualified,
						list_tables(plan->definition, whole)),
				 errdetail("A condition on the key does not reach it through the definition."),
				 errhint("Tie subqueries that group, limit or number rows by a WHERE inside, with LATERAL; write EXISTS for IN, NOT MATERIALIZED for a CTE, and the ON of a FULL JOIN in the order of its COALESCE.")));
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	SPI_freeplan(query);
}
