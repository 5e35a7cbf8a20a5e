/*-------------------------------------------------------------------------
 *
 * classify_walk.c
 *	  The walk through a query: every node of it must be known.
 *
 * One switch over the types of nodes a query is made of; a type that is not in
 * it, nor in that of classify_compat.c, makes the statement one for the
 * primary, so that syntax of a later PostgreSQL cannot slip through.  The walk
 * goes on after the first thing that is not a read, since what the statement
 * leaves behind (an advisory lock in an UPDATE) is wanted as well.
 *
 * The names it meets are judged by classify_names.c.  Names of CTEs hide
 * relations exactly where PostgreSQL lets them: in WITH, each sees those before
 * it, with RECURSIVE all.
 *
 * Recursion goes as deep as the statement nests, up to CLASSIFY_MAX_DEPTH.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

/* So many CTEs in sight are looked through one by one for each name. */
#define MAX_VISIBLE_CTES 200

static void walk_node_inner(Walk *walk, const Node *node);
static void walk_SelectStmt(Walk *walk, const SelectStmt *select);
static void walk_InsertStmt(Walk *walk, const InsertStmt *insert);
static void walk_UpdateStmt(Walk *walk, const UpdateStmt *update);
static void walk_DeleteStmt(Walk *walk, const DeleteStmt *delete);
static void walk_MergeStmt(Walk *walk, const MergeStmt *merge);
static void walk_WithClause(Walk *walk, const WithClause *with, WalkScope *scope);
static void walk_CommonTableExpr(Walk *walk, const CommonTableExpr *cte);
static void walk_JoinExpr(Walk *walk, const JoinExpr *join);
static void walk_RangeTableSample(Walk *walk, const RangeTableSample *sample);
static void walk_RangeTableFunc(Walk *walk, const RangeTableFunc *function);
static void walk_ColumnRef(Walk *walk, const ColumnRef *column);
static void walk_A_Indirection(Walk *walk, const A_Indirection *indirection);
static void walk_A_Expr(Walk *walk, const A_Expr *expr);
static void walk_SubLink(Walk *walk, const SubLink *sublink);
static void walk_CaseExpr(Walk *walk, const CaseExpr *expr);
static void walk_FuncCall(Walk *walk, const FuncCall *call);
static void walk_WindowDef(Walk *walk, const WindowDef *window);
static void walk_TypeName(Walk *walk, const TypeName *type);

void
walk_node(Walk *walk, const Node *node)
{
	if (node == NULL || walk->verdict == VERDICT_TOO_DEEP)
		return;
	if (++walk->depth > CLASSIFY_MAX_DEPTH)
		walk_lower(walk, VERDICT_TOO_DEEP, "nested deeper than the router looks", NULL);
	else
		walk_node_inner(walk, node);
	walk->depth--;
}

void
walk_list(Walk *walk, const List *list)
{
	const ListCell *cell;

	foreach(cell, list)
		walk_node(walk, lfirst(cell));
}

