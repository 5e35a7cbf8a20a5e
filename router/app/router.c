/*-------------------------------------------------------------------------
 *
 * router.c
 *	  Wires the process: who is subscribed to what, and how it ends.
 *
 *	  monitor thread  --view, facts-->  each worker's loop, this loop
 *	  worker          --probe, suspicion, facts wanted-->  monitor
 *	  worker          --cancel-->       the worker whose key it is (cancel_route.c)
 *	  other processes --door-->         cancel_route.c, handover.c
 *	  worker          --starved-->      its peers
 *	  HTTP (here)     --metrics-->      each worker in turn (router_gather)
 *	  SIGHUP          --reload-->       reload.c
 *	  SIGTERM, SIGINT, SIGQUIT          drain.c
 *	  SIGUSR2                           handover.c
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
#include "net/service_manager.h"
#include "scram/scram.h"
#include "session/client.h"

/* A starved pool's name on its way to the peers. */
typedef struct StarvedPost
{
	Worker	   *worker;
	PoolNeed	need;			/* its strings are owned */
} StarvedPost;

static bool router_create_workers(Router *router, Error *error);
static bool router_open_sockets(Router *router, Error *error);
static bool router_open_addresses(Router *router, Error *error);
static bool router_open_http(Router *router, Error *error);
static bool router_create_monitor(Router *router, Error *error);
static void router_subscribe(Router *router);
static void listen_visit(void *arg);
static void on_starved(void *arg, int worker, const PoolNeed *need);
static void on_starved_posted(void *arg);
static void on_request_probe(void *arg);
static void on_report_suspicion(void *arg, int node);
static void on_ask_facts(void *arg, const char *database, FactsAsk ask);
static bool on_admit_client(void *arg);
static void on_release_client(void *arg);
static bool on_admit_fallback(void *arg, int max);
static void on_release_fallback(void *arg);
static void on_worker_facts(void *arg, Facts *facts);
static void on_router_view(void *arg);
static void on_hangup(void *arg);
static void on_pause(void *arg);

static const struct
{
	int			signo;
	LoopCallback fn;
}			signal_rules[ROUTER_NSIGNALS] = {
	{SIGTERM, router_begin_drain},
	{SIGINT, router_begin_drain_now},
	{SIGQUIT, router_end},
	{SIGHUP, on_hangup},
	{SIGUSR1, on_pause},
	{SIGUSR2, handover_start_successor},
};

Router *
router_create(const RouterStart *start, Error *error)
{
	Router	   *router = mem_alloc(sizeof(Router));
	Config	   *config = start->config;

	router->start = *start;
	router->config = config;
	router->first_config = config_ref(config);
	router->loop = loop_create();
	door_open(router);
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
			 router_create_monitor(router, error) && router_create_workers(router, error) &&
			 router_open_sockets(router, error))
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
	for (int i = 0; i < ROUTER_NSIGNALS; i++)
		router->signals[i] = loop_signal_create(router->loop, signal_rules[i].signo, signal_rules[i].fn, router);
	signal(SIGCHLD, SIG_IGN);	/* successors that failed leave nothing behind */
	for (int i = 0; i < router->nworkers; i++)
	{
		if (!worker_start(router->workers[i], error))
			return false;
	}
	if (!monitor_start(router->monitor, error))
		return false;
	if (router->predecessor == NULL)
		return router_listen(router, error);
	handover_prepare(router);
	return true;
}

bool
router_listen(Router *router, Error *error)
{
	if (!sockets_listen(router->sockets, error) || !router_start_http(router, error))
		return false;
	for (int i = 0; i < router->nworkers; i++)
		worker_post(router->workers[i], listen_visit, router->workers[i]);
	router->phase = PHASE_SERVING;
	LOG_INFO("router_started", LF_STR("version", ANDON_VERSION), LF_INT("pid", getpid()),
			 LF_INT("port", router->config->listen_port), LF_INT("workers", router->nworkers),
			 LF_INT("nodes", router->config->nnodes));
	service_manager_tell_ready();
	return true;
}

void
router_begin_serving(Router *router)
{
	Error		error = {0};

	if (!router_listen(router, &error))
		router_fail(router, error.message);
	else if (router->predecessor)
		handover_go(router);
}

void
router_fail(Router *router, const char *reason)
{
	LOG_ERROR("start_failed", LF_STR("reason", reason));
	router->exit_code = 1;
	loop_stop(router->loop);
}

