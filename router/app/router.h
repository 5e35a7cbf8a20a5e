/*-------------------------------------------------------------------------
 *
 * router.h
 *	  The process: workers, monitor, HTTP, signals; start, reload, drain, hand-over.
 *
 * Runs on the main thread's loop.  Everything that is asked of all workers
 * goes through router_gather(): one worker after the other, each in its own
 * thread, so that nothing needs a lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_ROUTER_H
#define ROUTER_APP_ROUTER_H

#include <sys/types.h>

#include "app/config.h"
#include "base/error.h"
#include "net/loop.h"
#include "session/context.h"

typedef struct Router Router;

typedef struct RouterStart
{
	Config	   *config;			/* the reference becomes the router's */
	const char *program;		/* as it was called; starts its successor */
	bool		takes_over;		/* from the process that listens now */
	pid_t		predecessor;	/* which, if there are several; 0: the one there is */
} RouterStart;

extern Router *router_create(const RouterStart *start, Error *error);
extern bool router_start(Router *router, Error *error);	/* listens, starts threads */
extern int	router_run(Router *router); /* until a signal ends it; the exit code */
extern void router_destroy(Router *router);

/*
 * Call visit(visit_arg, worker, context) in each worker's thread, one after
 * the other, then done(visit_arg) in home's thread.  Any thread may ask.
 */
typedef void (*RouterVisit) (void *visit_arg, int worker, SessionContext *context);
extern void router_gather(Router *router, Loop *home, RouterVisit visit, LoopCallback done, void *visit_arg);

/* Can all files that the configuration names be read, and are they right?  --check-config. */
extern bool router_check_files(Config *config, Error *error) __attribute__((warn_unused_result));

#endif							/* ROUTER_APP_ROUTER_H */
