/*-------------------------------------------------------------------------
 *
 * test_listener.c
 *	  Listening: TCP and unix sockets, who comes, what is refused.
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
	Error		error;
	Listener   *listener = listener_create_tcp(host.loop, "127.0.0.1", 0, on_accepted, &host, &error);
	int			fd;

	assert_non_null(listener);
	fd = connect_tcp(AF_INET, listener_port(listener));
	loop_run(host.loop);
	assert_string_equal(host.peer.text, "127.0.0.1");
	assert_true(host.peer.port > 0);
	assert_true(host.peer.is_loopback);
	assert_false(host.peer.is_unix);
	listener_destroy(listener);
	loop_destroy(host.loop);
	close(fd);
	close(host.fd);
}

/* "*" is both protocols; an IPv4 peer is told as such, not as ::ffff:127.0.0.1. */
static void
a_star_accepts_everything(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Error		error;
	Listener   *listener = listener_create_tcp(host.loop, "*", 0, on_accepted, &host, &error);
	int			probe = socket(AF_INET6, SOCK_STREAM, 0);
	int			fd;

	assert_non_null(listener);
	fd = connect_tcp(AF_INET, listener_port(listener));
	loop_run(host.loop);
	assert_string_equal(host.peer.text, "127.0.0.1");
	assert_true(host.peer.is_loopback);
	close(fd);
	if (probe >= 0)
	{
		fd = connect_tcp(AF_INET6, listener_port(listener));
		host.wanted = 2;
		loop_run(host.loop);
		assert_string_equal(host.peer.text, "[::1]");
		assert_true(host.peer.is_loopback);
		close(fd);
		close(probe);
	}
	listener_destroy(listener);
	loop_destroy(host.loop);
	close(host.fd);
}

/* Two workers share a port; a second process is told that it is taken. */
static void
a_port_is_shared_only_on_purpose(void **state)
{
	Loop	   *loop = loop_create();
	Host		host = {.loop = loop, .fd = -1};
	Error		error;
	Listener   *one = listener_create_tcp(loop, "127.0.0.1", 0, on_accepted, &host, &error);
	int			port = listener_port(one);
	Listener   *two = listener_create_tcp(loop, "127.0.0.1", port, on_accepted, &host, &error);

	assert_non_null(two);
	assert_int_equal(listener_port(two), port);
	assert_false(listener_check_tcp("127.0.0.1", port, &error));
	assert_non_null(strstr(error.message, strerror(EADDRINUSE)));
	assert_true(strlen(error.hint) > 0);
	listener_destroy(one);
	listener_destroy(two);
	assert_true(listener_check_tcp("127.0.0.1", port, &error));
	loop_destroy(loop);
}

static void
an_address_that_is_not_ours_is_an_error(void **state)
{
	Loop	   *loop = loop_create();
	Error		error;

	assert_null(listener_create_tcp(loop, "192.0.2.1", 0, on_accepted, NULL, &error));
	assert_non_null(strstr(error.message, "192.0.2.1"));
	assert_null(listener_create_tcp(loop, "not an address", 0, on_accepted, NULL, &error));
	assert_non_null(strstr(error.message, "not an address"));
	loop_destroy(loop);
}

static void
a_listener_may_be_destroyed_in_its_callback(void **state)
{
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Error		error;
	int			fds[3];

	host.to_destroy = listener_create_tcp(host.loop, "127.0.0.1", 0, on_accepted, &host, &error);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_tcp(AF_INET, listener_port(host.to_destroy));
	loop_run(host.loop);
	assert_int_equal(host.accepted, 1);
	loop_destroy(host.loop);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(host.fd);
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
	Host		host = {.loop = loop_create(), .wanted = 1, .fd = -1};
	Error		error;
	int			shared = listener_open_unix(dir, 6543, &error);
	Listener   *one = listener_create_unix(host.loop, shared, on_accepted, &host);
	Listener   *two = listener_create_unix(host.loop, shared, on_accepted, &host);
	char		path[128];
	struct stat status;
	int			fd;

	assert_true(shared >= 0);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.6543", dir);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0777);

	fd = connect_unix(dir, 6543);
	loop_run(host.loop);
	assert_int_equal(host.accepted, 1);
	assert_true(host.peer.is_unix);
	assert_true(host.peer.is_loopback);
	assert_string_equal(host.peer.text, "unix");
	listener_destroy(one);
	listener_destroy(two);
	loop_destroy(host.loop);
	close(fd);
	close(host.fd);
	close(shared);
	listener_remove_unix(dir, 6543);
}

static void
a_stale_socket_is_replaced_a_live_one_is_not(void **state)
{
	const char *dir = *state;
	Error		error;
	int			first = listener_open_unix(dir, 6543, &error);
	int			second;

	assert_true(first >= 0);
	assert_int_equal(listener_open_unix(dir, 6543, &error), -1);
	assert_non_null(strstr(error.message, "another server"));

	close(first);				/* as if killed: the file stays */
	second = listener_open_unix(dir, 6543, &error);
	assert_true(second >= 0);
	close(connect_unix(dir, 6543));
	close(second);
	listener_remove_unix(dir, 6543);
}

static void
paths_that_cannot_be_are_errors(void **state)
{
	char		long_dir[200];
	Error		error;

	memset(long_dir, 'x', sizeof(long_dir) - 1);
	long_dir[0] = '/';
	long_dir[sizeof(long_dir) - 1] = '\0';
	assert_int_equal(listener_open_unix(long_dir, 6543, &error), -1);
	assert_non_null(strstr(error.message, "too long"));
	assert_int_equal(listener_open_unix("/nonexistent", 6543, &error), -1);
	assert_true(strlen(error.hint) > 0);
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
	Error		error;
	Listener   *listener = listener_create_tcp(host.loop, "127.0.0.1", 0, on_accepted, &host, &error);
	int			fd = connect_tcp(AF_INET, listener_port(listener));
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
	listener_destroy(listener);
	loop_destroy(host.loop);
	close(fd);
	close(host.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_on_an_address),
		cmocka_unit_test(a_star_accepts_everything),
		cmocka_unit_test(a_port_is_shared_only_on_purpose),
		cmocka_unit_test(an_address_that_is_not_ours_is_an_error),
		cmocka_unit_test(a_listener_may_be_destroyed_in_its_callback),
		cmocka_unit_test_setup_teardown(a_unix_socket_is_open_to_all, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_a_live_one_is_not, make_dir, remove_dir),
		cmocka_unit_test(paths_that_cannot_be_are_errors),
		cmocka_unit_test(a_shortage_of_descriptors_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
