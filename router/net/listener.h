/*-------------------------------------------------------------------------
 *
 * listener.h
 *	  Accepts connections on the sockets of one worker.
 *
 * Each worker has its own part of the process's sockets (net/sockets.h) and
 * those that all workers share.  When descriptors run out accepting pauses for
 * a moment instead of spinning; the clients wait in the backlog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_LISTENER_H
#define ROUTER_NET_LISTENER_H

#include "net/address.h"
#include "net/loop.h"
#include "net/sockets.h"

typedef struct Listener Listener;
typedef void (*ListenerCallback) (void *arg, int fd, const PeerAddress *peer);	/* fd becomes the callback's */

typedef struct ListenerConfig
{
	const Sockets *sockets;		/* its descriptors live as long as the listener */
	int			worker;			/* 0 ... nworkers - 1 */
	int			nworkers;
} ListenerConfig;

/* In the loop's thread, or while it does not run; like all below. */
extern Listener *listener_create(Loop *loop, const ListenerConfig *config, ListenerCallback fn, void *arg);
extern void listener_destroy(Listener *listener);	/* stops accepting; NULL is fine */

/* Take what waits in the sockets that are not shared: they are to be closed. */
extern void listener_take_rest(Listener *listener);

#endif							/* ROUTER_NET_LISTENER_H */
