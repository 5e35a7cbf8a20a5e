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
	{"select * from t; drop table t", "SELECT+;"},
	{"set x = 'a;b'", "SET X+"},
	{"pause \"a;b", "PAUSE+"},
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

/* Guards: names as operators write them, and nothing else is taken for one. */
static void
names_and_numbers(void **state)
{
	static const struct
	{
		const char *text;
		const char *name;		/* NULL: it is none */
	}			names[] = {
		{"pause mes", "mes"},
		{"pause  My-Db.x /* the old one */ ;", "My-Db.x"},
		{"pause *", "*"},
		{"pause \"a b;\"\"c\"", "a b;\"c"},
		{"pause d\xc3\xa9j\xc3\xa0", "d\xc3\xa9j\xc3\xa0"},
		{"pause mes--comment", "mes"},
		{"pause", NULL},
		{"pause \"\"", NULL},
		{"pause \"open", NULL},
		{"pause mes crm", NULL},
		{"pause 'mes'", NULL},
		{"pause mes, crm", NULL},
	};
	ConsoleWords words;
	char		name[CONSOLE_NAME_SIZE];
	char		text[400];
	uint64_t	number;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		console_parse(slice_from_string(names[i].text), &words);
		assert_int_equal(console_parse_name(words.argument, name), names[i].name != NULL);
		if (names[i].name)
			assert_string_equal(name, names[i].name);
	}
	memset(text, 'x', sizeof(text));
	assert_false(console_parse_name(slice_make(text, sizeof(text)), name));
	assert_false(console_parse_name(slice_make("a\0b", 3), name));

	assert_true(console_parse_number(slice_from_string(" 4711 "), &number));
	assert_int_equal(number, 4711);
	assert_false(console_parse_number(slice_from_string("47x"), &number));
	assert_false(console_parse_number(slice_from_string("-1"), &number));
	assert_false(console_parse_number(slice_from_string("99999999999999999999"), &number));
	assert_false(console_parse_number(slice_from_string(""), &number));
}

/* Guards: SET takes values with and without quotes, and TO like "=". */
static void
settings(void **state)
{
	static const struct
	{
		const char *text;
		const char *name;		/* NULL: it is none */
		const char *value;
	}			forms[] = {
		{"set a = b", "a", "b"},
		{"set a=10s ;", "a", "10s"},
		{"set a to 'b c; d'", "a", "b c; d"},
		{"set a = ''", "a", ""},
		{"set a = 'it''s'", "a", "it''s"},
		{"set a = x, y", "a", "x, y"},
		{"set a =", NULL, NULL},
		{"set a", NULL, NULL},
		{"set", NULL, NULL},
		{"set a b", NULL, NULL},
		{"set a tob", NULL, NULL},
		{"set a = 'open", NULL, NULL},
		{"set a = 'b' c", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		char		name[CONSOLE_NAME_SIZE];
		ConsoleWords words;
		Slice		value;
		bool		is_quoted;

		console_parse(slice_from_string(forms[i].text), &words);
		assert_int_equal(console_parse_setting(words.argument, name, &value, &is_quoted), forms[i].name != NULL);
		if (forms[i].name == NULL)
			continue;
		assert_string_equal(name, forms[i].name);
		assert_true(slice_equals_string(value, forms[i].value));
		assert_int_equal(is_quoted, strchr(forms[i].text, '\'') != NULL);
	}
}

static void
a_statement_to_explain(void **state)
{
	static const struct
	{
		const char *text;
		const char *statement;	/* NULL: no such form */
		const char *database;
		const char *user;
		const char *application;
	}			forms[] = {
		{"EXPLAIN ROUTE 'SELECT 1'", "SELECT 1", "", "", ""},
		{"explain route mes 'SELECT ''a; b'' -- c' ;", "SELECT ''a; b'' -- c", "mes", "", ""},
		{"EXPLAIN ROUTE \"my db\" ''", "", "my db", "", ""},
		{"EXPLAIN ROUTE mes ann 'SELECT 1'", "SELECT 1", "mes", "ann", ""},
		{"EXPLAIN ROUTE mes ann \"My report\" 'SELECT 1'", "SELECT 1", "mes", "ann", "My report"},
		{"EXPLAIN ROUTE mes", .statement = NULL},
		{"EXPLAIN ROUTE", .statement = NULL},
		{"EXPLAIN SELECT 1", .statement = NULL},
		{"EXPLAIN ROUTE 'SELECT 1", .statement = NULL},
		{"EXPLAIN ROUTE '", .statement = NULL},
		{"EXPLAIN ROUTE 'SELECT 1' 2", .statement = NULL},
		{"EXPLAIN ROUTE a b c d 'SELECT 1'", .statement = NULL},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		ConsoleWords words;
		ConsoleRoute route;

		console_parse(slice_from_string(forms[i].text), &words);
		if (console_parse_route(words.argument, &route) != (forms[i].statement != NULL))
			fail_msg("%s", forms[i].text);
		if (forms[i].statement == NULL)
			continue;
		assert_string_equal(route.database, forms[i].database);
		assert_string_equal(route.user, forms[i].user);
		assert_string_equal(route.application, forms[i].application);
		assert_true(slice_equals_string(route.statement, forms[i].statement));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(a_command_needs_no_terminator),
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(settings),
		cmocka_unit_test(a_statement_to_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
