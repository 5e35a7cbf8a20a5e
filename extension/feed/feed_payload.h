/*-------------------------------------------------------------------------
 *
 * feed_payload.h
 *	  The text of a notification about changes of a board.
 *
 * Pure: changes in, payload texts out, in the shape that contract/ promises.
 * A transaction's or tick's changes of one board are first coalesced to the
 * last state per key, then cut into as few parts as fit.  What a tick tells is
 * stamped with its place in the feed; what a writer tells at his own commit is
 * not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_FEED_PAYLOAD_H
#define ANDON_FEED_FEED_PAYLOAD_H

#include "postgres.h"

#include "access/xlogdefs.h"
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

/* Where in the feed a tick is. */
typedef struct FeedStamp
{
	const char *pos;			/* its position */
	XLogRecPtr	lsn;			/* who reads what it tells waits for this */
	XLogRecPtr	safe_lsn;		/* every change up to here has been told */
} FeedStamp;

/*
 * Makes into what it is after the next change of the same key: from is the
 * first's, to and version the last's.  False if nothing is left of it: the key
 * entered and has left again.
 */
extern bool feed_payload_merge(FeedChange *into, const FeedChange *next);

/*
 * The last state per key, in the order in which the keys first changed: a
 * list of new FeedChange whose strings are shared.  A key that entered and
 * left again is not in it.
 */
extern List *feed_payload_coalesce(List *changes);

/*
 * The payloads that tell these (coalesced) changes: a list of char *.  One
 * payload that asks readers to resync if there is a change that fits nowhere.
 * stamp: NULL at the writer's commit.
 */
extern List *feed_payload_build(const char *board, const FeedStamp *stamp, List *changes);

/* The payload that asks readers to read the board again. */
extern char *feed_payload_build_resync(const char *board, const FeedStamp *stamp);

#endif							/* ANDON_FEED_FEED_PAYLOAD_H */
