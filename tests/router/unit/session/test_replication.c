/*-------------------------------------------------------------------------
 *
 * test_replication.c
 *	  Replication connections: a server of their own, and bytes both ways.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static Buf	received;			/* by the walsender, after its login */

static size_t
walsender_on_messages(FakeConnection *connection, Slice data)
{
	if (!connection->is_walsender)
		return pg_on_messages(connection, data);
	buf_append(&received, data);
	return data.len;
}

static int
setup(void **state)
{
	int			result = setup_talk(state);

	north.fake.on_messages = walsender_on_messages;
	return result;
}

static int
teardown(void **state)
{
	buf_release(&received);
	return teardown_talk(state);
}

static void
say_replication(Talker *talker, const char *mode)
{
	const char *params[] = {"user", "app", "replication", mode, "database", "mes", "application_name", "pump",
	"wal_sender_timeout", "7s", "_pq_.wish", "1", NULL};
	Buf			out = BUF_INIT;

	connect_talker(talker);
	build_startup(&out, params);
	say_bytes(talker, buf_slice(&out));
	buf_release(&out);
}

static void
replicate(Talker *talker)
{
	say_replication(talker, "true");
	wait_until(loop, north.fake.logins > 0 && context.clients.count == 1);
	listen_to(talker);
	assert_non_null(strstr(heard_text(talker), "K Z:I"));
	buf_clear(&talker->heard);
}

static void
show_primary(int node)
{
	TopologyView *view = make_view();

	view->primary = node;
	session_context_set_view(&context, view);
}

static void
walsender_says(const char *bytes, size_t len)
{
	Buf			out = BUF_INIT;

	buf_append(&out, slice_make(bytes, len));
	fake_node_send(&north.fake, &out);
}

/* ---------------------------------------------------------------- the login */

/* Guards: the server is asked for what the client asked for, and for nothing of the router's. */
static void
the_startup_packet_is_the_clients(void **state)
{
	Talker		t;

	say_replication(&t, "true");
	wait_until(loop, north.fake.logins == 1);
	assert_string_equal(north.fake.startup, "user=app database=replication replication=true"
						" application_name=pump wal_sender_timeout=7s");
	hang_up(&t);

	say_replication(&t, "database");
	wait_until(loop, north.fake.logins == 2);
	assert_string_equal(north.fake.startup, "user=app database=mes replication=database"
						" application_name=pump wal_sender_timeout=7s");
	hang_up(&t);
	wait_until(loop, north.fake.connections.count == 0);
	assert_int_equal(buf_len(&received), 10);
	assert_memory_equal(buf_slice(&received).data, "X\0\0\0\4X\0\0\0\4", 10);
}

static void
words_for_replication(void **state)
{
	static const char *const bad[] = {"", "o", "onn", "maybe", "Database", "trues", "2"};
	static const char *const physical[] = {"on", "ON", "t", "True", "yes", "Y", "1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Talker		t;

		say_replication(&t, bad[i]);
		hears(&t, "v FATAL:22023");
		is_closed(&t);
		hang_up(&t);
	}
	for (size_t i = 0; i < sizeof(physical) / sizeof(physical[0]); i++)
	{
		Talker		t;

		say_replication(&t, physical[i]);
		wait_until(loop, north.fake.logins == (int) i + 1);
		assert_non_null(strstr(north.fake.startup, "replication=true"));
		hang_up(&t);
	}
}

/* Guards: what the server says to a login is the client's to read. */
static void
a_refusal_is_passed_on(void **state)
{
	Talker		t;
	Error		refusal = {0};

	error_set(&refusal, "42501", "must be superuser or replication role to start walsender");
	north.fake.refuse = &refusal;
	say_replication(&t, "true");
	hears(&t, "v R FATAL:42501");
	is_closed(&t);
	hang_up(&t);
	wait_until(loop, north.fake.connections.count == 0);
}

