/*-------------------------------------------------------------------------
 *
 * show_process.c
 *	  SHOW CONFIG, VERSION, HELP, LISTS, STATE, MEM and AUTH_QUERY: what the
 *	  router is and can do, and what is in it.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "session/account.h"
#include "session/client.h"

static const ResultColumn config_columns[] = {
	{"key", RESULT_TEXT},
	{"value", RESULT_TEXT},
	{"default", RESULT_TEXT},
	{"changeable", RESULT_TEXT},
};

static const ResultColumn version_columns[] = {
	{"version", RESULT_TEXT},
};

static const ResultColumn help_columns[] = {
	{"command", RESULT_TEXT},
	{"argument", RESULT_TEXT},
	{"allowed_to", RESULT_TEXT},
	{"description", RESULT_TEXT},
};

static const ResultColumn list_columns[] = {
	{"list", RESULT_KEY},
	{"items", RESULT_SUM},
};

static const ResultColumn state_columns[] = {
	{"key", RESULT_KEY},
	{"value", RESULT_TEXT},
};

static const ResultColumn mem_columns[] = {
	{"name", RESULT_KEY},
	{"used", RESULT_SUM},		/* how many */
	{"memtotal", RESULT_TEXT},	/* bytes; null: not counted apart */
};

static const ResultColumn auth_query_columns[] = {
	{"questions", RESULT_SUM},	/* asked of a node */
	{"kept_answers", RESULT_SUM},	/* logins that needed no question */
	{"failures", RESULT_SUM},
	{"kept", RESULT_SUM},		/* answers, now */
	{"worker", RESULT_ORDER},
};

const ResultShape show_config_shape = RESULT_SHAPE(config_columns);
const ResultShape show_version_shape = RESULT_SHAPE(version_columns);
const ResultShape show_help_shape = RESULT_SHAPE(help_columns);

const ResultShape show_lists_shape = RESULT_SHAPE(list_columns);
const ResultShape show_state_shape = RESULT_SHAPE(state_columns);
const ResultShape show_mem_shape = RESULT_SHAPE(mem_columns);
const ResultShape show_auth_query_shape = RESULT_SHAPE(auth_query_columns);

/* What a worker has, counted. */
typedef struct Numbers
{
	uint64_t	clients;
	uint64_t	login_clients;
	uint64_t	pools;
	uint64_t	servers;
} Numbers;

static Numbers count_worker(const SessionContext *context);
static void count_client(void *arg, const ClientStats *stats);
static void count_pool(void *arg, const Pool *pool);
static void add_item(Result *result, const char *name, uint64_t number);
static void add_list_database(void *arg, const ConsoleDatabase *database);
static void add_list_user(void *arg, const ConsoleUser *user);
static void add_memory(Result *result, const char *name, uint64_t used, uint64_t bytes);
static uint64_t resident_bytes(void);
static void add_setting(void *arg, const ConsoleSetting *setting);

void
show_config(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);

	source->each_setting(source->arg, add_setting, run->result);
	console_run_send(run);
}

void
show_version(ConsoleRun *run)
{
	char		text[64];

	snprintf(text, sizeof(text), "andon-router %s", console_source(run->console)->version);
	result_begin_row(run->result);
	result_add_text(run->result, text);
	console_run_send(run);
}

void
show_help(ConsoleRun *run)
{
	for (int i = 0; i < console_command_count(); i++)
	{
		const ConsoleCommand *command = console_command_at(i);
		char		text[2 * CONSOLE_WORD_SIZE];

		snprintf(text, sizeof(text), "%s%s%s", command->verb, command->object ? " " : "",
				 command->object ? command->object : "");
		result_begin_row(run->result);
		result_add_text(run->result, text);
		result_add_text(run->result, console_argument_text(command->argument));
		result_add_text(run->result, command->permission == CONSOLE_STATS ? "admin_users, stats_users" : "admin_users");
		result_add_text(run->result, command->help);
	}
	console_run_send(run);
}

static void
add_setting(void *arg, const ConsoleSetting *setting)
{
	Result	   *result = arg;

	result_begin_row(result);
	result_add_text(result, setting->name);
	result_add_text(result, setting->value);
	result_add_text(result, setting->default_value);
	result_add_text(result, setting->is_reloadable ? "yes" : "no");
}

/* ---------------------------------------------------------------- LISTS */

bool
show_lists_begin(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);
	TopologyView *view = source->view(source->arg);

	source->each_database(source->arg, add_list_database, run->result);
	source->each_user(source->arg, add_list_user, run->result);
	add_item(run->result, "nodes", (uint64_t) view->nnodes);
	topology_view_unref(view);
	return true;
}