/* One line a type, in the order of parsenodes.h and primnodes.h. */
static void
walk_node_inner(Walk *walk, const Node *node)
{
	switch (nodeTag(node))
	{
		/* statements */
		WALK_NODE(SelectStmt);
		WALK_NODE(InsertStmt);
		WALK_NODE(UpdateStmt);
		WALK_NODE(DeleteStmt);
		WALK_NODE(MergeStmt);

		/* what FROM is made of */
		case T_RangeVar: walk_relation(walk, (const RangeVar *) node); break;
		case T_RangeSubselect: WALK_FIELD(RangeSubselect, subquery); break;
		case T_RangeFunction: WALK_LIST(RangeFunction, functions); WALK_LIST(RangeFunction, coldeflist); break;
		WALK_NODE(RangeTableSample);
		WALK_NODE(RangeTableFunc);
		WALK_NODE(JoinExpr);

		/* expressions with names in them */
		WALK_NODE(ColumnRef);
		WALK_NODE(A_Indirection);
		WALK_NODE(A_Expr);
		WALK_NODE(SubLink);
		WALK_NODE(CaseExpr);
		WALK_NODE(FuncCall);
		WALK_NODE(WindowDef);
		WALK_NODE(TypeName);
		WALK_NODE(CommonTableExpr);

		/* expressions that only hold others */
		case T_List: walk_list(walk, (const List *) node); break;
		case T_ResTarget: WALK_FIELD(ResTarget, val); WALK_LIST(ResTarget, indirection); break;
		case T_MultiAssignRef: WALK_FIELD(MultiAssignRef, source); break;
		case T_TypeCast: WALK_FIELD(TypeCast, arg); WALK_FIELD(TypeCast, typeName); break;
		case T_CollateClause: WALK_FIELD(CollateClause, arg); break;
		case T_BoolExpr: WALK_LIST(BoolExpr, args); break;
		case T_NullTest: WALK_FIELD(NullTest, arg); break;
		case T_BooleanTest: WALK_FIELD(BooleanTest, arg); break;
		case T_A_Indices: WALK_FIELD(A_Indices, lidx); WALK_FIELD(A_Indices, uidx); break;
		case T_A_ArrayExpr: WALK_LIST(A_ArrayExpr, elements); break;
		case T_RowExpr: WALK_LIST(RowExpr, args); break;
		case T_CaseWhen: WALK_FIELD(CaseWhen, expr); WALK_FIELD(CaseWhen, result); break;
		case T_CoalesceExpr: WALK_LIST(CoalesceExpr, args); break;
		case T_MinMaxExpr: WALK_LIST(MinMaxExpr, args); break;
		case T_NamedArgExpr: WALK_FIELD(NamedArgExpr, arg); break;
		case T_GroupingFunc: WALK_LIST(GroupingFunc, args); break;
		case T_GroupingSet: WALK_LIST(GroupingSet, content); break;
		case T_XmlExpr: WALK_LIST(XmlExpr, named_args); WALK_LIST(XmlExpr, args); break;
		case T_XmlSerialize: WALK_FIELD(XmlSerialize, expr); WALK_FIELD(XmlSerialize, typeName); break;
		case T_ColumnDef: WALK_FIELD(ColumnDef, typeName); break;	/* of a function in FROM */
		case T_SortBy:
			WALK_FIELD(SortBy, node);
			if (((const SortBy *) node)->useOp != NIL)
				walk_operator(walk, walk_last_name(((const SortBy *) node)->useOp));
			break;

		/* leaves */
		case T_A_Const:
		case T_A_Star:
		case T_ParamRef:
		case T_SQLValueFunction:
		case T_SetToDefault:
		case T_CurrentOfExpr:
		case T_String:
		case T_Integer:
		case T_Float:
		case T_Boolean:
		case T_BitString:
			break;

		default:
			if (!walk_later_node(walk, node))
				walk_lower(walk, VERDICT_PRIMARY, "syntax the router does not know", NULL);
	}
}

/* ---- statements ---- */

static void
walk_SelectStmt(Walk *walk, const SelectStmt *select)
{
	const WalkScope *outer = walk->scope;
	WalkScope	scope;

	walk_WithClause(walk, select->withClause, &scope);
	if (select->intoClause != NULL)
	{
		walk_lower(walk, VERDICT_PRIMARY, "SELECT INTO makes a table", select->intoClause->rel->relname);
		if (walk_is_temporary(select->intoClause->rel))
			walk_pin(walk, PIN_TEMPORARY, "temporary table");
		else
			walk_flag(walk, STATEMENT_IS_DDL);
	}
	if (select->lockingClause != NIL)
		walk_lower(walk, VERDICT_PRIMARY, "FOR UPDATE or FOR SHARE locks rows", NULL);
	walk_list(walk, select->distinctClause);
	walk_list(walk, select->targetList);
	walk_list(walk, select->fromClause);
	walk_node(walk, select->whereClause);
	walk_list(walk, select->groupClause);
	walk_node(walk, select->havingClause);
	walk_list(walk, select->windowClause);
	walk_list(walk, select->valuesLists);
	walk_list(walk, select->sortClause);
	walk_node(walk, select->limitOffset);
	walk_node(walk, select->limitCount);
	walk_node(walk, (const Node *) select->larg);
	walk_node(walk, (const Node *) select->rarg);
	walk->scope = outer;
}

