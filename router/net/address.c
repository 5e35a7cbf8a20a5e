/*-------------------------------------------------------------------------
 *
 * address.c
 *	  The ends of a connection, in a printable form.
 *
 * An IPv4 address that came by an IPv6 socket is shown, and compared with
 * rules, as the IPv4 address it is.
 *
 *-------------------------------------------------------------------------
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void note_ip(PeerAddress *peer, const void *ip, int len);
static void note_unix_process(PeerAddress *peer, int fd);

void
address_describe_local(PeerAddress *local, int fd)
{
	struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
	socklen_t	len = sizeof(bound);

	if (fd >= 0 && getsockname(fd, (struct sockaddr *) &bound, &len) == 0)
		address_describe(local, fd, &bound);
	else
		*local = (PeerAddress) {0};
}

void
address_describe(PeerAddress *peer, int fd, const struct sockaddr_storage *from)
{
	memset(peer, 0, sizeof(*peer));
	if (from->ss_family == AF_INET)
	{
		const struct sockaddr_in *four = (const struct sockaddr_in *) from;

		inet_ntop(AF_INET, &four->sin_addr, peer->text, sizeof(peer->text));
		peer->port = ntohs(four->sin_port);
		peer->is_loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
		note_ip(peer, &four->sin_addr, 4);
	}
	else if (from->ss_family == AF_INET6)
	{
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) from;
		char		text[INET6_ADDRSTRLEN];

		peer->port = ntohs(six->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		{
			inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], peer->text, sizeof(peer->text));
			peer->is_loopback = six->sin6_addr.s6_addr[12] == 127;
			note_ip(peer, &six->sin6_addr.s6_addr[12], 4);
		}
		else
		{
			inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
			snprintf(peer->text, sizeof(peer->text), "[%s]", text);
			peer->is_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
			note_ip(peer, &six->sin6_addr, 16);
		}
	}
	else
	{
		snprintf(peer->text, sizeof(peer->text), "unix");
		peer->is_unix = peer->is_loopback = true;
		note_unix_process(peer, fd);
	}
}

static void
note_ip(PeerAddress *peer, const void *ip, int len)
{
	memcpy(peer->ip, ip, (size_t) len);
	peer->ip_len = len;
}

/* Who the process was when it connected, whatever it becomes later. */
static void
note_unix_process(PeerAddress *peer, int fd)
{
	struct ucred credentials;
	socklen_t	len = sizeof(credentials);

	peer->has_uid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0;
	if (!peer->has_uid)
		return;
	peer->uid = credentials.uid;
	peer->pid = credentials.pid;
}
