/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  Checkout, checkin, who waits, and when to log in once more.
 *
 * A server is in exactly one list of its pool, by state:
 *
 *	  connecting -> idle <-> active -> (parked) -> (resetting) -> idle
 *
 * Whoever asks while others wait goes to the end of the queue, also when a
 * server is idle: it is meant for the first in the queue and handed over at
 * the end of this turn of the loop (pool_dispatch), where new logins are
 * started too.  So no waiter is called from inside another one's call.
 *
 * Logins: as many at a time as waiters lack servers, but one at a time until
 * one has succeeded, so that a wrong password is tried once; after a failure
 * not before retry_at_us.  Waiters that cannot hope for any server of the
 * pool are told the failure; those that can go on waiting.
 *
 * Sharing with other workers: the limit holds for the process.  A worker that
 * has waiters, no free slot and less than its share (limit / workers that use
 * the pool) asks its peers.  A peer gives idle servers at once, and if it has
 * more than its share, busy ones when they come back; it then leaves the slot
 * alone long enough for the starved one to take it.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool.h"

#include "backend/pool_internal.h"
#include "base/memory.h"

/* How often a starved pool asks, and how long a giver keeps off the slot. */
#define STARVED_ASK_US 50000
#define YIELD_US (3 * POOL_SWEEP_US)

/* A node that was not reached is tried again sooner than one that refused us. */
#define TROUBLE_RETRY_US 200000

static void pool_dispatch(void *arg);
static Server *take_idle(Pool *pool);
static void activate(Server *server);
static void grant(Pool *pool, PoolWaiter *waiter);
static void remove_waiter(PoolWaiter *waiter);
static void log_in_more(Pool *pool);
static bool node_takes_work(Pool *pool);
static bool may_log_in(Pool *pool);
static void note_starved(Pool *pool);
static int	fair_share(const Pool *pool);
static void leave_list(Server *server);
static List *list_of(Server *server);
static void update_joined(Pool *pool);

/* ---------------------------------------------------------------- life */

void
pool_init(Pool *pool, PoolSet *set, const PoolTarget *target)
{
	pool->set = set;
	pool->node = target->node;
	pool->database = mem_strdup(target->database);
	pool->user = mem_strdup(target->user);
	pool->password = target->password == NULL ? NULL : mem_strdup(target->password);
	pool->is_paused = pool_set_is_paused(set, target->database);
	pool->slot = pool_totals_get(set->totals, pool->key, pool->key_len);
	list_init(&pool->connecting);
	list_init(&pool->idle);
	list_init(&pool->active);
	list_init(&pool->resetting);
	list_init(&pool->parked);
	list_init(&pool->waiters);
}

void
pool_fini(Pool *pool)
{
	List	   *lists[] = {&pool->connecting, &pool->idle, &pool->active, &pool->resetting, &pool->parked};
	Error		error;

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "the router is shutting down");
	pool_fail_waiters(pool, POOL_CLOSING, &error);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		while (!list_is_empty(lists[i]))
			pool_drop(list_entry(list_first(lists[i]), Server, pool_node), DROP_ROUTINE, "the router is shutting down");
	}
	if (pool->password != NULL)
		explicit_bzero(pool->password, strlen(pool->password));
	mem_free(pool->password);
	pool->password = NULL;
}

/* Another secret is a reason to try again at once. */
void
pool_set_password(Pool *pool, const char *password)
{
	if (pool->password == password ||
		(pool->password != NULL && password != NULL && strcmp(pool->password, password) == 0))
		return;
	if (pool->password != NULL)
		explicit_bzero(pool->password, strlen(pool->password));
	mem_free(pool->password);
	pool->password = password == NULL ? NULL : mem_strdup(password);
	pool->retry_at_us = 0;
}

bool
pool_is_unused(const Pool *pool)
{
	return pool->users == 0 && pool_server_count(pool) == 0 && list_is_empty(&pool->waiters);
}

/* The pause after a refused login is kept: whoever asks again would begin anew. */
bool
pool_may_go(const Pool *pool, uint64_t now_us)
{
	return pool_is_unused(pool) && !pool->is_dispatching && !pool->is_cutting && now_us >= pool->retry_at_us;
}

int
pool_server_count(const Pool *pool)
{
	return (int) (pool->connecting.count + pool->idle.count + pool->active.count +
				  pool->resetting.count + pool->parked.count);
}

/* ---------------------------------------------------------------- checkout */

Server *
pool_checkout(Pool *pool, PoolWaiter *waiter)
{
	PoolSet    *set = pool->set;

	if (list_is_empty(&pool->waiters))
	{
		Server	   *server = take_idle(pool);

		if (server != NULL)
		{
			activate(server);
			return server;
		}
	}
	waiter->pool = pool;
	waiter->since_us = loop_now_us(set->loop);
	waiter->failure = POOL_NO_FAILURE;
	list_push_tail(&pool->waiters, &waiter->node);
	set->load[pool->node]++;
	update_joined(pool);
	pool_schedule(pool);
	if (waiter->deadline_us != 0)
		pool_set_wake(set, waiter->deadline_us);
	return NULL;
}

