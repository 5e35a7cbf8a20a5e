/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  One worker thread: a loop with its clients, servers and caches.
 *
 * Workers share nothing but what is immutable (views, users, facts: counted
 * references) or made for it (PoolTotals, the client count).  To look into a
 * worker, visit it: worker_post() runs a function in its thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_WORKER_H
#define ROUTER_APP_WORKER_H

#include "admin/console.h"
#include "app/config.h"
#include "backend/pool.h"
#include "base/error.h"
#include "net/listener.h"
#include "session/context.h"

typedef struct Worker Worker;

/* All a worker is made from; the callbacks may be called from its thread. */
typedef struct WorkerConfig
{
	int			index;
	int			generation;		/* of the process, part of cancel keys */
	Config	   *config;			/* a reference is taken */
	SessionHooks hooks;			/* of the process */
	void		(*on_starved) (void *arg, int worker, const PoolNeed *need);
	Console    *(*create_console) (void *arg, Worker *worker);	/* becomes the worker's */
	void	   *arg;			/* of both callbacks: the process */
	PoolTotals *totals;
	GlobalFloors *floors;
	TopologyView *view;			/* a reference is taken */
	UserTable  *users;			/* a reference is taken; may be NULL, like hba */
	Hba		   *hba;
	const unsigned char *mock_secret;	/* 32 bytes */
} WorkerConfig;

extern Worker *worker_create(const WorkerConfig *config, Error *error);
extern bool worker_start(Worker *worker, Error *error);

/* Stop the loop and wait for the thread; what is posted from then on is dropped. */
extern void worker_stop(Worker *worker);

/* When all workers have been stopped: they post to each other. */
extern void worker_destroy(Worker *worker);

/* Run fn(arg) in the worker's thread. */
extern void worker_post(Worker *worker, LoopCallback fn, void *arg);

/* ---- in the worker's thread ---- */
extern Loop *worker_loop(Worker *worker);
extern int	worker_index(const Worker *worker);
extern SessionContext *worker_context(Worker *worker);
extern void *worker_process(const Worker *worker);	/* WorkerConfig.arg */
extern const Config *worker_config(const Worker *worker);	/* in force; until the next worker_configure() */
extern void worker_configure(Worker *worker, Config *config);	/* takes over the reference */
extern void worker_listen(Worker *worker, const ListenerConfig *config);
extern void worker_stop_listening(Worker *worker, bool take_rest);	/* of what is its own; no-op if it does not */

#endif							/* ROUTER_APP_WORKER_H */
