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

/* address: "127.0.0.1", "::1", a name (all its addresses), "*" (everything,
 * IPv4 and IPv6); the list form "a, b" is the caller's.  NULL: it failed. */
extern Listener *listener_create_tcp(Loop *loop, const char *address, int port,
									 ListenerCallback fn, void *arg, Error *error);

/* With SO_REUSEPORT a second router on the same port would not fail but take
 * half of the connections.  So ask this once, before the workers listen. */
extern bool listener_check_tcp(const char *address, int port, Error *error)
			__attribute__((warn_unused_result));

/* Open dir/.s.PGSQL.port (a stale socket is replaced, a live one refused); returns a descriptor or -1. */
extern int	listener_open_unix(const char *dir, int port, Error *error);
extern void listener_remove_unix(const char *dir, int port);	/* at shutdown */

/* shared_fd stays the caller's, to be closed when all listeners on it are gone. */
extern Listener *listener_create_unix(Loop *loop, int shared_fd, ListenerCallback fn, void *arg);
extern void listener_destroy(Listener *listener);	/* stops accepting; NULL is fine */
extern int	listener_port(const Listener *listener);	/* the real one, also when 0 was asked for; 0 for unix */

#endif							/* ROUTER_NET_LISTENER_H */
