/*-------------------------------------------------------------------------
 *
 * test_client.c
 *	  Sessions come and go: login, the end, bad input.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static int
idle_servers(void)
{
	return (int) north.fake.connections.count;
}

/* ---------------------------------------------------------------- login */

static void
the_first_login_asks_a_server_the_next_does_not(void **state)
{
	Talker		a;
	Talker		b;

	log_in(&a);
	assert_int_equal(north.fake.logins, 1);
	fake_node_crash(&north.fake);
	session_context_set_view(&context, view_without_primary());
	log_in(&b);
	assert_int_equal(north.fake.logins, 1);
	say(&b, "Q SELECT 1");
	hears(&b, "T D:south C:SELECT 1 Z:I");
	hang_up(&a);
	hang_up(&b);
	assert_int_equal(admitted, 0);
}

/* Guards: what is not in the auth_file any more is not used to log in to servers. */
static void
a_secret_is_the_auth_files_or_none(void **state)
{
	Database   *database = account_get_database(&context, "mes");
	Account    *account = account_get(&context, database, "ada", "first");

	assert_string_equal(account->password, "first");
	assert_ptr_equal(account_get(&context, database, "ada", "second"), account);
	assert_string_equal(account->password, "second");
	assert_ptr_equal(account_get(&context, database, "ada", NULL), account);
	assert_null(account->password);
}

static void
startup_settings_are_tried_on_a_server(void **state)
{
	Talker		t;

	north.fail_text = "TO 'Mars'";
	north.fail_sqlstate = "22023";
	connect_talker(&t);
	say_startup(&t, "TimeZone", "Mars");
	hears(&t, "R FATAL:22023");
	is_closed(&t);
	hang_up(&t);
	assert_int_equal(idle_servers(), 1);	/* it is as it was */
	log_in_with(&t, "search_path", "mine");
	was_sent(&north, "Q:SET \"timezone\" TO 'Mars'\nQ:SET \"search_path\" TO 'mine'");
	assert_int_equal(north.fake.logins, 1);
	hang_up(&t);
}

static void
what_is_asked_for_wrongly_is_said(void **state)
{
	Talker		t;
	const char *unknown[] = {"user", "app", "database", "nosuch", NULL};
	const char *nobody[] = {"database", "mes", NULL};
	Buf			out = BUF_INIT;

	connect_talker(&t);
	build_startup(&out, unknown);
	say_bytes(&t, buf_slice(&out));
	hears(&t, "R FATAL:3D000");
	hang_up(&t);
	buf_clear(&out);

	connect_talker(&t);
	build_startup(&out, nobody);
	say_bytes(&t, buf_slice(&out));
	hears(&t, "FATAL:28000");
	hang_up(&t);
	buf_release(&out);

	connect_talker(&t);
	say_startup(&t, "idle_session_timeout", "5");
	hears(&t, "FATAL:0A000");
	hang_up(&t);

	connect_talker(&t);
	say_startup(&t, "replication", "maybe");
	hears(&t, "FATAL:22023");
	hang_up(&t);

	connect_talker(&t);
	say_bytes(&t, slice_make("\0\0\0\4", 4));
	is_closed(&t);
	hang_up(&t);
	assert_int_equal(admitted, 0);
	assert_int_equal(context.stats.clients, 0);
}

/* Guards: a server that was asked for its welcome and has not answered is not given to the next. */
static void
who_leaves_while_a_server_is_asked(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&other);
	north.fake.on_messages = NULL;
	north.fake.hold_replies = true;
	connect_talker(&t);
	say_startup(&t, "search_path", "mine");
	wait_until(loop, fake_node_was_asked(&north.fake, "search_path"));
	hang_up(&t);
	wait_until(loop, context.stats.clients == 1);
	north.fake.on_messages = pg_on_messages;
	north.fake.hold_replies = false;
	say(&other, "Q INSERT INTO t VALUES (1)");
	hears(&other, "C:INSERT 0 1 Z:I");
	assert_int_equal(north.fake.logins, 2);
	hang_up(&other);
}

static void
login_waits_for_a_node_and_ends_in_time(void **state)
{
	Talker		t;
	Talker		gone;
	TopologyView *view = view_without_primary();

	view->nodes[1].is_usable = false;
	session_context_set_view(&context, view);
	connect_talker(&gone);
	say_startup(&gone, NULL, NULL);
	hears(&gone, "R");
	hang_up(&gone);
	connect_talker(&t);
	say_startup(&t, NULL, NULL);
	hears(&t, "R");
	show_view();
	hears(&t, "S:server_version=15.20 S:application_name= " WELCOME_REST);
	hang_up(&t);

	context.config.client_login_timeout_us = SWEEP_IS_QUICK;
	connect_talker(&t);
	hears(&t, "FATAL:08P01");
	is_closed(&t);
	hang_up(&t);
}

