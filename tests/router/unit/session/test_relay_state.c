/*-------------------------------------------------------------------------
 *
 * test_relay_state.c
 *	  What a session leaves on servers: settings and resets; and servers
 *	  that are lost.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#define GUC(name) "Q INSERT INTO t VALUES ('guc " name "') RETURNING a"
#define GUC_IS(value) "T D:" value " C:INSERT 0 1 Z:I"

/* ---------------------------------------------------------------- settings */

static void
a_setting_follows_its_session(void **state)
{
	Talker		a;
	Talker		b;

	log_in(&a);
	log_in(&b);
	say(&a, "Q SET timezone = 'UTC'|" GUC("timezone"));
	hears(&a, "C:SET Z:I " GUC_IS("UTC"));
	say(&b, GUC("timezone"));
	hears(&b, GUC_IS("-"));
	was_sent(&north, "Q:SET timezone = 'UTC'\nQ:INSERT INTO t VALUES ('guc timezone') RETURNING a\n"
			 "Q:RESET \"timezone\"\nQ:INSERT INTO t VALUES ('guc timezone') RETURNING a");
	catch_up();
	say(&a, "Q SELECT 'guc timezone'");
	hears(&a, "T D:UTC C:SELECT 1 Z:I");
	was_sent(&south, "Q:SET \"timezone\" TO 'UTC'\nQ:SELECT 'guc timezone'");
	hang_up(&a);
	hang_up(&b);
}

