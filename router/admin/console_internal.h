/*-------------------------------------------------------------------------
 *
 * console_internal.h
 *	  Commands of the console: what one is, and one that runs.
 *
 *	  text --parse--> words --table--> command --gate--> argument --> run
 *	  run: begin here -> visit in each worker -> finish here -> reply
 *
 * A new command is a line of the table in console_table.c and, in the file of
 * its theme, a visit (what each worker knows of it, or does) and what comes
 * before and after it in the console's thread.
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

typedef enum ConsoleArgument
{
	CONSOLE_NO_ARGUMENT,
	CONSOLE_MAYBE_DATABASE,		/* none: all of them */
	CONSOLE_DATABASE,
	CONSOLE_CLIENT,				/* its id in SHOW CLIENTS */
	CONSOLE_SETTING,			/* NAME = VALUE */
	CONSOLE_STATEMENT			/* ROUTE [DATABASE [USER [APPLICATION]]] 'STATEMENT' */
} ConsoleArgument;

typedef struct ConsoleRun ConsoleRun;

typedef struct ConsoleCommand
{
	const char *verb;			/* in upper case, like object */
	const char *object;			/* the word after it; NULL: none */
	ConsoleArgument argument;
	ConsolePermission permission;	/* the least that may use it */
	const ResultShape *shape;	/* of its result; NULL: it has none */

	/* In the console's thread, before the visits.  NULL: nothing; false: it has ended the run. */
	bool		(*begin) (ConsoleRun *run);

	/* In the thread of each worker, in turn: add what it knows, or do it.  NULL: nothing to ask workers. */
	void		(*visit) (ConsoleRun *run, int worker, SessionContext *context);

	/* Then, in the console's thread: ends the run, now or later.  NULL: send the rows, or just say done. */
	void		(*finish) (ConsoleRun *run);
	const char *help;			/* one line */

	/* PgBouncer has it, it makes no sense here: why, and what to use.  NULL: it does. */
	const char *refusal;
} ConsoleCommand;

/* What the visits of one round have counted. */
typedef struct ConsoleTally
{
	int			changed;		/* workers in which the command changed something, or found it so */
	PoolCount	pools;
} ConsoleTally;

/* One command under way. */
struct ConsoleRun
{
	ListNode	node;			/* in the console's runs */
	Console    *console;		/* borrowed */
	const ConsoleCommand *command;
	ConsoleReply reply;
	bool		is_cancelled;	/* the session is gone: no reply */
	Result	   *result;			/* owned; NULL: the command has none */

	/* its argument */
	char		name[CONSOLE_NAME_SIZE];	/* of a database or an option; "": none */
	char	   *value;			/* owned; of an option, or a statement; NULL: none */
	ConsoleRoute route;			/* of EXPLAIN ROUTE, whose statement is value */
	RouteWish	wish;			/* of such a session */
	char		rule[CONSOLE_NAME_SIZE];	/* wish.rule */
	uint64_t	client_id;
	char	   *database;		/* owned; the servers' name of it; NULL: all, or not a database */

	/* the round of visits under way; begin and finish may ask for another one */
	void		(*visit) (ConsoleRun *run, int worker, SessionContext *context);
	void		(*finish) (ConsoleRun *run);
	ConsoleTally tally;
	LoopTimer  *timer;			/* owned; until the next round; NULL: none */
};

/* ---- console.c ---- */
extern const ConsoleSource *console_source(const Console *console);
extern Loop *console_home(const Console *console);

/* One more round over all workers, now or after a while; the tally begins at zero. */
extern void console_run_gather(ConsoleRun *run, void (*visit) (ConsoleRun *run, int worker, SessionContext *context),
							   void (*finish) (ConsoleRun *run));
extern void console_run_gather_later(ConsoleRun *run,
									 void (*visit) (ConsoleRun *run, int worker, SessionContext *context),
									 void (*finish) (ConsoleRun *run));

/* Ways to end a run, which is freed. */
extern void console_run_send(ConsoleRun *run);	/* its rows */
extern void console_run_done(ConsoleRun *run);	/* CommandComplete alone */
extern void console_run_fail(ConsoleRun *run, const Error *error);

/* ---- console_table.c ---- */
extern const ConsoleCommand *console_command_find(const ConsoleWords *words);	/* NULL: no such command */
extern int	console_command_count(void);	/* those that are refused are not among them */
extern const ConsoleCommand *console_command_at(int i);
extern const char *console_argument_text(ConsoleArgument argument); /* for people: "[DATABASE]" */

