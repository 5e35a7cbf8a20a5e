/*-------------------------------------------------------------------------
 *
 * peer.c
 *	  Talk among the router processes of one user on one host.
 *
 * SOCK_SEQPACKET keeps packets apart and, like a stream, tells when the other
 * end is gone.  Descriptors travel with a packet (SCM_RIGHTS) and are of the
 * same open socket at both ends: closing one end's leaves the other's alone.
 *
 *-------------------------------------------------------------------------
 */
#include "net/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define DOOR_BACKLOG 128

struct PeerDoor
{
	Loop	   *loop;			/* borrowed */
	LoopWatch  *watch;			/* owned, like fd */
	int			fd;
	PeerKnock	on_knock;
	void	   *arg;
};

struct PeerLink
{
	Loop	   *loop;			/* borrowed */
	LoopWatch  *watch;			/* owned; NULL until it has an owner */
	int			fd;				/* owned; -1: destroyed */
	pid_t		pid;
	const PeerEvents *events;
	void	   *owner;
};

typedef enum Received
{
	RECEIVED_PACKET,
	RECEIVED_NOTHING,
	RECEIVED_END
} Received;

static socklen_t door_address(struct sockaddr_un *address, int number);
static void on_knocked(void *arg, bool readable, bool writable);
static PeerLink *link_create(Loop *loop, int fd);
static void link_free(void *arg);
static void on_readable(void *arg, bool readable, bool writable);
static Received receive_packet(int fd, PeerPacket *packet);
static void take_descriptors(struct msghdr *message, PeerPacket *packet);

/* ---------------------------------------------------------------- doors */

PeerDoor *
peer_door_open(Loop *loop, int number, PeerKnock on_knock, void *arg)
{
	struct sockaddr_un address;
	socklen_t	len = door_address(&address, number);
	int			fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	PeerDoor   *door;

	if (fd < 0)
		return NULL;
	if (bind(fd, (struct sockaddr *) &address, len) < 0 || listen(fd, DOOR_BACKLOG) < 0)
	{
		int			saved = errno;

		close(fd);
		errno = saved;
		return NULL;
	}
	door = mem_alloc(sizeof(PeerDoor));
	door->loop = loop;
	door->fd = fd;
	door->on_knock = on_knock;
	door->arg = arg;
	door->watch = loop_watch_create(loop, fd, on_knocked, door);
	loop_watch_set(door->watch, true, false);
	return door;
}

void
peer_door_close(PeerDoor *door)
{
	if (door == NULL)
		return;
	loop_watch_destroy(door->watch);
	close(door->fd);
	mem_free(door);
}

/* Abstract: the first byte of the path is zero, its length is part of the name. */
static socklen_t
door_address(struct sockaddr_un *address, int number)
{
	int			len;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "andon-router/%u/%d",
				   (unsigned) geteuid(), number);
	return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) len);
}

/* One a turn: the callback may close the door. */
static void
on_knocked(void *arg, bool readable, bool writable)
{
	PeerDoor   *door = arg;
	int			fd = accept4(door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	PeerLink   *link = fd >= 0 ? link_create(door->loop, fd) : NULL;

	if (link != NULL)
		door->on_knock(door->arg, link);
}

/* ---------------------------------------------------------------- links */

PeerLink *
peer_knock(Loop *loop, int number)
{
	struct sockaddr_un address;
	socklen_t	len = door_address(&address, number);
	int			fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *) &address, len) == 0)
		return link_create(loop, fd);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Takes fd; NULL: the other end is another user's. */
static PeerLink *
link_create(Loop *loop, int fd)
{
	struct ucred credentials;
	socklen_t	len = sizeof(credentials);
	PeerLink   *link;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0 || credentials.uid != geteuid())
	{
		close(fd);
		return NULL;
	}
	link = mem_alloc(sizeof(PeerLink));
	link->loop = loop;
	link->fd = fd;
	link->pid = credentials.pid;
	return link;
}

void
peer_link_set_owner(PeerLink *link, const PeerEvents *events, void *owner)
{
	link->events = events;
	link->owner = owner;
	if (link->watch == NULL)
		link->watch = loop_watch_create(link->loop, link->fd, on_readable, link);
	loop_watch_set(link->watch, true, false);
}

void
peer_link_destroy(PeerLink *link)
{
	if (link == NULL || link->fd < 0)
		return;
	loop_watch_destroy(link->watch);
	link->watch = NULL;
	close(link->fd);
	link->fd = -1;
	loop_later(link->loop, link_free, link);
}

static void
link_free(void *arg)
{
	mem_free(arg);
}

pid_t
peer_link_pid(const PeerLink *link)
{
	return link->pid;
}

bool
peer_link_send(PeerLink *link, Slice packet, const int *fds, int nfds)
{
	struct iovec bytes = {(void *) packet.data, packet.len};
	union
	{
		char		space[CMSG_SPACE(sizeof(int) * PEER_FDS_MAX)];
		struct cmsghdr align;
	}			control;
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (packet.len > PEER_PACKET_MAX || nfds > PEER_FDS_MAX)
		return false;
	if (nfds > 0)
	{
		struct cmsghdr *header;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t) nfds);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t) nfds);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t) nfds);
	}
	return sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) packet.len;
}

bool
peer_link_receive(PeerLink *link, uint64_t timeout_us, PeerPacket *packet)
{
	uint64_t	end_us = clock_now_us() + timeout_us;

	for (;;)
	{
		struct pollfd poll_fd = {link->fd, POLLIN, 0};
		uint64_t	now_us = clock_now_us();
		Received	received = receive_packet(link->fd, packet);

		if (received != RECEIVED_NOTHING)
			return received == RECEIVED_PACKET;
		if (now_us >= end_us)
			return false;
		(void) poll(&poll_fd, 1, (int) ((end_us - now_us) / US_PER_MS) + 1);
	}
}

/* One packet a turn: the callback may destroy the link. */
static void
on_readable(void *arg, bool readable, bool writable)
{
	PeerLink   *link = arg;
	PeerPacket *packet = mem_alloc(sizeof(PeerPacket));
	Received	received = receive_packet(link->fd, packet);

	if (received == RECEIVED_PACKET)
	{
		link->events->on_packet(link->owner, packet);
		peer_packet_close_fds(packet);
	}
	else if (received == RECEIVED_END)
	{
		loop_watch_set(link->watch, false, false);
		link->events->on_closed(link->owner);
	}
	mem_free(packet);
}

static Received
receive_packet(int fd, PeerPacket *packet)
{
	struct iovec bytes = {packet->data, PEER_PACKET_MAX};
	union
	{
		char		space[CMSG_SPACE(sizeof(int) * PEER_FDS_MAX)];
		struct cmsghdr align;
	}			control;
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)
	};
	ssize_t		len = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	packet->nfds = 0;
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? RECEIVED_NOTHING : RECEIVED_END;
	take_descriptors(&message, packet);
	packet->len = (size_t) len;
	packet->data[len] = '\0';
	if (len > 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return RECEIVED_PACKET;
	peer_packet_close_fds(packet);
	return RECEIVED_END;
}

static void
take_descriptors(struct msghdr *message, PeerPacket *packet)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header))
	{
		size_t		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(packet->fds, CMSG_DATA(header), count * sizeof(int));
		packet->nfds = (int) count;
	}
}

void
peer_packet_close_fds(PeerPacket *packet)
{
	for (int i = 0; i < packet->nfds; i++)
	{
		if (packet->fds[i] >= 0)
			close(packet->fds[i]);
	}
	packet->nfds = 0;
}
