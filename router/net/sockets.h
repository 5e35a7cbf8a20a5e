/*-------------------------------------------------------------------------
 *
 * sockets.h
 *	  The sockets a process listens on: opened, or there already.
 *
 * Opened once, by the main thread, for all workers: for a TCP address one
 * socket per worker (SO_REUSEPORT: the kernel spreads connections over them),
 * for a unix socket one that all of them accept on.  Sockets that are there
 * already, from the service manager or from the process before
 * (sockets_hand()), are taken where the configuration asks for their address.
 * Nothing is taken from a socket before sockets_listen(): what is opened and
 * not used disturbs nobody.
 *
 * The set owns the descriptors; a Listener borrows them.  Closing them leaves
 * alone those that another process has of the same sockets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_SOCKETS_H
#define ROUTER_NET_SOCKETS_H

#include <stdbool.h>

#include "base/error.h"

typedef struct Sockets Sockets;

typedef enum SocketUse
{
	SOCKET_CLIENTS,
	SOCKET_HTTP
} SocketUse;

typedef enum SocketKind
{
	SOCKET_OWN,					/* TCP, of one worker */
	SOCKET_SHARED,				/* of all workers */
	SOCKET_MANAGED				/* the same, and the service manager's: whatever its address, it is wanted */
} SocketKind;

typedef struct ListenSocket
{
	int			fd;
	SocketUse	use;
	SocketKind	kind;
	int			share;			/* SOCKET_OWN: its number among those of its address */
	bool		is_wanted;
} ListenSocket;

typedef struct SocketWish
{
	const char *address;		/* "127.0.0.1", "::1", a name (all its addresses), "*" (IPv4 and IPv6) */
	int			port;			/* 0: any free one */
	SocketUse	use;
	int			count;			/* that many sockets per address */
	bool		beside_others;	/* other processes may listen there too, if they agree (SO_REUSEPORT) */
} SocketWish;

extern Sockets *sockets_create(void);
extern void sockets_destroy(Sockets *sockets);	/* closes them; NULL is fine */

/* A socket that is there already; fd becomes the set's. */
extern void sockets_hand(Sockets *sockets, int fd, SocketUse use, SocketKind kind);
extern bool sockets_are_managed(const Sockets *sockets, SocketUse use);

extern bool sockets_open_tcp(Sockets *sockets, const SocketWish *wish, Error *error)
			__attribute__((warn_unused_result));

/* dir/.s.PGSQL.port, at most one a set; a stale one is replaced, a live one refused. */
extern bool sockets_open_unix(Sockets *sockets, const char *dir, int port, Error *error)
			__attribute__((warn_unused_result));

/* Close what was handed and nobody asked for, and listen on the rest. */
extern bool sockets_listen(Sockets *sockets, Error *error) __attribute__((warn_unused_result));

extern int	sockets_count(const Sockets *sockets);
extern const ListenSocket *sockets_get(const Sockets *sockets, int i);
extern int	socket_port(int fd);	/* 0: not TCP */

/*
 * No waiting for more to send, and peers that have vanished are found out.  A
 * listening socket hands this on to what is accepted from it: sockets_listen()
 * does it once for all.  Sockets that are not TCP stay as they are.
 */
extern void socket_tune(int fd);

/* Remove the unix socket's file, if it is still that of this set. */
extern void sockets_remove_unix(Sockets *sockets);
extern void sockets_leave_unix(Sockets *sockets);	/* from here on it is another process's */

#endif							/* ROUTER_NET_SOCKETS_H */
