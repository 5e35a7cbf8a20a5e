/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Wires one worker: who is subscribed to what.
 *
 *	  listener  --accepted-->  client_accept          a session begins
 *	  monitor   --view------>  session_context        if it concerns them (view_slot.h): waiting units decide again,
 *												  pools drop servers of changed nodes
 *	  monitor   --facts----->  session_context        statements are classified anew
 *	  pool      --starved--->  router                 peers give servers back
 *	  pool      --lost------>  monitor                a node may be in trouble
 *	  session   --cancel---->  router                 the owner may be in another worker
 *	  session   --console--->  admin                  through a hook
 *
 * Created and destroyed by the main thread while the worker's thread does not
 * run; in between everything here belongs to the worker's thread.
 *
 *-------------------------------------------------------------------------
 */
#include "app/worker.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "session/client.h"

/* The classifier's recursion is bounded, but bounded for this much stack. */
#define WORKER_STACK_BYTES (8 * 1024 * 1024)

struct Worker
{
	WorkerConfig config;		/* its config is the reference held, in force */
	Loop	   *loop;			/* owned, like all below */
	SettingsPool *settings;
	PreparedTable *prepared;
	PoolSet    *pools;
	Console    *console;
	Listener   *listener;		/* NULL: it does not listen */
	SessionContext context;
	pthread_t	thread;
	bool		is_running;
};

static void worker_on_accept(void *arg, int fd, const PeerAddress *peer);
static void worker_on_starved(void *arg, const PoolNeed *need);
static void worker_on_server_lost(void *arg, int node);
static void worker_fill_session_config(Worker *worker);
static const char *find_database(const void *databases, const char *name);
static const char *find_auth_database(const void *databases, const char *name);
static void find_account(const void *databases, const char *name, const char *user, AccountConfig *account);
static const char *find_rule(const void *databases, const RouteSubject *subject, RouteTarget *target);
static void *worker_main(void *arg);

Worker *
worker_create(const WorkerConfig *config, Error *error)
{
	Worker	   *worker = mem_alloc(sizeof(Worker));
	SessionContext *context = &worker->context;
	PoolSetHooks pool_hooks = {worker_on_starved, worker_on_server_lost, worker};
	PoolConfig	pool;

	worker->config = *config;
	config_ref(config->config);
	config_fill_pool(config->config, &pool);
	worker->loop = loop_create();
	if (worker->loop == NULL)
	{
		mem_free(worker);
		error_set(error, SQLSTATE_INSUFFICIENT_RESOURCES, "could not create an event loop");
		return NULL;
	}
	worker->settings = settings_pool_create();
	worker->prepared = prepared_table_create();
	worker->pools = pool_set_create(worker->loop, &pool, config->totals, worker->settings, &pool_hooks);

	context->loop = worker->loop;
	context->pools = worker->pools;
	context->totals = config->totals;
	context->settings = worker->settings;
	context->prepared = worker->prepared;
	context->floors = config->floors;
	worker_fill_session_config(worker);
	context->hooks = config->hooks;
	context->view = topology_view_ref(config->view);
	context->users = config->users ? user_table_ref(config->users) : NULL;
	context->hba = config->hba ? hba_ref(config->hba) : NULL;
	memcpy(context->mock_secret, config->mock_secret, sizeof(context->mock_secret));
	context->worker = config->index;
	context->generation = config->generation;
	context->auth_query = auth_query_create(worker->loop, worker->pools, worker->settings);
	auth_query_on_starved(context->auth_query, session_context_await_view, context);
	auth_query_set_view(context->auth_query, context->view);
	session_context_init(context);
	pool_set_view(worker->pools, context->view);
	worker->console = config->create_console(config->arg, worker);
	context->console = console_hook(worker->console);
	return worker;
}

