/*-------------------------------------------------------------------------
 *
 * pool_watch.c
 *	  What time and the nodes do to a pool.
 *
 * The view says which servers are of another life of their node (closed, or not
 * reused) and which hang on a node that is as good as gone (cut, see
 * find_dead).  The sweep ends what has a deadline: waiters, logins, resets, idle
 * servers.  Both only take away; what is to be given is left to pool_schedule().
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool.h"

#include "backend/pool_internal.h"

/* How often a pool with a minimum looks whether it has it. */
#define WARM_LOOK_US 1000000

static bool has_moved(const Server *server, const NodeView *node);
static void cut_dead_later(Pool *pool);
static void cut_dead(void *arg);
static Server *find_dead(const Pool *pool, const char **why);
static uint64_t sweep_waiters(Pool *pool, uint64_t now_us);
static void fail_timed_out(PoolWaiter *waiter);
static uint64_t sweep_deadlines(Pool *pool, uint64_t now_us);
static uint64_t sweep_idle(Pool *pool, uint64_t now_us);
static bool is_of_minimum(const Pool *pool);
static uint64_t old_at_us(const Server *server);
static uint64_t earlier(uint64_t a, uint64_t b);

/* ---------------------------------------------------------------- the view */

/*
 * Servers of another life of the node go; what we thought about logging in
 * there is void when its life or its state changed.
 */
void
pool_apply_view(Pool *pool)
{
	const NodeView *node = pool_set_node(pool->set, pool->node);
	List	   *lists[] = {&pool->connecting, &pool->idle, &pool->active, &pool->resetting, &pool->parked};

	if (node == NULL)
		return;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		LIST_FOREACH(at, lists[i])
		{
			Server	   *server = list_entry(at, Server, pool_node);

			if (!has_moved(server, node) && (node->identity.role == NODE_UNKNOWN ||
											 node_identity_equals(&server->identity, &node->identity)))
				continue;
			server->is_stale = true;
			if (lists[i] == &pool->idle)
				pool_drop(server, DROP_ROUTINE, "the node has changed");
		}
	}
	if (pool->last_failure == POOL_NODE_LOST && node->is_usable && node->sampled_us > pool->failed_us)
		pool->retry_at_us = 0;
	if (pool_wants_turn(pool))
		pool_schedule(pool);
	cut_dead_later(pool);
}

/* The node's name leads elsewhere now. */
static bool
has_moved(const Server *server, const NodeView *node)
{
	return server->address[0] != '\0' && node->address[0] != '\0' && strcmp(server->address, node->address) != 0;
}

/* Not now: who is told may open and use other pools, which are being told of the view. */
static void
cut_dead_later(Pool *pool)
{
	const char *why;

	if (pool->is_cutting || pool->set->is_closing || find_dead(pool, &why) == NULL)
		return;
	pool->is_cutting = true;
	loop_later(pool->set->loop, cut_dead, pool);
}

static void
cut_dead(void *arg)
{
	Pool	   *pool = arg;
	Server	   *server;
	const char *why;

	pool->is_cutting = false;
	while (!pool->set->is_closing && (server = find_dead(pool, &why)) != NULL)
		server_lose(server, why);
}

/*
 * An active server whose node is as good as gone, whatever its connection
 * looks like: a replica that gets no work, since another can; a primary only
 * once another has taken its place, since until then it may yet answer.
 */
static Server *
find_dead(const Pool *pool, const char **why)
{
	const TopologyView *view = pool->set->view;
	const NodeView *node = pool_set_node(pool->set, pool->node);

	if (node == NULL)
		return NULL;
	LIST_FOREACH(at, &pool->active)
	{
		Server	   *server = list_entry(at, Server, pool_node);
		bool		was_primary = server->identity.role == NODE_PRIMARY;

		if (server->is_lost ||
			(was_primary ? view->primary < 0 || view->primary == pool->node : node->is_usable))
			continue;
		*why = was_primary ? "another node has become the primary" : node->why;
		return server;
	}
	return NULL;
}

/* ---------------------------------------------------------------- sweep */

uint64_t
pool_sweep(Pool *pool, uint64_t now_us)
{
	uint64_t	next_us = sweep_waiters(pool, now_us);

	next_us = earlier(next_us, sweep_deadlines(pool, now_us));
	next_us = earlier(next_us, sweep_idle(pool, now_us));
	if (pool_wants_turn(pool))
		pool_schedule(pool);	/* sets the timer itself if it cannot go on */

	/* a peer may close a server that belongs to the minimum */
	if (pool->clients > 0 && pool->limits.min_pool_size > 0)
		next_us = earlier(next_us, now_us + WARM_LOOK_US);
	return next_us;
}

