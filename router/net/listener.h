/*-------------------------------------------------------------------------
 *
 * listener.h
 *	  Accepts connections on a TCP address or a unix socket.
 *
 * Each worker has its own TCP listeners on the same port (SO_REUSEPORT); a
 * unix socket is opened once and its descriptor shared.  When descriptors
 * run out accepting pauses for a moment instead of spinning.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_LISTENER_H
#define ROUTER_NET_LISTENER_H

#include "base/error.h"
#include "net/address.h"
#include "net/loop.h"

typedef struct Listener Listener;
typedef void (*ListenerCallback) (void *arg, int fd, const PeerAddress *peer);	/* fd becomes the callback's */

/* address: "127.0.0.1", "::1", "*" ... ; the list form "a, b" is the caller's. */
extern Listener *listener_create_tcp(Loop *loop, const char *address, int port,
									 ListenerCallback fn, void *arg, Error *error);

/* Open dir/.s.PGSQL.port (a stale socket is replaced, a live one refused); returns a descriptor or -1. */
extern int	listener_open_unix(const char *dir, int port, Error *error);
extern Listener *listener_create_unix(Loop *loop, int shared_fd, ListenerCallback fn, void *arg);
extern void listener_destroy(Listener *listener);	/* stops accepting */

#endif							/* ROUTER_NET_LISTENER_H */
