/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  Ends the process gently: no new sessions, and the end when the last one
 *	  has left, at drain_timeout, or at a second signal.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define DRAIN_POLL_US (100 * US_PER_MS)

static void on_drain_poll(void *arg);
static void drain_visit(void *arg);
static void check_drained_visit(void *arg, int worker, SessionContext *context);
static void check_drained_done(void *arg);

void
router_begin_drain(void *arg)
{
	Router	   *router = arg;

	if (router->signals++ > 0)
	{
		LOG_WARN("shutdown_now", LF_STR("reason", "second signal"));
		loop_stop(router->loop);
		return;
	}
	router->drain_timer = loop_timer_create(router->loop, on_drain_poll, router);
	router->drain_began_us = clock_now_us();
	LOG_INFO("shutdown_begins", LF_INT("clients", __atomic_load_n(&router->clients, __ATOMIC_RELAXED)));
	for (int i = 0; i < router->nworkers; i++)
		worker_post(router->workers[i], drain_visit, router->workers[i]);
	loop_timer_start(router->drain_timer, DRAIN_POLL_US);
}

static void
drain_visit(void *arg)
{
	worker_drain(arg);
}

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
	uint64_t	limit_us = router->config->drain_timeout_us;

	if (router->still_busy && limit_us != 0 && clock_now_us() - router->drain_began_us > limit_us)
		LOG_WARN("shutdown_now", LF_STR("reason", "drain_timeout has passed"));
	else if (router->still_busy)
	{
		loop_timer_start(router->drain_timer, DRAIN_POLL_US);
		return;
	}
	loop_stop(router->loop);
}
