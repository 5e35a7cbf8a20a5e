/*-------------------------------------------------------------------------
 *
 * http_server.h
 *	  A small HTTP server on a loop (evhttp), for metrics and health.
 *
 * Header and body sizes and the time of a request are limited.  A handler
 * answers at once or keeps the request and answers later, in the same thread;
 * a request whose client has gone may still be answered (nothing is sent).
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

extern HttpServer *http_server_create(Loop *loop, const char *address, int port,
									  HttpHandler handler, void *arg, Error *error);
extern void http_server_destroy(HttpServer *server);
extern int	http_server_port(const HttpServer *server);	/* the real one, also when 0 was asked for */
extern const char *http_request_path(const HttpRequest *request);	/* without the query string */
extern bool http_request_is_get(const HttpRequest *request);	/* GET or HEAD */
extern void http_reply(HttpRequest *request, int status, const char *content_type, Slice body);

#endif							/* ROUTER_NET_HTTP_SERVER_H */
