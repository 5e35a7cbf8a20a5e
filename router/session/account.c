/*-------------------------------------------------------------------------
 *
 * account.c
 *	  Databases, accounts, and what servers said at their logins.
 *
 *-------------------------------------------------------------------------
 */
#include "session/account.h"

#include <string.h>

#include "base/memory.h"
#include "scram/scram.h"

#define STATEMENT_CACHE_BYTES (16 * 1024 * 1024)

static void database_free(Database *database);
static void account_set_password(Account *account, const char *password);
static void account_release_pools(Account *account);
static void account_release_welcomes(Account *account);
static void account_free(Account *account);

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
	account_set_password(account, password);
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
	context->hooks.want_facts(context->hooks.arg, account->database->server_name);
}

Pool *
account_pool(SessionContext *context, Account *account, int node)
{
	if (account->pools[node] == NULL)
		account->pools[node] = pool_set_get(context->pools, &(PoolTarget) {
											.node = node,
											.database = account->database->server_name,
											.user = account->user,
											.password = account->password,
											});
	return account->pools[node];
}

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
		account_free(account);
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
		account_free(list_entry(node, Account, node));
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
	if (account->password && password && scram_keys_fit(account->password, password))
		return;
	if (account->password == password ||
		(account->password && password && strcmp(account->password, password) == 0))
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
			pool_release(account->pools[i]);
		account->pools[i] = NULL;
	}
}

static void
account_release_welcomes(Account *account)
{
	ListNode   *node;

	while ((node = list_pop_head(&account->welcomes)) != NULL)
	{
		Welcome    *welcome = list_entry(node, Welcome, node);

		settings_unref(welcome->settings);
		buf_release(&welcome->messages);
		mem_free(welcome);
	}
}

static void
account_free(Account *account)
{
	account_release_welcomes(account);
	account_release_pools(account);
	account_set_password(account, NULL);
	mem_free(account->user);
	mem_free(account);
}
