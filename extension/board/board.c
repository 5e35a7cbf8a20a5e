/*-------------------------------------------------------------------------
 *
 * board.c
 *	  A board's catalog row, read and written.
 *
 * A row of andon.board may outlive what it speaks of: DROP TABLE of the board,
 * DROP ... CASCADE of its definition.  Such a row is read as "no board", so
 * that writers of the remaining sources are not stopped by a board nobody has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "board/board_transition.h"

/* andon.board, see sql/modules/10_catalog.sql */
enum
{
	BOARD_ATT_BOARD = 1,
	BOARD_ATT_DEFINITION,
	BOARD_ATT_QUERY,
	BOARD_ATT_KEY,
	BOARD_ATT_STATUS,
	BOARD_ATT_ORDER_BY,
	BOARD_ATT_OPTIONS,
	BOARD_ATT_CHANNEL,
	BOARD_ATT_SETTINGS,
	BOARD_ATT_TRUSTED,
	BOARD_ATT_STATE,			/* since 0.2.0, as are those that follow */
	BOARD_ATT_TRANSITIONS,
	BOARD_ATT_WHY,
	BOARD_NATTS = BOARD_ATT_WHY
};

/* andon.board_source */
enum
{
	SOURCE_ATT_BOARD = 1,
	SOURCE_ATT_SOURCE,
	SOURCE_ATT_IS_STATIC,
	SOURCE_NATTS = SOURCE_ATT_IS_STATIC
};

static void read_columns(Relation rel, HeapTuple tuple, int natts, Datum *values,
						 bool *nulls);
static void read_board_row(Relation rel, HeapTuple tuple, void *arg);
static bool option_is_true(Jsonb *options, const char *name);
static void read_source_row(Relation rel, HeapTuple tuple, void *arg);
static BoardLog read_log_option(Jsonb *options);
static void collect_board(Relation rel, HeapTuple tuple, void *arg);
static void collect_follower(Relation rel, HeapTuple tuple, void *arg);
static void delete_row(Relation rel, HeapTuple tuple, void *arg);
static bool board_read_relations(Board *board);
static void insert_row(const char *table, Datum *values, bool *nulls);
static List *parse_functions(ArrayType *names);
static void insert_source(Oid board, Oid source, bool is_static);

Board *
board_load(Oid relid)
{
	Board	   *board = board_load_record(relid);

	return board && board_read_relations(board) ? board : NULL;
}

Board *
board_load_record(Oid relid)
{
	Board	   *board = palloc0(sizeof(Board));

	board->relid = relid;
	board_catalog_scan("board", BOARD_ATT_BOARD, relid, AccessShareLock, read_board_row, board);
	if (!OidIsValid(board->view))
		return NULL;
	board_catalog_scan("board_source", SOURCE_ATT_BOARD, relid, AccessShareLock,
				 read_source_row, board);
	return board;
}

Board *
board_load_or_error(Oid relid)
{
	Board	   *board = board_load(relid);

	if (board == NULL)
		board_raise_not_found(relid);
	return board;
}

void
board_raise_not_found(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (board_load_record(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the table or the definition of board \"%s\" has been dropped",
						name ? name : psprintf("%u", relid)),
				 errhint("Drop the board with andon.drop_board() and create it again.")));
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("relation \"%s\" is not a board", name ? name : psprintf("%u", relid)),
			 errhint("The view andon.boards lists the boards of this database.")));
}

void
board_check_owner(const Board *board)
{
	Oid			owned = board->relid;

	if (get_rel_name(owned) == NULL)
		owned = board->view;
	if (get_rel_name(owned) == NULL ? !superuser() : !compat_is_relation_owner(owned, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   get_rel_name(owned) ? get_rel_name(owned) : psprintf("%u", board->relid));
}

List *
board_find_by_source(Oid relid)
{
	List	   *result = NIL;

	board_catalog_scan("board_source", SOURCE_ATT_SOURCE, relid, AccessShareLock,
				 collect_follower, &result);
	list_sort(result, list_oid_cmp);
	return result;
}

List *
board_find_ancestors(Oid relid)
{
	List	   *result = NIL;
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *open = list_make1_oid(relid);

	while (open != NIL)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(linitial_oid(open)));
		open = list_delete_first(open);
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Oid			parent = ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent;

			if (list_member_oid(result, parent))
				continue;
			result = lappend_oid(result, parent);
			open = lappend_oid(open, parent);
		}
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return result;
}

