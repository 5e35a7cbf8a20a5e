/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Commands that do something: RELOAD, SHUTDOWN.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

static void on_reloaded(void *arg, bool ok, const Error *error);
static void shutdown_router(ConsoleRun *run, bool gently);

void
control_reload(ConsoleRun *run)
{
	const Console *console = run->console;
	const ConsoleSource *source = console_source(console);

	source->reload(source->arg, console_home(console), on_reloaded, run);
}

void
control_shutdown(ConsoleRun *run)
{
	shutdown_router(run, false);
}

void
control_shutdown_gently(ConsoleRun *run)
{
	shutdown_router(run, true);
}

static void
on_reloaded(void *arg, bool ok, const Error *error)
{
	ConsoleRun *run = arg;

	if (ok)
		console_run_done(run);
	else
		console_run_fail(run, error);
}

/* First the reply, then the end: who asked for it is told. */
static void
shutdown_router(ConsoleRun *run, bool gently)
{
	const ConsoleSource *source = console_source(run->console);

	console_run_done(run);
	source->shutdown(source->arg, gently);
}
