/*-------------------------------------------------------------------------
 *
 * config.c
 *	  The Config: its life, what a reload makes of two, and its use.
 *
 * config_read.c fills it from a file, config_report.c writes it.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/config_entries.h"
#include "app/config_internal.h"
#include "app/config_options.h"
#include "app/config_values.h"
#include "base/memory.h"

static bool same_nodes(const Config *a, const Config *b);
static void copy_nodes(Config *to, const Config *from);
static void copy_entries(Config *to, const Config *from);
static void free_nodes(Config *config);

/* ---------------------------------------------------------------- life */

/* All options at their defaults. */
Config *
config_create(const char *path)
{
	Config	   *config = mem_alloc(sizeof(Config));
	Buf			why = BUF_INIT;

	atomic_init(&config->refcount, 1);
	config->path = mem_strdup(path);
	for (int i = 0; i < config_option_count; i++)
	{
		if (!config_value_set(&config_options[i], config, config_options[i].default_text, &why))
		{
			LOG_ERROR("config_default_invalid", LF_STR("option", config_options[i].name));
			abort();
		}
	}
	buf_release(&why);
	return config;
}

void
config_add_node(Config *config, const char *name, const char *host, int port, int weight)
{
	config->nodes = mem_realloc(config->nodes, (size_t) (config->nnodes + 1) * sizeof(ConfigNode));
	config->nodes[config->nnodes++] = (ConfigNode) {mem_strdup(name), mem_strdup(host), port, weight};
}

ConfigDatabase *
config_add_database(Config *config, const char *name)
{
	ConfigDatabase *database;

	config->databases = mem_realloc(config->databases, (size_t) (config->ndatabases + 1) * sizeof(ConfigDatabase));
	database = &config->databases[config->ndatabases++];
	config_words_init(config_database_words, database);
	database->name = mem_strdup(name);
	return database;
}

ConfigUser *
config_add_user(Config *config, const char *name)
{
	ConfigUser *user;

	config->users = mem_realloc(config->users, (size_t) (config->nusers + 1) * sizeof(ConfigUser));
	user = &config->users[config->nusers++];
	config_words_init(config_user_words, user);
	user->name = mem_strdup(name);
	return user;
}

ConfigRoute *
config_add_route(Config *config, const char *name)
{
	ConfigRoute *route;

	config->routes = mem_realloc(config->routes, (size_t) (config->nroutes + 1) * sizeof(ConfigRoute));
	route = &config->routes[config->nroutes++];
	config_words_init(config_route_words, route);
	route->name = mem_strdup(name);
	return route;
}

Config *
config_ref(Config *config)
{
	atomic_fetch_add(&config->refcount, 1);
	return config;
}

void
config_unref(Config *config)
{
	if (config == NULL || atomic_fetch_sub(&config->refcount, 1) > 1)
		return;
	for (int i = 0; i < config_option_count; i++)
		config_value_free(&config_options[i], config);
	tls_context_unref(config->client_tls);
	tls_context_unref(config->server_tls);
	free_nodes(config);
	for (int i = 0; i < config->ndatabases; i++)
	{
		mem_free(config->databases[i].name);
		config_words_free(config_database_words, &config->databases[i]);
	}
	for (int i = 0; i < config->nusers; i++)
	{
		mem_free(config->users[i].name);
		config_words_free(config_user_words, &config->users[i]);
	}
	for (int i = 0; i < config->nroutes; i++)
	{
		mem_free(config->routes[i].name);
		config_words_free(config_route_words, &config->routes[i]);
	}
	mem_free(config->routes);
	mem_free(config->databases);
	mem_free(config->users);
	mem_free(config->path);
	mem_free(config);
}

bool
config_load_tls(Config *config, Error *error)
{
	const TlsConfig clients = {
		.mode = config->client_tls_sslmode,
		.key_file = config->client_tls_key_file,
		.cert_file = config->client_tls_cert_file,
		.ca_file = config->client_tls_ca_file,
		.protocols = config->client_tls_protocols,
		.ciphers = config->client_tls_ciphers,
	};
	const TlsConfig servers = {
		.mode = config->server_tls_sslmode,
		.is_direct = config->server_tls_direct,
		.key_file = config->server_tls_key_file,
		.cert_file = config->server_tls_cert_file,
		.ca_file = config->server_tls_ca_file,
		.protocols = config->server_tls_protocols,
		.ciphers = config->server_tls_ciphers,
	};

	return tls_context_create(TLS_OF_CLIENTS, &clients, &config->client_tls, error) &&
		tls_context_create(TLS_OF_SERVERS, &servers, &config->server_tls, error);
}

/* ---------------------------------------------------------------- reload */

int
config_reload_check(const Config *running, const Config *loaded,
					void (*tell) (void *arg, const char *name), void *arg)
{
	int			changed = 0;

	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];

		if (option->needs_restart && !config_value_equals(option, running, loaded))
		{
			tell(arg, option->name);
			changed++;
		}
	}
	if (!same_nodes(running, loaded))
	{
		tell(arg, "[nodes]");
		changed++;
	}
	return changed;
}

