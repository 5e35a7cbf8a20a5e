/*-------------------------------------------------------------------------
 *
 * inflight.h
 *	  What has been sent to a server and not been answered yet.
 *
 * One entry per message that will be answered, in the order sent.  Replies
 * the router makes up sit in the same queue as forwarded ones (INFLIGHT_LOCAL),
 * so order holds.  After an ErrorResponse the server skips to the next Sync;
 * so does the queue.
 *
 *	  Parse    -> 1                 Describe -> t (statements), then T or n
 *	  Bind     -> 2                 Execute  -> ... then C, I or s
 *	  Close    -> 3                 Sync     -> Z
 *	  Query    -> ... then Z        FunctionCall -> V, then Z
 *
 * (PostgreSQL documentation, "Message Flow".)  Pure: no sockets, no clock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_INFLIGHT_H
#define ROUTER_WIRE_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

typedef enum InFlightKind
{
	INFLIGHT_PARSE,
	INFLIGHT_BIND,
	INFLIGHT_DESCRIBE,
	INFLIGHT_EXECUTE,
	INFLIGHT_CLOSE,
	INFLIGHT_SYNC,
	INFLIGHT_QUERY,
	INFLIGHT_FUNCTION
} InFlightKind;

typedef enum InFlightAction
{
	INFLIGHT_FORWARD,			/* the client sent it and gets the answer */
	INFLIGHT_SWALLOW,			/* the router sent it; nobody sees the answer, but an error if it was
								 * sent for the client (INFLIGHT_CLIENT, _BEGIN, _PLACE) */
	INFLIGHT_LOCAL,				/* not sent; the router answers when its turn comes */
	INFLIGHT_REFUSE				/* made to fail; the error is replaced by the router's own */
} InFlightAction;

/* Why the router sent a message of its own; the relay acts on it. */
typedef enum InFlightPurpose
{
	INFLIGHT_CLIENT,			/* a message of the client's, or what it needs in front of it */
	INFLIGHT_BEGIN,				/* the deferred BEGIN */
	INFLIGHT_SETTINGS,			/* SETs that make the server the client's */
	INFLIGHT_POSITION,			/* SELECT pg_current_wal_insert_lsn() */
	INFLIGHT_DESCRIPTION,		/* how the server describes a statement before the unit is sent */
	INFLIGHT_STATE,				/* what is left of the state that pins the session */
	INFLIGHT_PLACE,				/* a statement of the client's under its own name */
	INFLIGHT_RESYNC				/* a Sync that closes a unit flushed by the client */
} InFlightPurpose;

typedef struct InFlightEntry
{
	uint8_t		kind;			/* InFlightKind */
	uint8_t		action;			/* InFlightAction */
	uint8_t		purpose;		/* InFlightPurpose */
	uint32_t	label;			/* the caller's own; 0: none */
	uint64_t	statement;		/* number of the router's statement it is about; 0: none */
} InFlightEntry;

typedef struct InFlight
{
	InFlightEntry *entries;		/* owned ring; NULL when cap is 0 */
	size_t		head;
	size_t		count;
	size_t		cap;			/* power of two, or 0 */
} InFlight;

/* What to do with one message of the server. */
typedef enum InFlightVerdict
{
	INFLIGHT_PASS,				/* give it to the client */
	INFLIGHT_DROP,				/* keep it from the client */
	INFLIGHT_REPLACE_ERROR,		/* give the client the router's own error instead */
	INFLIGHT_UNEXPECTED			/* no message sent can have this answer: the server is broken */
} InFlightVerdict;

typedef struct InFlightStep
{
	InFlightVerdict verdict;
	bool		completed;		/* the entry below has been answered and left the queue */
	const InFlightEntry *entry; /* what this message belongs to, until the next push; NULL: nothing waits */
} InFlightStep;

/* Told of each entry that an error skips, the last one first: so what sending
 * them has changed can be undone step by step. */
typedef void (*InFlightSkip) (void *arg, const InFlightEntry *entry);

extern void inflight_init(InFlight *inflight);
extern void inflight_release(InFlight *inflight);	/* frees; usable again */
extern void inflight_push(InFlight *inflight, InFlightKind kind, InFlightAction action,
						  InFlightPurpose purpose, uint64_t statement);

/* Give the last entry a label. */
extern void inflight_label_last(InFlight *inflight, uint32_t label);

/* Forgets, keeps the memory. */
static inline void
inflight_clear(InFlight *inflight)
{
	inflight->head = inflight->count = 0;
}

static inline bool
inflight_is_empty(const InFlight *inflight)
{
	return inflight->count == 0;
}

/* The entry whose answer is next; the queue must not be empty. */
static inline const InFlightEntry *
inflight_head(const InFlight *inflight)
{
	return &inflight->entries[inflight->head];
}

/* Is the next answer one that the router makes up? */
static inline bool
inflight_is_local(const InFlight *inflight)
{
	return !inflight_is_empty(inflight) && inflight_head(inflight)->action == INFLIGHT_LOCAL;
}

/* Take a local entry off the head, if there is one. */
extern bool inflight_pop_local(InFlight *inflight, InFlightEntry *entry);

/* Forget a Sync at the end of the queue: COPY made the server ignore it. */
extern void inflight_drop_tail_sync(InFlight *inflight);

/* Kinds of messages that a reply of a type may answer, one bit each, and those it is the last answer to. */
extern const uint8_t inflight_answers[256];
extern const uint8_t inflight_completes[256];

/*
 * A message of the given type arrived.  Not for asynchronous ones (N, A, S),
 * which belong to no entry, nor for errors.  Local entries at the head must
 * have been popped.  In a header, since all that servers answer comes through
 * here.
 */
static inline InFlightStep
inflight_handle(InFlight *inflight, char type)
{
	InFlightStep step = {INFLIGHT_UNEXPECTED, false, NULL};
	unsigned	kind;

	if (inflight_is_empty(inflight))
		return step;
	step.entry = inflight_head(inflight);
	kind = 1u << step.entry->kind;
	if ((inflight_answers[(unsigned char) type] & kind) == 0)
		return step;
	step.verdict = step.entry->action == INFLIGHT_SWALLOW ? INFLIGHT_DROP : INFLIGHT_PASS;
	step.completed = (inflight_completes[(unsigned char) type] & kind) != 0;
	if (step.completed)
	{
		inflight->head = (inflight->head + 1) & (inflight->cap - 1);
		inflight->count--;
	}
	return step;
}

/* An ErrorResponse arrived. */
extern COLD InFlightStep inflight_handle_error(InFlight *inflight, InFlightSkip skip, void *arg);

#endif							/* ROUTER_WIRE_INFLIGHT_H */
