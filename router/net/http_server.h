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

/* address: one name or address, or "*"; port 0: any free one.  NULL: it failed. */
extern HttpServer *http_server_create(Loop *loop, const char *address, int port,
									  HttpHandler handler, void *arg, Error *error);
extern void http_server_destroy(HttpServer *server);	/* NULL is fine */
extern int	http_server_port(const HttpServer *server);	/* the real one, also when 0 was asked for */
extern const char *http_request_path(const HttpRequest *request);	/* without the query string */

/* "text/plain" and the like are given as "text/plain; charset=utf-8". */
extern void http_reply(HttpRequest *request, int status, const char *content_type, Slice body);

#endif							/* ROUTER_NET_HTTP_SERVER_H */
