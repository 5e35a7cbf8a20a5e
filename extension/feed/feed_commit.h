/*-------------------------------------------------------------------------
 *
 * feed_commit.h
 *	  A transaction's changes of boards, collected and announced at commit.
 *
 * For those that no feed worker tells of (slots.h).  maintain/board_writer
 * collects, the transaction callbacks send.  Collected changes follow subtransactions: what is rolled back is not announced.
 * Bounded per board; beyond the bound readers are asked to resync.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_FEED_COMMIT_H
#define ANDON_FEED_FEED_COMMIT_H

#include "postgres.h"

#include "feed/feed_payload.h"

/* Changes of one board in one transaction that are announced singly. */
#define FEED_MAX_CHANGES	1000

/*
 * Is the commit to tell of a board's changes?  Not if nobody is, nor if the feed
 * worker reads them in the log, has_log.
 */
extern bool feed_is_collected(bool has_log);

/* board is the board's qualified name, channel where it is announced. */
extern void feed_collect(Oid relid, const char *board, const char *channel,
						 const FeedChange *change);

/* The board is new, or gone: nobody waits for what was collected so far. */
extern void feed_forget(Oid relid);

/* PRE_COMMIT, after the last drain: queues the notifications. */
extern void feed_before_commit(void);

/* PRE_PREPARE: ERROR if there is something to announce. */
extern void feed_before_prepare(void);

extern void feed_on_subcommit(int level);
extern void feed_on_subabort(int level);
extern void feed_on_transaction_end(void);	/* NOTHROW */

#endif							/* ANDON_FEED_FEED_COMMIT_H */
