/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  Recomputes rows of a board and applies the difference.
 *
 * One query puts the definition's rows and the board's rows of the wanted keys
 * side by side:
 *
 *	  SELECT b.ctid, b.andon_since, b.andon_version, b.c1.., d.c1..
 *	  FROM (SELECT s.* FROM unnest($1) k, LATERAL (SELECT * FROM view WHERE key = k) s) d
 *	  FULL JOIN (SELECT ctid, * FROM board WHERE key = ANY($1)) b ON b.key = d.key
 *	  ORDER BY d.key, b.key
 *
 * d alone: the key enters; b alone: it leaves; both: compared column by column,
 * by image.  The order brings two rows of one key together, which is how they
 * are noticed.
 *
 * One key, which is nearly every refresh, has a way of its own: refresh_one.c.
 *
 * For few keys the plan is generic: made once, looked up by index, key by key.
 * For many keys, and for the whole board, the definition is asked once (= ANY)
 * and the planner is asked anew and knows how many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/stats.h"
#include "maintain/board_writer.h"
#include "maintain/mapping.h"
#include "maintain/refresh.h"
#include "maintain/refresh_one.h"

#define REFRESH_FEW			100 /* keys, up to which the generic plan serves */
#define REFRESH_CHUNK		5000	/* keys of one query */
#define REFRESH_FETCH		1000	/* rows of one batch of the whole board */

/* Columns before the board's own in the side-by-side query. */
#define PAIR_CTID		0
#define PAIR_SINCE		1
#define PAIR_VERSION	2
#define PAIR_FIRST		3

/* Which rows of both sides are wanted. */
typedef enum PairKeys
{
	PAIR_ALL_KEYS,				/* the whole board */
	PAIR_FEW_KEYS,				/* of $1..: the definition is asked key by key */
	PAIR_MANY_KEYS				/* of $1..: the definition is asked once, = ANY */
} PairKeys;

/* Rows of one batch, and the last key seen, across batches. */
typedef struct PairReader
{
	BoardPlan  *plan;
	int			natts;
	Datum	   *values;			/* of the present pair */
	bool	   *nulls;
	Datum	   *last_key;		/* of the last pair with a definition row */
	bool		has_last_key;
	MemoryContext context;		/* of last_key's values */
	uint64		written;
	bool		is_filling;
} PairReader;

static uint64 run_whole(PairReader *reader);
static char *build_pair_query(BoardPlan *plan, PairKeys keys);
static void append_join(StringInfo buf, BoardPlan *plan, PairKeys keys);
static void append_side(StringInfo buf, BoardPlan *plan, const char *relation,
						const char *columns, PairKeys keys);
static void append_definition_per_key(StringInfo buf, BoardPlan *plan);
static void append_named_columns(StringInfo buf, const Board *board);
static void append_columns(StringInfo buf, const Board *board, const char *alias);
static SPIPlanPtr get_pair_plan(BoardPlan *plan, int nkeys);
static SPIPlanPtr prepare_pair_plan(BoardPlan *plan, PairKeys keys, int options);
static PairReader *pair_reader_create(BoardPlan *plan);
static void apply_batch(PairReader *reader, SPITupleTable *rows, uint64 count);
static void apply_pair(PairReader *reader, BoardWriter *writer);
static void check_single(PairReader *reader);
static bool definition_row_differs(const PairReader *reader, TupleDesc desc);
static void compare_batches(BoardPlan *plan, SPITupleTable *latest, uint64 nlatest,
							SPITupleTable *own, uint64 nown);
static SPITupleTable *run_plan(SPIPlanPtr query, Datum *arguments, Snapshot snapshot,
							   uint64 *count);
static Portal open_portal(BoardPlan *plan, Snapshot snapshot);
static SPITupleTable *fetch_portal(Portal portal, uint64 *count);

uint64
refresh_keys(BoardPlan *plan, const ValueSet *keys)
{
	PairReader *reader;
	Datum	   *arguments;
	uint64		written;

	stats_count(STATS_REFRESHED, value_set_count(keys));
	if (value_set_count(keys) == 1 && refresh_one_key(plan, value_set_get(keys, 0), &written))
		return written;

	reader = pair_reader_create(plan);
	arguments = palloc(sizeof(Datum) * plan->key->n);
	for (int first = 0; first < value_set_count(keys); first += REFRESH_CHUNK)
	{
		int			nkeys = Min(REFRESH_CHUNK, value_set_count(keys) - first);
		SPIPlanPtr	query = get_pair_plan(plan, nkeys);
		SnapshotPair pair;
		SPITupleTable *latest;
		uint64		nlatest;

		value_set_build_arrays(keys, first, nkeys, arguments);
		mapping_take_snapshots(&pair);
		latest = run_plan(query, arguments, pair.latest, &nlatest);
		if (pair.own)
		{
			uint64		nown;
			SPITupleTable *own = run_plan(query, arguments, pair.own, &nown);

			compare_batches(plan, latest, nlatest, own, nown);
			SPI_freetuptable(own);
		}
		PushActiveSnapshot(pair.latest);
		reader->has_last_key = false;
		apply_batch(reader, latest, nlatest);
		PopActiveSnapshot();
		mapping_drop_snapshots(&pair);
		SPI_freetuptable(latest);
	}
	return reader->written;
}

