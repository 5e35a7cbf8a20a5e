/*-------------------------------------------------------------------------
 *
 * test_console_session.c
 *	  The console as a client sees it: over a socket, in both protocols.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/admin/fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "session/client.h"

static int	peer = -1;			/* the client's end */
static Buf	received;

/* A few turns of the loop, then take what the router sent. */
static void
turn(void)
{
	ssize_t		n;

	turn_loop(loop);
	do
	{
		n = recv(peer, buf_reserve(&received, 65536), 65536, MSG_DONTWAIT);
		if (n > 0)
			buf_commit(&received, (size_t) n);
	} while (n > 0);
}

static void
send_all(Buf *out)
{
	Slice		rest = buf_slice(out);
	uint64_t	until_us = clock_now_us() + WAIT_SECS * US_PER_SEC;

	while (rest.len > 0 && clock_now_us() < until_us)
	{
		ssize_t		n = send(peer, rest.data, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			rest = slice_skip(rest, (size_t) n);
		else
			turn();
	}
	assert_int_equal(rest.len, 0);
	buf_release(out);
}

static int
count_messages(char type)
{
	Slice		messages = buf_slice(&received);
	Frame		frame;
	int			count = 0;

	for (; frame_parse(messages, &frame) == FRAME_OK; messages = slice_skip(messages, frame.total_len))
		count += frame.type == type;
	return count;
}

/* All that came up to and with the n-th message of a type, as text. */
static const char *
take_until(char type, int n)
{
	static char text[16384];
	uint64_t	until_us = clock_now_us() + WAIT_SECS * US_PER_SEC;
	Buf			printed = BUF_INIT;

	while (count_messages(type) < n && clock_now_us() < until_us)
		turn();
	print_messages(&printed, buf_slice(&received));
	snprintf(text, sizeof(text), "%.*s", (int) buf_len(&printed), buf_slice(&printed).data);
	buf_release(&printed);
	if (count_messages(type) < n)
		fail_msg("got only: %s", text);
	buf_clear(&received);
	return text;
}

static void
connect_as(const char *user)
{
	const char *names[] = {"user", user, "database", "andon", "application_name", "psql", NULL};
	PeerAddress address = {.text = "unix", .is_unix = true, .is_loopback = true};
	int			fds[2];
	Buf			out = BUF_INIT;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer = fds[0];
	client_accept(&workers[0].context, fds[1], &address);
	build_startup(&out, names);
	send_all(&out);
}

static int
setup_admin(void **state)
{
	setup(state);
	connect_as("anna");
	take_until('Z', 1);
	return 0;
}

static int
teardown_client(void **state)
{
	if (peer >= 0)
		close(peer);
	peer = -1;
	buf_release(&received);
	return teardown(state);
}

static void
add_parse(Buf *out, const char *name, const char *text)
{
	build_parse(out, slice_from_string(name), slice_from_string(text), 0, slice_make(NULL, 0));
}

static void
add_bind(Buf *out, const char *name)
{
	static const char nothing[6];	/* no formats, no parameters, no result formats */

	build_bind_head(out, slice_from_string(""), slice_from_string(name), sizeof(nothing));
	buf_append(out, slice_make(nothing, sizeof(nothing)));
}

static void
add_describe(Buf *out, char kind, const char *name)
{
	build_target(out, 'D', kind, slice_from_string(name));
}

static void
add_execute(Buf *out)
{
	build_execute(out, slice_from_string(""), 0);
}

static void
query(const char *text)
{
	Buf			out = BUF_INIT;

	build_query(&out, slice_from_string(text));
	send_all(&out);
}

/* ---------------------------------------------------------------- logging in */

static void
who_may_not_is_told_how(void **state)
{
	connect_as("eve");
	assert_contains(take_until('E', 1), "E(42501: user \"eve\" may not use the admin console | Name the user in admin_users");
}

static void
who_may_is_welcome(void **state)
{
	const char *text;

	connect_as("stan");
	text = take_until('Z', 1);
	assert_contains(text, " K Z");
	query("show version");
	assert_string_equal(take_until('Z', 1), "T(version) D(andon-router 9.8.7) C(SHOW) Z");
	query("reload");
	assert_contains(take_until('Z', 1), "E(42501: permission denied");
}

/* ---------------------------------------------------------------- simple protocol */

static void
simple_queries(void **state)
{
	query("SHOW NODES;");
	assert_starts(take_until('Z', 1), "T(node,");
	query("select 1");
	assert_starts(take_until('Z', 1), "E(42601");
	query("");
	assert_string_equal(take_until('Z', 1), "I Z");
	query("show clients");
	turn();
	gather_now();
	assert_contains(take_until('Z', 1), "D(C,anna,andon,none,console,unix,0,");
}

/* ---------------------------------------------------------------- extended protocol */

static void
what_drivers_send(void **state)
{
	Buf			out = BUF_INIT;

	add_parse(&out, "", "show version");
	add_bind(&out, "");
	add_describe(&out, 'P', "");
	add_execute(&out);
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "1 2 T(version) D(andon-router 9.8.7) C(SHOW) Z");
}

