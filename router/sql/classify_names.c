/*-------------------------------------------------------------------------
 *
 * classify_names.c
 *	  What the names in a query stand for, by the facts of the database.
 *
 * Relations, functions by arity, types, operators, and the second names of a.b,
 * which may call a function of a row.  What is not known is not a read yet.
 * Schemas are not looked at, but for pg_temp: a name counts as the worst that
 * bears it.  What some functions do beyond their answer (locks, settings) is a
 * list (classify_lists.c), which goes before all facts.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

#include "sql/classify_lists.h"

static bool walk_sees_cte(const Walk *walk, const char *name);
static void walk_config_name(Walk *walk, const Node *name);
static void walk_pinning_function(Walk *walk, const FuncCall *call, const FunctionRule *rule);
static void walk_current_setting(Walk *walk, const FuncCall *call);

const char *
walk_last_name(const List *names)
{
	const Node *last = names == NIL ? NULL : llast(names);

	return last != NULL && IsA(last, String) ? strVal(last) : "";
}

bool
walk_is_temporary(const RangeVar *relation)
{
	return relation->relpersistence == 't' ||
		(relation->schemaname != NULL && strncmp(relation->schemaname, "pg_temp", strlen("pg_temp")) == 0);
}

/* ---- relations ---- */

void
walk_relation(Walk *walk, const RangeVar *relation)
{
	const char *name = relation->relname;
	RelationFact fact;

	if (relation->schemaname == NULL && walk_sees_cte(walk, name))
		return;
	walk->has_types = true;
	if (walk_is_temporary(relation))
	{
		walk_lower(walk, VERDICT_PRIMARY, "a temporary table is on one server", name);
		return;
	}
	fact = walk->facts == NULL ? RELATION_UNKNOWN : facts_find_relation(walk->facts, slice_from_string(name));
	if (fact == RELATION_UNKNOWN)
		walk_lower(walk, VERDICT_UNKNOWN, "relation not known (yet)", name);
	else if (fact == RELATION_PRIMARY_ONLY)
		walk_lower(walk, VERDICT_PRIMARY, "not a plain, replicated table, nor a view of such", name);
	else if (fact == RELATION_NODE_LOCAL || classify_is_node_local_relation(name))
		walk_lower(walk, VERDICT_NODE_LOCAL, "tells of the node", name);
}

static bool
walk_sees_cte(const Walk *walk, const char *name)
{
	for (const WalkScope *scope = walk->scope; scope != NULL; scope = scope->outer)
		for (int i = 0; i < scope->visible; i++)
			if (strcmp(((const CommonTableExpr *) list_nth(scope->ctes, i))->ctename, name) == 0)
				return true;
	return false;
}

/* ---- functions ---- */

void
walk_function_name(Walk *walk, const FuncCall *call)
{
	const char *name = walk_last_name(call->funcname);
	int			nargs = list_length(call->args) +
		(call->agg_within_group ? list_length(call->agg_order) : 0);
	const FunctionRule *rule = classify_find_function_rule(name);
	FunctionFact fact;

	walk->has_types = true;
	if (rule != NULL && rule->kind >= FUNCTION_RULE_DENIED)
	{
		if (rule->kind == FUNCTION_RULE_PINS)
			walk_pinning_function(walk, call, rule);
		else if (rule->kind == FUNCTION_RULE_LOCKS)
			walk_pin(walk, PIN_LOCK, rule->why);
		else if (rule->kind == FUNCTION_RULE_UNLOCKS)
			walk_flag(walk, STATEMENT_ENDS_STATE);
		walk_lower(walk, VERDICT_PRIMARY, "a function with effects", name);
		return;
	}
	fact = walk->facts == NULL ? FUNCTION_UNKNOWN :
		facts_find_function(walk->facts, slice_from_string(name), nargs);
	if (fact == FUNCTION_UNKNOWN)
		walk_lower(walk, VERDICT_UNKNOWN, "function not known (yet)", name);
	else if (fact == FUNCTION_PRIMARY_ONLY || (fact == FUNCTION_BUILTIN_VOLATILE && rule == NULL))
		walk_lower(walk, VERDICT_PRIMARY, "a volatile function", name);
	else if (rule != NULL && rule->kind == FUNCTION_RULE_NODE_LOCAL)
		walk_lower(walk, VERDICT_NODE_LOCAL, "tells of the node", name);
	else if (strcmp(name, "current_setting") == 0)
		walk_current_setting(walk, call);

	/* name(x) may also be a cast to a type of that name */
	if (nargs == 1 && walk->facts != NULL &&
		facts_find_type(walk->facts, slice_from_string(name)) == NAME_UNSAFE)
		walk_lower(walk, VERDICT_PRIMARY, "a type whose checks or casts may have effects", name);
}

