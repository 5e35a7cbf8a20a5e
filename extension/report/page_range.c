/*-------------------------------------------------------------------------
 *
 * page_range.c
 *	  The rows of one status in board order, from a place on, as few as needed.
 *
 * "Behind (1, x, 7) in the order a, b DESC, id" is not one range of an index,
 * once directions are mixed and NULLs have a place.  It is several, one behind
 * the other, each of them a range of the index (status, order, key):
 *
 *	  a = 1 AND b = x AND id > 7
 *	  a = 1 AND b < x
 *	  a > 1
 *	  a IS NULL					(NULLS LAST; NULLS FIRST: the range before
 *								 is a IS NOT NULL where the cursor has NULL)
 *
 * A stream opens one when the one before has run dry, so a page reads little
 * more than the rows it shows.  Queries are prepared once per form of range and
 * planned without sorting: should the index be gone, they are slow, not wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board_cache.h"
#include "report/page_range.h"

/* Forms of ranges that one board's queries are kept for; a few are usual. */
#define PAGE_QUERIES_MOST	64

/* How the column behind the equal ones is restricted. */
typedef enum RangeBound
{
	RANGE_ALL,					/* not at all: there is no cursor, or the status decides */
	RANGE_AFTER,				/* behind the cursor's value */
	RANGE_NOT_NULL,				/* the cursor has NULL, which comes first */
	RANGE_NULL					/* NULL, which comes last */
} RangeBound;

/* The form of a range: what its query looks like. */
typedef struct RangeForm
{
	bool		status_isnull;
	int			prefix;			/* columns equal to the cursor's */
	RangeBound	bound;			/* of the column behind them */
	uint32		nulls;			/* which of the equal ones are NULL */
} RangeForm;

typedef struct PageQuery
{
	RangeForm	form;
	SPIPlanPtr	plan;
} PageQuery;

static PageReader *build_reader(Board *board);
static void fill_column(PageColumn *column, const Board *board, const BoardOrderItem *item);
static uint32 fingerprint_order(const PageReader *reader);
static void release_reader(void *arg);
static bool stream_open_range(PageStream *stream);
static bool stream_choose_range(PageStream *stream, RangeForm *form);
static SPIPlanPtr get_query(PageReader *reader, const RangeForm *form);
static SPIPlanPtr prepare_query(PageReader *reader, const RangeForm *form);
static char *build_query(const PageReader *reader, const RangeForm *form);
static void append_bound(StringInfo buf, const PageReader *reader, int item, RangeBound bound);
static const char *column_name(const PageReader *reader, AttrNumber attno);
static void stream_fetch(PageStream *stream);
static void stream_read_head(PageStream *stream);
static int	compare_status(const PageStream *stream);

PageReader *
page_reader_get(Oid relid)
{
	BoardEntry *entry = board_cache_get(relid);

	if (entry->board == NULL)
		board_raise_not_found(relid);
	if (entry->reader == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(entry->context);

		entry->reader = build_reader(entry->board);
		entry->reader_release = release_reader;
		MemoryContextSwitchTo(old);
	}
	return entry->reader;
}

