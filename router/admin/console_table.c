/*-------------------------------------------------------------------------
 *
 * console_table.c
 *	  The commands of the console: one table for looking up, SHOW HELP, who
 *	  may use what, and the manual page.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

static const ConsoleCommand commands[] = {
	{"SHOW", "HELP", CONSOLE_STATS, &show_help_shape, NULL, show_help,
	"list these commands"},
	{"SHOW", "VERSION", CONSOLE_STATS, &show_version_shape, NULL, show_version,
	"the router's version"},
	{"SHOW", "NODES", CONSOLE_STATS, &show_nodes_shape, NULL, show_nodes,
	"PostgreSQL servers: role, whether they get work and if not why, position, lag"},
	{"SHOW", "POOLS", CONSOLE_STATS, &show_pools_shape, show_pools, NULL,
	"pools of server connections, one per node, database and user"},
	{"SHOW", "CLIENTS", CONSOLE_STATS, &show_clients_shape, show_clients, NULL,
	"client connections: state, node, floor, why pinned"},
	{"SHOW", "SERVERS", CONSOLE_STATS, &show_servers_shape, show_servers, NULL,
	"server connections"},
	{"SHOW", "STATS", CONSOLE_STATS, &show_stats_shape, show_stats, NULL,
	"reads and writes done, per node, database and user"},
	{"SHOW", "CONFIG", CONSOLE_STATS, &show_config_shape, NULL, show_config,
	"settings in force, and whether a reload or a restart changes them"},
	{"RELOAD", NULL, CONSOLE_ADMIN, NULL, NULL, control_reload,
	"read the configuration and auth_file again; a bad file changes nothing"},
	{"SHUTDOWN", NULL, CONSOLE_ADMIN, NULL, NULL, control_shutdown,
	"end the router now"},
	{"SHUTDOWN", "WAIT_FOR_SERVERS", CONSOLE_ADMIN, NULL, NULL, control_shutdown_gently,
	"take no new clients and end when the transactions under way have ended"},
};

#define COMMANDS_COUNT ((int) (sizeof(commands) / sizeof(commands[0])))

const ConsoleCommand *
console_command_find(const ConsoleWords *words)
{
	if (!words->is_plain || words->count == 0)
		return NULL;
	for (int i = 0; i < COMMANDS_COUNT; i++)
	{
		const char *object = commands[i].object ? commands[i].object : "";

		if (strcmp(commands[i].verb, words->word[0]) == 0 && strcmp(object, words->word[1]) == 0)
			return &commands[i];
	}
	return NULL;
}

int
console_command_count(void)
{
	return COMMANDS_COUNT;
}

const ConsoleCommand *
console_command_at(int i)
{
	return &commands[i];
}
