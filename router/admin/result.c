/*-------------------------------------------------------------------------
 *
 * result.c
 *	  A result set of the console while it is gathered.
 *
 * Rows are kept as they come.  Writing sorts them (by position among equals,
 * so that the order is stable), folds neighbours with equal keys into one and
 * prints them: no lookup while rows come in, and a row costs what it holds.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/result.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "wire/build.h"

#define RESULT_MAX_COLUMNS 40
#define NUMBER_TEXT_SIZE 24
#define TIME_TEXT_SIZE 40

typedef struct Cell
{
	char	   *text;			/* owned; NULL: a number or null */
	uint64_t	number;
	uint64_t	divisor;		/* of a ratio */
	bool		is_number;
} Cell;

typedef struct Row
{
	size_t		position;		/* order of arrival */
	int			filled;			/* cells that have been added */
	Cell		cells[];
} Row;

struct Result
{
	const ResultShape *shape;	/* borrowed */
	Row		  **rows;			/* owned */
	size_t		nrows;
	size_t		capacity;
};

static Cell *next_cell(Result *result);
static int	compare_rows(const void *a, const void *b, void *arg);
static int	compare_cells(const Cell *a, const Cell *b);
static bool has_same_key(const Result *result, const Row *a, const Row *b);
static void merge_rows(Result *result);
static void fold_row(const Result *result, Row *into, Row *from);
static void write_row(const Result *result, const Row *row, Buf *out);
static const char *print_cell(const Cell *cell, ResultKind kind, char buffer[NUMBER_TEXT_SIZE]);
static void row_free(const Result *result, Row *row);

Result *
result_create(const ResultShape *shape)
{
	Result	   *result = mem_alloc(sizeof(Result));

	assert(shape->ncolumns <= RESULT_MAX_COLUMNS);
	result->shape = shape;
	return result;
}

void
result_destroy(Result *result)
{
	if (result == NULL)
		return;
	for (size_t i = 0; i < result->nrows; i++)
		row_free(result, result->rows[i]);
	mem_free(result->rows);
	mem_free(result);
}

void
result_begin_row(Result *result)
{
	Row		   *row = mem_alloc(sizeof(Row) + (size_t) result->shape->ncolumns * sizeof(Cell));

	if (result->nrows == result->capacity)
	{
		result->capacity = result->capacity ? result->capacity * 2 : 16;
		result->rows = mem_realloc(result->rows, result->capacity * sizeof(Row *));
	}
	row->position = result->nrows;
	result->rows[result->nrows++] = row;
}

void
result_add_text(Result *result, const char *text)
{
	Cell	   *cell = next_cell(result);

	if (text)
		cell->text = mem_strdup(text);
}

void
result_add_number(Result *result, uint64_t number)
{
	Cell	   *cell = next_cell(result);

	cell->number = number;
	cell->is_number = true;
}

void
result_add_ratio(Result *result, uint64_t number, uint64_t divisor)
{
	Cell	   *cell = next_cell(result);

	cell->number = number;
	cell->divisor = divisor;
	cell->is_number = true;
}

void
result_add_null(Result *result)
{
	next_cell(result);
}

void
result_add_lsn(Result *result, uint64_t lsn)
{
	char		text[NUMBER_TEXT_SIZE];

	snprintf(text, sizeof(text), "%X/%X", (unsigned) (lsn >> 32), (unsigned) lsn);
	result_add_text(result, lsn ? text : NULL);
}

void
result_add_time(Result *result, uint64_t at_us, uint64_t now_us)
{
	char		text[TIME_TEXT_SIZE];
	uint64_t	ago_us = now_us > at_us ? now_us - at_us : 0;
	struct timespec wall;
	struct tm	parts;
	time_t		seconds;

	if (at_us == 0)
	{
		result_add_null(result);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &wall);
	seconds = (time_t) (((uint64_t) wall.tv_sec * US_PER_SEC + (uint64_t) wall.tv_nsec / 1000 - ago_us) / US_PER_SEC);
	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts);
	result_add_text(result, text);
}

void
result_write_description(const ResultShape *shape, Buf *out)
{
	const char *names[RESULT_MAX_COLUMNS];

	for (int i = 0; i < shape->ncolumns; i++)
		names[i] = shape->columns[i].name;
	build_text_row_description(out, names, shape->ncolumns);
}

