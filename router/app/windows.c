/*-------------------------------------------------------------------------
 *
 * windows.c
 *	  Joins HTTP and the admin console to the running system.
 *
 * They pull, nobody calls them: numbers are gathered by visiting each worker.
 * A console runs in its worker's thread; what it asks of the process is posted
 * to the main thread (view, configuration, reload), whose answer is posted
 * back.  HTTP runs in the main thread.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include "admin/console.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/metrics_sessions.h"

/* A reload, or a change of an option, asked for by a console, and its answer. */
typedef struct ReloadRequest
{
	Router	   *router;
	char	   *name;			/* owned; of an option; NULL: a reload */
	char	   *value;			/* owned */
	Loop	   *home;
	void		(*done) (void *done_arg, bool ok, const Error *error);
	void	   *done_arg;
	bool		ok;
	Error		error;
} ReloadRequest;

/* Who is told of users, and what is said of them. */
typedef struct UserVisit
{
	const Config *config;		/* borrowed */
	void		(*fn) (void *fn_arg, const ConsoleUser *user);
	void	   *fn_arg;
} UserVisit;

/* A scrape, and what the workers visited so far have told. */
typedef struct MetricsRequest
{
	Router	   *router;
	HttpMetricsDone done;
	void	   *done_arg;
	MetricsSessions metrics;
} MetricsRequest;

static void console_gather(void *arg, Loop *home, RouterVisit visit, LoopCallback done, void *visit_arg);
static TopologyView *console_view(void *arg);
static void console_each_setting(void *arg, void (*fn) (void *fn_arg, const ConsoleSetting *setting), void *fn_arg);
static void tell_setting(void *arg, const ConfigItem *item);
static void console_reload(void *arg, Loop *home, void (*done) (void *done_arg, bool ok, const Error *error),
						   void *done_arg);
static void reload_in_main(void *arg);
static void reload_answer(void *arg);
static const char *console_find_database(void *arg, const char *name);
static void console_each_database(void *arg, void (*fn) (void *fn_arg, const ConsoleDatabase *database), void *fn_arg);
static const char *mode_name(int mode);
static void console_each_user(void *arg, void (*fn) (void *fn_arg, const ConsoleUser *user), void *fn_arg);
static void tell_user(void *arg, const char *name);
static void console_set(void *arg, Loop *home, const char *name, const char *value,
						void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg);
static void console_shutdown(void *arg, ConsoleShutdown when);
static bool http_is_ready(void *arg);
static void render_metrics(void *arg, HttpMetricsDone done, void *done_arg);
static void metrics_visit(void *arg, int worker, SessionContext *context);
static void metrics_gathered(void *arg);

Console *
router_create_console(void *arg, Worker *worker)
{
	Router	   *router = arg;
	ConsoleSource source = {
		.gather = console_gather,
		.view = console_view,
		.each_setting = console_each_setting,
		.find_database = console_find_database,
		.each_database = console_each_database,
		.each_user = console_each_user,
		.set = console_set,
		.reload = console_reload,
		.shutdown = console_shutdown,
		.version = ANDON_VERSION,
		.arg = worker,
	};
	Console    *console = console_create(&source, worker_loop(worker));

	console_set_users(console, router->config->admin_users, router->config->stats_users);
	return console;
}

bool
router_start_http(Router *router, Error *error)
{
	HttpAppSource source = {http_is_ready, render_metrics, router};

	for (int i = 0; i < sockets_count(router->sockets); i++)
	{
		const ListenSocket *socket = sockets_get(router->sockets, i);

		if (socket->use != SOCKET_HTTP)
			continue;
		router->http = http_app_create(router->loop, socket->fd, &source, error);
		return router->http != NULL;
	}
	return true;
}

void
router_stop_http(Router *router)
{
	http_app_destroy(router->http);
	router->http = NULL;
}

/* ---- for consoles: in the thread of their worker ---- */

static void
console_gather(void *arg, Loop *home, RouterVisit visit, LoopCallback done, void *visit_arg)
{
	router_gather(worker_process(arg), home, visit, done, visit_arg);
}

static TopologyView *
console_view(void *arg)
{
	SessionContext *context = worker_context(arg);

	view_slot_refresh(&context->views, &context->view);
	return topology_view_ref(context->view);
}

typedef struct SettingArg
{
	void		(*fn) (void *fn_arg, const ConsoleSetting *setting);
	void	   *fn_arg;
} SettingArg;

static void
console_each_setting(void *arg, void (*fn) (void *fn_arg, const ConsoleSetting *setting), void *fn_arg)
{
	SettingArg	setting = {fn, fn_arg};

	config_each_item(worker_config(arg), tell_setting, &setting);
}

static void
tell_setting(void *arg, const ConfigItem *item)
{
	SettingArg *setting = arg;

	setting->fn(setting->fn_arg, &(ConsoleSetting) {item->name, item->value, item->default_value,
				!item->needs_restart});
}

static void
console_reload(void *arg, Loop *home, void (*done) (void *done_arg, bool ok, const Error *error),
			   void *done_arg)
{
	ReloadRequest *request = mem_alloc(sizeof(ReloadRequest));

	request->router = worker_process(arg);
	request->home = home;
	request->done = done;
	request->done_arg = done_arg;
	loop_post(request->router->loop, reload_in_main, request);
}

static void
reload_in_main(void *arg)
{
	ReloadRequest *request = arg;

	request->ok = request->name ?
		router_set_option(request->router, request->name, request->value, &request->error) :
		router_reload(request->router, &request->error);
	loop_post(request->home, reload_answer, request);
}

