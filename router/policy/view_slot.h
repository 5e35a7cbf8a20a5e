/*-------------------------------------------------------------------------
 *
 * view_slot.h
 *	  One place for the newest view of the nodes, between two threads.
 *
 * The monitor puts each view into the slot of every reader: the workers and
 * the main thread.  A view that nobody has taken makes room for the next.  So
 * publishing wakes nobody by itself; who has to be woken is told here.
 *
 *	  who			  when							does
 *	  monitor		  a turn that has heard a node	puts the view into every slot; posts to its reader's
 *													loop if more than positions has changed (state), in the
 *													second after a sign of trouble, or if it is awaited
 *	  worker		  it is posted to; each sweep	takes the view and acts on it: pools, lookups, replication,
 *													those who wait
 *	  worker		  a session, or a lookup of a	is woken for each view from now on, until nobody waits
 *					  secret, waits for a node		(view_slot_await)
 *	  worker		  it plans a unit, shows nodes	takes the view if its state is the one acted on: only who
 *													waits has anything to do then (view_slot_refresh)
 *	  main thread	  it is posted to; metrics		takes the view
 *
 * What a wake that is skipped costs: nobody waits, so nobody is late, and who
 * comes looks first.  A reader that begins to wait says so and then looks
 * again, the monitor puts first and then asks: one of the two sees the other.
 * Of many who wait only the first has to look: what comes later wakes them all.
 *
 * Who decides once more (relay_plan_again, client_welcome_again) does not look
 * into the slot, and is not late by that.  Where the newest view can be then:
 *
 *	  in the slot, the reader awaits	it has posted when it was put, or view_slot_await() has: the next turn
 *										takes it, and all who still wait decide on it
 *	  in the slot, nobody awaits		who decides to wait now is the first: view_slot_await() posts
 *	  with the reader, not acted on		it was refreshed: the one who decides has it.  Pools and lookups have
 *										not, but by its state it is the one they have; its fresher samples
 *										matter to them where a login has just failed, and that is a sign of
 *										trouble: views post for a second
 *
 * So a view that is the reader's and not acted on need not be posted for who
 * begins to wait: it waits for the one after it, which posts as it is awaited.
 *
 * The slot owns the view in it; take makes it the reader's.  Of each slot there
 * is one writer and one reader.  Zeroed: empty, not awaited.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_VIEW_SLOT_H
#define ROUTER_POLICY_VIEW_SLOT_H

#include <stdatomic.h>

#include "policy/topology_view.h"

typedef struct ViewSlot
{
	_Atomic(TopologyView *) view;	/* a reference; NULL: nothing new */
	atomic_bool is_awaited;
} ViewSlot;

/* The writer.  Takes the reference; true: the reader awaits it. */
extern bool view_slot_put(ViewSlot *slot, TopologyView *view);

/* The reader. */
extern TopologyView *view_slot_take(ViewSlot *slot);	/* a reference; NULL: nothing new */

/* Exchange the reader's view for the newest, if no more than positions and times differ; else leave both. */
extern void view_slot_refresh(ViewSlot *slot, TopologyView **view);

/* Wake me from now on; true: there is one already that nobody was woken for. */
extern bool view_slot_await(ViewSlot *slot);
extern void view_slot_await_no_more(ViewSlot *slot);
extern void view_slot_fini(ViewSlot *slot);

#endif							/* ROUTER_POLICY_VIEW_SLOT_H */
