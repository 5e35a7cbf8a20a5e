/*-------------------------------------------------------------------------
 *
 * listener.c
 *	  Accepts connections on a TCP address or a unix socket.
 *
 * A TCP listener may have several sockets, one per address of its name; "*"
 * is one socket for IPv4 and IPv6, or for IPv4 where there is no IPv6.
 *
 * When the process has no descriptor left, accept() fails while the socket
 * stays readable.  The listener then turns away for a moment; the clients
 * wait in the backlog.
 *
 *-------------------------------------------------------------------------
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define BACKLOG 1024			/* the kernel's net.core.somaxconn may be lower */
#define SOCKETS_MAX 8
#define ACCEPTS_PER_TURN 32
#define PAUSE_US (100 * US_PER_MS)

typedef struct ListenSocket
{
	Listener   *listener;
	int			fd;
	LoopWatch  *watch;
} ListenSocket;

struct Listener
{
	Loop	   *loop;
	ListenerCallback fn;
	void	   *arg;
	bool		owns_descriptors;
	bool		is_gone;		/* destroyed while it accepts */
	LoopTimer  *pause;
	int			nsockets;
	ListenSocket sockets[SOCKETS_MAX];
};

static Listener *listener_alloc(Loop *loop, ListenerCallback fn, void *arg);
static void add_socket(Listener *listener, int fd);
static struct addrinfo *find_addresses(const char *address, int port, Error *error);
static int	open_tcp(const struct addrinfo *address, int port, bool is_shared);
static int	port_of(int fd);
static bool unix_address(struct sockaddr_un *address, const char *dir, int port, Error *error);
static bool remove_stale(const struct sockaddr_un *address, Error *error);
static void on_acceptable(void *arg, bool readable, bool writable);
static bool is_shortage(int error);
static void set_accepting(Listener *listener, bool on);
static void on_pause_over(void *arg);
static void listener_free(void *arg);
static void describe_peer(PeerAddress *peer, int fd, const struct sockaddr_storage *from);
static void note_ip(PeerAddress *peer, const void *ip, int len);
static void note_unix_user(PeerAddress *peer, int fd);

/* ---------------------------------------------------------------- TCP */

Listener *
listener_create_tcp(Loop *loop, const char *address, int port,
					ListenerCallback fn, void *arg, Error *error)
{
	struct addrinfo *found = find_addresses(address, port, error);
	Listener   *listener;

	if (found == NULL)
		return NULL;
	listener = listener_alloc(loop, fn, arg);
	listener->owns_descriptors = true;
	for (struct addrinfo *each = found; each != NULL && listener->nsockets < SOCKETS_MAX; each = each->ai_next)
	{
		/* Port 0: the others take the port that the first one got. */
		int			fd = open_tcp(each, listener->nsockets > 0 ? listener_port(listener) : port, true);

		if (fd >= 0)
			add_socket(listener, fd);
	}
	if (listener->nsockets == 0)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on \"%s\" port %d: %s",
				  address, port, strerror(errno));
		listener_destroy(listener);
		listener = NULL;
	}
	freeaddrinfo(found);
	return listener;
}

bool
listener_check_tcp(const char *address, int port, Error *error)
{
	struct addrinfo *found = find_addresses(address, port, error);
	bool		ok = false;

	if (found == NULL)
		return false;
	for (struct addrinfo *each = found; each != NULL; each = each->ai_next)
	{
		int			fd = open_tcp(each, port, false);

		if (fd >= 0)
		{
			close(fd);
			ok = true;
			continue;
		}
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on \"%s\" port %d: %s",
				  address, port, strerror(errno));
		if (errno == EADDRINUSE)
		{
			error_set_hint(error, "Is another router or server running on port %d? "
						   "Stop it, or choose another listen_port.", port);
			ok = false;
			break;
		}
	}
	freeaddrinfo(found);
	return ok;
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

/* A listening socket, or -1 with errno set. */
static int
open_tcp(const struct addrinfo *address, int port, bool is_shared)
{
	static const int on = 1;
	static const int off = 0;
	struct sockaddr_storage bound;
	int			saved;
	int			fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(&bound, address->ai_addr, address->ai_addrlen);
	if (address->ai_family == AF_INET6)
	{
		struct sockaddr_in6 *six = (struct sockaddr_in6 *) &bound;
		bool		is_any = IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);

		six->sin6_port = htons((uint16_t) port);
		(void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(int));
	}
	else
		((struct sockaddr_in *) &bound)->sin_port = htons((uint16_t) port);

	(void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((!is_shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, (struct sockaddr *) &bound, address->ai_addrlen) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
listener_port(const Listener *listener)
{
	return listener->nsockets > 0 ? port_of(listener->sockets[0].fd) : 0;
}

static int
port_of(int fd)
{
	struct sockaddr_storage bound;
	socklen_t	len = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *) &bound, &len) < 0)
		return 0;
	if (bound.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *) &bound)->sin_port);
	if (bound.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *) &bound)->sin6_port);
	return 0;
}

