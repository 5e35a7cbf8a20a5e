/*-------------------------------------------------------------------------
 *
 * board_request.c
 *	  What create_board was asked for, checked as far as it can be without
 *	  making anything.
 *
 * The query is only looked at as text here: one statement, a SELECT.  Names in
 * it, and in the options, are resolved with the caller's search_path, like
 * those of any statement of his.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_order.h"
#include "board/board_request.h"

/* Arguments of andon.create_board(). */
enum
{
	ARG_BOARD,
	ARG_QUERY,
	ARG_KEY,
	ARG_STATUS,
	ARG_ORDER_BY,
	ARG_OPTIONS
};

static const char *const argument_names[] = {
	"board", "query", "key", "status", "order_by", "options"
};

static void parse_name(BoardRequest *request, text *name);
static void check_query(const char *query);
static void parse_key(BoardRequest *request, ArrayType *key);
static AttrNumber find_column(Relation view, const char *name, const char *role);
static void check_sortable(Relation view, AttrNumber attno, const char *role);
static void resolve_order(BoardRequest *request, Relation view);
static void append_sort_column(StringInfo buf, SortBy *item);
static char *list_columns(Relation view);

BoardRequest *
board_request_parse(FunctionCallInfo fcinfo)
{
	BoardRequest *request = palloc0(sizeof(BoardRequest));

	for (int i = 0; i <= ARG_OPTIONS; i++)
		if (PG_ARGISNULL(i) && i != ARG_ORDER_BY)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of andon.create_board() must not be NULL",
							argument_names[i])));

	parse_name(request, PG_GETARG_TEXT_PP(ARG_BOARD));
	request->query = text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUERY));
	check_query(request->query);
	parse_key(request, PG_GETARG_ARRAYTYPE_P(ARG_KEY));
	request->status = text_to_cstring(PG_GETARG_TEXT_PP(ARG_STATUS));
	if (!PG_ARGISNULL(ARG_ORDER_BY))
	{
		request->order_by = text_to_cstring(PG_GETARG_TEXT_PP(ARG_ORDER_BY));
		request->order_items = board_order_parse(request->order_by);
	}
	request->json = PG_GETARG_JSONB_P_COPY(ARG_OPTIONS);
	board_options_parse(request->json, false, &request->options);
	request->options.channel = board_options_find_channel(request->options.channel,
														  request->name, InvalidOid);
	return request;
}

void
board_request_resolve(BoardRequest *request, Oid viewid)
{
	Relation	view = relation_open(viewid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(view);
	ListCell   *cell;

	request->ncolumns = desc->natts;
	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (strcmp(name, BOARD_SINCE) == 0 || strcmp(name, BOARD_VERSION) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_RESERVED_NAME),
					 errmsg("the definition has a column \"%s\", which every board has by itself",
							name),
					 errhint("Give the column another name with AS.")));
	}

	request->key_attnos = palloc(sizeof(AttrNumber) * list_length(request->key_names));
	foreach(cell, request->key_names)
	{
		AttrNumber	attno = find_column(view, lfirst(cell), "key");

		for (int i = 0; i < foreach_current_index(cell); i++)
			if (request->key_attnos[i] == attno)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("key column \"%s\" is named twice", (char *) lfirst(cell)),
						 errhint("Name each column of the key once.")));
		check_sortable(view, attno, "key");
		request->key_attnos[foreach_current_index(cell)] = attno;
	}
	request->status_attno = find_column(view, request->status, "status");
	check_sortable(view, request->status_attno, "status");
	resolve_order(request, view);
	relation_close(view, NoLock);
}

static void
parse_name(BoardRequest *request, text *name)
{
	RangeVar   *range = makeRangeVarFromNameList(textToQualifiedNameList(name));
	Oid			schema;

	if (range->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("a board cannot be temporary")));
	schema = RangeVarGetCreationNamespace(range);
	if (isTempNamespace(schema))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("a board cannot be temporary"),
				 errhint("Name a schema that all sessions see.")));
	request->schema = get_namespace_name(schema);
	request->name = range->relname;
	request->view_name = psprintf("%s_definition", range->relname);
	if (strlen(request->view_name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("board name \"%s\" is too long", request->name),
				 errdetail("Its definition is kept as view \"%s\".", request->view_name),
				 errhint("Use at most %d bytes.",
						 (int) (NAMEDATALEN - 1 - strlen("_definition")))));
	if (OidIsValid(get_relname_relid(request->name, schema)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation %s already exists",
						quote_qualified_identifier(request->schema, request->name)),
				 errhint("Choose another name, or drop a board of that name with andon.drop_board().")));
}

