/*-------------------------------------------------------------------------
 *
 * gather.c
 *	  Looks at all workers: visits one after the other, each in its own thread.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include "base/memory.h"

/* A visit of all workers under way. */
typedef struct Gather
{
	Router	   *router;
	Loop	   *home;
	RouterVisit visit;
	LoopCallback done;
	void	   *visit_arg;
	int			next;			/* worker to visit */
} Gather;

static void gather_step(void *arg);

void
router_gather(Router *router, Loop *home, RouterVisit visit, LoopCallback done, void *visit_arg)
{
	Gather	   *gather = mem_alloc(sizeof(Gather));

	*gather = (Gather) {router, home, visit, done, visit_arg, 0};
	worker_post(router->workers[0], gather_step, gather);
}

static void
gather_step(void *arg)
{
	Gather	   *gather = arg;
	Router	   *router = gather->router;
	int			worker = gather->next++;

	gather->visit(gather->visit_arg, worker, worker_context(router->workers[worker]));
	if (gather->next < router->nworkers)
	{
		worker_post(router->workers[gather->next], gather_step, gather);
		return;
	}
	loop_post(gather->home, gather->done, gather->visit_arg);
	mem_free(gather);
}
