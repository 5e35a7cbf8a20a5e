/*-------------------------------------------------------------------------
 *
 * classify_setting.c
 *	  SET, RESET, SHOW and the options of transactions.
 *
 * The session follows settings by name and value, so that any server can be
 * brought to them.  A value is put together as PostgreSQL's
 * flatten_set_variable_args() does: words joined with ", ", those of settings
 * that are lists of names in double quotes where they need them.  What cannot
 * be told so (an interval, a role, a value too long) pins the session.
 *
 * SET transaction_read_only and its kin are SET TRANSACTION by another name.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

#include <strings.h>

#include "nodes/value.h"

#include "sql/classify_lists.h"

#undef snprintf					/* the C library's, not the one of libpgport that port.h puts in its place */

/* Text put together in a buffer of fixed size; overflow is remembered, not fatal. */
typedef struct ValueText
{
	char	   *data;
	size_t		size;
	size_t		len;
	bool		is_cut;
} ValueText;

static void walk_set_value(Walk *walk, const VariableSetStmt *statement, const char *name);
static void walk_set_multi(Walk *walk, const VariableSetStmt *statement);
static void walk_pinning_setting(Walk *walk, const VariableSetStmt *statement, const char *name);
static void walk_reset(Walk *walk, const VariableSetStmt *statement, const char *name);
static void walk_transaction_setting(Walk *walk, const VariableSetStmt *statement, const char *name);
static bool walk_transaction_option(Walk *walk, const char *name, const A_Const *value);
static bool setting_is_true(const A_Const *value, bool *is_true);
static bool setting_is_none(const List *args);
static bool setting_flatten(const List *args, bool is_name_list, ValueText *text);
static void value_append_quoted(ValueText *text, const char *word);
static void value_append(ValueText *text, const char *word, size_t len);
static void setting_lower(char *name);

void
walk_VariableSetStmt(Walk *walk, const VariableSetStmt *statement)
{
	StatementClass *result = walk->result;

	walk_lower(walk, VERDICT_PRIMARY, "a setting of the session", NULL);
	if (statement->kind == VAR_SET_MULTI)
	{
		walk_set_multi(walk, statement);
		return;
	}
	if (!walk_copy_name(result->set_name, sizeof(result->set_name),
						statement->kind == VAR_RESET_ALL ? "all" : statement->name))
	{
		walk_pin(walk, PIN_OTHER, "SET of a name too long to follow");
		return;
	}
	setting_lower(result->set_name);
	if (classify_is_transaction_setting(result->set_name))
		walk_transaction_setting(walk, statement, result->set_name);
	else if (statement->kind == VAR_SET_VALUE)
		walk_set_value(walk, statement, result->set_name);
	else if (statement->kind == VAR_SET_CURRENT)
		walk_lower(walk, VERDICT_PRIMARY, "a setting only a function may have", NULL);
	else
		walk_reset(walk, statement, result->set_name);
}

static void
walk_set_value(Walk *walk, const VariableSetStmt *statement, const char *name)
{
	StatementClass *result = walk->result;
	ValueText	text = {result->set_value, sizeof(result->set_value), 0, false};

	if (statement->is_local)
	{
		result->kind = STATEMENT_SET_LOCAL;
		walk_local_setting(walk, name);
	}
	else if (classify_is_pinning_setting(name))
	{
		walk_pinning_setting(walk, statement, name);
		return;
	}
	else
		result->kind = STATEMENT_SET;
	if (setting_flatten(statement->args, classify_is_name_list_setting(name), &text))
		return;
	result->set_value[0] = '\0';
	if (!statement->is_local)
	{
		result->kind = STATEMENT_QUERY;
		walk_pin(walk, PIN_OTHER, "SET of a value that cannot be followed");
	}
}

/* SET or RESET of what decides who one is; a role may have been given up by it. */
static void
walk_pinning_setting(Walk *walk, const VariableSetStmt *statement, const char *name)
{
	bool		is_role = strcmp(name, "role") == 0;

	walk_pin(walk, is_role ? PIN_ROLE : PIN_OTHER, is_role ? "SET ROLE" : "SET of session_authorization or seed");
	if (is_role && (statement->kind != VAR_SET_VALUE || setting_is_none(statement->args)))
		walk_flag(walk, STATEMENT_ENDS_STATE);
}

/* SET ROLE NONE */
static bool
setting_is_none(const List *args)
{
	const A_Const *value = args == NIL ? NULL : linitial(args);

	return value != NULL && IsA(value, A_Const) && !value->isnull && IsA(&value->val, String) &&
		strcmp(strVal(&value->val), "none") == 0;
}