uint64
refresh_whole(BoardPlan *plan)
{
	stats_count(STATS_WHOLE, 1);
	return run_whole(pair_reader_create(plan));
}

uint64
refresh_fill(BoardPlan *plan)
{
	PairReader *reader = pair_reader_create(plan);

	reader->is_filling = true;
	return run_whole(reader);
}

static uint64
run_whole(PairReader *reader)
{
	BoardPlan  *plan = reader->plan;
	SnapshotPair pair;
	Portal		latest_portal;
	Portal		own_portal = NULL;
	uint64		count;

	mapping_take_snapshots(&pair);
	latest_portal = open_portal(plan, pair.latest);
	if (pair.own)
		own_portal = open_portal(plan, pair.own);
	PushActiveSnapshot(pair.latest);
	do
	{
		SPITupleTable *latest = fetch_portal(latest_portal, &count);

		if (own_portal)
		{
			uint64		nown;
			SPITupleTable *own = fetch_portal(own_portal, &nown);

			compare_batches(plan, latest, count, own, nown);
			SPI_freetuptable(own);
		}
		apply_batch(reader, latest, count);
		SPI_freetuptable(latest);
	} while (count > 0);
	PopActiveSnapshot();
	if (own_portal)
		SPI_cursor_close(own_portal);
	SPI_cursor_close(latest_portal);
	mapping_drop_snapshots(&pair);
	return reader->written;
}

static char *
build_pair_query(BoardPlan *plan, PairKeys keys)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT b.ctid, b.%s, b.%s", BOARD_SINCE, BOARD_VERSION);
	append_columns(&buf, plan->board, "b");
	append_columns(&buf, plan->board, "d");
	appendStringInfoString(&buf, " FROM ");
	append_join(&buf, plan, keys);
	return buf.data;
}

static void
append_join(StringInfo buf, BoardPlan *plan, PairKeys keys)
{
	const Board *board = plan->board;

	if (keys == PAIR_FEW_KEYS)
		append_definition_per_key(buf, plan);
	else
		append_side(buf, plan, spi_util_relation_name(board->view), "*", keys);
	appendStringInfoString(buf, " d FULL JOIN ");
	append_side(buf, plan, board->qualified, "ctid, *", keys);
	appendStringInfoString(buf, " b ON ");
	for (int i = 0; i < board->nkeys; i++)
	{
		const char *name = quote_identifier(board->column_names[board->key_attnos[i] - 1]);

		appendStringInfo(buf, "%sb.%s %s d.%s", i ? " AND " : "", name,
						 spi_util_operator_name(plan->definition->key_eqops[i]), name);
	}
	appendStringInfoString(buf, " ORDER BY ");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, "%sd.%s", i ? ", " : "",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]));
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, ", b.%s",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]));
}

/*
 * One side of the join, the definition's columns under the board's names.
 * Rows with a NULL key are left out.  With several key columns the cross
 * product of the values is cut down to the tuples that were asked for.
 */
static void
append_side(StringInfo buf, BoardPlan *plan, const char *relation, const char *columns,
			PairKeys keys)
{
	const Board *board = plan->board;
	int			nkeys = board->nkeys;
	bool		is_view = strcmp(columns, "*") == 0;
	bool		restricted = keys != PAIR_ALL_KEYS;

	appendStringInfo(buf, "(SELECT %s FROM %s s", columns, relation);
	if (is_view)
		append_named_columns(buf, board);
	appendStringInfoString(buf, " WHERE ");
	for (int i = 0; i < nkeys; i++)
	{
		const char *name = quote_identifier(board->column_names[board->key_attnos[i] - 1]);

		appendStringInfo(buf, "%ss.%s", i ? " AND " : "", name);
		if (restricted)
			appendStringInfo(buf, " %s ANY ($%d)",
							 spi_util_operator_name(plan->definition->key_eqops[i]), i + 1);
		else
			appendStringInfoString(buf, " IS NOT NULL");
	}
	if (restricted && nkeys > 1)
	{
		appendStringInfoString(buf, " AND EXISTS (SELECT FROM unnest(");
		for (int i = 0; i < nkeys; i++)
			appendStringInfo(buf, "%s$%d", i ? ", " : "", i + 1);
		appendStringInfoString(buf, ") k (");
		for (int i = 0; i < nkeys; i++)
			appendStringInfo(buf, "%sk%d", i ? ", " : "", i);
		appendStringInfoString(buf, ") WHERE ");
		for (int i = 0; i < nkeys; i++)
			appendStringInfo(buf, "%ss.%s %s k.k%d", i ? " AND " : "",
							 quote_identifier(board->column_names[board->key_attnos[i] - 1]),
							 spi_util_operator_name(plan->definition->key_eqops[i]), i);
		appendStringInfoChar(buf, ')');
	}
	appendStringInfoChar(buf, ')');
}

