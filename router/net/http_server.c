/*-------------------------------------------------------------------------
 *
 * http_server.c
 *	  A small HTTP server on a loop, for metrics and health.
 *
 * evhttp speaks HTTP.  It neither limits its connections nor tells when one
 * has ended.  So each takes a seat, which remembers its socket; when all seats
 * are taken the listener rests, who comes waits in the backlog, and now and
 * then it is looked which of the sockets are gone.
 *
 * A request that is kept may lose its connection: evhttp then frees what is
 * its own, and we are told by the connection's close callback.  So
 * HttpRequest, which the handler holds, is ours and outlives it.
 *
 *-------------------------------------------------------------------------
 */
#include "net/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "net/loop_internal.h"

#define HEADERS_MAX (16 * 1024)
#define BODY_MAX (16 * 1024)
#define IDLE_SECS 15
#define CONNECTIONS_MAX 128
#define SWEEP_US (50 * US_PER_MS)

/* Of one connection; a descriptor's number may be reused, a cookie is its own. */
typedef struct Seat
{
	struct bufferevent *newcomer;	/* a reference; not NULL until its socket is known */
	int			fd;				/* -1: the seat is free */
	uint64_t	cookie;
} Seat;

struct HttpServer
{
	Loop	   *loop;
	struct evhttp *http;		/* owned */
	struct evhttp_bound_socket *bound;	/* http's; NULL: takes no more connections */
	HttpHandler handler;
	void	   *arg;
	List		kept;			/* of HttpRequest */
	LoopTimer  *sweep;			/* owned; runs while all seats are taken */
	bool		is_settling;	/* settle_newcomers() will run in this turn */
	Seat		seats[CONNECTIONS_MAX];
};

struct HttpRequest
{
	ListNode	node;			/* in server->kept while request is not NULL */
	HttpServer *server;
	struct evhttp_request *request; /* NULL: the client or the server has gone */
	char	   *path;			/* owned */
	bool		is_head;
};

static struct bufferevent *on_connection(struct event_base *base, void *arg);
static Seat *find_free_seat(HttpServer *server);
static void settle_newcomers(void *arg);
static void on_sweep(void *arg);
static bool is_taken(const Seat *seat);
static bool find_cookie(int fd, uint64_t *cookie);
static void server_free(void *arg);
static void on_request(struct evhttp_request *request, void *arg);
static bool is_allowed(struct evhttp_request *request);
static void refuse_method(struct evhttp_request *request);
static void on_client_gone(struct evhttp_connection *connection, void *arg);
static void let_go(HttpRequest *kept);
static const char *reason_of(int status);

HttpServer *
http_server_create(Loop *loop, int fd, HttpHandler handler, void *arg, Error *error)
{
	HttpServer *server = mem_alloc(sizeof(HttpServer));
	int			own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	list_init(&server->kept);
	server->handler = handler;
	server->arg = arg;
	server->loop = loop;
	server->sweep = loop_timer_create(loop, on_sweep, server);
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		server->seats[i].fd = -1;
	server->http = evhttp_new(loop_event_base(loop));
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_timeout(server->http, IDLE_SECS);

	/* All methods come to us: evhttp would answer the others with 501. */
	evhttp_set_allowed_methods(server->http, 0xFFFF);
	evhttp_set_gencb(server->http, on_request, server);
	evhttp_set_bevcb(server->http, on_connection, server);

	if (own_fd >= 0)
		server->bound = evhttp_accept_socket_with_handle(server->http, own_fd);
	if (server->bound == NULL)
	{
		error_set(error, SQLSTATE_INSUFFICIENT_RESOURCES, "could not serve HTTP: %s", strerror(errno));
		if (own_fd >= 0)
			close(own_fd);
		http_server_destroy(server);
		return NULL;
	}
	return server;
}

void
http_server_destroy(HttpServer *server)
{
	ListNode   *node;

	if (server == NULL)
		return;
	while ((node = list_first(&server->kept)) != NULL)
		let_go(list_entry(node, HttpRequest, node));

	evhttp_free(server->http);
	loop_timer_stop(server->sweep);
	loop_later(server->loop, server_free, server);
}

static void
server_free(void *arg)
{
	HttpServer *server = arg;

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (server->seats[i].newcomer != NULL)
			bufferevent_decref(server->seats[i].newcomer);
	loop_timer_destroy(server->sweep);
	mem_free(server);
}

void
http_server_stop_listening(HttpServer *server)
{
	if (server->bound != NULL)
		evhttp_del_accept_socket(server->http, server->bound);
	server->bound = NULL;
	loop_timer_stop(server->sweep);
}