static void
a_setting_goes_back_with_its_transaction(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q SET timezone = 'UTC'|Q ROLLBACK|" GUC("timezone"));
	hears(&t, "C:BEGIN Z:T C:SET Z:T C:ROLLBACK Z:I " GUC_IS("-"));
	say(&t, "Q BEGIN|Q SET timezone = 'UTC'|Q SELECT 'fail 22012'|Q COMMIT|" GUC("timezone"));
	hears(&t, "C:BEGIN Z:T C:SET Z:T E:22012 Z:E C:ROLLBACK Z:I " GUC_IS("-"));
	say(&t, "Q BEGIN|Q SET timezone = 'UTC'|Q COMMIT|" GUC("timezone"));
	hears(&t, "C:BEGIN Z:T C:SET Z:T C:COMMIT Z:I " GUC_IS("UTC"));
	say(&t, "Q SET timezone = 'fail 22023'|" GUC("timezone"));
	hears(&t, "E:22023 Z:I " GUC_IS("UTC"));

	say(&t, "P - SET timezone = 'CET'|B -|E|D S none|S|" GUC("timezone"));
	hears(&t, "1 2 C:SET E:26000 Z:I " GUC_IS("UTC"));

	/* what the router believes is what the server has */
	catch_up();
	say(&t, "Q SELECT 'guc timezone'");
	hears(&t, "T D:UTC C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: a default that is changed while no client has the server is told to each, once, and at logins. */
static void
what_servers_report_is_told(void **state)
{
	Talker		t;
	Talker		other;
	Buf			out = BUF_INIT;

	log_in(&t);
	log_in(&other);
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	fake_parameter(&out, "TimeZone", "Mars");
	fake_parameter(&out, "in_hot_standby", "off");
	fake_node_send(&north.fake, &out);
	turn_loop(loop);
	say(&t, "Q INSERT INTO t VALUES (1)|Q INSERT INTO t VALUES (1)");
	hears(&t, "S:TimeZone=Mars C:INSERT 0 1 Z:I C:INSERT 0 1 Z:I");
	say(&other, "P - INSERT INTO t VALUES (1)|B -|E|S");
	hears(&other, "S:TimeZone=Mars 1 2 C:INSERT 0 1 Z:I");
	hang_up(&other);

	connect_talker(&other);
	say_startup(&other, NULL, NULL);
	hears(&other, "R S:server_version=15.20 S:TimeZone=Mars S:application_name= " WELCOME_REST);
	say(&other, "Q INSERT INTO t VALUES (1)");
	hears(&other, "C:INSERT 0 1 Z:I");
	hang_up(&other);
	hang_up(&t);
}

/* Guards: RESET ALL takes SET andon.route back, also where there are settings that a server resets. */
static void
reset_all_resets_the_route(void **state)
{
	static const struct
	{
		const char *says;
		const char *hears;
	}			ways[] = {
		{"Q RESET ALL", "C:RESET Z:I"},
		{"Q CLOSE ALL; RESET ALL", "C:OK C:RESET Z:I"},
		{"P - RESET ALL|B -|E|S", "1 2 C:RESET Z:I"},
		{"Q DISCARD ALL", "C:DISCARD ALL Z:I"},
	};
	Talker		t;

	log_in(&t);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		say(&t, "Q SET search_path = mine|Q SET andon.route = 'primary'|Q SHOW andon.route");
		hears(&t, "C:SET Z:I C:SET Z:I T D:primary C:SHOW Z:I");
		say(&t, ways[i].says);
		hears(&t, ways[i].hears);
		say(&t, "Q SHOW andon.route");
		hears(&t, "T D:auto C:SHOW Z:I");
	}
	say(&t, "Q SET search_path = mine|Q SET andon.route = 'primary'|Q RESET search_path|Q SHOW andon.route");
	hears(&t, "C:SET Z:I C:SET Z:I C:RESET Z:I T D:primary C:SHOW Z:I");
	hang_up(&t);
}

/* Guards: RESET goes back to what the startup packet asked for, at once and in transactions. */
static void
reset_is_to_the_startup_packets(void **state)
{
	Talker		t;

	log_in_with(&t, "search_path", "mine");
	say(&t, "Q SET search_path = yours|Q RESET search_path|" GUC("search_path"));
	hears(&t, "C:SET Z:I C:RESET Z:I " GUC_IS("mine"));
	say(&t, "Q BEGIN|Q SET search_path = yours|Q RESET search_path|" GUC("search_path"));
	hears(&t, "C:BEGIN Z:T C:SET Z:T C:RESET Z:T T D:mine C:INSERT 0 1 Z:T");
	say(&t, "Q ROLLBACK|Q RESET ALL|Q SET search_path = yours|Q RESET ALL|" GUC("search_path"));
	hears(&t, "C:ROLLBACK Z:I C:RESET Z:I C:SET Z:I C:RESET Z:I " GUC_IS("mine"));
	say(&t, "Q SET search_path = yours|Q DISCARD ALL|Q DISCARD ALL|" GUC("search_path"));
	hears(&t, "C:SET Z:I C:DISCARD ALL Z:I C:DISCARD ALL Z:I " GUC_IS("mine"));
	assert_int_equal(north.fake.logins, 1);
	hang_up(&t);
}

/* Guards: SET among others in one extended unit is not given to the next client. */
static void
a_setting_among_others_pins(void **state)
{
	Talker		a;
	Talker		b;

	log_in(&a);
	log_in(&b);
	say(&a, "P - SET timezone = 'UTC'|B -|E|P - INSERT INTO t VALUES (1)|B -|E|S");
	hears(&a, "1 2 C:SET 1 2 C:INSERT 0 1 Z:I");
	say(&b, GUC("timezone"));
	hears(&b, GUC_IS("-"));
	say(&a, GUC("timezone"));
	hears(&a, GUC_IS("UTC"));
	assert_int_equal(north.fake.logins, 2);
	hang_up(&a);
	hang_up(&b);
}

/* ---------------------------------------------------------------- savepoints */

/* Guards: settings go back to a savepoint as they do on the server, and nobody is pinned for it. */
static void
settings_go_back_to_a_savepoint(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q SAVEPOINT a|Q SET timezone = 'UTC'|Q ROLLBACK TO a|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:OK Z:T C:SET Z:T C:ROLLBACK Z:T C:COMMIT Z:I");
	catch_up();
	say(&t, "Q SELECT 'guc timezone'");
	hears(&t, "T D:- C:SELECT 1 Z:I");
	say(&t, "Q BEGIN|Q SET timezone = 'A'|Q SAVEPOINT s|Q SET timezone = 'B'|Q SAVEPOINT s|Q SET timezone = 'C'|"
		"Q SELECT 'fail 22012'|Q ROLLBACK TO s|Q RELEASE s|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:SET Z:T C:OK Z:T C:SET Z:T C:OK Z:T C:SET Z:T E:22012 Z:E C:ROLLBACK Z:T C:OK Z:T C:COMMIT Z:I");
	catch_up();
	say(&t, "Q SELECT 'guc timezone'");
	hears(&t, "T D:B C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: where the course of a transaction is not seen, its settings are not guessed. */
static void
unseen_savepoints_pin(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|P - SAVEPOINT a|B -|E|P - SELECT 1|B -|E|S|Q SET timezone = 'UTC'|Q ROLLBACK TO a|Q COMMIT|Q SELECT 1");
	hears(&t, "C:BEGIN Z:T 1 2 C:OK 1 2 D:north C:SELECT 1 Z:T C:SET Z:T C:ROLLBACK Z:T C:COMMIT Z:I T D:north C:SELECT 1 Z:I");
	say(&t, "Q DISCARD ALL|Q BEGIN|Q SET timezone = 'UTC'|Q ROLLBACK; SELECT 1");
	hears(&t, "C:DISCARD ALL Z:I C:BEGIN Z:T C:SET Z:T C:ROLLBACK T D:north C:SELECT 1 Z:I");
	say(&t, GUC("timezone"));
	hears(&t, GUC_IS("-"));
	hang_up(&t);
}

/* Guards: set_config() alone in its statement is followed as SET is; any setting is that can be given again. */
static void
set_config_and_own_settings_follow(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELECT set_config('Geqo_Seed', '0.5', false)|Q SET geqo = off");
	hears(&t, "T D:north C:SELECT 1 Z:I C:SET Z:I");
	catch_up();
	buf_clear(&south.log);
	say(&t, "Q SELECT 'guc geqo_seed'");
	hears(&t, "T D:0.5 C:SELECT 1 Z:I");
	was_sent(&south, "Q:SET \"geqo\" TO 'off'; SET \"geqo_seed\" TO '0.5'\nQ:SELECT 'guc geqo_seed'");
	hang_up(&t);
}

/* Guards: what is prepared under SET LOCAL of the time zone has its literals, and is nobody else's. */
static void
statements_of_a_local_setting_are_not_shared(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&other, "P s INSERT INTO t VALUES (1)|S|B s|E|S");
	hears(&other, "1 Z:I 2 C:INSERT 0 1 Z:I");
	buf_clear(&north.log);
	say(&t, "Q BEGIN|Q SET LOCAL timezone = 'UTC'|P s INSERT INTO t VALUES (1)|B s|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:SET Z:T 1 2 C:INSERT 0 1 Z:T C:COMMIT Z:I");
	was_sent(&north, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nQ:SET LOCAL timezone = 'UTC'\n"
			 "P:andon_2=INSERT INTO t VALUES (1)\nB:/andon_2\nE:\nS\nQ:COMMIT\nQ:DISCARD ALL");
	say(&t, "Q BEGIN|Q SET LOCAL statement_timeout = 5|P u INSERT INTO t VALUES (1)|B u|E|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T C:SET Z:T 1 2 C:INSERT 0 1 Z:T C:COMMIT Z:I");
	was_sent(&north, "P:=BEGIN\nB:andon_begin/\nE:andon_begin\nQ:SET LOCAL statement_timeout = 5\n"
			 "P:andon_1=INSERT INTO t VALUES (1)\nB:/andon_1\nE:\nS\nQ:COMMIT");
	hang_up(&t);
	hang_up(&other);
}

static void
notifications_reach_a_pinned_session(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c");
	hears(&t, "C:OK Z:I");
	notify_all();
	hears(&t, "A:c");
	hang_up(&t);
}

/* ---------------------------------------------------------------- lost servers */

static void
lost_between_statements(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	fake_node_crash(&north.fake);
	turn_loop(loop);
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	hang_up(&t);
}

static void
lost_in_a_transaction(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q SET timezone = 'UTC'");
	hears(&t, "C:BEGIN Z:T C:SET Z:T");
	fake_node_crash(&north.fake);
	wait_until(loop, suspicions == 1);
	say(&t, "Q SELECT 1|P - SELECT 1|S|S|P - ROLLBACK|B -|E|H");
	hears(&t, "E:08006 Z:E E:25P02 Z:E Z:E 1 2 C:ROLLBACK");
	say(&t, "S|" GUC("timezone"));
	hears(&t, "Z:I " GUC_IS("-"));
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES ('die')");
	hears(&t, "C:BEGIN Z:T E:08006 Z:E");
	say(&t, "Q COMMIT|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:ROLLBACK Z:I C:INSERT 0 1 Z:I");
	hang_up(&t);
}

static void
lost_while_a_write_ran(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES ('die')");
	hears(&t, "E:08007 Z:I");
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q COMMIT -- 'die'");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T E:08007 Z:I");
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)|Q ROLLBACK -- 'die'");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T E:08006 Z:I");
	say(&t, "P - INSERT INTO t VALUES ('die')|B -|E|H");
	hears(&t, "1 2 E:08007");
	say(&t, "B -|S|Q SELECT 1");
	hears(&t, "Z:I");

	/* what may have been committed there must be seen */
	catch_up();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

