/*
 * test_statement_cache.c
 *		Decisions are kept by text, within bounds, until facts change.
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
#include "sql/statement_cache.h"

#define S(string) slice_from_string(string)

static StatementCacheStats
stats_of(const StatementCache *cache)
{
	StatementCacheStats stats;

	statement_cache_stats(cache, &stats);
	return stats;
}

static StatementCache *
cache_with_facts(size_t max_bytes)
{
	StatementCache *cache = statement_cache_create(max_bytes);
	Facts	   *facts = fixture_facts();

	statement_cache_set_facts(cache, facts);
	facts_unref(facts);
	return cache;
}

static void
test_hit_is_the_same_class(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	const StatementClass *first = statement_cache_get(cache, S("SELECT * FROM t"));

	assert_int_equal(first->flags, STATEMENT_IS_READ);
	assert_ptr_equal(statement_cache_get(cache, S("SELECT * FROM t")), first);
	assert_ptr_not_equal(statement_cache_get(cache, S("SELECT * FROM u")), first);
	assert_int_equal(statement_cache_get(cache, S("DELETE FROM t"))->flags, 0);
	assert_int_equal(stats_of(cache).hits, 1);
	assert_int_equal(stats_of(cache).misses, 3);
	assert_int_equal(stats_of(cache).entries, 3);
	statement_cache_destroy(cache);
}

/* The text is copied: the caller's may change under the entry. */
static void
test_text_is_kept(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	char		text[] = "SELECT * FROM t";

	statement_cache_get(cache, S(text));
	memcpy(text, "DELETE", 6);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_IS_READ);
	assert_int_equal(stats_of(cache).hits, 1);
	statement_cache_destroy(cache);
}

static void
test_empty_text(void **state)
{
	StatementCache *cache = cache_with_facts(100000);

	assert_int_equal(statement_cache_get(cache, slice_make(NULL, 0))->kind, STATEMENT_EMPTY);
	assert_int_equal(statement_cache_get(cache, S(""))->kind, STATEMENT_EMPTY);
	assert_int_equal(stats_of(cache).hits, 1);
	statement_cache_destroy(cache);
}

static void
test_bytes_are_bounded(void **state)
{
	StatementCache *cache = cache_with_facts(20000);
	char		text[128];

	for (int i = 0; i < 1000; i++)
	{
		snprintf(text, sizeof(text), "SELECT * FROM t%d", i);
		statement_cache_get(cache, S(text));
		statement_cache_get(cache, S("SELECT 'often'"));
		assert_true(stats_of(cache).bytes <= 20000);
	}
	assert_true(stats_of(cache).entries > 10);

	/* what is used often stays, the last ones are there, the first ones are gone */
	assert_int_equal(stats_of(cache).hits, 999);
	statement_cache_get(cache, S("SELECT * FROM t999"));
	assert_int_equal(stats_of(cache).hits, 1000);
	statement_cache_get(cache, S("SELECT * FROM t0"));
	assert_int_equal(stats_of(cache).hits, 1000);
	statement_cache_destroy(cache);
}

/* A text that would push everything else out is decided each time. */
static void
test_large_text_is_not_kept(void **state)
{
	StatementCache *cache = cache_with_facts(20000);
	char		text[6000];

	memset(text, ' ', sizeof(text));
	memcpy(text, "SELECT * FROM t", strlen("SELECT * FROM t"));
	assert_int_equal(statement_cache_get(cache, slice_make(text, sizeof(text)))->flags, STATEMENT_IS_READ);
	assert_int_equal(statement_cache_get(cache, slice_make(text, sizeof(text)))->flags, STATEMENT_IS_READ);
	assert_int_equal(stats_of(cache).entries, 0);
	assert_int_equal(stats_of(cache).misses, 2);
	statement_cache_learn_primary(cache, slice_make(text, sizeof(text)));
	assert_int_equal(stats_of(cache).entries, 0);
	statement_cache_destroy(cache);
}

