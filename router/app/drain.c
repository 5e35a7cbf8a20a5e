/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  How the process ends: what it still takes, and when it is over.
 *
 *	  phase		 new connections	 clients						ends with
 *	  ---------	 ------------------	 -----------------------------	-------------------------
 *	  PREPARING	 not ours yet		 none							a node answers: SERVING
 *	  SERVING	 taken				 all								a signal, SHUTDOWN, a successor
 *	  GRACE		 the successor's,	 go on, also with new			the last has left: the end;
 *				 or refused			 transactions					its time is over: DRAINING
 *	  DRAINING	 the same			 outside a transaction: 57P01	the last has left, or
 *									 now; others when it ends		drain_timeout: the end
 *
 *	  SIGTERM	 PREPARING: the end.  SERVING: GRACE for drain_grace, else DRAINING.
 *				 GRACE: DRAINING.  DRAINING: the end at once
 *	  SIGINT	 SERVING: DRAINING, without grace.  Else as SIGTERM
 *	  SIGQUIT	 the end at once: all are told 57P01, open transactions roll back
 *	  SIGUSR1	 nothing: PgBouncer's PAUSE is told where it went
 *	  successor	 SERVING: GRACE for takeover_grace (handover.c)
 *
 * Before sockets of ours are closed without a successor, what waits in them is
 * taken: those clients are told why, not reset.  HTTP stays, and says 503 to
 * /ready, so that a balancer in front sees it; with a successor it is the
 * successor's.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/service_manager.h"

#define DRAIN_POLL_US (100 * US_PER_MS)

static void enter_grace(Router *router, uint64_t limit_us);
static void enter_draining(Router *router);
static void watch_clients(Router *router);
static void stop_listening_visit(void *arg, int worker, SessionContext *context);
static void stop_listening_done(void *arg);
static void drain_visit(void *arg);
static void on_drain_poll(void *arg);
static void check_drained_visit(void *arg, int worker, SessionContext *context);
static void check_drained_done(void *arg);
static bool phase_is_over(const Router *router, uint64_t limit_us);

void
router_begin_drain(void *arg)
{
	Router	   *router = arg;

	switch (router->phase)
	{
		case PHASE_SERVING:
			if (router->config->drain_grace_us > 0)
				enter_grace(router, router->config->drain_grace_us);
			else
				enter_draining(router);
			break;
		case PHASE_GRACE:
			enter_draining(router);
			break;
		case PHASE_PREPARING:
			LOG_WARN("shutdown_now", LF_STR("reason", "it serves nobody yet"));
			router_end(router);
			break;
		case PHASE_DRAINING:
			LOG_WARN("shutdown_now", LF_STR("reason", "second signal"));
			router_end(router);
			break;
	}
}

void
router_begin_drain_now(void *arg)
{
	Router	   *router = arg;

	if (router->phase == PHASE_SERVING)
		enter_draining(router);
	else
		router_begin_drain(router);
}

void
router_drain_clients(void *arg)
{
	Router	   *router = arg;

	if (router->phase == PHASE_SERVING)
		enter_grace(router, UINT64_MAX);
}

void
router_drain_servers(void *arg)
{
	Router	   *router = arg;

	if (router->phase == PHASE_SERVING || router->phase == PHASE_GRACE)
		enter_draining(router);
}

void
router_yield(Router *router)
{
	enter_grace(router, router->config->takeover_grace_us);
}

void
router_end(void *router)
{
	loop_stop(((Router *) router)->loop);
}

static void
enter_grace(Router *router, uint64_t limit_us)
{
	router->grace_us = limit_us;
	router->phase = PHASE_GRACE;
	LOG_INFO("grace_begins", LF_INT("clients", __atomic_load_n(&router->clients, __ATOMIC_RELAXED)));
	watch_clients(router);
}

static void
enter_draining(Router *router)
{
	bool		is_first = router->phase == PHASE_SERVING;

	router->phase = PHASE_DRAINING;
	LOG_INFO("shutdown_begins", LF_INT("clients", __atomic_load_n(&router->clients, __ATOMIC_RELAXED)));
	if (is_first)
		watch_clients(router);
	else
		router->phase_began_us = clock_now_us();
	for (int i = 0; i < router->nworkers; i++)
		worker_post(router->workers[i], drain_visit, router->workers[i]);
}

/* The first step away from SERVING. */
static void
watch_clients(Router *router)
{
	router->phase_began_us = clock_now_us();
	if (!router->has_successor)
	{
		handover_give_up(router);
		service_manager_tell_stopping();
	}
	else if (router->http)
		http_app_stop_listening(router->http);
	router_gather(router, router->loop, stop_listening_visit, stop_listening_done, router);
	router->drain_timer = loop_timer_create(router->loop, on_drain_poll, router);
	loop_timer_start(router->drain_timer, DRAIN_POLL_US);
}

static void
stop_listening_visit(void *arg, int worker, SessionContext *context)
{
	Router	   *router = arg;

	worker_stop_listening(router->workers[worker], !router->has_successor);
}

/* HTTP has a descriptor of its own. */
static void
stop_listening_done(void *arg)
{
	Router	   *router = arg;

	sockets_remove_unix(router->sockets);
	sockets_destroy(router->sockets);
	router->sockets = NULL;
	if (router->has_successor)
		handover_done(router);
}

static void
drain_visit(void *arg)
{
	session_context_drain(worker_context(arg));
}

/* ---------------------------------------------------------------- is it over? */

static void
on_drain_poll(void *arg)
{
	Router	   *router = arg;

	router->still_busy = false;
	router_gather(router, router->loop, check_drained_visit, check_drained_done, router);
}

static void
check_drained_visit(void *arg, int worker, SessionContext *context)
{
	Router	   *router = arg;

	router->still_busy |= !session_context_is_drained(context);
}

static void
check_drained_done(void *arg)
{
	Router	   *router = arg;

	if (!router->still_busy)
	{
		router_end(router);
		return;
	}
	if (router->phase == PHASE_GRACE && phase_is_over(router, router->grace_us))
		enter_draining(router);
	else if (router->phase == PHASE_DRAINING && router->config->drain_timeout_us != 0 &&
			 phase_is_over(router, router->config->drain_timeout_us))
	{
		LOG_WARN("shutdown_now", LF_STR("reason", "drain_timeout has passed"));
		router_end(router);
		return;
	}
	loop_timer_start(router->drain_timer, DRAIN_POLL_US);
}

static bool
phase_is_over(const Router *router, uint64_t limit_us)
{
	return clock_now_us() - router->phase_began_us > limit_us;
}