/* One step through the index for each: cheap while statuses are few. */
int
page_reader_list_statuses(PageReader *reader, int most, Datum **statuses)
{
	const char *name = column_name(reader, reader->status.attno);
	Portal		portal;
	int			level;
	int			n;

	if (reader->statuses == NULL)
		reader->statuses = spi_prepare_kept(psprintf(
			"WITH RECURSIVE s (status) AS ("
			"(SELECT b.%1$s FROM %2$s b WHERE b.%1$s IS NOT NULL ORDER BY b.%1$s LIMIT 1) "
			"UNION ALL SELECT (SELECT b.%1$s FROM %2$s b WHERE b.%1$s %3$s s.status "
			"ORDER BY b.%1$s LIMIT 1) FROM s WHERE s.status IS NOT NULL) "
			"SELECT s.status FROM s WHERE s.status IS NOT NULL",
			name, reader->board->qualified, spi_util_operator_name(reader->status.after_op)),
											0, NULL, CURSOR_OPT_GENERIC_PLAN);
	level = spi_begin_index_order();
	portal = SPI_cursor_open(NULL, reader->statuses, NULL, NULL, true);
	spi_end_index_order(level);
	SPI_cursor_fetch(portal, true, most + 1);
	n = (int) SPI_processed;
	*statuses = palloc(sizeof(Datum) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		bool		isnull;

		(*statuses)[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
	}
	SPI_cursor_close(portal);
	return n;
}

void
page_streams_open(PageStream *streams, int n)
{
	int			level = spi_begin_index_order();

	for (int i = 0; i < n; i++)
	{
		PageStream *stream = &streams[i];
		int			nitems = stream->reader->order->n;

		stream->values = palloc(sizeof(Datum) * nitems);
		stream->nulls = palloc(sizeof(bool) * nitems);
		stream->prefix = stream->after ? nitems - 1 : 0;
		if (stream->after && stream->reader->status_item >= 0)
			stream->status_side = compare_status(stream);
		(void) stream_open_range(stream);
	}
	spi_end_index_order(level);
}

bool
page_stream_next(PageStream *stream)
{
	while (stream->next >= stream->nrows)
	{
		if (stream->portal == NULL)
		{
			int			level = spi_begin_index_order();
			bool		opened = stream_open_range(stream);

			spi_end_index_order(level);
			if (!opened)
				return false;
		}
		stream_fetch(stream);
	}
	stream_read_head(stream);
	return true;
}

void
page_stream_close(PageStream *stream)
{
	if (stream->portal)
		SPI_cursor_close(stream->portal);
	stream->portal = NULL;
}

static PageReader *
build_reader(Board *board)
{
	PageReader *reader = palloc0(sizeof(PageReader));
	TypeCacheEntry *type;
	int32		typmod;

	reader->board = board;
	reader->order = board_order_create(board);
	reader->columns = palloc0(sizeof(PageColumn) * reader->order->n);
	reader->status_item = -1;
	for (int i = 0; i < reader->order->n; i++)
	{
		fill_column(&reader->columns[i], board, &reader->order->items[i]);
		if (reader->order->items[i].attno == board->status_attno)
			reader->status_item = i;
	}

	reader->status.attno = board->status_attno;
	get_atttypetypmodcoll(board->relid, board->status_attno, &reader->status.type, &typmod,
						  &reader->status.collation);
	reader->status.type = getBaseType(reader->status.type);
	type = lookup_type_cache(reader->status.type,
							 TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_EQ_OPR);
	reader->status.before_op = type->lt_opr;
	reader->status.after_op = type->gt_opr;
	reader->status.equal_op = type->eq_opr;
	fill_column(&reader->status_io, board, &reader->status);
	reader->fingerprint = fingerprint_order(reader);
	return reader;
}

static void
fill_column(PageColumn *column, const Board *board, const BoardOrderItem *item)
{
	Oid			input;
	Oid			output;
	bool		is_varlena;

	column->not_null = compat_att_is_not_null(board->relid, item->attno);
	getTypeInputInfo(item->type, &input, &column->ioparam);
	fmgr_info(input, &column->input);
	getTypeOutputInfo(item->type, &output, &is_varlena);
	fmgr_info(output, &column->output);
}

/* The same on replicas and after a restore: by names, where numbers may differ. */
static uint32
fingerprint_order(const PageReader *reader)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, reader->board->qualified);
	for (int i = 0; i < reader->order->n; i++)
	{
		const BoardOrderItem *item = &reader->order->items[i];

		appendStringInfo(&buf, "\n%d %s %s %d %d", item->attno,
						 format_type_be_qualified(item->type),
						 OidIsValid(item->collation) ? spi_util_collation_name(item->collation) : "",
						 item->descending, item->nulls_first);
	}
	return hash_bytes((const unsigned char *) buf.data, buf.len);
}

