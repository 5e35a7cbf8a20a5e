/*-------------------------------------------------------------------------
 *
 * subscribers.h
 *	  Who is told of each new view and of each new set of facts.
 *
 * The monitor posts from its thread into the loop of each; what is under way
 * does not need the monitor any more.  Subscribed before the monitor runs,
 * fixed from then on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_SUBSCRIBERS_H
#define ROUTER_TOPOLOGY_SUBSCRIBERS_H

#include "net/loop.h"
#include "policy/topology_view.h"
#include "sql/facts.h"

typedef struct MonitorSubscriber
{
	Loop	   *loop;			/* where the callbacks run */
	void		(*on_view) (void *arg, TopologyView *view);	/* the reference becomes the callee's */

	void		(*on_facts) (void *arg, Facts *facts);	/* likewise; may be NULL */
	void	   *arg;
} MonitorSubscriber;

/* Zeroed: nobody. */
typedef struct Subscribers
{
	MonitorSubscriber *all;		/* owned */
	int			count;
} Subscribers;

extern void subscribers_add(Subscribers *subscribers, const MonitorSubscriber *subscriber);
extern void subscribers_fini(Subscribers *subscribers);
extern void subscribers_post_view(const Subscribers *subscribers, TopologyView *view);	/* takes the reference */

extern void subscribers_post_facts(const Subscribers *subscribers, Facts *facts);	/* borrows them */

#endif							/* ROUTER_TOPOLOGY_SUBSCRIBERS_H */
