/*-------------------------------------------------------------------------
 *
 * http_server.h
 *	  A small HTTP server on a loop (evhttp), for metrics and health.
 *
 * GET and HEAD only, everything else is answered with 405; a HEAD is answered
 * like a GET without the body.  Header and body sizes, the time a connection
 * may idle and the number of connections are limited.  A handler answers at
 * once or keeps the request and answers later, in the same thread; a request
 * whose client has gone, or whose server, may still be answered (nothing is
 * sent).  Every request must be answered once: that frees it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_HTTP_SERVER_H
#define ROUTER_NET_HTTP_SERVER_H

#include "base/error.h"
#include "base/slice.h"
#include "net/loop.h"

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef void (*HttpHandler) (void *arg, HttpRequest *request);

/* fd: a listening socket (net/sockets.h); it stays the caller's.  NULL: it failed. */
extern HttpServer *http_server_create(Loop *loop, int fd, HttpHandler handler, void *arg, Error *error);
extern void http_server_destroy(HttpServer *server);	/* NULL is fine */

/* Another process takes connections from that socket: take no more, and answer no
 * connection twice. */
extern void http_server_stop_listening(HttpServer *server);
extern const char *http_request_path(const HttpRequest *request);	/* without the query string */

/* "text/plain" and the like are given as "text/plain; charset=utf-8". */
extern void http_reply(HttpRequest *request, int status, const char *content_type, Slice body);

#endif							/* ROUTER_NET_HTTP_SERVER_H */
