/*-------------------------------------------------------------------------
 *
 * pool_grow.c
 *	  When to log in once more, and what failed logins mean.
 *
 * Logins are started for waiters that lack servers and, while the pool has
 * clients, up to min_pool_size: LOGINS_AT_ONCE at a time at most, but one at a
 * time until one has succeeded, so that a wrong password is tried once; after a
 * failure not before retry_at_us.  Waiters that cannot hope for any server of
 * the pool are told the failure; those that can go on waiting.
 *
 * The reserve may be used when the first in the queue has waited for
 * reserve_timeout_us.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool_internal.h"

/* A node that was not reached is tried again sooner than one that refused us. */
#define TROUBLE_RETRY_US 200000

/* Per worker.  A login costs the node a process and the proof of a password. */
#define LOGINS_AT_ONCE 8

static bool lacks_servers(const Pool *pool);
static int	size_now(Pool *pool);
static void keep_minimum(Pool *pool);
static bool node_takes_work(Pool *pool);
static bool may_log_in(Pool *pool);

void
pool_grow(Pool *pool)
{
	/* also those who wait for a login under way */
	if (!pool->is_paused && !list_is_empty(&pool->waiters) && !node_takes_work(pool))
		return;
	while (!pool->is_paused && lacks_servers(pool))
	{
		int			size = size_now(pool);
		PoolLevel	full;

		if (!may_log_in(pool))
			return;
		if (!pool_acquire(pool, size, &full))
		{
			pool_note_starved(pool, size, full);
			return;
		}
		pool_server_open(pool, pool_set_node(pool->set, pool->node));
	}
	keep_minimum(pool);
}

/* Servers on their way back count as the waiters'. */
static bool
lacks_servers(const Pool *pool)
{
	size_t		coming = pool->connecting.count + pool->idle.count + pool->resetting.count + pool->parked.count;

	return pool->waiters.count > coming;
}

static int
size_now(Pool *pool)
{
	const PoolWaiter *first = list_entry(list_first(&pool->waiters), PoolWaiter, node);
	uint64_t	reserve_at_us = first->since_us + pool->set->config.reserve_timeout_us;

	if (pool->limits.reserve_pool_size == 0)
		return pool->limits.pool_size;
	if (loop_now_us(pool->set->loop) >= reserve_at_us)
		return pool->limits.pool_size + pool->limits.reserve_pool_size;
	pool_set_wake(pool->set, reserve_at_us);
	return pool->limits.pool_size;
}

/* Whichever worker comes first: the count is of all.  Nobody is asked to give way. */
static void
keep_minimum(Pool *pool)
{
	const NodeView *node = pool_set_node(pool->set, pool->node);
	int			minimum = pool->limits.min_pool_size;
	PoolLevel	full;

	if (pool->clients == 0 || pool->is_paused || minimum == 0 || node == NULL || !node->is_usable ||
		node->identity.role == NODE_UNKNOWN)
		return;
	if (minimum > pool->limits.pool_size)
		minimum = pool->limits.pool_size;
	while (pool_slot_count(pool->slots[POOL_LEVEL_POOL]) < minimum && may_log_in(pool) &&
		   pool_acquire(pool, minimum, &full))
		pool_server_open(pool, node);
}

/* If not, nobody waits for it: other nodes may, and a login under way may hang. */
static bool
node_takes_work(Pool *pool)
{
	const NodeView *node = pool_set_node(pool->set, pool->node);
	Error		error;

	if (node == NULL)
		return false;			/* the first view is on its way */
	if (node->is_usable && node->identity.role != NODE_UNKNOWN)
		return true;
	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "node \"%s\" is not available", node->name);
	if (node->why[0] != '\0')
		error_set_detail(&error, "%s", node->why);
	pool_fail_waiters(pool, POOL_NODE_LOST, &error);
	return false;
}

/* If not, whoever has nothing left to wait for is told so. */
static bool
may_log_in(Pool *pool)
{
	uint64_t	now_us = loop_now_us(pool->set->loop);

	if (now_us < pool->retry_at_us)
	{
		if (pool_server_count(pool) == 0)
			pool_fail_waiters(pool, pool->last_failure, &pool->last_error);
		else
			pool_set_wake(pool->set, pool->retry_at_us);
		return false;
	}
	if (now_us < pool->yield_until_us)
	{
		pool_set_wake(pool->set, pool->yield_until_us);
		return false;
	}
	return pool->connecting.count < (pool->is_proven ? LOGINS_AT_ONCE : 1);
}

void
pool_note_login(Server *server)
{
	Pool	   *pool = server->pool;

	pool->is_proven = true;
	pool->retry_at_us = 0;
	pool->last_failure = POOL_NO_FAILURE;
	pool->logins++;
}

void
pool_note_login_failure(Server *server, LoginFailure failure, const Error *error)
{
	Pool	   *pool = server->pool;
	uint64_t	retry_us = pool->set->config.login_retry_us;

	if (failure == LOGIN_NODE_TROUBLE && retry_us > TROUBLE_RETRY_US)
		retry_us = TROUBLE_RETRY_US;
	pool->is_proven = false;
	pool->failed_us = loop_now_us(pool->set->loop);
	pool->retry_at_us = pool->failed_us + retry_us;
	pool->last_failure = failure == LOGIN_REFUSED ? POOL_REFUSED : POOL_NODE_LOST;
	pool->last_error = *error;
	pool->login_failures++;
	pool_drop(server, failure == LOGIN_NODE_TROUBLE ? DROP_TROUBLE : DROP_WARNING, error->message);
}