void
result_write(Result *result, const char *tag, Buf *out)
{
	result_write_description(result->shape, out);
	if (result->nrows > 0)
		qsort_r(result->rows, result->nrows, sizeof(Row *), compare_rows, result);
	merge_rows(result);
	for (size_t i = 0; i < result->nrows; i++)
		write_row(result, result->rows[i], out);
	build_command_complete(out, tag);
}

static Cell *
next_cell(Result *result)
{
	Row		   *row = result->rows[result->nrows - 1];

	assert(row->filled < result->shape->ncolumns);
	return &row->cells[row->filled++];
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const Result *result = arg;
	const Row  *left = *(Row *const *) a;
	const Row  *right = *(Row *const *) b;

	for (int i = 0; i < result->shape->ncolumns; i++)
	{
		ResultKind	kind = result->shape->columns[i].kind;
		int			order = kind == RESULT_KEY || kind == RESULT_ORDER ?
			compare_cells(&left->cells[i], &right->cells[i]) : 0;

		if (order != 0)
			return order;
	}
	return left->position < right->position ? -1 : 1;
}

/* Nulls first, then numbers, then texts. */
static int
compare_cells(const Cell *a, const Cell *b)
{
	if (a->text && b->text)
		return strcmp(a->text, b->text);
	if (a->text || b->text)
		return a->text ? 1 : -1;
	if (a->is_number != b->is_number)
		return a->is_number ? 1 : -1;
	return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

/* Without key columns every row is a thing of its own. */
static bool
has_same_key(const Result *result, const Row *a, const Row *b)
{
	bool		has_key = false;

	for (int i = 0; i < result->shape->ncolumns; i++)
	{
		if (result->shape->columns[i].kind != RESULT_KEY)
			continue;
		if (compare_cells(&a->cells[i], &b->cells[i]) != 0)
			return false;
		has_key = true;
	}
	return has_key;
}

/* Rows are sorted: those with equal keys are neighbours. */
static void
merge_rows(Result *result)
{
	size_t		kept = 0;

	for (size_t i = 0; i < result->nrows; i++)
	{
		Row		   *row = result->rows[i];

		if (kept > 0 && has_same_key(result, result->rows[kept - 1], row))
		{
			fold_row(result, result->rows[kept - 1], row);
			row_free(result, row);
		}
		else
			result->rows[kept++] = row;
	}
	result->nrows = kept;
}

static void
fold_row(const Result *result, Row *into, Row *from)
{
	for (int i = 0; i < result->shape->ncolumns; i++)
	{
		Cell	   *cell = &into->cells[i];
		uint64_t	number = from->cells[i].number;

		switch (result->shape->columns[i].kind)
		{
			case RESULT_SUM:
				cell->number += number;
				break;
			case RESULT_RATIO:
				cell->number += number;
				cell->divisor += from->cells[i].divisor;
				break;
			case RESULT_MAX_SECONDS:
			case RESULT_MAX_MICROSECONDS:
				cell->number = number > cell->number ? number : cell->number;
				break;
			case RESULT_TEXT:
			case RESULT_ORDER:
				if (cell->text == NULL && !cell->is_number)
				{
					*cell = from->cells[i];
					from->cells[i].text = NULL;
				}
				break;
			case RESULT_KEY:
				break;
		}
	}
}

static void
write_row(const Result *result, const Row *row, Buf *out)
{
	const char *values[RESULT_MAX_COLUMNS];
	char		numbers[RESULT_MAX_COLUMNS][NUMBER_TEXT_SIZE];

	assert(row->filled == result->shape->ncolumns);
	for (int i = 0; i < result->shape->ncolumns; i++)
		values[i] = print_cell(&row->cells[i], result->shape->columns[i].kind, numbers[i]);
	build_text_row(out, values, result->shape->ncolumns);
}

static const char *
print_cell(const Cell *cell, ResultKind kind, char buffer[NUMBER_TEXT_SIZE])
{
	uint64_t	number = cell->number;

	if (!cell->is_number)
		return cell->text;
	if (kind == RESULT_MAX_SECONDS)
		number /= US_PER_SEC;
	else if (kind == RESULT_MAX_MICROSECONDS)
		number %= US_PER_SEC;
	else if (cell->divisor != 0)
		number /= cell->divisor;
	snprintf(buffer, NUMBER_TEXT_SIZE, "%llu", (unsigned long long) number);
	return buffer;
}

static void
row_free(const Result *result, Row *row)
{
	for (int i = 0; i < result->shape->ncolumns; i++)
		mem_free(row->cells[i].text);
	mem_free(row);
}
