/*-------------------------------------------------------------------------
 *
 * spi_util.c
 *	  How the extension runs SQL.
 *
 * What a stable expression means can depend on settings: '1.5.' || price,
 * created_at::date, to_char().  A board's row must not depend on who wrote
 * last, so these settings are recorded when the board is created and put in
 * force whenever its definition is evaluated.  Only those that differ are
 * touched: in the usual case entering costs a few string comparisons.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/spi_util.h"

static const char *const pinned_names[] = {
	"search_path",
	"TimeZone",
	"timezone_abbreviations",
	"DateStyle",
	"IntervalStyle",
	"extra_float_digits",
	"bytea_output",
	"default_text_search_config",
	"lc_monetary",
	"lc_numeric",
	"lc_time",
	"xmloption",
	"xmlbinary",
	"array_nulls",
	"quote_all_identifiers",
	"row_security"
};

ArrayType *
spi_util_capture_settings(void)
{
	Datum		elements[lengthof(pinned_names)];

	for (int i = 0; i < lengthof(pinned_names); i++)
	{
		const char *name = pinned_names[i];
		const char *value = GetConfigOption(name, false, false);

		/* a filtered definition would make a board of what the owner may see */
		if (strcmp(name, "row_security") == 0)
			value = "off";
		/* temporary objects of the writer must not come first */
		if (strcmp(name, "search_path") == 0 && strstr(value, "pg_temp") == NULL)
			value = value[0] == '\0' ? "pg_catalog, pg_temp" : psprintf("%s, pg_temp", value);
		elements[i] = CStringGetTextDatum(psprintf("%s=%s", name, value));
	}
	return construct_array(elements, lengthof(pinned_names), TEXTOID, -1, false, TYPALIGN_INT);
}

List *
spi_util_parse_settings(ArrayType *settings)
{
	List	   *result = NIL;
	Datum	   *elements;
	int			count;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		PinnedSetting *setting = palloc(sizeof(PinnedSetting));
		char	   *pair = TextDatumGetCString(elements[i]);
		char	   *equals = strchr(pair, '=');

		if (equals == NULL)
			continue;
		*equals = '\0';
		setting->name = pair;
		setting->value = equals + 1;
		result = lappend(result, setting);
	}
	return result;
}

void
spi_util_enter_owner(OwnerScope *scope, Oid owner, List *settings)
{
	GetUserIdAndSecContext(&scope->saved_user, &scope->saved_security);
	scope->guc_level = NewGUCNestLevel();

	/*
	 * FORCE ROW LEVEL SECURITY on a board is meant for its owner's reads; as
	 * with foreign keys, what keeps the table right goes past it.
	 */
	SetUserIdAndSecContext(owner, scope->saved_security | SECURITY_RESTRICTED_OPERATION |
						   SECURITY_NOFORCE_RLS);
	spi_util_pin_settings(settings);
}

void
spi_util_pin_settings(List *settings)
{
	ListCell   *cell;

	foreach(cell, settings)
	{
		PinnedSetting *setting = lfirst(cell);
		const char *current = GetConfigOption(setting->name, true, false);

		if (current && strcmp(current, setting->value) == 0)
			continue;
		(void) set_config_option(setting->name, setting->value, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
}

void
spi_util_enter_internal(OwnerScope *scope, Oid owner)
{
	PinnedSetting path = {"search_path", "pg_catalog, pg_temp"};

	spi_util_enter_owner(scope, owner, list_make1(&path));
}

void
spi_util_leave_owner(const OwnerScope *scope)
{
	AtEOXact_GUC(false, scope->guc_level);
	SetUserIdAndSecContext(scope->saved_user, scope->saved_security);
}

void
spi_connect(void)
{
	int			rc = SPI_connect();

	if (rc != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(rc));
}

void
spi_finish(void)
{
	int			rc = SPI_finish();

	if (rc != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed: %s", SPI_result_code_string(rc));
}

void
spi_run(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

SPIPlanPtr
spi_prepare_kept(const char *sql, int nargs, Oid *argtypes, int options)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, argtypes, options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	return plan;
}

int
spi_begin_index_order(void)
{
	static const char *const names[] = {"enable_sort", "enable_incremental_sort", "jit"};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(names); i++)
		(void) set_config_option(names[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
spi_end_index_order(int level)
{
	AtEOXact_GUC(false, level);
}

char *
spi_util_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

char *
spi_util_operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)",
					  quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

char *
spi_util_collation_name(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	result = quote_qualified_identifier(get_namespace_name(form->collnamespace),
										NameStr(form->collname));
	ReleaseSysCache(tuple);
	return result;
}

void
spi_util_on_text_error(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}
