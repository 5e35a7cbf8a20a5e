/*-------------------------------------------------------------------------
 *
 * key_json.c
 *	  Keys that come in as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "report/key_json.h"

static bool find_value(const BoardPlan *plan, Jsonb *json, int column, JsonbValue *value);
static char *value_text(JsonbValue *value, Oid type);
pg_noreturn static void raise_no_key(const BoardPlan *plan, Jsonb *json);

void
key_json_parse(const BoardPlan *plan, Jsonb *json, Datum *key)
{
	for (int i = 0; i < plan->key->n; i++)
	{
		JsonbValue	value;
		Oid			type = plan->definition->key_types[i];
		Oid			input;
		Oid			param;

		if (!find_value(plan, json, i, &value) || value.type == jbvNull)
			raise_no_key(plan, json);
		getTypeInputInfo(type, &input, &param);
		key[i] = OidInputFunctionCall(input, value_text(&value, getBaseType(type)), param, -1);
	}
}

bool
key_json_equal(const BoardPlan *plan, const Datum *a, const Datum *b)
{
	for (int i = 0; i < plan->key->n; i++)
		if (!DatumGetBool(FunctionCall2Coll(&plan->key_equal[i],
											plan->definition->key_collations[i], a[i], b[i])))
			return false;
	return true;
}

static bool
find_value(const BoardPlan *plan, Jsonb *json, int column, JsonbValue *value)
{
	const char *name = plan->board->column_names[plan->board->key_attnos[column] - 1];

	if (JB_ROOT_IS_SCALAR(json))
	{
		JsonbValue *scalar = getIthJsonbValueFromContainer(&json->root, 0);

		*value = *scalar;
		return plan->key->n == 1;
	}
	return JB_ROOT_IS_OBJECT(json) && JB_ROOT_COUNT(json) == plan->key->n &&
		getKeyJsonValueFromContainer(&json->root, name, strlen(name), value) != NULL;
}

/* What the type's input function reads; JSON types want JSON. */
static char *
value_text(JsonbValue *value, Oid type)
{
	Jsonb	   *json;

	if (value->type == jbvString && type != JSONBOID && type != JSONOID)
		return pnstrdup(value->val.string.val, value->val.string.len);
	json = JsonbValueToJsonb(value);
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static void
raise_no_key(const BoardPlan *plan, Jsonb *json)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < plan->key->n; i++)
		appendStringInfo(&names, "%s\"%s\": ...", i ? ", " : "",
						 plan->board->column_names[plan->board->key_attnos[i] - 1]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not a key of board %s",
					JsonbToCString(NULL, &json->root, VARSIZE(json)), plan->board->qualified),
			 errhint("A key is a JSON object {%s}%s.", names.data,
					 plan->key->n == 1 ? ", or the value alone" : "")));
}
