/*-------------------------------------------------------------------------
 *
 * http_app.h
 *	  What the router says over HTTP: is it alive, is it ready, its numbers.
 *
 *	  /live		200 as long as the process turns its loops
 *	  /ready	200 while a primary or a replica takes work, else 503
 *	  /metrics	Prometheus text
 *
 * A window on the running system: what is shown is pulled through
 * HttpAppSource, which the owner of everything fills in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_HTTP_HTTP_APP_H
#define ROUTER_HTTP_HTTP_APP_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "net/loop.h"

typedef struct HttpApp HttpApp;

/* The text is the caller's and is copied before done returns. */
typedef void (*HttpMetricsDone) (void *done_arg, Slice text);

typedef struct HttpAppSource
{
	bool		(*is_ready) (void *arg);

	/* Call done exactly once, at once or later, in the HTTP thread; also when
	 * the app has been destroyed meanwhile. */
	void		(*render_metrics) (void *arg, HttpMetricsDone done, void *done_arg);
	void	   *arg;
} HttpAppSource;

/* fd: a listening socket; it stays the caller's. */
extern HttpApp *http_app_create(Loop *loop, int fd, const HttpAppSource *source, Error *error);
extern void http_app_destroy(HttpApp *app);	/* NULL is fine */
extern void http_app_stop_listening(HttpApp *app);	/* another process does; what is open ends after its answer */

#endif							/* ROUTER_HTTP_HTTP_APP_H */
