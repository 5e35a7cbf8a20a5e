/*-------------------------------------------------------------------------
 *
 * claim_target.c
 *	  What of the key table claim() reads and writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/spi_util.h"
#include "board/board_order.h"
#include "maintain/claim_target.h"

static void check_one_row(const ClaimTarget *target);
static bool index_is_of_key(Oid index, const Definition *definition);
static void read_set(ClaimTarget *target, Jsonb *set);
static void add_set_column(ClaimTarget *target, Relation rel, const char *name);
static char *equal_operator(Oid type);
static void append_key_arrays(StringInfo buf, const ClaimTarget *target);
static void append_key_match(StringInfo buf, const ClaimTarget *target, const char *column_prefix,
							 bool of_board);
static const char *board_column(const ClaimTarget *target, AttrNumber attno);
static const char *table_column(const ClaimTarget *target, AttrNumber attno);

ClaimTarget *
claim_target_create(BoardPlan *plan, Jsonb *set)
{
	ClaimTarget *target = palloc0(sizeof(ClaimTarget));
	const Board *board = plan->board;

	target->plan = plan;
	target->relid = plan->definition->key_relid;
	target->status_attno = plan->definition->output_attnos[board->status_attno - 1];
	if (target->status_attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("orders of board %s cannot be claimed", board->qualified),
				 errdetail("Its status \"%s\" is not a plain column of the one row that has its key.",
						   board->column_names[board->status_attno - 1]),
				 errhint("Take the status as it is from the row that has the key, or change the sources yourself.")));
	target->relation = spi_util_relation_name(target->relid);
	target->status_type = getBaseType(get_atttype(target->relid, target->status_attno));
	check_one_row(target);
	read_set(target, set);
	return target;
}

char *
claim_target_build_candidates(const ClaimTarget *target)
{
	const Board *board = target->plan->board;
	Oid			type = getBaseType(get_atttype(board->relid, board->status_attno));
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(&buf, "b.%s, ", board_column(target, board->key_attnos[i]));
	appendStringInfo(&buf, "pg_catalog.to_jsonb(b.*) FROM %s b WHERE b.%s %s $1 ORDER BY ",
					 board->qualified, board_column(target, board->status_attno),
					 equal_operator(type));
	board_order_append_sort(&buf, board, board_order_create(board), "b.");
	return buf.data;
}

char *
claim_target_build_lock(const ClaimTarget *target)
{
	const Definition *definition = target->plan->definition;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT FROM %s k WHERE ", target->relation);
	for (int i = 0; i < definition->nkeys; i++)
		appendStringInfo(&buf, "k.%s %s $%d AND ",
						 table_column(target, definition->key_attnos[i]),
						 spi_util_operator_name(definition->key_eqops[i]), i + 1);
	appendStringInfo(&buf, "k.%s %s $%d FOR NO KEY UPDATE SKIP LOCKED",
					 table_column(target, target->status_attno),
					 equal_operator(target->status_type), definition->nkeys + 1);
	return buf.data;
}

char *
claim_target_build_update(const ClaimTarget *target)
{
	int			nkeys = target->plan->definition->nkeys;
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	appendStringInfo(&buf, "UPDATE %s k SET %s = $%d", target->relation,
					 table_column(target, target->status_attno), nkeys + 1);
	foreach(cell, target->set)
		appendStringInfo(&buf, ", %s = r.c%d", table_column(target, lfirst_int(cell)),
						 foreach_current_index(cell));
	appendStringInfoString(&buf, " FROM ");
	append_key_arrays(&buf, target);
	if (target->set)
	{
		appendStringInfoString(&buf, ", LATERAL (SELECT ");
		foreach(cell, target->set)
			appendStringInfo(&buf, "%sj.%s AS c%d", foreach_current_index(cell) ? ", " : "",
							 table_column(target, lfirst_int(cell)), foreach_current_index(cell));
		appendStringInfo(&buf, " FROM pg_catalog.jsonb_to_record($%d) j (", nkeys + 2);
		foreach(cell, target->set)
		{
			Oid			type;
			int32		typmod;
			Oid			collation;

			get_atttypetypmodcoll(target->relid, lfirst_int(cell), &type, &typmod, &collation);
			appendStringInfo(&buf, "%s%s %s", foreach_current_index(cell) ? ", " : "",
							 table_column(target, lfirst_int(cell)),
							 format_type_extended(type, typmod,
												  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		}
		appendStringInfoString(&buf, ")) r");
	}
	appendStringInfoString(&buf, " WHERE ");
	append_key_match(&buf, target, "k.", false);
	appendStringInfoString(&buf, " RETURNING u.n");
	return buf.data;
}

char *
claim_target_build_result(const ClaimTarget *target)
{
	const Board *board = target->plan->board;
	int			nkeys = board->nkeys;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT pg_catalog.jsonb_agg(COALESCE(pg_catalog.to_jsonb(b.*), "
					 "(($%d::pg_catalog.jsonb[])[u.n] "
					 "OPERATOR(pg_catalog.-) '%s'::pg_catalog.text "
					 "OPERATOR(pg_catalog.-) '%s'::pg_catalog.text) OPERATOR(pg_catalog.||) "
					 "pg_catalog.jsonb_build_object(%s, $%d)) ORDER BY u.n) FROM ",
					 nkeys + 1, BOARD_SINCE, BOARD_VERSION,
					 quote_literal_cstr(board->column_names[board->status_attno - 1]), nkeys + 2);
	append_key_arrays(&buf, target);
	appendStringInfo(&buf, " LEFT JOIN %s b ON ", board->qualified);
	append_key_match(&buf, target, "b.", true);
	return buf.data;
}

/* Does the key find one row of the key table, and no other? */
static void
check_one_row(const ClaimTarget *target)
{
	Relation	rel = table_open(target->relid, AccessShareLock);
	bool		found = false;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
		found = found || index_is_of_key(lfirst_oid(cell), target->plan->definition);
	/* an index of a table says nothing about its children; a partitioned one's does */
	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && has_subclass(target->relid))
		found = false;
	table_close(rel, NoLock);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("orders of board %s cannot be claimed", target->plan->board->qualified),
				 errdetail("Nothing says that its key finds one row of table %s only.",
						   target->relation),
				 errhint("Make the key the table's primary key, or give it a unique index on these columns.")));
}