bool
worker_start(Worker *worker, Error *error)
{
	pthread_attr_t attr;
	int			failure;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK_BYTES);
	failure = pthread_create(&worker->thread, &attr, worker_main, worker);
	pthread_attr_destroy(&attr);
	if (failure)
		return error_set(error, SQLSTATE_INSUFFICIENT_RESOURCES, "could not start a worker thread: %s",
						 strerror(failure));
	worker->is_running = true;
	return true;
}

void
worker_stop(Worker *worker)
{
	if (!worker->is_running)
		return;
	loop_stop(worker->loop);
	pthread_join(worker->thread, NULL);
	worker->is_running = false;
}

void
worker_destroy(Worker *worker)
{
	listener_destroy(worker->listener);
	session_context_fini(&worker->context);
	auth_query_destroy(worker->context.auth_query);
	console_destroy(worker->console);
	pool_set_destroy(worker->pools);
	loop_destroy(worker->loop);
	prepared_table_destroy(worker->prepared);
	settings_pool_destroy(worker->settings);
	config_unref(worker->config.config);
	mem_free(worker);
}

void
worker_post(Worker *worker, LoopCallback fn, void *arg)
{
	loop_post(worker->loop, fn, arg);
}

Loop *
worker_loop(Worker *worker)
{
	return worker->loop;
}

int
worker_index(const Worker *worker)
{
	return worker->config.index;
}

SessionContext *
worker_context(Worker *worker)
{
	return &worker->context;
}

void *
worker_process(const Worker *worker)
{
	return worker->config.arg;
}

const Config *
worker_config(const Worker *worker)
{
	return worker->config.config;
}

void
worker_configure(Worker *worker, Config *config)
{
	Consistency consistency = worker->context.config.consistency;
	PoolConfig	pool;

	config_fill_pool(config, &pool);
	pool_set_configure(worker->pools, &pool);
	config_unref(worker->config.config);
	worker->config.config = config;
	worker_fill_session_config(worker);
	if (consistency != CONSISTENCY_GLOBAL && config->consistency == CONSISTENCY_GLOBAL)
		global_floors_begin_anew(worker->context.floors, clock_now_us());
	console_set_users(worker->console, config->admin_users, config->stats_users);
}

void
worker_listen(Worker *worker, const ListenerConfig *config)
{
	worker->listener = listener_create(worker->loop, config, worker_on_accept, worker);
}

void
worker_stop_listening(Worker *worker, bool take_rest)
{
	if (worker->listener && take_rest)
		listener_take_rest(worker->listener);
	listener_destroy(worker->listener);
	worker->listener = NULL;
}

static void
worker_on_accept(void *arg, int fd, const PeerAddress *peer)
{
	Worker	   *worker = arg;

	client_accept(&worker->context, fd, peer);
}

static void
worker_on_starved(void *arg, const PoolNeed *need)
{
	Worker	   *worker = arg;

	worker->config.on_starved(worker->config.arg, worker->config.index, need);
}

static void
worker_on_server_lost(void *arg, int node)
{
	Worker	   *worker = arg;

	worker->config.hooks.report_suspicion(worker->config.hooks.arg, node);
}

static void
worker_fill_session_config(Worker *worker)
{
	SessionConfig *session = &worker->context.config;

	config_fill_session(worker->config.config, session);
	session->find_database = find_database;
	session->find_auth_database = find_auth_database;
	session->find_account = find_account;
	session->find_rule = find_rule;
	session->databases = worker->config.config;
}

static const char *
find_database(const void *databases, const char *name)
{
	return config_find_database(databases, name);
}

static const char *
find_auth_database(const void *databases, const char *name)
{
	return config_find_auth_database(databases, name);
}

static void
find_account(const void *databases, const char *name, const char *user, AccountConfig *account)
{
	config_find_account(databases, name, user, account);
}

static const char *
find_rule(const void *databases, const RouteSubject *subject, RouteTarget *target)
{
	return config_find_rule(databases, subject, target);
}

static void *
worker_main(void *arg)
{
	Worker	   *worker = arg;

	loop_run(worker->loop);
	return NULL;
}
