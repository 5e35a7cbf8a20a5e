/*-------------------------------------------------------------------------
 *
 * test_relay.c
 *	  Who gets what when units are routed, sent and answered.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

/* ---------------------------------------------------------------- routing */

static void
reads_go_to_the_replica_writes_to_the_primary(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	was_sent(&south, "Q:SELECT a FROM t");
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	was_sent(&north, "Q:INSERT INTO t VALUES (1)");
	hang_up(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_go_to_the_replica_writes_to_the_primary, setup_talk, teardown_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
