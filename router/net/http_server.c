/*-------------------------------------------------------------------------
 *
 * http_server.c
 *	  A small HTTP server on a loop, for metrics and health.
 *
 * evhttp speaks HTTP.  It does not count its connections, so each one gets a
 * bufferevent with a filter that filters nothing, of which libevent tells us
 * the end; at the limit the listener rests until one has ended, and who comes
 * waits in the backlog.
 *
 * A request that is kept may lose its connection: evhttp then frees what is
 * its own, and we are told by the connection's close callback.  So
 * HttpRequest, which the handler holds, is ours and outlives it.
 *
 *-------------------------------------------------------------------------
 */
#include "net/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "base/list.h"
#include "base/memory.h"
#include "net/loop_internal.h"

#define HEADERS_MAX (16 * 1024)
#define BODY_MAX (16 * 1024)
#define IDLE_SECS 15
#define CONNECTIONS_MAX 128

/*
 * What the connections have in common.  It outlives the server until the last
 * of them has ended, since libevent ends them in a later turn.
 */
typedef struct Connections
{
	struct event_base *base;
	struct evconnlistener *listener;	/* NULL: the server is gone */
	int			count;
} Connections;

struct HttpServer
{
	struct evhttp *http;		/* owned */
	struct evhttp_bound_socket *bound;	/* http's */
	HttpHandler handler;
	void	   *arg;
	Connections *connections;	/* owned together with the connections */
	List		kept;			/* of HttpRequest */
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
static void on_connection_end(void *arg);
static void on_request(struct evhttp_request *request, void *arg);
static bool is_allowed(struct evhttp_request *request);
static void refuse_method(struct evhttp_request *request);
static void on_client_gone(struct evhttp_connection *connection, void *arg);
static void let_go(HttpRequest *kept);
static const char *reason_of(int status);

HttpServer *
http_server_create(Loop *loop, const char *address, int port,
				   HttpHandler handler, void *arg, Error *error)
{
	HttpServer *server = mem_alloc(sizeof(HttpServer));

	list_init(&server->kept);
	server->handler = handler;
	server->arg = arg;
	server->connections = mem_alloc(sizeof(Connections));
	server->http = evhttp_new(loop_event_base(loop));
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_timeout(server->http, IDLE_SECS);

	/* All methods come to us: evhttp would answer the others with 501. */
	evhttp_set_allowed_methods(server->http, 0xFFFF);
	evhttp_set_gencb(server->http, on_request, server);
	evhttp_set_bevcb(server->http, on_connection, server->connections);

	server->bound = evhttp_bind_socket_with_handle(server->http, strcmp(address, "*") == 0 ? NULL : address,
												   (unsigned short) port);
	if (server->bound == NULL)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not listen on \"%s\" port %d for HTTP: %s",
				  address, port, strerror(errno));
		error_set_hint(error, "Choose another http_addr or http_port.");
		http_server_destroy(server);
		return NULL;
	}
	server->connections->listener = evhttp_bound_socket_get_listener(server->bound);
	return server;
}

void
http_server_destroy(HttpServer *server)
{
	ListNode   *node;
	Connections *connections;

	if (server == NULL)
		return;
	while ((node = list_first(&server->kept)) != NULL)
		let_go(list_entry(node, HttpRequest, node));

	connections = server->connections;
	connections->listener = NULL;
	connections->count++;		/* ours: it may not be freed before evhttp has */
	evhttp_free(server->http);
	on_connection_end(connections);
	mem_free(server);
}

int
http_server_port(const HttpServer *server)
{
	struct sockaddr_storage bound;
	socklen_t	len = sizeof(bound);

	if (getsockname(evhttp_bound_socket_get_fd(server->bound), (struct sockaddr *) &bound, &len) < 0)
		return 0;
	return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &bound)->sin6_port :
				 ((struct sockaddr_in *) &bound)->sin_port);
}

/* ---------------------------------------------------------------- connections */

static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	Connections *connections = arg;
	struct bufferevent *socket = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct bufferevent *counted;

	if (socket == NULL)
		return NULL;
	counted = bufferevent_filter_new(socket, NULL, NULL, BEV_OPT_CLOSE_ON_FREE,
									 on_connection_end, connections);
	if (counted == NULL)
	{
		bufferevent_free(socket);
		return NULL;
	}
	if (++connections->count == CONNECTIONS_MAX)
		evconnlistener_disable(connections->listener);
	return counted;
}

static void
on_connection_end(void *arg)
{
	Connections *connections = arg;

	connections->count--;
	if (connections->listener != NULL)
		evconnlistener_enable(connections->listener);
	else if (connections->count == 0)
		mem_free(connections);
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
