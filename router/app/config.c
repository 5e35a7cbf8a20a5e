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

#include <stdlib.h>
#include <string.h>

#include "app/config_internal.h"
#include "app/config_options.h"
#include "base/memory.h"

static bool same_nodes(const Config *a, const Config *b);
static void copy_nodes(Config *to, const Config *from);
static void copy_databases(Config *to, const Config *from);
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
		if (!config_option_set(&config_options[i], config, config_options[i].default_text, &why))
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

void
config_add_database(Config *config, const char *name, const char *server_name, const char *auth_dbname)
{
	config->databases = mem_realloc(config->databases, (size_t) (config->ndatabases + 1) * sizeof(ConfigDatabase));
	config->databases[config->ndatabases++] = (ConfigDatabase) {
		mem_strdup(name), mem_strdup(server_name), mem_strdup(auth_dbname)
	};
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
		config_option_free(&config_options[i], config);
	tls_context_unref(config->client_tls);
	tls_context_unref(config->server_tls);
	free_nodes(config);
	for (int i = 0; i < config->ndatabases; i++)
	{
		mem_free(config->databases[i].name);
		mem_free(config->databases[i].server_name);
		mem_free(config->databases[i].auth_dbname);
	}
	mem_free(config->databases);
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

		if (option->needs_restart && !config_option_equals(option, running, loaded))
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
		config_option_copy(&config_options[i], merged, config_options[i].needs_restart ? running : loaded);
	copy_nodes(merged, running);
	copy_databases(merged, loaded);
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
copy_databases(Config *to, const Config *from)
{
	for (int i = 0; i < from->ndatabases; i++)
		config_add_database(to, from->databases[i].name, from->databases[i].server_name,
							from->databases[i].auth_dbname);
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

const char *
config_find_database(const Config *config, const char *name)
{
	const char *any = NULL;

	for (int i = 0; i < config->ndatabases; i++)
	{
		const ConfigDatabase *database = &config->databases[i];

		if (strcmp(database->name, "*") == 0)
			any = *database->server_name != '\0' ? database->server_name : name;
		else if (strcmp(database->name, name) == 0)
			return database->server_name;
	}
	return any;
}

const char *
config_find_auth_database(const Config *config, const char *name)
{
	const char *found = "";

	for (int i = 0; i < config->ndatabases; i++)
	{
		const ConfigDatabase *database = &config->databases[i];

		if (strcmp(database->name, name) == 0)
		{
			found = database->auth_dbname;
			break;
		}
		if (strcmp(database->name, "*") == 0)
			found = database->auth_dbname;
	}
	if (*found == '\0')
		found = config->auth_dbname;
	return *found != '\0' ? found : config->monitor_database;
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

void
config_fill_pool(const Config *config, PoolConfig *pool)
{
	*pool = (PoolConfig) {
		.limits = {.pool_size = config->default_pool_size},
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
		.client_login_timeout_us = config->client_login_timeout_us,
		.admin_database = config->admin_database,
	};
}
