/*-------------------------------------------------------------------------
 *
 * account.c
 *	  Databases, accounts, and what servers said at their logins.
 *
 *-------------------------------------------------------------------------
 */
#include "session/account.h"

#include <limits.h>
#include <string.h>

#include "base/memory.h"
#include "scram/scram.h"

#define STATEMENT_CACHE_BYTES (16 * 1024 * 1024)

static void database_free(Database *database);
static void account_configure(SessionContext *context, Account *account);
static void account_find_config(const SessionContext *context, const char *name, const char *user,
								AccountConfig *config);
static const char *find_secret(const SessionContext *context, const char *user_name);
static void account_count_clients(SessionContext *context, Account *account);
static void account_set_password(Account *account, const char *password);
static void account_release_pools(Account *account);
static void account_release_welcomes(Account *account);
static void account_free(SessionContext *context, Account *account);

Database *
account_get_database(SessionContext *context, const char *name)
{
	const char *server_name = context->config.find_database(context->config.databases, name);
	Database   *database;

	if (server_name == NULL)
		return NULL;
	LIST_FOREACH(node, &context->databases)
	{
		/* before a reload the name may have meant another: sessions are still there */
		database = list_entry(node, Database, node);
		if (strcmp(database->name, name) == 0 && strcmp(database->server_name, server_name) == 0)
			return database;
	}
	database = mem_alloc(sizeof(Database));
	database->name = mem_strdup(name);
	database->server_name = mem_strdup(server_name);
	database->statements = statement_cache_create(STATEMENT_CACHE_BYTES);
	database->floor = global_floors_get(context->floors, server_name);
	list_push_tail(&context->databases, &database->node);
	return database;
}

Account *
account_get(SessionContext *context, Database *database, const char *user,
							const char *password)
{
	Account    *account;

	LIST_FOREACH(node, &context->accounts)
	{
		account = list_entry(node, Account, node);
		if (account->database == database && strcmp(account->user, user) == 0)
		{
			account_set_password(account, password);
			return account;
		}
	}
	account = mem_alloc(sizeof(Account));
	account->database = database;
	account->user = mem_strdup(user);
	account_configure(context, account);
	account_set_password(account, password);
	account_count_clients(context, account);
	list_init(&account->welcomes);
	list_push_tail(&context->accounts, &account->node);
	database->accounts++;
	return account;
}

void
account_note_login(SessionContext *context, Account *account)
{
	if (account->database->is_proven)
		return;
	account->database->is_proven = true;
	context->hooks.ask_facts(context->hooks.arg, account->database->server_name, FACTS_WANT);
}

Pool *
account_pool(SessionContext *context, Account *account, int node)
{
	if (account->pools[node] == NULL)
	{
		account->pools[node] = pool_set_get(context->pools, &(PoolTarget) {
											.node = node,
											.name = account->database->name,
											.database = account->database->server_name,
											.user = account->server_user,
											.password = account->password,
											});
		pool_add_clients(account->pools[node], account->clients);
	}
	return account->pools[node];
}

/* ---------------------------------------------------------------- configuration */

static void
account_find_config(const SessionContext *context, const char *name, const char *user, AccountConfig *config)
{
	const SessionConfig *session = &context->config;

	*config = (AccountConfig) {.pool_mode = session->pool_mode};
	if (session->find_account)
		session->find_account(session->databases, name, user, config);
}

/* Servers of another user are others: the pools are looked up again. */
static void
account_configure(SessionContext *context, Account *account)
{
	AccountConfig config;
	const char *server_user;
	bool		is_new = account->server_user == NULL;

	account_find_config(context, account->database->name, account->user, &config);
	account->pool_mode = config.pool_mode;
	account->has_minimum = config.has_minimum;
	account->max_db_clients = config.max_db_clients;
	account->max_user_clients = config.max_user_clients;
	server_user = config.server_user ? config.server_user : account->user;
	if (account->server_user && strcmp(account->server_user, server_user) == 0)
		return;
	account_release_pools(account);
	account->is_serializable = false;
	mem_free(account->server_user);
	account->server_user = mem_strdup(server_user);
	if (!is_new)
		account_set_password(account, find_secret(context, server_user));
}

/* NULL: auth_file has none. */
static const char *
find_secret(const SessionContext *context, const char *user_name)
{
	const User *user = context->users ? user_table_find(context->users, slice_from_string(user_name)) : NULL;

	return user && user->kind != SECRET_NONE ? user->secret : NULL;
}

const char *
account_server_secret(const SessionContext *context, const char *name, const char *user, const char *secret)
{
	AccountConfig config;

	account_find_config(context, name, user, &config);
	return config.server_user && strcmp(config.server_user, user) != 0 ?
		find_secret(context, config.server_user) : secret;
}

void
account_configure_all(SessionContext *context)
{
	LIST_FOREACH(node, &context->accounts)
		account_configure(context, list_entry(node, Account, node));
}

/* ---------------------------------------------------------------- clients */