/* ---------------------------------------------------------------- connections */

/* evhttp gives the bufferevent its socket after this: look at it later. */
static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	HttpServer *server = arg;
	struct bufferevent *newcomer = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	Seat	   *seat = find_free_seat(server);

	if (newcomer == NULL || seat == NULL)
		return newcomer;
	bufferevent_incref(newcomer);
	seat->newcomer = newcomer;
	if (!server->is_settling)
		loop_later(server->loop, settle_newcomers, server);
	server->is_settling = true;
	if (find_free_seat(server) == NULL && server->bound != NULL)
	{
		evconnlistener_disable(evhttp_bound_socket_get_listener(server->bound));
		loop_timer_start(server->sweep, SWEEP_US);
	}
	return newcomer;
}

static Seat *
find_free_seat(HttpServer *server)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (server->seats[i].newcomer == NULL && server->seats[i].fd < 0)
			return &server->seats[i];
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (!is_taken(&server->seats[i]))
			return &server->seats[i];
	return NULL;
}

static void
settle_newcomers(void *arg)
{
	HttpServer *server = arg;

	server->is_settling = false;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
	{
		Seat	   *seat = &server->seats[i];

		if (seat->newcomer == NULL)
			continue;
		seat->fd = bufferevent_getfd(seat->newcomer);
		if (seat->fd < 0 || !find_cookie(seat->fd, &seat->cookie))
			seat->fd = -1;
		bufferevent_decref(seat->newcomer);
		seat->newcomer = NULL;
	}
}

static void
on_sweep(void *arg)
{
	HttpServer *server = arg;

	if (server->bound == NULL)
		return;
	if (find_free_seat(server) != NULL)
		evconnlistener_enable(evhttp_bound_socket_get_listener(server->bound));
	else
		loop_timer_start(server->sweep, SWEEP_US);
}

static bool
is_taken(const Seat *seat)
{
	uint64_t	cookie;

	if (seat->newcomer != NULL)
		return true;
	return seat->fd >= 0 && find_cookie(seat->fd, &cookie) && cookie == seat->cookie;
}

/* The kernel's number of a socket, which no other socket ever has; false: it is none, or closed. */
static bool
find_cookie(int fd, uint64_t *cookie)
{
	socklen_t	size = sizeof(*cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) == 0;
}

/* ---------------------------------------------------------------- requests */

static void
on_request(struct evhttp_request *request, void *arg)
{
	HttpServer *server = arg;
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	HttpRequest *kept;

	if (!is_allowed(request))
	{
		refuse_method(request);
		return;
	}
	kept = mem_alloc(sizeof(HttpRequest));
	kept->server = server;
	kept->request = request;
	kept->path = mem_strdup(path != NULL && *path != '\0' ? path : "/");
	kept->is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
	list_push_tail(&server->kept, &kept->node);
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_client_gone, kept);
	server->handler(server->arg, kept);
}

static bool
is_allowed(struct evhttp_request *request)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(request);

	return command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD;
}

static void
refuse_method(struct evhttp_request *request)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
	evhttp_send_reply(request, 405, "Method Not Allowed", NULL);
}

static void
on_client_gone(struct evhttp_connection *connection, void *arg)
{
	let_go(arg);
}

/* The answer, when it comes, has nowhere to go. */
static void
let_go(HttpRequest *kept)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(kept->request), NULL, NULL);
	list_remove(&kept->server->kept, &kept->node);
	kept->request = NULL;
	kept->server = NULL;
}

const char *
http_request_path(const HttpRequest *request)
{
	return request->path;
}

void
http_reply(HttpRequest *kept, int status, const char *content_type, Slice body)
{
	struct evhttp_request *request = kept->request;

	if (request != NULL)
	{
		struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
		struct evbuffer *content = evbuffer_new();
		char		length[24];

		evbuffer_add(content, body.data, kept->is_head ? 0 : body.len);
		evutil_snprintf(length, sizeof(length), "%zu", body.len);
		evhttp_add_header(headers, "Content-Type", content_type);
		evhttp_add_header(headers, "Content-Length", length);
		evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
		evhttp_add_header(headers, "Cache-Control", "no-store");
		if (kept->server->bound == NULL)
			evhttp_add_header(headers, "Connection", "close");
		let_go(kept);
		evhttp_send_reply(request, status, reason_of(status), content);
		evbuffer_free(content);
	}
	mem_free(kept->path);
	mem_free(kept);
}

static const char *
reason_of(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 404:
			return "Not Found";
		case 500:
			return "Internal Server Error";
		case 503:
			return "Service Unavailable";
		default:
			return "Status";
	}
}
