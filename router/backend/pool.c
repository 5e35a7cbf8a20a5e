/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  Checkout, checkin, and who waits.
 *
 * A server is in exactly one list of its pool, by state:
 *
 *	  connecting -> idle <-> active -> (parked) -> (resetting) -> idle
 *					 idle -> (resetting, to be checked) -> idle
 *
 * Whoever asks while others wait goes to the end of the queue, also when a
 * server is idle: it is meant for the first in the queue and handed over at
 * the end of this turn of the loop (pool_dispatch), where new logins are
 * started too.  So no waiter is called from inside another one's call.
 *
 * A server that was idle for long is asked server_check_query before a waiter
 * gets it; meanwhile the waiter waits, as for a login.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool.h"

#include "backend/pool_internal.h"
#include "base/clock.h"
#include "base/memory.h"

/* A server that has answered is taken for alive that long. */
#define CHECK_HOLDS_US US_PER_SEC

static void pool_dispatch(void *arg);
static Server *take_idle(Pool *pool);
static void activate(Server *server);
static void grant(Pool *pool, PoolWaiter *waiter);
static void remove_waiter(PoolWaiter *waiter);
static void check_some(Pool *pool);
static void leave_list(Server *server);
static List *list_of(Server *server);

/* ---------------------------------------------------------------- life */

void
pool_init(Pool *pool, PoolSet *set, const PoolTarget *target)
{
	pool->set = set;
	pool->node = target->node;
	pool->name = mem_strdup(target->name != NULL ? target->name : target->database);
	pool->database = mem_strdup(target->database);
	pool->user = mem_strdup(target->user);
	pool->password = target->password == NULL ? NULL : mem_strdup(target->password);
	pool->is_paused = pool_set_is_paused(set, target->database);
	pool_find_slots(pool);
	pool_update_limits(pool);
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

bool
pool_wants_turn(const Pool *pool)
{
	return !list_is_empty(&pool->waiters) ||
		(pool->clients > 0 && pool->limits.min_pool_size > 0 &&
		 pool_slot_count(pool->slots[POOL_LEVEL_POOL]) < pool->limits.min_pool_size);
}

void
pool_add_clients(Pool *pool, int clients)
{
	pool->clients += clients;
	if (pool->limits.min_pool_size > 0)
		pool_set_wake(pool->set, loop_now_us(pool->set->loop));
}

Server *
pool_longest_idle(const Pool *pool)
{
	ListNode   *node = pool->set->config.is_round_robin ? list_first(&pool->idle) : list_last(&pool->idle);

	return list_entry(node, Server, pool_node);
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
	pool_update_joined(pool);
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

/* The first one that is fit to be used; NULL, too, if it must be checked before. */
static Server *
take_idle(Pool *pool)
{
	while (!list_is_empty(&pool->idle))
	{
		Server	   *server = list_entry(list_first(&pool->idle), Server, pool_node);

		if (server->is_lost)
			pool_drop(server, DROP_TROUBLE, "connection lost");
		else if (server->is_stale || pool_server_is_too_old(server))
			pool_drop_old(server);
		else if (server->unread > 0)
			pool_drop(server, DROP_TROUBLE, "sent something nobody asked for");
		else
			return pool_needs_check(server) ? NULL : server;
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
	server->answered_us = 0;
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
	if (pool->set->is_closing)
		return;
	check_some(pool);
	pool_grow(pool);
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
	pool_update_joined(pool);
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

/* ---------------------------------------------------------------- check */

/* Not again if it has just answered, and nobody had it since. */
bool
pool_needs_check(const Server *server)
{
	const PoolConfig *config = &server->pool->set->config;
	uint64_t	now_us;

	if (config->check_query == NULL || config->check_query[0] == '\0')
		return false;
	now_us = loop_now_us(server->loop);
	return now_us >= server->used_us + config->server_check_delay_us &&
		(server->answered_us == 0 || now_us >= server->answered_us + CHECK_HOLDS_US);
}

/* As many as there are waiters that no other server is on its way to. */
static void
check_some(Pool *pool)
{
	while (!list_is_empty(&pool->idle) && take_idle(pool) == NULL && !list_is_empty(&pool->idle) &&
		   pool->waiters.count > pool->connecting.count + pool->resetting.count + pool->parked.count)
		pool_server_check(list_entry(list_first(&pool->idle), Server, pool_node));
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
	else if (mode == CHECKIN_CLOSE)
		pool_drop(server, DROP_ROUTINE, "not to be reused");
	else if (pool->is_paused)
		pool_drop(server, DROP_ROUTINE, "asked to close");
	else if (server->is_stale || pool_server_is_too_old(server))
		pool_drop_old(server);
	else if (mode == CHECKIN_CLEAN && server->tx_status != 'I')
		pool_drop(server, DROP_WARNING, "given back inside a transaction");
	else if (server->unread > 0)
		pool_drop(server, DROP_TROUBLE, "gave half a message");
	else if (pool_pay_debt(server))
		return;
	else if (server->cancel != NULL)
	{
		leave_list(server);
		list_push_tail(&pool->parked, &server->pool_node);
		server->is_parked = true;
		server->parked_mode = mode;
	}
	else if (mode == CHECKIN_RESET)
		pool_server_reset(server);
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
	uint64_t	now_us = loop_now_us(pool->set->loop);

	if (server->state == SERVER_LOGIN || server->state == SERVER_TESTING)
		server->answered_us = now_us;
	leave_list(server);
	server_set_state(server, SERVER_IDLE);
	if (pool->set->config.is_round_robin)
		list_push_tail(&pool->idle, &server->pool_node);
	else
		list_push_head(&pool->idle, &server->pool_node);
	pool_server_watch(server);
	server->used_us = now_us;
	server->deadline_us = 0;
	if (pool_wants_turn(pool))
		pool_schedule(pool);
	pool_set_wake(pool->set, pool_server_idle_until(server));
}

/* One at a time: the next is not too old before a while has passed. */
void
pool_drop_old(Server *server)
{
	if (!server->is_stale)
		server->pool->aged_us = loop_now_us(server->loop);
	pool_drop(server, DROP_ROUTINE, server->is_stale ? "not to be used any more" : "too old");
}

/* The one way out.  A place is free then: somebody may be waiting for it. */
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
	pool_give_place(pool);
	pool_update_joined(pool);
	if (kind == DROP_TROUBLE && set->hooks.on_server_lost != NULL)
		set->hooks.on_server_lost(set->hooks.arg, pool->node);
	if (pool_wants_turn(pool))
		pool_schedule(pool);
	if (pool_is_unused(pool))
		pool_set_wake(set, pool->retry_at_us);
}

void
pool_begin_reset(Server *server, ServerState state)
{
	leave_list(server);
	server_set_state(server, state);
	list_push_tail(&server->pool->resetting, &server->pool_node);
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
		case SERVER_TESTING:
			return &pool->resetting;
		default:
			return &pool->active;
	}
}
