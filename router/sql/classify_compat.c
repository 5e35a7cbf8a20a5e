/*-------------------------------------------------------------------------
 *
 * classify_compat.c
 *	  The walk through nodes that the parser of PostgreSQL 15 does not make.
 *
 * SQL/JSON, which came with 16 and 17: expressions, aggregates, JSON_TABLE.
 * Their functions are PostgreSQL's own, found by number and not by name, and
 * without effect.  But what is made JSON, or made of it, passes through the
 * casts of the database, also where no type is named: so the types json and
 * jsonb count as if they were.
 *
 * merge_action(), of 17, tells what MERGE did, and RETURNING WITH (OLD AS o),
 * of 18, gives names: neither does anything.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

#if PG_VERSION_NUM >= 170000

static void walk_json_casts(Walk *walk);
static void walk_JsonValueExpr(Walk *walk, const JsonValueExpr *value);
static void walk_JsonFuncExpr(Walk *walk, const JsonFuncExpr *expr);
static void walk_JsonTable(Walk *walk, const JsonTable *table);
static void walk_JsonTableColumn(Walk *walk, const JsonTableColumn *column);
static void walk_JsonAggConstructor(Walk *walk, const JsonAggConstructor *aggregate);

/* One line a type, in the order of nodetags.h, as in classify_walk.c. */
bool
walk_later_node(Walk *walk, const Node *node)
{
	switch (nodeTag(node))
	{
		WALK_NODE(JsonValueExpr);
		case T_JsonIsPredicate: WALK_FIELD(JsonIsPredicate, expr); break;
		case T_JsonBehavior: WALK_FIELD(JsonBehavior, expr); break;
		case T_JsonOutput: WALK_FIELD(JsonOutput, typeName); break;
		case T_JsonArgument: WALK_FIELD(JsonArgument, val); break;
		WALK_NODE(JsonFuncExpr);
		case T_JsonTablePathSpec: WALK_FIELD(JsonTablePathSpec, string); break;
		WALK_NODE(JsonTable);
		WALK_NODE(JsonTableColumn);
		case T_JsonKeyValue: WALK_FIELD(JsonKeyValue, key); WALK_FIELD(JsonKeyValue, value); break;
		case T_JsonParseExpr: WALK_FIELD(JsonParseExpr, expr); WALK_FIELD(JsonParseExpr, output); break;
		case T_JsonScalarExpr:
			walk_json_casts(walk);
			WALK_FIELD(JsonScalarExpr, expr);
			WALK_FIELD(JsonScalarExpr, output);
			break;
		case T_JsonSerializeExpr: WALK_FIELD(JsonSerializeExpr, expr); WALK_FIELD(JsonSerializeExpr, output); break;
		case T_JsonObjectConstructor:
			WALK_LIST(JsonObjectConstructor, exprs);
			WALK_FIELD(JsonObjectConstructor, output);
			break;
		case T_JsonArrayConstructor:
			WALK_LIST(JsonArrayConstructor, exprs);
			WALK_FIELD(JsonArrayConstructor, output);
			break;
		case T_JsonArrayQueryConstructor:
			walk_json_casts(walk);
			WALK_FIELD(JsonArrayQueryConstructor, query);
			WALK_FIELD(JsonArrayQueryConstructor, output);
			break;
		WALK_NODE(JsonAggConstructor);
		case T_JsonObjectAgg: WALK_FIELD(JsonObjectAgg, constructor); WALK_FIELD(JsonObjectAgg, arg); break;
		case T_JsonArrayAgg: WALK_FIELD(JsonArrayAgg, constructor); WALK_FIELD(JsonArrayAgg, arg); break;

#if PG_VERSION_NUM >= 180000
		case T_ReturningClause: WALK_LIST(ReturningClause, exprs); break;
#endif

		case T_MergeSupportFunc:
			break;

		default:
			return false;
	}
	return true;
}

static void
walk_json_casts(Walk *walk)
{
	walk_type_name(walk, "json");
	walk_type_name(walk, "jsonb");
}

/* The other expression in it is made after the parser. */
static void
walk_JsonValueExpr(Walk *walk, const JsonValueExpr *value)
{
	walk_json_casts(walk);
	walk_node(walk, (const Node *) value->raw_expr);
}

/* JSON_VALUE(), JSON_QUERY(), JSON_EXISTS() */
static void
walk_JsonFuncExpr(Walk *walk, const JsonFuncExpr *expr)
{
	walk_node(walk, (const Node *) expr->context_item);
	walk_node(walk, expr->pathspec);
	walk_list(walk, expr->passing);
	walk_node(walk, (const Node *) expr->output);
	walk_node(walk, (const Node *) expr->on_empty);
	walk_node(walk, (const Node *) expr->on_error);
}

static void
walk_JsonTable(Walk *walk, const JsonTable *table)
{
	walk_node(walk, (const Node *) table->context_item);
	walk_node(walk, (const Node *) table->pathspec);
	walk_list(walk, table->passing);
	walk_list(walk, table->columns);
	walk_node(walk, (const Node *) table->on_error);
}

static void
walk_JsonTableColumn(Walk *walk, const JsonTableColumn *column)
{
	walk_node(walk, (const Node *) column->typeName);
	walk_node(walk, (const Node *) column->pathspec);
	walk_list(walk, column->columns);
	walk_node(walk, (const Node *) column->on_empty);
	walk_node(walk, (const Node *) column->on_error);
}

/* What JSON_OBJECTAGG() and JSON_ARRAYAGG() have in common */
static void
walk_JsonAggConstructor(Walk *walk, const JsonAggConstructor *aggregate)
{
	walk_node(walk, (const Node *) aggregate->output);
	walk_node(walk, aggregate->agg_filter);
	walk_list(walk, aggregate->agg_order);
	walk_node(walk, (const Node *) aggregate->over);
}

#else							/* PostgreSQL 15 and 16: none, so whatever it is goes to the primary */

bool
walk_later_node(Walk *walk, const Node *node)
{
	return false;
}

#endif