static void
reload_answer(void *arg)
{
	ReloadRequest *request = arg;

	request->done(request->done_arg, request->ok, &request->error);
	mem_free(request->name);
	mem_free(request->value);
	mem_free(request);
}

static void
console_set(void *arg, Loop *home, const char *name, const char *value,
			void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg)
{
	ReloadRequest *request = mem_alloc(sizeof(ReloadRequest));

	request->router = worker_process(arg);
	request->name = mem_strdup(name);
	request->value = mem_strdup(value);
	request->home = home;
	request->done = done;
	request->done_arg = done_arg;
	loop_post(request->router->loop, reload_in_main, request);
}

static const char *
console_find_database(void *arg, const char *name)
{
	return config_find_database(worker_config(arg), name);
}

static int
said_or(int of_entry, int option)
{
	return of_entry != CONFIG_INHERIT ? of_entry : option;
}

static void
console_each_database(void *arg, void (*fn) (void *fn_arg, const ConsoleDatabase *database), void *fn_arg)
{
	const Config *config = worker_config(arg);
	const SessionContext *context = worker_context(arg);

	for (int i = 0; i < config->ndatabases; i++)
	{
		const ConfigDatabase *database = &config->databases[i];
		ConsoleDatabase item = {
			.name = database->name,
			.server_name = database->server_name,
			.force_user = database->user,
			.pool_size = said_or(database->pool_size, config->default_pool_size),
			.min_pool_size = said_or(database->min_pool_size, config->min_pool_size),
			.reserve_pool_size = said_or(database->reserve_pool_size, config->reserve_pool_size),
			.max_connections = said_or(database->max_db_connections, config->max_db_connections),
			.max_client_connections = said_or(database->max_db_client_connections, config->max_db_client_connections),
			.pool_mode = mode_name(said_or(database->pool_mode, (int) config->pool_mode)),
			.is_paused = pool_set_is_paused(context->pools, database->server_name),
			.is_disabled = names_has(&context->disabled, database->name),
		};

		fn(fn_arg, &item);
	}
}

static const char *
mode_name(int mode)
{
	return mode == POOL_MODE_SESSION ? "session" : "transaction";
}

/* Those of auth_file, then those that only [users] names: auth_query may find them. */
static void
console_each_user(void *arg, void (*fn) (void *fn_arg, const ConsoleUser *user), void *fn_arg)
{
	const UserTable *users = worker_context(arg)->users;
	UserVisit	visit = {worker_config(arg), fn, fn_arg};

	if (users != NULL)
		user_table_each(users, tell_user, &visit);
	for (int i = 0; i < visit.config->nusers; i++)
	{
		const char *name = visit.config->users[i].name;

		if (users == NULL || user_table_find(users, slice_from_string(name)) == NULL)
			tell_user(&visit, name);
	}
}

static void
tell_user(void *arg, const char *name)
{
	static const ConfigUser nothing_said = {
		.pool_mode = CONFIG_INHERIT,
		.pool_size = CONFIG_INHERIT,
		.reserve_pool_size = CONFIG_INHERIT,
		.max_user_connections = CONFIG_INHERIT,
		.max_user_client_connections = CONFIG_INHERIT,
	};
	const UserVisit *visit = arg;
	const Config *config = visit->config;
	const ConfigUser *user = config_find_user(config, name);

	if (user == NULL)
		user = &nothing_said;
	visit->fn(visit->fn_arg, &(ConsoleUser) {
			  .name = name,
			  .pool_size = user->pool_size,
			  .reserve_pool_size = user->reserve_pool_size,
			  .pool_mode = user->pool_mode != CONFIG_INHERIT ? mode_name(user->pool_mode) : NULL,
			  .max_connections = said_or(user->max_user_connections, config->max_user_connections),
			  .max_client_connections = said_or(user->max_user_client_connections, config->max_user_client_connections),
			  });
}

static void
console_shutdown(void *arg, ConsoleShutdown when)
{
	Router	   *router = worker_process(arg);

	switch (when)
	{
		case CONSOLE_SHUTDOWN_NOW:
			loop_post(router->loop, router_end, router);
			break;
		case CONSOLE_SHUTDOWN_SERVERS:
			loop_post(router->loop, router_drain_servers, router);
			break;
		case CONSOLE_SHUTDOWN_CLIENTS:
			loop_post(router->loop, router_drain_clients, router);
			break;
	}
}

/* ---- for HTTP: in the main thread ---- */

static bool
http_is_ready(void *arg)
{
	const Router *router = arg;

	/* who comes to this address is served, maybe by our successor */
	return (router->phase == PHASE_SERVING || router->has_successor) && router_has_usable_node(router);
}

static void
render_metrics(void *arg, HttpMetricsDone done, void *done_arg)
{
	Router	   *router = arg;
	MetricsRequest *request = mem_alloc(sizeof(MetricsRequest));

	request->router = router;
	request->done = done;
	request->done_arg = done_arg;
	router_gather(router, router->loop, metrics_visit, metrics_gathered, request);
}

/* In each worker's thread. */
static void
metrics_visit(void *arg, int worker, SessionContext *context)
{
	metrics_sessions_add(&((MetricsRequest *) arg)->metrics, context);
}

static void
metrics_gathered(void *arg)
{
	MetricsRequest *request = arg;
	Router	   *router = request->router;
	Buf			text = BUF_INIT;
	MetricsMoment moment;

	view_slot_refresh(&router->views, &router->view);
	moment = (MetricsMoment) {router->view, ANDON_VERSION, clock_now_us()};
	metrics_sessions_render(&request->metrics, &moment, &text);
	request->done(request->done_arg, buf_slice(&text));
	buf_release(&text);
	mem_free(request);
}
