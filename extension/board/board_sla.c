/*-------------------------------------------------------------------------
 *
 * board_sla.c
 *	  How long orders may be in a status, and which have been there longer.
 *
 * The query of stays is answered in order by the index (status, andon_since):
 *
 *	  SELECT key.., andon_since FROM board WHERE status = $1
 *	  AND andon_since > $2 AND andon_since <= $3 ORDER BY andon_since
 *
 * It is planned without sorting; should the index be gone, it is slow, not wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "board/board_sla.h"
#include "board/board_status.h"

/* andon.sla, see sql/modules/18_alert.sql */
enum
{
	SLA_ATT_BOARD = 1,
	SLA_ATT_STATUS,
	SLA_ATT_MAX_DWELL,
	SLA_ATT_SEVERITY,
	SLA_ATT_SWEPT,
	SLA_NATTS = SLA_ATT_SWEPT
};

static void read_sla_row(Relation rel, HeapTuple tuple, void *arg);
static int	compare_status(const ListCell *a, const ListCell *b);
static char *build_query(const Board *board, int most);
static char *format_key(const Board *board, HeapTuple row, TupleDesc desc);

List *
board_sla_list(Oid board)
{
	List	   *result = NIL;

	board_catalog_scan("sla", SLA_ATT_BOARD, board, AccessShareLock, read_sla_row, &result);
	list_sort(result, compare_status);
	return result;
}

TimestampTz
board_sla_cutoff(const BoardSla *sla, TimestampTz now)
{
	return sla->max_dwell_us > 0 ? now - sla->max_dwell_us : DT_NOBEGIN;
}

List *
board_sla_find_stays(const Board *board, const char *status, TimestampTz after,
					 TimestampTz until, int most)
{
	Oid			base = board_status_type(board);
	Oid			types[3] = {base, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		arguments[3];
	List	   *result = NIL;
	Oid			input;
	Oid			ioparam;
	int			level;
	int			rc;

	getTypeInputInfo(base, &input, &ioparam);
	arguments[0] = OidInputFunctionCall(input, pstrdup(status), ioparam, -1);
	arguments[1] = TimestampTzGetDatum(after);
	arguments[2] = TimestampTzGetDatum(until);
	level = spi_begin_index_order();
	rc = SPI_execute_with_args(build_query(board, most), 3, types, arguments, NULL, true, 0);
	spi_end_index_order(level);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "query of stays failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		BoardStay  *stay = palloc(sizeof(BoardStay));
		bool		isnull;

		stay->key = format_key(board, SPI_tuptable->vals[row], SPI_tuptable->tupdesc);
		stay->since = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[row],
														SPI_tuptable->tupdesc,
														board->nkeys + 1, &isnull));
		result = lappend(result, stay);
	}
	SPI_freetuptable(SPI_tuptable);
	return result;
}

Oid
board_sla_find_index(const Board *board)
{
	Relation	rel = table_open(board->relid, AccessShareLock);
	Oid			result = InvalidOid;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && form->indnkeyatts == 2 &&
			form->indkey.values[0] == board->status_attno &&
			form->indkey.values[1] == board->since_attno &&
			RelationGetIndexPredicate(index) == NIL)
			result = RelationGetRelid(index);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return result;
}

Datum
board_sla_build_interval(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = us;
	return IntervalPGetDatum(interval);
}

static void
read_sla_row(Relation rel, HeapTuple tuple, void *arg)
{
	List	  **result = arg;
	BoardSla   *sla = palloc0(sizeof(BoardSla));
	Datum		values[SLA_NATTS];
	bool		nulls[SLA_NATTS];

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	sla->status = TextDatumGetCString(values[SLA_ATT_STATUS - 1]);
	/* set_sla() stores neither days nor months */
	if (!nulls[SLA_ATT_MAX_DWELL - 1])
		sla->max_dwell_us = DatumGetIntervalP(values[SLA_ATT_MAX_DWELL - 1])->time;
	sla->severity = TextDatumGetCString(values[SLA_ATT_SEVERITY - 1]);
	sla->swept = nulls[SLA_ATT_SWEPT - 1] ? DT_NOBEGIN :
		DatumGetTimestampTz(values[SLA_ATT_SWEPT - 1]);
	*result = lappend(*result, sla);
}

static int
compare_status(const ListCell *a, const ListCell *b)
{
	return strcmp(((BoardSla *) lfirst(a))->status, ((BoardSla *) lfirst(b))->status);
}

static char *
build_query(const Board *board, int most)
{
	Oid			base = board_status_type(board);
	TypeCacheEntry *type = lookup_type_cache(base, TYPECACHE_EQ_OPR);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = 0; i < board->nkeys; i++)
		appendStringInfo(&buf, "b.%s, ",
						 quote_identifier(board->column_names[board->key_attnos[i] - 1]));
	appendStringInfo(&buf, "b.%s FROM %s b WHERE b.%s %s $1"
					 " AND b.%s OPERATOR(pg_catalog.>) $2 AND b.%s OPERATOR(pg_catalog.<=) $3"
					 " ORDER BY b.%s USING OPERATOR(pg_catalog.<)",
					 BOARD_SINCE, board->qualified,
					 quote_identifier(board->column_names[board->status_attno - 1]),
					 spi_util_operator_name(type->eq_opr), BOARD_SINCE, BOARD_SINCE, BOARD_SINCE);
	if (most > 0)
		appendStringInfo(&buf, " FETCH FIRST %d ROWS WITH TIES", most);
	return buf.data;
}

/* As jsonb writes it: texts are equal if keys are. */
static char *
format_key(const Board *board, HeapTuple row, TupleDesc desc)
{
	char	   *names[INDEX_MAX_KEYS];
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	StringInfoData buf;
	Jsonb	   *key;
	bool		isnull;

	for (int i = 0; i < board->nkeys; i++)
	{
		names[i] = board->column_names[board->key_attnos[i] - 1];
		types[i] = SPI_gettypeid(desc, i + 1);
		values[i] = SPI_getbinval(row, desc, i + 1, &isnull);
	}
	initStringInfo(&buf);
	json_append_object(&buf, board->nkeys, names, types, values);
	key = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	return JsonbToCString(NULL, &key->root, VARSIZE(key));
}