Config *
config_merge_reload(const Config *running, const Config *loaded)
{
	Config	   *merged = config_create(loaded->path);

	for (int i = 0; i < config_option_count; i++)
		config_value_copy(&config_options[i], merged, config_options[i].needs_restart ? running : loaded);
	copy_nodes(merged, running);
	copy_entries(merged, loaded);
	return merged;
}

/* The order counts: a node is known by its number. */
static bool
same_nodes(const Config *a, const Config *b)
{
	if (a->nnodes != b->nnodes)
		return false;
	for (int i = 0; i < a->nnodes; i++)
	{
		if (strcmp(a->nodes[i].name, b->nodes[i].name) != 0 || strcmp(a->nodes[i].host, b->nodes[i].host) != 0 ||
			a->nodes[i].port != b->nodes[i].port || a->nodes[i].weight != b->nodes[i].weight)
			return false;
	}
	return true;
}

static void
copy_nodes(Config *to, const Config *from)
{
	for (int i = 0; i < from->nnodes; i++)
		config_add_node(to, from->nodes[i].name, from->nodes[i].host, from->nodes[i].port, from->nodes[i].weight);
}

static void
copy_entries(Config *to, const Config *from)
{
	for (int i = 0; i < from->ndatabases; i++)
		config_words_copy(config_database_words, config_add_database(to, from->databases[i].name),
						  &from->databases[i]);
	for (int i = 0; i < from->nusers; i++)
		config_words_copy(config_user_words, config_add_user(to, from->users[i].name), &from->users[i]);
	for (int i = 0; i < from->nroutes; i++)
		config_words_copy(config_route_words, config_add_route(to, from->routes[i].name), &from->routes[i]);
}

static void
free_nodes(Config *config)
{
	for (int i = 0; i < config->nnodes; i++)
	{
		mem_free(config->nodes[i].name);
		mem_free(config->nodes[i].host);
	}
	mem_free(config->nodes);
}

/* ---------------------------------------------------------------- use */

/* The line of that name, or that of "*", or NULL. */
static const ConfigDatabase *
find_entry(const Config *config, const char *name)
{
	const ConfigDatabase *any = NULL;

	for (int i = 0; i < config->ndatabases; i++)
	{
		const ConfigDatabase *database = &config->databases[i];

		if (strcmp(database->name, name) == 0)
			return database;
		if (strcmp(database->name, "*") == 0)
			any = database;
	}
	return any;
}

const ConfigUser *
config_find_user(const Config *config, const char *name)
{
	for (int i = 0; i < config->nusers; i++)
	{
		if (strcmp(config->users[i].name, name) == 0)
			return &config->users[i];
	}
	return NULL;
}

const char *
config_find_database(const Config *config, const char *name)
{
	const ConfigDatabase *database = find_entry(config, name);

	if (database == NULL)
		return NULL;
	return *database->server_name != '\0' ? database->server_name : name;
}

const char *
config_find_auth_database(const Config *config, const char *name)
{
	const ConfigDatabase *database = find_entry(config, name);

	if (database != NULL && *database->auth_dbname != '\0')
		return database->auth_dbname;
	return *config->auth_dbname != '\0' ? config->auth_dbname : config->monitor_database;
}

/* The most special that says something. */
static int
first_said(int user, int database, int option)
{
	return user != CONFIG_INHERIT ? user : database != CONFIG_INHERIT ? database : option;
}

void
config_find_limits(const Config *config, const char *name, const char *user_name, PoolLimits *limits)
{
	const ConfigDatabase *database = find_entry(config, name);
	const ConfigUser *user = config_find_user(config, user_name);
	int			of_user = user != NULL ? user->pool_size : CONFIG_INHERIT;
	int			reserve_of_user = user != NULL ? user->reserve_pool_size : CONFIG_INHERIT;

	if (user != NULL)
		limits->max_user_connections = first_said(user->max_user_connections, CONFIG_INHERIT,
												  limits->max_user_connections);
	limits->pool_size = first_said(of_user, database != NULL ? database->pool_size : CONFIG_INHERIT,
								   limits->pool_size);
	limits->reserve_pool_size = first_said(reserve_of_user,
										   database != NULL ? database->reserve_pool_size : CONFIG_INHERIT,
										   limits->reserve_pool_size);
	if (database == NULL)
		return;
	limits->min_pool_size = first_said(CONFIG_INHERIT, database->min_pool_size, limits->min_pool_size);
	limits->max_db_connections = first_said(CONFIG_INHERIT, database->max_db_connections, limits->max_db_connections);
	limits->connect_query = database->connect_query;
}

