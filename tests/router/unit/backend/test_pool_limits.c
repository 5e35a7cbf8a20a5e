/*-------------------------------------------------------------------------
 *
 * test_pool_limits.c
 *	  How many servers there are: minimum, reserve, limits of databases and
 *	  users; and which of them are looked at before they are used.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/asker.h"

#include "backend/server_internal.h"

#define LONG_US (WAIT_SECS * US_PER_SEC)
#define HOUR_US (3600 * US_PER_SEC)
#define SHORT_US 1000

static Loop *loop;
static FakeNode fake;
static SettingsPool *settings;
static PoolTotals *totals;
static PoolSet *set;
static PoolSet *peer;
static PoolConfig config;
static PoolNeed needed;			/* the last one */
static int	starved;

static void
on_starved(void *arg, const PoolNeed *need)
{
	needed = *need;
	starved++;
}

static const PoolSetHooks hooks = {on_starved, NULL, NULL};

static void
show_view(PoolSet *to)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	pool_set_view(to, view);
	topology_view_unref(view);
}

static int
setup(void **state)
{
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	starved = 0;
	config = (PoolConfig) {
		.limits.pool_size = 4,
		.server_connect_timeout_us = LONG_US,
		.server_reset_timeout_us = LONG_US,
		.login_retry_us = LONG_US,
		.max_prepared_statements = 10,
	};
	loop = loop_create();
	fake_node_init(&fake, loop);
	settings = settings_pool_create();
	totals = pool_totals_create();
	set = pool_set_create(loop, &config, totals, settings, &hooks);
	peer = pool_set_create(loop, &config, totals, settings, &hooks);
	show_view(set);
	show_view(peer);
	return 0;
}

static int
teardown(void **state)
{
	pool_set_destroy(set);
	pool_set_destroy(peer);
	fake_node_fini(&fake);
	loop_destroy(loop);
	settings_pool_destroy(settings);
	pool_totals_destroy(totals);
	return 0;
}

static void
configure(void)
{
	pool_set_configure(set, &config);
	pool_set_configure(peer, &config);
}

static Pool *
pool_of(PoolSet *in, const char *database, const char *user)
{
	return pool_set_get(in, &(PoolTarget) {.database = database, .user = user});
}

static PoolStats
stats_of(Pool *pool)
{
	PoolStats	stats;

	pool_stats(pool, &stats);
	return stats;
}

/* ---------------------------------------------------------------- minimum */

/* Guards: min_pool_size servers are there without being asked for, also after one of them has ended. */
static void
minimum_is_kept(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");

	config.limits.min_pool_size = 2;
	configure();
	turn_loop(loop);
	assert_int_equal(fake.accepted, 0);
	pool_add_clients(pool, 1);
	wait_until(loop, stats_of(pool).idle == 2);
	fake_node_crash(&fake);
	wait_until(loop, fake.logins == 4 && stats_of(pool).idle == 2);
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
		asker_get(&askers[i], pool, loop);
	for (int i = 0; i < 4; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	wait_until(loop, fake.terminated == 2);
	turn_loop(loop);
	assert_int_equal(stats_of(pool).idle, 2);
	pool_add_clients(pool, -1);
	wait_until(loop, fake.terminated == 4);
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
	wait_until(loop, stats_of(mine).idle + stats_of(theirs).idle == 3);
	assert_int_equal(fake.logins, 3);
	pool_add_clients(mine, -1);
	pool_set_reconnect(set, NULL);
	wait_until(loop, stats_of(theirs).idle == 3);
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
	wait_until(loop, stats_of(pool).login_failures == 1);
	turn_loop(loop);
	turn_loop(loop);
	assert_int_equal(fake.startups, 1);
}

/* ---------------------------------------------------------------- reserve */

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
	asker_get(&a, pool, loop);
	asker_ask(&b, pool);
	wait_until(loop, starved > 0);
	assert_int_equal(fake.accepted, 1);
	config.reserve_timeout_us = SHORT_US;
	configure();
	wait_until(loop, b.granted);
	starved = 0;
	asker_ask(&c, pool);
	wait_until(loop, starved > 1);
	assert_int_equal(fake.accepted, 2);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(loop, c.granted);
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
		asker_get(&askers[i], pool, loop);
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	config.limits.pool_size = 1;
	configure();
	wait_until(loop, fake.terminated == 3);
	assert_int_equal(stats_of(pool).active, 1);
	asker_give(&askers[3], CHECKIN_CLEAN);
	turn_loop(loop);
	assert_int_equal(stats_of(pool).idle, 1);
}

