/*-------------------------------------------------------------------------
 *
 * test_relay.c
 *	  Where units go, and replies that are held until it is known whether the
 *	  unit stays there.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include <stdio.h>

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
	say(&t, "P - SELECT a FROM t|B -|D P -|E|S");
	hears(&t, "");				/* its own write is not there yet */
	catch_up();
	hears(&t, "1 2 T D:south C:SELECT 1 Z:I");
	was_sent(&south, "P:=SELECT a FROM t\nB:/\nD:P/\nE:\nS");
	hang_up(&t);
}

static void
hints_and_set_route_decide(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q /* andon:primary */ SELECT 1");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	say(&t, "Q SHOW work_mem|Q /* andon:replica */ SHOW work_mem");
	hears(&t, "T D:north C:SELECT 1 Z:I");	/* the primary was read: a sample is needed first */
	show_view();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	say(&t, "Q SET andon.route = 'primary'|Q SHOW andon.route|Q SELECT 1");
	hears(&t, "C:SET Z:I T D:primary C:SHOW Z:I T D:north C:SELECT 1 Z:I");
	say(&t, "Q SET andon.route = 'nowhere'|Q RESET andon.route|Q SELECT 1");
	hears(&t, "E:22023 Z:I C:RESET Z:I");
	show_view();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
what_prepares_a_write_goes_to_the_primary(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P w INSERT INTO t VALUES (1)|D S w|S");
	hears(&t, "1 t n Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nD:S/andon_1\nS");
	say(&t, "P r SELECT a FROM t|D S r|S");
	hears(&t, "1 t T Z:I");
	was_sent(&south, "P:andon_2=SELECT a FROM t\nD:S/andon_2\nS");
	say(&t, "D S w|S");
	hears(&t, "t n Z:I");
	was_sent(&north, "D:S/andon_1\nS");
	hang_up(&t);
}

/* ---------------------------------------------------------------- held replies */

static void
expect_rerun(const char *sqlstate, bool is_remembered)
{
	Talker		t;
	char		script[64];

	log_in(&t);
	south.fail_text = "FROM t";
	south.fail_sqlstate = sqlstate;
	snprintf(script, sizeof(script), "P q SELECT x%s FROM t|B q|D P -|E|S", sqlstate);
	say(&t, script);
	hears(&t, "1 2 T D:north C:SELECT 1 Z:I");
	show_view();
	buf_clear(&south.log);
	snprintf(script, sizeof(script), "Q SELECT x%s FROM t", sqlstate);
	say(&t, script);
	hears(&t, "T D:north C:SELECT 1 Z:I");
	script[1] = ':';
	was_sent(&south, is_remembered ? "" : script);
	assert_int_equal(context.stats.held_reruns, is_remembered ? 1 : 2);
	show_view();
	hang_up(&t);
	south.fail_text = NULL;
	context.stats.held_reruns = 0;
}

static void
what_a_replica_cannot_do_runs_on_the_primary(void **state)
{
	expect_rerun("25006", true);
	expect_rerun("0A000", true);
	expect_rerun("55000", true);
	expect_rerun("42P01", false);
	expect_rerun("42703", false);
	expect_rerun("42883", false);
	expect_rerun("3F000", false);
	expect_rerun("40001", false);	/* there is no other replica */
	expect_rerun("40P01", false);
}

/* Guards: SERIALIZABLE by default is remembered of who it is, not of the statement, until facts are read again. */
static void
who_is_serializable_by_default_reads_on_the_primary(void **state)
{
	Talker		t;

	log_in(&t);
	south.fail_text = "SELECT";
	south.fail_sqlstate = "0A000";
	south.fail_routine = "GetSerializableTransactionSnapshot";
	say(&t, "P s SELECT a FROM t|B s|D P -|E|S");
	hears(&t, "1 2 T D:north C:SELECT 1 Z:I");
	show_view();
	buf_clear(&south.log);
	buf_clear(&north.log);
	say(&t, "Q SELECT 1|B s|E|S|Q BEGIN READ ONLY|Q SELECT 1|Q COMMIT");
	hears(&t, "T D:north C:SELECT 1 Z:I 2 D:north C:SELECT 1 Z:I C:BEGIN Z:T T D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&south, "");
	was_sent(&north, "Q:SELECT 1\nB:/andon_1\nE:\nS\n"
			 "P:=BEGIN READ ONLY\nB:andon_begin/\nE:andon_begin\nQ:SELECT 1\nQ:COMMIT");
	assert_int_equal(context.stats.routes[ROUTE_SERIALIZABLE], 3);

	show_view();
	south.fail_text = NULL;
	say(&t, "Q BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY|Q SELECT a FROM t|Q COMMIT|Q SELECT a FROM t");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I T D:north C:SELECT 1 Z:I");
	show_view();
	show_facts(wal);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
an_error_of_the_client_is_not_run_again(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELECT 'fail 22012'|P - SELECT 'fail 22012'|B -|E|S|Q SELECT 'fail 57014'");
	hears(&t, "E:22012 Z:I 1 2 E:22012 Z:I E:57014 Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

/* ---- errors longer than the router reads (REPLY_MAX_BYTES), which pass in pieces ---- */

static void
expect_long_error(Talker *t, const char *script, const char *expected, size_t bytes)
{
	north.error_bytes = south.error_bytes = bytes;
	say(t, script);
	hears(t, expected);
	assert_int_equal(t->error_bytes, bytes);
	t->error_bytes = 0;
}

static void
errors_of_any_length_pass_whole(void **state)
{
	static const size_t lengths[] = {64 * 1024, 1024 * 1024 - 30, 1024 * 1024, 3 * 1024 * 1024};
	Talker		t;

	log_in(&t);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		expect_long_error(&t, "Q INSERT INTO t VALUES ('fail 22012')|Q COMMIT", "E:22012 Z:I C:COMMIT Z:I", lengths[i]);
		expect_long_error(&t, "P - INSERT INTO t VALUES ('fail 22012')|B -|E|P - COMMIT|B -|E|S|P - COMMIT|B -|E|S",
						  "1 2 E:22012 Z:I 1 2 C:COMMIT Z:I", lengths[i]);
		expect_long_error(&t, "Q BEGIN|Q INSERT INTO t VALUES ('fail 22012')|Q ROLLBACK",
						  "C:BEGIN Z:T E:22012 Z:E C:ROLLBACK Z:I", lengths[i]);
	}
	hang_up(&t);
}

/* Guards: on a replica too, where the replies before it were held. */
static void
long_errors_of_a_replica_pass_whole(void **state)
{
	Talker		t;

	log_in(&t);
	expect_long_error(&t, "Q SELECT 'fail 22012'", "E:22012 Z:I", 3 * 1024 * 1024);
	expect_long_error(&t, "P - SELECT 'fail 22012'|B -|D P -|E|S", "1 2 T E:22012 Z:I", 3 * 1024 * 1024);
	was_sent(&north, "");
	hang_up(&t);
}

/* Guards: what is dropped to run a unit again is dropped whole. */
static void
a_long_refusal_of_a_replica_is_not_heard(void **state)
{
	Talker		t;

	log_in(&t);
	south.fail_text = "FROM t";
	south.fail_sqlstate = "42P01";
	south.error_bytes = 3 * 1024 * 1024;
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	show_view();
	say(&t, "P - SELECT a FROM t|B -|D P -|E|S");
	hears(&t, "1 2 T D:north C:SELECT 1 Z:I");
	assert_int_equal(context.stats.held_reruns, 2);
	south.fail_text = NULL;
	show_view();
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: a unit that closes its statement can be run again. */
static void
a_rerun_finds_the_names_as_they_were(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a SELECT a FROM t|S");
	hears(&t, "1 Z:I");
	south.fail_text = "FROM t";
	south.fail_sqlstate = "40P01";
	say(&t, "P b SELECT 1|B a|E|C S a|S");
	hears(&t, "1 2 D:north C:SELECT 1 3 Z:I");
	say(&t, "P a SELECT 1|P b SELECT 1|S");
	hears(&t, "");
	show_view();
	hears(&t, "1 E:42P05 Z:I");
	hang_up(&t);
}

static void
a_read_only_transaction_begins_again_on_the_primary(void **state)
{
	Talker		t;

	log_in(&t);
	south.fail_text = "FROM t";
	south.fail_sqlstate = "42P01";
	say(&t, "Q BEGIN READ ONLY|Q SELECT a FROM t|Q INSERT INTO t VALUES (1)|Q COMMIT");
	hears(&t, "C:BEGIN Z:T T D:north C:SELECT 1 Z:T C:INSERT 0 1 Z:T C:COMMIT Z:I");
	was_sent(&north, "P:=BEGIN READ ONLY\nB:andon_begin/\nE:andon_begin\nQ:SELECT a FROM t\nQ:INSERT INTO t VALUES (1)\nQ:COMMIT");
	wait_until(loop, fake_node_was_asked(&south.fake, "") && strstr(buf_slice(&south.log).data, "Q:ROLLBACK\nQ:DISCARD ALL"));
	hang_up(&t);
}

static void
a_cancelled_unit_is_not_run_again(void **state)
{
	Talker		t;

	log_in(&t);
	south.fail_text = "FROM t";
	south.fail_sqlstate = "42P01";
	say(&t, "Q SELECT a, 'hang' FROM t");
	wait_until(loop, south.hanging == 1);
	say_cancel(&t);
	wait_until(loop, south.fake.cancels == 1);
	pg_wake(&south, false);
	hears(&t, "E:42P01 Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_go_to_the_replica_writes_to_the_primary),
		TEST(hints_and_set_route_decide),
		TEST(what_prepares_a_write_goes_to_the_primary),
		TEST(what_a_replica_cannot_do_runs_on_the_primary),
		TEST(who_is_serializable_by_default_reads_on_the_primary),
		TEST(an_error_of_the_client_is_not_run_again),
		TEST(errors_of_any_length_pass_whole),
		TEST(long_errors_of_a_replica_pass_whole),
		TEST(a_long_refusal_of_a_replica_is_not_heard),
		TEST(a_rerun_finds_the_names_as_they_were),
		TEST(a_read_only_transaction_begins_again_on_the_primary),
		TEST(a_cancelled_unit_is_not_run_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
