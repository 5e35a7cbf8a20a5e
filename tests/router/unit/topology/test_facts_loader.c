/*
 * test_facts_loader.c
 *		What the answers to the catalog queries become; no server needed.
 *
 * The answers are made with libpq's own PQmakeEmptyPGresult() and its kin, in
 * the form the server sends them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "topology/facts_loader.h"

#define S(string) slice_from_string(string)
#define MAX_COLUMNS 5

typedef struct Answer
{
	int			ncolumns;
	const char *const (*rows)[MAX_COLUMNS];
	int			nrows;
} Answer;

#define ROWS(array) (array), (int) (sizeof(array) / sizeof((array)[0]))

static const char *const positions[][MAX_COLUMNS] = {{"1A/2B3C"}};
static const char *const relations[][MAX_COLUMNS] = {
	{"orders", "t"}, {"v", "f"}, {"v_orders", "t"}, {"v_twice", "t"}, {"v_evil", "t"}, {"v_locks", "t"},
	{"v_lock", "t"}, {"v_random", "t"}, {"v_setting", "t"}, {"v_recovery", "t"}, {"v_for_update", "t"},
	{"v_on_evil", "t"}, {"pg_locks", "t"}, {"v_on_unknown", "t"},
};
static const char *const functions[][MAX_COLUMNS] = {
	{"good", "1", "2", "f", "f"}, {"evil", "1", "1", "t", "f"}, {"random", "0", "0", "t", "t"},
	{"concat", "1", "32767", "f", "t"},
};
static const char *const attributes[][MAX_COLUMNS] = {{"rowfn"}};
static const char *const operators[][MAX_COLUMNS] = {
	{"=", "f", ""}, {"===", "t", "evil"}, {"@@@", "f", "good"}, {"+", "f", ""}, {"+", "f", "setval"},
};
static const char *const types[][MAX_COLUMNS] = {{"int4", "f"}, {"dom", "t"}};
static const char *const expansions[][MAX_COLUMNS] = {
	{"v_twice", "relation", "v_orders", "f", "f"}, {"v_orders", "relation", "orders", "f", "f"},
	{"v_orders", "function", "int4eq", "f", "t"}, {"v_on_evil", "relation", "v_evil", "f", "f"},
	{"v_evil", "function", "evil", "t", "f"}, {"v_lock", "function", "pg_advisory_lock", "t", "t"},
	{"v_random", "function", "random", "t", "t"}, {"v_setting", "function", "current_setting", "f", "t"},
	{"v_recovery", "function", "pg_is_in_recovery", "t", "t"}, {"v_locks", "relation", "pg_locks", "f", "f"},
	{"v_for_update", "else", "rowmarkclause", "f", "f"}, {"v_on_unknown", "relation", "pg_toast_1", "f", "f"},
};
static const char *const casts_safe[][MAX_COLUMNS] = {{"f"}};
static const char *const casts_unsafe[][MAX_COLUMNS] = {{"t"}};

static const Answer answers[FACTS_QUERY_COUNT] = {
	{1, ROWS(positions)}, {2, ROWS(relations)}, {5, ROWS(functions)}, {1, ROWS(attributes)},
	{3, ROWS(operators)}, {2, ROWS(types)}, {5, ROWS(expansions)}, {1, ROWS(casts_safe)},
};

static PGresult *
make_result(const Answer *answer)
{
	PGresult   *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[MAX_COLUMNS];

	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < answer->ncolumns; i++)
		columns[i].name = (char *) "column";
	assert_true(PQsetResultAttrs(result, answer->ncolumns, columns));
	for (int row = 0; row < answer->nrows; row++)
		for (int i = 0; i < answer->ncolumns; i++)
			assert_true(PQsetvalue(result, row, i, (char *) answer->rows[row][i],
								   (int) strlen(answer->rows[row][i])));
	return result;
}

static bool
give(FactsLoader *loader, const Answer *answer, Error *error)
{
	PGresult   *result = make_result(answer);
	bool		taken = facts_loader_add_result(loader, result, error);

	PQclear(result);
	return taken;
}

static Facts *
load_all(const Answer *last)
{
	FactsLoader *loader = facts_loader_create("mes");
	Error		error;

	for (int i = 0; i < FACTS_QUERY_COUNT; i++)
	{
		assert_false(facts_loader_is_complete(loader));
		assert_true(give(loader, i == FACTS_QUERY_COUNT - 1 ? last : &answers[i], &error));
	}
	assert_true(facts_loader_is_complete(loader));
	return facts_loader_finish(loader);
}

static void
test_answers_become_facts(void **state)
{
	Facts	   *facts = load_all(&answers[FACTS_QUERY_COUNT - 1]);

	assert_string_equal(facts_database(facts), "mes");
	assert_true(facts_position(facts) == 0x1A00002B3C);
	assert_int_equal(facts_find_relation(facts, S("orders")), RELATION_PLAIN);
	assert_int_equal(facts_find_relation(facts, S("v")), RELATION_PRIMARY_ONLY);
	assert_int_equal(facts_find_function(facts, S("good"), 2), FUNCTION_STABLE);
	assert_int_equal(facts_find_function(facts, S("good"), 3), FUNCTION_UNKNOWN);
	assert_int_equal(facts_find_function(facts, S("evil"), 1), FUNCTION_PRIMARY_ONLY);
	assert_int_equal(facts_find_function(facts, S("random"), 0), FUNCTION_BUILTIN_VOLATILE);
	assert_int_equal(facts_find_function(facts, S("concat"), 60), FUNCTION_STABLE);
	assert_true(facts_is_unsafe_attribute(facts, S("rowfn")));
	assert_int_equal(facts_find_operator(facts, S("=")), NAME_SAFE);
	assert_int_equal(facts_find_operator(facts, S("===")), NAME_UNSAFE);
	assert_int_equal(facts_find_operator(facts, S("@@@")), NAME_SAFE);
	assert_int_equal(facts_find_type(facts, S("int4")), NAME_SAFE);
	assert_int_equal(facts_find_type(facts, S("dom")), NAME_UNSAFE);
	assert_false(facts_has_unsafe_casts(facts));
	facts_unref(facts);
}

/* A view is as bad as the worst of what it reads and calls, through any number of views. */
static void
test_views(void **state)
{
	static const struct
	{
		const char *name;
		RelationFact fact;
	}			cases[] = {
		{"v_orders", RELATION_PLAIN}, {"v_twice", RELATION_PLAIN}, {"v_random", RELATION_PLAIN},
		{"v_setting", RELATION_NODE_LOCAL}, {"v_recovery", RELATION_NODE_LOCAL}, {"v_locks", RELATION_NODE_LOCAL},
		{"v_evil", RELATION_PRIMARY_ONLY}, {"v_on_evil", RELATION_PRIMARY_ONLY}, {"v_lock", RELATION_PRIMARY_ONLY},
		{"v_for_update", RELATION_PRIMARY_ONLY}, {"v_on_unknown", RELATION_PRIMARY_ONLY},
	};
	Facts	   *facts = load_all(&answers[FACTS_QUERY_COUNT - 1]);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (facts_find_relation(facts, S(cases[i].name)) != cases[i].fact)
			fail_msg("%s", cases[i].name);
	facts_unref(facts);
}

