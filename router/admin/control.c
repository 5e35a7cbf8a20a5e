/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Commands about the process: RELOAD, SET, SHUTDOWN.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

static void on_configured(void *arg, bool ok, const Error *error);
static void shutdown_router(ConsoleRun *run, ConsoleShutdown when);

void
control_reload(ConsoleRun *run)
{
	const Console *console = run->console;
	const ConsoleSource *source = console_source(console);

	source->reload(source->arg, console_home(console), on_configured, run);
}

void
control_set(ConsoleRun *run)
{
	const Console *console = run->console;
	const ConsoleSource *source = console_source(console);

	source->set(source->arg, console_home(console), run->name, run->value, on_configured, run);
}

void
control_shutdown(ConsoleRun *run)
{
	shutdown_router(run, CONSOLE_SHUTDOWN_NOW);
}

void
control_shutdown_servers(ConsoleRun *run)
{
	shutdown_router(run, CONSOLE_SHUTDOWN_SERVERS);
}

void
control_shutdown_clients(ConsoleRun *run)
{
	shutdown_router(run, CONSOLE_SHUTDOWN_CLIENTS);
}

static void
on_configured(void *arg, bool ok, const Error *error)
{
	ConsoleRun *run = arg;

	if (ok)
		console_run_done(run);
	else
		console_run_fail(run, error);
}

/* First the reply, then the end: who asked for it is told. */
static void
shutdown_router(ConsoleRun *run, ConsoleShutdown when)
{
	const ConsoleSource *source = console_source(run->console);

	console_run_done(run);
	source->shutdown(source->arg, when);
}
