/*-------------------------------------------------------------------------
 *
 * catalog_news.h
 *	  Who listens on ANDON_CHANNEL_CATALOG hears of each commit of DDL.
 *
 * The router keeps what it has read of the catalog, to know reads from writes;
 * a function that is stable no more must not be taken for one.  An event trigger
 * takes note of commands, the commit sends one notification, without a payload.
 * What is temporary is left out; DDL that is rolled back to a savepoint is told
 * of all the same, and DDL of a prepared transaction is not, since NOTIFY would
 * forbid preparing it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_CATALOG_NEWS_H
#define ANDON_FEED_CATALOG_NEWS_H

#include "postgres.h"

/* PRE_COMMIT: queues the notification. */
extern void catalog_news_before_commit(void);
extern void catalog_news_on_transaction_end(void);	/* NOTHROW */

#endif							/* ANDON_FEED_CATALOG_NEWS_H */
