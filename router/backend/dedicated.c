/*-------------------------------------------------------------------------
 *
 * dedicated.c
 *	  A connection to a node that is one client's alone and in no pool.
 *
 *	  create -> connect and log in -> on_ready -> what the node says
 *						|							|
 *						+-> on_failed (refused,		+-> on_lost
 *							or not in time)
 *
 * A Server without a pool: the login is server_login.c's, with the client's
 * own startup packet.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/dedicated.h"

#include "backend/cancel.h"
#include "backend/pool_internal.h"
#include "base/memory.h"

struct Dedicated
{
	PoolSet    *set;			/* borrowed */
	Server	   *server;			/* owned */
	LoopTimer  *timer;			/* owned; of the login */
	Cancel	   *cancel;			/* under way, or NULL */
	const DedicatedEvents *events;
	void	   *owner;
};

static void dedicated_free(void *arg);
static void on_login_ready(void *owner, Server *server);
static void on_login_failed(void *owner, Server *server, LoginFailure failure, const Error *error);
static void on_login_timeout(void *arg);
static void on_cancel_done(void *arg, CancelOutcome outcome);

static const ServerLoginEvents login_events = {on_login_ready, on_login_failed};

Dedicated *
dedicated_create(PoolSet *set, const DedicatedPlan *plan, const DedicatedEvents *events, void *owner)
{
	const NodeView *node = pool_set_node(set, plan->node);
	Dedicated  *dedicated = mem_alloc(sizeof(Dedicated));

	dedicated->set = set;
	dedicated->events = events;
	dedicated->owner = owner;
	dedicated->server = server_create(&(ServerPlan) {
									  .loop = set->loop,
									  .settings = set->settings,
									  .node = plan->node,
									  .identity = node->identity,
									  .node_name = node->name,
									  .host = node->host,
									  .address = node->address,
									  .port = node->port,
									  .database = plan->database,
									  .user = plan->user,
									  .tls = set->config.server_tls,
									  });
	server_login_attach(dedicated->server, plan->password, NULL, &login_events, dedicated);
	server_login_set_startup(dedicated->server, plan->startup);
	dedicated->timer = loop_timer_create(set->loop, on_login_timeout, dedicated);
	loop_timer_start(dedicated->timer, set->config.server_connect_timeout_us);
	return dedicated;
}

void
dedicated_destroy(Dedicated *dedicated)
{
	if (dedicated == NULL)
		return;
	server_close(dedicated->server);
	cancel_destroy(dedicated->cancel);
	loop_timer_stop(dedicated->timer);
	loop_later(dedicated->set->loop, dedicated_free, dedicated);
}

static void
dedicated_free(void *arg)
{
	Dedicated  *dedicated = arg;

	loop_timer_destroy(dedicated->timer);
	mem_free(dedicated);
}

Server *
dedicated_server(Dedicated *dedicated)
{
	return dedicated->server;
}

void
dedicated_cancel(Dedicated *dedicated)
{
	Server	   *server = dedicated->server;

	if (dedicated->cancel != NULL || server->key_len == 0)
		return;
	dedicated->cancel = cancel_create(dedicated->set->loop, &(CancelTarget) {
									  .host = server->host,
									  .address = server_address(server),
									  .port = server->port,
									  .pid = server->pid,
									  .key = slice_make((const char *) server->key, (size_t) server->key_len),
									  .timeout_us = dedicated->set->config.server_connect_timeout_us,
									  .tls = stream_is_tls(server->stream) ? server->tls : NULL,
									  }, on_cancel_done, dedicated);
}

static void
on_cancel_done(void *arg, CancelOutcome outcome)
{
	Dedicated  *dedicated = arg;

	dedicated->cancel = NULL;
}

static void
on_login_ready(void *owner, Server *server)
{
	Dedicated  *dedicated = owner;

	loop_timer_stop(dedicated->timer);
	server_login_destroy(server);
	server_set_state(server, SERVER_IDLE);
	server_set_state(server, SERVER_ACTIVE);
	server_log(server, false, "server_ready", "for one client alone");
	server_hold(server, &dedicated->events->server, dedicated->owner);
	dedicated->events->on_ready(dedicated->owner);
}

static void
on_login_failed(void *owner, Server *server, LoginFailure failure, const Error *error)
{
	Dedicated  *dedicated = owner;

	loop_timer_stop(dedicated->timer);
	server_log(server, failure == LOGIN_NODE_TROUBLE, "server_login_failed", error->message);
	dedicated->events->on_failed(dedicated->owner, error);
}

static void
on_login_timeout(void *arg)
{
	Dedicated  *dedicated = arg;

	server_login_give_up(dedicated->server);
}
