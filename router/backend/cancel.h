/*-------------------------------------------------------------------------
 *
 * cancel.h
 *	  Carries one CancelRequest to a node; what the keys of our clients look like.
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
	const char *host;			/* whom its certificate names */
	const char *address;		/* where the server is, as stream_connect() takes it: host may have moved */
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

/*
 * The process number in the cancel key that a client of ours is given.  It
 * leads a request to whoever knows the client:
 *
 *	 31  30          16  15          8  7       0
 *	  0 |    random    | generation   | worker  |
 *
 * A generation is one router process among those that run side by side; which
 * is whose: app/cancel_route.c.  The secret behind the number is what
 * authenticates the request.
 */
#define CANCEL_GENERATIONS 256
#define CANCEL_WORKERS 256

static inline uint32_t
cancel_pid_make(uint32_t random, int generation, int worker)
{
	return (random & 0x7fff0000) | ((uint32_t) generation & 0xff) << 8 | ((uint32_t) worker & 0xff);
}

static inline int
cancel_pid_generation(uint32_t pid)
{
	return (int) (pid >> 8 & 0xff);
}

static inline int
cancel_pid_worker(uint32_t pid)
{
	return (int) (pid & 0xff);
}

#endif							/* ROUTER_BACKEND_CANCEL_H */
