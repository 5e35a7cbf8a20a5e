/*-------------------------------------------------------------------------
 *
 * test_relay_floor.c
 *	  Floors: what a session has written or read it sees from then on, or waits.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include "base/clock.h"

static void
a_session_reads_its_own_write(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&t, "Q INSERT INTO t VALUES (1)|Q SHOW andon.floor");
	hears(&t, "C:INSERT 0 1 Z:I T D:7:1:0/1100 C:SHOW Z:I");
	show_view();
	say(&t, "Q SELECT a FROM t");
	hears(&t, "");
	assert_true(probes > 0);
	say(&other, "Q SELECT a FROM t");
	hears(&other, "T D:south C:SELECT 1 Z:I");	/* it has written nothing */
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
	hang_up(&other);
}

static void
a_replica_that_lags_is_waited_for_only_so_long(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	show_view();
	context.config.replica_wait_us = 1000;
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	assert_int_equal(context.stats.fallback_reads, 1);
	assert_int_equal(context.stats.routes[ROUTE_FALLBACK_WAIT], 1);
	hang_up(&t);
}

static void
show_synchronous(uint64_t shown_us, uint64_t hidden_us)
{
	TopologyView *view = make_view();

	view->has_synchronous = true;
	view->nodes[1].shown_us = shown_us;
	view->nodes[1].hidden_us = hidden_us;
	session_context_set_view(&context, view);
}

/* Guards: nothing reaches a primary that may hide what was read on the replica; a refusal leaves all as it was. */
static void
a_primary_that_hides_is_not_asked(void **state)
{
	Talker		t;

	log_in(&t);
	catch_up();
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	show_synchronous(0, 0);
	buf_clear(&north.log);
	say(&t, "Q INSERT INTO t VALUES (1)|Q BEGIN|Q INSERT INTO t VALUES (2)|Q COMMIT");
	hears(&t, "");
	was_sent(&north, "");
	show_synchronous(clock_now_us(), 0);
	hears(&t, "C:INSERT 0 1 Z:I C:BEGIN Z:T C:INSERT 0 1 Z:T C:COMMIT Z:I");

	catch_up();
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	context.config.replica_wait_us = 1000;
	show_synchronous(0, US_PER_SEC);
	buf_clear(&north.log);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (3)");
	hears(&t, "C:BEGIN Z:T E:40001 Z:E");
	say(&t, "Q ROLLBACK|Q INSERT INTO t VALUES (4)");
	hears(&t, "C:ROLLBACK Z:I E:40001 Z:I");
	was_sent(&north, "");
	assert_int_equal(context.stats.hidden_refusals, 2);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: new waiters that keep coming do not put off the patience of those who wait. */
static void
patience_ends_though_others_come(void **state)
{
	Talker		talkers[60];
	size_t		said = 0;

	for (size_t i = 0; i < 60; i++)
	{
		log_in(&talkers[i]);
		say(&talkers[i], "Q SET andon.floor = '7:1:0/2000'");
		hears(&talkers[i], "C:SET Z:I");
	}
	show_view();
	context.config.replica_wait_us = 1000;
	while (context.stats.fallback_reads == 0 && said < 60)
	{
		say(&talkers[said++], "Q SELECT a FROM t");
		turn_loop(loop);
	}
	assert_true(said < 60);
	hears(&talkers[0], "T D:north C:SELECT 1 Z:I");
	for (size_t i = 0; i < 60; i++)
		hang_up(&talkers[i]);
}

static int	places_asked;

static bool
hook_no_place(void *arg, int max)
{
	places_asked++;
	return false;
}

/* Guards: while a read waits for a place on the primary, others that wait are not planned over and over. */
static void
who_waits_for_a_place_waits_alone(void **state)
{
	Talker		talkers[2];
	int			asked;

	context.hooks.admit_fallback = hook_no_place;
	context.config.max_fallback_reads = 1;
	context.config.replica_wait_us = 1000;
	places_asked = 0;
	for (size_t i = 0; i < 2; i++)
	{
		log_in(&talkers[i]);
		say(&talkers[i], "Q SET andon.floor = '7:1:0/2000'");
		hears(&talkers[i], "C:SET Z:I");
	}
	show_view();
	say(&talkers[0], "Q SELECT a FROM t");
	wait_until(loop, places_asked > 0);

	context.config.replica_wait_us = NEVER_US;
	asked = probes;
	say(&talkers[1], "Q SELECT a FROM t");
	wait_until(loop, probes > asked);
	asked = probes;
	places_asked = 0;
	wait_until(loop, places_asked >= 5);
	assert_int_equal(probes, asked);
	wal = 0x2000;
	catch_up();
	for (size_t i = 0; i < 2; i++)
	{
		hears(&talkers[i], "T D:south C:SELECT 1 Z:I");
		hang_up(&talkers[i]);
	}
}

static void
without_the_extension_the_position_is_asked(void **state)
{
	Talker		t;

	north.fake.has_extension = false;
	log_in(&t);
	buf_clear(&north.log);
	say(&t, "Q INSERT INTO t VALUES (1)|Q SHOW andon.floor");
	hears(&t, "C:INSERT 0 1 Z:I T D:7:1:0/1100 C:SHOW Z:I");
	was_sent(&north, "Q:INSERT INTO t VALUES (1)\nQ:SELECT pg_catalog.pg_current_wal_insert_lsn()");
	say(&t, "P - INSERT INTO t VALUES (2)|B -|E|S|Q SHOW andon.floor");
	hears(&t, "1 2 C:INSERT 0 1 Z:I T D:7:1:0/1200 C:SHOW Z:I");
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (3)|Q COMMIT|Q SHOW andon.floor");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T C:COMMIT Z:I T D:7:1:0/1300 C:SHOW Z:I");
	was_sent(&north, "P:=INSERT INTO t VALUES (2)\nB:/\nE:\nS\nQ:SELECT pg_catalog.pg_current_wal_insert_lsn()\n"
			 "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nQ:INSERT INTO t VALUES (3)\n"
			 "Q:COMMIT\nQ:SELECT pg_catalog.pg_current_wal_insert_lsn()");

	/* not behind what may become COPY, or leaves a transaction open */
	say(&t, "Q COPY t FROM STDIN|d 1|c|Q BEGIN; INSERT INTO t VALUES (4)|Q COMMIT");
	hears(&t, "G C:COPY 1 Z:I C:BEGIN C:INSERT 0 1 Z:T C:COMMIT Z:I");
	was_sent(&north, "Q:COPY t FROM STDIN\nd:1\nc\nQ:SELECT pg_catalog.pg_current_wal_insert_lsn()\n"
			 "Q:BEGIN; INSERT INTO t VALUES (4)\nQ:COMMIT\nQ:SELECT pg_catalog.pg_current_wal_insert_lsn()");
	hang_up(&t);
}

