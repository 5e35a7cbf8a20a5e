/*-------------------------------------------------------------------------
 *
 * test_connect.c
 *	  Streams that connect: to addresses and names, to nobody, and how TCP ends.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int
listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	len = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void
connects_to(const char *host)
{
	int			port;
	int			listening = listen_somewhere(&port);
	Owner	   *a = owner_connect(host, port);
	char		text[16];

	owner_write(a, "early", 5);		/* sent when it is connected */
	run_until(a->connected + a->closed == 1);
	assert_int_equal(a->connected, 1);
	a->fd = accept(listening, NULL, NULL);
	assert_int_equal(recv(a->fd, text, sizeof(text), 0), 5);
	peer_send(a, "hello");
	run_until(a->shows == 1);
	owner_assert_seen(a, "hello");
	close(listening);
}

static void
connects_to_an_address(void **state)
{
	connects_to("127.0.0.1");
}

/* localhost may be ::1 first, where nobody listens: the next address is tried. */
static void
connects_to_a_name(void **state)
{
	connects_to("localhost");
}

static void
refused(const char *host, int port)
{
	Owner	   *a = owner_connect(host, port);

	assert_int_equal(a->closed, 0);
	run_until(a->closed == 1);
	assert_int_equal(a->connected, 0);
	assert_true(strlen(a->why) > 0);
}

static void
a_failed_connect_is_told_later(void **state)
{
	int			port;
	int			listening = listen_somewhere(&port);

	close(listening);
	refused("127.0.0.1", port);
	refused("localhost", port);
	refused("/nonexistent", port);
	refused("/a-directory-with-a-name-that-is-longer-than-what-the-system-takes-for-"
			"the-path-of-a-unix-socket-by-far-and-then-some", port);
	refused("no such host", port);
}

static void
connecting_can_be_given_up(void **state)
{
	const char *hosts[] = {"127.0.0.1", "localhost", "/nonexistent", "no such host"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		int			port;
		int			listening = listen_somewhere(&port);
		Owner	   *a = owner_connect(hosts[i], port);

		stream_destroy(a->stream, i % 2 == 0 ? STREAM_FLUSH : STREAM_DROP);
		a->stream = NULL;
		run_turns(10);
		assert_int_equal(a->connected + a->closed, 0);
		close(listening);
	}
}

/* The peer resets the connection: told with the system's words, no signal. */
static void
a_reset_is_told(void **state)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int			port;
	int			listening = listen_somewhere(&port);
	Owner	   *a = owner_connect("127.0.0.1", port);

	run_until(a->connected == 1);
	a->fd = accept(listening, NULL, NULL);
	assert_int_equal(setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	peer_close(a);
	run_until(a->closed == 1);
	assert_string_equal(a->why, strerror(ECONNRESET));
	close(listening);
}

/* Bytes we did not read must not turn our close into a reset that takes our
 * last words from the peer. */
static void
a_clean_end_is_not_a_reset(void **state)
{
	int			port;
	int			listening = listen_somewhere(&port);
	Owner	   *a = owner_connect("127.0.0.1", port);
	char		text[16];

	run_until(a->connected == 1);
	a->fd = accept(listening, NULL, NULL);
	stream_pause(a->stream);
	peer_send(a, "something that is never read");
	owner_write(a, "FATAL", 5);
	owner_flush(a);
	run_turns(2);
	assert_int_equal(recv(a->fd, text, sizeof(text), 0), 5);
	assert_int_equal(recv(a->fd, text, sizeof(text), 0), 0);
	close(listening);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, owners_setup, owners_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connects_to_an_address),
		TEST(connects_to_a_name),
		TEST(a_failed_connect_is_told_later),
		TEST(connecting_can_be_given_up),
		TEST(a_reset_is_told),
		TEST(a_clean_end_is_not_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