static void
lost_while_a_read_ran(void **state)
{
	Talker		t;

	log_in(&t);
	south.dies_at = "FROM t";
	say(&t, "Q SELECT a FROM t|P s SELECT a FROM t|B s|E|S");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	catch_up();
	hears(&t, "1 2 D:north C:SELECT 1 Z:I");
	assert_int_equal(suspicions, 2);
	say(&t, "Q SELECT 'die'");
	catch_up();
	hears(&t, "E:08006 Z:I");	/* on both */
	assert_int_equal(suspicions, 4);
	hang_up(&t);
}

/* Guards: what came of a row before its server was lost is not taken for the next one's. */
static void
lost_in_the_middle_of_what_is_held(void **state)
{
	Talker		t;
	FakeConnection *connection;
	Buf			part = BUF_INIT;
	char	   *bytes = mem_alloc(BIG_ROW);

	log_in(&t);
	say(&t, "Q SELECT 'hang'");
	wait_until(loop, south.hanging == 1);
	connection = list_entry(list_first(&south.fake.connections), FakeConnection, node);
	buf_append_u8(&part, 'T');
	buf_append_u32(&part, BIG_ROW);
	buf_append(&part, slice_make(bytes, 1000));
	fake_send(connection, &part);
	hears(&t, "");
	north.go_on = true;
	fake_node_crash(&south.fake);
	hears(&t, "T D:north C:SELECT 1 Z:I");
	mem_free(bytes);
	hang_up(&t);
}