/* ---- control.c: the process ---- */
extern void control_reload(ConsoleRun *run);
extern void control_set(ConsoleRun *run);
extern void control_shutdown(ConsoleRun *run);
extern void control_shutdown_servers(ConsoleRun *run);
extern void control_shutdown_clients(ConsoleRun *run);

/* ---- control_pools.c: databases, their servers and clients ---- */
extern bool control_find_database(ConsoleRun *run);
extern void control_pause(ConsoleRun *run, int worker, SessionContext *context);
extern void control_pause_begun(ConsoleRun *run);
extern void control_resume(ConsoleRun *run, int worker, SessionContext *context);
extern void control_resumed(ConsoleRun *run);
extern void control_reconnect(ConsoleRun *run, int worker, SessionContext *context);
extern void control_wait_close(ConsoleRun *run, int worker, SessionContext *context);
extern void control_wait_closed(ConsoleRun *run);
extern void control_kill(ConsoleRun *run, int worker, SessionContext *context);
extern void control_kill_client(ConsoleRun *run, int worker, SessionContext *context);
extern void control_client_killed(ConsoleRun *run);
extern void control_disable(ConsoleRun *run, int worker, SessionContext *context);
extern void control_disabled(ConsoleRun *run);
extern void control_enable(ConsoleRun *run, int worker, SessionContext *context);
extern void control_enabled(ConsoleRun *run);

/* ---- explain_route.c ---- */
extern const ResultShape explain_route_shape;
extern void explain_route(ConsoleRun *run, int worker, SessionContext *context);
extern void explain_routed(ConsoleRun *run);

/* ---- show_nodes.c ---- */
extern const ResultShape show_nodes_shape;
extern void show_nodes(ConsoleRun *run);

/* Columns of others: a node's name and role.  NULL and "unknown": it is -1, or a reload has taken it away. */
extern void show_node_name(Result *result, const SessionContext *context, int node);
extern void show_node_role(Result *result, const SessionContext *context, int node);

/* ---- show_pools.c ---- */
extern const ResultShape show_pools_shape;
extern const ResultShape show_routes_shape;
extern const ResultShape show_servers_shape;
extern void show_pools(ConsoleRun *run, int worker, SessionContext *context);
extern void show_routes(ConsoleRun *run, int worker, SessionContext *context);
extern void show_servers(ConsoleRun *run, int worker, SessionContext *context);

/* ---- show_stats.c ---- */
extern const ResultShape show_stats_shape;
extern const ResultShape show_stats_totals_shape;
extern const ResultShape show_stats_averages_shape;
extern const ResultShape show_totals_shape;
extern void show_stats(ConsoleRun *run, int worker, SessionContext *context);
extern void show_stats_totals(ConsoleRun *run, int worker, SessionContext *context);
extern void show_stats_averages(ConsoleRun *run, int worker, SessionContext *context);
extern bool show_totals_begin(ConsoleRun *run);
extern void show_totals(ConsoleRun *run, int worker, SessionContext *context);

/* ---- show_sessions.c ---- */
extern const ResultShape show_clients_shape;
extern const ResultShape show_sockets_shape;
extern void show_clients(ConsoleRun *run, int worker, SessionContext *context);
extern void show_sockets(ConsoleRun *run, int worker, SessionContext *context);
extern void show_active_sockets(ConsoleRun *run, int worker, SessionContext *context);

/* ---- show_databases.c ---- */
extern const ResultShape show_databases_shape;
extern const ResultShape show_users_shape;
extern bool show_databases_begin(ConsoleRun *run);
extern void show_databases(ConsoleRun *run, int worker, SessionContext *context);
extern bool show_users_begin(ConsoleRun *run);
extern void show_users(ConsoleRun *run, int worker, SessionContext *context);

/* ---- show_process.c ---- */
extern const ResultShape show_config_shape;
extern const ResultShape show_version_shape;
extern const ResultShape show_help_shape;
extern const ResultShape show_lists_shape;
extern const ResultShape show_state_shape;
extern const ResultShape show_mem_shape;
extern const ResultShape show_auth_query_shape;
extern void show_config(ConsoleRun *run);
extern void show_version(ConsoleRun *run);
extern void show_help(ConsoleRun *run);
extern bool show_lists_begin(ConsoleRun *run);
extern void show_lists(ConsoleRun *run, int worker, SessionContext *context);
extern void show_state(ConsoleRun *run, int worker, SessionContext *context);
extern bool show_mem_begin(ConsoleRun *run);
extern void show_mem(ConsoleRun *run, int worker, SessionContext *context);
extern void show_auth_query(ConsoleRun *run, int worker, SessionContext *context);

#endif							/* ROUTER_ADMIN_CONSOLE_INTERNAL_H */
