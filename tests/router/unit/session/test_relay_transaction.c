/*-------------------------------------------------------------------------
 *
 * test_relay_transaction.c
 *	  Transactions: where they run, a BEGIN that waits for the first statement,
 *	  what a replica refuses in them.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static void
begin_goes_with_the_first_statement(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN");
	hears(&t, "C:BEGIN Z:T");
	was_sent(&north, "");
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:north C:SELECT 1 Z:T");
	was_sent(&north, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nQ:SELECT a FROM t");
	say(&t, "P - COMMIT|B -|E|S");
	hears(&t, "1 2 C:COMMIT Z:I");
	was_sent(&north, "P:=COMMIT\nB:/\nE:\nS");
	was_sent(&south, "");
	hang_up(&t);
}

static void
an_empty_transaction_needs_no_server(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q COMMIT|Q begin isolation level serializable|Q ROLLBACK|Q START TRANSACTION|Q END");
	hears(&t, "C:BEGIN Z:T C:COMMIT Z:I C:BEGIN Z:T C:ROLLBACK Z:I C:START TRANSACTION Z:T C:COMMIT Z:I");
	say(&t, "P b BEGIN|B b|D P -|E|S|S|P c COMMIT|B c|E|S|B b|E|H");
	hears(&t, "1 2 n C:BEGIN Z:T Z:T 1 2 C:COMMIT Z:I 2 C:BEGIN");
	say(&t, "S|B c|E|H|S");
	hears(&t, "Z:T 2 C:COMMIT Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

/* Guards: a BEGIN that is bound and never executed begins nothing. */
static void
what_is_not_executed_begins_nothing(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - BEGIN|B -|D P -|S");
	hears(&t, "1 2 n Z:I");
	say(&t, "Q SELECT 1");
	show_view();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
a_read_only_transaction_runs_on_a_replica(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN READ ONLY|Q SELECT a FROM t|Q SELECT 1|Q COMMIT");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&south, "P:=BEGIN READ ONLY\nB:andon_begin/\nE:andon_begin\nQ:SELECT a FROM t\nQ:SELECT 1\nQ:COMMIT");
	hang_up(&t);
}

/* Guards: SET TRANSACTION behind BEGIN counts, and is where it was; what it cannot promise is left to a server. */
/* Guards: SELECT 1 needs no facts, what follows does: before they are known it would be refused there. */
static void
before_there_are_facts_it_runs_on_the_primary(void **state)
{
	Talker		t;

	log_in_with(&t, NULL, NULL);
	buf_clear(&north.log);
	say(&t, "Q SELECT 1|Q BEGIN READ ONLY|Q SELECT 1|Q SELECT a FROM t|Q COMMIT");
	hears(&t, "T D:south C:SELECT 1 Z:I C:BEGIN Z:T T D:north C:SELECT 1 Z:T T D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	show_facts(wal);
	catch_up();
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1|Q SELECT a FROM t|Q COMMIT");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I");
	hang_up(&t);
}

static void
what_set_transaction_says_counts(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q SET TRANSACTION READ ONLY|P - SET TRANSACTION ISOLATION LEVEL REPEATABLE READ|B -|E|S|Q SELECT 1|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:SET Z:T 1 2 C:SET Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&south, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\n"
			 "P:=SET TRANSACTION READ ONLY\nB:andon_begin_1/\nE:andon_begin_1\n"
			 "P:=SET TRANSACTION ISOLATION LEVEL REPEATABLE READ\nB:andon_begin_2/\nE:andon_begin_2\nQ:SELECT 1\nQ:COMMIT");
	say(&t, "Q BEGIN READ ONLY|Q SET TRANSACTION READ WRITE|Q SELECT 1|Q ROLLBACK");
	hears(&t, "C:BEGIN Z:T C:SET Z:T T D:north C:SELECT 1 Z:T C:ROLLBACK Z:I");
	say(&t, "Q BEGIN READ ONLY|Q SET TRANSACTION ISOLATION LEVEL SERIALIZABLE|Q SELECT 1|Q ROLLBACK");
	hears(&t, "C:BEGIN Z:T C:SET Z:T T D:north C:SELECT 1 Z:T C:ROLLBACK Z:I");
	say(&t, "Q BEGIN READ ONLY|Q SET transaction_isolation = 'fail 22023'|Q ROLLBACK");
	hears(&t, "C:BEGIN Z:T E:22023 Z:E C:ROLLBACK Z:I");
	say(&t, "Q BEGIN|Q SET TRANSACTION READ ONLY|Q COMMIT|Q SELECT 1");
	show_view();
	hears(&t, "C:BEGIN Z:T C:SET Z:T C:COMMIT Z:I T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: what decides nothing does not decide for the primary. */
static void
a_read_only_transaction_may_begin_with_a_setting(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN READ ONLY|Q SET LOCAL statement_timeout = 5|Q SELECT 1|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:SET Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I");
	say(&t, "Q BEGIN READ ONLY|Q SAVEPOINT a|Q SELECT 1|Q INSERT INTO t VALUES (1)|Q ROLLBACK TO a|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:OK Z:T T D:south C:SELECT 1 Z:T E:25006 Z:E C:ROLLBACK Z:T C:COMMIT Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

/* Guards: BEGIN in one unit with what follows (pgjdbc) is a transaction like any other. */
static void
begin_may_come_with_the_first_statement(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - BEGIN|B -|E|P - INSERT INTO t VALUES (1)|B -|E|P - COMMIT|B -|E|S");
	hears(&t, "1 2 C:BEGIN 1 2 C:INSERT 0 1 1 2 C:COMMIT Z:I");
	was_sent(&north, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nP:=INSERT INTO t VALUES (1)\nB:/\nE:\nP:=COMMIT\nB:/\nE:\nS");
	catch_up();
	say(&t, "P - BEGIN READ ONLY|B -|E|P - SELECT a FROM t|B -|D P -|E|S|Q SELECT 1|Q COMMIT");
	hears(&t, "1 2 C:BEGIN 1 2 T D:south C:SELECT 1 Z:T T D:south C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&north, "");
	south.fail_text = "FROM t";
	south.fail_sqlstate = "42P01";
	say(&t, "P b BEGIN READ ONLY|B b|D P -|E|P - SELECT a FROM t|B -|E|S|Q COMMIT");
	hears(&t, "1 2 n C:BEGIN 1 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	south.fail_text = NULL;
	show_view();
	say(&t, "B b|E|P - SELECT 'fail 22012'|B -|E|B b|E|S|Q SELECT 1|Q ROLLBACK");
	hears(&t, "2 C:BEGIN 1 2 E:22012 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	say(&t, "B b|E|P s SELECT 1|D S s|S|Q ROLLBACK");
	hears(&t, "2 C:BEGIN 1 t T Z:T C:ROLLBACK Z:I");
	say(&t, "B b|E|P c COMMIT|B c|E|S");
	hears(&t, "2 C:BEGIN 1 2 C:COMMIT Z:I");
	hang_up(&t);
}

static void
a_write_in_it_is_refused_and_fails_it(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1|Q SELECT pg_advisory_lock(1)|Q SELECT 1|Q COMMIT");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T E:25006 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	was_sent(&south, "P:=BEGIN READ ONLY\nB:andon_begin/\nE:andon_begin\nQ:SELECT 1\nQ:refused by andon-router\nQ:SELECT 1\nQ:COMMIT");
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T");
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|S|P - ROLLBACK|B -|E|S");
	hears(&t, "E:25006 Z:E 1 2 C:ROLLBACK Z:I");

	/* what comes behind is told what a server would tell it, and runs no more than before */
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1|Q INSERT INTO t VALUES (1)|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T E:25006 Z:E E:25P02 Z:E");
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|S|Q ROLLBACK; INSERT INTO t VALUES (1)|Q ROLLBACK");
	hears(&t, "E:25P02 Z:E E:25006 Z:E C:ROLLBACK Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

/* Guards: what pins a session never pins it to a replica. */
static void
what_pins_is_refused_on_a_replica(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1|Q SET statement_timeout = 5|Q SET default_transaction_read_only = off|Q ROLLBACK|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T C:SET Z:T E:25006 Z:E C:ROLLBACK Z:I C:INSERT 0 1 Z:I");
	hang_up(&t);
}

static void
a_deferred_begin_that_fails_fails_what_follows(void **state)
{
	Talker		t;

	log_in(&t);
	north.fail_text = "DEFERRABLE";
	north.fail_sqlstate = "0A000";
	say(&t, "Q BEGIN DEFERRABLE|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T E:0A000 Z:I");
	was_sent(&north, "P:=BEGIN DEFERRABLE\nB:andon_begin/\nE:andon_begin\nskipped Q\nS");
	hang_up(&t);
}

/* Guards: a refused first unit leaves a failed transaction that ROLLBACK ends. */
static void
a_deferred_transaction_whose_first_unit_is_refused(void **state)
{
	Talker		t;

	log_in(&t);
	context.config.replica_wait_us = 0;
	wal += LSN_STEP;
	show_view();
	say(&t, "Q SET andon.floor = '7:1:0/1100'|Q SET andon.route = 'replica'|Q BEGIN READ ONLY|Q SELECT 1|Q SELECT 1");
	hears(&t, "C:SET Z:I C:SET Z:I C:BEGIN Z:T E:57P03 Z:E E:25P02 Z:E");
	say(&t, "S|P r ROLLBACK|B r|E|S");
	hears(&t, "Z:E 1 2 C:ROLLBACK Z:I");
	hang_up(&t);
}

static void
an_error_of_the_router_fails_the_transaction_there(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q SET andon.route = 'nowhere'|Q SET andon.route = 'auto'|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T E:22023 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	assert_int_equal(wal, 0x1000);
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begin_goes_with_the_first_statement),
		TEST(an_empty_transaction_needs_no_server),
		TEST(what_is_not_executed_begins_nothing),
		TEST(a_read_only_transaction_runs_on_a_replica),
		TEST(before_there_are_facts_it_runs_on_the_primary),
		TEST(what_set_transaction_says_counts),
		TEST(a_read_only_transaction_may_begin_with_a_setting),
		TEST(begin_may_come_with_the_first_statement),
		TEST(a_write_in_it_is_refused_and_fails_it),
		TEST(what_pins_is_refused_on_a_replica),
		TEST(a_deferred_begin_that_fails_fails_what_follows),
		TEST(a_deferred_transaction_whose_first_unit_is_refused),
		TEST(an_error_of_the_router_fails_the_transaction_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
