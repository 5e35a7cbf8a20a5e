/*
 * test_classify_limits.c
 *		Texts made to hurt: deep, long, broken.
 *
 * All of it runs in a thread with a small stack (a quarter of a worker's), so
 * that recursion without a bound is a crash here and not in production.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/unit/sql/facts_fixture.h"
#include "sql/classify.h"

#define STACK_BYTES (2 * 1024 * 1024)

typedef struct Job
{
	const Facts *facts;
	Slice		text;
	StatementClass class;
} Job;

static Facts *facts;

static void *
run_job(void *arg)
{
	Job		   *job = arg;

	classify_text(job->text, job->facts, &job->class);
	return NULL;
}

/* Classify in a thread of its own; what is left of that thread is checked by its end. */
static StatementClass
classify(Slice text)
{
	Job			job = {facts, text, {0}};
	pthread_attr_t attributes;
	pthread_t	thread;

	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
	assert_int_equal(pthread_create(&thread, &attributes, run_job, &job), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	return job.class;
}

/* start, n times the piece, middle, n times the closing piece, end */
static StatementClass
classify_repeated(const char *start, const char *piece, size_t n, const char *middle, const char *closing, const char *end)
{
	size_t		size = strlen(start) + n * (strlen(piece) + strlen(closing)) + strlen(middle) + strlen(end) + 1;
	char	   *text = malloc(size);
	char	   *to;
	StatementClass class;

	assert_non_null(text);
	to = stpcpy(text, start);
	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, piece);
	to = stpcpy(to, middle);
	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, closing);
	to = stpcpy(to, end);
	class = classify(slice_make(text, (size_t) (to - text)));
	free(text);
	return class;
}

static void
test_nested_parentheses(void **state)
{
	/* the grammar drops them, so they do not nest in the tree */
	assert_int_equal(classify_repeated("SELECT ", "(", 400, "1", ")", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("SELECT ", "(", 10000, "1", ")", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "(", 30000, "1", ")", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("", "(", 30000, "SELECT 1", ")", "").flags, STATEMENT_UNPARSED);
}

static void
test_nested_subqueries(void **state)
{
	assert_int_equal(classify_repeated("SELECT ", "(SELECT ", 100, "1", ")", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("SELECT ", "(SELECT ", 6000, "1", ")", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "good(", 10000, "1", ")", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "ARRAY[", 5000, "1", "]", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "CASE WHEN ", 3000, "a", " THEN 1 END", "").flags, STATEMENT_UNPARSED);
}

/* Trees that lean to the left cost the parser no stack; the walk must still stop. */
static void
test_long_chains(void **state)
{
	assert_int_equal(classify_repeated("SELECT 1", "+1", 200, "", "", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("SELECT 1", "+1", 32000, "", "", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT 1", " UNION SELECT 1", 4000, "", "", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT a", "::int", 12000, "", "", " FROM t").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "NOT ", 16000, "a", "", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT ", "- ", 30000, "a", "", "").flags, STATEMENT_UNPARSED);
	assert_int_equal(classify_repeated("SELECT * FROM t", " JOIN u ON a", 5000, "", "", "").flags, STATEMENT_UNPARSED);
}

/* Lists are flat: as long as the text may be. */
static void
test_long_lists(void **state)
{
	assert_int_equal(classify_repeated("SELECT a FROM t WHERE a=1", " OR a=1", 8000, "", "", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("SELECT a FROM t WHERE a IN (1", ",1", 32000, "", "", ")").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("VALUES (1)", ",(1)", 16000, "", "", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("SELECT 1", ";SELECT 1", 7000, "", "", "").flags, STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("", ";", 60000, "", "", "").kind, STATEMENT_EMPTY);
}

static void
test_many_ctes(void **state)
{
	assert_int_equal(classify_repeated("WITH x AS (SELECT 1)", ",x AS (SELECT * FROM x)", 150, "", "", " TABLE x").flags,
					 STATEMENT_IS_READ);
	assert_int_equal(classify_repeated("WITH x AS (SELECT 1)", ",x AS (TABLE x)", 4000, "", "", " TABLE x").flags,
					 STATEMENT_UNPARSED);
}

/* What the grammar itself copies or compares must not nest without a bound either. */
static void
test_grammar_actions(void **state)
{
	StatementClass class;

	class = classify_repeated("CREATE AGGREGATE a(numeric(1", "+1", 30000, "", "", ")) (SFUNC = f, STYPE = int)");
	assert_int_not_equal(class.flags & STATEMENT_IS_READ, STATEMENT_IS_READ);
	class = classify_repeated("COMMENT ON AGGREGATE a(VARIADIC numeric(1", "+1", 10000,
							  ") ORDER BY VARIADIC numeric(1", "+1", ")) IS 'x'");
	assert_int_not_equal(class.flags & STATEMENT_IS_READ, STATEMENT_IS_READ);
}

static void
test_text_length(void **state)
{
	StatementClass class;

	class = classify_repeated("SELECT 1", " ", CLASSIFY_MAX_TEXT - strlen("SELECT 1"), "", "", "");
	assert_int_equal(class.flags, STATEMENT_IS_READ);
	class = classify_repeated("SELECT 1", " ", CLASSIFY_MAX_TEXT - strlen("SELECT 1") + 1, "", "", "");
	assert_int_equal(class.flags, STATEMENT_UNPARSED);
	class = classify_repeated("/* andon:primary */ SELECT 1", " ", CLASSIFY_MAX_TEXT, "", "", "");
	assert_int_equal(class.flags, STATEMENT_UNPARSED | STATEMENT_HINT_PRIMARY);
}

static void
test_broken_bytes(void **state)
{
	assert_int_equal(classify(slice_make("SELECT 1\0; DELETE FROM t", 24)).flags, STATEMENT_UNPARSED);
	assert_int_equal(classify(slice_make("\0", 1)).flags, STATEMENT_UNPARSED);
	assert_int_equal(classify(slice_make(NULL, 0)).kind, STATEMENT_EMPTY);
	assert_int_equal(classify(slice_from_string("SELECT '\xff\xfe'")).flags, STATEMENT_IS_READ);
	assert_int_equal(classify(slice_from_string("SELECT \"\xc3")).flags, STATEMENT_UNPARSED);
	assert_int_equal(classify(slice_from_string("SELECT E'\\u0000'")).flags, STATEMENT_UNPARSED);
	assert_int_equal(classify(slice_from_string("SELECT U&'\\+10FFFF'")).flags, STATEMENT_IS_READ);
	assert_int_equal(classify(slice_from_string("SELECT U&'\\D800'")).flags, STATEMENT_UNPARSED);
}

/* A name longer than the field that tells it is cut, not spilled. */
static void
test_long_names(void **state)
{
	StatementClass class;

	class = classify_repeated("SELECT * FROM a", "b", 60000, "", "", "");
	assert_int_equal(class.flags, STATEMENT_NEEDS_UNKNOWN);
	assert_int_equal(strlen(class.detail), 63);
	class = classify_repeated("SET a", ".b", 30000, " = 1", "", "");
	assert_int_equal(class.flags, STATEMENT_LEAVES_STATE);
}

static int
setup(void **state)
{
	facts = fixture_facts();
	return 0;
}

static int
teardown(void **state)
{
	facts_unref(facts);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested_parentheses),
		cmocka_unit_test(test_nested_subqueries),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_many_ctes),
		cmocka_unit_test(test_grammar_actions),
		cmocka_unit_test(test_text_length),
		cmocka_unit_test(test_broken_bytes),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
