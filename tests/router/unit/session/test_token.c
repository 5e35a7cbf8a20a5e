/*-------------------------------------------------------------------------
 *
 * test_token.c
 *	  SHOW and SET andon.floor in conversations: what they wait for, and how that
 *	  ends.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

/* Guards: a token covers what was read since the session's last move, on whatever node. */
static void
a_token_waits_for_what_covers_the_last_read(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SHOW andon.floor");
	hears(&t, "T D:7:0:0/0 C:SHOW Z:I");
	assert_int_equal(probes, 0);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	say(&t, "Q SHOW andon.floor");
	hears(&t, "");
	assert_true(probes > 0);
	show_view();
	hears(&t, "T D:7:1:0/1000 C:SHOW Z:I");
	say(&t, "Q SET andon.route = 'primary'|Q SELECT a FROM t|P - SHOW andon.floor|B -|D P -|E|H");
	hears(&t, "C:SET Z:I T D:north C:SELECT 1 Z:I");
	wal += LSN_STEP;
	show_view();
	hears(&t, "1 2 T D:7:1:0/1100 C:SHOW");
	say(&t, "S");
	hears(&t, "Z:I");
	hang_up(&t);
}

/* Guards: inside a transaction it is the same, and its server is kept. */
static void
inside_a_transaction_it_is_the_same(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q SELECT a FROM t|Q SHOW andon.floor");
	hears(&t, "C:BEGIN Z:T T D:north C:SELECT 1 Z:T");
	show_view();
	hears(&t, "T D:7:1:0/1000 C:SHOW Z:T");
	say(&t, "Q SELECT a FROM t|Q COMMIT");
	hears(&t, "T D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	hang_up(&t);
}

/* Guards: who was told of a change, or has begun to listen, reads no lower than the primary was then. */
static void
listening_and_notifications_raise_the_floor(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c|Q SHOW andon.floor");
	hears(&t, "C:OK Z:I");
	show_view();
	hears(&t, "T D:7:1:0/1000 C:SHOW Z:I");
	wal += LSN_STEP;			/* another session commits, and notifies */
	notify_all();
	hears(&t, "A:c");
	say(&t, "Q SHOW andon.floor");
	hears(&t, "");
	show_view();
	hears(&t, "T D:7:1:0/1100 C:SHOW Z:I");
	hang_up(&t);
}

/* Guards: the wait can be cancelled, which fails the transaction as PostgreSQL does; there too. */
static void
the_wait_can_be_cancelled(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELECT a FROM t|Q SHOW andon.floor");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	say_cancel(&t);
	hears(&t, "E:57014 Z:I");
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q SHOW andon.floor");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	say_cancel(&t);
	hears(&t, "E:57014 Z:E");
	say(&t, "Q COMMIT|Q SELECT 1");
	hears(&t, "C:ROLLBACK Z:I");
	assert_int_equal(wal, 0x1000);
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: it ends with query_wait_timeout; a token that covers less is never told. */
static void
the_wait_ends_with_query_wait_timeout(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	context.config.query_wait_timeout_us = 1000;
	say(&t, "Q SHOW andon.floor|Q SET andon.route = 'auto'|Q COMMIT");
	hears(&t, "E:57P03 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	say(&t, "Q SHOW andon.floor");
	hears(&t, "E:57P03 Z:I");
	say(&t, "Q SET andon.floor = '7:2:0/1000'");
	hears(&t, "E:57P03 Z:I");
	hang_up(&t);
}

static void
its_server_may_be_lost_meanwhile(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q SHOW andon.floor");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	fake_node_crash(&north.fake);
	wait_until(loop, suspicions == 1);
	show_view();
	hears(&t, "E:08006 Z:E");
	say(&t, "Q ROLLBACK");
	hears(&t, "C:ROLLBACK Z:I");
	hang_up(&t);
}

static void
a_client_may_leave_meanwhile(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q SHOW andon.floor");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	hang_up(&t);
	wait_until(loop, context.stats.clients == 0);
	show_view();
	assert_int_equal(wal, 0x1000);
}

/* Guards: what is no token of this cluster is refused and changes nothing. */
static void
what_is_no_token_is_refused(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SET andon.floor = '0/1100'|Q SET andon.floor = '8:1:0/1100'|Q SET andon.floor = 'x'|Q SHOW andon.floor");
	hears(&t, "E:22023 Z:I E:22023 Z:I E:22023 Z:I T D:7:0:0/0 C:SHOW Z:I");
	say(&t, "Q SET andon.floor = '7:1:0/1100'|Q RESET andon.floor|Q SHOW andon.floor");
	hears(&t, "C:SET Z:I C:RESET Z:I T D:7:1:0/1100 C:SHOW Z:I");
	hang_up(&t);
}

/* Guards: while a promotion is not known here, nobody reads on what it has left behind for having its LSN. */
static void
a_token_of_a_later_timeline_waits_until_it_is_known(void **state)
{
	TopologyView *view;
	Talker		t;

	log_in(&t);
	say(&t, "Q SET andon.floor = '7:2:0/1000'|Q SHOW andon.floor");
	hears(&t, "");
	show_view();
	hears(&t, "");
	view = make_view();
	view->nodes[0].identity.timeline = 2;
	session_context_set_view(&context, view);
	hears(&t, "C:SET Z:I T D:7:2:0/1000 C:SHOW Z:I");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_waits_for_what_covers_the_last_read),
		TEST(inside_a_transaction_it_is_the_same),
		TEST(listening_and_notifications_raise_the_floor),
		TEST(the_wait_can_be_cancelled),
		TEST(the_wait_ends_with_query_wait_timeout),
		TEST(its_server_may_be_lost_meanwhile),
		TEST(a_client_may_leave_meanwhile),
		TEST(what_is_no_token_is_refused),
		TEST(a_token_of_a_later_timeline_waits_until_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
