/*
 * test_auth_query.c
 *	  Questions to a node that answers as the test says, or misbehaves.
 */
#include "router/unit/backend/fake_node.h"

#include "auth/auth_query.h"

#define QUESTION "SELECT name, secret FROM users WHERE name = $1"
#define MD5_SECRET "md50123456789abcdef0123456789abcdef"
#define WAITERS 12

typedef struct Asker
{
	AuthQueryWaiter waiter;
	int			answers;
	int			failures;
	SecretKind	kind;			/* of the answer; SECRET_NONE also when there is nobody */
	bool		is_somebody;
	char		name[32];
	char		why[128];
} Asker;

static Loop *loop;
static FakeNode north;
static FakeNode south;
static SettingsPool *settings;
static PoolTotals *totals;
static PoolSet *set;
static AuthQuery *query;

/* how the nodes answer */
static bool is_silent;
static Slice raw_answer;		/* instead of all below */
static const char *secret;		/* NULL: SQL null */
static int	rows;
static int	columns;
static const char *name_in_row; /* NULL: the one that was asked for */
static char asked_name[64];

static void
on_answer(void *owner, UserTable *user)
{
	Asker	   *asker = owner;
	const User *found = user_table_find(user, slice_from_string(asker->name));

	assert_null(asker->waiter.lookup);
	asker->answers++;
	asker->is_somebody = found != NULL;
	asker->kind = found ? found->kind : SECRET_NONE;
}

static void
on_failed(void *owner, const char *why)
{
	Asker	   *asker = owner;

	assert_null(asker->waiter.lookup);
	asker->failures++;
	snprintf(asker->why, sizeof(asker->why), "%s", why);
}

static void
append_row(Buf *out, const char *name)
{
	size_t		mark = build_begin(out, 'D');

	buf_append_u16(out, (uint16_t) columns);
	for (int i = 0; i < columns; i++)
	{
		const char *value = i == 0 ? name : secret;

		buf_append_u32(out, value ? (uint32_t) strlen(value) : UINT32_MAX);
		if (value)
			buf_append_string(out, value);
	}
	build_end(out, mark);
}

/* The messages of one question, or those of a query of the backend's own. */
static size_t
on_messages(FakeConnection *connection, Slice data)
{
	size_t		used = 0;
	Frame		frame;

	while (frame_parse(slice_skip(data, used), &frame) == FRAME_OK)
	{
		used += frame.total_len;
		if (frame.type == 'Q')
			fake_answer_query(connection, slice_make(frame.body.data, frame.body.len - 1));
		else if (frame.type == 'B')
		{
			Reader		reader = reader_make(frame.body);
			Slice		name;

			read_string(&reader);
			read_string(&reader);
			read_u16(&reader);
			read_u16(&reader);
			name = read_bytes(&reader, read_u32(&reader));
			assert_false(reader.bad);
			snprintf(asked_name, sizeof(asked_name), "%.*s", (int) name.len, name.data);
		}
		else if (frame.type == 'S' && !is_silent)
		{
			Buf			out = BUF_INIT;

			if (raw_answer.len > 0)
				buf_append(&out, raw_answer);
			else
			{
				build_empty(&out, '1');
				build_empty(&out, '2');
				for (int i = 0; i < rows; i++)
					append_row(&out, name_in_row ? name_in_row : asked_name);
				build_command_complete(&out, "SELECT");
				build_ready(&out, 'I');
			}
			fake_send(connection, &out);
		}
	}
	return used;
}

static void
configure(uint64_t keep_us, uint64_t timeout_us)
{
	auth_query_configure(query, &(AuthQueryConfig) {
						 .user = "lookup",.password = "pencil",.query = QUESTION,
						 .keep_us = keep_us,.timeout_us = timeout_us
						 });
}

/* The nodes that answer now. */
static void
show_view(void)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&north, &south}, 2);

	pool_set_view(set, view);
	auth_query_set_view(query, view);
	topology_view_unref(view);
}

static int
setup(void **state)
{
	const PoolConfig config = {
		.limits.pool_size = 5,
		.server_connect_timeout_us = WAIT_SECS * US_PER_SEC,
		.server_reset_timeout_us = WAIT_SECS * US_PER_SEC,
		.login_retry_us = WAIT_SECS * US_PER_SEC,
		.max_prepared_statements = 10,
	};

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	loop = loop_create();
	fake_node_init(&north, loop);
	fake_node_init(&south, loop);
	north.password = south.password = "pencil";
	north.on_messages = south.on_messages = on_messages;
	is_silent = false;
	raw_answer = slice_make(NULL, 0);
	secret = MD5_SECRET;
	rows = 1;
	columns = 2;
	name_in_row = NULL;
	settings = settings_pool_create();
	totals = pool_totals_create();
	set = pool_set_create(loop, &config, totals, settings, NULL);
	query = auth_query_create(loop, set, settings);
	configure(0, 0);
	show_view();
	return 0;
}

