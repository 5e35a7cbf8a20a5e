/*-------------------------------------------------------------------------
 *
 * router.c
 *	  Wires the process: who is subscribed to what, and how it ends.
 *
 *	  monitor thread  --view, facts-->  each worker's loop, this loop
 *	  worker          --probe, suspicion, facts wanted-->  monitor
 *	  worker          --cancel-->       the worker whose key it is
 *	  worker          --starved-->      its peers
 *	  HTTP (here)     --metrics-->      each worker in turn (router_gather)
 *	  SIGHUP          --reload-->       reload.c
 *	  SIGTERM, SIGINT --drain-->        workers stop listening; the process ends
 *										when the last session has, or at a second
 *										signal
 *
 * The main thread's loop serves signals and HTTP.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "scram/scram.h"
#include "session/client.h"

/* A cancel request on its way to the worker of its statement, and back to its sender's. */
typedef struct CancelPost
{
	Worker	   *owner;
	Worker	   *sender;
	CancelRequest request;
	char		key[256];
} CancelPost;

/* A starved pool's name on its way to the peers. */
typedef struct StarvedPost
{
	Worker	   *worker;
	PoolNeed	need;			/* its strings are owned */
} StarvedPost;

static bool router_create_workers(Router *router, Error *error);
static bool router_check_addresses(const Config *config, Error *error);
static bool router_create_monitor(Router *router, Error *error);
static void router_subscribe(Router *router);
static bool on_cancel(void *arg, const CancelRequest *request);
static void on_cancel_posted(void *arg);
static void on_cancel_done(void *arg);
static void on_starved(void *arg, int worker, const PoolNeed *need);
static void on_starved_posted(void *arg);
static void on_request_probe(void *arg);
static void on_report_suspicion(void *arg, int node);
static void on_want_facts(void *arg, const char *database);
static void on_refresh_facts(void *arg, const char *database);
static bool on_admit_client(void *arg);
static void on_release_client(void *arg);
static bool on_admit_fallback(void *arg, int max);
static void on_release_fallback(void *arg);
static void on_worker_view(void *arg, TopologyView *view);
static void on_worker_facts(void *arg, Facts *facts);
static void on_router_view(void *arg, TopologyView *view);
static void on_hangup(void *arg);

Router *
router_create(Config *config, Error *error)
{
	Router	   *router = mem_alloc(sizeof(Router));

	router->config = config;
	router->first_config = config_ref(config);
	router->unix_fd = -1;
	router->generation = (uint32_t) getpid();
	router->loop = loop_create();
	router->totals = pool_totals_create();
	router->floors = global_floors_create();
	router->view = topology_view_create(config->nnodes);
	router->view->primary = -1;
	for (int i = 0; i < config->nnodes; i++)
	{
		router->view->nodes[i].name = config->nodes[i].name;
		router->view->nodes[i].host = config->nodes[i].host;
		router->view->nodes[i].port = config->nodes[i].port;
	}
	if (!scram_random_bytes(router->mock_secret, sizeof(router->mock_secret)))
		error_set(error, SQLSTATE_INTERNAL_ERROR, "no random numbers");
	else if (config_load_tls(config, error) && router_load_auth(config, &router->users, &router->hba, error) &&
			 router_create_monitor(router, error) && router_create_workers(router, error))
	{
		router_subscribe(router);
		return router;
	}
	router_destroy(router);
	return NULL;
}

bool
router_start(Router *router, Error *error)
{
	router->on_term = loop_signal_create(router->loop, SIGTERM, router_begin_drain, router);
	router->on_int = loop_signal_create(router->loop, SIGINT, router_begin_drain, router);
	router->on_hup = loop_signal_create(router->loop, SIGHUP, on_hangup, router);
	for (int i = 0; i < router->nworkers; i++)
	{
		if (!worker_listen(router->workers[i], error) || !worker_start(router->workers[i], error))
			return false;
	}
	if (!router_start_http(router, error) || !monitor_start(router->monitor, error))
		return false;
	LOG_INFO("router_started", LF_STR("version", ANDON_VERSION), LF_INT("port", router->config->listen_port),
			 LF_INT("workers", router->nworkers), LF_INT("nodes", router->config->nnodes));
	return true;
}

void
router_run(Router *router)
{
	loop_run(router->loop);
	LOG_INFO("router_stopped");
}

