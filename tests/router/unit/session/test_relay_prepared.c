/*-------------------------------------------------------------------------
 *
 * test_relay_prepared.c
 *	  Prepared statements in transaction pooling, as clients and servers see
 *	  them.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static void
a_statement_is_prepared_once_for_all(void **state)
{
	Talker		a;
	Talker		b;

	log_in(&a);
	log_in(&b);
	say(&a, "P s SELECT a FROM t|S|B s|E|S");
	hears(&a, "1 Z:I 2 D:south C:SELECT 1 Z:I");
	say(&b, "P mine SELECT a FROM t|B mine|E|S");
	hears(&b, "1 2 D:south C:SELECT 1 Z:I");
	was_sent(&south, "P:andon_1=SELECT a FROM t\nS\nB:/andon_1\nE:\nS\nB:/andon_1\nE:\nS");
	assert_int_equal(prepared_table_count(prepared), 1);
	hang_up(&a);
	say(&b, "B mine|E|S");
	hears(&b, "2 D:south C:SELECT 1 Z:I");
	hang_up(&b);
}

static void
another_server_is_given_it_first(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT a FROM t|S");
	hears(&t, "1 Z:I");
	was_sent(&south, "P:andon_1=SELECT a FROM t\nS");
	say(&t, "Q BEGIN|B s|D P -|E|S|D S s|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 2 T D:north C:SELECT 1 Z:T t T Z:T C:COMMIT Z:I");
	was_sent(&north, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nP:andon_1=SELECT a FROM t\nB:/andon_1\nD:P/\nE:\nS\n"
			 "D:S/andon_1\nS\nQ:COMMIT");
	hang_up(&t);
}

static void
an_unnamed_statement_is_shared_when_it_comes_again(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - SELECT a FROM t|B -|E|S|B -|E|S|P - SELECT a FROM t|B -|E|S");
	hears(&t, "1 2 D:south C:SELECT 1 Z:I 2 D:south C:SELECT 1 Z:I 1 2 D:south C:SELECT 1 Z:I");
	was_sent(&south, "P:=SELECT a FROM t\nB:/\nE:\nS\n"
			 "P:andon_1=SELECT a FROM t\nB:/andon_1\nE:\nS\n"
			 "B:/andon_1\nE:\nS");
	hang_up(&t);
}

static void
names_follow_the_protocol(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT 1|S|P s SELECT 2|S|B s|E|S");
	hears(&t, "1 Z:I E:42P05 Z:I 2 D:south C:SELECT 1 Z:I");
	say(&t, "C S s|S|C S s|S|B s|E|S");
	hears(&t, "3 Z:I 3 Z:I E:26000 Z:I");
	catch_up();
	say(&t, "P s SELECT 2|D S s|B s p|D P p|E p|C P p|S|D P p|S");
	hears(&t, "1 t T 2 T D:south C:SELECT 1 3 Z:I E:34000 Z:I");
	was_sent(&north, "B:/s\nskipped E\nS");	/* an unknown name is no read */
	hang_up(&t);
}

/* Guards: names of the router's own on servers are not there for clients. */
static void
nobody_reaches_the_routers_own_names(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&t, "P s INSERT INTO t VALUES (1)|B s|E|S");
	hears(&t, "1 2 C:INSERT 0 1 Z:I");
	say(&other, "C S andon_1|S|Q DEALLOCATE andon_1|B andon_1|E|S|D S andon_1|S");
	hears(&other, "3 Z:I E:26000 Z:I E:26000 Z:I");
	catch_up();
	hears(&other, "E:26000 Z:I");
	say(&t, "B s|E|S");
	hears(&t, "2 C:INSERT 0 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nB:/andon_1\nE:\nS\n"
			 "B:/andon_refused\nskipped E\nS\nB:/andon_1\nE:\nS");
	hang_up(&t);
	hang_up(&other);
}