/* Prepare first, run later, as drivers with a statement cache do. */
static void
prepared_statements(void **state)
{
	Buf			out = BUF_INIT;

	add_parse(&out, "s", "show routes");
	add_describe(&out, 'S', "s");
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "1 t T(node,role,database,user,reads,writes) Z");
	assert_int_equal(gathers, 0);

	for (int i = 0; i < 2; i++)
	{
		add_bind(&out, "s");
		add_execute(&out);
		build_sync(&out);
		send_all(&out);
		turn();
		gather_now();
		assert_string_equal(take_until('Z', 1), "2 C(SHOW) Z");
	}

	add_parse(&out, "s", "show nodes");
	build_sync(&out);
	send_all(&out);
	assert_starts(take_until('Z', 1), "E(42P05: prepared statement \"s\" already exists");

	build_target(&out, 'C', 'S', slice_from_string("s"));
	add_bind(&out, "s");
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "3 E(26000: prepared statement \"s\" does not exist | ) Z");
}

static void
statements_of_a_session_are_bounded(void **state)
{
	Buf			out = BUF_INIT;
	char		name[16];

	for (int i = 0; i < 100; i++)
	{
		snprintf(name, sizeof(name), "s%d", i);
		add_parse(&out, name, "show nodes");
	}
	build_sync(&out);
	send_all(&out);
	take_until('Z', 1);
	add_parse(&out, "one_more", "show nodes");
	build_sync(&out);
	send_all(&out);
	assert_starts(take_until('Z', 1), "E(54000");
	what_drivers_send(state);	/* the unnamed one still can be */
}

/* Several commands in one unit, one of which waits for other workers. */
static void
pipelined_commands_are_answered_in_order(void **state)
{
	Buf			out = BUF_INIT;
	const char *texts[] = {"show version", "show routes", "show version"};

	for (int i = 0; i < 3; i++)
	{
		add_parse(&out, "", texts[i]);
		add_bind(&out, "");
		add_execute(&out);
	}
	build_sync(&out);
	send_all(&out);
	while (gathers == 0)
		turn();
	gather_now();
	assert_string_equal(take_until('Z', 1),
						"1 2 D(andon-router 9.8.7) C(SHOW) 1 2 C(SHOW) 1 2 D(andon-router 9.8.7) C(SHOW) Z");
}

static void
after_an_error_the_rest_is_dropped(void **state)
{
	Buf			out = BUF_INIT;

	add_parse(&out, "", "show nothing");
	add_bind(&out, "");
	add_describe(&out, 'P', "");
	add_execute(&out);
	add_parse(&out, "", "reload");
	add_bind(&out, "");
	add_execute(&out);
	build_sync(&out);
	send_all(&out);
	assert_starts(take_until('Z', 1), "1 2 n E(42601: unrecognized console command \"SHOW NOTHING\" | SHOW HELP lists the commands.) Z");
	assert_null(reload_done);

	add_execute(&out);
	build_target(&out, 'C', 'P', slice_from_string(""));
	add_execute(&out);
	build_sync(&out);
	send_all(&out);
	assert_contains(take_until('Z', 1), "E(34000");
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "Z");
}

static void
flush_asks_for_answers_now(void **state)
{
	Buf			out = BUF_INIT;

	add_parse(&out, "", "show version");
	add_describe(&out, 'S', "");
	buf_append(&out, slice_make("H\0\0\0\4", 5));
	send_all(&out);
	assert_string_equal(take_until('T', 1), "1 t T(version)");
	add_bind(&out, "");
	add_execute(&out);
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "2 D(andon-router 9.8.7) C(SHOW) Z");

	/* an error before Flush: all is dropped up to Sync */
	add_bind(&out, "missing");
	buf_append(&out, slice_make("H\0\0\0\4", 5));
	add_parse(&out, "", "show version");
	send_all(&out);
	assert_starts(take_until('E', 1), "E(26000");
	build_sync(&out);
	send_all(&out);
	assert_string_equal(take_until('Z', 1), "Z");
	query("show version");
	assert_contains(take_until('Z', 1), "C(SHOW) Z");
}

