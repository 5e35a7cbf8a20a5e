/*
 * test_shape.c
 *		Literals are left out of a text where it is certain that they are some.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql/shape.h"

/* Text and shape; # stands for the zero byte; NULL: the text is its own shape. */
static const struct
{
	const char *text;
	const char *shape;
}			cases[] = {
	{"SELECT abalance FROM pgbench_accounts WHERE aid = 1234;", "SELECT abalance FROM pgbench_accounts WHERE aid = #;"},
	{"select 1", "select #"},
	{" \n( SELECT 1, 22,333)", " \n( SELECT #, #,#)"},
	{"INSERT INTO t VALUES (-5, 'x', '')", "INSERT INTO t VALUES (-#, '#, '#)"},
	{"UPDATE t SET a='it''s' WHERE b='''' OR c=''''''", "UPDATE t SET a='# WHERE b='# OR c='#"},
	{"SELECT 'a'\n'b'", "SELECT '#\n'#"},
	{"SELECT 'a\\' , 'b'", "SELECT '# , '#"},
	{"SELECT '\xc3\xa4' AS \xc3\xa4", "SELECT '# AS \xc3\xa4"},
	{"SELECT \"a'5\"\"7\" FROM t5 WHERE x1y2 = 5", "SELECT \"a'5\"\"7\" FROM t5 WHERE x1y2 = #"},
	{"SELECT $1, $22, 5", "SELECT $1, $22, #"},
	{"SELECT a[1], (5)::int, 5<6", "SELECT a[#], (#)::int, #<#"},

	/* what begins in another way has none: SET and COPY mean their literals */
	{"SET x = 5", NULL},
	{"SELECTED 5", NULL},
	{"select$ 5", NULL},
	{"/* andon:primary */ SELECT 5", NULL},
	{"EXPLAIN SELECT 5", NULL},
	{"", NULL},
	{"select", NULL},
	{"SELECT x", NULL},

	/* numbers that may be of more than one type */
	{"SELECT 123456789, 1234567890", "SELECT #, 1234567890"},
	{"SELECT 1.5, .5, 5., 1e5, 1.5e-5, 0x1F, 1_000, 7", "SELECT 1.5, .5, 5., 1e5, 1.5e-#, 0x1F, 1_000, #"},

	/* from here on PostgreSQL's scanner would be needed */
	{"SELECT 1, E'\\'' , 5, 'x'", "SELECT #, E'\\'' , 5, 'x'"},
	{"SELECT 1, U&'x', 5", "SELECT #, U&'x', 5"},
	{"SELECT 1, U&\"x'\", 5", "SELECT #, U&\"x'\", 5"},
	{"SELECT 1, x'1', 5", "SELECT #, x'1', 5"},
	{"SELECT 1, 5'x', 5", "SELECT #, 5'x', 5"},
	{"SELECT 1, $$5'$$, 5", "SELECT #, $$5'$$, 5"},
	{"SELECT 1, $a$5'$a$, 5", "SELECT #, $a$5'$a$, 5"},
	{"SELECT 1$$5'$$, 5", NULL},
	{"SELECT 1.5$$5'$$, 5", NULL},
	{"SELECT .5$$5'$$, 5", NULL},
	{"SELECT 5, $1$$5'$$, 5", "SELECT #, $1$$5'$$, 5"},
	{"SELECT 1 -- 5'\n, 5", "SELECT # -- 5'\n, 5"},
	{"SELECT 1 */* 5' */ 5", "SELECT # */* 5' */ 5"},
	{"SELECT 1; SELECT 5", "SELECT #; SELECT 5"},
	{"SELECT 1, \\ 5", "SELECT #, \\ 5"},
	{"SELECT 1, 'open 5", "SELECT #, 'open 5"},
	{"SELECT 1, \"open 5", "SELECT #, \"open 5"},
};

static void
test_cases(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		buffer[SHAPE_MAX_TEXT];
		char		readable[SHAPE_MAX_TEXT + 1];
		Slice		text = slice_from_string(cases[i].text);
		Slice		shape = shape_of_text(text, buffer);

		if (cases[i].shape == NULL)
		{
			if (shape.data != text.data)
				fail_msg("\"%s\" has a shape", cases[i].text);
			continue;
		}
		for (size_t j = 0; j < shape.len; j++)
			readable[j] = shape.data[j] == '\0' ? '#' : shape.data[j];
		readable[shape.len] = '\0';
		assert_string_equal(readable, cases[i].shape);
	}
}

/* Whether a text has a given shape is told without finding its own: as if it had been found. */
static void
test_shape_is_of(void **state)
{
	static const char *const others[] = {
		"SELECT 7, 1234567890", "SELECT 7, 1234567891", "SELECT 1234567890, 1234567890", "select 7 ", "select x",
		"INSERT INTO t VALUES (-9, 'it''s', 'x')", "INSERT INTO t VALUES (-9, 'it', s', 'x')",
		"SELECT 9, 'open 5", "SELECT 9, 'open 6", "SELECT 9, 5'x', 5", "SELECT 9; SELECT 6"
	};
	const size_t ncases = sizeof(cases) / sizeof(cases[0]);
	int			found = 0;

	for (size_t i = 0; i < ncases; i++)
	{
		char		buffer[SHAPE_MAX_TEXT];
		Slice		text = slice_from_string(cases[i].text);
		Slice		shape = shape_of_text(text, buffer);

		for (size_t j = 0; shape.data != text.data && j < ncases + sizeof(others) / sizeof(others[0]); j++)
		{
			char		again[SHAPE_MAX_TEXT];
			Slice		other = slice_from_string(j < ncases ? cases[j].text : others[j - ncases]);
			bool		is_same = slice_equals(shape_of_text(other, again), shape);

			if (shape_is_of(shape, other) != is_same)
				fail_msg("the shape of \"%s\" and \"%s\"", cases[i].text, other.data);
			found += is_same && i != j;
		}
	}
	assert_int_equal(found, 4);
}

/* A zero byte of the text's own would be taken for a literal. */
static void
test_zero_byte(void **state)
{
	static const char text[] = "SELECT \0, 5";
	static const char in_string[] = "SELECT '\0'";
	char		buffer[SHAPE_MAX_TEXT];

	assert_ptr_equal(shape_of_text(slice_make(text, sizeof(text) - 1), buffer).data, text);
	assert_false(shape_is_of(slice_make("SELECT '", 9), slice_make(in_string, sizeof(in_string) - 1)));
}

static void
test_long_text(void **state)
{
	char		text[SHAPE_MAX_TEXT + 1];
	char		buffer[SHAPE_MAX_TEXT];

	memset(text, ' ', sizeof(text));
	memcpy(text, "SELECT 5", 8);
	assert_ptr_equal(shape_of_text(slice_make(text, SHAPE_MAX_TEXT), buffer).data, buffer);
	assert_ptr_equal(shape_of_text(slice_make(text, SHAPE_MAX_TEXT + 1), buffer).data, text);

	memcpy(text, "SELECT '", 8);
	text[SHAPE_MAX_TEXT - 1] = text[SHAPE_MAX_TEXT] = '\'';
	assert_true(shape_is_of(slice_make("SELECT '", 9), slice_make(text, SHAPE_MAX_TEXT)));
	assert_false(shape_is_of(slice_make("SELECT '", 9), slice_make(text, SHAPE_MAX_TEXT + 1)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_shape_is_of),
		cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
