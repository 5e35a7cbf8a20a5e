/*-------------------------------------------------------------------------
 *
 * peer.h
 *	  Talk among the router processes of one user on one host: packets, and
 *	  descriptors with them.
 *
 * Each process has a door with a number; who wants something of it knocks and
 * has a link.  Doors are unix sockets with abstract names, "andon-router/UID/
 * NUMBER": they need no folder, end with their process however it ends, and
 * reach as far as TCP ports do (a network namespace).  Such a name has no
 * permissions, so both ends look at the other's user: it must be their own.
 * That a number can be had once only is also what makes it a claim.
 *
 * A link is told of what comes in its loop's thread; who has no loop running
 * yet waits with peer_link_receive().  Used by app/door.c, app/handover.c and
 * app/cancel_route.c, where the packets are described.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_PEER_H
#define ROUTER_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"
#include "net/loop.h"

#define PEER_PACKET_MAX 8192
#define PEER_FDS_MAX 64

typedef struct PeerDoor PeerDoor;
typedef struct PeerLink PeerLink;

/* Descriptors that are not taken (set to -1) are closed by whoever gave the packet. */
typedef struct PeerPacket
{
	char		data[PEER_PACKET_MAX + 1];	/* ends with a zero byte */
	size_t		len;
	int			fds[PEER_FDS_MAX];
	int			nfds;
} PeerPacket;

typedef struct PeerEvents
{
	void		(*on_packet) (void *owner, PeerPacket *packet);
	void		(*on_closed) (void *owner); /* once; destroy the link */
} PeerEvents;

/* link: the callee's, which gives it an owner or destroys it. */
typedef void (*PeerKnock) (void *arg, PeerLink *link);

/* NULL: the number is taken (errno EADDRINUSE), or the system refuses. */
extern PeerDoor *peer_door_open(Loop *loop, int number, PeerKnock on_knock, void *arg);
extern void peer_door_close(PeerDoor *door);	/* NULL is fine */

/* NULL: nobody is there, or not one of ours.  Silent until it has an owner. */
extern PeerLink *peer_knock(Loop *loop, int number);
extern void peer_link_set_owner(PeerLink *link, const PeerEvents *events, void *owner);
extern void peer_link_destroy(PeerLink *link);	/* closes it; in any callback; NULL is fine */
extern pid_t peer_link_pid(const PeerLink *link);	/* the process at the other end */

/* The descriptors stay the caller's.  False: the other end is gone or does not read. */
extern bool peer_link_send(PeerLink *link, Slice packet, const int *fds, int nfds)
			__attribute__((warn_unused_result));

/* Of a link without owner: wait for the next packet.  False: closed, or nothing came in time. */
extern bool peer_link_receive(PeerLink *link, uint64_t timeout_us, PeerPacket *packet)
			__attribute__((warn_unused_result));
extern void peer_packet_close_fds(PeerPacket *packet);	/* those not taken */

#endif							/* ROUTER_NET_PEER_H */