static int
teardown(void **state)
{
	auth_query_destroy(query);
	pool_set_destroy(set);
	fake_node_fini(&north);
	fake_node_fini(&south);
	loop_destroy(loop);
	settings_pool_destroy(settings);
	pool_totals_destroy(totals);
	return 0;
}

static void
ask(Asker *asker, const char *name)
{
	memset(asker, 0, sizeof(*asker));
	snprintf(asker->name, sizeof(asker->name), "%s", name);
	asker->waiter.on_answer = on_answer;
	asker->waiter.on_failed = on_failed;
	asker->waiter.owner = asker;
	auth_query_ask(query, "mes", name, &asker->waiter);
}

static void
ask_and_wait(Asker *asker, const char *name)
{
	ask(asker, name);
	wait_until(loop, asker->answers + asker->failures == 1);
}

static int
questions(void)
{
	AuthQueryStats stats;

	auth_query_stats(query, &stats);
	return (int) stats.questions;
}

static void
each_answer_is_understood(void **state)
{
	Asker		asker;

	ask_and_wait(&asker, "anna");
	assert_int_equal(asker.kind, SECRET_MD5);
	assert_true(auth_query_is_mostly_md5(query));
	secret = "pencil";
	ask_and_wait(&asker, "it's \"bob\"");
	assert_int_equal(asker.kind, SECRET_PLAIN);
	assert_string_equal(asked_name, "it's \"bob\"");
	secret = NULL;
	ask_and_wait(&asker, "anna");
	assert_true(asker.is_somebody && asker.kind == SECRET_NONE);
	rows = 0;
	ask_and_wait(&asker, "anna");
	assert_true(asker.answers == 1 && !asker.is_somebody);
	rows = 1;
	secret = MD5_SECRET;
	name_in_row = "bob";
	ask_and_wait(&asker, "anna");
	assert_true(asker.answers == 1 && !asker.is_somebody);
	assert_int_equal(questions(), 5);
}

/* Guards: an answer that is not one lets nobody in. */
static void
what_is_no_answer_fails(void **state)
{
	static const char broken[] = "D\0\0\0\x0a\0\2\0\0\0\xff" "Z\0\0\0\5I";
	static const char failed[] = "E\0\0\0\x1d" "SERROR\0C42P01\0Mno table\0\0" "Z\0\0\0\5I";
	static const char odd[] = "G\0\0\0\7\0\0\0" "Z\0\0\0\5I";
	static const char in_transaction[] = "Z\0\0\0\5T";
	static const char too_long[] = "D\x7f\0\0\0";
	const struct
	{
		Slice		raw;
		int			rows;
		int			columns;
		const char *secret;
		const char *why;
	}			cases[] = {
		{{NULL, 0}, 2, 2, "x", "auth_query answered with more than one row"},
		{{NULL, 0}, 1, 1, "x", "auth_query must answer with two columns, name and secret"},
		{{NULL, 0}, 1, 2, "SCRAM-SHA-256$x", "the secret of a user cannot be read"},
		{{NULL, 0}, 1, 2, "SCRAM-SHA-256-KEYS$x:y", "the secret of a user cannot be read"},
		{{broken, sizeof(broken) - 1}, 0, 0, NULL, "the node sent a malformed row"},
		{{failed, sizeof(failed) - 1}, 0, 0, NULL, "no table"},
		{{odd, sizeof(odd) - 1}, 0, 0, NULL, "the node sent an unexpected message"},
		{{in_transaction, sizeof(in_transaction) - 1}, 0, 0, NULL, "the node is in a transaction nobody began"},
		{{too_long, sizeof(too_long) - 1}, 0, 0, NULL, "the node broke the protocol"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Asker		asker;

		raw_answer = cases[i].raw;
		rows = cases[i].rows;
		columns = cases[i].columns;
		secret = cases[i].secret;
		ask_and_wait(&asker, "anna");
		assert_int_equal(asker.failures, 1);
		assert_string_equal(asker.why, cases[i].why);
	}
}

/* Guards: logins of one name share a question; those of others wait their turn, and all are answered. */
static void
questions_are_shared_and_bounded(void **state)
{
	Asker		same[WAITERS];
	Asker		other[WAITERS];

	is_silent = true;
	for (int i = 0; i < WAITERS; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "user %d", i);
		ask(&same[i], "anna");
		ask(&other[i], name);
	}
	wait_until(loop, questions() == 4);
	turn_loop(loop);
	assert_int_equal(questions(), 4);
	is_silent = false;
	fake_node_crash(&north);	/* what was sent is asked again elsewhere */
	for (int i = 0; i < WAITERS; i++)
	{
		wait_until(loop, same[i].answers == 1 && other[i].answers == 1);
		assert_true(same[i].is_somebody && other[i].is_somebody);
	}
	assert_int_equal(questions(), 4 + 1 + WAITERS);
}

