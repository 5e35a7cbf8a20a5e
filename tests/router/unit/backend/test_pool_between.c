/*-------------------------------------------------------------------------
 *
 * test_pool_between.c
 *	  What happens to a server between two who use it: reset, check, cancel.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

#define HOUR_US (3600 * US_PER_SEC)

/* ---------------------------------------------------------------- reset */

static void
reset_makes_clean(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Settings   *empty = settings_empty(settings_pool);
	Settings   *changed = settings_with(empty, slice_from_string("a"), slice_from_string("1"));
	Server	   *server;

	set_pool_size(1);
	get(&a);
	server = a.server;
	server_set_settings(server, changed);
	server_add_statement(server, 7);
	ask(&b);
	asker_give(&a, CHECKIN_RESET);
	assert_int_equal(server_state(server), SERVER_RESETTING);
	wait_until(fake.loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_ptr_equal(server_settings(server), empty);
	assert_false(server_has_statement(server, 7));
	assert_true(fake_node_was_asked(&fake, "DISCARD ALL"));
	assert_false(fake_node_was_asked(&fake, "ROLLBACK"));
	asker_give(&b, CHECKIN_CLEAN);
	settings_unref(changed);
	settings_unref(empty);
}

static void
reset_ends_a_transaction(void **state)
{
	Asker		a = {0};

	get(&a);
	server_set_tx_status(a.server, 'E');
	asker_give(&a, CHECKIN_RESET);
	wait_until(fake.loop, app_stats().idle == 1);
	assert_true(fake_node_was_asked(&fake, "ROLLBACK\nDISCARD ALL\n"));
}

static void
reset_without_answer(void **state)
{
	Asker		a = {0};

	config.server_reset_timeout_us = SHORT_US;
	configure();
	get(&a);
	fake.hold_replies = true;
	asker_give(&a, CHECKIN_RESET);
	assert_int_equal(app_stats().resetting, 1);
	wait_until(fake.loop, app_stats().resetting == 0);
	assert_int_equal(app_stats().idle, 0);
}

/* Guards: server_reset_query is run before DISCARD ALL, never instead of it. */
static void
reset_query_is_added(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};

	config.reset_query = "CALL forget_me()";
	configure();
	asker_get(&a, pool, fake.loop);
	asker_give(&a, CHECKIN_RESET);
	wait_until(fake.loop, stats_of(pool).idle == 1);
	assert_true(fake_node_was_asked(&fake, "CALL forget_me()\nDISCARD ALL\n"));
}

/* ---------------------------------------------------------------- check */

static void
use_once(Pool *pool)
{
	Asker		a = {0};

	asker_get(&a, pool, fake.loop);
	asker_give(&a, CHECKIN_CLEAN);
}

/* Guards: a server that was idle for server_check_delay answers server_check_query before it is handed out. */
static void
idle_server_is_checked(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};

	config.check_query = "SELECT 1 AS alive";
	config.server_check_delay_us = HOUR_US;
	configure();
	use_once(pool);
	use_once(pool);
	assert_false(fake_node_was_asked(&fake, "SELECT 1 AS alive"));
	assert_int_equal(stats_of(pool).unchecked, 0);
	config.server_check_delay_us = 0;
	configure();
	assert_int_equal(stats_of(pool).unchecked, 1);
	assert_int_equal(stats_of(pool).idle, 1);
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(fake.loop, a.granted);
	assert_true(fake_node_was_asked(&fake, "SELECT 1 AS alive"));
	assert_int_equal(fake.logins, 1);
	asker_give(&a, CHECKIN_CLEAN);
}

/* Guards: who waits for a check that gets no answer is given another server. */
static void
silent_server_is_replaced(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};

	/* a replica's login asks nothing */
	fake.is_standby = true;
	show_node();
	config.check_query = "SELECT 1 AS alive";
	config.server_reset_timeout_us = SHORT_US;
	configure();
	use_once(pool);
	fake.hold_replies = true;
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(fake.loop, a.granted);
	assert_true(fake_node_was_asked(&fake, "SELECT 1 AS alive"));
	assert_int_equal(fake.logins, 2);
	asker_give(&a, CHECKIN_CLEAN);
}

/* Guards: only as many servers are checked as clients wait. */
static void
checks_are_as_many_as_waiters(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		askers[3] = {0};

	for (int i = 0; i < 3; i++)
		asker_get(&askers[i], pool, fake.loop);
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	config.check_query = "SELECT 1 AS alive";
	configure();
	fake.hold_replies = true;
	asker_ask(&askers[0], pool);
	wait_until(fake.loop, fake_node_was_asked(&fake, "SELECT 1 AS alive"));
	assert_int_equal(stats_of(pool).resetting, 1);
	assert_int_equal(stats_of(pool).idle, 2);
	pool_cancel_wait(&askers[0].waiter);
}

/* ---------------------------------------------------------------- cancel */

/* A cancel that arrives late must not hit the next client's query. */
static void
cancel_in_flight_keeps_server(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Server	   *server;

	set_pool_size(1);
	get(&a);
	server = a.server;
	ask(&b);
	fake.hold_cancels = true;
	pool_cancel_query(server);
	pool_cancel_query(server);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, fake.cancels == 1);
	turn_loop(fake.loop);
	assert_false(b.granted);
	assert_int_equal(app_stats().active, 1);
	assert_int_equal(app_stats().cancels, 1);
	assert_int_equal(app_stats().cancelled, 1);
	LIST_FOREACH(node, &fake.connections)
	{
		FakeConnection *connection = list_entry(node, FakeConnection, node);

		if (connection->is_cancel)
			fake_on_closed(connection, "done");
	}
	wait_until(fake.loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_int_equal(app_stats().active, 1);
	assert_int_equal(app_stats().cancels, 0);
	assert_int_equal(app_stats().cancelled, 0);
	assert_int_equal(fake.cancels, 1);
	assert_int_equal(fake.cancel_pid, 1001);
	asker_give(&b, CHECKIN_CLEAN);
}

static void
cancel_then_go_on(void **state)
{
	Asker		a = {0};
	Server	   *server;

	get(&a);
	server = a.server;
	pool_cancel_query(server);
	wait_until(fake.loop, fake.cancels == 1);
	asker_give(&a, CHECKIN_CLEAN);
	ask(&a);
	wait_until(fake.loop, a.granted);
	assert_ptr_equal(a.server, server);
	pool_cancel_query(server);
	wait_until(fake.loop, fake.cancels == 2);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
cancel_without_answer_closes(void **state)
{
	Asker		a = {0};

	get(&a);
	config.server_connect_timeout_us = SHORT_US;
	configure();
	fake.hold_cancels = true;
	pool_cancel_query(a.server);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, fake.terminated == 1);
	assert_int_equal(app_stats().idle, 0);
}

/* The query may go on running there: the request is carried out all the same. */
static void
cancel_outlives_its_server(void **state)
{
	Asker		a = {0};

	get(&a);
	pool_cancel_query(a.server);
	asker_give(&a, CHECKIN_CLOSE);
	assert_int_equal(app_stats().cancels, 1);
	assert_int_equal(app_stats().cancelled, 0);
	wait_until(fake.loop, fake.cancels == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reset_makes_clean), TEST(reset_ends_a_transaction), TEST(reset_without_answer),
		TEST(reset_query_is_added), TEST(idle_server_is_checked), TEST(silent_server_is_replaced),
		TEST(checks_are_as_many_as_waiters), TEST(cancel_in_flight_keeps_server), TEST(cancel_then_go_on),
		TEST(cancel_without_answer_closes), TEST(cancel_outlives_its_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