void
pool_cancel_wait(PoolWaiter *waiter)
{
	if (waiter->pool != NULL)
		remove_waiter(waiter);
}

/* The most recently used one that is fit to be used. */
static Server *
take_idle(Pool *pool)
{
	while (!list_is_empty(&pool->idle))
	{
		Server	   *server = list_entry(list_first(&pool->idle), Server, pool_node);

		if (server->is_lost)
			pool_drop(server, DROP_TROUBLE, "connection lost");
		else if (server->is_stale || pool_server_is_too_old(server))
			pool_drop(server, DROP_ROUTINE, "too old");
		else if (server->unread > 0)
			pool_drop(server, DROP_TROUBLE, "sent something nobody asked for");
		else
			return server;
	}
	return NULL;
}

static void
activate(Server *server)
{
	Pool	   *pool = server->pool;

	leave_list(server);
	server_set_state(server, SERVER_ACTIVE);
	list_push_tail(&pool->active, &server->pool_node);
	pool->set->load[pool->node]++;
	pool->checkouts++;
	server->used_us = loop_now_us(pool->set->loop);
	server_hold(server, NULL, NULL);
}

/* ---------------------------------------------------------------- dispatch */

void
pool_schedule(Pool *pool)
{
	if (pool->is_dispatching || pool->set->is_closing)
		return;
	pool->is_dispatching = true;
	loop_later(pool->set->loop, pool_dispatch, pool);
}

/*
 * Only those are served who wait now: one that comes back from inside
 * on_granted has another turn.
 */
static void
pool_dispatch(void *arg)
{
	Pool	   *pool = arg;
	size_t		waiting = pool->waiters.count;

	pool->is_dispatching = false;
	while (waiting-- > 0 && !pool->set->is_closing && !list_is_empty(&pool->waiters) &&
		   take_idle(pool) != NULL)
		grant(pool, list_entry(list_first(&pool->waiters), PoolWaiter, node));
	if (!pool->set->is_closing)
		log_in_more(pool);
}

static void
grant(Pool *pool, PoolWaiter *waiter)
{
	Server	   *server = take_idle(pool);
	uint64_t	now_us = loop_now_us(pool->set->loop);

	if (now_us > waiter->since_us)
		pool->wait_total_us += now_us - waiter->since_us;
	remove_waiter(waiter);
	activate(server);
	waiter->on_granted(waiter->owner, server);
}

static void
remove_waiter(PoolWaiter *waiter)
{
	Pool	   *pool = waiter->pool;

	list_remove(&pool->waiters, &waiter->node);
	pool->set->load[pool->node]--;
	waiter->pool = NULL;
	update_joined(pool);
}

void
pool_fail_waiter(PoolWaiter *waiter, PoolFailure failure, const Error *error)
{
	remove_waiter(waiter);
	waiter->failure = failure;
	waiter->on_failed(waiter->owner, error);
}

void
pool_fail_waiters(Pool *pool, PoolFailure failure, const Error *error)
{
	for (size_t n = pool->waiters.count; n > 0 && !list_is_empty(&pool->waiters); n--)
		pool_fail_waiter(list_entry(list_first(&pool->waiters), PoolWaiter, node), failure, error);
}

/* ---------------------------------------------------------------- log in */

