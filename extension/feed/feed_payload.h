/*-------------------------------------------------------------------------
 *
 * feed_payload.h
 *	  The text of a notification about changes of a board.
 *
 * Pure: changes in, payload texts out, in the shape that contract/ promises.
 * A transaction's or tick's changes of one board are first coalesced to the
 * last state per key, then cut into as few parts as fit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_FEED_PAYLOAD_H
#define ANDON_FEED_FEED_PAYLOAD_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef enum FeedOp
{
	FEED_INSERT,
	FEED_UPDATE,
	FEED_DELETE
} FeedOp;

/* One change of a board's row; strings belong to whoever made it. */
typedef struct FeedChange
{
	FeedOp		op;
	char	   *key;			/* JSON object text */
	char	   *from;			/* status before; NULL if none */
	char	   *to;				/* status after; NULL if none */
	int64		version;
} FeedChange;

/*
 * The last state per key, in the order in which the keys first changed: a
 * list of new FeedChange whose strings are shared.  A key that entered and
 * left again is not in it.
 */
extern List *feed_payload_coalesce(List *changes);

/*
 * The payloads that tell these (coalesced) changes: a list of char *.  One
 * payload that asks readers to resync if there is a change that fits nowhere.
 */
extern List *feed_payload_build(const char *board, List *changes);

/* The payload that asks readers to read the board again. */
extern char *feed_payload_build_resync(const char *board);

#endif							/* ANDON_FEED_FEED_PAYLOAD_H */