/*
 * The definition's side for few keys.  An equality with a value from outside
 * reaches into grouped subqueries as a constant does, which = ANY does not:
 * of a board that counts items, one key reads its own items, not all of them.
 * OFFSET 0 keeps the subquery from being pulled up into a plain join.  DISTINCT:
 * keys that are equal but not the same (1.0 and 1.00) are one key here.
 */
static void
append_definition_per_key(StringInfo buf, BoardPlan *plan)
{
	const Board *board = plan->board;

	appendStringInfoString(buf, "(SELECT s.* FROM (SELECT DISTINCT ");
	for (int i = 0; i < board->nkeys; i++)
	{
		Oid			collation = plan->definition->key_collations[i];

		appendStringInfo(buf, "%su.k%d", i ? ", " : "", i);
		if (OidIsValid(collation))
			appendStringInfo(buf, " COLLATE %s AS k%d",
							 spi_util_collation_name(collation), i);
	}
	appendStringInfoString(buf, " FROM ROWS FROM (");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, "%spg_catalog.unnest($%d)", i ? ", " : "", i + 1);
	appendStringInfoString(buf, ") u (");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, "%sk%d", i ? ", " : "", i);
	appendStringInfo(buf, ")) k, LATERAL (SELECT * FROM %s s0",
					 spi_util_relation_name(board->view));
	append_named_columns(buf, board);
	appendStringInfoString(buf, " WHERE ");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(buf, "%ss0.%s %s k.k%d", i ? " AND " : "",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]),
						 spi_util_operator_name(plan->definition->key_eqops[i]), i);
	appendStringInfoString(buf, " OFFSET 0) s)");
}

/* The view's columns under the board's names. */
static void
append_named_columns(StringInfo buf, const Board *board)
{
	appendStringInfoString(buf, " (");
	for (int i = 0; i < board->ncolumns; i++)
		appendStringInfo(buf, "%s%s", i ? ", " : "",
						 quote_identifier(board->column_names[i]));
	appendStringInfoChar(buf, ')');
}

static void
append_columns(StringInfo buf, const Board *board, const char *alias)
{
	for (int i = 0; i < board->ncolumns; i++)
		appendStringInfo(buf, ", %s.%s", alias, quote_identifier(board->column_names[i]));
}

static SPIPlanPtr
get_pair_plan(BoardPlan *plan, int nkeys)
{
	SPIPlanPtr *query;

	if (nkeys > REFRESH_FEW)
	{
		query = &plan->refresh_many;
		if (*query == NULL)
			*query = prepare_pair_plan(plan, PAIR_MANY_KEYS, CURSOR_OPT_CUSTOM_PLAN);
	}
	else
	{
		query = &plan->refresh_few;
		if (*query == NULL)
			*query = prepare_pair_plan(plan, PAIR_FEW_KEYS, CURSOR_OPT_GENERIC_PLAN);
	}
	return *query;
}

static SPIPlanPtr
prepare_pair_plan(BoardPlan *plan, PairKeys keys, int options)
{
	Oid		   *types = palloc(sizeof(Oid) * plan->key->n);

	for (int i = 0; i < plan->key->n; i++)
		types[i] = plan->key->columns[i].array_type;
	return spi_prepare_kept(build_pair_query(plan, keys), plan->key->n, types, options);
}

static PairReader *
pair_reader_create(BoardPlan *plan)
{
	PairReader *reader = palloc0(sizeof(PairReader));

	reader->plan = plan;
	reader->natts = PAIR_FIRST + 2 * plan->board->ncolumns;
	reader->values = palloc(sizeof(Datum) * reader->natts);
	reader->nulls = palloc(sizeof(bool) * reader->natts);
	reader->last_key = palloc(sizeof(Datum) * plan->key->n);
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "andon last key",
											ALLOCSET_SMALL_SIZES);
	return reader;
}

