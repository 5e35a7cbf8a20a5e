/*-------------------------------------------------------------------------
 *
 * test_pool_logins.c
 *	  Pools open servers as they are needed: how many at once, and what follows
 *	  when a node refuses, hangs or is not there.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

/* One at a time until one has succeeded, then as many as there are waiters. */
static void
logins_as_needed(void **state)
{
	Asker		askers[4] = {0};

	fake.is_mute = true;
	for (int i = 0; i < 3; i++)
		ask(&askers[i]);
	wait_until(fake.loop, fake.startups == 1);
	turn_loop(fake.loop);
	assert_int_equal(fake.accepted, 1);
	fake.is_mute = false;
	fake_ask(list_entry(list_first(&fake.connections), FakeConnection, node));
	wait_until(fake.loop, askers[0].granted && askers[1].granted && askers[2].granted);
	assert_int_equal(fake.accepted, 3);
	assert_true(askers[0].granted < askers[1].granted && askers[0].granted < askers[2].granted);
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
}

/* Guards: a crowd of clients makes a bounded number of logins at once. */
static void
logins_at_once_are_bounded(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		first = {0};
	Asker		askers[30] = {0};
	int			connecting;

	config.limits.pool_size = 30;
	configure();
	asker_get(&first, pool, fake.loop);
	fake.is_mute = true;
	for (int i = 0; i < 30; i++)
		asker_ask(&askers[i], pool);
	wait_until(fake.loop, fake.startups > 4);
	turn_loop(fake.loop);
	connecting = stats_of(pool).connecting;
	assert_true(connecting > 1 && connecting <= 8);
	for (int i = 0; i < 30; i++)
		pool_cancel_wait(&askers[i].waiter);
	asker_give(&first, CHECKIN_CLEAN);
}

