/*
 * test_facts.c
 *		Facts by name: the worst object of a name decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/unit/sql/facts_fixture.h"

#define S(string) slice_from_string(string)

static void
test_relations(void **state)
{
	Facts	   *facts = facts_create("mes");

	facts_add_relation(facts, S("a"), RELATION_PLAIN);
	facts_add_relation(facts, S("b"), RELATION_PLAIN);
	facts_add_relation(facts, S("b"), RELATION_PRIMARY_ONLY);
	facts_add_relation(facts, S("b"), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, S("a")), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, S("b")), RELATION_PRIMARY_ONLY);
	assert_int_equal(facts_find_relation(facts, S("A")), RELATION_UNKNOWN);
	assert_int_equal(facts_find_relation(facts, slice_make("ab", 1)), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, S("")), RELATION_UNKNOWN);
	facts_unref(facts);
}

/* Who reads a bad relation is bad; circles (rules may make them) end. */
static void
test_readings(void **state)
{
	Facts	   *facts = facts_create("mes");
	Facts	   *same = facts_create("mes");

	facts_add_relation(facts, S("t"), RELATION_PLAIN);
	facts_add_relation(facts, S("top"), RELATION_PLAIN);
	facts_add_relation(facts, S("middle"), RELATION_PLAIN);
	facts_add_relation(facts, S("fine"), RELATION_PLAIN);
	facts_add_relation(facts, S("bottom"), RELATION_NODE_LOCAL);
	facts_add_reading(facts, S("top"), S("middle"));
	facts_add_reading(facts, S("top"), S("t"));
	facts_add_reading(facts, S("middle"), S("bottom"));
	facts_add_reading(facts, S("bottom"), S("middle"));
	facts_add_reading(facts, S("fine"), S("t"));
	facts_settle_readings(facts);
	assert_int_equal(facts_find_relation(facts, S("top")), RELATION_NODE_LOCAL);
	assert_int_equal(facts_find_relation(facts, S("middle")), RELATION_NODE_LOCAL);
	assert_int_equal(facts_find_relation(facts, S("fine")), RELATION_PLAIN);

	facts_add_relation(same, S("t"), RELATION_PLAIN);
	facts_add_relation(same, S("fine"), RELATION_PLAIN);
	facts_add_relation(same, S("top"), RELATION_NODE_LOCAL);
	facts_add_relation(same, S("middle"), RELATION_NODE_LOCAL);
	facts_add_relation(same, S("bottom"), RELATION_NODE_LOCAL);
	assert_true(facts_fingerprint(facts) == facts_fingerprint(same));
	facts_unref(facts);
	facts_unref(same);
}

/* Overloads are told apart by how many arguments they take, and by nothing else. */
static void
test_functions_by_arity(void **state)
{
	Facts	   *facts = facts_create("mes");

	facts_add_function(facts, S("f"), 1, 2, FUNCTION_STABLE);
	facts_add_function(facts, S("f"), 2, 2, FUNCTION_PRIMARY_ONLY);
	facts_add_function(facts, S("f"), 3, 3, FUNCTION_BUILTIN_VOLATILE);
	facts_add_function(facts, S("f"), 3, 3, FUNCTION_STABLE);
	facts_add_function(facts, S("many"), 1, MANY, FUNCTION_STABLE);
	facts_add_function(facts, S("late"), 40, 50, FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("f"), 0), FUNCTION_UNKNOWN);
	assert_int_equal(facts_find_function(facts, S("f"), 1), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("f"), 2), FUNCTION_PRIMARY_ONLY);
	assert_int_equal(facts_find_function(facts, S("f"), 3), FUNCTION_BUILTIN_VOLATILE);
	assert_int_equal(facts_find_function(facts, S("f"), 4), FUNCTION_UNKNOWN);
	assert_int_equal(facts_find_function(facts, S("many"), 0), FUNCTION_UNKNOWN);
	assert_int_equal(facts_find_function(facts, S("many"), 1), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("many"), 30), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("many"), 99), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("late"), 45), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("late"), 30), FUNCTION_UNKNOWN);
	facts_unref(facts);
}

