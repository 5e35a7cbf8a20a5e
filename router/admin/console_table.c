/*-------------------------------------------------------------------------
 *
 * console_table.c
 *	  The commands of the console: one table for looking up, SHOW HELP, who
 *	  may use what, and docs/reference/console.md.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <strings.h>

#define SHOW(what) .verb = "SHOW", .object = (what), .permission = CONSOLE_STATS
#define CONTROL(what) .verb = (what), .permission = CONSOLE_ADMIN
#define REFUSED(what, on, why) {.verb = (what), .object = (on), .permission = CONSOLE_STATS, .refusal = (why)}

static const ConsoleCommand commands[] = {
	{SHOW("HELP"), .shape = &show_help_shape, .finish = show_help,
	.help = "list these commands"},
	{SHOW("VERSION"), .shape = &show_version_shape, .finish = show_version,
	.help = "the router's version"},
	{SHOW("NODES"), .shape = &show_nodes_shape, .finish = show_nodes,
	.help = "PostgreSQL servers: role, whether they get work and if not why, position, lag"},
	{SHOW("POOLS"), .shape = &show_pools_shape, .visit = show_pools,
	.help = "pools of server connections, one per node, database and user"},
	{SHOW("CLIENTS"), .shape = &show_clients_shape, .visit = show_clients,
	.help = "client connections: state, node, floor, why pinned"},
	{SHOW("SERVERS"), .shape = &show_servers_shape, .visit = show_servers,
	.help = "server connections"},
	{SHOW("SOCKETS"), .shape = &show_sockets_shape, .visit = show_sockets,
	.help = "connections of both kinds: bytes passed, waiting to be taken, and who is not read for now"},
	{SHOW("ACTIVE_SOCKETS"), .shape = &show_sockets_shape, .visit = show_active_sockets,
	.help = "the same of those that are not idle"},
	{SHOW("DATABASES"), .shape = &show_databases_shape, .begin = show_databases_begin, .visit = show_databases,
	.help = "databases clients may name or have named: connections, paused, disabled"},
	{SHOW("USERS"), .shape = &show_users_shape, .begin = show_users_begin, .visit = show_users,
	.help = "users of auth_file and [users], and those who have logged in: what [users] says of them, limits, connections"},
	{SHOW("STATS"), .shape = &show_stats_shape, .visit = show_stats,
	.help = "what was done per database: totals, and averages of the last stats_period"},
	{SHOW("STATS_TOTALS"), .shape = &show_stats_totals_shape, .visit = show_stats_totals,
	.help = "the totals alone"},
	{SHOW("STATS_AVERAGES"), .shape = &show_stats_averages_shape, .visit = show_stats_averages,
	.help = "the averages alone"},
	{SHOW("TOTALS"), .shape = &show_totals_shape, .begin = show_totals_begin, .visit = show_totals,
	.help = "both over all databases, one per row"},
	{SHOW("ROUTES"), .shape = &show_routes_shape, .visit = show_routes,
	.help = "reads and writes done, per node, database and user"},
	{SHOW("AUTH_QUERY"), .shape = &show_auth_query_shape, .visit = show_auth_query,
	.help = "logins that auth_query was asked for, and what came of it"},
	{SHOW("CONFIG"), .shape = &show_config_shape, .finish = show_config,
	.help = "settings in force, and whether a reload or a restart changes them"},
	{SHOW("LISTS"), .shape = &show_lists_shape, .begin = show_lists_begin, .visit = show_lists,
	.help = "how many there are of what"},
	{SHOW("STATE"), .shape = &show_state_shape, .visit = show_state,
	.help = "whether the router is active, paused, ending"},
	{SHOW("MEM"), .shape = &show_mem_shape, .begin = show_mem_begin, .visit = show_mem,
	.help = "what the process's memory is used for"},
	{.verb = "EXPLAIN", .permission = CONSOLE_STATS, .argument = CONSOLE_STATEMENT, .shape = &explain_route_shape,
		.visit = explain_route, .finish = explain_routed,
	.help = "where a statement would go and why, by the facts of each database, and by [routes] for a session of that user and application"},

	{CONTROL("RELOAD"), .finish = control_reload,
	.help = "read the configuration and auth_file again; a bad file changes nothing"},
	{CONTROL("SET"), .argument = CONSOLE_SETTING, .finish = control_set,
	.help = "change an option until the next RELOAD, in which the file's value comes back"},
	{CONTROL("PAUSE"), .argument = CONSOLE_MAYBE_DATABASE, .begin = control_find_database, .visit = control_pause,
		.finish = control_pause_begun,
	.help = "close server connections as transactions end, let new work wait; answers when none is left"},
	{CONTROL("RESUME"), .argument = CONSOLE_MAYBE_DATABASE, .begin = control_find_database, .visit = control_resume,
		.finish = control_resumed,
	.help = "go on after PAUSE or KILL"},
	{CONTROL("RECONNECT"), .argument = CONSOLE_MAYBE_DATABASE, .begin = control_find_database,
		.visit = control_reconnect,
	.help = "replace server connections, each when it is given back"},
	{CONTROL("WAIT_CLOSE"), .argument = CONSOLE_MAYBE_DATABASE, .begin = control_find_database,
		.visit = control_wait_close, .finish = control_wait_closed,
	.help = "wait until those to be replaced are closed"},
	{CONTROL("KILL"), .argument = CONSOLE_MAYBE_DATABASE, .begin = control_find_database, .visit = control_kill,
	.help = "end all clients and servers at once; new clients wait for RESUME"},
	{CONTROL("KILL_CLIENT"), .argument = CONSOLE_CLIENT, .visit = control_kill_client,
		.finish = control_client_killed,
	.help = "end one client, by its id in SHOW CLIENTS"},
	{CONTROL("DISABLE"), .argument = CONSOLE_DATABASE, .begin = control_find_database, .visit = control_disable,
		.finish = control_disabled,
	.help = "refuse new clients of a database"},
	{CONTROL("ENABLE"), .argument = CONSOLE_DATABASE, .begin = control_find_database, .visit = control_enable,
		.finish = control_enabled,
	.help = "take them again"},
	{CONTROL("SHUTDOWN"), .finish = control_shutdown,
	.help = "end the router now"},
	{CONTROL("SHUTDOWN"), .object = "WAIT_FOR_SERVERS", .finish = control_shutdown_servers,
	.help = "take no new clients and end when the transactions under way have ended"},
	{CONTROL("SHUTDOWN"), .object = "WAIT_FOR_CLIENTS", .finish = control_shutdown_clients,
	.help = "take no new clients and end when the last one has left"},
};

static const ConsoleCommand refused[] = {
	REFUSED("SHOW", "FDS", "Sockets are not handed over through the console; SHOW SOCKETS shows connections."),
	REFUSED("SHOW", "PEERS", "Routers have no peers: a cancel request finds its process by its key."),
	REFUSED("SHOW", "PEER_POOLS", "Routers have no peers: a cancel request finds its process by its key."),
	REFUSED("SHOW", "DNS_HOSTS", "Names of nodes are followed (dns_max_ttl); SHOW NODES shows the address that each stands for."),
	REFUSED("SHOW", "DNS_ZONES", "Names of nodes are looked up by the system; SHOW NODES shows the address that each stands for."),
	REFUSED("SUSPEND", NULL, "PAUSE keeps clients connected while servers restart; to restart the router itself,"
			" start the new one and send SHUTDOWN WAIT_FOR_CLIENTS to the old one."),
};

/* What drivers set when they connect: they are told that it is done. */
static const ConsoleCommand driver_set = {.verb = "SET", .permission = CONSOLE_STATS};
static const char *const driver_settings[] = {
	"client_encoding", "datestyle", "timezone", "extra_float_digits", "application_name", NULL
};

