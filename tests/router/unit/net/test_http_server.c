/*-------------------------------------------------------------------------
 *
 * test_http_server.c
 *	  The HTTP server: methods, late answers, limits.
 *
 * Requests are written by hand on plain sockets, so that what is tested is
 * what goes over the wire.
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
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/http_server.h"
#include "net/sockets.h"
#include "router/unit/net/turns.h"

#define MANY 140				/* more than the server takes at once */

typedef struct Site
{
	Loop	   *loop;
	Sockets    *sockets;
	HttpServer *server;
	HttpRequest *kept;
	int			handled;
	char		path[128];
} Site;

static void
handle(void *arg, HttpRequest *request)
{
	Site	   *site = arg;

	site->handled++;
	snprintf(site->path, sizeof(site->path), "%s", http_request_path(request));
	if (strcmp(site->path, "/keep") == 0)
		site->kept = request;
	else
		http_reply(request, 200, "text/plain; charset=utf-8", slice_from_string("hello"));
}

static int
site_port(const Site *site)
{
	return socket_port(sockets_get(site->sockets, 0)->fd);
}

static int
open_site(void **state)
{
	Site	   *site = calloc(1, sizeof(Site));
	const SocketWish wish = {.address = "127.0.0.1", .use = SOCKET_HTTP, .count = 1};
	Error		error;

	site->loop = loop_create();
	site->sockets = sockets_create();
	if (!sockets_open_tcp(site->sockets, &wish, &error) || !sockets_listen(site->sockets, &error))
		return 1;
	site->server = http_server_create(site->loop, sockets_get(site->sockets, 0)->fd, handle, site, &error);
	*state = site;
	return site->server == NULL;
}

static int
close_site(void **state)
{
	Site	   *site = *state;

	http_server_destroy(site->server);
	loop_destroy(site->loop);
	sockets_destroy(site->sockets);
	free(site);
	return 0;
}

static void
run_turn(Loop *loop)
{
	loop_stop(loop);
	loop_run(loop);				/* what was posted */
}

static int
connect_to(const Site *site)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) site_port(site)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads what is there; false at the end of the connection. */
static bool
hear(int fd, Buf *into)
{
	ssize_t		n;

	while ((n = recv(fd, buf_reserve(into, 4096), 4096, 0)) > 0)
		buf_commit(into, (size_t) n);
	return n < 0 && errno == EAGAIN;
}