/* SELECT set_config('name', 'value', false), which is SET by another name. */
bool
walk_set_config(Walk *walk, const SelectStmt *select)
{
	StatementClass *result = walk->result;
	const FuncCall *call;
	const ResTarget *target;
	const ListCell *cell;

	if (!walk->is_executed || list_length(select->targetList) != 1 || select->fromClause != NIL ||
		select->whereClause != NULL || select->withClause != NULL || select->intoClause != NULL ||
		select->havingClause != NULL || select->limitCount != NULL || select->limitOffset != NULL ||
		select->groupClause != NIL || select->distinctClause != NIL || select->sortClause != NIL ||
		select->op != SETOP_NONE)
		return false;
	target = linitial(select->targetList);
	call = (const FuncCall *) target->val;
	if (!IsA(call, FuncCall) || strcmp(walk_last_name(call->funcname), "set_config") != 0 ||
		(list_length(call->funcname) > 1 && strcmp(strVal(linitial(call->funcname)), "pg_catalog") != 0) ||
		list_length(call->args) != 3 || call->agg_filter != NULL || call->over != NULL)
		return false;
	foreach(cell, call->args)
	{
		const A_Const *constant = lfirst(cell);

		if (!IsA(constant, A_Const) || constant->isnull ||
			!(cell == list_tail(call->args) ? IsA(&constant->val, Boolean) && !constant->val.boolval.boolval :
			  IsA(&constant->val, String)))
			return false;
	}
	result->reads_constant = true;
	if (!walk_copy_name(result->set_name, sizeof(result->set_name), strVal(&((A_Const *) linitial(call->args))->val)) ||
		!walk_copy_name(result->set_value, sizeof(result->set_value), strVal(&((A_Const *) lsecond(call->args))->val)))
		return false;
	setting_lower(result->set_name);
	if (classify_is_pinning_setting(result->set_name) || classify_is_transaction_setting(result->set_name))
		return false;
	walk_flag(walk, STATEMENT_SET_CONFIG);
	walk_lower(walk, VERDICT_PRIMARY, "a setting of the session", NULL);
	return true;
}

/* RESET and SET ... TO DEFAULT; SET LOCAL ... TO DEFAULT ends with the transaction. */
static void
walk_reset(Walk *walk, const VariableSetStmt *statement, const char *name)
{
	if (statement->is_local)
	{
		walk->result->kind = STATEMENT_SET_LOCAL;
		walk_local_setting(walk, name);
	}
	else if (classify_is_pinning_setting(name))
		walk_pinning_setting(walk, statement, name);
	else
		walk->result->kind = STATEMENT_RESET;
}

/* SET TRANSACTION ..., SET TRANSACTION SNAPSHOT, SET SESSION CHARACTERISTICS. */
static void
walk_set_multi(Walk *walk, const VariableSetStmt *statement)
{
	if (strcmp(statement->name, "TRANSACTION") == 0)
	{
		walk->result->kind = STATEMENT_SET_TRANSACTION;
		if (!walk_transaction_options(walk, statement->args))
			walk->result->kind = STATEMENT_QUERY;
	}
	else if (strcmp(statement->name, "SESSION CHARACTERISTICS") == 0)
		walk_pin(walk, PIN_OTHER, "SET SESSION CHARACTERISTICS");
	/* a snapshot is the server's that exported it, and asks for the primary */
}

/* SET [LOCAL] transaction_isolation, transaction_read_only, transaction_deferrable. */
static void
walk_transaction_setting(Walk *walk, const VariableSetStmt *statement, const char *name)
{
	const Node *value = statement->args == NIL ? NULL : linitial(statement->args);

	walk->result->kind = STATEMENT_SET_TRANSACTION;
	if (statement->kind != VAR_SET_VALUE || list_length(statement->args) != 1 || !IsA(value, A_Const) ||
		!walk_transaction_option(walk, name, (const A_Const *) value))
		walk->result->kind = STATEMENT_QUERY;
}

bool
walk_transaction_options(Walk *walk, const List *options)
{
	const ListCell *cell;

	foreach(cell, options)
	{
		const DefElem *option = lfirst(cell);

		if (option->arg == NULL || !IsA(option->arg, A_Const) ||
			!walk_transaction_option(walk, option->defname, (const A_Const *) option->arg))
			return false;
	}
	return true;
}

