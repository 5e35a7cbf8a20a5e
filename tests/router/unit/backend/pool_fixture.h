/*-------------------------------------------------------------------------
 *
 * pool_fixture.h
 *	  Two sets of pools at one fake node, as two workers have them.
 *
 * For each test anew: TEST(name) sets up and tears down.  Timeouts are longer
 * than any test: what runs out does so because a test said it shall.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_POOL_FIXTURE_H
#define TESTS_POOL_FIXTURE_H

#include "router/unit/backend/asker.h"

#define LONG_US (WAIT_SECS * US_PER_SEC)
#define SHORT_US 1000

extern FakeNode fake;			/* its loop is the test's */
extern SettingsPool *settings_pool;
extern PoolSet *set;
extern PoolSet *peer;			/* of another worker: shares the set's limits */
extern PoolConfig config;		/* a test may change it, and then calls configure() */

/* what the sets reported */
extern int	suspected;			/* how often a server was lost */
extern int	starved;			/* how often a pool was in need */
extern PoolNeed needed;			/* of what, the last time */

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_fixture_setup, pool_fixture_teardown)
extern int	pool_fixture_setup(void **state);
extern int	pool_fixture_create(void **state);	/* as setup, but the sets have not seen the node yet */
extern int	pool_fixture_teardown(void **state);

extern void configure(void);
extern void set_pool_size(int size);

/* ---- what the sets are told of the node ---- */
extern void show_node(void);
extern void show_unusable_node(const char *why, int primary);

/* ---- pools ---- */
extern Pool *pool_of(PoolSet *in, const char *database, const char *user);
extern PoolStats stats_of(Pool *pool);

/* ---- the pool of app in mes, for tests that need no other ---- */
extern Pool *app_pool(PoolSet *in);
extern PoolStats app_stats(void);	/* of the first set's */
extern void ask(Asker *asker);
extern void get(Asker *asker);	/* shows the view, asks, and waits until it is there */

#endif							/* TESTS_POOL_FIXTURE_H */