/* The commit is shown at once, ReadyForQuery only with its position. */
static void
ready_for_query_waits_for_the_position(void **state)
{
	Talker		t;

	north.fake.has_extension = false;
	log_in(&t);
	say(&t, "Q COPY t FROM STDIN|d 1");
	hears(&t, "G");
	north.fake.hold_replies = true;
	north.fail_text = "pg_current_wal_insert_lsn";
	north.fail_sqlstate = "57014";
	say(&t, "c");
	hears(&t, "C:COPY 1 Z:I");

	/* the query failed: the floor waits for a sample of the primary */
	say(&t, "Q SELECT a FROM t");
	hears(&t, "");
	wal += LSN_STEP;
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	show_view();
	say(&t, "Q SHOW andon.floor");
	hears(&t, "T D:7:1:0/1200 C:SHOW Z:I");
	hang_up(&t);
}

/* Guards: what an extended unit reads behind its own COMMIT may be beyond that commit. */
static void
a_unit_that_goes_on_after_its_commit_is_not_covered_by_it(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - BEGIN|B -|E|P - INSERT INTO t VALUES (1)|B -|E|P - COMMIT|B -|E|P - SELECT a FROM t|B -|E|S");
	hears(&t, "1 2 C:BEGIN 1 2 C:INSERT 0 1 1 2 C:COMMIT 1 2 D:north C:SELECT 1 Z:I");
	south.replayed = wal;
	say(&t, "Q SELECT a FROM t");
	hears(&t, "");
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
ones_own_ddl_keeps_reads_on_the_primary_until_facts_know(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q CREATE TABLE u (a int)");
	hears(&t, "C:OK Z:I");
	catch_up();
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	catch_up();
	show_facts(wal);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_reads_its_own_write),
		TEST(a_replica_that_lags_is_waited_for_only_so_long),
		TEST(a_primary_that_hides_is_not_asked),
		TEST(patience_ends_though_others_come),
		TEST(who_waits_for_a_place_waits_alone),
		TEST(without_the_extension_the_position_is_asked),
		TEST(ready_for_query_waits_for_the_position),
		TEST(a_unit_that_goes_on_after_its_commit_is_not_covered_by_it),
		TEST(ones_own_ddl_keeps_reads_on_the_primary_until_facts_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
