/*-------------------------------------------------------------------------
 *
 * test_description.c
 *	  Which descriptions count as the same.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "wire/description.h"

typedef struct Column
{
	const char *name;
	uint32_t	table;
	uint32_t	type;
	uint32_t	modifier;
	uint16_t	format;
} Column;

static uint64_t
rows(const Column *columns, uint16_t count, size_t cut)
{
	Buf			body = BUF_INIT;
	Slice		bytes;
	uint64_t	number;

	buf_append_u16(&body, count);
	for (int i = 0; i < count; i++)
	{
		buf_append_string(&body, columns[i].name);
		buf_append_u8(&body, 0);
		buf_append_u32(&body, columns[i].table);
		buf_append_u16(&body, 1);
		buf_append_u32(&body, columns[i].type);
		buf_append_u16(&body, 4);
		buf_append_u32(&body, columns[i].modifier);
		buf_append_u16(&body, columns[i].format);
	}
	bytes = buf_slice(&body);
	bytes.len -= cut;
	number = description_of_rows('T', bytes);
	buf_release(&body);
	return number;
}

#define ROWS(...) rows((const Column[]) {__VA_ARGS__}, sizeof((const Column[]) {__VA_ARGS__}) / sizeof(Column), 0)

/* Guards: what PostgreSQL takes for another result is one, and nothing else is. */
static void
columns_are_names_and_types(void **state)
{
	uint64_t	one = ROWS({"a", 16384, 23, 1, 0}, {"b", 0, 25, 2, 1});

	assert_true(one == ROWS({"a", 999, 23, 1, 1}, {"b", 5, 25, 2, 0}));
	assert_true(one != ROWS({"c", 16384, 23, 1, 0}, {"b", 0, 25, 2, 1}));
	assert_true(one != ROWS({"a", 16384, 20, 1, 0}, {"b", 0, 25, 2, 1}));
	assert_true(one != ROWS({"a", 16384, 23, 1, 0}, {"b", 0, 25, 3, 1}));
	assert_true(one != ROWS({"b", 0, 25, 2, 1}, {"a", 16384, 23, 1, 0}));
	assert_true(one != ROWS({"a", 16384, 23, 1, 0}));
	assert_true(one != description_of_rows('n', slice_make("", 0)));
	assert_true(description_of_rows('n', slice_make("", 0)) != 0);
	assert_true(description_of_rows('T', slice_make("\0\0", 2)) > 1);
}

/* Guards: a server that lies is not read beyond what it sent. */
static void
what_cannot_be_read_is_not_known(void **state)
{
	const Column column[] = {{"name", 1, 23, 1, 0}};

	for (size_t cut = 1; cut < 2 + 5 + 18; cut++)
	{
		if (cut != 5 + 18)		/* no column at all is a description */
			assert_true(rows(column, 1, cut) == 0);
	}
}

static void
only_what_is_known_is_compared(void **state)
{
	Description none = {0, 0};
	Description one = {5, 6};
	Description other = {5, 7};
	Description portal = {0, 6};

	assert_false(description_is_known(&none));
	assert_true(description_is_known(&portal));
	assert_true(description_differs(&one, &other));
	assert_false(description_differs(&one, &portal));
	assert_true(description_differs(&other, &portal));
	assert_false(description_differs(&none, &one));
	assert_true(description_is_covered(&portal, &other));
	assert_false(description_is_covered(&one, &portal));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_names_and_types),
		cmocka_unit_test(what_cannot_be_read_is_not_known),
		cmocka_unit_test(only_what_is_known_is_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