/* Applies what differs; the writer is opened for the first row that does. */
static void
apply_batch(PairReader *reader, SPITupleTable *rows, uint64 count)
{
	BoardWriter *writer = NULL;
	int			ncolumns = reader->plan->board->ncolumns;
	int			key = reader->plan->board->key_attnos[0] - 1;

	for (uint64 i = 0; i < count; i++)
	{
		heap_deform_tuple(rows->vals[i], rows->tupdesc, reader->values, reader->nulls);
		if (!reader->nulls[PAIR_FIRST + ncolumns + key])
			check_single(reader);
		if (!definition_row_differs(reader, rows->tupdesc))
			continue;
		if (writer == NULL)
			writer = board_writer_open(reader->plan, reader->is_filling);
		apply_pair(reader, writer);
		reader->written++;
	}
	if (writer)
		board_writer_close(writer);
}

static void
apply_pair(PairReader *reader, BoardWriter *writer)
{
	int			ncolumns = reader->plan->board->ncolumns;
	int			key = reader->plan->board->key_attnos[0] - 1;
	Datum	   *values = reader->values + PAIR_FIRST + ncolumns;
	bool	   *nulls = reader->nulls + PAIR_FIRST + ncolumns;
	BoardRow	before;

	if (reader->nulls[PAIR_CTID])
	{
		board_writer_insert(writer, values, nulls);
		return;
	}
	before.tid = *(ItemPointer) DatumGetPointer(reader->values[PAIR_CTID]);
	before.values = reader->values + PAIR_FIRST;
	before.nulls = reader->nulls + PAIR_FIRST;
	before.since = DatumGetTimestampTz(reader->values[PAIR_SINCE]);
	before.version = DatumGetInt64(reader->values[PAIR_VERSION]);
	if (nulls[key])
		board_writer_delete(writer, &before);
	else
		board_writer_update(writer, &before, values, nulls);
}

/* ERROR if the definition gave this key before. */
static void
check_single(PairReader *reader)
{
	BoardPlan  *plan = reader->plan;
	Board	   *board = plan->board;
	Datum		key[INDEX_MAX_KEYS];
	bool		same = reader->has_last_key;
	MemoryContext old;

	for (int i = 0; i < board->nkeys; i++)
	{
		key[i] = reader->values[PAIR_FIRST + board->ncolumns + board->key_attnos[i] - 1];
		if (same)
			same = DatumGetBool(FunctionCall2Coll(&plan->key_equal[i],
												  plan->definition->key_collations[i],
												  reader->last_key[i], key[i]));
	}
	if (same)
		board_plan_raise_not_single(plan, key);

	MemoryContextReset(reader->context);
	old = MemoryContextSwitchTo(reader->context);
	value_copy(plan->key, key, reader->last_key);
	MemoryContextSwitchTo(old);
	reader->has_last_key = true;
}

static bool
definition_row_differs(const PairReader *reader, TupleDesc desc)
{
	int			ncolumns = reader->plan->board->ncolumns;
	int			key = PAIR_FIRST + ncolumns + reader->plan->board->key_attnos[0] - 1;

	if (reader->nulls[PAIR_CTID] || reader->nulls[key])
		return true;
	for (int i = PAIR_FIRST; i < PAIR_FIRST + ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (reader->nulls[i] != reader->nulls[i + ncolumns])
			return true;
		if (!reader->nulls[i] &&
			!datum_image_eq(reader->values[i], reader->values[i + ncolumns],
							att->attbyval, att->attlen))
			return true;
	}
	return false;
}

/*
 * At REPEATABLE READ and SERIALIZABLE: the newest state and the transaction's
 * own must be the same, row by row, the board's side with its ctid included.
 */
static void
compare_batches(BoardPlan *plan, SPITupleTable *latest, uint64 nlatest,
				SPITupleTable *own, uint64 nown)
{
	if (nlatest != nown)
		mapping_raise_conflict(plan);
	for (uint64 i = 0; i < nlatest; i++)
		if (!value_rows_image_equal(latest->vals[i], own->vals[i], latest->tupdesc))
			mapping_raise_conflict(plan);
}

static SPITupleTable *
run_plan(SPIPlanPtr query, Datum *arguments, Snapshot snapshot, uint64 *count)
{
	int			rc;

	PushActiveSnapshot(snapshot);
	rc = SPI_execute_plan(query, arguments, NULL, true, 0);
	PopActiveSnapshot();
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "refresh query failed: %s", SPI_result_code_string(rc));
	*count = SPI_processed;
	return SPI_tuptable;
}

static Portal
open_portal(BoardPlan *plan, Snapshot snapshot)
{
	Portal		portal;

	PushActiveSnapshot(snapshot);
	portal = SPI_cursor_open_with_args(NULL, build_pair_query(plan, PAIR_ALL_KEYS), 0, NULL, NULL,
									   NULL, true, CURSOR_OPT_NO_SCROLL);
	PopActiveSnapshot();
	return portal;
}

static SPITupleTable *
fetch_portal(Portal portal, uint64 *count)
{
	SPI_cursor_fetch(portal, true, REFRESH_FETCH);
	*count = SPI_processed;
	return SPI_tuptable;
}
