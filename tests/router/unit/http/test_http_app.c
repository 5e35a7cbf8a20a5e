/*-------------------------------------------------------------------------
 *
 * test_http_app.c
 *	  /live, /ready, /metrics, and metrics that take their time.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/http_app.h"
#include "net/sockets.h"
#include "net/stream.h"
#include "router/unit/net/turns.h"

typedef struct Site
{
	Loop	   *loop;
	Sockets    *sockets;
	HttpApp    *app;
	bool		is_ready;
	bool		is_slow;		/* metrics wait for render_now() */
	HttpMetricsDone done;
	void	   *done_arg;

	/* the client's side */
	Buf			answer;
	bool		is_closed;
} Site;

static bool
is_ready(void *arg)
{
	return ((Site *) arg)->is_ready;
}

static void
render_now(Site *site)
{
	site->done(site->done_arg, slice_from_string("andon_router_up 1\n"));
	site->done = NULL;
}

static void
render_metrics(void *arg, HttpMetricsDone done, void *done_arg)
{
	Site	   *site = arg;

	site->done = done;
	site->done_arg = done_arg;
	if (!site->is_slow)
		render_now(site);
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
	const HttpAppSource source = {is_ready, render_metrics, site};
	const SocketWish wish = {.address = "127.0.0.1", .use = SOCKET_HTTP, .count = 1};
	Error		error;

	site->loop = loop_create();
	site->sockets = sockets_create();
	if (!sockets_open_tcp(site->sockets, &wish, &error) || !sockets_listen(site->sockets, &error))
		return 1;
	site->app = http_app_create(site->loop, sockets_get(site->sockets, 0)->fd, &source, &error);
	*state = site;
	return site->app == NULL;
}

static int
close_site(void **state)
{
	Site	   *site = *state;

	http_app_destroy(site->app);
	loop_destroy(site->loop);
	sockets_destroy(site->sockets);
	buf_release(&site->answer);
	free(site);
	return 0;
}

/* ---------------------------------------------------------------- the client */

static size_t
on_data(void *arg, Slice data)
{
	buf_append(&((Site *) arg)->answer, data);
	return data.len;
}

static void
on_closed(void *arg, const char *why)
{
	((Site *) arg)->is_closed = true;
}

static const StreamEvents events = {.on_data = on_data, .on_closed = on_closed};

static Stream *
ask(Site *site, const char *path)
{
	Stream	   *stream = stream_connect(site->loop, "127.0.0.1", site_port(site), &events, site);
	char		request[128];

	site->is_closed = false;
	buf_clear(&site->answer);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	stream_write(stream, slice_from_string(request));
	return stream;
}

static void
assert_answer(Site *site, const char *path, const char *status, const char *part)
{
	Stream	   *stream = ask(site, path);
	const char *text;

	wait_until(site->loop, site->is_closed);
	stream_destroy(stream, STREAM_DROP);
	buf_append_u8(&site->answer, 0);
	text = buf_slice(&site->answer).data;
	if (strstr(text, status) == NULL || strstr(text, part) == NULL)
		fail_msg("%s: no \"%s\" with \"%s\" in: %s", path, status, part, text);
}

static void
live_is_live(void **state)
{
	assert_answer(*state, "/live", "HTTP/1.1 200 ", "live\n");
}

static void
ready_is_what_the_source_says(void **state)
{
	Site	   *site = *state;

	assert_answer(site, "/ready", "HTTP/1.1 503 ", "not ready");
	site->is_ready = true;
	assert_answer(site, "/ready", "HTTP/1.1 200 ", "ready\n");
	assert_answer(site, "/ready?verbose", "HTTP/1.1 200 ", "ready\n");
}

static void
metrics_are_rendered(void **state)
{
	assert_answer(*state, "/metrics", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
				  "andon_router_up 1\n");
}

static void
other_paths_are_not_there(void **state)
{
	assert_answer(*state, "/", "HTTP/1.1 404 ", "/metrics");
	assert_answer(*state, "/live/", "HTTP/1.1 404 ", "/live");
	assert_answer(*state, "/%6cive", "HTTP/1.1 404 ", "/live");
}

static void
metrics_may_take_their_time(void **state)
{
	Site	   *site = *state;
	Stream	   *stream;

	site->is_slow = true;
	stream = ask(site, "/metrics");
	wait_until(site->loop, site->done != NULL);
	assert_int_equal(buf_len(&site->answer), 0);
	render_now(site);
	wait_until(site->loop, site->is_closed);
	buf_append_u8(&site->answer, 0);
	assert_non_null(strstr(buf_slice(&site->answer).data, "andon_router_up 1\n"));
	stream_destroy(stream, STREAM_DROP);
}

static void
metrics_may_come_after_the_end(void **state)
{
	Site	   *site = *state;
	Stream	   *stream;

	site->is_slow = true;
	stream = ask(site, "/metrics");
	wait_until(site->loop, site->done != NULL);
	http_app_destroy(site->app);
	site->app = NULL;
	render_now(site);
	wait_until(site->loop, site->is_closed);
	assert_int_equal(buf_len(&site->answer), 0);
	stream_destroy(stream, STREAM_DROP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(live_is_live, open_site, close_site),
		cmocka_unit_test_setup_teardown(ready_is_what_the_source_says, open_site, close_site),
		cmocka_unit_test_setup_teardown(metrics_are_rendered, open_site, close_site),
		cmocka_unit_test_setup_teardown(other_paths_are_not_there, open_site, close_site),
		cmocka_unit_test_setup_teardown(metrics_may_take_their_time, open_site, close_site),
		cmocka_unit_test_setup_teardown(metrics_may_come_after_the_end, open_site, close_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
