/*-------------------------------------------------------------------------
 *
 * test_lag.c
 *	  How late a replica is, told from where the primary was seen when.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topology/lag.h"

#define MS 1000ULL
#define OTHERWISE 77

static LagHistory history;

static int
forget(void **state)
{
	lag_history_clear(&history);
	return 0;
}

static void
nothing_is_known_at_first(void **state)
{
	assert_int_equal(lag_history_find(&history, 500, 100 * MS, OTHERWISE), OTHERWISE);
	assert_int_equal(lag_history_bytes(&history, 500), 0);
}

static void
caught_up_is_not_late(void **state)
{
	lag_history_add(&history, 1000, 100 * MS);
	assert_int_equal(lag_history_find(&history, 1000, 150 * MS, OTHERWISE), 0);
	assert_int_equal(lag_history_find(&history, 2000, 150 * MS, OTHERWISE), 0);
	assert_int_equal(lag_history_bytes(&history, 2000), 0);
}

static void
late_since_the_primary_was_last_seen_there(void **state)
{
	lag_history_add(&history, 1000, 100 * MS);
	lag_history_add(&history, 1400, 200 * MS);
	lag_history_add(&history, 2000, 300 * MS);
	assert_int_equal(lag_history_find(&history, 1600, 350 * MS, OTHERWISE), 150 * MS);
	assert_int_equal(lag_history_find(&history, 1400, 350 * MS, OTHERWISE), 150 * MS);
	assert_int_equal(lag_history_find(&history, 1399, 350 * MS, OTHERWISE), 250 * MS);
	assert_int_equal(lag_history_bytes(&history, 1600), 400);
}

/* The first write after an idle hour makes nobody an hour late. */
static void
idle_time_does_not_count(void **state)
{
	for (uint64_t at = 0; at <= 3600 * 1000 * MS; at += 100 * MS)
		lag_history_add(&history, 1000, at);
	lag_history_add(&history, 1200, 3600 * 1000 * MS + 100 * MS);
	assert_int_equal(lag_history_find(&history, 1000, 3600 * 1000 * MS + 110 * MS, OTHERWISE), 110 * MS);
}

/* Samples asked for between two marks are not all kept, but the newest counts. */
static void
the_newest_position_counts_at_once(void **state)
{
	lag_history_add(&history, 1000, 100 * MS);
	lag_history_add(&history, 1100, 101 * MS);
	lag_history_add(&history, 1200, 102 * MS);
	assert_int_equal(history.count, 1);
	assert_int_equal(lag_history_find(&history, 1100, 103 * MS, OTHERWISE), 3 * MS);
	assert_int_equal(lag_history_find(&history, 1200, 103 * MS, OTHERWISE), 0);
	assert_int_equal(lag_history_bytes(&history, 1000), 200);
}

/* What is older than the history is at least that late, whatever its clock says. */
static void
older_than_the_history(void **state)
{
	lag_history_add(&history, 1000, 100 * MS);
	assert_int_equal(lag_history_find(&history, 900, 700 * MS, 0), 600 * MS);
	assert_int_equal(lag_history_find(&history, 900, 700 * MS, 9000 * MS), 9000 * MS);
}

static void
the_ring_forgets_the_oldest(void **state)
{
	const uint64_t n = LAG_MARKS * 3 + 7;

	for (uint64_t i = 1; i <= n; i++)
		lag_history_add(&history, i * 10, i * LAG_MARK_SPACING_US);
	assert_int_equal(history.count, LAG_MARKS);

	/* The oldest kept is n - LAG_MARKS + 1. */
	assert_int_equal(lag_history_find(&history, (n - LAG_MARKS + 1) * 10, n * LAG_MARK_SPACING_US, 0),
					 (LAG_MARKS - 1) * LAG_MARK_SPACING_US);
	assert_int_equal(lag_history_find(&history, (n - 1) * 10, n * LAG_MARK_SPACING_US, 0), LAG_MARK_SPACING_US);
	assert_int_equal(lag_history_find(&history, 10, n * LAG_MARK_SPACING_US, 0),
					 (LAG_MARKS - 1) * LAG_MARK_SPACING_US);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_known_at_first, forget),
		cmocka_unit_test_setup(caught_up_is_not_late, forget),
		cmocka_unit_test_setup(late_since_the_primary_was_last_seen_there, forget),
		cmocka_unit_test_setup(idle_time_does_not_count, forget),
		cmocka_unit_test_setup(the_newest_position_counts_at_once, forget),
		cmocka_unit_test_setup(older_than_the_history, forget),
		cmocka_unit_test_setup(the_ring_forgets_the_oldest, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
