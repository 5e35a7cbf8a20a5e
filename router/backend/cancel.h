/*-------------------------------------------------------------------------
 *
 * cancel.h
 *	  Carries one CancelRequest to a node.
 *
 * A connection of its own, as the protocol wants it.  The node closes it when
 * the signal has been sent (PostgreSQL documentation, "Canceling Requests in
 * Progress"); only then may the server it was meant for be given to somebody
 * else.  Used by the pool.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_CANCEL_H
#define ROUTER_BACKEND_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/loop.h"

typedef struct Cancel Cancel;

typedef enum CancelOutcome
{
	CANCEL_CARRIED_OUT,			/* the node closed the connection after the request */
	CANCEL_NOT_SENT,			/* it could not be reached: nothing will happen */
	CANCEL_UNKNOWN				/* no answer in time: it may still take effect */
} CancelOutcome;

typedef void (*CancelCallback) (void *arg, CancelOutcome outcome);

typedef struct CancelTarget
{
	const char *host;			/* as stream_connect() takes it */
	int			port;
	uint32_t	pid;
	Slice		key;			/* copied */
	struct TlsContext *tls;		/* the server was reached by it; NULL: in clear text */
	uint64_t	timeout_us;
} CancelTarget;

/* fn is called once, in a later callback; the object is gone after it. */
extern Cancel *cancel_create(Loop *loop, const CancelTarget *target, CancelCallback fn, void *arg);

/* Give up at once, no callback: the loop ends. */
extern void cancel_destroy(Cancel *cancel);	/* NULL is fine */

#endif							/* ROUTER_BACKEND_CANCEL_H */
