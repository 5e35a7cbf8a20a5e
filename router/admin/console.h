/*-------------------------------------------------------------------------
 *
 * console.h
 *	  The admin console: what psql on the database "andon" talks to.
 *
 * One Console per worker, in that worker's thread.  Sessions reach it through
 * console_hook() (session/console_hook.h); what it shows and does beyond its
 * own worker it reaches through a ConsoleSource, which app/ implements: this
 * folder knows neither workers nor configuration.
 *
 * A command is looked up in one table (console_internal.h), which is also
 * what SHOW HELP prints and what says who may use it.  admin_users may use
 * all of it, stats_users what only shows; nobody else may connect.
 *
 * Errors: 42501 not allowed, 42601 no such command, 0A000 several at once or one
 * of PgBouncer's that makes no sense here, 3D000 no such database, 42704 no such
 * client, 55000 paused already, or not.
 *
 * PAUSE holds on when the session that sent it ends, unless it ends, or cancels
 * the command, before PAUSE has answered: then nobody knows of it, and all goes
 * on as before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_ADMIN_CONSOLE_H
#define ROUTER_ADMIN_CONSOLE_H

#include "base/error.h"
#include "net/loop.h"
#include "policy/topology_view.h"
#include "session/console_hook.h"
#include "session/context.h"

typedef struct Console Console;

/* One line of SHOW CONFIG. */
typedef struct ConsoleSetting
{
	const char *name;
	const char *value;			/* as it would stand in the file; secrets masked by the source */
	const char *default_value;	/* NULL: none */
	bool		is_reloadable;	/* a reload applies it; else it takes a restart */
} ConsoleSetting;

/* One line of [databases]. */
typedef struct ConsoleDatabase
{
	const char *name;
	const char *server_name;	/* "": the same */
	const char *force_user;		/* "": each client its own */
	int			pool_size;
	int			min_pool_size;
	int			reserve_pool_size;
	int			max_connections;	/* 0: no limit */
	int			max_client_connections; /* likewise */
	const char *pool_mode;
	bool		is_paused;
	bool		is_disabled;
} ConsoleDatabase;

/* A user of auth_file or [users]. */
typedef struct ConsoleUser
{
	const char *name;
	int			pool_size;		/* -1: not said of it, like the next; the database's or the option holds */
	int			reserve_pool_size;
	const char *pool_mode;		/* NULL: not said of it */
	int			max_connections;	/* 0: no limit */
	int			max_client_connections; /* likewise */
} ConsoleUser;

typedef enum ConsoleShutdown
{
	CONSOLE_SHUTDOWN_NOW,
	CONSOLE_SHUTDOWN_SERVERS,	/* when the transactions under way have ended */
	CONSOLE_SHUTDOWN_CLIENTS	/* when the last client has left */
} ConsoleShutdown;

/* All callbacks are called in the console's thread, and return without waiting. */
typedef struct ConsoleSource
{
	/*
	 * Run visit in each worker's thread, one worker after the other, then done
	 * in the thread of home.  When the process ends before that, done is not
	 * called.
	 */
	void		(*gather) (void *arg, Loop *home,
						   void (*visit) (void *visit_arg, int worker, SessionContext *context),
						   void (*done) (void *visit_arg), void *visit_arg);
	TopologyView *(*view) (void *arg);	/* the newest; a reference */

	/* The configuration in force, in the file's order: fn for each, before it returns. */
	void		(*each_setting) (void *arg, void (*fn) (void *fn_arg, const ConsoleSetting *setting), void *fn_arg);

	/* The servers' name of a database clients may name (may be name itself), or NULL. */
	const char *(*find_database) (void *arg, const char *name);
	void		(*each_database) (void *arg, void (*fn) (void *fn_arg, const ConsoleDatabase *database), void *fn_arg);
	void		(*each_user) (void *arg, void (*fn) (void *fn_arg, const ConsoleUser *user), void *fn_arg);

	/* Change an option until the next reload; done as for reload. */
	void		(*set) (void *arg, Loop *home, const char *name, const char *value,
						void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg);

	/* Read the configuration again, then done in the thread of home; not ok: error says why, nothing changed. */
	void		(*reload) (void *arg, Loop *home,
						   void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg);

	/* End the process.  The reply is on its way. */
	void		(*shutdown) (void *arg, ConsoleShutdown when);
	const char *version;		/* of the router; lives as long as the console */
	void	   *arg;
} ConsoleSource;

/* home: the loop of the console's worker. */
extern Console *console_create(const ConsoleSource *source, Loop *home);

/* When no thread runs that a gather could still visit: commands under way are dropped. */
extern void console_destroy(Console *console);	/* NULL is fine */

/* Comma-separated names, copied; NULL or empty: nobody.  Again after a reload. */
extern void console_set_users(Console *console, const char *admin_users, const char *stats_users);

/* docs/reference/console.md: the commands, who may use them, and what columns they show. */
extern void console_write_reference(Buf *out);
extern ConsoleHook console_hook(Console *console);

#endif							/* ROUTER_ADMIN_CONSOLE_H */