static void
test_new_facts_drop_decisions(void **state)
{
	StatementCache *cache = statement_cache_create(100000);
	Facts	   *facts = fixture_facts();
	Facts	   *worse = fixture_facts();

	assert_null(statement_cache_facts(cache));
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_NEEDS_UNKNOWN);
	statement_cache_set_facts(cache, facts);
	assert_ptr_equal(statement_cache_facts(cache), facts);
	assert_int_equal(stats_of(cache).entries, 0);
	assert_int_equal(stats_of(cache).bytes, 0);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_IS_READ);
	facts_add_relation(worse, S("t"), RELATION_PRIMARY_ONLY);
	statement_cache_set_facts(cache, worse);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, 0);
	statement_cache_set_facts(cache, NULL);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_NEEDS_UNKNOWN);
	facts_unref(facts);
	facts_unref(worse);
	statement_cache_destroy(cache);
}

/* Facts are read again every few seconds; decisions stay unless they say something new. */
static void
test_equal_facts_keep_decisions(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	Facts	   *again = fixture_facts();

	statement_cache_get(cache, S("SELECT * FROM t"));
	statement_cache_get(cache, S("SELECT * FROM u WHERE a = 5"));
	facts_set_position(again, 0x2000);
	statement_cache_set_facts(cache, again);
	assert_int_equal(facts_position(statement_cache_facts(cache)), 0x2000);
	assert_int_equal(stats_of(cache).entries, 2);
	facts_unref(again);
	statement_cache_destroy(cache);
}

static void
test_learns_from_refusal(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	const StatementClass *class;

	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_IS_READ);
	statement_cache_learn_primary(cache, S("SELECT * FROM t"));
	class = statement_cache_get(cache, S("SELECT * FROM t"));
	assert_int_equal(class->flags, 0);
	assert_non_null(strstr(class->why, "refused"));

	/* also of a text that was pushed out meanwhile, and of its other flags nothing is lost */
	statement_cache_learn_primary(cache, S("/* andon:replica */ SELECT * FROM u"));
	class = statement_cache_get(cache, S("/* andon:replica */ SELECT * FROM u"));
	assert_int_equal(class->flags, STATEMENT_HINT_REPLICA);
	assert_int_equal(class->kind, STATEMENT_QUERY);
	statement_cache_destroy(cache);
}

/* Guards: what was learned goes with the next facts, though they say the same; what was decided by them stays. */
static void
test_forgets_what_it_learned(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	Facts	   *same = fixture_facts();
	const StatementClass *kept = statement_cache_get(cache, S("SELECT * FROM u"));

	statement_cache_learn_primary(cache, S("SELECT * FROM t"));
	statement_cache_learn_primary(cache, S("SELECT * FROM t"));
	statement_cache_learn_primary(cache, S("SELECT * FROM orders WHERE id = 7"));
	assert_int_equal(stats_of(cache).entries, 3);
	statement_cache_set_facts(cache, same);
	assert_int_equal(stats_of(cache).entries, 1);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t"))->flags, STATEMENT_IS_READ);
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM orders WHERE id = 8"))->flags, STATEMENT_IS_READ);
	assert_ptr_equal(statement_cache_get(cache, S("SELECT * FROM u")), kept);
	statement_cache_set_facts(cache, same);
	assert_int_equal(stats_of(cache).entries, 3);
	facts_unref(same);
	statement_cache_destroy(cache);
}

/* Guards: what was learned is bounded as everything else: the least recently used goes. */
static void
test_learns_no_more_than_fits(void **state)
{
	StatementCache *cache = cache_with_facts(20000);
	char		text[64];

	for (int i = 0; i < 1000; i++)
	{
		snprintf(text, sizeof(text), "SELECT a%d FROM t", i);
		statement_cache_learn_primary(cache, S(text));
		assert_true(stats_of(cache).bytes <= 20000);
	}
	assert_int_equal(statement_cache_get(cache, S("SELECT a999 FROM t"))->flags, 0);
	assert_int_equal(statement_cache_get(cache, S("SELECT a0 FROM t"))->flags, STATEMENT_IS_READ);
	statement_cache_destroy(cache);
}

