/*-------------------------------------------------------------------------
 *
 * test_listener.c
 *	  Accepting: who comes, over TCP and a unix socket; shortage.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"

typedef struct Host
{
	Loop	   *loop;
	int			accepted;
	int			wanted;			/* stop the loop after so many */
	int			fd;				/* the last one */
	PeerAddress peer;
	Listener   *to_destroy;		/* within the callback */
	Sockets    *sockets;
	Error		error;
} Host;

static void
on_accepted(void *arg, int fd, const PeerAddress *peer)
{
	Host	   *host = arg;

	host->accepted++;
	host->peer = *peer;
	if (host->fd >= 0)
		close(host->fd);
	host->fd = fd;
	if (host->to_destroy != NULL)
		listener_destroy(host->to_destroy);
	host->to_destroy = NULL;
	if (host->accepted == host->wanted)
		loop_stop(host->loop);
}

/* A listener of one worker on this address, or NULL: host->error says why. */
static Listener *
listen_on(Host *host, const char *address)
{
	const SocketWish wish = {.address = address, .count = 1};
	ListenerConfig config = {.nworkers = 1};

	config.sockets = host->sockets = sockets_create();
	if (!sockets_open_tcp(host->sockets, &wish, &host->error) || !sockets_listen(host->sockets, &host->error))
		return NULL;
	return listener_create(host->loop, &config, on_accepted, host);
}

static int
port_of(const Host *host)
{
	return socket_port(sockets_get(host->sockets, 0)->fd);
}

static void
end_host(Host *host, Listener *listener)
{
	listener_destroy(listener);
	loop_destroy(host->loop);
	sockets_destroy(host->sockets);
	if (host->fd >= 0)
		close(host->fd);
}

static int
connect_tcp(int family, int port)
{
	struct sockaddr_in four = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct sockaddr_in6 six = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t) port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT
	};
	int			fd = socket(family, SOCK_STREAM, 0);
	int			failed;

	if (family == AF_INET)
		failed = connect(fd, (struct sockaddr *) &four, sizeof(four));
	else
		failed = connect(fd, (struct sockaddr *) &six, sizeof(six));
	assert_int_equal(failed, 0);
	return fd;
}

static int
connect_unix(const char *dir, int port)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%d", dir, port);
	assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	return fd;
}

static void
accepts_on_an_address(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Listener   *listener = listen_on(&host, "127.0.0.1");
	int			fd;

	assert_non_null(listener);
	fd = connect_tcp(AF_INET, port_of(&host));
	loop_run(host.loop);
	assert_string_equal(host.peer.text, "127.0.0.1");
	assert_true(host.peer.port > 0);
	assert_true(host.peer.is_loopback);
	assert_false(host.peer.is_unix);
	close(fd);
	end_host(&host, listener);
}

static bool
is_tuned(int fd)
{
	int			no_delay = 0;
	int			keepalive = 0;
	int			probes = 0;
	socklen_t	len = sizeof(int);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &len), 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, &len), 0);
	return no_delay != 0 && keepalive != 0 && probes == 6;
}

/* Guards: answers do not wait for more to send, and peers that vanish are found out. */
static void
what_is_accepted_is_tuned(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Listener   *listener = listen_on(&host, "127.0.0.1");
	int			fd;

	assert_non_null(listener);
	fd = connect_tcp(AF_INET, port_of(&host));
	assert_false(is_tuned(fd));
	loop_run(host.loop);
	assert_true(is_tuned(host.fd));
	close(fd);
	end_host(&host, listener);
}

/* Guards: the service manager's socket may have been connected to before we were there. */
static void
what_came_before_us_is_tuned_too(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1, .sockets = sockets_create()};
	const ListenerConfig config = {.nworkers = 1, .sockets = host.sockets};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int			managed = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	Listener   *listener;
	int			fd;

	assert_int_equal(bind(managed, (struct sockaddr *) &any, sizeof(any)), 0);
	assert_int_equal(listen(managed, 8), 0);
	fd = connect_tcp(AF_INET, socket_port(managed));
	sockets_hand(host.sockets, managed, SOCKET_CLIENTS, SOCKET_MANAGED);
	assert_true(sockets_listen(host.sockets, &host.error));
	listener = listener_create(host.loop, &config, on_accepted, &host);
	loop_run(host.loop);
	assert_true(is_tuned(host.fd));
	close(fd);
	end_host(&host, listener);
}

