/*-------------------------------------------------------------------------
 *
 * pool_fixture.c
 *	  Two sets of pools at one fake node.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

FakeNode	fake;
SettingsPool *settings_pool;
PoolSet    *set;
PoolSet    *peer;
PoolConfig	config;
int			suspected;
int			starved;
PoolNeed	needed;

static PoolTotals *totals;

static void
on_starved(void *arg, const PoolNeed *need)
{
	assert_int_equal(need->node, 0);
	starved++;
	needed = *need;
}

static void
on_server_lost(void *arg, int node)
{
	suspected++;
}

static const PoolSetHooks hooks = {on_starved, on_server_lost, NULL};

int
pool_fixture_create(void **state)
{
	Loop	   *loop = loop_create();

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	suspected = starved = 0;
	config = (PoolConfig) {
		.limits.pool_size = 4,
		.server_connect_timeout_us = LONG_US,
		.server_reset_timeout_us = LONG_US,
		.login_retry_us = LONG_US,
		.max_prepared_statements = 10,
	};
	fake_node_init(&fake, loop);
	settings_pool = settings_pool_create();
	totals = pool_totals_create();
	set = pool_set_create(loop, &config, totals, settings_pool, &hooks);
	peer = pool_set_create(loop, &config, totals, settings_pool, &hooks);
	return 0;
}

int
pool_fixture_setup(void **state)
{
	pool_fixture_create(state);
	show_node();
	return 0;
}

int
pool_fixture_teardown(void **state)
{
	pool_set_destroy(set);
	pool_set_destroy(peer);
	fake_node_fini(&fake);
	loop_destroy(fake.loop);
	settings_pool_destroy(settings_pool);
	pool_totals_destroy(totals);
	return 0;
}

void
configure(void)
{
	pool_set_configure(set, &config);
	pool_set_configure(peer, &config);
}

void
set_pool_size(int size)
{
	config.limits.pool_size = size;
	configure();
}

static void
show(TopologyView *view)
{
	pool_set_view(set, view);
	pool_set_view(peer, view);
	topology_view_unref(view);
}

void
show_node(void)
{
	show(fake_view((FakeNode *const[]) {&fake}, 1));
}

void
show_unusable_node(const char *why, int primary)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	view->primary = primary;
	view->nodes[0].is_usable = false;
	snprintf(view->nodes[0].why, sizeof(view->nodes[0].why), "%s", why);
	show(view);
}

Pool *
pool_of(PoolSet *in, const char *database, const char *user)
{
	return pool_set_get(in, &(PoolTarget) {.database = database, .user = user});
}

PoolStats
stats_of(Pool *pool)
{
	PoolStats	stats;

	pool_stats(pool, &stats);
	return stats;
}

Pool *
app_pool(PoolSet *in)
{
	return pool_of(in, "mes", "app");
}

PoolStats
app_stats(void)
{
	return stats_of(app_pool(set));
}

void
ask(Asker *asker)
{
	asker_ask(asker, app_pool(set));
}

void
get(Asker *asker)
{
	show_node();
	asker_get(asker, app_pool(set), fake.loop);
}
