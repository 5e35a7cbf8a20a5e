/*-------------------------------------------------------------------------
 *
 * resolve.h
 *	  Looks host names and users of the system up without stopping the loop.
 *
 * getaddrinfo() and getpwuid_r() run in one helper thread per loop, started
 * when the first name has to be looked up; addresses in numbers never get
 * there.  Used by net/connect; for users by session/client_login (peer).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_RESOLVE_H
#define ROUTER_NET_RESOLVE_H

#include <netdb.h>

#include "net/loop.h"

typedef struct Resolution Resolution;

/* found: the callee's, to be given to freeaddrinfo(); NULL: gai_error says why. */
typedef void (*ResolveCallback) (void *arg, struct addrinfo *found, int gai_error);

/* "127.0.0.1", "::1" or "[::1]" as an address, at once; NULL: it is a name. */
extern struct addrinfo *resolve_numeric(const char *host, int port);

/* Look a name up; fn is called in a later turn, unless cancelled.  NULL: the
 * thread could not be started. */
extern Resolution *resolve_start(Loop *loop, const char *host, int port,
								 ResolveCallback fn, void *arg);

/* name: NULL: there is no such user, or it could not be found out; borrowed for the call. */
typedef void (*ResolveUserCallback) (void *arg, const char *name);

/* The name of a user of the system; as resolve_start(). */
extern Resolution *resolve_user_start(Loop *loop, uint32_t uid, ResolveUserCallback fn, void *arg);

/* fn is not called any more; not after it was. */
extern void resolve_cancel(Resolution *resolution);

#endif							/* ROUTER_NET_RESOLVE_H */
