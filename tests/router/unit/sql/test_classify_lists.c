/*
 * test_classify_lists.c
 *		The tables of names are in order and say what they should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql/classify_lists.h"

/* Guards the binary search: an entry out of order would not be found, and a denied function be let through. */
static void
test_rules_are_sorted_and_found(void **state)
{
	size_t		count;
	const FunctionRule *rules = classify_function_rules(&count);

	assert_true(count > 50);
	for (size_t i = 0; i < count; i++)
	{
		assert_ptr_equal(classify_find_function_rule(rules[i].name), &rules[i]);
		assert_true(strlen(rules[i].why) > 0);
		if (i > 0 && strcmp(rules[i - 1].name, rules[i].name) >= 0)
			fail_msg("%s must not come before %s", rules[i - 1].name, rules[i].name);
	}
}

static void
test_other_functions_have_no_rule(void **state)
{
	assert_null(classify_find_function_rule(""));
	assert_null(classify_find_function_rule("a"));
	assert_null(classify_find_function_rule("lower"));
	assert_null(classify_find_function_rule("zzz"));
	assert_null(classify_find_function_rule("Random"));
	assert_null(classify_find_function_rule("pg_stat_reset"));
	assert_int_equal(classify_find_function_rule("pg_stat_get_wal")->kind, FUNCTION_RULE_NODE_LOCAL);
}

static void
test_node_local_relations(void **state)
{
	assert_true(classify_is_node_local_relation("pg_stat_activity"));
	assert_true(classify_is_node_local_relation("pg_statio_user_tables"));
	assert_true(classify_is_node_local_relation("pg_locks"));
	assert_false(classify_is_node_local_relation("pg_statistic"));
	assert_false(classify_is_node_local_relation("pg_stats"));
	assert_false(classify_is_node_local_relation("pg_class"));
	assert_false(classify_is_node_local_relation("orders"));
	assert_false(classify_is_node_local_relation(""));
}

static void
test_settings(void **state)
{
	assert_true(classify_is_name_list_setting("search_path"));
	assert_false(classify_is_name_list_setting("datestyle"));
	assert_true(classify_is_pinning_setting("role"));
	assert_false(classify_is_pinning_setting("work_mem"));
	assert_true(classify_is_transaction_setting("transaction_deferrable"));
	assert_true(classify_is_transaction_setting("transaction_isolation"));
	assert_true(classify_is_transaction_setting("transaction_read_only"));
	assert_false(classify_is_transaction_setting("transaction_timeout"));
	assert_false(classify_is_transaction_setting("transaction_"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_are_sorted_and_found),
		cmocka_unit_test(test_other_functions_have_no_rule),
		cmocka_unit_test(test_node_local_relations),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
