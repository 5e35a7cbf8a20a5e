/*-------------------------------------------------------------------------
 *
 * sockets.c
 *	  The sockets a process listens on.
 *
 * "*" is one address for IPv4 and IPv6, or for IPv4 where there is no IPv6.
 * With SO_REUSEPORT a second router on the same port would not fail but take
 * half of the connections, so it is first tried without.
 *
 * When the process before had more workers than we have, some workers take
 * from several sockets of an address: none of them may be closed, since each
 * has connections waiting in it.
 *
 *-------------------------------------------------------------------------
 */
#include "net/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#define BACKLOG 1024			/* the kernel's net.core.somaxconn may be lower */

#define KEEPALIVE_IDLE_SECS 60
#define KEEPALIVE_INTERVAL_SECS 10
#define KEEPALIVE_PROBES 6

typedef union SocketAddress
{
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_un unix_path;
	struct sockaddr_storage space;
} SocketAddress;

struct Sockets
{
	ListenSocket *items;		/* owned */
	int			count;
	int			cap;
	char	   *unix_path;		/* owned; NULL: none, or not ours to remove */
	struct stat unix_file;		/* what it was when we came to have it */
};

static struct addrinfo *find_addresses(const char *address, int port, Error *error);
static bool open_address(Sockets *sockets, const struct addrinfo *address, const SocketWish *wish, int *port);
static int	take_handed(Sockets *sockets, const SocketAddress *address, const SocketWish *wish);
static bool is_free(const SocketAddress *address, socklen_t len);
static int	bind_tcp(const SocketAddress *address, socklen_t len, bool may_share);
static void set_port(SocketAddress *address, int port);
static bool is_bound_to(int fd, const SocketAddress *address);
static ListenSocket *add_item(Sockets *sockets, int fd, SocketUse use, SocketKind kind);
static bool tcp_failed(const SocketWish *wish, int failure, Error *error);
static bool unix_address(SocketAddress *address, const char *dir, int port, Error *error);
static bool remove_stale(const SocketAddress *address, Error *error);
static int	bind_unix(const SocketAddress *address, Error *error);

Sockets *
sockets_create(void)
{
	return mem_alloc(sizeof(Sockets));
}

void
sockets_destroy(Sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (int i = 0; i < sockets->count; i++)
		close(sockets->items[i].fd);
	mem_free(sockets->items);
	mem_free(sockets->unix_path);
	mem_free(sockets);
}

void
sockets_hand(Sockets *sockets, int fd, SocketUse use, SocketKind kind)
{
	add_item(sockets, fd, use, kind)->is_wanted = kind == SOCKET_MANAGED;
}

bool
sockets_are_managed(const Sockets *sockets, SocketUse use)
{
	for (int i = 0; i < sockets->count; i++)
	{
		if (sockets->items[i].use == use && sockets->items[i].kind == SOCKET_MANAGED)
			return true;
	}
	return false;
}

int
sockets_count(const Sockets *sockets)
{
	return sockets->count;
}

const ListenSocket *
sockets_get(const Sockets *sockets, int i)
{
	return &sockets->items[i];
}

bool
sockets_listen(Sockets *sockets, Error *error)
{
	int			kept = 0;

	for (int i = 0; i < sockets->count; i++)
	{
		if (sockets->items[i].is_wanted)
			sockets->items[kept++] = sockets->items[i];
		else
			close(sockets->items[i].fd);
	}
	sockets->count = kept;
	for (int i = 0; i < sockets->count; i++)
	{
		socket_tune(sockets->items[i].fd);
		if (listen(sockets->items[i].fd, BACKLOG) < 0)
			return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on port %d: %s",
							 socket_port(sockets->items[i].fd), strerror(errno));
	}
	return true;
}

static ListenSocket *
add_item(Sockets *sockets, int fd, SocketUse use, SocketKind kind)
{
	if (sockets->count == sockets->cap)
	{
		sockets->cap = sockets->cap == 0 ? 16 : sockets->cap * 2;
		sockets->items = mem_realloc(sockets->items, sizeof(ListenSocket) * (size_t) sockets->cap);
	}
	sockets->items[sockets->count] = (ListenSocket) {.fd = fd, .use = use, .kind = kind};
	return &sockets->items[sockets->count++];
}

/* ---------------------------------------------------------------- TCP */

