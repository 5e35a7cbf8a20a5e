/*-------------------------------------------------------------------------
 *
 * page.c
 *	  andon.page(): a board's rows in its order, page by page.
 *
 * Keyset pagination: a page begins behind the row whose cursor the client gives
 * back, wherever that row is now and whatever has come or gone before it.  Each
 * status wanted is a stream of rows in board order (page_range.c); the page is
 * merged from the heads of the streams.  With no statuses named all that there
 * are take part, found by stepping through the index: an index in board order
 * alone would have to be paid for by every writer.
 *
 * Runs as the caller, by queries on the board: it shows what the caller's own
 * SELECT would, under row-level security too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/sortsupport.h"

#include "base/spi_util.h"
#include "report/page_cursor.h"
#include "report/page_range.h"

#define PAGE_SIZE_MOST		1000	/* rows */
#define PAGE_STATUSES_MOST	1000

PG_FUNCTION_INFO_V1(andon_page);

enum
{
	ARG_BOARD,
	ARG_STATUSES,
	ARG_AFTER,
	ARG_PAGE_SIZE
};

/* (item, cursor) */
#define PAGE_COLUMNS 2

/* Under these a value's text means the same in every session. */
static const struct
{
	const char *name;
	const char *value;
}			cursor_settings[] = {
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"lc_monetary", "C"},
};

typedef struct BoardPage
{
	PageReader *reader;
	int			size;
	PagePlace  *after;			/* NULL: from the beginning */
	SortSupport sorts;			/* by item of the order */
	int			nstreams;
	PageStream *streams;		/* those that have a row left come first */
	int			nrows;
	HeapTuple  *rows;
	TupleDesc	desc;			/* of rows; NULL while there are none */
} BoardPage;

static int	read_size(FunctionCallInfo fcinfo);
static PagePlace *read_place(PageReader *reader, text *after);
static void create_streams(BoardPage *page, ArrayType *statuses);
static Datum *read_statuses(PageReader *reader, ArrayType *statuses, int *n, bool *has_null);
static Datum *list_statuses(PageReader *reader, int *n);
static bool contains_status(const PageReader *reader, const Datum *statuses, int n, Datum status);
static void create_sorts(BoardPage *page);
static void merge(BoardPage *page);
static bool comes_before(const BoardPage *page, const PageStream *a, const PageStream *b);
static void store_rows(const BoardPage *page, ReturnSetInfo *result);
static char *format_cursor(const BoardPage *page, HeapTuple row);
static int	enter_cursor_settings(void);

Datum
andon_page(PG_FUNCTION_ARGS)
{
	BoardPage	page = {0};

	page.size = read_size(fcinfo);
	page.reader = page_reader_get(PG_GETARG_OID(ARG_BOARD));
	InitMaterializedSRF(fcinfo, 0);
	spi_connect();
	if (!PG_ARGISNULL(ARG_AFTER))
		page.after = read_place(page.reader, PG_GETARG_TEXT_PP(ARG_AFTER));
	create_streams(&page, PG_ARGISNULL(ARG_STATUSES) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_STATUSES));
	page_streams_open(page.streams, page.nstreams);
	create_sorts(&page);
	merge(&page);
	store_rows(&page, (ReturnSetInfo *) fcinfo->resultinfo);
	spi_finish();
	return (Datum) 0;
}

static int
read_size(FunctionCallInfo fcinfo)
{
	int			size;

	if (PG_ARGISNULL(ARG_BOARD) || PG_ARGISNULL(ARG_PAGE_SIZE))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" of andon.page() must not be NULL",
						PG_ARGISNULL(ARG_BOARD) ? "board" : "page_size")));
	size = PG_GETARG_INT32(ARG_PAGE_SIZE);
	if (size < 1 || size > PAGE_SIZE_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a page must have between 1 and %d rows", PAGE_SIZE_MOST),
				 errdetail("Asked for: %d.", size),
				 errhint("Read more of the board page by page, with the cursor of the last row.")));
	return size;
}

static PagePlace *
read_place(PageReader *reader, text *after)
{
	int			n = reader->order->n;
	PagePlace  *place = palloc(sizeof(PagePlace));
	char	  **texts = palloc(sizeof(char *) * n);
	int			level;

	page_cursor_parse(text_to_cstring(after), reader->fingerprint, n, texts);
	place->values = palloc0(sizeof(Datum) * n);
	place->nulls = palloc(sizeof(bool) * n);
	level = enter_cursor_settings();
	for (int i = 0; i < n; i++)
	{
		place->nulls[i] = texts[i] == NULL;
		if (texts[i])
			place->values[i] = InputFunctionCall(&reader->columns[i].input, texts[i],
												 reader->columns[i].ioparam, -1);
	}
	AtEOXact_GUC(false, level);
	return place;
}

/* One for each distinct status; the batch is what one of them is likely to give. */
static void
create_streams(BoardPage *page, ArrayType *statuses)
{
	PageReader *reader = page->reader;
	bool		has_null = statuses == NULL && !reader->status_io.not_null;
	Datum	   *values;
	int			n;

	values = statuses ? read_statuses(reader, statuses, &n, &has_null) : list_statuses(reader, &n);
	page->nstreams = n + has_null;
	page->streams = palloc0(sizeof(PageStream) * (page->nstreams + 1));
	for (int i = 0; i < page->nstreams; i++)
	{
		PageStream *stream = &page->streams[i];

		stream->reader = reader;
		stream->after = page->after;
		stream->batch = page->nstreams == 1 ? page->size : page->size / page->nstreams + 1;
		stream->status_isnull = i == n;
		stream->status = i < n ? values[i] : (Datum) 0;
	}
}