/* Guards: the server's last words are told, though the unit they came in has ended on the way. */
static void
lost_behind_an_answer_says_why(void **state)
{
	Talker		t;

	north.fake.has_extension = false;
	log_in(&t);
	say(&t, "Q LISTEN c");
	hears(&t, "C:OK Z:I");
	north.dies_at = "pg_current_wal_insert_lsn";
	north.last_words = "somebody has pulled the plug";
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I FATAL:08006");
	assert_string_equal(t.detail, north.last_words);
	is_closed(&t);
	hang_up(&t);
}

static void
lost_while_pinned_ends_the_session(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q LISTEN c");
	hears(&t, "C:OK Z:I");
	fake_node_crash(&north.fake);
	hears(&t, "FATAL:08006");
	is_closed(&t);
	hang_up(&t);
}

static void
lost_during_copy(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q COPY t FROM STDIN|d 1");
	hears(&t, "G");
	fake_node_crash(&north.fake);
	hears(&t, "E:08007 Z:I");
	say(&t, "d 2|c|Q INSERT INTO t VALUES (1)|P - COPY t FROM STDIN|B -|E|S");
	hears(&t, "C:INSERT 0 1 Z:I 1 2 G");
	fake_node_crash(&north.fake);
	hears(&t, "E:08007");
	say(&t, "d 2|c|S|Q INSERT INTO t VALUES (1)");
	hears(&t, "Z:I C:INSERT 0 1 Z:I");
	hang_up(&t);
}

