/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  Sees to it that each database with the extension has its feed worker.
 *
 * Registered while the library is preloaded; runs on a primary only.  Which
 * databases have the extension only a process inside them can tell: a worker is
 * started everywhere and ends at once where it has nothing to do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_LAUNCHER_H
#define ANDON_WORKERS_LAUNCHER_H

#include "postgres.h"

/* From _PG_init(), while shared_preload_libraries are processed. */
extern void launcher_register(void);

/* The background workers' entry points. */
extern PGDLLEXPORT void andon_launcher_main(Datum arg);
extern PGDLLEXPORT void andon_feed_worker_main(Datum arg);

#endif							/* ANDON_WORKERS_LAUNCHER_H */