/* Programs that put values into their texts would have each of them parsed. */
static void
test_texts_of_one_shape_are_decided_once(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	const StatementClass *class = statement_cache_get(cache, S("SELECT * FROM t WHERE a = 17 AND b = 'x'"));

	assert_int_equal(class->flags, STATEMENT_IS_READ);
	assert_ptr_equal(statement_cache_get(cache, S("SELECT * FROM t WHERE a = 3 AND b = 'it''s; DELETE'")), class);
	assert_ptr_not_equal(statement_cache_get(cache, S("SELECT * FROM t WHERE a = 3 AND b = x")), class);
	assert_int_equal(stats_of(cache).misses, 2);
	statement_cache_learn_primary(cache, S("SELECT * FROM t WHERE a = 4 AND b = ''"));
	assert_int_equal(statement_cache_get(cache, S("SELECT * FROM t WHERE a = 5 AND b = ''"))->flags, 0);
	statement_cache_destroy(cache);
}

/* The text an entry was last found by is compared, never believed by its hash or length; long ones are not kept. */
static void
test_last_texts(void **state)
{
	StatementCache *cache = cache_with_facts(100000);
	char		text[400];
	const StatementClass *class = NULL;

	for (int round = 0; round < 3; round++)
		for (int len = 1; len < 300; len += 7)
		{
			int			size = snprintf(text, sizeof(text), "SELECT * FROM t WHERE b = '%0*d'", len, round);
			const StatementClass *found = statement_cache_get(cache, slice_make(text, (size_t) size));

			assert_true(class == NULL || found == class);
			class = found;
			statement_cache_get(cache, S("SELECT * FROM u"));	/* else it would be the entry used last */
			assert_ptr_equal(statement_cache_get(cache, slice_make(text, (size_t) size)), class);
		}
	assert_int_equal(stats_of(cache).entries, 2);
	statement_cache_destroy(cache);
}

/* Where a literal decides, each text is decided by itself. */
static void
test_literal_that_decides(void **state)
{
	StatementCache *cache = cache_with_facts(100000);

	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(statement_cache_get(cache, S("SELECT current_setting('my.own')"))->flags, STATEMENT_IS_READ);
		assert_int_equal(statement_cache_get(cache, S("SELECT current_setting('port')"))->flags, STATEMENT_NODE_LOCAL);
		assert_int_equal(statement_cache_get(cache, S("VALUES (1); SELECT current_setting('port')"))->flags,
						 STATEMENT_NODE_LOCAL);
		assert_int_equal(statement_cache_get(cache, S("VALUES (2); SELECT current_setting('my.own')"))->flags,
						 STATEMENT_IS_READ);
	}
	statement_cache_learn_primary(cache, S("SELECT current_setting('my.own')"));
	assert_int_equal(statement_cache_get(cache, S("SELECT current_setting('my.own')"))->flags, 0);
	assert_int_equal(statement_cache_get(cache, S("SELECT current_setting('my.other')"))->flags, STATEMENT_IS_READ);
	statement_cache_destroy(cache);
}

static void
test_destroy_nothing(void **state)
{
	statement_cache_destroy(NULL);
	statement_cache_destroy(statement_cache_create(1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hit_is_the_same_class),
		cmocka_unit_test(test_text_is_kept),
		cmocka_unit_test(test_empty_text),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_large_text_is_not_kept),
		cmocka_unit_test(test_new_facts_drop_decisions),
		cmocka_unit_test(test_equal_facts_keep_decisions),
		cmocka_unit_test(test_learns_from_refusal),
		cmocka_unit_test(test_forgets_what_it_learned),
		cmocka_unit_test(test_learns_no_more_than_fits),
		cmocka_unit_test(test_texts_of_one_shape_are_decided_once),
		cmocka_unit_test(test_last_texts),
		cmocka_unit_test(test_literal_that_decides),
		cmocka_unit_test(test_destroy_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