/* NULL among the statuses means the rows that have none. */
static Datum *
read_statuses(PageReader *reader, ArrayType *statuses, int *n, bool *has_null)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	Datum	   *result;

	deconstruct_array(statuses, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count > PAGE_STATUSES_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a page can be of at most %d statuses", PAGE_STATUSES_MOST),
				 errdetail("Asked for: %d.", count)));
	result = palloc(sizeof(Datum) * (count + 1));
	*n = 0;
	for (int i = 0; i < count; i++)
	{
		Datum		status;

		*has_null |= nulls[i];
		if (nulls[i])
			continue;
		status = InputFunctionCall(&reader->status_io.input, TextDatumGetCString(elements[i]),
								   reader->status_io.ioparam, -1);
		if (!contains_status(reader, result, *n, status))
			result[(*n)++] = status;
	}
	return result;
}

static Datum *
list_statuses(PageReader *reader, int *n)
{
	Datum	   *result;

	*n = page_reader_list_statuses(reader, PAGE_STATUSES_MOST, &result);
	if (*n > PAGE_STATUSES_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("board %s has more than %d statuses", reader->board->qualified,
						PAGE_STATUSES_MOST),
				 errhint("Name those that the page is to show.")));
	return result;
}

static bool
contains_status(const PageReader *reader, const Datum *statuses, int n, Datum status)
{
	Oid			equal = get_opcode(reader->status.equal_op);

	for (int i = 0; i < n; i++)
		if (DatumGetBool(OidFunctionCall2Coll(equal, reader->status.collation, statuses[i], status)))
			return true;
	return false;
}

static void
create_sorts(BoardPage *page)
{
	const BoardOrder *order = page->reader->order;

	page->sorts = palloc0(sizeof(SortSupportData) * order->n);
	for (int i = 0; i < order->n && page->nstreams > 1; i++)
	{
		SortSupport sort = &page->sorts[i];

		sort->ssup_cxt = CurrentMemoryContext;
		sort->ssup_collation = order->items[i].collation;
		sort->ssup_nulls_first = order->items[i].nulls_first;
		PrepareSortSupportFromOrderingOp(order->items[i].before_op, sort);
	}
}

/* Takes the first of all heads until the page is full; streams run dry on the way. */
static void
merge(BoardPage *page)
{
	int			n = 0;

	page->rows = palloc(sizeof(HeapTuple) * page->size);
	for (int i = 0; i < page->nstreams; i++)
		if (page_stream_next(&page->streams[i]))
			page->streams[n++] = page->streams[i];
	while (n > 0 && page->nrows < page->size)
	{
		PageStream *first = &page->streams[0];

		CHECK_FOR_INTERRUPTS();
		for (int i = 1; i < n; i++)
			if (comes_before(page, &page->streams[i], first))
				first = &page->streams[i];
		page->desc = first->rows->tupdesc;
		page->rows[page->nrows++] = first->tuple;
		if (page->nrows < page->size && !page_stream_next(first))
			*first = page->streams[--n];
	}
	for (int i = 0; i < n; i++)
		page_stream_close(&page->streams[i]);
}

static bool
comes_before(const BoardPage *page, const PageStream *a, const PageStream *b)
{
	for (int i = 0; i < page->reader->order->n; i++)
	{
		int			side = ApplySortComparator(a->values[i], a->nulls[i], b->values[i],
											   b->nulls[i], &page->sorts[i]);

		if (side != 0)
			return side < 0;
	}
	return false;
}

static void
store_rows(const BoardPage *page, ReturnSetInfo *result)
{
	int			level = enter_cursor_settings();

	for (int i = 0; i < page->nrows; i++)
	{
		Datum		values[PAGE_COLUMNS];
		bool		nulls[PAGE_COLUMNS] = {0};

		values[0] = heap_getattr(page->rows[i], PAGE_COLUMN_ITEM, page->desc, &nulls[0]);
		values[1] = CStringGetTextDatum(format_cursor(page, page->rows[i]));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	AtEOXact_GUC(false, level);
}

static char *
format_cursor(const BoardPage *page, HeapTuple row)
{
	const PageReader *reader = page->reader;
	char	   *texts[INDEX_MAX_KEYS];

	for (int i = 0; i < reader->order->n; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(row, PAGE_COLUMN_ORDER + i, page->desc, &isnull);

		texts[i] = isnull ? NULL : OutputFunctionCall(&reader->columns[i].output, value);
	}
	return page_cursor_format(reader->fingerprint, reader->order->n, texts);
}

static int
enter_cursor_settings(void)
{
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(cursor_settings); i++)
	{
		const char *current = GetConfigOption(cursor_settings[i].name, false, false);

		if (strcmp(current, cursor_settings[i].value) != 0)
			(void) set_config_option(cursor_settings[i].name, cursor_settings[i].value,
									 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	return level;
}