void
router_destroy(Router *router)
{
	/* all threads first: the monitor stops posting views, and what it posted
	 * is delivered; it is destroyed after the workers, which may call it */
	if (router->monitor)
	{
		monitor_stop(router->monitor);
		loop_stop(router->loop);
		loop_run(router->loop);
	}
	for (int i = 0; i < router->nworkers; i++)
		worker_stop(router->workers[i]);
	if (router->monitor)
		monitor_destroy(router->monitor);
	for (int i = 0; i < router->nworkers; i++)
		worker_destroy(router->workers[i]);
	mem_free(router->workers);
	router_stop_http(router);
	if (router->unix_fd >= 0)
	{
		close(router->unix_fd);
		listener_remove_unix(router->config->unix_socket_dir, router->config->listen_port);
	}
	loop_timer_destroy(router->drain_timer);
	loop_signal_destroy(router->on_term);
	loop_signal_destroy(router->on_int);
	loop_signal_destroy(router->on_hup);
	topology_view_unref(router->view);
	user_table_unref(router->users);
	hba_unref(router->hba);
	pool_totals_destroy(router->totals);
	global_floors_destroy(router->floors);
	loop_destroy(router->loop);
	config_unref(router->config);
	config_unref(router->first_config);
	mem_free(router->monitor_nodes);
	if (router->monitor_password)
		explicit_bzero(router->monitor_password, strlen(router->monitor_password));
	mem_free(router->monitor_password);
	mem_free(router);
}

static bool
router_create_workers(Router *router, Error *error)
{
	const Config *config = router->config;
	WorkerConfig worker = {
		.generation = router->generation,
		.config = router->config,
		.hooks = {
			.on_cancel = on_cancel,
			.request_probe = on_request_probe,
			.report_suspicion = on_report_suspicion,
			.want_facts = on_want_facts,
			.refresh_facts = on_refresh_facts,
			.admit_client = on_admit_client,
			.release_client = on_release_client,
			.admit_fallback = on_admit_fallback,
			.release_fallback = on_release_fallback,
			.arg = router,
		},
		.on_starved = on_starved,
		.create_console = router_create_console,
		.arg = router,
		.totals = router->totals,
		.floors = router->floors,
		.view = router->view,
		.users = router->users,
		.hba = router->hba,
		.mock_secret = router->mock_secret,
	};

	if (!router_check_addresses(config, error))
		return false;
	if (config->unix_socket_dir[0] != '\0')
	{
		router->unix_fd = listener_open_unix(config->unix_socket_dir, config->listen_port, error);
		if (router->unix_fd < 0)
			return false;
	}
	worker.unix_fd = router->unix_fd;
	router->max_clients = config->max_client_conn;
	router->workers = mem_alloc(sizeof(Worker *) * (size_t) config->workers);
	for (int i = 0; i < config->workers; i++)
	{
		worker.index = i;
		router->workers[i] = worker_create(&worker, error);
		if (router->workers[i] == NULL)
			return false;
		router->nworkers++;
	}
	return true;
}

/* Nobody else listens there: with SO_REUSEPORT that would not fail by itself. */
static bool
router_check_addresses(const Config *config, Error *error)
{
	for (int i = 0;; i++)
	{
		Slice		item = config_list_item(config->listen_addr, i);
		char	   *address;
		bool		ok;

		if (item.len == 0)
			return true;
		address = mem_strndup(item);
		ok = listener_check_tcp(address, config->listen_port, error);
		mem_free(address);
		if (!ok)
			return false;
	}
}

static bool
router_create_monitor(Router *router, Error *error)
{
	const Config *config = router->config;
	const User *user = router->users ?
		user_table_find(router->users, slice_from_string(config->monitor_user)) : NULL;
	MonitorConfig monitor = {
		.nnodes = config->nnodes,
		.user = config->monitor_user,
		.database = config->monitor_database,
		.probe_interval_us = config->probe_interval_us,
		.probe_timeout_us = config->probe_timeout_us,
		.facts_interval_us = config->facts_interval_us,
		.tls = {
			.mode = config->server_tls_sslmode,
			.key_file = config->server_tls_key_file,
			.cert_file = config->server_tls_cert_file,
			.ca_file = config->server_tls_ca_file,
		},
	};

	if (user && user->kind == SECRET_PLAIN)
		monitor.password = router->monitor_password = mem_strdup(user->secret);
	router->monitor_nodes = mem_alloc(sizeof(MonitorNode) * (size_t) config->nnodes);
	for (int i = 0; i < config->nnodes; i++)
		router->monitor_nodes[i] = (MonitorNode) {config->nodes[i].name, config->nodes[i].host,
		config->nodes[i].port, (unsigned) config->nodes[i].weight};
	monitor.nodes = router->monitor_nodes;
	router->monitor = monitor_create(&monitor, error);
	return router->monitor != NULL;
}

