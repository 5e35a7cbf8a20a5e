/*-------------------------------------------------------------------------
 *
 * test_hostile.c
 *	  Clients and servers that end, lie or never stop, at every point there is.
 *
 * After each of them the session is gone, no server is held, no descriptor is
 * left over, and a neighbour that was there all the time is answered as ever.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include <dirent.h>

#define NOTICES 20000
#define NOTICE_BYTES 1000

static int
count_descriptors(void)
{
	DIR		   *dir = opendir("/proc/self/fd");
	int			count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
neighbour_is_served(Talker *neighbour)
{
	say(neighbour, "Q INSERT INTO t VALUES (1)|B kept|E|S");
	hears(neighbour, "C:INSERT 0 1 Z:I 2 C:INSERT 0 1 Z:I");
}

/*
 * No client is left, and what is open are servers within the pools: each has
 * two descriptors in this process, the router's and the node's.
 */
static void
nothing_is_left(int descriptors)
{
	const List *servers[] = {&north.fake.connections, &south.fake.connections};

	wait_until(loop, context.stats.clients == 0);
	wait_until(loop, pool_set_load(pools, 0) + pool_set_load(pools, 1) == 0);
	for (int i = 0; i < NODES; i++)
		wait_until(loop, servers[i]->count <= (size_t) pool_config.limits.pool_size);
	wait_until(loop, count_descriptors() == descriptors + 2 * (int) (servers[0]->count + servers[1]->count));
	assert_int_equal(admitted, 0);
}

static void
neighbour_comes(Talker *neighbour)
{
	log_in(neighbour);
	say(neighbour, "P kept INSERT INTO t VALUES (2)|S");
	hears(neighbour, "1 Z:I");
}

/* ---------------------------------------------------------------- clients that die */

static void
startup_bytes(Buf *out)
{
	const char *params[] = {"user", "app", "database", "mes", NULL};

	build_startup(out, params);
}

static void
conversation_bytes(Buf *out)
{
	Slice		none = {"", 0};
	size_t		mark;

	startup_bytes(out);
	build_query(out, slice_from_string("BEGIN"));
	build_query(out, slice_from_string("INSERT INTO t VALUES (3)"));
	build_parse(out, slice_from_string("s"), slice_from_string("SELECT a FROM t"), 0, none);
	build_target(out, 'D', 'S', slice_from_string("s"));
	build_empty(out, 'H');
	build_bind_head(out, none, slice_from_string("s"), 6);
	buf_append(out, slice_make("\0\0\0\0\0\0", 6));
	build_execute(out, none, 0);
	build_empty(out, 'S');
	build_query(out, slice_from_string("COPY t FROM STDIN"));
	mark = build_begin(out, 'd');
	buf_append_string(out, "1\n");
	build_end(out, mark);
	build_empty(out, 'c');
	build_query(out, slice_from_string("COMMIT"));
	build_empty(out, 'X');
}

static void
a_client_dies_at_every_byte(void **state)
{
	Buf			bytes = BUF_INIT;
	Talker		neighbour;
	int			descriptors = count_descriptors();

	neighbour_comes(&neighbour);
	conversation_bytes(&bytes);
	for (size_t len = 0; len <= buf_len(&bytes); len++)
	{
		Talker		t;

		connect_talker(&t);
		say_bytes(&t, slice_make(buf_slice(&bytes).data, len));
		listen_to(&t);
		hang_up(&t);
		wait_until(loop, context.stats.clients == 1);
		if (len % 16 == 0)
			neighbour_is_served(&neighbour);
	}
	neighbour_is_served(&neighbour);
	hang_up(&neighbour);
	nothing_is_left(descriptors);
	buf_release(&bytes);
}

/* ---------------------------------------------------------------- servers that die or lie */

static Slice lie;				/* what a server answers to 'lie' */
static bool lie_ends;			/* and then its connection ends */

static void
end_connection(void *arg)
{
	fake_on_closed(arg, "told to end");
}

static size_t
lie_on_messages(FakeConnection *connection, Slice data)
{
	Frame		frame;

	if (frame_parse(data, &frame) != FRAME_OK || frame.type != 'Q' || strstr(frame.body.data, "'lie'") == NULL)
		return pg_on_messages(connection, data);
	stream_write(connection->stream, lie);
	if (lie_ends)
		loop_later(loop, end_connection, connection);
	return data.len;
}

/* A true answer: every kind of message that may come. */
static void
answer_bytes(Buf *out)
{
	const char *const column[] = {"c"};
	const char *const value[] = {"1"};
	Error		error;

	error_set(&error, "42703", "no such column");
	build_parameter_status(out, slice_from_string("TimeZone"), slice_from_string("UTC"));
	build_text_row_description(out, column, 1);
	build_text_row(out, value, 1);
	build_command_complete(out, "SELECT 1");
	build_error(out, "ERROR", &error);
	build_ready(out, 'I');
}

/* The session has an answer or an end, and who comes next is served. */
static void
survive_lie(Talker *neighbour, const char *what)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES ('lie')");
	for (int i = 0; i < 5; i++)
		listen_to(&t);
	hang_up(&t);
	/* one that still waits for an answer is let go of when its server ends */
	for (int i = 0; i < 5 && context.stats.clients > 1; i++)
		turn_loop(loop);
	neighbour_is_served(neighbour);
	if (context.stats.clients > 1)
		fail_msg("a client is left over after: %s", what);
}