/* "*" is both protocols; an IPv4 peer is told as such, not as ::ffff:127.0.0.1. */
static void
a_star_accepts_everything(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Listener   *listener = listen_on(&host, "*");
	int			probe = socket(AF_INET6, SOCK_STREAM, 0);
	int			fd;

	assert_non_null(listener);
	fd = connect_tcp(AF_INET, port_of(&host));
	loop_run(host.loop);
	assert_string_equal(host.peer.text, "127.0.0.1");
	assert_true(host.peer.is_loopback);
	close(fd);
	if (probe >= 0)
	{
		fd = connect_tcp(AF_INET6, port_of(&host));
		host.wanted = 2;
		loop_run(host.loop);
		assert_string_equal(host.peer.text, "[::1]");
		assert_true(host.peer.is_loopback);
		close(fd);
		close(probe);
	}
	end_host(&host, listener);
}

static void
an_address_that_is_not_ours_is_an_error(void **state)
{
	static const char *const wrong[] = {"192.0.2.1", "not an address"};

	for (int i = 0; i < 2; i++)
	{
		Host		host = {.loop = loop_create(), .fd = -1};

		assert_null(listen_on(&host, wrong[i]));
		assert_non_null(strstr(host.error.message, wrong[i]));
		end_host(&host, NULL);
	}
}

static void
a_listener_may_be_destroyed_in_its_callback(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	int			fds[3];

	host.to_destroy = listen_on(&host, "127.0.0.1");
	for (int i = 0; i < 3; i++)
		fds[i] = connect_tcp(AF_INET, port_of(&host));
	loop_run(host.loop);
	assert_int_equal(host.accepted, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	end_host(&host, NULL);
}

/* What waits in a socket that is to be closed is served, not reset. */
static void
the_rest_is_taken(void **state)
{
	Host		host = {.loop = loop_create(), .fd = -1};
	Listener   *listener = listen_on(&host, "127.0.0.1");
	int			fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = connect_tcp(AF_INET, port_of(&host));
	listener_take_rest(listener);
	assert_int_equal(host.accepted, 40);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	end_host(&host, listener);
}

/* ---------------------------------------------------------------- unix */

static int
make_dir(void **state)
{
	static char dir[32];

	strcpy(dir, "/tmp/andon-listener-XXXXXX");
	*state = mkdtemp(dir);
	return *state == NULL;
}

static int
remove_dir(void **state)
{
	return rmdir(*state);
}

static void
a_unix_socket_is_open_to_all(void **state)
{
	const char *dir = *state;
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1, .sockets = sockets_create()};
	Listener   *workers[2];
	char		path[128];
	struct stat status;
	int			fd;

	assert_true(sockets_open_unix(host.sockets, dir, 6543, &host.error));
	assert_true(sockets_listen(host.sockets, &host.error));
	for (int i = 0; i < 2; i++)
		workers[i] = listener_create(host.loop, &(ListenerConfig) {host.sockets, i, 2}, on_accepted, &host);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.6543", dir);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0777);

	fd = connect_unix(dir, 6543);
	loop_run(host.loop);
	assert_int_equal(host.accepted, 1);
	assert_true(host.peer.is_unix);
	assert_true(host.peer.is_loopback);
	assert_string_equal(host.peer.text, "unix");
	assert_int_equal(host.peer.pid, getpid());
	close(fd);
	sockets_remove_unix(host.sockets);
	assert_int_equal(stat(path, &status), -1);
	listener_destroy(workers[0]);
	end_host(&host, workers[1]);
}

/* ---------------------------------------------------------------- shortage */

static void
allow_more(void *arg)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, arg), 0);
}

/* Without descriptors accepting rests; the client is served when there are some. */
static void
a_shortage_of_descriptors_is_survived(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Listener   *listener = listen_on(&host, "127.0.0.1");
	int			fd = connect_tcp(AF_INET, port_of(&host));
	struct rlimit usual;
	struct rlimit none;
	LoopTimer  *timer = loop_timer_create(host.loop, allow_more, &usual);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	none = usual;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	loop_timer_start(timer, 20000);
	loop_run(host.loop);
	assert_int_equal(host.accepted, 1);
	loop_timer_destroy(timer);
	close(fd);
	end_host(&host, listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_on_an_address),
		cmocka_unit_test(what_is_accepted_is_tuned),
		cmocka_unit_test(what_came_before_us_is_tuned_too),
		cmocka_unit_test(a_star_accepts_everything),
		cmocka_unit_test(an_address_that_is_not_ours_is_an_error),
		cmocka_unit_test(a_listener_may_be_destroyed_in_its_callback),
		cmocka_unit_test(the_rest_is_taken),
		cmocka_unit_test_setup_teardown(a_unix_socket_is_open_to_all, make_dir, remove_dir),
		cmocka_unit_test(a_shortage_of_descriptors_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