static void
check_query(const char *query)
{
	ErrorContextCallback callback = {error_context_stack, spi_util_on_text_error, (void *) query};
	List	   *statements;
	RawStmt    *statement;

	error_context_stack = &callback;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the definition of a board must be one SELECT"),
				 errdetail("The text has %d statements.", list_length(statements)),
				 errhint("Give the query alone.")));
	statement = linitial_node(RawStmt, statements);
	if (!IsA(statement->stmt, SelectStmt) || ((SelectStmt *) statement->stmt)->intoClause)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the definition of a board must be one SELECT"),
				 errhint("Write the query whose result the board shall show, without INTO.")));
	if (isQueryUsingTempRelation(parse_analyze_fixedparams(statement, query, NULL, 0, NULL)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a board's definition cannot use a temporary table or view"),
				 errdetail("Other sessions do not see it, and would not follow its changes."),
				 errhint("Use permanent tables.")));
	error_context_stack = callback.previous;
}

static void
parse_key(BoardRequest *request, ArrayType *key)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count == 0 || count > INDEX_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key of a board must have between 1 and %d columns", INDEX_MAX_KEYS),
				 errhint("Name the columns that identify a row, for example '{id}'.")));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the name of a key column must not be NULL")));
		request->key_names = lappend(request->key_names, TextDatumGetCString(elements[i]));
	}
}

static AttrNumber
find_column(Relation view, const char *name, const char *role)
{
	TupleDesc	desc = RelationGetDescr(view);

	for (int i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("%s column \"%s\" is not in the definition's result", role, name),
			 errhint("Its columns are: %s.", list_columns(view))));
}

/* Key, status and order columns are indexed. */
static void
check_sortable(Relation view, AttrNumber attno, const char *role)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(view), attno - 1);
	TypeCacheEntry *type = lookup_type_cache(att->atttypid, TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(type->btree_opf))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s column \"%s\" has type %s, which has no order",
						role, NameStr(att->attname), format_type_be(att->atttypid)),
				 errhint("Cast the column to a type that has one, for example text.")));
}

/* Index columns behind the status: the order, then what it lacks of the key. */
static void
resolve_order(BoardRequest *request, Relation view)
{
	Bitmapset  *seen = bms_make_singleton(request->status_attno);
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, request->order_items)
	{
		SortBy	   *item = lfirst_node(SortBy, cell);
		char	   *name = strVal(linitial(((ColumnRef *) item->node)->fields));
		AttrNumber	attno = find_column(view, name, "order");

		check_sortable(view, attno, "order");
		if (bms_is_member(attno, seen))
			continue;
		seen = bms_add_member(seen, attno);
		append_sort_column(&buf, item);
	}
	for (int i = 0; i < list_length(request->key_names); i++)
		if (!bms_is_member(request->key_attnos[i], seen))
			appendStringInfo(&buf, ", %s", quote_identifier(list_nth(request->key_names, i)));
	request->order_columns = buf.data;
}

static void
append_sort_column(StringInfo buf, SortBy *item)
{
	char	   *name = strVal(linitial(((ColumnRef *) item->node)->fields));

	appendStringInfo(buf, ", %s", quote_identifier(name));
	if (item->sortby_dir == SORTBY_DESC)
		appendStringInfoString(buf, " DESC");
	if (item->sortby_nulls == SORTBY_NULLS_FIRST)
		appendStringInfoString(buf, " NULLS FIRST");
	else if (item->sortby_nulls == SORTBY_NULLS_LAST)
		appendStringInfoString(buf, " NULLS LAST");
}

static char *
list_columns(Relation view)
{
	TupleDesc	desc = RelationGetDescr(view);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	return buf.data;
}