static void
a_server_dies_at_every_byte(void **state)
{
	Buf			bytes = BUF_INIT;
	Talker		neighbour;
	char		what[32];
	int			descriptors = count_descriptors();

	neighbour_comes(&neighbour);
	north.fake.on_messages = lie_on_messages;
	lie_ends = true;
	answer_bytes(&bytes);
	for (size_t len = 0; len <= buf_len(&bytes); len++)
	{
		lie = slice_make(buf_slice(&bytes).data, len);
		snprintf(what, sizeof(what), "%zu bytes", len);
		survive_lie(&neighbour, what);
	}
	hang_up(&neighbour);
	nothing_is_left(descriptors);
	buf_release(&bytes);
}

static void
servers_that_lie(void **state)
{
	static const struct
	{
		const char *what;
		const char *bytes;
		size_t		len;
	}			lies[] = {
		{"an error without a field", "E\0\0\0\5\0Z\0\0\0\5I", 12},
		{"an error without a body", "E\0\0\0\4Z\0\0\0\5I", 11},
		{"an error without SQLSTATE", "E\0\0\0\10Mno\0Z\0\0\0\5I", 15},
		{"an error with a field that does not end", "E\0\0\0\10MoooZ\0\0\0\5I", 15},
		{"a notice without a body", "N\0\0\0\4C\0\0\0\5\0Z\0\0\0\5I", 17},
		{"a negative length", "D\xff\xff\xff\xf0xxxxxxxx", 13},
		{"a length of three", "C\0\0\0\3", 5},
		{"the largest length", "D\x7f\xff\xff\xffxxxxxxxx", 13},
		{"a message of no known kind", "y\0\0\0\4Z\0\0\0\5I", 11},
		{"a message of kind zero", "\0\0\0\0\4Z\0\0\0\5I", 11},
		{"ReadyForQuery alone", "Z\0\0\0\5I", 6},
		{"ReadyForQuery twice", "C\0\0\0\5\0Z\0\0\0\5IZ\0\0\0\5I", 18},
		{"ReadyForQuery before the rest", "Z\0\0\0\5IC\0\0\0\5\0", 12},
		{"ReadyForQuery of no known status", "C\0\0\0\5\0Z\0\0\0\5Q", 12},
		{"ReadyForQuery that is too long", "C\0\0\0\5\0Z\0\0\0\6II", 13},
		{"another login", "R\0\0\0\10\0\0\0\0K\0\0\0\14\0\0\0\1keysZ\0\0\0\5I", 28},
		{"a password asked for", "R\0\0\0\10\0\0\0\3", 9},
		{"answers to what nobody sent", "1\0\0\0\0042\0\0\0\4C\0\0\0\5\0Z\0\0\0\5I", 22},
		{"COPY that nobody asked for", "G\0\0\0\7\0\0\0c\0\0\0\4C\0\0\0\5\0Z\0\0\0\5I", 25},
		{"COPY both ways", "W\0\0\0\7\0\0\0Z\0\0\0\5I", 14},
		{"a notification without a channel", "A\0\0\0\6xxC\0\0\0\5\0Z\0\0\0\5I", 19},
		{"a parameter without a value", "S\0\0\0\6xxC\0\0\0\5\0Z\0\0\0\5I", 19},
		{"a transaction that nobody began", "C\0\0\0\5\0Z\0\0\0\5T", 12},
	};
	Talker		neighbour;
	int			descriptors = count_descriptors();

	neighbour_comes(&neighbour);
	north.fake.on_messages = lie_on_messages;
	lie_ends = false;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
	{
		lie = slice_make(lies[i].bytes, lies[i].len);
		survive_lie(&neighbour, lies[i].what);
	}
	hang_up(&neighbour);
	nothing_is_left(descriptors);
}

/* ---------------------------------------------------------------- what never stops */

/* Guards: what a client does not read is left with the server, and the neighbour is not kept waiting for it. */
static void
a_client_that_never_reads(void **state)
{
	Talker		neighbour;
	Talker		t;
	Buf			notices = BUF_INIT;
	long		before_kb;

	neighbour_comes(&neighbour);
	log_in(&t);
	for (int i = 0; i < NOTICES; i++)
	{
		size_t		mark = build_begin(&notices, 'N');

		buf_append_string(&notices, "SNOTICE");
		buf_append_u8(&notices, 0);
		buf_append_string(&notices, "M");
		memset(buf_reserve(&notices, NOTICE_BYTES), 'x', NOTICE_BYTES);
		buf_commit(&notices, NOTICE_BYTES);
		buf_append(&notices, slice_make("\0\0", 2));
		build_end(&notices, mark);
	}
	build_command_complete(&notices, "SELECT 1");
	build_ready(&notices, 'I');
	north.fake.on_messages = lie_on_messages;
	lie = buf_slice(&notices);
	lie_ends = false;
	/* the fake has its own copy of what it could not send yet */
	before_kb = most_memory_kb() + (long) (buf_len(&notices) / 1024) * 2;
	say(&t, "Q INSERT INTO t VALUES ('lie')");
	for (int i = 0; i < 20; i++)
		neighbour_is_served(&neighbour);
	assert_true(most_memory_kb() < before_kb + 8 * 1024);
	hang_up(&t);
	wait_until(loop, context.stats.clients == 1);
	neighbour_is_served(&neighbour);
	hang_up(&neighbour);
	buf_release(&notices);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_dies_at_every_byte),
		TEST(a_server_dies_at_every_byte),
		TEST(servers_that_lie),
		TEST(a_client_that_never_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
