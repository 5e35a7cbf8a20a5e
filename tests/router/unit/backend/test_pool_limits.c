/*-------------------------------------------------------------------------
 *
 * test_pool_limits.c
 *	  How many servers there are: minimum, reserve, limits of pools, databases
 *	  and users; and who gives way to whom below a limit of several workers.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

/* ---------------------------------------------------------------- minimum */

/* Guards: min_pool_size servers are there without being asked for, also after one of them has ended. */
static void
minimum_is_kept(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");

	config.limits.min_pool_size = 2;
	configure();
	turn_loop(fake.loop);
	assert_int_equal(fake.accepted, 0);
	pool_add_clients(pool, 1);
	wait_until(fake.loop, stats_of(pool).idle == 2);
	fake_node_crash(&fake);
	wait_until(fake.loop, fake.logins == 4 && stats_of(pool).idle == 2);
	assert_int_equal(stats_of(pool).all_workers[POOL_LEVEL_POOL], 2);
}

/* Guards: the minimum is no reason to keep more, and none at all without clients. */
static void
idle_timeout_stops_at_the_minimum(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		askers[4] = {0};

	config.limits.min_pool_size = 2;
	config.server_idle_timeout_us = SHORT_US;
	configure();
	pool_add_clients(pool, 1);
	for (int i = 0; i < 4; i++)
		asker_get(&askers[i], pool, fake.loop);
	for (int i = 0; i < 4; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	wait_until(fake.loop, fake.terminated == 2);
	turn_loop(fake.loop);
	assert_int_equal(stats_of(pool).idle, 2);
	pool_add_clients(pool, -1);
	wait_until(fake.loop, fake.terminated == 4);
	assert_int_equal(stats_of(pool).all_workers[POOL_LEVEL_POOL], 0);
}

/* Guards: the minimum is of the process, not of each worker; a peer replaces what another lost. */
static void
minimum_is_of_all_workers(void **state)
{
	Pool	   *mine = pool_of(set, "mes", "app");
	Pool	   *theirs = pool_of(peer, "mes", "app");

	config.limits.min_pool_size = 3;
	configure();
	pool_add_clients(mine, 1);
	pool_add_clients(theirs, 1);
	wait_until(fake.loop, stats_of(mine).idle + stats_of(theirs).idle == 3);
	assert_int_equal(fake.logins, 3);
	pool_add_clients(mine, -1);
	pool_set_reconnect(set, NULL);
	wait_until(fake.loop, stats_of(theirs).idle == 3);
	assert_int_equal(stats_of(mine).all_workers[POOL_LEVEL_POOL], 3);
}

/* Guards: a node that refuses is asked for the minimum only once per server_login_retry. */
static void
minimum_is_not_hammered(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Error		error;

	error_set(&error, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
	fake.refuse = &error;
	config.limits.min_pool_size = 2;
	configure();
	pool_add_clients(pool, 1);
	wait_until(fake.loop, stats_of(pool).login_failures == 1);
	turn_loop(fake.loop);
	turn_loop(fake.loop);
	assert_int_equal(fake.startups, 1);
}

/* ---------------------------------------------------------------- size */

/* Guards: the reserve is opened for who has waited reserve_pool_timeout, and not beyond its size. */
static void
reserve_after_a_while(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};

	config.limits.pool_size = 1;
	config.limits.reserve_pool_size = 1;
	config.reserve_timeout_us = LONG_US;
	configure();
	asker_get(&a, pool, fake.loop);
	asker_ask(&b, pool);
	wait_until(fake.loop, starved > 0);
	assert_int_equal(fake.accepted, 1);
	config.reserve_timeout_us = SHORT_US;
	configure();
	wait_until(fake.loop, b.granted);
	starved = 0;
	asker_ask(&c, pool);
	wait_until(fake.loop, starved > 1);
	assert_int_equal(fake.accepted, 2);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, c.granted);
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&c, CHECKIN_CLEAN);
}

