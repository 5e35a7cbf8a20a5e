/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Values as JSON text, the way PostgreSQL's to_json() writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/json.h"

static bool is_json_number(const char *text);

void
json_append_value(StringInfo buf, Oid type, Datum value)
{
	Oid			base = getBaseType(type);
	Oid			output;
	bool		is_varlena;
	char		time[MAXDATELEN + 1];
	char	   *text;

	switch (base)
	{
		case BOOLOID:
			appendStringInfoString(buf, DatumGetBool(value) ? "true" : "false");
			return;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			JsonEncodeDateTime(time, value, base, NULL);
			appendStringInfo(buf, "\"%s\"", time);
			return;
	}

	getTypeOutputInfo(base, &output, &is_varlena);
	text = OidOutputFunctionCall(output, value);
	switch (base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			if (is_json_number(text))
			{
				appendStringInfoString(buf, text);
				return;
			}
			break;
		case JSONOID:
		case JSONBOID:
			appendStringInfoString(buf, text);
			return;
	}
	escape_json(buf, text);
}

void
json_append_object(StringInfo buf, int n, char *const *names, const Oid *types,
				   const Datum *values)
{
	appendStringInfoChar(buf, '{');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(buf, ',');
		escape_json(buf, names[i]);
		appendStringInfoChar(buf, ':');
		json_append_value(buf, types[i], values[i]);
	}
	appendStringInfoChar(buf, '}');
}

char *
json_compact(char *text)
{
	char	   *to = text;
	bool		in_string = false;

	for (const char *from = text; *from != '\0'; from++)
	{
		if (*from == '"')
			in_string = !in_string;
		if (*from == ' ' && !in_string)
			continue;
		*to++ = *from;
		/* an escaped quote ends nothing */
		if (*from == '\\' && from[1] != '\0')
			*to++ = *++from;
	}
	*to = '\0';
	return text;
}

/* NaN and the infinities are not JSON. */
static bool
is_json_number(const char *text)
{
	return strspn(text, "+-.0123456789eE") == strlen(text);
}
