/*-------------------------------------------------------------------------
 *
 * view_slot.c
 *	  One place for the newest view of the nodes, between two threads.
 *
 * Whoever exchanges the pointer for his own or for NULL owns what he got: no
 * view is looked at by a thread without a reference.  All orders are
 * sequentially consistent, as the rule of view_slot_await() needs it.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/view_slot.h"

#include <stddef.h>

bool
view_slot_put(ViewSlot *slot, TopologyView *view)
{
	topology_view_unref(atomic_exchange(&slot->view, view));
	return atomic_load(&slot->is_awaited);
}

TopologyView *
view_slot_take(ViewSlot *slot)
{
	/* mostly there is nothing, and it is asked for every unit */
	if (atomic_load_explicit(&slot->view, memory_order_relaxed) == NULL)
		return NULL;
	return atomic_exchange(&slot->view, NULL);
}

void
view_slot_refresh(ViewSlot *slot, TopologyView **view)
{
	TopologyView *newest = view_slot_take(slot);
	TopologyView *nothing = NULL;

	if (newest == NULL)
		return;
	if (newest->state == (*view)->state)
	{
		topology_view_unref(*view);
		*view = newest;
	}
	else if (!atomic_compare_exchange_strong(&slot->view, &nothing, newest))
		topology_view_unref(newest);	/* there is a newer one already */
}

bool
view_slot_await(ViewSlot *slot)
{
	return !atomic_exchange(&slot->is_awaited, true) && atomic_load(&slot->view) != NULL;
}

void
view_slot_await_no_more(ViewSlot *slot)
{
	atomic_store(&slot->is_awaited, false);
}

void
view_slot_fini(ViewSlot *slot)
{
	topology_view_unref(view_slot_take(slot));
}