/* Guards: a smaller pool_size after a reload closes idle servers, and busy ones when they come back idle. */
static void
smaller_pool_closes_idle_servers(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		askers[4] = {0};

	for (int i = 0; i < 4; i++)
		asker_get(&askers[i], pool, fake.loop);
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	config.limits.pool_size = 1;
	configure();
	wait_until(fake.loop, fake.terminated == 3);
	assert_int_equal(stats_of(pool).active, 1);
	asker_give(&askers[3], CHECKIN_CLEAN);
	turn_loop(fake.loop);
	assert_int_equal(stats_of(pool).idle, 1);
}

static void
find_limits(const void *arg, const char *name, const char *user, PoolLimits *limits)
{
	if (strcmp(user, "small") == 0)
		limits->pool_size = *(const int *) arg;
}

/* Guards: what the configuration says of one pool holds for it alone, and from a reload on. */
static void
limits_of_one_pool(void **state)
{
	Pool	   *small = pool_of(set, "mes", "small");
	Pool	   *other = pool_of(set, "mes", "other");
	static const int size = 1;

	config.find_limits = find_limits;
	config.limits_arg = &size;
	configure();
	assert_int_equal(stats_of(small).limits.pool_size, 1);
	assert_int_equal(stats_of(other).limits.pool_size, 4);
	assert_int_equal(stats_of(pool_of(set, "new", "small")).limits.pool_size, 1);
}

/* ---------------------------------------------------------------- workers */

/* What a peer at the limit of the pool asks for. */
static void
give_back(PoolWish wish)
{
	pool_set_give_back(set, &(PoolNeed) {0, "mes", "mes", "app", POOL_LEVEL_POOL, wish});
}

/* Two workers, one limit: what one has the other cannot have. */
static void
limit_holds_over_sets(void **state)
{
	Asker		mine[5] = {0};
	Asker		theirs = {0};

	for (int i = 0; i < 4; i++)
		get(&mine[i]);
	ask(&mine[4]);
	asker_ask(&theirs, app_pool(peer));
	wait_until(fake.loop, starved > 0);
	assert_int_equal(fake.accepted, 4);

	/* no idle server: the next that comes back is the peer's */
	give_back(POOL_WISH_SHARE);
	asker_give(&mine[0], CHECKIN_CLEAN);
	wait_until(fake.loop, theirs.granted);
	assert_false(mine[4].granted);
	assert_int_equal(app_stats().active, 3);
	asker_give(&mine[1], CHECKIN_CLEAN);
	wait_until(fake.loop, mine[4].granted);
	asker_give(&theirs, CHECKIN_CLEAN);
	for (int i = 2; i < 5; i++)
		asker_give(&mine[i], CHECKIN_CLEAN);
}

static void
idle_servers_are_given_back(void **state)
{
	Asker		mine = {0};
	Asker		theirs = {0};

	set_pool_size(1);
	get(&mine);
	asker_give(&mine, CHECKIN_CLEAN);
	asker_ask(&theirs, app_pool(peer));
	wait_until(fake.loop, starved > 0);
	assert_false(theirs.granted);
	give_back(POOL_WISH_SHARE);
	wait_until(fake.loop, theirs.granted);
	assert_int_equal(app_stats().idle, 0);
	asker_give(&theirs, CHECKIN_CLEAN);
}

