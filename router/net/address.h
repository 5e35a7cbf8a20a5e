/*-------------------------------------------------------------------------
 *
 * address.h
 *	  Where to connect or who connected, in a printable form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_ADDRESS_H
#define ROUTER_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_TEXT_SIZE 128

typedef struct PeerAddress
{
	char		text[ADDRESS_TEXT_SIZE];	/* "10.0.0.7", "[::1]" or "unix" */
	int			port;			/* 0 for unix */
	bool		is_unix;
	bool		is_loopback;	/* unix included */
	uint8_t		ip[16];			/* network byte order */
	int			ip_len;			/* 4 or 16; 0 for unix */
	bool		has_uid;		/* unix: the system told who it is */
	uint32_t	uid;
	int32_t		pid;			/* of the process, then */
} PeerAddress;

struct sockaddr_storage;

/* The other end of fd, which accept() or the like has told. */
extern void address_describe(PeerAddress *peer, int fd, const struct sockaddr_storage *from);

/* The router's own end; text is empty where fd is not connected. */
extern void address_describe_local(PeerAddress *local, int fd);

#endif							/* ROUTER_NET_ADDRESS_H */
