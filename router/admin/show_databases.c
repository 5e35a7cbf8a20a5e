/*-------------------------------------------------------------------------
 *
 * show_databases.c
 *	  SHOW DATABASES and USERS: who and what clients may name, and how much of
 *	  the router they have.
 *
 * First what is configured, with what is said of it there; then each worker
 * adds its connections, and names nobody configured but a "*" lets in.  Servers
 * belong to a database of the nodes: two names of the same one show the same.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "session/account.h"

static const ResultColumn database_columns[] = {
	{"name", RESULT_KEY},
	{"host", RESULT_TEXT},		/* of the primary, now */
	{"port", RESULT_TEXT},
	{"database", RESULT_TEXT},
	{"force_user", RESULT_TEXT},
	{"pool_size", RESULT_TEXT},
	{"min_pool_size", RESULT_TEXT},
	{"reserve_pool_size", RESULT_TEXT},
	{"pool_mode", RESULT_TEXT},
	{"max_connections", RESULT_TEXT},
	{"current_connections", RESULT_SUM},
	{"max_client_connections", RESULT_TEXT},
	{"current_client_connections", RESULT_SUM},
	{"paused", RESULT_TEXT},
	{"disabled", RESULT_TEXT},
};

static const ResultColumn user_columns[] = {
	{"name", RESULT_KEY},
	{"pool_size", RESULT_TEXT}, /* null: not said of the user, like the next two */
	{"reserve_pool_size", RESULT_TEXT},
	{"pool_mode", RESULT_TEXT},
	{"max_user_connections", RESULT_TEXT},
	{"current_connections", RESULT_SUM},
	{"max_user_client_connections", RESULT_TEXT},
	{"current_client_connections", RESULT_SUM},
};

const ResultShape show_databases_shape = RESULT_SHAPE(database_columns);
const ResultShape show_users_shape = RESULT_SHAPE(user_columns);

typedef struct Visit
{
	Result	   *result;
	const NodeView *primary;	/* NULL: there is none */
} Visit;

static void add_database(void *arg, const ConsoleDatabase *database);
static void add_used_database(Result *result, const SessionContext *context, const char *name, const char *server_name,
							  int clients);
static void add_disabled(Result *result, const SessionContext *context);
static int	clients_of(const SessionContext *context, const Database *database);
static void add_user(void *arg, const ConsoleUser *user);
static void add_said(Result *result, int number);
static void begin_used_user(Result *result, const char *name);
static void add_user_servers(void *arg, const Pool *pool);

bool
show_databases_begin(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);
	TopologyView *view = source->view(source->arg);
	Visit		visit = {run->result, view->primary >= 0 ? &view->nodes[view->primary] : NULL};

	source->each_database(source->arg, add_database, &visit);
	topology_view_unref(view);
	return true;
}

void
show_databases(ConsoleRun *run, int worker, SessionContext *context)
{
	LIST_FOREACH(node, &context->databases)
	{
		const Database *database = list_entry(node, Database, node);

		add_used_database(run->result, context, database->name, database->server_name, clients_of(context, database));
	}
	add_disabled(run->result, context);
}

static void
add_database(void *arg, const ConsoleDatabase *database)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	bool		is_any = strcmp(database->name, "*") == 0;

	result_begin_row(result);
	result_add_text(result, database->name);
	result_add_text(result, visit->primary ? visit->primary->host : NULL);
	if (visit->primary)
		result_add_number(result, (uint64_t) visit->primary->port);
	else
		result_add_null(result);
	result_add_text(result, database->server_name[0] != '\0' ? database->server_name : is_any ? NULL : database->name);
	result_add_text(result, database->force_user[0] != '\0' ? database->force_user : NULL);
	result_add_number(result, (uint64_t) database->pool_size);
	result_add_number(result, (uint64_t) database->min_pool_size);
	result_add_number(result, (uint64_t) database->reserve_pool_size);
	result_add_text(result, database->pool_mode);
	result_add_number(result, (uint64_t) database->max_connections);
	result_add_number(result, 0);
	result_add_number(result, (uint64_t) database->max_client_connections);
	result_add_number(result, 0);
	result_add_number(result, database->is_paused);
	result_add_number(result, database->is_disabled);
}

