/*-------------------------------------------------------------------------
 *
 * pool_set.c
 *	  The pools of one worker: finding them, sweeping them, reporting them.
 *
 * One timer sweeps all pools: deadlines of waiters, logins and resets, age of
 * idle servers, another try after a failed login.  Each pool says when it
 * wants to be looked at next; the timer is set for the earliest of these and
 * never runs more often than every POOL_SWEEP_US.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool_internal.h"
#include "base/memory.h"

static void count_cancels(const Pool *pool, PoolStats *stats);
static int	count_unchecked(const Pool *pool);
static void on_sweep(void *arg);
static void pool_set_free(void *arg);
static void pool_forget(Pool *pool);
static char *make_key(const PoolTarget *target, size_t *len);

PoolSet *
pool_set_create(Loop *loop, const PoolConfig *config, PoolTotals *totals,
				SettingsPool *settings, const PoolSetHooks *hooks)
{
	PoolSet    *set = mem_alloc(sizeof(PoolSet));

	set->loop = loop;
	set->config = *config;
	set->totals = totals;
	set->settings = settings;
	if (hooks != NULL)
		set->hooks = *hooks;
	list_init(&set->cancels);
	set->sweep = loop_timer_create(loop, on_sweep, set);
	return set;
}

/*
 * Servers are closed and waiters told now; the memory goes at the end of the
 * turn, behind whatever was put off until then.
 */
void
pool_set_destroy(PoolSet *set)
{
	if (set == NULL || set->is_closing)
		return;
	set->is_closing = true;
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
		pool_fini(pool);
	while (!list_is_empty(&set->cancels))
	{
		PendingCancel *pending = list_entry(list_pop_head(&set->cancels), PendingCancel, node);

		cancel_destroy(pending->cancel);
		mem_free(pending);
	}
	loop_timer_destroy(set->sweep);
	set->sweep = NULL;
	loop_later(set->loop, pool_set_free, set);
}

static void
pool_set_free(void *arg)
{
	PoolSet    *set = arg;
	Pool	   *pool;
	Pool	   *next;

	HASH_ITER(hh, set->pools, pool, next)
		pool_forget(pool);
	topology_view_unref(set->view);
	names_release(&set->paused);
	mem_free(set);
}

static void
pool_forget(Pool *pool)
{
	LIST_FOREACH(node, &pool->set->cancels)
	{
		PendingCancel *pending = list_entry(node, PendingCancel, node);

		if (pending->pool == pool)
			pending->pool = NULL;
	}
	HASH_DEL(pool->set->pools, pool);
	mem_free((char *) pool->key);
	mem_free(pool->name);
	mem_free(pool->database);
	mem_free(pool->user);
	mem_free(pool);
}

void
pool_set_configure(PoolSet *set, const PoolConfig *config)
{
	set->config = *config;
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		pool_update_limits(pool);
		pool_schedule(pool);
	}
	pool_set_wake(set, loop_now_us(set->loop));
}

void
pool_set_view(PoolSet *set, TopologyView *view)
{
	TopologyView *old = set->view;

	set->view = topology_view_ref(view);
	topology_view_unref(old);
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
		pool_apply_view(pool);
}

const NodeView *
pool_set_node(const PoolSet *set, int node)
{
	if (set->view == NULL || node >= set->view->nnodes)
		return NULL;
	return &set->view->nodes[node];
}

Pool *
pool_set_get(PoolSet *set, const PoolTarget *target)
{
	size_t		key_len;
	char	   *key = make_key(target, &key_len);
	Pool	   *pool;

	HASH_FIND(hh, set->pools, key, key_len, pool);
	if (pool == NULL)
	{
		pool = mem_alloc(sizeof(Pool));
		pool->key = key;
		pool->key_len = key_len;
		pool_init(pool, set, target);
		HASH_ADD_KEYPTR(hh, set->pools, pool->key, pool->key_len, pool);
	}
	else
	{
		mem_free(key);
		pool_set_password(pool, target->password);
	}
	pool->users++;
	return pool;
}

void
pool_release(Pool *pool)
{
	if (--pool->users == 0)
		pool_set_wake(pool->set, pool->retry_at_us);
}

int
pool_set_load(const PoolSet *set, int node)
{
	return set->load[node];
}

void
pool_set_each_pool(const PoolSet *set, void (*fn) (void *arg, const Pool *pool), void *arg)
{
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
		fn(arg, pool);
}

