/*-------------------------------------------------------------------------
 *
 * http_app.c
 *	  What the router says over HTTP: a table of paths and who answers them.
 *
 *-------------------------------------------------------------------------
 */
#include "http/http_app.h"

#include <string.h>

#include "base/memory.h"
#include "net/http_server.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"
#define METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"

struct HttpApp
{
	HttpServer *server;			/* owned */
	HttpAppSource source;
};

typedef struct Route
{
	const char *path;
	void		(*handle) (HttpApp *app, HttpRequest *request);
} Route;

static void handle_request(void *arg, HttpRequest *request);
static void handle_live(HttpApp *app, HttpRequest *request);
static void handle_ready(HttpApp *app, HttpRequest *request);
static void handle_metrics(HttpApp *app, HttpRequest *request);
static void on_metrics_done(void *done_arg, Slice text);
static void reply_text(HttpRequest *request, int status, const char *text);

static const Route routes[] = {
	{"/live", handle_live},
	{"/ready", handle_ready},
	{"/metrics", handle_metrics},
};

HttpApp *
http_app_create(Loop *loop, int fd, const HttpAppSource *source, Error *error)
{
	HttpApp    *app = mem_alloc(sizeof(HttpApp));

	app->source = *source;
	app->server = http_server_create(loop, fd, handle_request, app, error);
	if (app->server == NULL)
	{
		mem_free(app);
		return NULL;
	}
	return app;
}

void
http_app_destroy(HttpApp *app)
{
	if (app == NULL)
		return;
	http_server_destroy(app->server);
	mem_free(app);
}

void
http_app_stop_listening(HttpApp *app)
{
	http_server_stop_listening(app->server);
}

static void
handle_request(void *arg, HttpRequest *request)
{
	const char *path = http_request_path(request);

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(path, routes[i].path) == 0)
		{
			routes[i].handle(arg, request);
			return;
		}
	reply_text(request, 404, "There is /live, /ready and /metrics.\n");
}

static void
handle_live(HttpApp *app, HttpRequest *request)
{
	reply_text(request, 200, "live\n");
}

static void
handle_ready(HttpApp *app, HttpRequest *request)
{
	if (app->source.is_ready(app->source.arg))
		reply_text(request, 200, "ready\n");
	else
		reply_text(request, 503, "not ready: no primary and no replica takes work\n");
}

static void
handle_metrics(HttpApp *app, HttpRequest *request)
{
	app->source.render_metrics(app->source.arg, on_metrics_done, request);
}

static void
on_metrics_done(void *done_arg, Slice text)
{
	http_reply(done_arg, 200, METRICS_TEXT, text);
}

static void
reply_text(HttpRequest *request, int status, const char *text)
{
	http_reply(request, status, PLAIN_TEXT, slice_from_string(text));
}