static void
add_used_database(Result *result, const SessionContext *context, const char *name, const char *server_name,
				  int clients)
{
	PoolCount	count = {0};

	pool_set_count(context->pools, server_name, &count);
	result_begin_row(result);
	result_add_text(result, name);
	result_add_null(result);
	result_add_null(result);
	result_add_text(result, server_name);
	for (int limit = 0; limit < 6; limit++)
		result_add_null(result);	/* configured for "*", if at all */
	result_add_number(result, (uint64_t) count.servers);
	result_add_null(result);
	result_add_number(result, (uint64_t) clients);
	result_add_number(result, pool_set_is_paused(context->pools, server_name));
	result_add_number(result, names_has(&context->disabled, name));
}

/* Also those that nobody has named: only "*" knows of them. */
static void
add_disabled(Result *result, const SessionContext *context)
{
	const SessionConfig *config = &context->config;

	for (int i = 0; i < context->disabled.count; i++)
	{
		const char *name = context->disabled.items[i];
		const char *server_name = config->find_database(config->databases, name);
		bool		is_shown = false;

		LIST_FOREACH(node, &context->databases)
			is_shown |= strcmp(list_entry(node, Database, node)->name, name) == 0;
		if (server_name != NULL && !is_shown)
			add_used_database(result, context, name, server_name, 0);
	}
}

static int
clients_of(const SessionContext *context, const Database *database)
{
	int			clients = 0;

	LIST_FOREACH(node, &context->accounts)
	{
		const Account *account = list_entry(node, Account, node);

		if (account->database == database)
			clients += account->clients;
	}
	return clients;
}

/* ---------------------------------------------------------------- users */

bool
show_users_begin(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);

	source->each_user(source->arg, add_user, run->result);
	return true;
}

void
show_users(ConsoleRun *run, int worker, SessionContext *context)
{
	LIST_FOREACH(node, &context->accounts)
	{
		const Account *account = list_entry(node, Account, node);

		begin_used_user(run->result, account->user);
		result_add_null(run->result);
		result_add_number(run->result, 0);
		result_add_number(run->result, (uint64_t) account->max_user_clients);
		result_add_number(run->result, (uint64_t) account->clients);
	}
	pool_set_each_pool(context->pools, add_user_servers, run->result);
}

static void
add_user(void *arg, const ConsoleUser *user)
{
	Result	   *result = arg;

	result_begin_row(result);
	result_add_text(result, user->name);
	add_said(result, user->pool_size);
	add_said(result, user->reserve_pool_size);
	result_add_text(result, user->pool_mode);
	result_add_number(result, (uint64_t) user->max_connections);
	result_add_number(result, 0);
	result_add_number(result, (uint64_t) user->max_client_connections);
	result_add_number(result, 0);
}

static void
add_said(Result *result, int number)
{
	if (number >= 0)
		result_add_number(result, (uint64_t) number);
	else
		result_add_null(result);
}

/* Of it nothing is said, or add_user() has told. */
static void
begin_used_user(Result *result, const char *name)
{
	result_begin_row(result);
	result_add_text(result, name);
	for (int word = 0; word < 3; word++)
		result_add_null(result);
}

static void
add_user_servers(void *arg, const Pool *pool)
{
	Result	   *result = arg;
	PoolStats	stats;

	pool_stats(pool, &stats);
	begin_used_user(result, stats.user);
	result_add_number(result, (uint64_t) stats.limits.max_user_connections);
	result_add_number(result, (uint64_t) (stats.active + stats.idle + stats.connecting + stats.resetting));
	result_add_null(result);
	result_add_number(result, 0);
}