static void
test_other_names(void **state)
{
	Facts	   *facts = facts_create("mes");

	facts_add_operator(facts, S("="), NAME_SAFE);
	facts_add_operator(facts, S("=="), NAME_UNSAFE);
	facts_add_type(facts, S("int4"), NAME_SAFE);
	facts_add_type(facts, S("dom"), NAME_UNSAFE);
	facts_add_unsafe_attribute(facts, S("f"));
	assert_int_equal(facts_find_operator(facts, S("=")), NAME_SAFE);
	assert_int_equal(facts_find_operator(facts, S("==")), NAME_UNSAFE);
	assert_int_equal(facts_find_operator(facts, S("<")), NAME_UNKNOWN);
	assert_int_equal(facts_find_type(facts, S("int4")), NAME_SAFE);
	assert_int_equal(facts_find_type(facts, S("dom")), NAME_UNSAFE);
	assert_int_equal(facts_find_type(facts, S("=")), NAME_UNKNOWN);
	assert_true(facts_is_unsafe_attribute(facts, S("f")));
	assert_false(facts_is_unsafe_attribute(facts, S("g")));
	assert_false(facts_has_unsafe_casts(facts));
	facts_set_unsafe_casts(facts);
	assert_true(facts_has_unsafe_casts(facts));
	facts_unref(facts);
}

static void
test_identity(void **state)
{
	Facts	   *facts = facts_create("mes");

	facts_set_position(facts, 0x100000002);
	assert_string_equal(facts_database(facts), "mes");
	assert_true(facts_position(facts) == 0x100000002);
	assert_ptr_equal(facts_ref(facts), facts);
	facts_unref(facts);
	assert_string_equal(facts_database(facts), "mes");
	facts_unref(facts);
	facts_unref(NULL);
}

/* A whole catalog: more than one chunk, and every name is found again. */
static void
test_many_names(void **state)
{
	Facts	   *facts = facts_create("mes");
	char		name[128];

	for (int i = 0; i < 10000; i++)
	{
		snprintf(name, sizeof(name), "function_%d", i);
		facts_add_function(facts, S(name), i % 5, i % 5, FUNCTION_STABLE);
	}
	for (int i = 0; i < 10000; i++)
	{
		snprintf(name, sizeof(name), "function_%d", i);
		assert_int_equal(facts_find_function(facts, S(name), i % 5), FUNCTION_STABLE);
		assert_int_equal(facts_find_function(facts, S(name), 5), FUNCTION_UNKNOWN);
	}
	assert_int_equal(facts_find_function(facts, S("function_10000"), 0), FUNCTION_UNKNOWN);
	facts_unref(facts);
}

/* The server never sends such a name; a loader gone wrong must not write past a chunk. */
static void
test_enormous_name(void **state)
{
	Facts	   *facts = facts_create("mes");
	size_t		len = 100000;
	char	   *name = malloc(len);

	assert_non_null(name);
	memset(name, 'x', len);
	facts_add_relation(facts, slice_make(name, len), RELATION_PLAIN);
	facts_add_relation(facts, S("after"), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, slice_make(name, len)), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, slice_make(name, len - 1)), RELATION_UNKNOWN);
	assert_int_equal(facts_find_relation(facts, S("after")), RELATION_PLAIN);
	free(name);
	facts_unref(facts);
}

/* Equal facts have equal fingerprints, in whatever order they came; a change of any kind is seen. */
static void
test_fingerprint(void **state)
{
	Facts	   *a = facts_create("mes");
	Facts	   *b = facts_create("mes");

	facts_add_relation(a, S("x"), RELATION_PLAIN);
	facts_add_relation(a, S("y"), RELATION_PLAIN);
	facts_add_function(a, S("f"), 1, 1, FUNCTION_STABLE);
	facts_add_function(b, S("f"), 1, 1, FUNCTION_STABLE);
	facts_add_relation(b, S("y"), RELATION_PLAIN);
	assert_true(facts_fingerprint(a) != facts_fingerprint(b));
	facts_add_relation(b, S("x"), RELATION_PLAIN);
	facts_set_position(b, 99);
	assert_true(facts_fingerprint(a) == facts_fingerprint(b));

	facts_add_relation(b, S("x"), RELATION_PRIMARY_ONLY);
	assert_true(facts_fingerprint(a) != facts_fingerprint(b));
	facts_add_relation(a, S("x"), RELATION_PRIMARY_ONLY);
	assert_true(facts_fingerprint(a) == facts_fingerprint(b));
	facts_add_function(b, S("f"), 2, 2, FUNCTION_STABLE);
	assert_true(facts_fingerprint(a) != facts_fingerprint(b));
	facts_add_function(a, S("f"), 2, 2, FUNCTION_STABLE);
	facts_add_type(a, S("t"), NAME_SAFE);
	facts_add_operator(b, S("t"), NAME_SAFE);
	assert_true(facts_fingerprint(a) != facts_fingerprint(b));
	facts_unref(a);
	facts_unref(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relations),
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_functions_by_arity),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_enormous_name),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
