/*
 * classify.c
 *		What it costs to find out what a statement is; for bench/routing.py.
 *
 * Prints one line of JSON: microseconds of classify_text() for a select of 60
 * characters and one of 260, nanoseconds of the cache for one that it knows.
 * The database is that of the unit tests.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "router/unit/sql/facts_fixture.h"
#include "sql/classify.h"
#include "sql/statement_cache.h"

#define TIMES 20000
#define TIMES_CACHED 2000000

/* So long that they count as what their names say; checked below. */
static const char *const select_60 =
	"SELECT a, b, c FROM orders WHERE id = 12345 AND status = 'x'";
static const char *const select_260 =
	"SELECT o.id, o.status, o.priority, count(*) AS items, sum(t.price) AS total, max(t.made) AS last "
	"FROM orders o JOIN t ON t.order_id = o.id JOIN u ON u.id = o.customer WHERE o.status = 'CUT' AND "
	"o.made > now() - interval '1 day' GROUP BY o.id ORDER BY o.priority LIMIT 50";

/* Of this process, so that others on the machine do not count. */
static double
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static double
classify_us(const char *sql, const Facts *facts)
{
	double		begun_us;
	StatementClass class;

	for (int i = 0; i < TIMES / 10; i++)
		classify_text(slice_from_string(sql), facts, &class);
	begun_us = cpu_us();
	for (int i = 0; i < TIMES; i++)
		classify_text(slice_from_string(sql), facts, &class);
	assert(class.flags == STATEMENT_IS_READ);
	return (cpu_us() - begun_us) / TIMES;
}

static double
cached_ns(const char *sql, Facts *facts)
{
	StatementCache *cache = statement_cache_create(1024 * 1024);
	double		begun_us;
	unsigned	flags = 0;

	statement_cache_set_facts(cache, facts);
	begun_us = cpu_us();
	for (int i = 0; i < TIMES_CACHED; i++)
		flags |= statement_cache_get(cache, slice_from_string(sql))->flags;
	assert(flags == STATEMENT_IS_READ);
	statement_cache_destroy(cache);
	return (cpu_us() - begun_us) * 1000 / TIMES_CACHED;
}

int
main(void)
{
	Facts	   *facts = fixture_facts();

	assert(strlen(select_60) == 60 && strlen(select_260) >= 260 && strlen(select_260) < 275);
	printf("{\"new_60_us\": %.2f, \"new_260_us\": %.2f, \"cached_60_ns\": %.0f, \"cached_260_ns\": %.0f}\n",
		   classify_us(select_60, facts), classify_us(select_260, facts), cached_ns(select_60, facts),
		   cached_ns(select_260, facts));
	facts_unref(facts);
	return 0;
}