/* A name that is not told could be any. */
static void
walk_config_name(Walk *walk, const Node *name)
{
	char		lower[64] = "timezone";

	walk->result->reads_constant = true;
	if (IsA(name, A_Const) && !((const A_Const *) name)->isnull && IsA(&((const A_Const *) name)->val, String))
		walk_copy_name(lower, sizeof(lower), ((const A_Const *) name)->val.sval.sval);
	for (char *c = lower; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	walk_local_setting(walk, lower);
}

/* set_config(name, value, true) ends with the transaction; all others of these stay. */
static void
walk_pinning_function(Walk *walk, const FuncCall *call, const FunctionRule *rule)
{
	const Node *first = call->args == NIL ? NULL : linitial(call->args);
	const Node *last = call->args == NIL ? NULL : llast(call->args);

	if (strcmp(rule->name, "set_config") == 0 && last != NULL && IsA(last, A_Const))
	{
		const A_Const *constant = (const A_Const *) last;

		if (!constant->isnull && IsA(&constant->val, Boolean) && constant->val.boolval.boolval)
		{
			walk_config_name(walk, first);
			return;
		}
	}
	walk_pin(walk, PIN_OTHER, rule->why);
}

/*
 * A setting with a dot in its name belongs to the application: the session's
 * own value is brought to every server.  Any other may differ between nodes.
 */
static void
walk_current_setting(Walk *walk, const FuncCall *call)
{
	const Node *first = call->args == NIL ? NULL : linitial(call->args);

	if (first != NULL && IsA(first, A_Const))
	{
		const A_Const *constant = (const A_Const *) first;

		walk->result->reads_constant = true;
		if (!constant->isnull && IsA(&constant->val, String) &&
			strchr(constant->val.sval.sval, '.') != NULL)
			return;
	}
	walk_lower(walk, VERDICT_NODE_LOCAL, "tells of the node", "current_setting");
}

/* ---- types, operators, columns ---- */

void
walk_type_name(Walk *walk, const char *name)
{
	NameFact	fact = walk->facts == NULL ? NAME_UNKNOWN :
		facts_find_type(walk->facts, slice_from_string(name));

	walk->has_types = true;
	if (fact == NAME_UNKNOWN)
		walk_lower(walk, VERDICT_UNKNOWN, "type not known (yet)", name);
	else if (fact == NAME_UNSAFE)
		walk_lower(walk, VERDICT_PRIMARY, "a type whose checks or casts may have effects", name);
}

void
walk_operator(Walk *walk, const char *name)
{
	NameFact	fact = walk->facts == NULL ? NAME_UNKNOWN :
		facts_find_operator(walk->facts, slice_from_string(name));

	if (fact == NAME_UNKNOWN)
		walk_lower(walk, VERDICT_UNKNOWN, "operator not known (yet)", name);
	else if (fact == NAME_UNSAFE)
		walk_lower(walk, VERDICT_PRIMARY, "an operator that calls a volatile function", name);
}

void
walk_attribute(Walk *walk, const char *name)
{
	if (walk->facts == NULL)
		walk_lower(walk, VERDICT_UNKNOWN, "column or function of a row, not known (yet)", name);
	else if (facts_is_unsafe_attribute(walk->facts, slice_from_string(name)) ||
			 facts_find_type(walk->facts, slice_from_string(name)) == NAME_UNSAFE)
		walk_lower(walk, VERDICT_PRIMARY, "a column that may be a volatile function of the row", name);
}