/* ---------------------------------------------------------------- misuse, leaving */

static void
malformed_messages_end_the_session(void **state)
{
	Buf			out = BUF_INIT;

	buf_append(&out, slice_make("Q\0\0\0\6ab", 7)); /* no terminator */
	send_all(&out);
	assert_starts(take_until('E', 1), "E(08P01: invalid message of type Q");
}

static void
a_command_too_long_ends_the_session(void **state)
{
	Buf			out = BUF_INIT;
	size_t		mark = build_begin(&out, 'Q');

	for (int i = 0; i < 70000; i++)
		buf_append_u8(&out, ' ');
	buf_append_u8(&out, 0);
	build_end(&out, mark);
	send_all(&out);
	assert_starts(take_until('E', 1), "E(54000: a command of the admin console may not be longer");
}

/* The freed session must not be told: run this one under AddressSanitizer. */
static void
a_client_leaves_while_its_command_gathers(void **state)
{
	query("show pools");
	while (gathers == 0)
		turn();
	assert_int_equal(workers[0].context.clients.count, 1);
	client_cancel(&workers[1].context, 0, slice_from_string("none"));
	session_context_drain(&workers[0].context);
	assert_int_equal(workers[0].context.clients.count, 0);
	assert_contains(take_until('E', 1), "E(57P01");
	gather_now();
	turn();
}

static void
a_cancel_request_ends_the_waiting(void **state)
{
	Slice		messages;
	Frame		frame;
	uint32_t	pid = 0;
	Slice		key = {NULL, 0};
	char		key_copy[16];

	close(peer);
	connect_as("anna");
	while (count_messages('Z') < 1)
		turn();
	for (messages = buf_slice(&received); frame_parse(messages, &frame) == FRAME_OK;
		 messages = slice_skip(messages, frame.total_len))
		if (frame.type == 'K')
			assert_true(message_parse_backend_key(frame.body, &pid, &key));
	memcpy(key_copy, key.data, key.len);
	buf_clear(&received);

	query("show pools");
	while (gathers == 0)
		turn();
	client_cancel(&workers[0].context, pid, slice_make(key_copy, key.len));
	assert_starts(take_until('Z', 1), "E(57014: canceling command due to user request");
	gather_now();
	query("show version");
	assert_string_equal(take_until('Z', 1), "T(version) D(andon-router 9.8.7) C(SHOW) Z");
}

/* It asks for megabytes and reads nothing: what is queued for it stays small. */
static void
a_client_that_does_not_read_gets_no_more(void **state)
{
	const int	commands = 5000;
	Buf			out = BUF_INIT;
	Slice		rest;
	uint64_t	until_us = clock_now_us() + WAIT_SECS * US_PER_SEC;
	ssize_t		n = 1;

	for (int i = 0; i < commands; i++)
		build_query(&out, slice_from_string("show help"));
	for (rest = buf_slice(&out); n > 0 && rest.len > 0;)
	{
		n = send(peer, rest.data, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			rest = slice_skip(rest, (size_t) n);
		turn_loop(loop);
	}
	assert_true(workers[0].context.stats.units < (uint64_t) commands);

	/* now it reads: everything comes */
	while (count_messages('Z') < commands && clock_now_us() < until_us)
	{
		n = rest.len > 0 ? send(peer, rest.data, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		if (n > 0)
			rest = slice_skip(rest, (size_t) n);
		turn();
	}
	assert_int_equal(count_messages('C'), commands);
	assert_int_equal(count_messages('Z'), commands);
	buf_release(&out);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_admin, teardown_client)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_may_not_is_told_how, setup, teardown_client),
		cmocka_unit_test_setup_teardown(who_may_is_welcome, setup, teardown_client),
		TEST(simple_queries),
		TEST(what_drivers_send),
		TEST(prepared_statements),
		TEST(statements_of_a_session_are_bounded),
		TEST(pipelined_commands_are_answered_in_order),
		TEST(after_an_error_the_rest_is_dropped),
		TEST(flush_asks_for_answers_now),
		TEST(malformed_messages_end_the_session),
		TEST(a_command_too_long_ends_the_session),
		TEST(a_client_leaves_while_its_command_gathers),
		TEST(a_cancel_request_ends_the_waiting),
		TEST(a_client_that_does_not_read_gets_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