/* Guards: a commit that was acknowledged is not called doubtful for want of its position. */
static void
lost_when_only_the_position_is_missing(void **state)
{
	Talker		t;

	north.fake.has_extension = false;
	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES (1)|Q DELETE FROM t");
	hears(&t, "C:INSERT 0 1 Z:I C:OK Z:I");
	north.fail_text = NULL;
	north.dies_at = "pg_current_wal_insert_lsn";
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	assert_int_equal(suspicions, 1);
	hang_up(&t);
}

static void
session_pooling_keeps_one_server(void **state)
{
	Talker		t;

	log_in(&t);
	context.config.pool_mode = POOL_MODE_SESSION;
	account_configure_all(&context);
	say(&t, "Q SELECT 1|Q BEGIN|Q SET geqo = off|Q COMMIT|Q SELECT 'guc geqo'");
	hears(&t, "T D:north C:SELECT 1 Z:I C:BEGIN Z:T C:SET Z:T C:COMMIT Z:I T D:off C:SELECT 1 Z:I");
	was_sent(&north, "Q:SELECT 1\nQ:BEGIN\nQ:SET geqo = off\nQ:COMMIT\nQ:SELECT 'guc geqo'");
	hang_up(&t);
	wait_until(loop, buf_len(&north.log) > 0);
	was_sent(&north, "Q:DISCARD ALL");
}

/* Guards: server_fast_close ends who keeps a server that is to be closed, between transactions; PAUSE is no such reason. */
static void
old_servers_are_not_kept_by_sessions(void **state)
{
	Talker		idle;
	Talker		busy;

	context.config.pool_mode = POOL_MODE_SESSION;
	log_in(&idle);
	log_in(&busy);
	say(&idle, "Q INSERT INTO t VALUES (1)");
	hears(&idle, "C:INSERT 0 1 Z:I");
	say(&busy, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&busy, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	pool_set_reconnect(pools, NULL);
	say(&idle, "Q INSERT INTO t VALUES (1)");
	hears(&idle, "C:INSERT 0 1 Z:I");
	context.config.server_fast_close = true;
	hears(&idle, "FATAL:57P01");
	is_closed(&idle);
	say(&busy, "Q INSERT INTO t VALUES (1)|Q COMMIT");
	hears(&busy, "C:INSERT 0 1 Z:T C:COMMIT Z:I FATAL:57P01");
	is_closed(&busy);
	hang_up(&idle);
	hang_up(&busy);

	log_in(&idle);
	say(&idle, "Q INSERT INTO t VALUES (1)");
	hears(&idle, "C:INSERT 0 1 Z:I");
	pool_set_pause(pools, NULL);
	pool_set_resume(pools, NULL);
	say(&idle, "Q INSERT INTO t VALUES (1)");
	hears(&idle, "C:INSERT 0 1 Z:I");
	hang_up(&idle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_setting_follows_its_session),
		TEST(a_setting_goes_back_with_its_transaction),
		TEST(what_servers_report_is_told),
		TEST(reset_all_resets_the_route),
		TEST(reset_is_to_the_startup_packets),
		TEST(a_setting_among_others_pins),
		TEST(settings_go_back_to_a_savepoint),
		TEST(unseen_savepoints_pin),
		TEST(set_config_and_own_settings_follow),
		TEST(statements_of_a_local_setting_are_not_shared),
		TEST(notifications_reach_a_pinned_session),
		TEST(lost_between_statements),
		TEST(lost_in_a_transaction),
		TEST(lost_while_a_write_ran),
		TEST(lost_while_a_read_ran),
		TEST(lost_in_the_middle_of_what_is_held),
		TEST(lost_while_pinned_ends_the_session),
		TEST(lost_behind_an_answer_says_why),
		TEST(lost_during_copy),
		TEST(lost_when_only_the_position_is_missing),
		TEST(session_pooling_keeps_one_server),
		TEST(old_servers_are_not_kept_by_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
