/*-------------------------------------------------------------------------
 *
 * name_watch.h
 *	  Looks a host name up again and again: has an address been taken from it?
 *
 * Used by the probe, which leaves a connection whose address the name does
 * not have any more.  Addresses in numbers and unix sockets have no names:
 * nothing is looked up for them.  A name that cannot be looked up at the moment
 * is taken for unchanged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_NAME_WATCH_H
#define ROUTER_TOPOLOGY_NAME_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

typedef struct NameWatch NameWatch;

typedef struct NameWatchEvents
{
	const char *(*address) (void *owner);	/* in use now, as text; "": none, nothing is compared */
	void		(*on_moved) (void *owner);	/* the name does not have it */
} NameWatchEvents;

/* host is borrowed for its life.  NULL: there is nothing to watch. */
extern NameWatch *name_watch_create(Loop *loop, const char *host, int port, uint64_t interval_us,
									const NameWatchEvents *events, void *owner);
extern void name_watch_destroy(NameWatch *watch);	/* NULL is fine */

#endif							/* ROUTER_TOPOLOGY_NAME_WATCH_H */
