/*-------------------------------------------------------------------------
 *
 * socket_io.h
 *	  recv() and send() of a stream's socket, without being points of cancellation.
 *
 * Nobody here cancels threads.  But as soon as a process has two of them, glibc
 * before 2.41 marks a thread as one that may be cancelled around each recv() and
 * send(), with a locked instruction before and one behind: for a query that is
 * eight of those, and one in thirty of all instructions.  The system calls
 * themselves have the same results, and errno.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_SOCKET_IO_H
#define ROUTER_NET_SOCKET_IO_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/slice.h"

static inline ssize_t
socket_receive(int fd, char *into, size_t size)
{
	return syscall(SYS_recvfrom, fd, into, size, 0, NULL, NULL);
}

/* A peer that is gone is EPIPE, not a signal. */
static inline ssize_t
socket_send(int fd, Slice bytes)
{
	return syscall(SYS_sendto, fd, bytes.data, bytes.len, MSG_NOSIGNAL, NULL, 0);
}

#endif							/* ROUTER_NET_SOCKET_IO_H */