static void
release_reader(void *arg)
{
	PageReader *reader = arg;
	ListCell   *cell;

	foreach(cell, reader->queries)
		SPI_freeplan(((PageQuery *) lfirst(cell))->plan);
	if (reader->statuses)
		SPI_freeplan(reader->statuses);
}

/* Opens the next range that may hold rows; false if there is none left. */
static bool
stream_open_range(PageStream *stream)
{
	PageReader *reader = stream->reader;
	int			n = reader->order->n;
	RangeForm	form = {0};
	Datum	   *values;
	char	   *nulls;

	if (!stream_choose_range(stream, &form))
		return false;
	values = palloc0(sizeof(Datum) * (n + 1));
	nulls = palloc(n + 1);
	memset(nulls, 'n', n + 1);
	values[0] = stream->status;
	nulls[0] = stream->status_isnull ? 'n' : ' ';
	for (int i = 0; stream->after && i < n; i++)
	{
		values[i + 1] = stream->after->values[i];
		nulls[i + 1] = stream->after->nulls[i] ? 'n' : ' ';
	}
	stream->portal = SPI_cursor_open(NULL, get_query(reader, &form), values, nulls, true);
	return true;
}

/*
 * From the longest prefix to none.  stream->prefix is -1 when all is done; of
 * each prefix the range behind the cursor's value comes first, then the NULLs.
 */
static bool
stream_choose_range(PageStream *stream, RangeForm *form)
{
	PageReader *reader = stream->reader;

	form->status_isnull = stream->status_isnull;
	if (stream->after == NULL)
	{
		form->bound = RANGE_ALL;
		return stream->prefix-- == 0;
	}
	while (stream->prefix >= 0)
	{
		int			item = stream->prefix;
		bool		isnull = stream->after->nulls[item];
		bool		nulls_first = reader->order->items[item].nulls_first;
		bool		is_status = item == reader->status_item;
		bool		nulls_now = stream->nulls_next;
		bool		wanted;

		form->bound = nulls_now ? RANGE_NULL : isnull ? RANGE_NOT_NULL : RANGE_AFTER;
		if (is_status)
			form->bound = RANGE_ALL;
		wanted = is_status ? stream->status_side > 0 : !isnull || nulls_first;
		if (reader->status_item >= 0 && reader->status_item < item)
			wanted = wanted && stream->status_side == 0;

		stream->nulls_next = !nulls_now && !is_status && !isnull && !nulls_first &&
			!reader->columns[item].not_null;
		if (!stream->nulls_next)
			stream->prefix--;
		if (!wanted)
			continue;
		form->prefix = item;
		for (int i = 0; i < item; i++)
			if (stream->after->nulls[i])
				form->nulls |= (uint32) 1 << i;
		return true;
	}
	return false;
}

static SPIPlanPtr
get_query(PageReader *reader, const RangeForm *form)
{
	SPIPlanPtr	plan;
	PageQuery  *query;
	ListCell   *cell;
	MemoryContext old;

	foreach(cell, reader->queries)
	{
		query = lfirst(cell);
		if (query->form.prefix == form->prefix && query->form.bound == form->bound &&
			query->form.nulls == form->nulls &&
			query->form.status_isnull == form->status_isnull)
			return query->plan;
	}
	plan = prepare_query(reader, form);
	if (list_length(reader->queries) >= PAGE_QUERIES_MOST)
		return plan;			/* SPI forgets it when the call is over */
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	old = MemoryContextSwitchTo(GetMemoryChunkContext(reader));
	query = palloc0(sizeof(PageQuery));
	query->form = *form;
	query->plan = plan;
	reader->queries = lappend(reader->queries, query);
	MemoryContextSwitchTo(old);
	return plan;
}

