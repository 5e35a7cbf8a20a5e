/*-------------------------------------------------------------------------
 *
 * test_console_parse.c
 *	  The words of a command: blanks, comments, semicolons, and what is none.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "admin/console_parse.h"

typedef struct Case
{
	const char *text;
	const char *words;			/* "A B", then "+" if not plain, ";" if another follows */
} Case;

static const Case cases[] = {
	{"SHOW POOLS", "SHOW POOLS"},
	{"show pools", "SHOW POOLS"},
	{" \t\n Show\f pOOLS \v;\r\n ; ", "SHOW POOLS"},
	{"reload", "RELOAD"},
	{"shutdown wait_for_servers;", "SHUTDOWN WAIT_FOR_SERVERS"},
	{"", ""},
	{" ;; ", ""},
	{"-- only a comment", ""},
	{"/* one */ show -- two\n/* three /* nested */ */ pools -- four", "SHOW POOLS"},
	{"show/**/pools", "SHOW POOLS"},
	{"show /* never closed pools", "SHOW"},
	{"/*", ""},
	{"-", "+"},
	{"/", "+"},
	{"show pools extra", "SHOW POOLS+"},
	{"select 1", "SELECT 1"},
	{"select c.relname from pg_class c", "SELECT C+"},
	{"select * from t; drop table t", "SELECT+"},
	{"set x = 1", "SET X+"},
	{"show \"pools\"", "SHOW+"},
	{"'", "+"},
	{"\xff\xfe", "+"},
	{"show pools; show stats", "SHOW POOLS;"},
	{"; show stats", ";"},
	{"aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd", "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCD"},
};

static void
words_are_found(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ConsoleWords words;
		char		got[128];

		console_parse(slice_from_string(cases[i].text), &words);
		snprintf(got, sizeof(got), "%s%s%s%s%s", words.word[0], words.count > 1 ? " " : "", words.word[1],
				 words.is_plain ? "" : "+", words.has_more ? ";" : "");
		assert_string_equal(got, cases[i].words);
	}
}

static void
a_command_needs_no_terminator(void **state)
{
	ConsoleWords words;

	console_parse(slice_make("SHOW POOLSX", 10), &words);
	assert_string_equal(words.word[1], "POOLS");
	console_parse(slice_make(NULL, 0), &words);
	assert_int_equal(words.count, 0);
	assert_true(words.is_plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(a_command_needs_no_terminator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
