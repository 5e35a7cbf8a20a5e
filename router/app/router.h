/*-------------------------------------------------------------------------
 *
 * router.h
 *	  The process: workers, monitor, HTTP, signals; start, reload, drain.
 *
 * Runs on the main thread's loop.  Everything that is asked of all workers
 * goes through router_gather(): one worker after the other, each in its own
 * thread, so that nothing needs a lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_ROUTER_H
#define ROUTER_APP_ROUTER_H

#include "app/config.h"
#include "base/error.h"
#include "net/loop.h"
#include "session/context.h"

typedef struct Router Router;

/* Takes over the reference to config. */
extern Router *router_create(Config *config, Error *error);
extern bool router_start(Router *router, Error *error);	/* listens, starts threads */
extern void router_run(Router *router);	/* until a signal ends it */
extern void router_destroy(Router *router);

/*
 * Call visit(visit_arg, worker, context) in each worker's thread, one after
 * the other, then done(visit_arg) in home's thread.  Any thread may ask.
 */
typedef void (*RouterVisit) (void *visit_arg, int worker, SessionContext *context);
extern void router_gather(Router *router, Loop *home, RouterVisit visit, LoopCallback done, void *visit_arg);

#endif							/* ROUTER_APP_ROUTER_H */