#define COUNT_OF(array) ((int) (sizeof(array) / sizeof((array)[0])))

static const ConsoleCommand *find_in(const ConsoleCommand *list, int count, const ConsoleWords *words);
static bool fits(const ConsoleCommand *command, const ConsoleWords *words);
static void write_kind(Buf *out, ConsolePermission permission, const char *head);
static bool is_of_driver(const ConsoleWords *words);

const ConsoleCommand *
console_command_find(const ConsoleWords *words)
{
	const ConsoleCommand *command;

	if (words->count == 0)
		return NULL;
	if (is_of_driver(words))
		return &driver_set;
	command = find_in(commands, COUNT_OF(commands), words);
	return command ? command : find_in(refused, COUNT_OF(refused), words);
}

int
console_command_count(void)
{
	return COUNT_OF(commands);
}

const ConsoleCommand *
console_command_at(int i)
{
	return &commands[i];
}

const char *
console_argument_text(ConsoleArgument argument)
{
	switch (argument)
	{
		case CONSOLE_MAYBE_DATABASE:
			return "[DATABASE]";
		case CONSOLE_DATABASE:
			return "DATABASE";
		case CONSOLE_CLIENT:
			return "ID";
		case CONSOLE_SETTING:
			return "OPTION = VALUE";
		case CONSOLE_STATEMENT:
			return "ROUTE [DATABASE [USER [APPLICATION]]] 'STATEMENT'";
		case CONSOLE_NO_ARGUMENT:
			break;
	}
	return "";
}

