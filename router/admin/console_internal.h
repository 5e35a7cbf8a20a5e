/*-------------------------------------------------------------------------
 *
 * console_internal.h
 *	  Commands of the console: what one is, and one that runs.
 *
 *	  text --parse--> words --table--> command --gate--> run
 *	  run: visit in each worker -> finish in the console's thread -> reply
 *
 * A new command is a line of the table in console_table.c and, in the file of
 * its theme, a visit (what each worker knows of it) or a finish (what is known
 * here, or done), or both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_ADMIN_CONSOLE_INTERNAL_H
#define ROUTER_ADMIN_CONSOLE_INTERNAL_H

#include "admin/console.h"
#include "admin/console_parse.h"
#include "admin/result.h"

typedef enum ConsolePermission
{
	CONSOLE_NOBODY,
	CONSOLE_STATS,				/* what only shows */
	CONSOLE_ADMIN				/* everything */
} ConsolePermission;

typedef struct ConsoleRun ConsoleRun;

typedef struct ConsoleCommand
{
	const char *verb;			/* in upper case, like object */
	const char *object;			/* the word after it; NULL: none */
	ConsolePermission permission;	/* the least that may use it */
	const ResultShape *shape;	/* of its result; NULL: it has none */

	/* In the thread of each worker, in turn: add what it knows.  NULL: nothing to ask workers. */
	void		(*visit) (Result *result, int worker, SessionContext *context);

	/* Then, in the console's thread: ends the run, now or later.  NULL: send the rows. */
	void		(*finish) (ConsoleRun *run);
	const char *help;			/* one line */
} ConsoleCommand;

/* One command under way. */
struct ConsoleRun
{
	ListNode	node;			/* in the console's runs */
	Console    *console;		/* borrowed */
	const ConsoleCommand *command;
	ConsoleReply reply;
	bool		is_cancelled;	/* the session is gone: no reply */
	Result	   *result;			/* owned; NULL: the command has none */
};

/* ---- console.c ---- */
extern const ConsoleSource *console_source(const Console *console);
extern Loop *console_home(const Console *console);

/* Ways to end a run, which is freed. */
extern void console_run_send(ConsoleRun *run);	/* its rows */
extern void console_run_done(ConsoleRun *run);	/* CommandComplete alone */
extern void console_run_fail(ConsoleRun *run, const Error *error);

/* ---- console_table.c ---- */
extern const ConsoleCommand *console_command_find(const ConsoleWords *words);	/* NULL: no such command */
extern int	console_command_count(void);
extern const ConsoleCommand *console_command_at(int i);

/* ---- show_nodes.c, show_pools.c, show_sessions.c, show_process.c, control.c ---- */
extern const ResultShape show_nodes_shape;
extern const ResultShape show_pools_shape;
extern const ResultShape show_stats_shape;
extern const ResultShape show_servers_shape;
extern const ResultShape show_clients_shape;
extern const ResultShape show_config_shape;
extern const ResultShape show_version_shape;
extern const ResultShape show_help_shape;
extern void show_nodes(ConsoleRun *run);
extern void show_pools(Result *result, int worker, SessionContext *context);
extern void show_stats(Result *result, int worker, SessionContext *context);
extern void show_servers(Result *result, int worker, SessionContext *context);
extern void show_clients(Result *result, int worker, SessionContext *context);
extern void show_config(ConsoleRun *run);
extern void show_version(ConsoleRun *run);
extern void show_help(ConsoleRun *run);
extern void control_reload(ConsoleRun *run);
extern void control_shutdown(ConsoleRun *run);
extern void control_shutdown_gently(ConsoleRun *run);

#endif							/* ROUTER_ADMIN_CONSOLE_INTERNAL_H */