/* ---------------------------------------------------------------- unix */

int
listener_open_unix(const char *dir, int port, Error *error)
{
	struct sockaddr_un address;
	int			fd;

	if (!unix_address(&address, dir, port, error) || !remove_stale(&address, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* Open to all, as PostgreSQL's is; nobody gets in before listen(). */
	if (fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0 &&
		chmod(address.sun_path, 0777) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on the unix socket \"%s\": %s",
			  address.sun_path, strerror(errno));
	error_set_hint(error, "unix_socket_dir must be a directory the router may write to.");
	if (fd >= 0)
		close(fd);
	return -1;
}

void
listener_remove_unix(const char *dir, int port)
{
	struct sockaddr_un address;
	Error		ignored;

	if (unix_address(&address, dir, port, &ignored))
		(void) unlink(address.sun_path);
}

Listener *
listener_create_unix(Loop *loop, int shared_fd, ListenerCallback fn, void *arg)
{
	Listener   *listener = listener_alloc(loop, fn, arg);

	add_socket(listener, shared_fd);
	return listener;
}

static bool
unix_address(struct sockaddr_un *address, const char *dir, int port, Error *error)
{
	int			len;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/.s.PGSQL.%d", dir, port);
	if (len > 0 && (size_t) len < sizeof(address->sun_path))
		return true;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "the path of the unix socket \"%s/.s.PGSQL.%d\" is too long",
			  dir, port);
	error_set_hint(error, "The system allows %zu bytes; choose a shorter unix_socket_dir.",
				   sizeof(address->sun_path) - 1);
	return false;
}

/* A socket nobody listens on was left by a process that was killed. */
static bool
remove_stale(const struct sockaddr_un *address, Error *error)
{
	int			fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int			failure;

	if (fd < 0)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not create a unix socket: %s", strerror(errno));
	failure = connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	if (failure == 0 || failure == EAGAIN)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "another server listens on the unix socket \"%s\"",
				  address->sun_path);
		error_set_hint(error, "Stop it, or choose another listen_port or unix_socket_dir.");
		return false;
	}
	if (failure == ECONNREFUSED)
		(void) unlink(address->sun_path);
	return true;
}

/* ---------------------------------------------------------------- accepting */

static Listener *
listener_alloc(Loop *loop, ListenerCallback fn, void *arg)
{
	Listener   *listener = mem_alloc(sizeof(Listener));

	listener->loop = loop;
	listener->fn = fn;
	listener->arg = arg;
	listener->pause = loop_timer_create(loop, on_pause_over, listener);
	return listener;
}

void
listener_destroy(Listener *listener)
{
	if (listener == NULL)
		return;
	listener->is_gone = true;
	loop_timer_stop(listener->pause);
	for (int i = 0; i < listener->nsockets; i++)
	{
		loop_watch_destroy(listener->sockets[i].watch);
		if (listener->owns_descriptors)
			close(listener->sockets[i].fd);
	}
	loop_later(listener->loop, listener_free, listener);
}

static void
listener_free(void *arg)
{
	Listener   *listener = arg;

	loop_timer_destroy(listener->pause);
	mem_free(listener);
}

static void
add_socket(Listener *listener, int fd)
{
	ListenSocket *socket = &listener->sockets[listener->nsockets++];

	socket->listener = listener;
	socket->fd = fd;
	socket->watch = loop_watch_create(listener->loop, fd, on_acceptable, socket);
	loop_watch_set(socket->watch, true, false);
}

static void
on_acceptable(void *arg, bool readable, bool writable)
{
	ListenSocket *socket = arg;
	Listener   *listener = socket->listener;

	for (int i = 0; i < ACCEPTS_PER_TURN && !listener->is_gone; i++)
	{
		struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
		socklen_t	len = sizeof(from);
		int			fd = accept4(socket->fd, (struct sockaddr *) &from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
		{
			PeerAddress peer;

			describe_peer(&peer, fd, &from);
			listener->fn(listener->arg, fd, &peer);
		}
		else if (is_shortage(errno))
		{
			LOG_WARN("listener_paused", LF_STR("reason", strerror(errno)));
			set_accepting(listener, false);
			loop_timer_start(listener->pause, PAUSE_US);
			break;
		}
		else if (errno == EAGAIN)
			break;

		/* Any other error is that of one connection, gone before we came. */
	}
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
set_accepting(Listener *listener, bool on)
{
	for (int i = 0; i < listener->nsockets; i++)
		loop_watch_set(listener->sockets[i].watch, on, false);
}

static void
on_pause_over(void *arg)
{
	set_accepting(arg, true);
}

static void
describe_peer(PeerAddress *peer, int fd, const struct sockaddr_storage *from)
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
		note_unix_user(peer, fd);
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
note_unix_user(PeerAddress *peer, int fd)
{
	struct ucred credentials;
	socklen_t	len = sizeof(credentials);

	peer->has_uid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0;
	if (peer->has_uid)
		peer->uid = credentials.uid;
}