/* Guards: who leaves is not told, in whatever state the question is; others are. */
static void
waiters_may_leave(void **state)
{
	Asker		asker[WAITERS];
	Asker		last;

	is_silent = true;
	for (int i = 0; i < WAITERS; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "user %d", i / 2);
		ask(&asker[i], name);
	}
	wait_until(loop, questions() == 4);
	for (int i = 0; i < WAITERS; i++)
	{
		auth_query_cancel(&asker[i].waiter);
		auth_query_cancel(&asker[i].waiter);
	}
	is_silent = false;
	fake_node_crash(&north);
	ask_and_wait(&last, "anna");
	assert_int_equal(last.answers, 1);
	for (int i = 0; i < WAITERS; i++)
		assert_int_equal(asker[i].answers + asker[i].failures, 0);
}

/* Guards: answers are kept as long as they may be, not longer, and not after a failed login. */
static void
answers_are_kept(void **state)
{
	Asker		asker;
	AuthQueryStats stats;

	configure(60 * 60 * US_PER_SEC, 0);
	ask_and_wait(&asker, "anna");
	ask(&asker, "anna");
	assert_int_equal(asker.answers, 1);	/* at once */
	rows = 0;
	ask_and_wait(&asker, "nobody");
	ask(&asker, "nobody");
	assert_true(asker.answers == 1 && !asker.is_somebody);
	assert_int_equal(questions(), 2);

	auth_query_forget(query, "mes", "nobody");
	auth_query_forget(query, "mes", "never asked for");
	rows = 1;
	ask_and_wait(&asker, "nobody");
	assert_true(asker.is_somebody);
	assert_int_equal(questions(), 3);

	configure(60 * 60 * US_PER_SEC, 0);
	auth_query_stats(query, &stats);
	assert_int_equal(stats.kept, 0);
	assert_int_equal(stats.kept_answers, 2);
	configure(1, 0);
	for (int i = 4; i <= 6; i++)
	{
		ask_and_wait(&asker, "anna");
		wait_until(loop, questions() == i);
		turn_loop(loop);
	}
}

/* Guards: names without end take a bounded room; the oldest answers go. */
static void
what_is_kept_is_bounded(void **state)
{
	Asker		asker;
	AuthQueryStats stats;

	configure(60 * 60 * US_PER_SEC, 0);
	for (int i = 0; i < AUTH_QUERY_MAX_KEPT + 20; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "user %d", i);
		ask_and_wait(&asker, name);
	}
	auth_query_stats(query, &stats);
	assert_int_equal(stats.kept, AUTH_QUERY_MAX_KEPT);
}

/* Guards: without a node questions wait for the next view; a node that answers late is given up. */
static void
nodes_come_and_go(void **state)
{
	Asker		asker;
	TopologyView *nobody = topology_view_create(0);

	nobody->primary = -1;
	auth_query_set_view(query, nobody);
	topology_view_unref(nobody);
	ask(&asker, "anna");
	turn_loop(loop);
	assert_int_equal(asker.answers + asker.failures, 0);
	show_view();
	wait_until(loop, asker.answers == 1);

	is_silent = true;
	configure(0, 20 * US_PER_MS);
	ask_and_wait(&asker, "anna");
	assert_string_equal(asker.why, "no answer in time");
	is_silent = false;
	configure(0, 0);
	ask_and_wait(&asker, "anna");
	assert_int_equal(asker.answers, 1);
}

static int	starvings;

static void
on_starved(void *arg)
{
	assert_ptr_equal(arg, &starvings);
	assert_true(auth_query_is_starved(query));
	starvings++;
}

/* Guards: when the last node has failed a lookup, the next view is asked for at once, and the lookup goes on with it. */
static void
when_all_nodes_have_failed(void **state)
{
	Asker		asker;

	starvings = 0;
	auth_query_on_starved(query, on_starved, &starvings);
	fake_stop_listening(&north);
	fake_stop_listening(&south);
	ask(&asker, "anna");
	assert_int_equal(starvings, 0);
	wait_until(loop, starvings > 0);
	assert_int_equal(asker.answers + asker.failures, 0);
	fake_node_fini(&south);
	fake_node_init(&south, loop);
	south.password = "pencil";
	south.on_messages = on_messages;
	show_view();
	assert_false(auth_query_is_starved(query));
	wait_until(loop, asker.answers == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_answer_is_understood),
		TEST(what_is_no_answer_fails),
		TEST(questions_are_shared_and_bounded),
		TEST(waiters_may_leave),
		TEST(answers_are_kept),
		TEST(what_is_kept_is_bounded),
		TEST(nodes_come_and_go),
		TEST(when_all_nodes_have_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
