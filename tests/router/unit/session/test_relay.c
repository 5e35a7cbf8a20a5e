/*-------------------------------------------------------------------------
 *
 * test_relay.c
 *	  Where units go, transactions, replies that are held, floors.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include <stdio.h>

#include "base/clock.h"

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

/* ---------------------------------------------------------------- transactions */

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

/* ---------------------------------------------------------------- floors */

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
		TEST(reads_go_to_the_replica_writes_to_the_primary),
		TEST(hints_and_set_route_decide),
		TEST(what_prepares_a_write_goes_to_the_primary),
		TEST(begin_goes_with_the_first_statement),
		TEST(an_empty_transaction_needs_no_server),
		TEST(what_is_not_executed_begins_nothing),
		TEST(a_read_only_transaction_runs_on_a_replica),
		TEST(what_set_transaction_says_counts),
		TEST(a_read_only_transaction_may_begin_with_a_setting),
		TEST(begin_may_come_with_the_first_statement),
		TEST(a_write_in_it_is_refused_and_fails_it),
		TEST(what_pins_is_refused_on_a_replica),
		TEST(a_deferred_begin_that_fails_fails_what_follows),
		TEST(a_deferred_transaction_whose_first_unit_is_refused),
		TEST(an_error_of_the_router_fails_the_transaction_there),
		TEST(what_a_replica_cannot_do_runs_on_the_primary),
		TEST(who_is_serializable_by_default_reads_on_the_primary),
		TEST(an_error_of_the_client_is_not_run_again),
		TEST(a_rerun_finds_the_names_as_they_were),
		TEST(a_read_only_transaction_begins_again_on_the_primary),
		TEST(a_cancelled_unit_is_not_run_again),
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