static SPIPlanPtr
prepare_query(PageReader *reader, const RangeForm *form)
{
	int			n = reader->order->n;
	Oid		   *types = palloc(sizeof(Oid) * (n + 1));
	SPIPlanPtr	plan;

	types[0] = reader->status.type;
	for (int i = 0; i < n; i++)
		types[i + 1] = reader->order->items[i].type;
	plan = SPI_prepare_cursor(build_query(reader, form), n + 1, types,
							  CURSOR_OPT_GENERIC_PLAN | CURSOR_OPT_FAST_PLAN | CURSOR_OPT_NO_SCROLL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* $1 is the status, $2 and on the cursor's values. */
static char *
build_query(const PageReader *reader, const RangeForm *form)
{
	const BoardOrder *order = reader->order;
	const char *status = column_name(reader, reader->status.attno);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT pg_catalog.to_jsonb(b.*)");
	for (int i = 0; i < order->n; i++)
		appendStringInfo(&buf, ", b.%s", column_name(reader, order->items[i].attno));
	appendStringInfo(&buf, " FROM %s b WHERE b.%s", reader->board->qualified, status);
	if (form->status_isnull)
		appendStringInfoString(&buf, " IS NULL");
	else
		appendStringInfo(&buf, " %s $1", spi_util_operator_name(reader->status.equal_op));
	for (int i = 0; i < form->prefix; i++)
	{
		if (i == reader->status_item)
			continue;
		appendStringInfo(&buf, " AND b.%s", column_name(reader, order->items[i].attno));
		if (form->nulls & ((uint32) 1 << i))
			appendStringInfoString(&buf, " IS NULL");
		else
			appendStringInfo(&buf, " %s $%d", spi_util_operator_name(order->items[i].equal_op),
							 i + 2);
	}
	append_bound(&buf, reader, form->prefix, form->bound);
	appendStringInfoString(&buf, " ORDER BY ");
	board_order_append_sort(&buf, reader->board, order, "b.");
	return buf.data;
}

static void
append_bound(StringInfo buf, const PageReader *reader, int item, RangeBound bound)
{
	const BoardOrderItem *column = &reader->order->items[item];

	if (bound == RANGE_ALL)
		return;
	appendStringInfo(buf, " AND b.%s", column_name(reader, column->attno));
	if (bound == RANGE_AFTER)
		appendStringInfo(buf, " %s $%d", spi_util_operator_name(column->after_op), item + 2);
	else
		appendStringInfoString(buf, bound == RANGE_NULL ? " IS NULL" : " IS NOT NULL");
}

static const char *
column_name(const PageReader *reader, AttrNumber attno)
{
	return quote_identifier(reader->board->column_names[attno - 1]);
}

/* A batch that is not full is the last one of its range. */
static void
stream_fetch(PageStream *stream)
{
	SPI_cursor_fetch(stream->portal, true, stream->batch);
	stream->rows = SPI_tuptable;
	stream->nrows = SPI_processed;
	stream->next = 0;
	if (stream->nrows < (uint64) stream->batch)
		page_stream_close(stream);
}

static void
stream_read_head(PageStream *stream)
{
	stream->tuple = stream->rows->vals[stream->next++];
	for (int i = 0; i < stream->reader->order->n; i++)
		stream->values[i] = heap_getattr(stream->tuple, PAGE_COLUMN_ORDER + i,
										 stream->rows->tupdesc, &stream->nulls[i]);
}

/* Where the stream's status lies, seen from the cursor's: -1 before, 1 behind. */
static int
compare_status(const PageStream *stream)
{
	int			item = stream->reader->status_item;
	const BoardOrderItem *status = &stream->reader->order->items[item];
	SortSupportData sort = {0};

	sort.ssup_cxt = CurrentMemoryContext;
	sort.ssup_collation = status->collation;
	sort.ssup_nulls_first = status->nulls_first;
	PrepareSortSupportFromOrderingOp(status->before_op, &sort);
	return ApplySortComparator(stream->status, stream->status_isnull,
							   stream->after->values[item], stream->after->nulls[item], &sort);
}
