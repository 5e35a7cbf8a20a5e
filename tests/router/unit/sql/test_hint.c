/*
 * test_hint.c
 *		Which comments are routing hints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sql/classify.h"
#include "sql/hint.h"

static const struct
{
	const char *text;
	unsigned	flags;
}			cases[] = {
	{"/* andon:primary */ SELECT 1", STATEMENT_HINT_PRIMARY},
	{"/* andon:replica */ SELECT 1", STATEMENT_HINT_REPLICA},
	{"/*andon:replica*/SELECT 1", STATEMENT_HINT_REPLICA},
	{" \n\t/* \n andon:primary \t */", STATEMENT_HINT_PRIMARY},
	{"SELECT 1 /* andon:replica */", 0},
	{"-- andon:replica\nSELECT 1", 0},
	{"/* a */ /* andon:replica */ SELECT 1", 0},
	{"(/* andon:replica */ SELECT 1)", 0},
	{"/* andon:replicas */ SELECT 1", 0},
	{"/* andon:replica please */ SELECT 1", 0},
	{"/* andon:other */ SELECT 1", 0},
	{"/* ANDON:REPLICA */ SELECT 1", 0},
	{"/* andon:replica", 0},
	{"/* andon:replica *", 0},
	{"/* andon:", 0},
	{"/*", 0},
	{"/", 0},
	{"", 0},
	{"   ", 0},
};

static void
test_hints(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (hint_parse(slice_from_string(cases[i].text)) != cases[i].flags)
			fail_msg("\"%s\": %#x", cases[i].text, hint_parse(slice_from_string(cases[i].text)));
}

/* The text is not terminated: what lies behind it is not looked at. */
static void
test_stays_inside(void **state)
{
	const char *text = "/* andon:primary */";

	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(hint_parse(slice_make(text, len)), 0);
	assert_int_equal(hint_parse(slice_make(NULL, 0)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