/* Pool settings are those of the user the nodes know, as in PgBouncer. */
void
config_find_account(const Config *config, const char *name, const char *user_name, AccountConfig *account)
{
	const ConfigDatabase *database = find_entry(config, name);
	const ConfigUser *client = config_find_user(config, user_name);
	const ConfigUser *user;
	PoolLimits	limits = {.min_pool_size = config->min_pool_size};

	account->server_user = database != NULL && *database->user != '\0' ? database->user : NULL;
	user = account->server_user != NULL ? config_find_user(config, account->server_user) : client;
	config_find_limits(config, name, user_name, &limits);
	account->has_minimum = limits.min_pool_size > 0;
	account->pool_mode = (PoolMode) first_said(user != NULL ? user->pool_mode : CONFIG_INHERIT,
											   database != NULL ? database->pool_mode : CONFIG_INHERIT,
											   (int) config->pool_mode);
	account->max_db_clients = first_said(CONFIG_INHERIT,
										 database != NULL ? database->max_db_client_connections : CONFIG_INHERIT,
										 config->max_db_client_connections);
	account->max_user_clients = first_said(client != NULL ? client->max_user_client_connections : CONFIG_INHERIT,
										   CONFIG_INHERIT, config->max_user_client_connections);
}

static bool
fits(const char *pattern, const char *name)
{
	return *pattern == '\0' || fnmatch(pattern, name, 0) == 0;
}

const char *
config_find_rule(const Config *config, const RouteSubject *subject, RouteTarget *target)
{
	for (int i = 0; i < config->nroutes; i++)
	{
		const ConfigRoute *route = &config->routes[i];

		if (!fits(route->database, subject->database) || !fits(route->user, subject->user) ||
			!fits(route->application, subject->application))
			continue;
		*target = (RouteTarget) route->target;
		return route->name;
	}
	return NULL;
}

Slice
config_list_item(const char *list, int n)
{
	for (;;)
	{
		size_t		len;
		size_t		kept;

		list += strspn(list, ", \t");
		len = kept = strcspn(list, ",");
		if (len == 0)
			return slice_make("", 0);
		while (kept > 0 && (list[kept - 1] == ' ' || list[kept - 1] == '\t'))
			kept--;
		if (n-- == 0)
			return slice_make(list, kept);
		list += len;
	}
}

bool
config_list_has(const char *list, const char *name)
{
	Slice		item;

	for (int i = 0; (item = config_list_item(list, i)).len > 0; i++)
	{
		if (slice_equals_string(item, name))
			return true;
	}
	return false;
}

static void
find_limits(const void *config, const char *name, const char *user, PoolLimits *limits)
{
	config_find_limits(config, name, user, limits);
}

/* It is run anyway. */
static bool
is_discard_all(const char *query)
{
	return strcasecmp(query, "DISCARD ALL") == 0 || strcasecmp(query, "DISCARD ALL;") == 0;
}

void
config_fill_pool(const Config *config, PoolConfig *pool)
{
	*pool = (PoolConfig) {
		.limits = {
			.pool_size = config->default_pool_size,
			.min_pool_size = config->min_pool_size,
			.reserve_pool_size = config->reserve_pool_size,
			.max_db_connections = config->max_db_connections,
			.max_user_connections = config->max_user_connections,
		},
		.find_limits = find_limits,
		.limits_arg = config,
		.reserve_timeout_us = config->reserve_pool_timeout_us,
		.server_check_delay_us = config->server_check_delay_us,
		.check_query = config->server_check_query,
		.reset_query = is_discard_all(config->server_reset_query) ? "" : config->server_reset_query,
		.is_round_robin = config->server_round_robin,
		.server_lifetime_us = config->server_lifetime_us,
		.server_idle_timeout_us = config->server_idle_timeout_us,
		.server_connect_timeout_us = config->server_connect_timeout_us,
		.server_reset_timeout_us = config->server_reset_timeout_us,
		.login_retry_us = config->server_login_retry_us,
		.max_prepared_statements = config->max_prepared_statements,
		.server_tls = config->server_tls,
	};
}

void
config_fill_session(const Config *config, SessionConfig *session)
{
	*session = (SessionConfig) {
		.pool_mode = config->pool_mode,
		.pin_sessions = config->pin_sessions,
		.server_fast_close = config->server_fast_close,
		.max_client_statements = (uint64_t) config->max_client_prepared_statements,
		.consistency = config->consistency,
		.auth_method = config->auth_type,
		.auth_user = config->auth_user,
		.auth_query = config->auth_query,
		.auth_query_keep_us = config->auth_query_keep_us,
		.client_tls = config->client_tls,
		.replica_wait_us = config->replica_wait_us,
		.max_replica_lag_us = config->max_replica_lag_us,
		.max_replica_lag_bytes = config->max_replica_lag_bytes,
		.slow_start_us = config->slow_start_us,
		.max_fallback_reads = config->max_fallback_reads,
		.query_wait_timeout_us = config->query_wait_timeout_us,
		.query_timeout_us = config->query_timeout_us,
		.idle_transaction_timeout_us = config->idle_transaction_timeout_us,
		.client_idle_timeout_us = config->client_idle_timeout_us,
		.client_login_timeout_us = config->client_login_timeout_us,
		.client_write_timeout_us = config->client_write_timeout_us,
		.stats_period_us = config->stats_period_us,
		.admin_database = config->admin_database,
	};
}