static void
walk_InsertStmt(Walk *walk, const InsertStmt *insert)
{
	const WalkScope *outer = walk->scope;
	const OnConflictClause *conflict = insert->onConflictClause;
	WalkScope	scope;

	walk_lower(walk, VERDICT_PRIMARY, "INSERT", insert->relation->relname);
	walk_WithClause(walk, insert->withClause, &scope);
	walk_node(walk, insert->selectStmt);
	if (conflict != NULL)
	{
		walk_list(walk, conflict->targetList);
		walk_node(walk, conflict->whereClause);
	}
	walk_node(walk, PARSER_RETURNING(insert));
	walk->scope = outer;
}

static void
walk_UpdateStmt(Walk *walk, const UpdateStmt *update)
{
	const WalkScope *outer = walk->scope;
	WalkScope	scope;

	walk_lower(walk, VERDICT_PRIMARY, "UPDATE", update->relation->relname);
	walk_WithClause(walk, update->withClause, &scope);
	walk_list(walk, update->targetList);
	walk_list(walk, update->fromClause);
	walk_node(walk, update->whereClause);
	walk_node(walk, PARSER_RETURNING(update));
	walk->scope = outer;
}

static void
walk_DeleteStmt(Walk *walk, const DeleteStmt *delete)
{
	const WalkScope *outer = walk->scope;
	WalkScope	scope;

	walk_lower(walk, VERDICT_PRIMARY, "DELETE", delete->relation->relname);
	walk_WithClause(walk, delete->withClause, &scope);
	walk_list(walk, delete->usingClause);
	walk_node(walk, delete->whereClause);
	walk_node(walk, PARSER_RETURNING(delete));
	walk->scope = outer;
}

static void
walk_MergeStmt(Walk *walk, const MergeStmt *merge)
{
	const WalkScope *outer = walk->scope;
	WalkScope	scope;
	const ListCell *cell;

	walk_lower(walk, VERDICT_PRIMARY, "MERGE", merge->relation->relname);
	walk_WithClause(walk, merge->withClause, &scope);
	walk_node(walk, merge->sourceRelation);
	walk_node(walk, merge->joinCondition);
	foreach(cell, merge->mergeWhenClauses)
	{
		const MergeWhenClause *when = lfirst(cell);

		walk_node(walk, when->condition);
		walk_list(walk, when->targetList);
		walk_list(walk, when->values);
	}
	walk_node(walk, PARSER_MERGE_RETURNING(merge));
	walk->scope = outer;
}

/* ---- WITH ---- */

/* Walk the CTEs and bring their names into sight; the caller restores walk->scope. */
static void
walk_WithClause(Walk *walk, const WithClause *with, WalkScope *scope)
{
	const ListCell *cell;

	if (with == NULL)
		return;
	if (list_length(with->ctes) > MAX_VISIBLE_CTES)
	{
		walk_lower(walk, VERDICT_TOO_DEEP, "more CTEs than the router looks through", NULL);
		return;
	}
	*scope = (WalkScope) {with->ctes, with->recursive ? list_length(with->ctes) : 0, walk->scope};
	walk->scope = scope;
	foreach(cell, with->ctes)
	{
		walk_node(walk, lfirst(cell));
		if (!with->recursive)
			scope->visible++;
	}
}

static void
walk_CommonTableExpr(Walk *walk, const CommonTableExpr *cte)
{
	walk_node(walk, cte->ctequery);
	if (cte->cycle_clause != NULL)
	{
		walk_operator(walk, "=");
		walk_operator(walk, "<>");
		walk_node(walk, cte->cycle_clause->cycle_mark_value);
		walk_node(walk, cte->cycle_clause->cycle_mark_default);
	}
}

/* ---- FROM ---- */

static void
walk_JoinExpr(Walk *walk, const JoinExpr *join)
{
	if (join->isNatural || join->usingClause != NIL)
		walk_operator(walk, "=");
	walk_node(walk, join->larg);
	walk_node(walk, join->rarg);
	walk_node(walk, join->quals);
}

