/*-------------------------------------------------------------------------
 *
 * test_pool.c
 *	  Pools: who gets which server when, and what a set of them tells.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

/* ---------------------------------------------------------------- order */

static void
first_in_first_out(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};
	Server	   *server;

	set_pool_size(1);
	get(&a);
	server = a.server;
	ask(&b);
	ask(&c);
	assert_int_equal(pool_set_load(set, 0), 3);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_false(c.granted);
	asker_give(&b, CHECKIN_CLEAN);
	wait_until(fake.loop, c.granted);
	asker_give(&c, CHECKIN_CLEAN);
	assert_int_equal(fake.logins, 1);
	assert_int_equal(pool_set_load(set, 0), 0);
}

/* Who has just given a server back does not get it before those who wait. */
static void
nobody_overtakes(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	set_pool_size(1);
	get(&a);
	ask(&b);
	asker_give(&a, CHECKIN_CLEAN);
	ask(&a);
	assert_null(a.server);
	wait_until(fake.loop, b.granted);
	assert_false(a.granted);
	asker_give(&b, CHECKIN_CLEAN);
	wait_until(fake.loop, a.granted);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
most_recent_is_reused(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Server	   *last;

	get(&a);
	get(&b);
	last = a.server;
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&a, CHECKIN_CLEAN);
	ask(&b);
	assert_ptr_equal(b.server, last);
	asker_give(&b, CHECKIN_CLEAN);
}

static void
round_robin(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};
	Asker		b = {0};
	Server	   *first;

	config.is_round_robin = true;
	configure();
	asker_get(&a, pool, fake.loop);
	asker_get(&b, pool, fake.loop);
	first = b.server;
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&a, CHECKIN_CLEAN);
	asker_get(&a, pool, fake.loop);
	assert_ptr_equal(a.server, first);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
who_left_is_passed_over(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};

	set_pool_size(1);
	get(&a);
	ask(&b);
	ask(&c);
	pool_cancel_wait(&b.waiter);
	pool_cancel_wait(&b.waiter);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, c.granted);
	assert_false(b.granted || b.failed);
	asker_give(&c, CHECKIN_CLEAN);
}

static void
deadline(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	set_pool_size(1);
	get(&a);
	b.waiter.deadline_us = clock_now_us() + SHORT_US;
	ask(&b);
	wait_until(fake.loop, b.failed);
	assert_int_equal(b.waiter.failure, POOL_TIMED_OUT);
	assert_string_equal(b.error.sqlstate, SQLSTATE_CANNOT_CONNECT_NOW);
	assert_int_equal(app_stats().waiting, 0);
	asker_give(&a, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- pools */

/* Guards: two names for one database have pools and limits of their own. */
static void
names_have_their_own_pools(void **state)
{
	Pool	   *mes = pool_of(set, "mes", "app");
	Pool	   *batch = pool_set_get(set, &(PoolTarget) {.database = "mes", .user = "app", .name = "batch"});
	Asker		a = {0};
	Asker		b = {0};

	config.limits.max_db_connections = 1;
	configure();
	assert_ptr_not_equal(mes, batch);
	asker_get(&a, mes, fake.loop);
	asker_get(&b, batch, fake.loop);
	assert_string_equal(stats_of(batch).name, "batch");
	assert_string_equal(stats_of(batch).database, "mes");
	asker_give(&a, CHECKIN_CLEAN);
	asker_give(&b, CHECKIN_CLEAN);
}

static void
count_pool(void *arg, const Pool *pool)
{
	++*(int *) arg;
}

/* A pool that all have released goes when it is empty, and not before. */
static void
released_pool_goes(void **state)
{
	Asker		a = {0};
	Pool	   *pool;
	int			pools = 1;

	config.server_idle_timeout_us = SHORT_US;
	configure();
	get(&a);
	pool = app_pool(set);
	pool_release(pool);			/* get() and here: twice */
	pool_release(pool);
	turn_loop(fake.loop);
	assert_ptr_equal(app_pool(set), pool);
	pool_release(pool);
	asker_give(&a, CHECKIN_CLEAN);
	while (pools > 0)
	{
		pools = 0;
		turn_loop(fake.loop);
		pool_set_each_pool(set, count_pool, &pools);
	}
	get(&a);
	assert_int_equal(fake.logins, 2);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
destroy_tells_waiters(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	set_pool_size(1);
	get(&a);
	ask(&b);
	pool_set_destroy(set);
	assert_true(b.failed);
	assert_int_equal(b.waiter.failure, POOL_CLOSING);
	set = NULL;
}

/* ---------------------------------------------------------------- reports */

static void
count_server(void *arg, const Server *server)
{
	ServerStats stats;

	server_stats(server, &stats);
	assert_string_equal(stats.database, "mes");
	assert_true(stats.pid > 1000);
	++*(int *) arg;
}

static void
reports(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	int			pools = 0;
	int			servers = 0;

	get(&a);
	get(&b);
	asker_give(&b, CHECKIN_CLEAN);
	pool_set_each_pool(set, count_pool, &pools);
	pool_set_each_server(set, count_server, &servers);
	assert_int_equal(pools, 1);
	assert_int_equal(servers, 2);
	assert_int_equal(app_stats().logins, 2);
	assert_int_equal(app_stats().checkouts, 2);
	assert_string_equal(server_state_name(SERVER_RESETTING), "resetting");
	asker_give(&a, CHECKIN_CLEAN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_in_first_out), TEST(nobody_overtakes), TEST(most_recent_is_reused), TEST(round_robin),
		TEST(who_left_is_passed_over), TEST(deadline), TEST(names_have_their_own_pools), TEST(released_pool_goes),
		TEST(destroy_tells_waiters), TEST(reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