/* Start the logins the waiters need; servers on their way back count as theirs. */
static void
log_in_more(Pool *pool)
{
	while (!pool->is_paused && !list_is_empty(&pool->waiters) && node_takes_work(pool))
	{
		size_t		coming = pool->connecting.count + pool->idle.count +
			pool->resetting.count + pool->parked.count;

		if (pool->waiters.count <= coming || !may_log_in(pool))
			return;
		if (!pool_slot_acquire(pool->slot, pool->set->config.pool_size))
		{
			note_starved(pool);
			return;
		}
		pool_server_open(pool, pool_set_node(pool->set, pool->node));
	}
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
	return pool->is_proven || list_is_empty(&pool->connecting);
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

/* ---------------------------------------------------------------- checkin */

void
pool_checkin(Server *server, CheckinMode mode)
{
	Pool	   *pool = server->pool;

	server->used_us = loop_now_us(pool->set->loop);
	pool_server_watch(server);
	if (server->is_lost)
		pool_drop(server, DROP_TROUBLE, "connection lost");
	else if (mode == CHECKIN_CLOSE || server->is_stale || pool_server_is_too_old(server))
		pool_drop(server, DROP_ROUTINE, mode == CHECKIN_CLOSE ? "not to be reused" : "too old");
	else if (mode == CHECKIN_CLEAN && server->tx_status != 'I')
		pool_drop(server, DROP_WARNING, "given back inside a transaction");
	else if (server->unread > 0)
		pool_drop(server, DROP_TROUBLE, "gave half a message");
	else if (pool->owed > 0)
	{
		pool->owed--;
		pool->yield_until_us = server->used_us + YIELD_US;
		pool_drop(server, DROP_ROUTINE, "given to another worker");
	}
	else if (server->cancel != NULL)
	{
		leave_list(server);
		list_push_tail(&pool->parked, &server->pool_node);
		server->is_parked = true;
		server->parked_mode = mode;
	}
	else if (mode == CHECKIN_RESET)
	{
		leave_list(server);
		server_set_state(server, SERVER_RESETTING);
		list_push_tail(&pool->resetting, &server->pool_node);
		pool_server_reset(server);
	}
	else
		pool_make_idle(server);
}

void
pool_server_unpark(Server *server)
{
	if (server->is_parked)
		pool_checkin(server, (CheckinMode) server->parked_mode);
}

void
pool_make_idle(Server *server)
{
	Pool	   *pool = server->pool;

	leave_list(server);
	server_set_state(server, SERVER_IDLE);
	list_push_head(&pool->idle, &server->pool_node);
	pool_server_watch(server);
	server->used_us = loop_now_us(pool->set->loop);
	server->deadline_us = 0;
	if (!list_is_empty(&pool->waiters))
		pool_schedule(pool);
	pool_set_wake(pool->set, pool_server_idle_until(server));
}

/* The one way out.  A slot is free then: somebody may be waiting for it. */
void
pool_drop(Server *server, DropKind kind, const char *reason)
{
	Pool	   *pool = server->pool;
	PoolSet    *set = pool->set;

	leave_list(server);
	if (server->cancel != NULL)
		server->cancel->server = NULL;
	server->cancel = NULL;
	server_log(server, kind != DROP_ROUTINE, server->login != NULL ? "server_login_failed" : "server_closed", reason);
	server_close(server);
	pool_slot_release(pool->slot);
	update_joined(pool);
	if (kind == DROP_TROUBLE && set->hooks.on_server_lost != NULL)
		set->hooks.on_server_lost(set->hooks.arg, pool->node);
	if (!list_is_empty(&pool->waiters))
		pool_schedule(pool);
	if (pool_is_unused(pool))
		pool_set_wake(set, pool->retry_at_us);
}

static void
leave_list(Server *server)
{
	List	   *list = list_of(server);

	list_remove(list, &server->pool_node);
	if (list == &server->pool->active)
		server->pool->set->load[server->pool->node]--;
	server->is_parked = false;
}

static List *
list_of(Server *server)
{
	Pool	   *pool = server->pool;

	if (server->is_parked)
		return &pool->parked;
	switch (server->state)
	{
		case SERVER_CONNECTING:
		case SERVER_LOGIN:
			return &pool->connecting;
		case SERVER_IDLE:
			return &pool->idle;
		case SERVER_RESETTING:
			return &pool->resetting;
		default:
			return &pool->active;
	}
}

/* ---------------------------------------------------------------- sharing */

static void
update_joined(Pool *pool)
{
	bool		uses = pool_server_count(pool) > 0 || !list_is_empty(&pool->waiters);

	if (uses == pool->is_joined)
		return;
	pool->is_joined = uses;
	if (uses)
		pool_slot_join(pool->slot);
	else
		pool_slot_leave(pool->slot);
}

static int
fair_share(const Pool *pool)
{
	int			users = pool_slot_users(pool->slot);
	int			share = users > 0 ? pool->set->config.pool_size / users : pool->set->config.pool_size;

	return share > 0 ? share : 1;
}

static void
note_starved(Pool *pool)
{
	PoolSet    *set = pool->set;
	uint64_t	now_us = loop_now_us(set->loop);

	pool_set_wake(set, now_us + POOL_SWEEP_US);
	if (set->hooks.on_starved == NULL || now_us < pool->asked_us + STARVED_ASK_US)
		return;
	pool->asked_us = now_us;
	set->hooks.on_starved(set->hooks.arg, pool->node, pool->database, pool->user,
						  pool_server_count(pool) < fair_share(pool) ? POOL_WISH_SHARE : POOL_WISH_IDLE);
}

/*
 * An idle server is of more use to who waits for one.  With more workers than
 * servers a share of one each is impossible: then the servers go round.
 */
void
pool_give_back(Pool *pool, PoolWish wish)
{
	int			servers = pool_server_count(pool);

	if (pool->idle.count > pool->waiters.count)
	{
		pool_drop(list_entry(list_last(&pool->idle), Server, pool_node), DROP_ROUTINE, "given to another worker");
		pool->yield_until_us = loop_now_us(pool->set->loop) + YIELD_US;
	}
	else if (wish == POOL_WISH_SHARE && servers > 0 &&
			 (pool_slot_users(pool->slot) > pool->set->config.pool_size || servers > fair_share(pool)))
		pool->owed = 1;
}
