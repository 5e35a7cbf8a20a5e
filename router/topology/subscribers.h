/*-------------------------------------------------------------------------
 *
 * subscribers.h
 *	  Who is told of each new view and of each new set of facts.
 *
 * A view goes into the subscriber's slot, and who needs it is woken (the rule is
 * told in view_slot.h); facts are posted into its loop.  What is under way does
 * not need the monitor any more.  Subscribed before the monitor runs, fixed from
 * then on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_SUBSCRIBERS_H
#define ROUTER_TOPOLOGY_SUBSCRIBERS_H

#include "net/loop.h"
#include "policy/view_slot.h"
#include "sql/facts.h"

typedef struct MonitorSubscriber
{
	Loop	   *loop;			/* where the callbacks run */
	ViewSlot   *views;			/* borrowed until the monitor has been stopped */
	LoopCallback on_view;		/* to look into the slot, from which it may have been taken */

	void		(*on_facts) (void *arg, Facts *facts);	/* the reference becomes the callee's; may be NULL */
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

/* Takes the reference; wakes_all: also those who do not await it. */
extern void subscribers_post_view(const Subscribers *subscribers, TopologyView *view, bool wakes_all);

extern void subscribers_post_facts(const Subscribers *subscribers, Facts *facts);	/* borrows them */

#endif							/* ROUTER_TOPOLOGY_SUBSCRIBERS_H */