/* Guards: connect_query is run after the login, before anybody gets the server. */
static void
connect_query_comes_first(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};

	config.limits.connect_query = "LISTEN nothing";
	configure();
	asker_get(&a, pool, fake.loop);
	assert_true(fake_node_was_asked(&fake, "LISTEN nothing\n"));
	asker_give(&a, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- refused */

static void
refused_login_is_not_repeated(void **state)
{
	Asker		a = {0};
	Error		error;
	PoolTarget	target = {.database = "mes", .user = "app", .password = "other"};

	error_set(&error, SQLSTATE_INVALID_PASSWORD, "no");
	fake.refuse = &error;
	for (int i = 0; i < 3; i++)
	{
		ask(&a);
		wait_until(fake.loop, a.failed);
		assert_string_equal(a.error.sqlstate, SQLSTATE_INVALID_PASSWORD);
	}
	assert_int_equal(fake.startups, 1);

	/* a new secret is tried at once */
	fake.refuse = NULL;
	asker_ask(&a, pool_set_get(set, &target));
	assert_null(a.server);
	wait_until(fake.loop, a.granted);
	asker_give(&a, CHECKIN_CLEAN);
}

/* While servers are in use a waiter may hope for one of them. */
static void
refused_login_leaves_hope(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Error		error;

	get(&a);
	error_set(&error, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
	fake.refuse = &error;
	ask(&b);
	wait_until(fake.loop, app_stats().login_failures == 1);
	turn_loop(fake.loop);
	assert_false(b.failed);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, b.granted);
	asker_give(&b, CHECKIN_CLEAN);
}

/* The pause after a refusal outlives whoever was refused. */
static void
refusal_is_remembered(void **state)
{
	Asker		a = {0};
	Error		error;
	PoolTarget	target = {.database = "mes", .user = "app"};
	Pool	   *pool = pool_set_get(set, &target);

	error_set(&error, SQLSTATE_INVALID_PASSWORD, "no");
	fake.refuse = &error;
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(fake.loop, a.failed);
	pool_release(pool);
	turn_loop(fake.loop);
	assert_ptr_equal(pool_set_get(set, &target), pool);
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(fake.loop, a.failed);
	assert_int_equal(fake.startups, 1);
}

/* ---------------------------------------------------------------- no answer */

static void
login_deadline(void **state)
{
	Asker		a = {0};

	config.server_connect_timeout_us = SHORT_US;
	configure();
	fake.is_mute = true;
	ask(&a);
	wait_until(fake.loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_int_equal(suspected, 1);
}

/* Says notices without a pause until the asker has given up. */
static void
say_notices_to(const Asker *asker)
{
	enum {NOTICES = 256, TEXT_BYTES = 1000};
	Buf			notices = BUF_INIT;
	long		before_kb;

	for (int i = 0; i < NOTICES; i++)
	{
		size_t		mark = build_begin(&notices, 'N');

		buf_append_string(&notices, "M");
		memset(buf_reserve(&notices, TEXT_BYTES), 'x', TEXT_BYTES);
		buf_commit(&notices, TEXT_BYTES);
		buf_append(&notices, slice_make("\0\0", 2));
		build_end(&notices, mark);
	}
	before_kb = most_memory_kb();
	wait_until(fake.loop, fake.startups == 1 || asker->failed);
	while (!asker->failed)
	{
		FakeConnection *connection = list_entry(list_first(&fake.connections), FakeConnection, node);

		if (stream_queued(connection->stream) == 0)
			stream_write(connection->stream, buf_slice(&notices));
		turn_loop(fake.loop);
	}
	assert_true(most_memory_kb() < before_kb + 8 * 1024);
	buf_release(&notices);
}

static void
assert_deadline_holds(void)
{
	Asker		a = {0};

	config.server_connect_timeout_us = 200 * 1000;
	configure();
	ask(&a);
	say_notices_to(&a);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_non_null(strstr(a.error.message, "did not let us log in in time"));
	wait_until(fake.loop, fake.connections.count == 0);
}

/* Guards: a node that talks without end keeps a login neither from its deadline nor in memory. */
static void
login_deadline_before_the_proof(void **state)
{
	fake.is_mute = true;
	assert_deadline_holds();
}

static void
login_deadline_after_the_proof(void **state)
{
	fake.greeting = slice_make("R\0\0\0\10\0\0\0\0", 9);
	assert_deadline_holds();
}

/* A fresh sample of the node ends the pause after a lost connection. */
static void
node_comes_back(void **state)
{
	Asker		a = {0};

	fake_stop_listening(&fake);
	turn_loop(fake.loop);
	ask(&a);
	wait_until(fake.loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	fake_listen(&fake);
	get(&a);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
waits_for_the_first_view(void **state)
{
	Asker		a = {0};

	ask(&a);
	turn_loop(fake.loop);
	assert_false(a.failed);
	show_node();
	wait_until(fake.loop, a.granted);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
unusable_node(void **state)
{
	Asker		a = {0};

	show_unusable_node("no answer", 0);
	ask(&a);
	assert_false(a.failed);
	wait_until(fake.loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_string_equal(a.error.detail, "no answer");
	assert_int_equal(fake.accepted, 0);
}

/* A login that hangs on a node that has stopped: nobody waits for its end. */
static void
unusable_during_login(void **state)
{
	Asker		a = {0};

	fake.is_mute = true;
	ask(&a);
	wait_until(fake.loop, app_stats().connecting == 1);
	show_unusable_node("no answer", 0);
	wait_until(fake.loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_int_equal(app_stats().connecting, 1);	/* not because the login was given up */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_as_needed), TEST(logins_at_once_are_bounded), TEST(connect_query_comes_first),
		TEST(refused_login_is_not_repeated), TEST(refused_login_leaves_hope), TEST(refusal_is_remembered),
		TEST(login_deadline), TEST(login_deadline_before_the_proof), TEST(login_deadline_after_the_proof),
		TEST(node_comes_back),
		cmocka_unit_test_setup_teardown(waits_for_the_first_view, pool_fixture_create, pool_fixture_teardown),
		TEST(unusable_node), TEST(unusable_during_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