/* The methods that come with PostgreSQL only read; others are code nobody can look into. */
static void
walk_RangeTableSample(Walk *walk, const RangeTableSample *sample)
{
	const char *method = walk_last_name(sample->method);

	if (strcmp(method, "system") != 0 && strcmp(method, "bernoulli") != 0)
		walk_lower(walk, VERDICT_PRIMARY, "sampling method not known", method);
	walk_node(walk, sample->relation);
	walk_list(walk, sample->args);
	walk_node(walk, sample->repeatable);
}

static void
walk_RangeTableFunc(Walk *walk, const RangeTableFunc *function)
{
	const ListCell *cell;

	walk_node(walk, function->docexpr);
	walk_node(walk, function->rowexpr);
	walk_list(walk, function->namespaces);
	foreach(cell, function->columns)
	{
		const RangeTableFuncCol *column = lfirst(cell);

		walk_node(walk, (const Node *) column->typeName);
		walk_node(walk, column->colexpr);
		walk_node(walk, column->coldefexpr);
	}
}

/* ---- expressions ---- */

static void
walk_ColumnRef(Walk *walk, const ColumnRef *column)
{
	const ListCell *cell;

	if (list_length(column->fields) < 2)
		return;
	for_each_from(cell, column->fields, 1)
	{
		const Node *field = lfirst(cell);

		if (IsA(field, String))
			walk_attribute(walk, strVal(field));
	}
}

static void
walk_A_Indirection(Walk *walk, const A_Indirection *indirection)
{
	const ListCell *cell;

	walk_node(walk, indirection->arg);
	foreach(cell, indirection->indirection)
	{
		const Node *step = lfirst(cell);

		if (IsA(step, String))
			walk_attribute(walk, strVal(step));
		else
			walk_node(walk, step);
	}
}

static void
walk_A_Expr(Walk *walk, const A_Expr *expr)
{
	switch (expr->kind)
	{
		case AEXPR_BETWEEN:
		case AEXPR_NOT_BETWEEN:
		case AEXPR_BETWEEN_SYM:
		case AEXPR_NOT_BETWEEN_SYM:
			walk_operator(walk, "<");
			walk_operator(walk, "<=");
			walk_operator(walk, ">");
			walk_operator(walk, ">=");
			break;
		default:				/* the name is that of the operator, also for IN, LIKE, NULLIF ... */
			walk_operator(walk, walk_last_name(expr->name));
	}
	walk_node(walk, expr->lexpr);
	walk_node(walk, expr->rexpr);
}

static void
walk_SubLink(Walk *walk, const SubLink *sublink)
{
	if (sublink->operName != NIL)
		walk_operator(walk, walk_last_name(sublink->operName));
	else if (sublink->subLinkType == ANY_SUBLINK)
		walk_operator(walk, "=");	/* x IN (SELECT ...) */
	walk_node(walk, sublink->testexpr);
	walk_node(walk, sublink->subselect);
}

static void
walk_CaseExpr(Walk *walk, const CaseExpr *expr)
{
	if (expr->arg != NULL)
		walk_operator(walk, "=");
	walk_node(walk, (const Node *) expr->arg);
	walk_list(walk, expr->args);
	walk_node(walk, (const Node *) expr->defresult);
}

static void
walk_FuncCall(Walk *walk, const FuncCall *call)
{
	walk_function_name(walk, call);
	walk_list(walk, call->args);
	walk_list(walk, call->agg_order);
	walk_node(walk, call->agg_filter);
	walk_node(walk, (const Node *) call->over);
}

static void
walk_WindowDef(Walk *walk, const WindowDef *window)
{
	walk_list(walk, window->partitionClause);
	walk_list(walk, window->orderClause);
	walk_node(walk, window->startOffset);
	walk_node(walk, window->endOffset);
}

static void
walk_TypeName(Walk *walk, const TypeName *type)
{
	walk_type_name(walk, walk_last_name(type->names));
	walk_list(walk, type->typmods);
}