void
console_write_reference(Buf *out)
{
	buf_append_string(out, "# Commands of the console\n\nWritten by `andon-router --dump-reference console`."
					  " [Operations](../operations.md#the-console) tells what columns mean.\n");
	write_kind(out, CONSOLE_ADMIN, "## For admin_users\n\n| command | |\n|---|---|\n");
	write_kind(out, CONSOLE_STATS, "\n## For stats_users too\n\n| command | | columns |\n|---|---|---|\n");
	buf_append_string(out, "\n## Of PgBouncer's, not here\n\n| command | |\n|---|---|\n");
	for (int i = 0; i < COUNT_OF(refused); i++)
		buf_printf(out, "| `%s%s%s` | %s |\n", refused[i].verb, refused[i].object ? " " : "",
				   refused[i].object ? refused[i].object : "", refused[i].refusal);
}

static void
write_kind(Buf *out, ConsolePermission permission, const char *head)
{
	buf_append_string(out, head);
	for (int i = 0; i < COUNT_OF(commands); i++)
	{
		const ConsoleCommand *command = &commands[i];
		const char *second = command->object ? command->object : console_argument_text(command->argument);

		if (command->permission != permission)
			continue;
		buf_printf(out, "| `%s%s%s` | %s |", command->verb, second[0] != '\0' ? " " : "", second, command->help);
		for (int c = 0; command->shape && c < command->shape->ncolumns; c++)
			buf_printf(out, "%s%s", c > 0 ? ", " : " ", command->shape->columns[c].name);
		buf_append_string(out, command->shape ? " |\n" : "\n");
	}
}

static const ConsoleCommand *
find_in(const ConsoleCommand *list, int count, const ConsoleWords *words)
{
	for (int i = 0; i < count; i++)
	{
		if (fits(&list[i], words))
			return &list[i];
	}
	return NULL;
}

static bool
fits(const ConsoleCommand *command, const ConsoleWords *words)
{
	if (strcmp(command->verb, words->word[0]) != 0)
		return false;
	if (command->argument != CONSOLE_NO_ARGUMENT)
		return true;
	return words->is_plain && strcmp(command->object ? command->object : "", words->word[1]) == 0;
}

static bool
is_of_driver(const ConsoleWords *words)
{
	for (int i = 0; driver_settings[i] != NULL; i++)
	{
		if (strcmp(words->word[0], "SET") == 0 && strcasecmp(words->word[1], driver_settings[i]) == 0)
			return true;
	}
	return false;
}
