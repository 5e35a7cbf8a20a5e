/*-------------------------------------------------------------------------
 *
 * position.h
 *	  A place in the feed: <epoch>-<tick>, or <epoch>-<tick>-<offset>.
 *
 * Without an offset: behind the whole tick.  With one: behind that many of the
 * board's changes in the tick.  Numbers are decimal, without signs or leading
 * zeros.  Pure: whether there is such a tick, others know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_POSITION_H
#define ANDON_FEED_POSITION_H

#include "postgres.h"

typedef struct FeedPosition
{
	uint64		epoch;			/* neither is ever 0 */
	uint64		tick;
	uint64		offset;			/* 0: behind the whole tick */
} FeedPosition;

/* In the current context. */
extern char *position_format(const FeedPosition *position);

/* False if the text is none. */
extern bool position_parse(const char *text, FeedPosition *position);

#endif							/* ANDON_FEED_POSITION_H */
