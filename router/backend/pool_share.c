/*-------------------------------------------------------------------------
 *
 * pool_share.c
 *	  The limits a pool lives under, and who gives way to whom.
 *
 * A server takes three places: one of its pool (all workers), one of its
 * (node, database), one of its (node, user).  They are taken in this order
 * and all or none are kept, so every total is exact at any time.
 *
 * A pool that has waiters and finds one of them full is starved.  It asks
 * those below the same limit: other pools of its own worker here and now, the
 * peers by a message.  Whoever is asked closes one idle server that nobody
 * waits for; where there is none, and the asker has less than its share (limit
 * / pools that compete), who has more than its share owes one: it closes it
 * at its next checkin.  The giver keeps off the place for YIELD_US, so that
 * the asker finds it.  With more competitors than places a share of one each
 * is impossible; then the servers go round.
 *
 * The schedule, two pools A and B below a limit of one:
 *
 *	  A  has the server, in use
 *	  B  waits: full, less than its share: asks; looks again POOL_SWEEP_US later
 *	  A  is asked: owes one -- or has just given it back: closes it at once
 *	  A  checkin: closes it, the place is free, yields until t + YIELD_US
 *	  B  looks again at the latest POOL_SWEEP_US after that, has the place
 *	  A  has a waiter: full, asks ...
 *
 * No wake-up is lost since none is needed: who is starved looks at the places
 * itself every POOL_SWEEP_US, and asks again every STARVED_ASK_US until it is
 * served, so a message that comes too early or finds nothing does no harm.
 * There is no livelock: places are held for no longer than it takes to try
 * the next two, and YIELD_US is several looks long, so whom a place was
 * given up for is there before the giver.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <string.h>

#include "backend/pool_internal.h"
#include "base/memory.h"

/* How often a starved pool asks, and how long a giver keeps off the place. */
#define STARVED_ASK_US 50000
#define YIELD_US (3 * POOL_SWEEP_US)

static int	limit_of(const Pool *pool, PoolLevel level, int size);
static int	fair_share(const Pool *pool, PoolLevel level, int size);
static bool is_below(const Pool *pool, const PoolNeed *need);
static bool has_surplus(const Pool *pool, PoolLevel level);
static void give_back(PoolSet *set, const PoolNeed *need, const Pool *asker);

/* ---------------------------------------------------------------- places */

/* The key is node, name, database, user: each group's is a part of it. */
void
pool_find_slots(Pool *pool)
{
	PoolTotals *totals = pool->set->totals;
	size_t		name_end = sizeof(pool->node) + strlen(pool->name) + 1;
	size_t		user_len = sizeof(pool->node) + strlen(pool->user);
	char	   *user_key = mem_alloc(user_len);

	memcpy(user_key, &pool->node, sizeof(pool->node));
	memcpy(user_key + sizeof(pool->node), pool->user, user_len - sizeof(pool->node));
	pool->slots[POOL_LEVEL_POOL] = pool_totals_get(totals, POOL_SLOT_POOL, pool->key, pool->key_len);
	pool->slots[POOL_LEVEL_DATABASE] = pool_totals_get(totals, POOL_SLOT_DATABASE, pool->key, name_end);
	pool->slots[POOL_LEVEL_USER] = pool_totals_get(totals, POOL_SLOT_USER, user_key, user_len);
	mem_free(user_key);
}

void
pool_put_slots(Pool *pool)
{
	for (int level = 0; level < POOL_LEVELS; level++)
		pool_totals_put(pool->set->totals, pool->slots[level]);
}

void
pool_update_limits(Pool *pool)
{
	const PoolConfig *config = &pool->set->config;

	pool->limits = config->limits;
	if (config->find_limits != NULL)
		config->find_limits(config->limits_arg, pool->name, pool->user, &pool->limits);
}

bool
pool_acquire(Pool *pool, int size, PoolLevel *full)
{
	for (int level = 0; level < POOL_LEVELS; level++)
	{
		if (pool_slot_acquire(pool->slots[level], limit_of(pool, (PoolLevel) level, size)))
			continue;
		*full = (PoolLevel) level;
		while (--level >= 0)
			pool_slot_release(pool->slots[level]);
		return false;
	}
	return true;
}

void
pool_give_place(Pool *pool)
{
	for (int level = 0; level < POOL_LEVELS; level++)
		pool_slot_release(pool->slots[level]);
}

