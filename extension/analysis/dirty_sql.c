/*-------------------------------------------------------------------------
 *
 * dirty_sql.c
 *	  The query of each hop of a path, and the path as a line to read.
 *
 * One column compared:
 *
 *	  SELECT DISTINCT h.id FROM public.orders AS h
 *	   WHERE h.customer_id OPERATOR(pg_catalog.=) ANY ($1)
 *
 * Several: the arrays are unnested side by side into the carried tuples,
 *
 *	  SELECT DISTINCT h.id
 *	    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS v(c1, c2)
 *	    JOIN public.orders AS h ON h.a OPERATOR(pg_catalog.=) v.c1 AND ...
 *
 * A column is cast where the link compares it as another type; such casts are
 * binary-compatible and cost nothing.  A COLLATE appears only where the link
 * means another equality than the column's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "analysis/dirty_sql.h"
#include "base/spi_util.h"

static char *
type_name(Oid type)
{
	/* given as "no modifier", else bpchar reads as character(1) */
	return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

static void
append_column(StringInfo sql, Oid relid, AttrNumber attno, Oid type)
{
	appendStringInfo(sql, "h.%s", quote_identifier(get_attname(relid, attno, false)));
	if (get_atttype(relid, attno) != type)
		appendStringInfo(sql, "::%s", type_name(type));
}

static void
append_collation(StringInfo sql, Oid relid, AttrNumber attno, Oid collation)
{
	Oid			type;
	Oid			own;
	int32		typmod;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &own);
	if (OidIsValid(collation) && collation != own)
		appendStringInfo(sql, " COLLATE %s", spi_util_collation_name(collation));
}

static void
append_match(StringInfo sql, const PathHop *hop, int i)
{
	append_column(sql, hop->relid, hop->match_attnos[i], hop->match_types[i]);
	append_collation(sql, hop->relid, hop->match_attnos[i], hop->match_collations[i]);
	appendStringInfo(sql, " %s ", spi_util_operator_name(hop->match_eqops[i]));
}

/* FROM and WHERE when the carried tuples have several columns. */
static void
append_tuple_condition(StringInfo sql, const PathHop *hop, const char *table)
{
	appendStringInfoString(sql, " FROM ROWS FROM (");
	for (int i = 0; i < hop->nmatch; i++)
		appendStringInfo(sql, "%spg_catalog.unnest($%d)", i ? ", " : "", i + 1);
	appendStringInfoString(sql, ") AS v(");
	for (int i = 0; i < hop->nmatch; i++)
		appendStringInfo(sql, "%sc%d", i ? ", " : "", i + 1);
	appendStringInfo(sql, ") JOIN %s AS h ON ", table);
	for (int i = 0; i < hop->nmatch; i++)
	{
		if (i > 0)
			appendStringInfoString(sql, " AND ");
		append_match(sql, hop, i);
		appendStringInfo(sql, "v.c%d", i + 1);
	}
}

char *
dirty_sql_build_hop(const PathHop *hop, bool only)
{
	StringInfoData sql;
	char	   *table = psprintf("%s%s", only ? "ONLY " : "", spi_util_relation_name(hop->relid));

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT DISTINCT ");
	for (int i = 0; i < hop->nout; i++)
	{
		if (i > 0)
			appendStringInfoString(&sql, ", ");
		append_column(&sql, hop->relid, hop->out_attnos[i], hop->out_types[i]);
	}
	if (hop->nmatch == 1)
	{
		appendStringInfo(&sql, " FROM %s AS h WHERE ", table);
		append_match(&sql, hop, 0);
		appendStringInfoString(&sql, "ANY ($1)");
	}
	else
		append_tuple_condition(&sql, hop, table);
	return sql.data;
}

/* "orders.id", or "(items.order_id, items.line)" */
static void
append_columns(StringInfo line, Oid relid, const AttrNumber *attnos, int n)
{
	const char *table = quote_identifier(get_rel_name(relid));

	if (n > 1)
		appendStringInfoChar(line, '(');
	for (int i = 0; i < n; i++)
		appendStringInfo(line, "%s%s.%s", i ? ", " : "", table,
						 quote_identifier(get_attname(relid, attnos[i], false)));
	if (n > 1)
		appendStringInfoChar(line, ')');
}

char *
dirty_sql_describe_path(Oid source, const DirtyPath *path)
{
	StringInfoData line;

	initStringInfo(&line);
	append_columns(&line, source, path->start_attnos, path->nstart);
	for (int i = 0; i < path->nhops; i++)
	{
		const PathHop *hop = &path->hops[i];

		appendStringInfoString(&line, " = ");
		append_columns(&line, hop->relid, hop->match_attnos, hop->nmatch);
		appendStringInfoString(&line, ", ");
		append_columns(&line, hop->relid, hop->out_attnos, hop->nout);
	}
	appendStringInfoString(&line, " = key");
	return line.data;
}

char *
dirty_sql_list_hops(const DirtyPath *path)
{
	StringInfoData lines;

	if (path->nhops == 0)
		return NULL;
	initStringInfo(&lines);
	for (int i = 0; i < path->nhops; i++)
		appendStringInfo(&lines, "%s%s;", i ? "\n" : "", path->hops[i].sql);
	return lines.data;
}
