/*-------------------------------------------------------------------------
 *
 * connect.h
 *	  Opens a connection to a host, an address or a unix socket.
 *
 * All addresses of a name are tried in turn.  The answer always comes in a
 * later turn of the loop, once.  There is no deadline here: who waits has one
 * and cancels.  Used by net/stream.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_CONNECT_H
#define ROUTER_NET_CONNECT_H

#include "net/loop.h"

typedef struct Connector Connector;

/* fd: connected, non-blocking, the callee's; -1: why says why.  The connector is gone. */
typedef void (*ConnectorCallback) (void *arg, int fd, const char *why);

/* host: a name, an address, or a directory of unix sockets (begins with '/'). */
extern Connector *connector_start(Loop *loop, const char *host, int port,
								  ConnectorCallback fn, void *arg);
extern void connector_cancel(Connector *connector);

#endif							/* ROUTER_NET_CONNECT_H */