/* A unique index on some of the key's columns, or all of them, and no others. */
static bool
index_is_of_key(Oid index, const Definition *definition)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	result = form->indisunique && form->indimmediate && form->indisvalid &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	for (int i = 0; i < form->indnkeyatts && result; i++)
	{
		bool		is_key = false;

		for (int k = 0; k < definition->nkeys; k++)
			is_key = is_key || definition->key_attnos[k] == form->indkey.values[i];
		result = is_key;
	}
	ReleaseSysCache(tuple);
	return result;
}

static void
read_set(ClaimTarget *target, Jsonb *set)
{
	Relation	rel = table_open(target->relid, AccessShareLock);
	JsonbIterator *iterator = JsonbIteratorInit(&set->root);
	JsonbValue	value;
	JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, false);

	if (token != WJB_BEGIN_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"set\" of andon.claim() must be a JSON object"),
				 errhint("For example '{\"operator\": 7}': columns of %s and their values.",
						 target->relation)));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY)
	{
		add_set_column(target, rel, pnstrdup(value.val.string.val, value.val.string.len));
		(void) JsonbIteratorNext(&iterator, &value, true);
	}
	table_close(rel, NoLock);
}

static void
add_set_column(ClaimTarget *target, Relation rel, const char *name)
{
	AttrNumber	attno = get_attnum(target->relid, name);
	bool		is_key = false;

	if (attno <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table %s does not exist", name, target->relation),
				 errhint("A claim writes columns of the table that has the key.")));
	for (int i = 0; i < target->plan->definition->nkeys; i++)
		is_key = is_key || target->plan->definition->key_attnos[i] == attno;
	if (is_key || attno == target->status_attno)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of table %s cannot be set by a claim", name, target->relation),
				 is_key ? errdetail("It is part of the key.") :
				 errdetail("It is the status, which argument \"to_status\" gives.")));
	target->set = lappend_int(target->set, attno);
}

static char *
equal_operator(Oid type)
{
	return spi_util_operator_name(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
}

/* u (k0, k1, .., n): the tuples of the arrays $1.., numbered. */
static void
append_key_arrays(StringInfo buf, const ClaimTarget *target)
{
	int			nkeys = target->plan->definition->nkeys;

	appendStringInfoString(buf, "ROWS FROM (");
	for (int i = 0; i < nkeys; i++)
		appendStringInfo(buf, "%spg_catalog.unnest($%d)", i ? ", " : "", i + 1);
	appendStringInfoString(buf, ") WITH ORDINALITY u (");
	for (int i = 0; i < nkeys; i++)
		appendStringInfo(buf, "k%d, ", i);
	appendStringInfoString(buf, "n)");
}

/* Operator and collation are those of the column on the left. */
static void
append_key_match(StringInfo buf, const ClaimTarget *target, const char *column_prefix,
				 bool of_board)
{
	const Definition *definition = target->plan->definition;

	for (int i = 0; i < definition->nkeys; i++)
		appendStringInfo(buf, "%s%s%s %s u.k%d", i ? " AND " : "", column_prefix,
						 of_board ? board_column(target, target->plan->board->key_attnos[i])
						 : table_column(target, definition->key_attnos[i]),
						 spi_util_operator_name(definition->key_eqops[i]), i);
}

static const char *
board_column(const ClaimTarget *target, AttrNumber attno)
{
	return quote_identifier(target->plan->board->column_names[attno - 1]);
}

static const char *
table_column(const ClaimTarget *target, AttrNumber attno)
{
	return quote_identifier(get_attname(target->relid, attno, false));
}