/* size: of the pool, with its reserve when that may be used. */
static int
limit_of(const Pool *pool, PoolLevel level, int size)
{
	int			limit = level == POOL_LEVEL_POOL ? size :
		level == POOL_LEVEL_DATABASE ? pool->limits.max_db_connections : pool->limits.max_user_connections;

	return limit > 0 ? limit : INT_MAX;
}

/* After a reload, or when the reserve is not needed any more, idle servers are closed. */
bool
pool_is_too_large(const Pool *pool)
{
	int			size = pool->limits.pool_size + pool->limits.reserve_pool_size;

	for (int level = 0; level < POOL_LEVELS; level++)
	{
		if (pool_slot_count(pool->slots[level]) > limit_of(pool, (PoolLevel) level, size))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- shares */

void
pool_update_joined(Pool *pool)
{
	bool		uses = pool_server_count(pool) > 0 || !list_is_empty(&pool->waiters);

	if (uses == pool->is_joined)
		return;
	pool->is_joined = uses;
	for (int level = 0; level < POOL_LEVELS; level++)
	{
		if (uses)
			pool_slot_join(pool->slots[level]);
		else
			pool_slot_leave(pool->slots[level]);
	}
}

static int
fair_share(const Pool *pool, PoolLevel level, int size)
{
	int			users = pool_slot_users(pool->slots[level]);
	int			limit = limit_of(pool, level, size);
	int			share = users > 0 ? limit / users : limit;

	return share > 0 ? share : 1;
}

void
pool_note_starved(Pool *pool, int size, PoolLevel full)
{
	PoolSet    *set = pool->set;
	uint64_t	now_us = loop_now_us(set->loop);
	PoolNeed	need = {
		.node = pool->node,
		.name = pool->name,
		.database = pool->database,
		.user = pool->user,
		.level = full,
		.wish = pool_server_count(pool) < fair_share(pool, full, size) ? POOL_WISH_SHARE : POOL_WISH_IDLE,
	};

	pool_set_wake(set, now_us + POOL_SWEEP_US);
	if (now_us < pool->asked_us + STARVED_ASK_US)
		return;
	pool->asked_us = now_us;
	if (full != POOL_LEVEL_POOL)
		give_back(set, &need, pool);
	if (set->hooks.on_starved != NULL)
		set->hooks.on_starved(set->hooks.arg, &need);
}

void
pool_set_give_back(PoolSet *set, const PoolNeed *need)
{
	give_back(set, need, NULL);
}

/*
 * One server: the idle one that was used longest ago of those that nobody of
 * its pool waits for, or the promise of one of the largest pool's.
 */
static void
give_back(PoolSet *set, const PoolNeed *need, const Pool *asker)
{
	uint64_t	now_us = loop_now_us(set->loop);
	Server	   *idle = NULL;
	Pool	   *largest = NULL;

	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		if (pool == asker || !is_below(pool, need))
			continue;
		if (pool->idle.count > pool->waiters.count)
		{
			Server	   *server = pool_longest_idle(pool);

			if (idle == NULL || server->used_us < idle->used_us)
				idle = server;
		}
		if (has_surplus(pool, need->level) &&
			(largest == NULL || pool_server_count(pool) > pool_server_count(largest)))
			largest = pool;
	}
	if (idle != NULL)
	{
		idle->pool->yield_until_us = now_us + YIELD_US;
		pool_drop(idle, DROP_ROUTINE, "given to another pool or worker");
	}
	else if (need->wish == POOL_WISH_SHARE && largest != NULL)
		largest->owed = 1;
}

static bool
is_below(const Pool *pool, const PoolNeed *need)
{
	if (pool->node != need->node)
		return false;
	if (need->level != POOL_LEVEL_USER && strcmp(pool->name, need->name) != 0)
		return false;
	if (need->level != POOL_LEVEL_DATABASE && strcmp(pool->user, need->user) != 0)
		return false;
	return need->level != POOL_LEVEL_POOL || strcmp(pool->database, need->database) == 0;
}

static bool
has_surplus(const Pool *pool, PoolLevel level)
{
	int			servers = pool_server_count(pool);
	int			size = pool->limits.pool_size;

	return servers > 0 && (pool_slot_users(pool->slots[level]) > limit_of(pool, level, size) ||
						   servers > fair_share(pool, level, size));
}

/* A server comes back: is it promised to somebody else? */
bool
pool_pay_debt(Server *server)
{
	Pool	   *pool = server->pool;

	if (pool->owed == 0)
		return false;
	pool->owed--;
	pool->yield_until_us = server->used_us + YIELD_US;
	pool_drop(server, DROP_ROUTINE, "given to another pool or worker");
	return true;
}