void
show_lists(ConsoleRun *run, int worker, SessionContext *context)
{
	const char *const none[] = {"users", "free_clients", "free_servers", "dns_names", "dns_zones", "dns_queries", "dns_pending"};
	Numbers		numbers = count_worker(context);
	AuthQueryStats lookups = {0};

	if (context->auth_query)
		auth_query_stats(context->auth_query, &lookups);
	add_item(run->result, "pools", numbers.pools);
	add_item(run->result, "used_clients", numbers.clients - numbers.login_clients);
	add_item(run->result, "login_clients", numbers.login_clients);
	add_item(run->result, "used_servers", numbers.servers);
	add_item(run->result, "accounts", context->accounts.count);
	add_item(run->result, "prepared_statements", prepared_table_count(context->prepared));
	add_item(run->result, "auth_query_answers", (uint64_t) lookups.kept);
	add_item(run->result, "workers", 1);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		add_item(run->result, none[i], 0);	/* what PgBouncer has a row for */
}

static Numbers
count_worker(const SessionContext *context)
{
	Numbers		numbers = {0};

	client_each(context, count_client, &numbers);
	pool_set_each_pool(context->pools, count_pool, &numbers);
	return numbers;
}

static void
count_client(void *arg, const ClientStats *stats)
{
	Numbers    *numbers = arg;

	numbers->clients++;
	numbers->login_clients += stats->state < CLIENT_READY;
}

static void
count_pool(void *arg, const Pool *pool)
{
	Numbers    *numbers = arg;
	PoolStats	stats;

	pool_stats(pool, &stats);
	numbers->pools++;
	numbers->servers += (uint64_t) (stats.active + stats.idle + stats.connecting + stats.resetting);
}

static void
add_item(Result *result, const char *name, uint64_t number)
{
	result_begin_row(result);
	result_add_text(result, name);
	result_add_number(result, number);
}

static void
add_list_database(void *arg, const ConsoleDatabase *database)
{
	add_item(arg, "databases", 1);
}

static void
add_list_user(void *arg, const ConsoleUser *user)
{
	add_item(arg, "users", 1);
}

/* ---------------------------------------------------------------- STATE */

/* The same in each worker. */
void
show_state(ConsoleRun *run, int worker, SessionContext *context)
{
	bool		is_paused = pool_set_is_paused(context->pools, NULL);
	const struct
	{
		const char *key;
		bool		value;
	}			states[] = {
		{"active", !is_paused && !context->draining},
		{"paused", is_paused},
		{"suspended", false},
		{"shutting_down", context->draining},
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		result_begin_row(run->result);
		result_add_text(run->result, states[i].key);
		result_add_text(run->result, states[i].value ? "yes" : "no");
	}
}

/* ---------------------------------------------------------------- MEM */

bool
show_mem_begin(ConsoleRun *run)
{
	struct mallinfo2 heap = mallinfo2();

	add_memory(run->result, "resident", 1, resident_bytes());
	add_memory(run->result, "heap", 1, heap.arena + heap.hblkhd);
	add_memory(run->result, "heap_in_use", 1, heap.uordblks + heap.hblkhd);
	return true;
}

void
show_mem(ConsoleRun *run, int worker, SessionContext *context)
{
	Numbers		numbers = count_worker(context);

	add_memory(run->result, "clients", numbers.clients, 0);
	add_memory(run->result, "servers", numbers.servers, 0);
	add_memory(run->result, "pools", numbers.pools, 0);
	add_memory(run->result, "prepared_statements", prepared_table_count(context->prepared), 0);
}

static void
add_memory(Result *result, const char *name, uint64_t used, uint64_t bytes)
{
	result_begin_row(result);
	result_add_text(result, name);
	result_add_number(result, used);
	if (bytes != 0)
		result_add_number(result, bytes);
	else
		result_add_null(result);
}

/* As the system counts it; 0: it does not tell. */
static uint64_t
resident_bytes(void)
{
	FILE	   *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t) pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* ---------------------------------------------------------------- AUTH_QUERY */

void
show_auth_query(ConsoleRun *run, int worker, SessionContext *context)
{
	AuthQueryStats stats = {0};

	if (context->auth_query)
		auth_query_stats(context->auth_query, &stats);
	result_begin_row(run->result);
	result_add_number(run->result, stats.questions);
	result_add_number(run->result, stats.kept_answers);
	result_add_number(run->result, stats.failures);
	result_add_number(run->result, (uint64_t) stats.kept);
	result_add_number(run->result, (uint64_t) worker);
}