Oid
board_find_by_channel(const char *channel)
{
	Oid			relid = board_catalog_relid("board");
	Relation	rel = table_open(relid, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	ScanKeyInit(&key, BOARD_ATT_CHANNEL, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(channel));
	key.sk_collation = DEFAULT_COLLATION_OID;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		result = DatumGetObjectId(heap_getattr(tuple, BOARD_ATT_BOARD,
											   RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

List *
board_list_all(void)
{
	Oid			relid = board_catalog_relid("board");
	List	   *result = NIL;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		collect_board(rel, tuple, &result);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(result, list_oid_cmp);
	return result;
}

void
board_insert_record(const BoardRecord *record)
{
	Datum		values[BOARD_NATTS] = {0};
	bool		nulls[BOARD_NATTS] = {0};
	Datum	   *keys = palloc(sizeof(Datum) * record->nkeys);
	ListCell   *cell;

	for (int i = 0; i < record->nkeys; i++)
		keys[i] = Int16GetDatum(record->key_attnos[i]);

	values[BOARD_ATT_BOARD - 1] = ObjectIdGetDatum(record->relid);
	values[BOARD_ATT_DEFINITION - 1] = ObjectIdGetDatum(record->view);
	values[BOARD_ATT_QUERY - 1] = CStringGetTextDatum(record->query);
	values[BOARD_ATT_KEY - 1] =
		PointerGetDatum(construct_array(keys, record->nkeys, INT2OID, 2, true, TYPALIGN_SHORT));
	values[BOARD_ATT_STATUS - 1] = Int16GetDatum(record->status_attno);
	if (record->order_by)
		values[BOARD_ATT_ORDER_BY - 1] = CStringGetTextDatum(record->order_by);
	else
		nulls[BOARD_ATT_ORDER_BY - 1] = true;
	values[BOARD_ATT_OPTIONS - 1] = JsonbPGetDatum(record->options);
	values[BOARD_ATT_CHANNEL - 1] = CStringGetTextDatum(record->channel);
	values[BOARD_ATT_SETTINGS - 1] = PointerGetDatum(record->settings);
	values[BOARD_ATT_TRUSTED - 1] = PointerGetDatum(board_format_functions(record->trusted));
	values[BOARD_ATT_STATE - 1] = CStringGetTextDatum(board_state_name(BOARD_OK));
	nulls[BOARD_ATT_TRANSITIONS - 1] = true;
	nulls[BOARD_ATT_WHY - 1] = true;
	insert_row("board", values, nulls);

	foreach(cell, record->sources)
		insert_source(record->relid, lfirst_oid(cell),
					  list_member_oid(record->static_sources, lfirst_oid(cell)));
	CommandCounterIncrement();
}

void
board_delete_record(Oid relid)
{
	board_catalog_scan("board", BOARD_ATT_BOARD, relid, RowExclusiveLock, delete_row, NULL);
	board_catalog_scan("board_source", SOURCE_ATT_BOARD, relid, RowExclusiveLock, delete_row, NULL);
	board_catalog_scan("departed", 1, relid, RowExclusiveLock, delete_row, NULL);
	CommandCounterIncrement();
}

/*
 * Functions are written as qualified signatures: OIDs would not survive a
 * dump, and pg_upgrade refuses tables with columns of type regprocedure.
 */
ArrayType *
board_format_functions(List *functions)
{
	Datum	   *names = palloc(sizeof(Datum) * (list_length(functions) + 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, functions)
		names[n++] = CStringGetTextDatum(format_procedure_qualified(lfirst_oid(cell)));
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

bool
board_parse_log(const char *text, int length, BoardLog *log)
{
	static const char *const names[] = {
		[BOARD_LOG_ALL] = "all",
		[BOARD_LOG_TRANSITIONS] = "transitions",
		[BOARD_LOG_OFF] = "off",
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strlen(names[i]) != length || memcmp(names[i], text, length) != 0)
			continue;
		*log = i;
		return true;
	}
	return false;
}

/* The first natts columns; NULL stands for those that the table has not. */
static void
read_columns(Relation rel, HeapTuple tuple, int natts, Datum *values, bool *nulls)
{
	for (int i = 0; i < natts; i++)
	{
		nulls[i] = true;
		if (i < RelationGetNumberOfAttributes(rel))
			values[i] = heap_getattr(tuple, i + 1, RelationGetDescr(rel), &nulls[i]);
	}
}

static void
read_board_row(Relation rel, HeapTuple tuple, void *arg)
{
	Board	   *board = arg;
	Datum		values[BOARD_NATTS];
	bool		nulls[BOARD_NATTS];
	Datum	   *keys;

	read_columns(rel, tuple, BOARD_NATTS, values, nulls);
	board->view = DatumGetObjectId(values[BOARD_ATT_DEFINITION - 1]);
	board->channel = TextDatumGetCString(values[BOARD_ATT_CHANNEL - 1]);
	board->status_attno = DatumGetInt16(values[BOARD_ATT_STATUS - 1]);
	if (!nulls[BOARD_ATT_ORDER_BY - 1])
		board->order_by = TextDatumGetCString(values[BOARD_ATT_ORDER_BY - 1]);
	board->options = DatumGetJsonbPCopy(values[BOARD_ATT_OPTIONS - 1]);
	if (!nulls[BOARD_ATT_STATE - 1])
		board->state = board_state_parse(TextDatumGetCString(values[BOARD_ATT_STATE - 1]));
	board->log = read_log_option(board->options);
	board->enable_always = option_is_true(board->options, "enable_always");
	board->settings =
		spi_util_parse_settings(DatumGetArrayTypeP(values[BOARD_ATT_SETTINGS - 1]));
	board->trusted = parse_functions(DatumGetArrayTypeP(values[BOARD_ATT_TRUSTED - 1]));
	if (!nulls[BOARD_ATT_TRANSITIONS - 1])
		board->transitions =
			board_transition_parse(DatumGetArrayTypeP(values[BOARD_ATT_TRANSITIONS - 1]));
	deconstruct_array(DatumGetArrayTypeP(values[BOARD_ATT_KEY - 1]),
					  INT2OID, 2, true, TYPALIGN_SHORT, &keys, NULL, &board->nkeys);
	board->key_attnos = palloc(sizeof(AttrNumber) * board->nkeys);
	for (int i = 0; i < board->nkeys; i++)
		board->key_attnos[i] = DatumGetInt16(keys[i]);
}

static BoardLog
read_log_option(Jsonb *options)
{
	JsonbValue	value;
	BoardLog	log = BOARD_LOG_ALL;

	if (getKeyJsonValueFromContainer(&options->root, "log", strlen("log"), &value) &&
		value.type == jbvString)
		(void) board_parse_log(value.val.string.val, value.val.string.len, &log);
	return log;
}

static bool
option_is_true(Jsonb *options, const char *name)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&options->root, name, strlen(name), &value) &&
		value.type == jbvBool && value.val.boolean;
}

static void
read_source_row(Relation rel, HeapTuple tuple, void *arg)
{
	Board	   *board = arg;
	Datum		values[SOURCE_NATTS];
	bool		nulls[SOURCE_NATTS];
	Oid			source;

	read_columns(rel, tuple, SOURCE_NATTS, values, nulls);
	source = DatumGetObjectId(values[SOURCE_ATT_SOURCE - 1]);
	board->sources = lappend_oid(board->sources, source);
	if (DatumGetBool(values[SOURCE_ATT_IS_STATIC - 1]))
		board->static_sources = lappend_oid(board->static_sources, source);
}

/* A row of andon.board. */
static void
collect_board(Relation rel, HeapTuple tuple, void *arg)
{
	List	  **result = arg;
	bool		isnull;

	*result = lappend_oid(*result,
						  DatumGetObjectId(heap_getattr(tuple, BOARD_ATT_BOARD,
														RelationGetDescr(rel), &isnull)));
}

/* A row of andon.board_source. */
static void
collect_follower(Relation rel, HeapTuple tuple, void *arg)
{
	List	  **result = arg;
	Datum		values[SOURCE_NATTS];
	bool		nulls[SOURCE_NATTS];

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	if (!DatumGetBool(values[SOURCE_ATT_IS_STATIC - 1]))
		*result = lappend_oid(*result, DatumGetObjectId(values[SOURCE_ATT_BOARD - 1]));
}

static void
delete_row(Relation rel, HeapTuple tuple, void *arg)
{
	CatalogTupleDelete(rel, &tuple->t_self);
}

/* Names, owner and columns; false if the table or the view is gone. */
static bool
board_read_relations(Board *board)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(board->relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	board->owner = form->relowner;
	board->name = pstrdup(NameStr(form->relname));
	board->schema = get_namespace_name(form->relnamespace);
	ReleaseSysCache(tuple);

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(board->view));
	if (!HeapTupleIsValid(tuple) || board->schema == NULL)
		return false;
	board->ncolumns = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);

	board->qualified = quote_qualified_identifier(board->schema, board->name);
	board->since_attno = board->ncolumns + 1;
	board->version_attno = board->ncolumns + 2;
	board->column_names = palloc(sizeof(char *) * board->ncolumns);
	for (int i = 0; i < board->ncolumns; i++)
	{
		board->column_names[i] = get_attname(board->relid, i + 1, true);
		if (board->column_names[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column %d of board %s is gone", i + 1, board->qualified),
					 errhint("Drop the board with andon.drop_board() and create it again.")));
	}
	return true;
}

static void
insert_row(const char *table, Datum *values, bool *nulls)
{
	Relation	rel = table_open(board_catalog_relid(table), RowExclusiveLock);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	CatalogTupleInsert(rel, tuple);
	table_close(rel, RowExclusiveLock);
}

static void
insert_source(Oid board, Oid source, bool is_static)
{
	Datum		values[SOURCE_NATTS];
	bool		nulls[SOURCE_NATTS] = {0};

	values[SOURCE_ATT_BOARD - 1] = ObjectIdGetDatum(board);
	values[SOURCE_ATT_SOURCE - 1] = ObjectIdGetDatum(source);
	values[SOURCE_ATT_IS_STATIC - 1] = BoolGetDatum(is_static);
	insert_row("board_source", values, nulls);
}

/* A function that is gone is nobody's to trust. */
static List *
parse_functions(ArrayType *names)
{
	List	   *result = NIL;
	Datum	   *elements;
	int			count;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		LOCAL_FCINFO(fcinfo, 1);
		Datum		function;

		InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
		fcinfo->args[0].value = elements[i];
		fcinfo->args[0].isnull = false;
		function = to_regprocedure(fcinfo);
		if (!fcinfo->isnull)
			result = lappend_oid(result, DatumGetObjectId(function));
	}
	return result;
}
