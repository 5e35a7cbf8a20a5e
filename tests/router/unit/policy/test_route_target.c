/*-------------------------------------------------------------------------
 *
 * test_route_target.c
 *	  Who is asked where a statement goes: hint, SET andon.route, [routes], and
 *	  what the statement is.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/route_target.h"

#define READ STATEMENT_IS_READ
#define NODE STATEMENT_NODE_LOCAL
#define TO_PRIMARY STATEMENT_HINT_PRIMARY
#define TO_REPLICA STATEMENT_HINT_REPLICA
#define AUTO {ROUTE_TARGET_AUTO}
#define SET(word) {.target = ROUTE_TARGET_##word, .is_set = true}
#define RULE(word) {.target = ROUTE_TARGET_##word, .rule = "night"}

/* Guards: hints come before SET, SET before [routes]; nobody sends a write to a replica; the rule that decided is told. */
static void
each_case_of_the_table(void **state)
{
	static const struct
	{
		unsigned	flags;
		RouteWish	wish;
		bool		to_replica;
		const char *rule;
	}			cases[] = {
		{READ, AUTO, true, "the class"},
		{NODE, AUTO, false, "the class"},
		{0, AUTO, false, "the class"},

		{READ | TO_PRIMARY, AUTO, false, "the hint in it"},
		{READ | TO_REPLICA, AUTO, true, "the class"},
		{NODE | TO_REPLICA, AUTO, true, "the hint in it"},
		{TO_REPLICA, AUTO, false, "the class"},
		{TO_PRIMARY, AUTO, false, "the hint in it"},
		{READ | TO_PRIMARY | TO_REPLICA, AUTO, false, "the hint in it"},

		{READ, SET(PRIMARY), false, "SET andon.route"},
		{READ, SET(REPLICA), true, "the class"},
		{NODE, SET(REPLICA), true, "SET andon.route"},
		{0, SET(REPLICA), false, "the class"},
		{0, SET(PRIMARY), false, "the class"},
		{READ, SET(AUTO), true, "the class"},
		{READ | TO_REPLICA, SET(PRIMARY), true, "the class"},
		{READ | TO_PRIMARY, SET(REPLICA), false, "the hint in it"},
		{NODE | TO_REPLICA, SET(PRIMARY), true, "the hint in it"},

		{READ, RULE(PRIMARY), false, "[routes] night"},
		{NODE, RULE(REPLICA), true, "[routes] night"},
		{READ, RULE(REPLICA), true, "the class"},
		{0, RULE(REPLICA), false, "the class"},
		{STATEMENT_UNPARSED, RULE(REPLICA), false, "the class"},
		{STATEMENT_NEEDS_UNKNOWN | TO_REPLICA, RULE(REPLICA), false, "the class"},
		{NODE | TO_PRIMARY, RULE(REPLICA), false, "the hint in it"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const StatementClass class = {.flags = cases[i].flags, .why = "the class"};
		char		rule[64];

		route_target_explain(&class, &cases[i].wish, rule, sizeof(rule));
		if (route_target_allows_replica(cases[i].flags, cases[i].wish.target) != cases[i].to_replica ||
			strcmp(rule, cases[i].rule) != 0)
			fail_msg("case %zu: %s", i, rule);
	}
}

static void
words(void **state)
{
	RouteTarget target;

	assert_true(route_target_parse("replica", &target));
	assert_int_equal(target, ROUTE_TARGET_REPLICA);
	assert_false(route_target_parse("Replica", &target));
	assert_false(route_target_parse("", &target));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_table),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