/* Guards: the unnamed statement that another client left on the server is not run. */
static void
nobody_reaches_the_unnamed_statement_of_another(void **state)
{
	Talker		a;
	Talker		b;

	log_in(&a);
	log_in(&b);
	say(&a, "P - INSERT INTO t VALUES (1)|B -|E|S");
	hears(&a, "1 2 C:INSERT 0 1 Z:I");
	say(&b, "B -|E|S|D S -|S");
	hears(&b, "E:26000 Z:I");
	catch_up();
	hears(&b, "E:26000 Z:I");
	was_sent(&north, "P:=INSERT INTO t VALUES (1)\nB:/\nE:\nS\nB:/andon_refused\nskipped E\nS");
	hang_up(&a);
	hang_up(&b);
}

/* Guards: a Parse put in front of the client's Bind does not fail unheard. */
static void
a_statement_that_cannot_be_prepared_there_is_heard_of(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT a FROM t|S|Q BEGIN|Q SELECT 'fail 22012'|B s|E|S|D S s|S|P - SELECT a FROM t|S|Q ROLLBACK");
	hears(&t, "1 Z:I C:BEGIN Z:T E:22012 Z:E E:25P02 Z:E E:25P02 Z:E E:25P02 Z:E C:ROLLBACK Z:I");
	north.fail_text = "FROM t";
	north.fail_sqlstate = "42P01";
	say(&t, "Q BEGIN|P - ROLLBACK|B -|E|P - SELECT 1|B -|E|S|Q BEGIN|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 1 2 C:ROLLBACK 1 2 D:north C:SELECT 1 Z:I C:BEGIN Z:T E:42P01 Z:E C:ROLLBACK Z:I");
	hang_up(&t);
}

