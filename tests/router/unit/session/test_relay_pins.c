/*-------------------------------------------------------------------------
 *
 * test_relay_pins.c
 *	  State that keeps a session on its server, until it is gone or refused.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static void
expect_pinned(const char *script, const char *heard)
{
	Talker		a;
	Talker		b;
	int			logins = north.fake.logins;

	log_in(&a);
	log_in(&b);
	say(&a, script);
	hears(&a, heard);
	say(&b, "Q INSERT INTO t VALUES (1)");
	hears(&b, "C:INSERT 0 1 Z:I");
	assert_int_equal(north.fake.logins, logins < 1 ? 2 : logins + (north.fake.logins > logins));
	buf_clear(&north.log);
	catch_up();
	say(&a, "Q SELECT a FROM t");
	hears(&a, "T D:north C:SELECT 1 Z:I");
	buf_clear(&north.log);
	hang_up(&a);
	wait_until(loop, buf_len(&north.log) > 0);
	was_sent(&north, "Q:DISCARD ALL");
	hang_up(&b);
}

static void
state_that_cannot_be_followed_pins(void **state)
{
	expect_pinned("Q LISTEN c", "C:OK Z:I");
	expect_pinned("Q CREATE TEMP TABLE x (a int)", "C:OK Z:I");
	expect_pinned("Q SET idle_session_timeout = 5", "C:SET Z:I");
	expect_pinned("Q PREPARE p AS SELECT 1", "C:OK Z:I");
	expect_pinned("Q SET timezone = 'UTC'; SELECT 1", "C:SET T D:north C:SELECT 1 Z:I");
}

/* Guards: a typing error does not keep a server for ever, nor is it given on as it is. */
static void
what_fails_does_not_pin(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELEC 'fail 42601'|Q INSERT INTO t VALUES (1)");
	hears(&t, "E:42601 Z:I C:INSERT 0 1 Z:I");
	was_sent(&north, "Q:SELEC 'fail 42601'\nQ:DISCARD ALL\nQ:INSERT INTO t VALUES (1)");
	catch_up();
	say(&t, "Q LISTEN \"'fail 42601'\"|Q SELECT 1");
	hears(&t, "E:42601 Z:I");
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
discard_all_unpins(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c|Q DISCARD ALL|Q SELECT 1");
	hears(&t, "C:OK Z:I C:DISCARD ALL Z:I");
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

#define STATE_QUERY_LISTEN "Q:SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) THEN 4 ELSE 0 END"

/* Guards: state that is gone keeps nobody on a server; it is asked for only after what may have ended it. */
static void
what_is_over_pins_no_longer(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:OK Z:I C:INSERT 0 1 Z:I");
	was_sent(&north, "Q:LISTEN c\nQ:INSERT INTO t VALUES (1)");
	north.state_left = "4";
	say(&t, "Q UNLISTEN d|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:OK Z:I C:INSERT 0 1 Z:I");
	was_sent(&north, "Q:UNLISTEN d\n" STATE_QUERY_LISTEN "\nQ:INSERT INTO t VALUES (1)");
	north.state_left = "0";
	say(&t, "Q BEGIN|Q UNLISTEN *|Q SELECT 1");
	hears(&t, "C:BEGIN Z:T C:OK Z:T T D:north C:SELECT 1 Z:T");
	was_sent(&north, "Q:BEGIN\nQ:UNLISTEN *\nQ:SELECT 1");
	say(&t, "Q COMMIT");
	hears(&t, "C:COMMIT Z:I");
	was_sent(&north, "Q:COMMIT\n" STATE_QUERY_LISTEN "\nQ:DISCARD ALL");
	catch_up();
	say(&t, "Q SELECT 1");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: of several kinds each has to be over; what cannot be asked for is never over. */
static void
every_kind_of_state_counts(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c|Q CREATE TEMP TABLE x (a int)");
	hears(&t, "C:OK Z:I C:OK Z:I");
	north.state_left = "1";
	say(&t, "Q UNLISTEN *|P - SELECT 1|B -|E|S");
	hears(&t, "C:OK Z:I 1 2 D:north C:SELECT 1 Z:I");
	say(&t, "Q LOAD 'x'");
	hears(&t, "C:OK Z:I");
	buf_clear(&north.log);
	north.state_left = "0";
	say(&t, "Q DROP TABLE x");
	hears(&t, "C:OK Z:I");
	was_sent(&north, "Q:DROP TABLE x");
	catch_up();
	say(&t, "Q SELECT 1");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: what came in a transaction that is rolled back may never have been; a commit asks nothing. */
static void
a_rollback_may_end_state(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q LISTEN c|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:OK Z:T C:COMMIT Z:I");
	buf_clear(&north.log);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q ROLLBACK");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T C:ROLLBACK Z:I");
	was_sent(&north, "Q:BEGIN\nQ:INSERT INTO t VALUES (1)\nQ:ROLLBACK");
	say(&t, "Q DISCARD ALL|Q BEGIN|Q LISTEN c|Q SELECT 'fail 22012'|Q COMMIT");
	hears(&t, "C:DISCARD ALL Z:I C:BEGIN Z:T C:OK Z:T E:22012 Z:E C:ROLLBACK Z:I");
	catch_up();
	say(&t, "Q SELECT 1");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	say(&t, "Q BEGIN|Q LISTEN c|Q ROLLBACK AND CHAIN|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:OK Z:T C:ROLLBACK Z:I C:COMMIT Z:I");
	hang_up(&t);
}

/* Guards: a question that fails leaves the session where it is, and says nothing to the client. */
static void
a_failed_question_keeps_the_pin(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c");
	hears(&t, "C:OK Z:I");
	north.fail_text = "pg_listening_channels";
	north.fail_sqlstate = "57014";
	say(&t, "Q UNLISTEN *|Q SELECT 1");
	hears(&t, "C:OK Z:I T D:north C:SELECT 1 Z:I");
	north.dies_at = "pg_listening_channels";
	say(&t, "Q UNLISTEN *");
	hears(&t, "C:OK Z:I FATAL:08006");
	hang_up(&t);
}

/* Guards: pin_sessions = refuse: an error where the state would come, which fails the transaction, and no pin. */
static void
pins_can_be_refused(void **state)
{
	Talker		t;

	context.config.pin_sessions = PIN_SESSIONS_REFUSE;
	log_in(&t);
	say(&t, "Q LISTEN c|Q CREATE TEMP TABLE x (a int) ON COMMIT DROP|Q SET idle_session_timeout = 5|Q SET geqo = off");
	hears(&t, "E:0A000 Z:I C:OK Z:I E:0A000 Z:I C:SET Z:I");
	buf_clear(&north.log);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q PREPARE q AS SELECT 1|Q SELECT 1|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T E:0A000 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	say(&t, "P - LISTEN c|B -|E|S|P - INSERT INTO t VALUES (1)|B -|E|H|P - LISTEN c|B -|E|S|Q BEGIN|Q LISTEN c|Q ROLLBACK");
	hears(&t, "E:0A000 Z:I 1 2 C:INSERT 0 1 1 E:0A000 Z:I C:BEGIN Z:T E:0A000 Z:E C:ROLLBACK Z:I");
	buf_clear(&north.log);

	/* what cannot be read has its own error, and leaves the server as it was */
	say(&t, "Q SELEC 'fail 42601'|Q BEGIN|Q UNREADABLE|Q COMMIT");
	hears(&t, "E:42601 Z:I C:BEGIN Z:T C:OK Z:T C:COMMIT Z:I");
	was_sent(&north, "Q:SELEC 'fail 42601'\nQ:DISCARD ALL\nQ:SET \"geqo\" TO 'off'\nP:=BEGIN\nB:andon_begin/\nE:andon_begin\n"
			 "Q:UNREADABLE\nQ:COMMIT\nQ:DISCARD ALL");
	catch_up();
	show_facts(wal);			/* there was DDL */
	say(&t, "Q SELECT 1");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(state_that_cannot_be_followed_pins),
		TEST(what_fails_does_not_pin),
		TEST(discard_all_unpins),
		TEST(what_is_over_pins_no_longer),
		TEST(every_kind_of_state_counts),
		TEST(a_rollback_may_end_state),
		TEST(a_failed_question_keeps_the_pin),
		TEST(pins_can_be_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
