/*-------------------------------------------------------------------------
 *
 * page_range.h
 *	  The rows of one status in board order, from a place on, as few as needed.
 *
 * What page() knows about a board is a PageReader, kept with the board's cache
 * entry: the order, input and output of its columns, prepared queries.  A
 * PageStream is the rows of one status behind a cursor; page.c takes them one
 * by one and merges several.  Queries run as the caller, under the caller's
 * snapshot.  Streams live in SPI's memory, to the end of the call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_REPORT_PAGE_RANGE_H
#define ANDON_REPORT_PAGE_RANGE_H

#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"

#include "board/board_order.h"

typedef struct PageColumn
{
	bool		not_null;
	FmgrInfo	input;
	Oid			ioparam;
	FmgrInfo	output;
} PageColumn;

typedef struct PageReader
{
	const Board *board;			/* borrowed from the cache entry, as is this */
	BoardOrder *order;
	PageColumn *columns;		/* of the order, by item */
	BoardOrderItem status;
	PageColumn	status_io;
	int			status_item;	/* the status' place in the order, or -1 */
	uint32		fingerprint;	/* of board and order, for cursors */
	List	   *queries;		/* of PageQuery, prepared and kept */
	SPIPlanPtr	statuses;		/* the statuses there are; NULL until first used */
} PageReader;

/* A place in the order: values by item.  NULL stands for the beginning. */
typedef struct PagePlace
{
	Datum	   *values;
	bool	   *nulls;
} PagePlace;

typedef struct PageStream
{
	PageReader *reader;
	const PagePlace *after;
	int			batch;			/* rows fetched at a time */
	Datum		status;
	bool		status_isnull;
	int			status_side;	/* of the cursor's status: before -1, 0, behind 1 */
	int			prefix;			/* the next range: columns equal to the cursor's, */
	bool		nulls_next;		/* and whether the next one's NULLs are left of it */
	Portal		portal;			/* the present range, or NULL */
	SPITupleTable *rows;
	uint64		nrows;
	uint64		next;			/* in rows */

	/* the row at the head */
	HeapTuple	tuple;
	Datum	   *values;			/* by item of the order */
	bool	   *nulls;
} PageStream;

/* Columns of a stream's rows: the item, then the order's. */
#define PAGE_COLUMN_ITEM	1
#define PAGE_COLUMN_ORDER	2

/* ERROR 42809 if relid is no board. */
extern PageReader *page_reader_get(Oid relid);

/* Distinct statuses that the caller sees, NULL not among them. */
extern int	page_reader_list_statuses(PageReader *reader, int most, Datum **statuses);

/* Opens n streams whose reader, after, batch and status are set. */
extern void page_streams_open(PageStream *streams, int n);

/* Moves to the next row; false if there is none, and then nothing is left to close. */
extern bool page_stream_next(PageStream *stream);

/* Closes what is open; rows that were taken stay to the end of the call. */
extern void page_stream_close(PageStream *stream);

#endif							/* ANDON_REPORT_PAGE_RANGE_H */
