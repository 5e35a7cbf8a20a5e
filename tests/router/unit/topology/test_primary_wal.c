/*-------------------------------------------------------------------------
 *
 * test_primary_wal.c
 *	  What can be read on a primary, and what it leaves unflushed.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topology/primary_wal.h"

static void
note(PrimaryWal *wal, Lsn insert_lsn, Lsn flush_lsn, uint64_t ended, uint64_t sampled_us)
{
	primary_wal_note(wal, &(NodeSample) {.lsn = insert_lsn, .flush_lsn = flush_lsn, .ended = ended,
					 .sampled_us = sampled_us});
}

static void
nothing_is_known_at_first(void **state)
{
	PrimaryWal	wal = {0};

	assert_int_equal(wal.visible_lsn, 0);
	assert_int_equal(primary_wal_unflushed_us(&wal, 100), 0);
	note(&wal, 1000, 1000, 0, 50);
	assert_int_equal(wal.visible_lsn, 1000);
}

/* Guards: what no transaction has ended in cannot be seen. */
static void
running_transactions_are_not_visible(void **state)
{
	PrimaryWal	wal = {0};

	note(&wal, 1000, 1000, 7, 50);
	note(&wal, 1200, 1000, 7, 60);
	assert_int_equal(wal.visible_lsn, 1000);
	note(&wal, 1300, 1300, 7, 70);
	assert_int_equal(wal.visible_lsn, 1000);
}

/* Guards monotonic reads: one end may be a commit, flushed or not, anywhere before the insert position. */
static void
any_end_moves_it_to_the_insert_position(void **state)
{
	PrimaryWal	wal = {0};

	note(&wal, 1000, 1000, 7, 50);
	note(&wal, 1200, 1000, 8, 60);
	assert_int_equal(wal.visible_lsn, 1200);
	note(&wal, 1500, 1000, 8, 70);
	assert_int_equal(wal.visible_lsn, 1200);
}

static void
unflushed_is_counted_while_the_flush_position_stands(void **state)
{
	PrimaryWal	wal = {0};

	note(&wal, 1000, 1000, 7, 50);
	assert_int_equal(primary_wal_unflushed_us(&wal, 50), 0);
	note(&wal, 1100, 1000, 7, 60);	/* begins here, however long 1000 has stood */
	assert_int_equal(primary_wal_unflushed_us(&wal, 60), 0);
	note(&wal, 1200, 1000, 7, 75);
	assert_int_equal(primary_wal_unflushed_us(&wal, 75), 15);
	note(&wal, 1200, 1100, 7, 80);	/* it moves */
	assert_int_equal(primary_wal_unflushed_us(&wal, 80), 0);
	note(&wal, 1200, 1100, 7, 95);
	assert_int_equal(primary_wal_unflushed_us(&wal, 95), 15);
	note(&wal, 1200, 1200, 7, 99);
	assert_int_equal(primary_wal_unflushed_us(&wal, 99), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(running_transactions_are_not_visible),
		cmocka_unit_test(any_end_moves_it_to_the_insert_position),
		cmocka_unit_test(unflushed_is_counted_while_the_flush_position_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