/* ---------------------------------------------------------------- logins */

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
	asker_get(&first, pool, loop);
	fake.is_mute = true;
	for (int i = 0; i < 30; i++)
		asker_ask(&askers[i], pool);
	wait_until(loop, fake.startups > 4);
	turn_loop(loop);
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
	asker_get(&a, pool, loop);
	assert_true(fake_node_was_asked(&fake, "LISTEN nothing\n"));
	asker_give(&a, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- age, order */

/* Guards: servers of one age are not all closed at once. */
static void
old_servers_go_one_by_one(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		askers[3] = {0};

	for (int i = 0; i < 3; i++)
	{
		asker_get(&askers[i], pool, loop);
		askers[i].server->connected_us -= HOUR_US;
	}
	config.server_lifetime_us = HOUR_US;
	configure();
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	turn_loop(loop);
	assert_int_equal(stats_of(pool).idle, 2);

	/* a while later it is the next one's turn */
	config.server_lifetime_us = 1;
	configure();
	wait_until(loop, stats_of(pool).idle == 0);
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
	asker_get(&a, pool, loop);
	asker_get(&b, pool, loop);
	first = b.server;
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&a, CHECKIN_CLEAN);
	asker_get(&a, pool, loop);
	assert_ptr_equal(a.server, first);
	asker_give(&a, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- checks */

static void
use_once(Pool *pool)
{
	Asker		a = {0};

	asker_get(&a, pool, loop);
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
	config.server_check_delay_us = 0;
	configure();
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(loop, a.granted);
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
	show_view(set);
	config.check_query = "SELECT 1 AS alive";
	config.server_reset_timeout_us = SHORT_US;
	configure();
	use_once(pool);
	fake.hold_replies = true;
	asker_ask(&a, pool);
	assert_null(a.server);
	wait_until(loop, a.granted);
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
		asker_get(&askers[i], pool, loop);
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	config.check_query = "SELECT 1 AS alive";
	configure();
	fake.hold_replies = true;
	asker_ask(&askers[0], pool);
	wait_until(loop, fake_node_was_asked(&fake, "SELECT 1 AS alive"));
	assert_int_equal(stats_of(pool).resetting, 1);
	assert_int_equal(stats_of(pool).idle, 2);
	pool_cancel_wait(&askers[0].waiter);
}

/* Guards: server_reset_query is run before DISCARD ALL, never instead of it. */
static void
reset_query_is_added(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};

	config.reset_query = "CALL forget_me()";
	configure();
	asker_get(&a, pool, loop);
	asker_give(&a, CHECKIN_RESET);
	wait_until(loop, stats_of(pool).idle == 1);
	assert_true(fake_node_was_asked(&fake, "CALL forget_me()\nDISCARD ALL\n"));
}

/* ---------------------------------------------------------------- groups */

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
	asker_get(&a, ann, loop);
	asker_get(&c, elsewhere, loop);
	asker_ask(&b, bob);
	wait_until(loop, starved > 0);
	assert_int_equal(needed.level, POOL_LEVEL_DATABASE);
	assert_int_equal(needed.wish, POOL_WISH_SHARE);
	assert_false(b.granted);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(loop, b.granted);
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
	asker_get(&busy[0], ann, loop);
	asker_ask(&busy[1], ann);
	asker_ask(&b, bob);
	for (int i = 0; !b.granted; i++)
	{
		Asker	   *user = &busy[i % 2];

		wait_until(loop, user->granted || b.granted);
		if (!user->granted)
			break;
		turn_loop(loop);
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
	asker_get(&a, mine, loop);
	asker_give(&a, CHECKIN_CLEAN);
	asker_get(&c, free_one, loop);
	asker_ask(&b, theirs);
	wait_until(loop, starved > 0);
	assert_false(b.granted);
	assert_int_equal(needed.level, POOL_LEVEL_USER);
	pool_set_give_back(set, &needed);
	wait_until(loop, b.granted);
	assert_int_equal(stats_of(mine).idle, 0);
	asker_give(&b, CHECKIN_CLEAN);
	asker_give(&c, CHECKIN_CLEAN);
}

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
	asker_get(&a, mes, loop);
	asker_get(&b, batch, loop);
	assert_string_equal(stats_of(batch).name, "batch");
	assert_string_equal(stats_of(batch).database, "mes");
	asker_give(&a, CHECKIN_CLEAN);
	asker_give(&b, CHECKIN_CLEAN);
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

/* ---------------------------------------------------------------- addresses */

static void
show_address(const char *address)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	view->nodes[0].host = "north.invalid";
	snprintf(view->nodes[0].address, sizeof(view->nodes[0].address), "%s", address);
	pool_set_view(set, view);
	topology_view_unref(view);
}

/*
 * Guards: servers are where the samples of their node come from; when its name leads elsewhere, idle ones
 * go, those in use when they come back, and a cancel request goes to where its server is.
 */
static void
moved_node(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};
	Asker		b = {0};

	show_address("127.0.0.1");
	asker_get(&a, pool, loop);
	asker_get(&b, pool, loop);
	asker_give(&b, CHECKIN_CLEAN);
	show_address("127.0.0.2");
	assert_int_equal(stats_of(pool).idle, 0);
	assert_int_equal(stats_of(pool).active, 1);
	assert_false(a.lost);
	pool_cancel_query(a.server);
	wait_until(loop, fake.cancels == 1);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(loop, fake.terminated == 2);
	assert_int_equal(stats_of(pool).idle, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(minimum_is_kept), TEST(idle_timeout_stops_at_the_minimum), TEST(minimum_is_of_all_workers),
		TEST(minimum_is_not_hammered), TEST(reserve_after_a_while), TEST(smaller_pool_closes_idle_servers),
		TEST(logins_at_once_are_bounded), TEST(connect_query_comes_first), TEST(old_servers_go_one_by_one),
		TEST(round_robin), TEST(idle_server_is_checked), TEST(silent_server_is_replaced),
		TEST(checks_are_as_many_as_waiters), TEST(reset_query_is_added), TEST(database_limit),
		TEST(database_goes_round), TEST(user_limit_over_workers), TEST(names_have_their_own_pools),
		TEST(limits_of_one_pool), TEST(moved_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