/* From the start after each: those told may take others out of the queue. */
static uint64_t
sweep_waiters(Pool *pool, uint64_t now_us)
{
	uint64_t	next_us;
	bool		again;

	do
	{
		again = false;
		next_us = UINT64_MAX;
		LIST_FOREACH(node, &pool->waiters)
		{
			PoolWaiter *waiter = list_entry(node, PoolWaiter, node);

			if (waiter->deadline_us == 0)
				continue;
			if (waiter->deadline_us <= now_us)
			{
				fail_timed_out(waiter);
				again = true;
				break;
			}
			next_us = earlier(next_us, waiter->deadline_us);
		}
	} while (again);
	return next_us;
}

static void
fail_timed_out(PoolWaiter *waiter)
{
	Pool	   *pool = waiter->pool;
	Error		error;

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "no server connection was free in time");
	error_set_hint(&error, "Try again; if it is often so, raise default_pool_size or query_wait_timeout.");
	if (pool->is_paused)
	{
		error_set_detail(&error, "Database \"%s\" is paused.", pool->database);
		error_set_hint(&error, "Try again when an operator has sent RESUME to the router's console.");
	}
	else if (pool->last_failure != POOL_NO_FAILURE)
		error_set_detail(&error, "The last login failed: %s", pool->last_error.message);
	else
		error_set_detail(&error, "Database \"%s\", user \"%s\": %d servers of this worker are in use, %d clients wait.",
						 pool->database, pool->user, (int) pool->active.count, (int) pool->waiters.count);
	pool_fail_waiter(waiter, POOL_TIMED_OUT, &error);
}

static uint64_t
sweep_deadlines(Pool *pool, uint64_t now_us)
{
	List	   *lists[] = {&pool->connecting, &pool->resetting};
	uint64_t	next_us = UINT64_MAX;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		LIST_FOREACH(node, lists[i])
		{
			Server	   *server = list_entry(node, Server, pool_node);

			if (server->deadline_us == 0)
				continue;
			if (server->deadline_us > now_us)
				next_us = earlier(next_us, server->deadline_us);
			else if (server->login != NULL)
				server_login_give_up(server);
			else
				pool_drop(server, DROP_TROUBLE, server->state == SERVER_TESTING ?
						  "no answer to server_check_query in time" : "no answer to DISCARD ALL in time");
		}
	}
	return next_us;
}

static uint64_t
sweep_idle(Pool *pool, uint64_t now_us)
{
	uint64_t	next_us = UINT64_MAX;

	LIST_FOREACH(node, &pool->idle)
	{
		Server	   *server = list_entry(node, Server, pool_node);
		uint64_t	until_us = pool_server_idle_until(server);

		if (pool_server_is_too_old(server))
			pool_drop_old(server);
		else if (pool_is_too_large(pool))
			pool_drop(server, DROP_ROUTINE, "the pool is above its limits");
		else if (until_us > now_us)
			next_us = earlier(next_us, until_us);
		else if (!is_of_minimum(pool))
			pool_drop(server, DROP_ROUTINE, "idle for long");
	}
	return next_us;
}

/* Idle servers are kept for the clients that are there. */
static bool
is_of_minimum(const Pool *pool)
{
	return pool->clients > 0 && pool_slot_count(pool->slots[POOL_LEVEL_POOL]) <= pool->limits.min_pool_size;
}

uint64_t
pool_server_idle_until(const Server *server)
{
	const PoolConfig *config = &server->pool->set->config;
	uint64_t	until_us = UINT64_MAX;

	if (config->server_idle_timeout_us != 0)
		until_us = server->used_us + config->server_idle_timeout_us;
	return earlier(until_us, old_at_us(server));
}

bool
pool_server_is_too_old(const Server *server)
{
	return loop_now_us(server->loop) >= old_at_us(server);
}

/*
 * Servers that were opened together grow old together.  They are closed one
 * after the other, over another server_lifetime at most.
 */
static uint64_t
old_at_us(const Server *server)
{
	const Pool *pool = server->pool;
	uint64_t	lifetime_us = pool->set->config.server_lifetime_us;
	uint64_t	old_us = server->connected_us + lifetime_us;
	uint64_t	turn_us;

	if (lifetime_us == 0)
		return UINT64_MAX;
	if (pool->aged_us == 0)
		return old_us;
	turn_us = pool->aged_us + lifetime_us / (uint64_t) pool->limits.pool_size;
	return turn_us > old_us ? turn_us : old_us;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