static void
router_subscribe(Router *router)
{
	for (int i = 0; i < router->nworkers; i++)
		monitor_subscribe(router->monitor, &(MonitorSubscriber) {
						  .loop = worker_loop(router->workers[i]),
						  .on_view = on_worker_view,
						  .on_facts = on_worker_facts,
						  .arg = router->workers[i],
						  });
	monitor_subscribe(router->monitor, &(MonitorSubscriber) {
					  .loop = router->loop,
					  .on_view = on_router_view,
					  .arg = router,
					  });
}

/* ---- from workers; each runs in the thread of the worker that calls ---- */

static bool
on_cancel(void *arg, const CancelRequest *request)
{
	Router	   *router = arg;
	int			owner = client_key_worker(request->pid);
	CancelPost *post;

	if (owner >= router->nworkers || request->key.len > sizeof(post->key))
		return false;
	post = mem_alloc(sizeof(CancelPost));
	post->owner = router->workers[owner];
	post->sender = router->workers[client_key_worker(request->sender_pid)];
	post->request = *request;
	memcpy(post->key, request->key.data, request->key.len);
	post->request.key.data = post->key;
	worker_post(post->owner, on_cancel_posted, post);
	return true;
}

static void
on_cancel_posted(void *arg)
{
	CancelPost *post = arg;

	client_cancel(worker_context(post->owner), post->request.pid, post->request.key);
	worker_post(post->sender, on_cancel_done, post);
}

static void
on_cancel_done(void *arg)
{
	CancelPost *post = arg;

	client_cancel_done(worker_context(post->sender), post->request.sender_pid, post->request.sender_key);
	mem_free(post);
}

static void
on_starved(void *arg, int worker, const PoolNeed *need)
{
	Router	   *router = arg;

	for (int i = 0; i < router->nworkers; i++)
	{
		StarvedPost *post;

		if (i == worker)
			continue;
		post = mem_alloc(sizeof(StarvedPost));
		post->worker = router->workers[i];
		post->need = *need;
		post->need.name = mem_strdup(need->name);
		post->need.database = mem_strdup(need->database);
		post->need.user = mem_strdup(need->user);
		worker_post(post->worker, on_starved_posted, post);
	}
}

static void
on_starved_posted(void *arg)
{
	StarvedPost *post = arg;

	pool_set_give_back(worker_context(post->worker)->pools, &post->need);
	mem_free((char *) post->need.name);
	mem_free((char *) post->need.database);
	mem_free((char *) post->need.user);
	mem_free(post);
}

static void
on_request_probe(void *arg)
{
	monitor_request_probe(((Router *) arg)->monitor);
}

static void
on_report_suspicion(void *arg, int node)
{
	monitor_report_suspicion(((Router *) arg)->monitor, node);
}

static void
on_want_facts(void *arg, const char *database)
{
	monitor_want_facts(((Router *) arg)->monitor, database);
}

static void
on_refresh_facts(void *arg, const char *database)
{
	monitor_refresh_facts(((Router *) arg)->monitor, database);
}

static bool
on_admit_client(void *arg)
{
	Router	   *router = arg;

	if (__atomic_add_fetch(&router->clients, 1, __ATOMIC_RELAXED) <=
		__atomic_load_n(&router->max_clients, __ATOMIC_RELAXED))
		return true;
	__atomic_sub_fetch(&router->clients, 1, __ATOMIC_RELAXED);
	return false;
}

static void
on_release_client(void *arg)
{
	__atomic_sub_fetch(&((Router *) arg)->clients, 1, __ATOMIC_RELAXED);
}

static bool
on_admit_fallback(void *arg, int max)
{
	Router	   *router = arg;

	if (__atomic_add_fetch(&router->fallback_reads, 1, __ATOMIC_RELAXED) <= max)
		return true;
	on_release_fallback(router);
	return false;
}

static void
on_release_fallback(void *arg)
{
	__atomic_sub_fetch(&((Router *) arg)->fallback_reads, 1, __ATOMIC_RELAXED);
}

/* ---- from the monitor; each runs in the thread of the subscriber's loop ---- */

static void
on_worker_view(void *arg, TopologyView *view)
{
	session_context_set_view(worker_context(arg), view);
}

static void
on_worker_facts(void *arg, Facts *facts)
{
	session_context_set_facts(worker_context(arg), facts);
}

static void
on_router_view(void *arg, TopologyView *view)
{
	Router	   *router = arg;

	topology_view_unref(router->view);
	router->view = view;
}

/* ---- signals ---- */

static void
on_hangup(void *arg)
{
	Error		error = {0};

	if (!router_reload(arg, &error))
		LOG_ERROR("reload_failed", LF_STR("reason", error.message));
}
