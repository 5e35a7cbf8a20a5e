/*-------------------------------------------------------------------------
 *
 * result.h
 *	  A result set of the console while it is gathered.
 *
 * A column says by its kind what becomes of it when several workers tell of
 * the same thing: rows equal in all RESULT_KEY columns are made one, numbers
 * added or the largest kept.  Rows are ordered by the RESULT_KEY and
 * RESULT_ORDER columns, left to right; among equals the order they came in
 * stays.
 *
 * A row is begun, then filled column by column, left to right.  Texts are
 * copied: rows may be filled in one thread and written in another, one at a
 * time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_ADMIN_RESULT_H
#define ROUTER_ADMIN_RESULT_H

#include <stdint.h>

#include "base/buf.h"

typedef enum ResultKind
{
	RESULT_TEXT,				/* of merged rows the first that is not null is kept */
	RESULT_ORDER,				/* the same, and rows are ordered by it */
	RESULT_KEY,					/* the same, and rows with equal keys become one */
	RESULT_SUM,					/* a number; added up */
	RESULT_RATIO,				/* numerator and denominator, each added up; shows the whole part */
	RESULT_MAX_SECONDS,			/* given in microseconds, the largest kept; shows whole seconds */
	RESULT_MAX_MICROSECONDS		/* the same; shows what is left below a second */
} ResultKind;

typedef struct ResultColumn
{
	const char *name;
	ResultKind	kind;
} ResultColumn;

/* The columns of a result set; constant, so always borrowed. */
typedef struct ResultShape
{
	const ResultColumn *columns;
	int			ncolumns;
} ResultShape;

#define RESULT_SHAPE(columns) {(columns), (int) (sizeof(columns) / sizeof((columns)[0]))}

typedef struct Result Result;

extern Result *result_create(const ResultShape *shape);
extern void result_destroy(Result *result); /* NULL is fine */

extern void result_begin_row(Result *result);
extern void result_add_text(Result *result, const char *text);	/* NULL: SQL null */
extern void result_add_number(Result *result, uint64_t number);
extern void result_add_ratio(Result *result, uint64_t number, uint64_t divisor);	/* divisor 0: just the number */
extern void result_add_null(Result *result);
extern void result_add_lsn(Result *result, uint64_t lsn);	/* X/Y; 0: SQL null */

/* A moment of the monotonic clock as a date, given that clock's now; 0: SQL null. */
extern void result_add_time(Result *result, uint64_t at_us, uint64_t now_us);

/* RowDescription alone. */
extern void result_write_description(const ResultShape *shape, Buf *out);

/* Order and merge the rows, then append RowDescription, rows and CommandComplete. */
extern void result_write(Result *result, const char *tag, Buf *out);

#endif							/* ROUTER_ADMIN_RESULT_H */
