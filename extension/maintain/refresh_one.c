/*-------------------------------------------------------------------------
 *
 * refresh_one.c
 *	  Recomputes the row of one key and applies the difference.
 *
 *	  SELECT * FROM view WHERE key = $1
 *
 * gives the row as it is to be; the board's own is fetched by its unique index,
 * below SQL, and compared here.  The query is kept ready to run (kept_query.h):
 * to start a join over both cost more than all the rest.
 *
 * At REPEATABLE READ and SERIALIZABLE both rows are read under both snapshots
 * and must be the same; the board's is if its place is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/kept_query.h"
#include "base/row_lookup.h"
#include "maintain/board_writer.h"
#include "maintain/mapping.h"
#include "maintain/refresh_one.h"

/* Rows of one key are counted no further: it is one too many. */
#define ROWS_MOST	2

/* The definition's row of the key. */
typedef struct NewRow
{
	bool		exists;
	Datum	   *values;
	bool	   *nulls;
} NewRow;

static RowLookup *get_board_row(BoardPlan *plan);
static KeptQuery *get_query(BoardPlan *plan);
static char *build_query(BoardPlan *plan);
static void read_definition(BoardPlan *plan, const Datum *key, const SnapshotPair *pair,
							NewRow *row);
static void compare_definition(BoardPlan *plan, TupleDesc desc, HeapTuple *latest, int nlatest,
							   HeapTuple *own, int nown);
static uint64 apply(BoardPlan *plan, const Datum *key, const SnapshotPair *pair, NewRow *row);
static bool find_board_row(BoardPlan *plan, BoardWriter *writer, const Datum *key,
						   const SnapshotPair *pair, BoardRow *row);
static bool row_differs(const BoardRow *before, const NewRow *after, TupleDesc desc);

bool
refresh_one_key(BoardPlan *plan, const Datum *key, uint64 *written)
{
	SnapshotPair pair;
	NewRow		row;

	if (get_board_row(plan) == NULL)
		return false;
	(void) get_query(plan);
	mapping_take_snapshots(&pair);
	read_definition(plan, key, &pair, &row);
	PushActiveSnapshot(pair.latest);
	*written = apply(plan, key, &pair, &row);
	PopActiveSnapshot();
	mapping_drop_snapshots(&pair);
	return true;
}

/* How the board's row of a key is found, or NULL. */
static RowLookup *
get_board_row(BoardPlan *plan)
{
	Relation	rel;
	Oid			index_oid;

	if (plan->board_row)
		return plan->board_row;
	rel = table_open(plan->board->relid, AccessShareLock);
	index_oid = fast_columns_find_index(rel, plan->definition, plan->board->key_attnos);
	if (OidIsValid(index_oid))
	{
		Relation	index = index_open(index_oid, AccessShareLock);
		MemoryContext old = MemoryContextSwitchTo(plan->context);

		plan->board_row = row_lookup_create(index, plan->board->key_attnos,
											plan->definition->key_eqops);
		MemoryContextSwitchTo(old);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return plan->board_row;
}

static KeptQuery *
get_query(BoardPlan *plan)
{
	if (plan->refresh_one == NULL)
	{
		Oid			types[INDEX_MAX_KEYS];
		char	   *sql = build_query(plan);
		MemoryContext old = MemoryContextSwitchTo(plan->context);

		for (int i = 0; i < plan->key->n; i++)
			types[i] = plan->key->columns[i].type;
		plan->refresh_one = kept_query_create(sql, plan->key->n, types);
		MemoryContextSwitchTo(old);
	}
	return plan->refresh_one;
}

/* The key columns go by the board's names; the view's may have been renamed. */
static char *
build_query(BoardPlan *plan)
{
	const Board *board = plan->board;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT * FROM %s s (", spi_util_relation_name(board->view));
	for (int i = 0; i < board->ncolumns; i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", quote_identifier(board->column_names[i]));
	appendStringInfoString(&buf, ") WHERE ");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(&buf, "%ss.%s %s $%d", i ? " AND " : "",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]),
						 spi_util_operator_name(plan->definition->key_eqops[i]), i + 1);
	return buf.data;
}

static void
read_definition(BoardPlan *plan, const Datum *key, const SnapshotPair *pair, NewRow *row)
{
	KeptQuery  *query = get_query(plan);
	HeapTuple	latest[ROWS_MOST];
	int			nlatest = kept_query_run(query, key, pair->latest, latest, ROWS_MOST);
	TupleDesc	desc = kept_query_desc(query);

	if (pair->own)
	{
		HeapTuple	own[ROWS_MOST];
		int			nown = kept_query_run(query, key, pair->own, own, ROWS_MOST);

		desc = kept_query_desc(query);
		compare_definition(plan, desc, latest, nlatest, own, nown);
	}
	if (nlatest == ROWS_MOST)
		board_plan_raise_not_single(plan, key);
	row->exists = nlatest > 0;
	if (!row->exists)
		return;
	row->values = palloc(sizeof(Datum) * desc->natts);
	row->nulls = palloc(sizeof(bool) * desc->natts);
	heap_deform_tuple(latest[0], desc, row->values, row->nulls);
}

/* The newest state and the transaction's own must be the same. */
static void
compare_definition(BoardPlan *plan, TupleDesc desc, HeapTuple *latest, int nlatest,
				   HeapTuple *own, int nown)
{
	if (nlatest != nown)
		mapping_raise_conflict(plan);
	for (int i = 0; i < nlatest; i++)
		if (!value_rows_image_equal(latest[i], own[i], desc))
			mapping_raise_conflict(plan);
}

static uint64
apply(BoardPlan *plan, const Datum *key, const SnapshotPair *pair, NewRow *row)
{
	BoardWriter *writer = board_writer_open(plan, false);
	TupleDesc	desc = kept_query_desc(plan->refresh_one);
	BoardRow	before;
	bool		exists = find_board_row(plan, writer, key, pair, &before);
	uint64		written = 1;

	if (exists && row->exists && row_differs(&before, row, desc))
		board_writer_update(writer, &before, row->values, row->nulls);
	else if (exists && !row->exists)
		board_writer_delete(writer, &before);
	else if (!exists && row->exists)
		board_writer_insert(writer, row->values, row->nulls);
	else
		written = 0;
	board_writer_close(writer);
	return written;
}

static bool
find_board_row(BoardPlan *plan, BoardWriter *writer, const Datum *key, const SnapshotPair *pair,
			   BoardRow *row)
{
	ItemPointerData own = {0};
	bool		has_own = false;
	bool		found;

	if (pair->own)
	{
		has_own = board_writer_find(writer, plan->board_row, key, pair->own, row);
		if (has_own)
			own = row->tid;
	}
	found = board_writer_find(writer, plan->board_row, key, pair->latest, row);
	if (pair->own && (found != has_own || (found && !ItemPointerEquals(&own, &row->tid))))
		mapping_raise_conflict(plan);
	return found;
}

static bool
row_differs(const BoardRow *before, const NewRow *after, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (before->nulls[i] != after->nulls[i])
			return true;
		if (!before->nulls[i] &&
			!datum_image_eq(before->values[i], after->values[i], att->attbyval, att->attlen))
			return true;
	}
	return false;
}
