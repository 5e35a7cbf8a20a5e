/*-------------------------------------------------------------------------
 *
 * test_sockets.c
 *	  Listening sockets: opened, refused, handed on from one set to the next.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/sockets.h"

static int
port_of(const Sockets *sockets)
{
	return socket_port(sockets_get(sockets, 0)->fd);
}

static Sockets *
open_tcp(int port, int count)
{
	const SocketWish wish = {.address = "127.0.0.1", .port = port, .count = count};
	Sockets    *sockets = sockets_create();
	Error		error;

	if (!sockets_open_tcp(sockets, &wish, &error) || !sockets_listen(sockets, &error))
		fail_msg("%s", error.message);
	return sockets;
}

/* As through a door: descriptors of the same sockets. */
static Sockets *
hand_on(const Sockets *from)
{
	Sockets    *to = sockets_create();

	for (int i = 0; i < sockets_count(from); i++)
	{
		const ListenSocket *socket = sockets_get(from, i);

		sockets_hand(to, dup(socket->fd), socket->use, socket->kind);
	}
	return to;
}

static int
connect_tcp(int port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
accept_on_any(const Sockets *sockets)
{
	for (int i = 0; i < sockets_count(sockets); i++)
	{
		int			fd = accept4(sockets_get(sockets, i)->fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* Workers share a port; a second process is told that it is taken, unless both agreed. */
static void
a_port_is_shared_only_on_purpose(void **state)
{
	Sockets    *first = open_tcp(0, 3);
	Sockets    *second = sockets_create();
	SocketWish	wish = {.address = "127.0.0.1", .port = port_of(first), .count = 1};
	Error		error = {0};

	assert_int_equal(sockets_count(first), 3);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(socket_port(sockets_get(first, i)->fd), port_of(first));
		assert_int_equal(sockets_get(first, i)->share, i);
	}
	assert_false(sockets_open_tcp(second, &wish, &error));
	assert_non_null(strstr(error.message, strerror(EADDRINUSE)));
	assert_non_null(strstr(error.hint, "--takeover"));
	wish.beside_others = true;
	assert_true(sockets_open_tcp(second, &wish, &error));
	sockets_destroy(first);
	sockets_destroy(second);
}

/* HTTP is never shared with another process by chance. */
static void
a_port_of_http_is_taken_or_not(void **state)
{
	Sockets    *first = sockets_create();
	Sockets    *second = sockets_create();
	SocketWish	wish = {.address = "127.0.0.1", .use = SOCKET_HTTP, .count = 1};
	Error		error = {0};

	assert_true(sockets_open_tcp(first, &wish, &error) && sockets_listen(first, &error));
	wish.port = port_of(first);
	assert_false(sockets_open_tcp(second, &wish, &error));
	assert_non_null(strstr(error.message, "HTTP"));
	sockets_destroy(first);
	sockets_destroy(second);
}

/* A client that waits in a socket of the first is served by the second. */
static void
what_waits_is_handed_on(void **state)
{
	Sockets    *first = open_tcp(0, 2);
	int			port = port_of(first);
	Sockets    *second = hand_on(first);
	const SocketWish wish = {.address = "127.0.0.1", .port = port, .count = 2};
	int			clients[20];
	Error		error;

	for (int i = 0; i < 10; i++)
		clients[i] = connect_tcp(port);
	assert_true(sockets_open_tcp(second, &wish, &error));
	assert_true(sockets_listen(second, &error));
	sockets_destroy(first);
	for (int i = 10; i < 20; i++)
		clients[i] = connect_tcp(port);
	assert_int_equal(sockets_count(second), 2);
	for (int i = 0; i < 20; i++)
	{
		int			fd = accept_on_any(second);

		assert_true(clients[i] >= 0);
		assert_true(fd >= 0);
		close(fd);
		close(clients[i]);
	}
	sockets_destroy(second);
}

/* More workers: more sockets. Fewer: none is closed, the shares go round. */
static void
the_number_of_workers_may_change(void **state)
{
	Sockets    *first = open_tcp(0, 3);
	Sockets    *more = hand_on(first);
	Sockets    *fewer = hand_on(first);
	SocketWish	wish = {.address = "127.0.0.1", .port = port_of(first), .count = 5};
	Error		error;

	assert_true(sockets_open_tcp(more, &wish, &error) && sockets_listen(more, &error));
	assert_int_equal(sockets_count(more), 5);
	wish.count = 2;
	assert_true(sockets_open_tcp(fewer, &wish, &error) && sockets_listen(fewer, &error));
	assert_int_equal(sockets_count(fewer), 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sockets_get(more, i)->share, i);
	sockets_destroy(first);
	sockets_destroy(more);
	sockets_destroy(fewer);
}

/* What the configuration asks for no more is closed; the manager's sockets are kept, whatever it says. */
static void
only_what_is_wanted_is_kept(void **state)
{
	Sockets    *first = open_tcp(0, 1);
	Sockets    *other = open_tcp(0, 1);
	Sockets    *second = hand_on(first);
	const SocketWish wish = {.address = "127.0.0.1", .port = port_of(other), .count = 1, .beside_others = true};
	Error		error;

	assert_false(sockets_are_managed(second, SOCKET_CLIENTS));
	sockets_hand(second, dup(sockets_get(other, 0)->fd), SOCKET_HTTP, SOCKET_MANAGED);
	assert_true(sockets_are_managed(second, SOCKET_HTTP));
	assert_true(sockets_open_tcp(second, &wish, &error) && sockets_listen(second, &error));
	assert_int_equal(sockets_count(second), 2);
	assert_int_equal(sockets_get(second, 0)->kind, SOCKET_MANAGED);
	assert_int_equal(socket_port(sockets_get(second, 1)->fd), port_of(other));
	sockets_destroy(first);
	sockets_destroy(other);
	sockets_destroy(second);
}

/* ---------------------------------------------------------------- unix */

static int
make_dir(void **state)
{
	static char dir[32];

	strcpy(dir, "/tmp/andon-sockets-XXXXXX");
	*state = mkdtemp(dir);
	return *state == NULL;
}

static int
remove_dir(void **state)
{
	return rmdir(*state);
}

static bool
exists(const char *dir)
{
	char		path[128];
	struct stat status;

	snprintf(path, sizeof(path), "%s/.s.PGSQL.6543", dir);
	return stat(path, &status) == 0;
}

static void
a_stale_socket_is_replaced_a_live_one_is_not(void **state)
{
	Sockets    *first = sockets_create();
	Sockets    *second = sockets_create();
	Error		error;

	assert_true(sockets_open_unix(first, *state, 6543, &error));
	assert_false(sockets_open_unix(second, *state, 6543, &error));
	assert_non_null(strstr(error.message, "another server"));

	sockets_destroy(first);		/* as if killed: the file stays */
	assert_true(exists(*state));
	assert_true(sockets_open_unix(second, *state, 6543, &error));
	sockets_remove_unix(second);
	assert_false(exists(*state));
	sockets_destroy(second);
}

/* Who has handed its socket on, or lost its file to another, leaves the file alone. */
static void
the_file_of_another_is_left_alone(void **state)
{
	Sockets    *first = sockets_create();
	Sockets    *second;
	Sockets    *third = sockets_create();
	char		path[128];
	Error		error;

	assert_true(sockets_open_unix(first, *state, 6543, &error));
	second = hand_on(first);
	assert_true(sockets_open_unix(second, *state, 6543, &error));
	assert_int_equal(sockets_count(second), 1);
	sockets_leave_unix(first);
	sockets_remove_unix(first);
	assert_true(exists(*state));

	snprintf(path, sizeof(path), "%s/.s.PGSQL.6543", (const char *) *state);
	assert_int_equal(unlink(path), 0);
	assert_true(sockets_open_unix(third, *state, 6543, &error));
	sockets_remove_unix(second);
	assert_true(exists(*state));
	sockets_remove_unix(third);
	assert_false(exists(*state));
	sockets_destroy(first);
	sockets_destroy(second);
	sockets_destroy(third);
}

static void
paths_that_cannot_be_are_errors(void **state)
{
	Sockets    *sockets = sockets_create();
	char		long_dir[200];
	Error		error;

	memset(long_dir, 'x', sizeof(long_dir) - 1);
	long_dir[0] = '/';
	long_dir[sizeof(long_dir) - 1] = '\0';
	assert_false(sockets_open_unix(sockets, long_dir, 6543, &error));
	assert_non_null(strstr(error.message, "too long"));
	assert_false(sockets_open_unix(sockets, "/nonexistent", 6543, &error));
	assert_true(strlen(error.hint) > 0);
	sockets_destroy(sockets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_shared_only_on_purpose),
		cmocka_unit_test(a_port_of_http_is_taken_or_not),
		cmocka_unit_test(what_waits_is_handed_on),
		cmocka_unit_test(the_number_of_workers_may_change),
		cmocka_unit_test(only_what_is_wanted_is_kept),
		cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_a_live_one_is_not, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_file_of_another_is_left_alone, make_dir, remove_dir),
		cmocka_unit_test(paths_that_cannot_be_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