void
pool_set_each_server(const PoolSet *set, void (*fn) (void *arg, const Server *server), void *arg)
{
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		const List *lists[] = {&pool->connecting, &pool->idle, &pool->active,
		&pool->resetting, &pool->parked};

		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		{
			LIST_FOREACH(node, lists[i])
				fn(arg, list_entry(node, Server, pool_node));
		}
	}
}

void
pool_stats(const Pool *pool, PoolStats *stats)
{
	*stats = (PoolStats) {
		.node = pool->node,
		.name = pool->name,
		.database = pool->database,
		.user = pool->user,
		.limits = pool->limits,
		.active = (int) (pool->active.count + pool->parked.count),
		.idle = (int) pool->idle.count,
		.unchecked = count_unchecked(pool),
		.connecting = (int) pool->connecting.count,
		.resetting = (int) pool->resetting.count,
		.waiting = (int) pool->waiters.count,
		.checkouts = pool->checkouts,
		.wait_total_us = pool->wait_total_us,
		.logins = pool->logins,
		.login_failures = pool->login_failures,
	};
	count_cancels(pool, stats);
	for (int level = 0; level < POOL_LEVELS; level++)
		stats->all_workers[level] = pool_slot_count(pool->slots[level]);
	if (pool->waiters.count > 0)
	{
		const PoolWaiter *oldest = list_entry(list_first(&pool->waiters), PoolWaiter, node);
		uint64_t	now_us = loop_now_us(pool->set->loop);

		stats->oldest_wait_us = now_us > oldest->since_us ? now_us - oldest->since_us : 0;
	}
}

static void
count_cancels(const Pool *pool, PoolStats *stats)
{
	LIST_FOREACH(node, &pool->set->cancels)
	{
		const PendingCancel *pending = list_entry(node, PendingCancel, node);

		if (pending->pool != pool)
			continue;
		stats->cancels++;
		stats->cancelled += pending->server != NULL;
	}
}

static int
count_unchecked(const Pool *pool)
{
	int			count = 0;

	LIST_FOREACH(node, &pool->idle)
		count += pool_needs_check(list_entry(node, Server, pool_node));
	return count;
}

/* ---------------------------------------------------------------- sweep */

void
pool_set_wake(PoolSet *set, uint64_t at_us)
{
	uint64_t	soonest_us;

	if (set->is_closing || (set->sweep_at_us != 0 && set->sweep_at_us <= at_us))
		return;
	soonest_us = loop_now_us(set->loop) + POOL_SWEEP_US;
	if (at_us < soonest_us)
		at_us = soonest_us;
	if (set->sweep_at_us != 0 && set->sweep_at_us <= at_us)
		return;
	set->sweep_at_us = at_us;
	loop_timer_start(set->sweep, at_us - loop_now_us(set->loop));
}

static void
on_sweep(void *arg)
{
	PoolSet    *set = arg;
	uint64_t	now_us = loop_now_us(set->loop);
	uint64_t	next_us = UINT64_MAX;
	Pool	   *pool;
	Pool	   *next;

	set->sweep_at_us = 0;
	HASH_ITER(hh, set->pools, pool, next)
	{
		uint64_t	wish_us = pool_sweep(pool, now_us);

		if (pool_may_go(pool, now_us))
		{
			pool_fini(pool);
			pool_put_slots(pool);
			pool_forget(pool);
			continue;
		}
		if (pool_is_unused(pool) && wish_us > pool->retry_at_us)
			wish_us = pool->retry_at_us;
		if (wish_us < next_us)
			next_us = wish_us;
	}
	if (next_us != UINT64_MAX)
		pool_set_wake(set, next_us);
}

/* ---------------------------------------------------------------- lookup */

static char *
make_key(const PoolTarget *target, size_t *len)
{
	const char *name = target->name != NULL ? target->name : target->database;
	const char *words[] = {name, target->database, target->user};
	size_t		at = sizeof(target->node);
	char	   *key;

	*len = at;
	for (int i = 0; i < 3; i++)
		*len += strlen(words[i]) + 1;
	key = mem_alloc(*len);
	memcpy(key, &target->node, sizeof(target->node));
	for (int i = 0; i < 3; i++)
	{
		memcpy(key + at, words[i], strlen(words[i]) + 1);
		at += strlen(words[i]) + 1;
	}
	return key;
}
