/*-------------------------------------------------------------------------
 *
 * control_pools.c
 *	  Commands about databases, their servers and clients: PAUSE and its kin.
 *
 *	  PAUSE   begin: which database -> each worker pauses its pools
 *			  -> each worker is asked what servers are left, every few
 *				 milliseconds, until there are none -> answer
 *
 * A name is resolved once, in the console's thread, so that workers between
 * which a reload changes its meaning do the same.  Rounds of several commands go
 * from worker to worker in the order they were begun: a RESUME that was sent
 * behind a PAUSE comes behind it everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "base/memory.h"
#include "session/client.h"

static void pause_look(ConsoleRun *run, int worker, SessionContext *context);
static void pause_looked(ConsoleRun *run);
static void pause_undone(ConsoleRun *run);
static void ask_facts(const ConsoleRun *run, const SessionContext *context, FactsAsk ask);
static void fail_state(ConsoleRun *run, const char *what, const char *hint);

bool
control_find_database(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);
	const char *database;
	Error		error = {0};

	if (run->name[0] == '\0')
		return true;
	database = source->find_database(source->arg, run->name);
	if (database != NULL)
	{
		run->database = mem_strdup(database);
		return true;
	}
	error_set(&error, SQLSTATE_UNDEFINED_DATABASE, "database \"%s\" does not exist", run->name);
	error_set_hint(&error, "SHOW DATABASES lists them.");
	console_run_fail(run, &error);
	return false;
}

/* They are loaded, and listened for, on connections past the pools. */
static void
ask_facts(const ConsoleRun *run, const SessionContext *context, FactsAsk ask)
{
	if (context->hooks.ask_facts)
		context->hooks.ask_facts(context->hooks.arg, run->database ? run->database : "", ask);
}

/* ---------------------------------------------------------------- PAUSE */

void
control_pause(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += pool_set_pause(context->pools, run->database);
	ask_facts(run, context, FACTS_PAUSE);
	pool_set_count(context->pools, run->database, &run->tally.pools);
}

void
control_pause_begun(ConsoleRun *run)
{
	if (run->tally.changed == 0)
		fail_state(run, "is paused already", "RESUME ends it.");
	else
		pause_looked(run);
}

static void
pause_look(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += pool_set_is_paused(context->pools, run->database);
	pool_set_count(context->pools, run->database, &run->tally.pools);
}

/* Who sent PAUSE and does not wait for its answer will send no RESUME either. */
static void
pause_looked(ConsoleRun *run)
{
	Error		error = {0};

	if (run->is_cancelled)
		console_run_gather(run, control_resume, pause_undone);
	else if (run->tally.changed == 0)
	{
		error_set(&error, SQLSTATE_QUERY_CANCELED, "PAUSE was ended by RESUME before all servers were released");
		console_run_fail(run, &error);
	}
	else if (run->tally.pools.servers > 0)
		console_run_gather_later(run, pause_look, pause_looked);
	else
		console_run_done(run);
}

static void
pause_undone(ConsoleRun *run)
{
	console_run_done(run);
}

/* ---------------------------------------------------------------- the others */

void
control_resume(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += pool_set_resume(context->pools, run->database);
	ask_facts(run, context, FACTS_RESUME);
}

void
control_resumed(ConsoleRun *run)
{
	if (run->tally.changed > 0)
		console_run_done(run);
	else
		fail_state(run, "is not paused", "SHOW DATABASES tells which are; after PAUSE of all, send RESUME without a name.");
}

void
control_reconnect(ConsoleRun *run, int worker, SessionContext *context)
{
	pool_set_reconnect(context->pools, run->database);
}

void
control_wait_close(ConsoleRun *run, int worker, SessionContext *context)
{
	pool_set_count(context->pools, run->database, &run->tally.pools);
}

void
control_wait_closed(ConsoleRun *run)
{
	if (run->tally.pools.retired > 0 && !run->is_cancelled)
		console_run_gather_later(run, control_wait_close, control_wait_closed);
	else
		console_run_done(run);
}

/* Paused first: what the clients give back is closed. */
void
control_kill(ConsoleRun *run, int worker, SessionContext *context)
{
	pool_set_pause(context->pools, run->database);
	ask_facts(run, context, FACTS_PAUSE);
	session_context_kill(context, run->database);
}

void
control_kill_client(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += client_kill(context, run->client_id);
}

void
control_client_killed(ConsoleRun *run)
{
	Error		error = {0};

	if (run->tally.changed > 0)
	{
		console_run_done(run);
		return;
	}
	error_set(&error, SQLSTATE_UNDEFINED_OBJECT, "there is no client %llu", (unsigned long long) run->client_id);
	error_set_hint(&error, "The column id of SHOW CLIENTS has them.");
	console_run_fail(run, &error);
}

void
control_disable(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += names_add(&context->disabled, run->name);
}

void
control_disabled(ConsoleRun *run)
{
	if (run->tally.changed > 0)
		console_run_done(run);
	else
		fail_state(run, "is disabled already", "ENABLE ends it.");
}

void
control_enable(ConsoleRun *run, int worker, SessionContext *context)
{
	run->tally.changed += names_remove(&context->disabled, run->name);
}

void
control_enabled(ConsoleRun *run)
{
	if (run->tally.changed > 0)
		console_run_done(run);
	else
		fail_state(run, "is not disabled", "SHOW DATABASES tells which are.");
}

static void
fail_state(ConsoleRun *run, const char *what, const char *hint)
{
	Error		error = {0};

	if (run->name[0] != '\0')
		error_set(&error, SQLSTATE_NOT_IN_PREREQUISITE_STATE, "database \"%s\" %s", run->name, what);
	else
		error_set(&error, SQLSTATE_NOT_IN_PREREQUISITE_STATE, "the router %s", what);
	error_set_hint(&error, "%s", hint);
	console_run_fail(run, &error);
}