int
router_run(Router *router)
{
	loop_run(router->loop);
	LOG_INFO("router_stopped");
	return router->exit_code;
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
	handover_close(router);
	door_close(router);
	if (router->sockets)
		sockets_remove_unix(router->sockets);
	sockets_destroy(router->sockets);
	loop_timer_destroy(router->drain_timer);
	for (int i = 0; i < ROUTER_NSIGNALS; i++)
		loop_signal_destroy(router->signals[i]);
	topology_view_unref(router->view);
	view_slot_fini(&router->views);
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
			.on_cancel = cancel_route_request,
			.request_probe = on_request_probe,
			.report_suspicion = on_report_suspicion,
			.ask_facts = on_ask_facts,
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

/* The service manager's, those of the process before, or new ones; nothing is accepted yet. */
static bool
router_open_sockets(Router *router, Error *error)
{
	const Config *config = router->config;

	router->sockets = sockets_create();
	if (!service_manager_take_sockets(router->sockets, error) ||
		(router->start.takes_over && !handover_ask(router, error)))
		return false;
	if (!sockets_are_managed(router->sockets, SOCKET_CLIENTS))
	{
		if (!router_open_addresses(router, error) ||
			(config->unix_socket_dir[0] != '\0' &&
			 !sockets_open_unix(router->sockets, config->unix_socket_dir, config->listen_port, error)))
			return false;
	}
	return sockets_are_managed(router->sockets, SOCKET_HTTP) || router_open_http(router, error);
}

static bool
router_open_addresses(Router *router, Error *error)
{
	const Config *config = router->config;

	for (int i = 0;; i++)
	{
		Slice		item = config_list_item(config->listen_addr, i);
		char	   *address;
		bool		ok;

		if (item.len == 0)
			return true;
		address = mem_strndup(item);
		ok = sockets_open_tcp(router->sockets, &(SocketWish) {
							  .address = address,
							  .port = config->listen_port,
							  .count = config->workers,
							  .beside_others = config->so_reuseport,
							  }, error);
		mem_free(address);
		if (!ok)
			return false;
	}
}

static bool
router_open_http(Router *router, Error *error)
{
	const SocketWish wish = {
		.address = router->config->http_addr,
		.port = router->config->http_port,
		.use = SOCKET_HTTP,
		.count = 1
	};

	return wish.port == 0 || sockets_open_tcp(router->sockets, &wish, error);
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
		.name_ttl_us = config->dns_max_ttl_us,
		.tls = {
			.mode = config->server_tls_sslmode,
			.is_direct = config->server_tls_direct,
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
						  .views = &worker_context(router->workers[i])->views,
						  .on_view = session_context_take_view,
						  .on_facts = on_worker_facts,
						  .arg = worker_context(router->workers[i]),
						  });
	monitor_subscribe(router->monitor, &(MonitorSubscriber) {
					  .loop = router->loop,
					  .views = &router->views,
					  .on_view = on_router_view,
					  .arg = router,
					  });
}

/* ---- from workers; each runs in the thread of the worker that calls ---- */

static void
listen_visit(void *arg)
{
	Router	   *router = worker_process(arg);

	worker_listen(arg, &(ListenerConfig) {router->sockets, worker_index(arg), router->nworkers});
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
on_ask_facts(void *arg, const char *database, FactsAsk ask)
{
	monitor_ask_facts(((Router *) arg)->monitor, database, ask);
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
on_worker_facts(void *arg, Facts *facts)
{
	session_context_set_facts(arg, facts);
}

static void
on_router_view(void *arg)
{
	Router	   *router = arg;
	TopologyView *view = view_slot_take(&router->views);

	if (view == NULL)
		return;
	topology_view_unref(router->view);
	router->view = view;
	if (router->phase == PHASE_PREPARING && router->predecessor && router_has_usable_node(router))
		router_begin_serving(router);
}

bool
router_has_usable_node(const Router *router)
{
	for (int i = 0; i < router->view->nnodes; i++)
	{
		if (router->view->nodes[i].is_usable && router->view->nodes[i].identity.role != NODE_UNKNOWN)
			return true;
	}
	return false;
}

/* ---- signals ---- */

static void
on_hangup(void *arg)
{
	Router	   *router = arg;
	Error		error = {0};

	if (router->phase == PHASE_SERVING)
		service_manager_tell_reloading();
	if (!router_reload(router, &error))
		LOG_ERROR("reload_failed", LF_STR("reason", error.message));
	if (router->phase == PHASE_SERVING)
		service_manager_tell_ready();
}

/* PgBouncer pauses: who is used to that must not lose the router, whose default action it would be to end. */
static void
on_pause(void *arg)
{
	LOG_WARN("signal_ignored", LF_STR("signal", "SIGUSR1"), LF_STR("instead", "PAUSE and RESUME on the admin console"));
}