static void
what_an_error_skips_has_not_happened(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P keep SELECT 1|S");
	hears(&t, "1 Z:I");
	say(&t, "B nothing|E|C S keep|P new SELECT 2|S");
	hears(&t, "E:26000 Z:I");
	catch_up();
	say(&t, "B keep|E|S|B new|E|S|P new SELECT 2|B new|E|S");
	hears(&t, "2 D:south C:SELECT 1 Z:I E:26000 Z:I");
	catch_up();
	hears(&t, "1 2 D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: a Parse that failed, or was skipped, is not taken to be on the server. */
static void
a_statement_whose_parse_failed_is_prepared_again(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES ('fail 42601')|S|P u INSERT INTO t VALUES (1)|B s|P v INSERT INTO t VALUES (2)|S");
	hears(&t, "E:42601 Z:I 1 E:26000 Z:I");
	say(&t, "P s INSERT INTO t VALUES ('fail 42601')|S|P v INSERT INTO t VALUES (2)|B v|B u|S");
	hears(&t, "E:42601 Z:I 1 2 2 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES ('fail 42601')\nS\n"
			 "P:andon_2=INSERT INTO t VALUES (1)\nB:/s\nskipped P\nS\n"
			 "P:andon_1=INSERT INTO t VALUES ('fail 42601')\nS\n"
			 "P:andon_3=INSERT INTO t VALUES (2)\nB:/andon_3\nB:/andon_2\nS");
	hang_up(&t);
}

/* Guards: an evicted statement whose Close was skipped by an error is still there. */
static void
an_eviction_that_was_skipped(void **state)
{
	Talker		t;

	pool_config.max_prepared_statements = 1;
	pool_set_configure(pools, &pool_config);
	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES (1)|S|P b INSERT INTO t VALUES (2)|S");
	hears(&t, "1 Z:I 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nS\nC:S/andon_1\nP:andon_2=INSERT INTO t VALUES (2)\nS");
	say(&t, "B nothing|B a|B b|B a|S|B b|S|B a|S");
	hears(&t, "E:26000 Z:I 2 Z:I 2 Z:I");
	was_sent(&north, "B:/nothing\nskipped C\nskipped P\nskipped B\nskipped C\nskipped P\nskipped B\n"
			 "skipped C\nskipped P\nskipped B\nS\n"
			 "B:/andon_2\nS\nC:S/andon_2\nP:andon_1=INSERT INTO t VALUES (1)\nB:/andon_1\nS");
	hang_up(&t);
}

/* Guards: a server whose statements went unseen gives one error, not one for ever. */
static void
a_statement_lost_unseen_comes_back(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES (1)|S");
	hears(&t, "1 Z:I");
	pg_forget_statements(&north);
	say(&t, "B s|E|S|B s|E|S");
	hears(&t, "E:26000 Z:I 2 C:INSERT 0 1 Z:I");
	hang_up(&t);
}

static void
deallocate_is_for_the_clients_own(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a SELECT 1|P b SELECT 2|S|Q DEALLOCATE a|B a|S");
	hears(&t, "1 1 Z:I C:DEALLOCATE Z:I E:26000 Z:I");
	catch_up();
	say(&t, "B b|S|Q DEALLOCATE ALL|P b SELECT 2|S");
	hears(&t, "2 Z:I C:DEALLOCATE ALL Z:I 1 Z:I");
	hang_up(&t);
}

/* Guards: what DISCARD ALL and DEALLOCATE ALL remove on a held server is known to be gone. */
static void
what_a_pinned_session_discards_is_gone(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&other, "P o INSERT INTO t VALUES (1)|S");
	hears(&other, "1 Z:I");
	north.state_left = "4";
	say(&t, "Q LISTEN c|P mine SELECT 1|S|Q DEALLOCATE ALL|B mine|S");
	hears(&t, "C:OK Z:I 1 Z:I C:DEALLOCATE ALL Z:I E:26000 Z:I");
	say(&t, "P mine SELECT 1|S|Q DISCARD ALL|B mine|S");
	hears(&t, "1 Z:I C:DISCARD ALL Z:I E:26000 Z:I");
	assert_int_equal(north.fake.logins, 1);
	say(&other, "B o|E|S");
	hears(&other, "2 C:INSERT 0 1 Z:I");
	hang_up(&t);
	hang_up(&other);
}

#define TO_NORTH "P:=BEGIN\nB:andon_begin/\nE:andon_begin\n"
#define ASKED_NORTH "P:andon_1=SELECT a FROM t\nD:S/andon_1\nH\n"

/* Guards: where a statement is as it was described it is used, after one question per server. */
static void
a_description_is_compared_once_per_server(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&t, "P s SELECT a FROM t|D S s|S|B s|E|S");
	hears(&t, "1 t T Z:I 2 D:south C:SELECT 1 Z:I");
	was_sent(&south, "P:andon_1=SELECT a FROM t\nD:S/andon_1\nS\nB:/andon_1\nE:\nS");
	say(&t, "Q BEGIN|B s|E|S|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 2 D:north C:SELECT 1 Z:T 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&north, TO_NORTH ASKED_NORTH "B:/andon_1\nE:\nS\nB:/andon_1\nE:\nS\nQ:COMMIT");
	say(&other, "P mine SELECT a FROM t|D S mine|S|Q BEGIN|B mine|E|S|Q COMMIT");
	hears(&other, "1 t T Z:I C:BEGIN Z:T 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	was_sent(&north, TO_NORTH "B:/andon_1\nE:\nS\nQ:COMMIT");
	hang_up(&t);
	hang_up(&other);
}

/* Guards: rows of another shape than the client was told never reach it: 0A000, in its place in the unit. */
static void
rows_are_as_they_were_described(void **state)
{
	Talker		t;
	Talker		plain;

	log_in(&t);
	log_in(&plain);
	say(&t, "P s SELECT a FROM t|D S s|S");
	hears(&t, "1 t T Z:I");
	north.column = "other";
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|B s|E|S");
	hears(&t, "1 2 C:INSERT 0 1 E:0A000 Z:I");
	was_sent(&north, ASKED_NORTH "P:=INSERT INTO t VALUES (1)\nB:/\nE:\nB:/andon_refused\nskipped E\nS");
	say(&t, "Q BEGIN|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T E:0A000 Z:E C:ROLLBACK Z:I");

	/* who has it described before it is executed, or was told nothing, may have it */
	say(&t, "Q BEGIN|B s|D P -|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 2 T D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	say(&plain, "P s SELECT a FROM t|S|Q BEGIN|B s|E|S|Q COMMIT");
	hears(&plain, "1 Z:I C:BEGIN Z:T 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");

	/* and who prepares anew */
	say(&t, "C S s|P s SELECT a FROM t|D S s|S|Q BEGIN|D S s|B s|E|S|B s|E|S|Q COMMIT");
	catch_up();
	hears(&t, "3 1 t T Z:I C:BEGIN Z:T t T 2 D:north C:SELECT 1 Z:T 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	hang_up(&t);
	hang_up(&plain);
}

/* Guards: a portal's description is its statement's; the unnamed one's goes with it. */
static void
portals_describe_statements(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT a FROM t|B s p|D P p|E p|S|P - SELECT b FROM t|D S -|S");
	hears(&t, "1 2 T D:south C:SELECT 1 Z:I 1 t T Z:I");
	north.column = "other";
	say(&t, "Q BEGIN|B s|E|S|Q ROLLBACK|Q BEGIN|B -|E|S|Q ROLLBACK");
	hears(&t, "C:BEGIN Z:T E:0A000 Z:E C:ROLLBACK Z:I C:BEGIN Z:T E:0A000 Z:E C:ROLLBACK Z:I");
	say(&t, "Q BEGIN|P - SELECT b FROM t|B -|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 1 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	hang_up(&t);
}

/* Guards: a statement that cannot be described any more is an error of the unit, which is not sent. */
static void
a_question_that_fails_fails_the_unit(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT a FROM t|D S s|S");
	hears(&t, "1 t T Z:I");
	north.fail_text = "FROM t";
	north.fail_sqlstate = "42P01";
	say(&t, "Q BEGIN|P - INSERT INTO x VALUES (1)|B -|E|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T E:42P01 Z:E C:ROLLBACK Z:I");
	was_sent(&north, TO_NORTH "P:andon_1=SELECT a FROM t\nskipped D\nskipped H\nS\nQ:COMMIT");
	north.fail_text = NULL;
	say(&t, "Q BEGIN|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 2 D:north C:SELECT 1 Z:T C:COMMIT Z:I");
	hang_up(&t);
}

/* Guards: a session has as many statements as it may, and the error for one more fails its transaction. */
static void
a_session_may_not_prepare_without_end(void **state)
{
	Talker		t;

	context.config.max_client_statements = 2;
	log_in(&t);
	say(&t, "P a SELECT 1|P b SELECT 2|S|P - SELECT 3|B -|E|S");
	hears(&t, "1 1 Z:I 1 2 D:south C:SELECT 1 Z:I");
	say(&t, "C S -|C S a|P a SELECT 4|S|P c SELECT 1|P - SELECT 1|S|P c BEGIN|B c|E|S");
	hears(&t, "3 3 1 Z:I E:53400 Z:I E:53400 Z:I");
	say(&t, "Q BEGIN|P - INSERT INTO t VALUES (1)|B -|E|P c SELECT 1|S|Q COMMIT|Q DEALLOCATE ALL|P c SELECT 1|S");
	hears(&t, "C:BEGIN Z:T 1 2 C:INSERT 0 1 E:53400 Z:E C:ROLLBACK Z:I C:DEALLOCATE ALL Z:I");
	catch_up();
	hears(&t, "1 Z:I");
	hang_up(&t);
}

/* Guards: DISCARD ALL that fails, or is itself prepared, costs the client no statement. */
static void
discard_all_takes_effect_when_it_succeeds(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES (1)|P d DISCARD ALL|S|Q BEGIN|B s|E|S|Q DISCARD ALL|Q ROLLBACK|B s|S");
	hears(&t, "1 1 Z:I C:BEGIN Z:T 2 C:INSERT 0 1 Z:T E:25001 Z:E C:ROLLBACK Z:I 2 Z:I");
	say(&t, "Q LISTEN c|B d|E|S|B s|S");
	hears(&t, "C:OK Z:I 2 C:DISCARD ALL Z:I E:26000 Z:I");
	hang_up(&t);
}

/* Guards: a text means other tables under another search_path. */
static void
statements_are_shared_by_search_path(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES (1)|S|Q SET search_path = tenant|P b INSERT INTO t VALUES (1)|S");
	hears(&t, "1 Z:I C:SET Z:I 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nS\nQ:SET search_path = tenant\n"
			 "P:andon_2=INSERT INTO t VALUES (1)\nS");
	hang_up(&t);
}

#define PLACED "C:S/a\nP:a=INSERT INTO t VALUES (1)\n"

/* Guards: EXECUTE finds what was prepared by protocol; from then on the server answers for that name. */
static void
execute_finds_what_was_prepared_by_protocol(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES (1)|P b SELECT 2|S|Q EXECUTE a|B a|E|S|P a SELECT 3|S|Q EXECUTE b|Q EXECUTE a");
	hears(&t, "1 1 Z:I C:INSERT 0 1 Z:I 2 C:INSERT 0 1 Z:I E:42P05 Z:I T D:north C:SELECT 1 Z:I C:INSERT 0 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nP:andon_2=SELECT 2\nS\n" PLACED "Q:EXECUTE a\nB:/a\nE:\nS\n"
			 "P:a=SELECT 3\nS\nC:S/b\nP:b=SELECT 2\nQ:EXECUTE b\nQ:EXECUTE a");
	hang_up(&t);
}

/* Guards: EXECUTE that failed leaves the name as it was, on its server and nowhere else; so does what failed before. */
static void
execute_that_fails_keeps_the_name(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES ('fail 22012')|S|Q EXECUTE a|B a|E|S");
	hears(&t, "1 Z:I E:22012 Z:I 2 E:22012 Z:I");
	say(&t, "P c SELECT 2|S|Q SELECT 'fail 42601'; EXECUTE c|B c|S|Q BEGIN|Q SELECT 'fail 22012'|Q EXECUTE c|Q ROLLBACK|B c|S");
	hears(&t, "1 Z:I E:42601 Z:I 2 Z:I C:BEGIN Z:T E:22012 Z:E E:25P02 Z:E C:ROLLBACK Z:I 2 Z:I");
	hang_up(&t);
}

/* Guards: what the client prepared and has DEALLOCATEd among others is gone, and with it what pinned the session. */
static void
deallocate_among_others_takes_the_name(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES (1)|S|P - DEALLOCATE a|B -|E|B a|E|S");
	hears(&t, "1 Z:I 1 2 C:DEALLOCATE E:26000 Z:I");
	say(&t, "B a|S");
	hears(&t, "E:26000 Z:I");
	catch_up();
	say(&t, "P a SELECT 2|S|Q INSERT INTO t VALUES (2); DEALLOCATE a; EXECUTE a|B a|S");
	hears(&t, "1 Z:I C:INSERT 0 1 C:DEALLOCATE E:26000 Z:I E:26000 Z:I");
	catch_up();
	say(&t, "P a SELECT 3|S");
	hears(&t, "1 Z:I");
	assert_int_equal(north.fake.logins, 1);
	hang_up(&t);
}

/* Guards: SQL's EXECUTE prepared by protocol is described as what it runs. */
static void
execute_is_described(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P a INSERT INTO t VALUES (1)|S|P x EXECUTE a|D S x|S|B x|E|S");
	hears(&t, "1 Z:I 1 t n Z:I 2 C:INSERT 0 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nS\nP:andon_2=EXECUTE a\n" PLACED "D:S/andon_2\nS\n"
			 "B:/andon_2\nE:\nS");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_statement_is_prepared_once_for_all),
		TEST(another_server_is_given_it_first),
		TEST(an_unnamed_statement_is_shared_when_it_comes_again),
		TEST(names_follow_the_protocol),
		TEST(nobody_reaches_the_routers_own_names),
		TEST(nobody_reaches_the_unnamed_statement_of_another),
		TEST(a_statement_that_cannot_be_prepared_there_is_heard_of),
		TEST(what_an_error_skips_has_not_happened),
		TEST(a_statement_whose_parse_failed_is_prepared_again),
		TEST(an_eviction_that_was_skipped),
		TEST(a_statement_lost_unseen_comes_back),
		TEST(deallocate_is_for_the_clients_own),
		TEST(what_a_pinned_session_discards_is_gone),
		TEST(a_description_is_compared_once_per_server),
		TEST(rows_are_as_they_were_described),
		TEST(portals_describe_statements),
		TEST(a_question_that_fails_fails_the_unit),
		TEST(a_session_may_not_prepare_without_end),
		TEST(discard_all_takes_effect_when_it_succeeds),
		TEST(statements_are_shared_by_search_path),
		TEST(execute_finds_what_was_prepared_by_protocol),
		TEST(execute_that_fails_keeps_the_name),
		TEST(deallocate_among_others_takes_the_name),
		TEST(execute_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