/* The whole answer to a request that asks for the connection to be closed. */
static const char *
ask(Site *site, const char *request)
{
	static char answer[65536];
	Buf			buf = BUF_INIT;
	int			fd = connect_to(site);

	say(fd, request);
	wait_until(site->loop, !hear(fd, &buf));
	assert_true(buf_len(&buf) < sizeof(answer));
	memcpy(answer, buf_slice(&buf).data, buf_len(&buf));
	answer[buf_len(&buf)] = '\0';
	buf_release(&buf);
	close(fd);
	return answer;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, text);
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void
get_is_answered(void **state)
{
	Site	   *site = *state;
	const char *answer = ask(site, "GET /a/path?query=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_has(answer, "Content-Type: text/plain; charset=utf-8\r\n");
	assert_has(answer, "Content-Length: 5\r\n");
	assert_string_equal(body_of(answer), "hello");
	assert_string_equal(site->path, "/a/path");
}

static void
head_has_the_headers_and_no_body(void **state)
{
	const char *answer = ask(*state, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_has(answer, "Content-Length: 5\r\n");
	assert_string_equal(body_of(answer), "");
}

static void
other_methods_are_refused(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
	Site	   *site = *state;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		char		request[128];
		const char *answer;

		snprintf(request, sizeof(request),
				 "%s / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", methods[i]);
		answer = ask(site, request);
		assert_has(answer, "HTTP/1.1 405 ");
		assert_has(answer, "Allow: GET, HEAD\r\n");
	}
	assert_int_equal(site->handled, 0);
}

static void
long_headers_and_bodies_are_refused(void **state)
{
	Site	   *site = *state;
	size_t		len = 40 * 1024;
	char	   *request = malloc(len + 256);
	const char *answer;

	strcpy(request, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
	memset(request + strlen(request), 'a', len);
	strcpy(request + strlen("GET / HTTP/1.1\r\nHost: x\r\nX-Long: ") + len, "\r\n\r\n");
	answer = ask(site, request);
	assert_has(answer, " 400 ");

	answer = ask(site, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
	assert_has(answer, " 413 ");
	assert_int_equal(site->handled, 0);
	free(request);
}

static void
nonsense_does_not_hurt(void **state)
{
	static const char *const nonsense[] = {
		"\r\n\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n", "GET ://///:: HTTP/1.1\r\n\r\n", "Q\x01\x01SELECT 1\r\n\r\n"
	};
	Site	   *site = *state;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
	{
		int			fd = connect_to(site);

		say(fd, nonsense[i]);
		for (int j = 0; j < 10; j++)
			turn_loop(site->loop);
		close(fd);
	}
	assert_has(ask(site, "GET / HTTP/1.0\r\n\r\n"), " 200 ");
}

static void
an_answer_may_come_later(void **state)
{
	Site	   *site = *state;
	Buf			buf = BUF_INIT;
	int			fd = connect_to(site);

	say(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_until(site->loop, site->kept != NULL);
	assert_true(hear(fd, &buf));
	assert_int_equal(buf_len(&buf), 0);
	http_reply(site->kept, 200, "text/plain", slice_from_string("late"));
	wait_until(site->loop, (hear(fd, &buf), buf_len(&buf) > 0));
	buf_append_u8(&buf, 0);
	assert_string_equal(body_of(buf_slice(&buf).data), "late");
	buf_release(&buf);
	close(fd);
}

static void
the_client_may_be_gone_when_the_answer_comes(void **state)
{
	Site	   *site = *state;
	int			fd = connect_to(site);

	say(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_until(site->loop, site->kept != NULL);
	close(fd);
	for (int i = 0; i < 10; i++)
		turn_loop(site->loop);
	http_reply(site->kept, 200, "text/plain", slice_from_string("nobody hears"));
	for (int i = 0; i < 10; i++)
		turn_loop(site->loop);
	assert_has(ask(site, "GET / HTTP/1.0\r\n\r\n"), " 200 ");
}

static void
the_server_may_be_gone_when_the_answer_comes(void **state)
{
	Site	   *site = *state;
	int			fd = connect_to(site);
	char		byte;

	say(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_until(site->loop, site->kept != NULL);
	http_server_destroy(site->server);
	site->server = NULL;
	wait_until(site->loop, recv(fd, &byte, 1, 0) == 0);
	http_reply(site->kept, 200, "text/plain", slice_from_string("nobody hears"));
	run_turn(site->loop);
	close(fd);
}

/* Connections beyond the limit wait until others end; all are served. */
static void
connections_beyond_the_limit_wait(void **state)
{
	Site	   *site = *state;
	int			fds[MANY];
	int			answered = 0;
	Buf			buf = BUF_INIT;

	for (int i = 0; i < MANY; i++)
	{
		fds[i] = connect_to(site);
		say(fds[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");	/* kept open */
		turn_loop(site->loop);		/* the backlog is not longer than the limit */
	}
	wait_until(site->loop, site->handled >= 128);
	for (int i = 0; i < 50; i++)
		turn_loop(site->loop);
	assert_int_equal(site->handled, 128);
	for (int i = 0; i < MANY / 2; i++)
		close(fds[i]);
	wait_until(site->loop, site->handled == MANY);
	for (int i = MANY / 2; i < MANY; i++)
	{
		wait_until(site->loop, (hear(fds[i], &buf), buf_len(&buf) > 0));
		buf_clear(&buf);
		answered++;
		close(fds[i]);
	}
	assert_int_equal(answered, MANY - MANY / 2);
	buf_release(&buf);
}

/* While another process takes its place: no new connections, and an open one ends with its answer. */
static void
one_that_stops_listening_answers_once_more(void **state)
{
	Site	   *site = *state;
	int			open_before = connect_to(site);
	int			fd;
	Buf			buf = BUF_INIT;

	say(open_before, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_until(site->loop, site->handled == 1);
	wait_until(site->loop, (hear(open_before, &buf), buf_len(&buf) > 0));
	buf_clear(&buf);
	http_server_stop_listening(site->server);
	fd = connect_to(site);
	say(fd, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
	say(open_before, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_until(site->loop, !hear(open_before, &buf));
	buf_append(&buf, slice_make("", 1));
	assert_non_null(strstr(buf_slice(&buf).data, "Connection: close"));
	assert_string_equal(site->path, "/again");
	assert_int_equal(site->handled, 2);
	close(fd);
	close(open_before);
	buf_release(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(get_is_answered, open_site, close_site),
		cmocka_unit_test_setup_teardown(head_has_the_headers_and_no_body, open_site, close_site),
		cmocka_unit_test_setup_teardown(other_methods_are_refused, open_site, close_site),
		cmocka_unit_test_setup_teardown(long_headers_and_bodies_are_refused, open_site, close_site),
		cmocka_unit_test_setup_teardown(nonsense_does_not_hurt, open_site, close_site),
		cmocka_unit_test_setup_teardown(an_answer_may_come_later, open_site, close_site),
		cmocka_unit_test_setup_teardown(the_client_may_be_gone_when_the_answer_comes, open_site, close_site),
		cmocka_unit_test_setup_teardown(the_server_may_be_gone_when_the_answer_comes, open_site, close_site),
		cmocka_unit_test_setup_teardown(connections_beyond_the_limit_wait, open_site, close_site),
		cmocka_unit_test_setup_teardown(one_that_stops_listening_answers_once_more, open_site, close_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
