/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  andon.explain_board(): how a change of each source finds its keys.
 *
 * One row for each alias of each source, in the order of the definition: the
 * path, the queries of its hops, and remarks.  It shows the analysis that
 * maintenance itself runs by, made anew; it reads no source and takes no
 * maintenance lock.  Like pg_get_viewdef() it tells names, not rows, so it
 * asks for no privilege.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "analysis/dirty_sql.h"
#include "maintain/board_plan.h"

#define EXPLAIN_COLUMNS 6

PG_FUNCTION_INFO_V1(andon_explain_board);

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text != NULL)
		*value = CStringGetTextDatum(text);
}

static const char *
source_note(const SourceUse *source, const DirtyPath *path)
{
	StringInfoData note;

	initStringInfo(&note);
	if (source->is_static)
		appendStringInfoString(&note, "static: changes are ignored until refresh_board()");
	else if (source->npaths == 0)
		appendStringInfoString(&note, "no row of it can be part of the result");
	if (source->is_key_table)
		appendStringInfoString(&note, "key table");
	if (path != NULL && path->note != NULL)
		appendStringInfo(&note, "%s%s", note.len > 0 ? "; " : "", path->note);
	return note.len > 0 ? note.data : NULL;
}

/* Columns of the key table whose change is applied without the definition. */
static void
put_fast_columns(Datum *value, bool *isnull, const SourceUse *source, const FastColumns *fast)
{
	ArrayBuildState *names = NULL;
	int			attno = -1;

	*isnull = fast == NULL || fast->relid != source->relid;
	if (*isnull)
		return;
	while ((attno = bms_next_member(fast->attnos, attno)) >= 0)
		names = accumArrayResult(names,
								 CStringGetTextDatum(get_attname(source->relid, attno, false)),
								 false, TEXTOID, CurrentMemoryContext);
	*value = makeArrayResult(names, CurrentMemoryContext);
}

/* One row; path is NULL for a static source. */
static void
put_row(ReturnSetInfo *rsinfo, const SourceUse *source, const DirtyPath *path,
		const FastColumns *fast)
{
	Datum		values[EXPLAIN_COLUMNS] = {0};
	bool		nulls[EXPLAIN_COLUMNS] = {0};

	values[0] = ObjectIdGetDatum(source->relid);
	put_text(&values[1], &nulls[1], path ? path->alias : NULL);
	put_text(&values[2], &nulls[2], path ? dirty_sql_describe_path(source->relid, path) : NULL);
	put_text(&values[3], &nulls[3], path ? dirty_sql_list_hops(path) : NULL);
	put_fast_columns(&values[4], &nulls[4], source, fast);
	put_text(&values[5], &nulls[5], source_note(source, path));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
andon_explain_board(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	Definition *definition = board_plan_analyse(board);
	FastColumns *fast = board_plan_find_fast(board, definition);

	InitMaterializedSRF(fcinfo, 0);
	for (int s = 0; s < definition->nsources; s++)
	{
		const SourceUse *source = &definition->sources[s];

		if (source->npaths == 0)
			put_row((ReturnSetInfo *) fcinfo->resultinfo, source, NULL, fast);
		for (int p = 0; p < source->npaths; p++)
			put_row((ReturnSetInfo *) fcinfo->resultinfo, source, &source->paths[p],
					fast);
	}
	return (Datum) 0;
}