static void
account_count_clients(SessionContext *context, Account *account)
{
	const char *name = account->database->name;

	if (context->totals == NULL)
		return;
	account->db_clients = pool_totals_get(context->totals, POOL_SLOT_DATABASE_CLIENTS, name, strlen(name));
	account->user_clients = pool_totals_get(context->totals, POOL_SLOT_USER_CLIENTS, account->user,
											strlen(account->user));
}

bool
account_admit(SessionContext *context, Account *account, Error *error)
{
	int			db_limit = account->max_db_clients > 0 ? account->max_db_clients : INT_MAX;
	int			user_limit = account->max_user_clients > 0 ? account->max_user_clients : INT_MAX;

	if (account->db_clients && !pool_slot_acquire(account->db_clients, db_limit))
	{
		error_set(error, SQLSTATE_TOO_MANY_CONNECTIONS, "too many clients of database \"%s\"", account->database->name);
		error_set_hint(error, "The router's max_db_client_connections is reached.");
		return false;
	}
	if (account->user_clients && !pool_slot_acquire(account->user_clients, user_limit))
	{
		pool_slot_release(account->db_clients);
		error_set(error, SQLSTATE_TOO_MANY_CONNECTIONS, "too many clients of user \"%s\"", account->user);
		error_set_hint(error, "The router's max_user_client_connections is reached.");
		return false;
	}
	account->clients++;
	for (int i = 0; i < context->view->nnodes; i++)
	{
		if (account->pools[i])
			pool_add_clients(account->pools[i], 1);
		else if (account->has_minimum)
			account_pool(context, account, i);	/* counts those that are there */
	}
	return true;
}

void
account_remove_client(Account *account)
{
	account->clients--;
	if (account->db_clients)
	{
		pool_slot_release(account->db_clients);
		pool_slot_release(account->user_clients);
	}
	for (int i = 0; i < TOPOLOGY_MAX_NODES; i++)
	{
		if (account->pools[i])
			pool_add_clients(account->pools[i], -1);
	}
}

/* ---------------------------------------------------------------- the end */

/*
 * Users and databases that no server has ever let in are forgotten with their
 * last client: clients can make up names without end.
 */
void
account_sweep(SessionContext *context)
{
	LIST_FOREACH(node, &context->accounts)
	{
		Account    *account = list_entry(node, Account, node);

		if (account->clients > 0 || !list_is_empty(&account->welcomes))
			continue;
		list_remove(&context->accounts, &account->node);
		account->database->accounts--;
		account_free(context, account);
	}
	LIST_FOREACH(node, &context->databases)
	{
		Database   *database = list_entry(node, Database, node);

		if (database->accounts > 0 || database->is_proven)
			continue;
		list_remove(&context->databases, &database->node);
		database_free(database);
	}
}

void
account_free_all(SessionContext *context)
{
	ListNode   *node;

	while ((node = list_pop_head(&context->accounts)) != NULL)
		account_free(context, list_entry(node, Account, node));
	while ((node = list_pop_head(&context->databases)) != NULL)
		database_free(list_entry(node, Database, node));
}

static void
database_free(Database *database)
{
	statement_cache_destroy(database->statements);
	mem_free(database->name);
	mem_free(database->server_name);
	mem_free(database);
}

/*
 * The secret may have changed since, or be there no more.  A verifier logs in
 * nowhere: keys that a client has proven against the same one stay.
 */
static void
account_set_password(Account *account, const char *password)
{
	if (account->password == password ||
		(account->password && password && strcmp(account->password, password) == 0))
		return;
	if (account->password && password && scram_keys_fit(account->password, password))
		return;
	if (account->password)
		explicit_bzero(account->password, strlen(account->password));
	mem_free(account->password);
	account->password = password ? mem_strdup(password) : NULL;
	account_release_pools(account);
}

static void
account_release_pools(Account *account)
{
	for (int i = 0; i < TOPOLOGY_MAX_NODES; i++)
	{
		if (account->pools[i])
		{
			pool_add_clients(account->pools[i], -account->clients);
			pool_release(account->pools[i]);
		}
		account->pools[i] = NULL;
	}
}

static void
account_release_welcomes(Account *account)
{
	ListNode   *node;

	while ((node = list_pop_head(&account->welcomes)) != NULL)
		account_free_welcome(list_entry(node, Welcome, node));
}

void
account_free_welcome(Welcome *welcome)
{
	settings_unref(welcome->settings);
	settings_unref(welcome->reported);
	buf_release(&welcome->messages);
	mem_free(welcome);
}

static void
account_free(SessionContext *context, Account *account)
{
	account_release_welcomes(account);
	account_release_pools(account);
	account_set_password(account, NULL);
	if (account->db_clients)
	{
		pool_totals_put(context->totals, account->db_clients);
		pool_totals_put(context->totals, account->user_clients);
	}
	mem_free(account->server_user);
	mem_free(account->user);
	mem_free(account);
}