/* An operator whose function is on the denied list is unsafe whatever the catalog says of it. */
static void
test_operator_of_denied_function(void **state)
{
	Facts	   *facts = load_all(&answers[FACTS_QUERY_COUNT - 1]);

	assert_int_equal(facts_find_operator(facts, S("+")), NAME_UNSAFE);
	facts_unref(facts);
}

static void
test_unsafe_casts(void **state)
{
	Facts	   *facts = load_all(&(Answer) {1, ROWS(casts_unsafe)});

	assert_true(facts_has_unsafe_casts(facts));
	facts_unref(facts);
}

/* Whatever a server answers, nothing is believed that does not have the form. */
static void
test_bad_answers(void **state)
{
	static const char *const bad_position[][MAX_COLUMNS] = {{"hello"}};
	static const char *const long_position[][MAX_COLUMNS] = {{"1/2x"}};
	static const char *const empty_position[][MAX_COLUMNS] = {{""}};
	static const char *const bad_arity[][MAX_COLUMNS] = {{"f", "2", "1", "f", "f"}};
	static const char *const bad_expansion[][MAX_COLUMNS] = {{"v", "thing", "x", "f", "f"}};
	const Answer bad[] = {
		{1, ROWS(bad_position)}, {1, ROWS(long_position)}, {1, ROWS(empty_position)}, {2, ROWS(relations)},
		{1, NULL, 0},
	};
	FactsLoader *loader;
	Error		error;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		loader = facts_loader_create("mes");
		assert_false(give(loader, &bad[i], &error));
		assert_non_null(strstr(error.message, "position"));
		facts_loader_destroy(loader);
	}
	loader = facts_loader_create("mes");
	assert_true(give(loader, &answers[0], &error));
	assert_true(give(loader, &answers[1], &error));
	assert_false(give(loader, &(Answer) {5, ROWS(bad_arity)}, &error));
	assert_non_null(strstr(error.message, "functions"));
	facts_loader_destroy(loader);

	loader = facts_loader_create("mes");
	for (int i = 0; i < FACTS_QUERY_COUNT - 2; i++)
		assert_true(give(loader, &answers[i], &error));
	assert_false(give(loader, &(Answer) {5, ROWS(bad_expansion)}, &error));
	assert_non_null(strstr(error.message, "expansions"));
	facts_loader_destroy(loader);
}

static void
test_server_error(void **state)
{
	FactsLoader *loader = facts_loader_create("mes");
	PGresult   *result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
	Error		error;

	assert_false(facts_loader_add_result(loader, result, &error));
	assert_non_null(strstr(error.message, "position"));
	PQclear(result);
	facts_loader_destroy(loader);
	facts_loader_destroy(NULL);
}

static void
test_answer_too_many(void **state)
{
	FactsLoader *loader = facts_loader_create("mes");
	Error		error;

	for (int i = 0; i < FACTS_QUERY_COUNT; i++)
		assert_true(give(loader, &answers[i], &error));
	assert_false(give(loader, &answers[0], &error));
	facts_loader_destroy(loader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_become_facts),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_operator_of_denied_function),
		cmocka_unit_test(test_unsafe_casts),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_server_error),
		cmocka_unit_test(test_answer_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