bool
sockets_open_tcp(Sockets *sockets, const SocketWish *wish, Error *error)
{
	struct addrinfo *found = find_addresses(wish->address, wish->port, error);
	int			port = wish->port;
	int			failure = 0;
	bool		any = false;

	if (found == NULL)
		return false;
	for (struct addrinfo *each = found; each != NULL && failure != EADDRINUSE; each = each->ai_next)
	{
		/* HTTP is served on one socket. */
		if (any && wish->use == SOCKET_HTTP)
			break;
		if (open_address(sockets, each, wish, &port))
			any = true;
		else
			failure = errno;
	}
	freeaddrinfo(found);
	return any && failure != EADDRINUSE ? true : tcp_failed(wish, failure, error);
}

static bool
tcp_failed(const SocketWish *wish, int failure, Error *error)
{
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on \"%s\" port %d%s: %s", wish->address, wish->port,
			  wish->use == SOCKET_HTTP ? " for HTTP" : "", strerror(failure));
	if (wish->use == SOCKET_HTTP)
		error_set_hint(error, "Choose another http_addr or http_port.");
	else if (failure == EADDRINUSE)
		error_set_hint(error, "Is another router or server running on port %d? Stop it, take over from it "
					   "(--takeover), or choose another listen_port.", wish->port);
	return false;
}

static struct addrinfo *
find_addresses(const char *address, int port, Error *error)
{
	bool		is_any = strcmp(address, "*") == 0;
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV
	};
	struct addrinfo *found = NULL;
	char		service[16];
	int			failure;
	int			probe = is_any ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

	snprintf(service, sizeof(service), "%d", port);
	if (is_any)
		address = probe >= 0 ? "::" : "0.0.0.0";
	if (probe >= 0)
		close(probe);
	failure = getaddrinfo(address, service, &hints, &found);
	if (failure == 0)
		return found;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not find the address \"%s\" to listen on: %s",
			  address, gai_strerror(failure));
	return NULL;
}

/* port 0: it becomes the one that was found.  False: errno says why not. */
static bool
open_address(Sockets *sockets, const struct addrinfo *address, const SocketWish *wish, int *port)
{
	SocketAddress wanted;
	int			have;

	memset(&wanted, 0, sizeof(wanted));
	memcpy(&wanted, address->ai_addr, address->ai_addrlen);
	set_port(&wanted, *port);
	have = take_handed(sockets, &wanted, wish);
	if (have == 0 && *port != 0 && wish->use == SOCKET_CLIENTS && !wish->beside_others &&
		!is_free(&wanted, address->ai_addrlen))
		return false;
	for (; have < wish->count; have++)
	{
		int			fd = bind_tcp(&wanted, address->ai_addrlen, wish->use == SOCKET_CLIENTS);
		ListenSocket *item;

		if (fd < 0)
			return false;
		item = add_item(sockets, fd, wish->use, SOCKET_OWN);
		item->share = have;
		item->is_wanted = true;
		*port = socket_port(fd);
		set_port(&wanted, *port);
	}
	return true;
}

/* How many there are of that address; one that is shared is enough. */
static int
take_handed(Sockets *sockets, const SocketAddress *address, const SocketWish *wish)
{
	int			have = 0;

	for (int i = 0; i < sockets->count; i++)
	{
		ListenSocket *item = &sockets->items[i];

		if (item->use != wish->use || !is_bound_to(item->fd, address))
			continue;
		item->is_wanted = true;
		item->share = have++;
		if (item->kind != SOCKET_OWN)
			return wish->count;
	}
	return have;
}

static bool
is_free(const SocketAddress *address, socklen_t len)
{
	int			fd = bind_tcp(address, len, false);
	bool		is_free = fd >= 0 && listen(fd, 1) == 0;
	int			saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return is_free;
}