static void
it_waits_for_a_primary(void **state)
{
	Talker		t;

	show_primary(-1);
	say_replication(&t, "true");
	hears(&t, "v R");
	assert_int_equal(north.fake.accepted, 0);
	show_primary(0);
	wait_until(loop, north.fake.logins == 1);
	hang_up(&t);
	wait_until(loop, north.fake.connections.count == 0);
}

/* ---------------------------------------------------------------- bytes */

static void
bytes_pass_both_ways(void **state)
{
	Talker		t;

	replicate(&t);
	say(&t, "Q START_REPLICATION 0/1000000");
	wait_until(loop, buf_len(&received) > 20);
	buf_clear(&received);

	/* however they are cut */
	walsender_says("W\0\0\0\7\0\0\0d\0\0\0\6", 13);
	walsender_says("wA", 1);
	hears(&t, "W");
	walsender_says("Ad\0\0", 4);
	hears(&t, "d:wA");
	walsender_says("\0\6wB", 4);
	hears(&t, "d:wB");
	say(&t, "d status|Q in the middle|c|X");
	wait_until(loop, buf_len(&received) >= 5 + 6 + 5 + 14 + 5 + 5);
	hang_up(&t);
	wait_until(loop, north.fake.connections.count == 0);
}

static void
its_server_is_never_anybody_elses(void **state)
{
	Talker		t;
	Talker		other;

	replicate(&t);
	log_in(&other);
	say(&other, "Q INSERT INTO t VALUES (1)");
	wait_until(loop, north.fake.logins >= 2);
	hang_up(&other);
	hang_up(&t);
	wait_until(loop, context.stats.clients == 0);
}

static void
a_cancel_request_reaches_its_server(void **state)
{
	Talker		t;

	replicate(&t);
	say_cancel(&t);
	wait_until(loop, north.fake.cancels == 1);
	assert_int_equal(north.fake.cancel_pid, 1001);
	hang_up(&t);
}

/* ---------------------------------------------------------------- the end */

static void
it_ends_with_its_server(void **state)
{
	Talker		t;

	replicate(&t);
	fake_node_crash(&north.fake);
	is_closed(&t);
	hears(&t, "");
	hang_up(&t);
}

/* Guards: no error of ours in the middle of a message. */
static void
it_ends_when_another_node_is_the_primary(void **state)
{
	for (int cut = 0; cut < 2; cut++)
	{
		Talker		t;

		show_primary(0);
		replicate(&t);
		walsender_says("d\0\0\0\6wA", 7);
		hears(&t, "d:wA");
		if (cut)
			walsender_says("d\0\0\0\6w", 6);
		turn_loop(loop);
		show_primary(1);
		is_closed(&t);
		hears(&t, cut ? "" : "FATAL:57P01");
		hang_up(&t);
		wait_until(loop, north.fake.connections.count == 0);
		north.fake.logins = 0;
	}
}

static void
it_ends_with_a_drain(void **state)
{
	Talker		t;

	replicate(&t);
	session_context_drain(&context);
	is_closed(&t);
	hears(&t, "FATAL:57P01");
	hang_up(&t);
	wait_until(loop, session_context_is_drained(&context));
}

/* Guards: what is no message ends it, and is not taken for a length. */
static void
it_ends_with_nonsense_of_the_servers(void **state)
{
	Talker		t;

	replicate(&t);
	walsender_says("d\0\0\0\1", 5);
	is_closed(&t);
	hears(&t, "FATAL:08P01");
	hang_up(&t);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_startup_packet_is_the_clients),
		TEST(words_for_replication),
		TEST(a_refusal_is_passed_on),
		TEST(it_waits_for_a_primary),
		TEST(bytes_pass_both_ways),
		TEST(its_server_is_never_anybody_elses),
		TEST(a_cancel_request_reaches_its_server),
		TEST(it_ends_with_its_server),
		TEST(it_ends_when_another_node_is_the_primary),
		TEST(it_ends_with_a_drain),
		TEST(it_ends_with_nonsense_of_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