/* Guards: who does not wait to be let in is not read without end, and what he sent is run when he is. */
static void
what_comes_before_the_welcome_is_bounded(void **state)
{
	Talker		t;
	Buf			query = BUF_INIT;
	TopologyView *view = view_without_primary();
	size_t		sent = 0;
	size_t		mark = build_begin(&query, 'Q');

	buf_append_string(&query, "INSERT INTO t VALUES (1)");
	buf_append_u8(&query, 0);
	build_end(&query, mark);
	view->nodes[1].is_usable = false;
	session_context_set_view(&context, view);
	connect_talker(&t);
	say_startup(&t, NULL, NULL);
	hears(&t, "R");
	for (int stuck = 0; stuck < 20; stuck++)
	{
		Slice		rest = slice_skip(buf_slice(&query), sent % buf_len(&query));
		ssize_t		n = send(t.fd, rest.data, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
		{
			sent += (size_t) n;
			stuck = 0;
		}
		else
			turn_loop(loop);
		assert_true(sent < 64 * 1024 * 1024);
	}
	show_view();
	while (strstr(heard_text(&t), "K Z:I C:INSERT 0 1 Z:I C:INSERT") == NULL)
		listen_to(&t);
	hang_up(&t);
	buf_release(&query);
}

static void
login_tries_another_node(void **state)
{
	Talker		t;
	Error		refuse = {0};

	error_set(&refuse, SQLSTATE_CANNOT_CONNECT_NOW, "the database system is starting up");
	north.fake.refuse = &refuse;
	connect_talker(&t);
	say_startup(&t, NULL, NULL);
	hears(&t, "R S:server_version=15.20 S:application_name= " WELCOME_REST);
	assert_int_equal(south.fake.logins, 1);
	hang_up(&t);
}

/* Guards: defaults of the server decide whether texts can be read at all. */
static void
texts_that_cannot_be_read_are_not(void **state)
{
	Talker		t;

	north.fake.conforming_strings = "off";
	connect_talker(&t);
	say_startup(&t, NULL, NULL);
	hears(&t, "R S:server_version=15.20 S:standard_conforming_strings=off S:application_name= " WELCOME_REST);
	show_facts(wal);
	say(&t, "Q SELECT 1");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	hang_up(&t);
}

/* ---------------------------------------------------------------- the end */

static void
drain_ends_sessions_between_transactions(void **state)
{
	Talker		idle;
	Talker		busy;
	Talker		late;

	log_in(&idle);
	log_in(&busy);
	say(&busy, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&busy, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	session_context_drain(&context);
	hears(&idle, "FATAL:57P01");
	is_closed(&idle);
	connect_talker(&late);
	say_startup(&late, NULL, NULL);
	hears(&late, "FATAL:57P03");
	assert_false(session_context_is_drained(&context));
	say(&busy, "Q INSERT INTO t VALUES (1)|Q COMMIT");
	hears(&busy, "C:INSERT 0 1 Z:T C:COMMIT Z:I FATAL:57P01");
	is_closed(&busy);
	wait_until(loop, session_context_is_drained(&context));
	hang_up(&idle);
	hang_up(&busy);
	hang_up(&late);
}

/* The end does not cut off an answer that a client is still reading. */
static void
a_drain_waits_for_slow_readers(void **state)
{
	Talker		slow;

	log_in(&slow);
	say(&slow, "Q SELECT 'hang', 'big'");
	wait_until(loop, north.hanging + south.hanging > 0);
	session_context_drain(&context);
	pg_wake(&north, false);
	pg_wake(&south, false);
	wait_until(loop, list_is_empty(&context.clients));
	assert_int_equal(stream_flushing_count(loop), 1);
	assert_false(session_context_is_drained(&context));
	hears(&slow, "T D:307200*b C:SELECT 1 Z:I FATAL:57P01");
	is_closed(&slow);
	wait_until(loop, session_context_is_drained(&context));
	hang_up(&slow);
}

static void
idle_transactions_end_in_time(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	context.config.idle_transaction_timeout_us = SWEEP_IS_QUICK;
	hears(&t, "FATAL:25P03");
	is_closed(&t);
	hang_up(&t);
}

static void
terminate_ends_a_session_wherever_it_is(void **state)
{
	static const char *const scripts[] = {
		"X", "P s SELECT 1|X", "Q BEGIN|X", "Q BEGIN|Q INSERT INTO t VALUES (1)|X", "Q LISTEN c|X",
		"Q COPY t FROM STDIN|X", "P - COPY t FROM STDIN|B -|E|S|X", "P - SELECT 1|B -|E|H|X",
		"P - SELECT 'fail 22012'|B -|E|H|X", "Q SET andon.floor = '7:1:0/9000'|Q SELECT 1",
		"Q INSERT INTO t VALUES ('hang')", "D S none|H|X",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
	{
		Talker		t;

		log_in(&t);
		say(&t, scripts[i]);
		listen_to(&t);
		hang_up(&t);
		wait_until(loop, context.stats.clients == 0);
	}
	assert_int_equal(list_is_empty(&context.waiting), true);
	assert_int_equal(pool_set_load(pools, 0) + pool_set_load(pools, 1), 0);
}

/* ---------------------------------------------------------------- bad input */

static void
expect_protocol_error(const char *script, Slice bytes)
{
	Talker		t;
	char	   *text;

	log_in(&t);
	if (script != NULL)
		say(&t, script);
	listen_to(&t);
	heard_text(&t);
	buf_clear(&t.heard);
	say_bytes(&t, bytes);
	is_closed(&t);
	text = mem_strdup(heard_text(&t));
	if (strstr(text, "FATAL:08P01") == NULL)
		fail_msg("heard: %s", text);
	mem_free(text);
	hang_up(&t);
	wait_until(loop, context.stats.clients == 0);
	catch_up();
}

static void
bad_messages_end_the_session(void **state)
{
	static const char *const befores[] = {
		NULL, "P - SELECT 1|B -|E|H", "Q COPY t FROM STDIN", "P - COPY t FROM STDIN|B -|E|S",
		"P - SELECT 'fail 22012'|B -|E|H", "Q LISTEN c", "P s SELECT 1",
	};
	static const struct
	{
		const char *bytes;
		size_t		len;
	}			bad[] = {
		{"Q\0\0\0\3", 5}, {"S\xff\xff\xff\xff", 5}, {"\0\0\0\0\4", 5}, {"?\0\0\0\4", 5}, {"p\0\0\0\4", 5},
		{"E\x7f\xff\xff\xff", 5},
	};

	for (size_t i = 0; i < sizeof(befores) / sizeof(befores[0]); i++)
	{
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
		{
			/* behind an error Execute is dropped, however long it says it is */
			if (i == 4 && bad[j].bytes[0] == 'E')
				continue;
			expect_protocol_error(befores[i], slice_make(bad[j].bytes, bad[j].len));
		}
	}
	expect_protocol_error(NULL, slice_make("P\0\0\0\6x\0", 7));
	expect_protocol_error(NULL, slice_make("B\0\0\0\6xy", 7));
	expect_protocol_error(NULL, slice_make("D\0\0\0\5S", 6));
	expect_protocol_error(NULL, slice_make("Q\0\0\0\6xy", 7));
	expect_protocol_error("P - SELECT 1|B -|E|H", slice_make("B\0\0\0\6xy", 7));
}

/* Guards: what is dropped after an error is not collected first. */
static void
what_is_dropped_takes_no_memory(void **state)
{
	Talker		t;
	Buf			out = BUF_INIT;
	char	   *bytes = mem_alloc(1024 * 1024);
	long		before_kb;

	log_in(&t);
	say(&t, "P - SELECT 'fail 22012'|B -|E|H");
	hears(&t, "1 2 E:22012");
	buf_append_u8(&out, 'P');
	buf_append_u32(&out, 4 + 128 * 1024 * 1024);
	before_kb = most_memory_kb();
	say_bytes(&t, buf_slice(&out));
	for (int i = 0; i < 128; i++)
		say_bytes(&t, slice_make(bytes, 1024 * 1024));
	say(&t, "S");
	hears(&t, "Z:I");
	assert_true(most_memory_kb() - before_kb < 64 * 1024);
	buf_release(&out);
	mem_free(bytes);
	hang_up(&t);
}

static void
a_server_that_breaks_the_protocol_ends_both(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
	}			bad[] = {
		{"1\0\0\0\4", 5}, {"Z\0\0\0\5X", 6}, {"D\0\0\0\3", 5}, {"E\0\0\0\4", 5}, {"S\0\0\0\5x", 6},
		{"C\x7f\xff\xff\xff", 5},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Talker		t;
		FakeConnection *connection;
		int			hanging = north.hanging;

		log_in(&t);
		say(&t, "Q INSERT INTO t VALUES ('hang')");
		wait_until(loop, north.hanging == hanging + 1);
		connection = list_entry(list_last(&north.fake.connections), FakeConnection, node);
		stream_write(connection->stream, slice_make(bad[i].bytes, bad[i].len));
		hears(&t, "FATAL:08P01");
		is_closed(&t);
		hang_up(&t);
		fake_node_crash(&north.fake);
		turn_loop(loop);
		catch_up();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_login_asks_a_server_the_next_does_not),
		TEST(a_secret_is_the_auth_files_or_none),
		TEST(startup_settings_are_tried_on_a_server),
		TEST(what_is_asked_for_wrongly_is_said),
		TEST(who_leaves_while_a_server_is_asked),
		TEST(login_waits_for_a_node_and_ends_in_time),
		TEST(what_comes_before_the_welcome_is_bounded),
		TEST(login_tries_another_node),
		TEST(texts_that_cannot_be_read_are_not),
		TEST(drain_ends_sessions_between_transactions),
		TEST(a_drain_waits_for_slow_readers),
		TEST(idle_transactions_end_in_time),
		TEST(terminate_ends_a_session_wherever_it_is),
		TEST(bad_messages_end_the_session),
		TEST(what_is_dropped_takes_no_memory),
		TEST(a_server_that_breaks_the_protocol_ends_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