/* Who has no more than its share keeps what it uses. */
static void
share_is_kept(void **state)
{
	Asker		mine[2] = {0};
	Asker		theirs[3] = {0};

	get(&mine[0]);
	get(&mine[1]);
	for (int i = 0; i < 3; i++)
		asker_ask(&theirs[i], app_pool(peer));
	wait_until(fake.loop, theirs[0].granted && theirs[1].granted);
	wait_until(fake.loop, starved > 0);
	assert_int_equal(needed.wish, POOL_WISH_IDLE);
	give_back(POOL_WISH_IDLE);
	asker_give(&mine[0], CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 1);

	/* but what it does not use is given to who waits */
	give_back(POOL_WISH_IDLE);
	wait_until(fake.loop, theirs[2].granted);
	assert_int_equal(app_stats().idle, 0);
	asker_give(&theirs[2], CHECKIN_CLEAN);
	asker_give(&mine[1], CHECKIN_CLEAN);
	asker_give(&theirs[0], CHECKIN_CLEAN);
	asker_give(&theirs[1], CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- databases and users */

/* Guards: max_db_connections counts all users of a database; another's idle server makes room. */
static void
database_limit(void **state)
{
	Pool	   *ann = pool_of(set, "mes", "ann");
	Pool	   *bob = pool_of(set, "mes", "bob");
	Pool	   *elsewhere = pool_of(set, "other", "ann");
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};

	config.limits.max_db_connections = 1;
	configure();
	asker_get(&a, ann, fake.loop);
	asker_get(&c, elsewhere, fake.loop);
	asker_ask(&b, bob);
	wait_until(fake.loop, starved > 0);
	assert_int_equal(needed.level, POOL_LEVEL_DATABASE);
	assert_int_equal(needed.wish, POOL_WISH_SHARE);
	assert_false(b.granted);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, b.granted);
	assert_int_equal(stats_of(ann).all_workers[POOL_LEVEL_DATABASE], 1);
	assert_int_equal(stats_of(ann).idle + stats_of(ann).active, 0);
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&c, CHECKIN_CLEAN);
}

/* Guards: a user whose clients queue without end does not keep the database from another's. */
static void
database_goes_round(void **state)
{
	Pool	   *ann = pool_of(set, "mes", "ann");
	Pool	   *bob = pool_of(set, "mes", "bob");
	Asker		busy[2] = {0};
	Asker		b = {0};

	config.limits.max_db_connections = 1;
	configure();
	asker_get(&busy[0], ann, fake.loop);
	asker_ask(&busy[1], ann);
	asker_ask(&b, bob);
	for (int i = 0; !b.granted; i++)
	{
		Asker	   *user = &busy[i % 2];

		wait_until(fake.loop, user->granted || b.granted);
		if (!user->granted)
			break;
		turn_loop(fake.loop);
		asker_give(user, CHECKIN_CLEAN);
		asker_ask(user, ann);
	}
	assert_int_equal(stats_of(bob).all_workers[POOL_LEVEL_DATABASE], 1);
	for (int i = 0; i < 2; i++)
		pool_cancel_wait(&busy[i].waiter);
	asker_give(&b, CHECKIN_CLEAN);
}

/* Guards: max_user_connections counts all databases of a user, over workers. */
static void
user_limit_over_workers(void **state)
{
	Pool	   *mine = pool_of(set, "mes", "ann");
	Pool	   *theirs = pool_of(peer, "other", "ann");
	Pool	   *free_one = pool_of(peer, "other", "bob");
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};

	config.limits.max_user_connections = 1;
	configure();
	asker_get(&a, mine, fake.loop);
	asker_give(&a, CHECKIN_CLEAN);
	asker_get(&c, free_one, fake.loop);
	asker_ask(&b, theirs);
	wait_until(fake.loop, starved > 0);
	assert_false(b.granted);
	assert_int_equal(needed.level, POOL_LEVEL_USER);
	pool_set_give_back(set, &needed);
	wait_until(fake.loop, b.granted);
	assert_int_equal(stats_of(mine).idle, 0);
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&c, CHECKIN_CLEAN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(minimum_is_kept), TEST(idle_timeout_stops_at_the_minimum), TEST(minimum_is_of_all_workers),
		TEST(minimum_is_not_hammered), TEST(reserve_after_a_while), TEST(smaller_pool_closes_idle_servers),
		TEST(limits_of_one_pool), TEST(limit_holds_over_sets), TEST(idle_servers_are_given_back),
		TEST(share_is_kept), TEST(database_limit), TEST(database_goes_round), TEST(user_limit_over_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