/* The last word counts: READ ONLY, READ WRITE is READ WRITE. */
static bool
walk_transaction_option(Walk *walk, const char *name, const A_Const *value)
{
	unsigned   *flags = &walk->result->flags;
	bool		is_true;

	if (strcmp(name, "transaction_isolation") == 0)
	{
		if (value->isnull || !IsA(&value->val, String))
			return false;
		*flags &= ~(unsigned) (STATEMENT_SERIALIZABLE | STATEMENT_OTHER_ISOLATION);
		*flags |= strcasecmp(value->val.sval.sval, "serializable") == 0 ? STATEMENT_SERIALIZABLE : STATEMENT_OTHER_ISOLATION;
		return true;
	}
	if (!setting_is_true(value, &is_true))
		return false;
	if (strcmp(name, "transaction_read_only") == 0)
	{
		*flags &= ~(unsigned) (STATEMENT_READ_ONLY | STATEMENT_READ_WRITE);
		*flags |= is_true ? STATEMENT_READ_ONLY : STATEMENT_READ_WRITE;
		return true;
	}
	return strcmp(name, "transaction_deferrable") == 0;
}

/* The words of a boolean setting, which PostgreSQL also takes cut short; false: none of them. */
static bool
setting_is_true(const A_Const *value, bool *is_true)
{
	static const struct
	{
		const char *word;
		size_t		min_len;	/* o alone may be on or off */
		bool		is_true;
	}			words[] = {
		{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
		{"on", 2, true}, {"off", 2, false}, {"1", 1, true}, {"0", 1, false},
	};
	const char *text;
	size_t		len;

	if (value->isnull)
		return false;
	if (IsA(&value->val, Integer))
	{
		*is_true = value->val.ival.ival != 0;
		return value->val.ival.ival == 0 || value->val.ival.ival == 1;
	}
	if (IsA(&value->val, Boolean))
	{
		*is_true = value->val.boolval.boolval;
		return true;
	}
	if (!IsA(&value->val, String))
		return false;
	text = value->val.sval.sval;
	len = strlen(text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len >= words[i].min_len && strncasecmp(text, words[i].word, len) == 0)
		{
			*is_true = words[i].is_true;
			return true;
		}
	return false;
}

/* ---- SHOW ---- */

void
walk_VariableShowStmt(Walk *walk, const VariableShowStmt *statement)
{
	StatementClass *result = walk->result;

	walk_lower(walk, VERDICT_NODE_LOCAL, "SHOW tells of the node", statement->name);
	if (walk_copy_name(result->set_name, sizeof(result->set_name), statement->name))
	{
		result->kind = STATEMENT_SHOW;
		setting_lower(result->set_name);
	}
}

/* ---- values ---- */

/* False: an argument is not a constant, or they do not fit. */
static bool
setting_flatten(const List *args, bool is_name_list, ValueText *text)
{
	const ListCell *cell;

	foreach(cell, args)
	{
		const A_Const *constant = lfirst(cell);
		char		number[32];

		if (!IsA(constant, A_Const) || constant->isnull)
			return false;
		if (text->len > 0 || cell != list_head(args))
			value_append(text, ", ", 2);
		switch (nodeTag(&constant->val))
		{
			case T_Integer:
				snprintf(number, sizeof(number), "%d", constant->val.ival.ival);
				value_append(text, number, strlen(number));
				break;
			case T_Float:
				value_append(text, constant->val.fval.fval, strlen(constant->val.fval.fval));
				break;
			case T_String:
				if (is_name_list)
					value_append_quoted(text, constant->val.sval.sval);
				else
					value_append(text, constant->val.sval.sval, strlen(constant->val.sval.sval));
				break;
			default:
				return false;
		}
	}
	return !text->is_cut;
}

/* A name of plain lower case needs no quotes to come back as itself. */
static void
value_append_quoted(ValueText *text, const char *word)
{
	const char *plain = "abcdefghijklmnopqrstuvwxyz_0123456789";
	bool		is_plain = *word != '\0' && !(*word >= '0' && *word <= '9') &&
		word[strspn(word, plain)] == '\0';

	if (is_plain)
	{
		value_append(text, word, strlen(word));
		return;
	}
	value_append(text, "\"", 1);
	for (const char *c = word; *c != '\0'; c++)
	{
		if (*c == '"')
			value_append(text, "\"", 1);
		value_append(text, c, 1);
	}
	value_append(text, "\"", 1);
}

static void
value_append(ValueText *text, const char *word, size_t len)
{
	if (text->is_cut || len >= text->size - text->len)
	{
		text->is_cut = true;
		return;
	}
	memcpy(text->data + text->len, word, len);
	text->len += len;
	text->data[text->len] = '\0';
}

static void
setting_lower(char *name)
{
	for (; *name != '\0'; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name += 'a' - 'A';
}