/* A bound socket, or -1 with errno set. */
static int
bind_tcp(const SocketAddress *address, socklen_t len, bool may_share)
{
	static const int on = 1;
	static const int off = 0;
	int			saved;
	int			fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (address->any.sa_family == AF_INET6)
	{
		bool		is_any = IN6_IS_ADDR_UNSPECIFIED(&address->six.sin6_addr);

		(void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(int));
	}
	(void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((!may_share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, &address->any, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void
set_port(SocketAddress *address, int port)
{
	if (address->any.sa_family == AF_INET6)
		address->six.sin6_port = htons((uint16_t) port);
	else
		address->four.sin_port = htons((uint16_t) port);
}

void
socket_tune(int fd)
{
	static const int on = 1;
	static const int idle = KEEPALIVE_IDLE_SECS;
	static const int interval = KEEPALIVE_INTERVAL_SECS;
	static const int probes = KEEPALIVE_PROBES;

	/* Unix sockets refuse the first of these and need none. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return;
	(void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

int
socket_port(int fd)
{
	SocketAddress bound;
	socklen_t	len = sizeof(bound);

	if (getsockname(fd, &bound.any, &len) < 0)
		return 0;
	return bound.any.sa_family == AF_INET ? ntohs(bound.four.sin_port) :
		bound.any.sa_family == AF_INET6 ? ntohs(bound.six.sin6_port) : 0;
}

static bool
is_bound_to(int fd, const SocketAddress *address)
{
	SocketAddress bound;
	socklen_t	len = sizeof(bound);

	memset(&bound, 0, sizeof(bound));
	if (getsockname(fd, &bound.any, &len) < 0 || bound.any.sa_family != address->any.sa_family)
		return false;
	switch (bound.any.sa_family)
	{
		case AF_INET:
			return bound.four.sin_port == address->four.sin_port &&
				bound.four.sin_addr.s_addr == address->four.sin_addr.s_addr;
		case AF_INET6:
			return bound.six.sin6_port == address->six.sin6_port &&
				memcmp(&bound.six.sin6_addr, &address->six.sin6_addr, sizeof(struct in6_addr)) == 0;
		default:
			return strncmp(bound.unix_path.sun_path, address->unix_path.sun_path,
						   sizeof(bound.unix_path.sun_path)) == 0;
	}
}

/* ---------------------------------------------------------------- unix */

bool
sockets_open_unix(Sockets *sockets, const char *dir, int port, Error *error)
{
	const SocketWish wish = {.use = SOCKET_CLIENTS, .count = 1};
	SocketAddress address;
	ListenSocket *item;
	int			fd;

	if (!unix_address(&address, dir, port, error))
		return false;
	if (take_handed(sockets, &address, &wish) == 0)
	{
		if (!remove_stale(&address, error) || (fd = bind_unix(&address, error)) < 0)
			return false;
		item = add_item(sockets, fd, SOCKET_CLIENTS, SOCKET_SHARED);
		item->is_wanted = true;
	}
	if (stat(address.unix_path.sun_path, &sockets->unix_file) == 0)
		sockets->unix_path = mem_strdup(address.unix_path.sun_path);
	return true;
}

static int
bind_unix(const SocketAddress *address, Error *error)
{
	int			fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* Open to all, as PostgreSQL's is; and at once, or it would look stale. */
	if (fd >= 0 && bind(fd, &address->any, sizeof(address->unix_path)) == 0 &&
		chmod(address->unix_path.sun_path, 0777) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on the unix socket \"%s\": %s",
			  address->unix_path.sun_path, strerror(errno));
	error_set_hint(error, "unix_socket_dir must be a directory the router may write to.");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* It may have been replaced by another process's meanwhile. */
void
sockets_remove_unix(Sockets *sockets)
{
	struct stat now;

	if (sockets->unix_path && stat(sockets->unix_path, &now) == 0 &&
		now.st_ino == sockets->unix_file.st_ino && now.st_dev == sockets->unix_file.st_dev)
		(void) unlink(sockets->unix_path);
	sockets_leave_unix(sockets);
}

void
sockets_leave_unix(Sockets *sockets)
{
	mem_free(sockets->unix_path);
	sockets->unix_path = NULL;
}

static bool
unix_address(SocketAddress *address, const char *dir, int port, Error *error)
{
	struct sockaddr_un *path = &address->unix_path;
	int			len;

	memset(address, 0, sizeof(*address));
	path->sun_family = AF_UNIX;
	len = snprintf(path->sun_path, sizeof(path->sun_path), "%s/.s.PGSQL.%d", dir, port);
	if (len > 0 && (size_t) len < sizeof(path->sun_path))
		return true;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "the path of the unix socket \"%s/.s.PGSQL.%d\" is too long",
			  dir, port);
	error_set_hint(error, "The system allows %zu bytes; choose a shorter unix_socket_dir.",
				   sizeof(path->sun_path) - 1);
	return false;
}

/* A socket nobody listens on was left by a process that was killed. */
static bool
remove_stale(const SocketAddress *address, Error *error)
{
	int			fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int			failure;

	if (fd < 0)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not create a unix socket: %s", strerror(errno));
	failure = connect(fd, &address->any, sizeof(address->unix_path)) == 0 ? 0 : errno;
	close(fd);
	if (failure == 0 || failure == EAGAIN)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "another server listens on the unix socket \"%s\"",
				  address->unix_path.sun_path);
		error_set_hint(error, "Stop it, take over from it (--takeover), or choose another listen_port or unix_socket_dir.");
		return false;
	}
	if (failure == ECONNREFUSED)
		(void) unlink(address->unix_path.sun_path);
	return true;
}
