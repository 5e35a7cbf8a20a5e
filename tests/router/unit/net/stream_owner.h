/*-------------------------------------------------------------------------
 *
 * stream_owner.h
 *	  One who owns a stream, for tests, and the other end of its connection.
 *
 * A stream is on one end of a socket pair (or has connected somewhere), the
 * test holds the other one, fd, and turns the loop until what it waits for has
 * happened (run_until).  An owner records what its stream tells it, can be told
 * what to do in the callbacks, and never calls itself: a callback within a call
 * into the stream fails the test.
 *
 * One loop per test: owners_setup() makes it, owners_teardown() ends it and all
 * that were opened.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_STREAM_OWNER_H
#define TESTS_STREAM_OWNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/stream.h"

typedef struct Owner Owner;

struct Owner
{
	Stream	   *stream;			/* NULL: handed over or destroyed */
	int			fd;				/* the test's end; -1: none */
	Buf			seen;			/* all that on_data consumed */
	int			shows;			/* calls of on_data */
	size_t		last_len;		/* what the last one was shown */
	size_t		take;			/* on_data consumes at most this much */
	size_t		want;			/* on_data takes nothing below this much */
	size_t		unit;			/* ... and only whole multiples of this; 0: any */
	int			connected;
	int			secured;
	int			drained;
	int			closed;
	char		why[256];
	void		(*in_data) (Owner *owner);	/* what to do within on_data */
	void		(*in_secured) (Owner *owner);
	void		(*in_drained) (Owner *owner);
	void		(*in_closed) (Owner *owner);
	Owner	   *other;
	bool		inside;			/* a call of the owner into the stream is running */
};

extern int	owners_setup(void **state);
extern int	owners_teardown(void **state);

/* ---- owners; freed by the teardown ---- */
extern Owner *owner_open(void);
extern Owner *owner_connect(const char *host, int port);	/* the fd is for the test to accept */
extern Owner *owner_without_stream(void);
extern void owner_write(Owner *owner, const char *bytes, size_t len);
extern void owner_start_tls(Owner *owner, const StreamTlsPlan *plan);
extern void owner_hand_over(Owner *owner);	/* to the other */
extern void owner_assert_seen(const Owner *owner, const char *text);

/* ---- for in_data and its like ---- */
extern void owner_pause(Owner *owner);
extern void owner_drop(Owner *owner);
extern void owner_flush(Owner *owner);

/* ---- the test's end ---- */
extern void peer_send(const Owner *owner, const char *text);
extern void peer_receive(const Owner *owner, Buf *into);	/* what has arrived, appended */
extern void peer_close(Owner *owner);

/* ---- the loop ---- */
extern void run_turns(int n);	/* without waiting for anything */

#define turn_until(turn, condition) \
	do { \
		uint64_t	until_us_ = clock_now_us() + 30 * US_PER_SEC; \
		while (!(condition)) \
		{ \
			if (clock_now_us() > until_us_) \
				fail_msg("never happened: %s", #condition); \
			turn; \
		} \
	} while (0)
#define run_until(condition) turn_until(run_turns(1), condition)

/* Bytes of which each piece is known by its look; free() them. */
extern char *make_pattern(size_t len);

#endif							/* TESTS_STREAM_OWNER_H */
