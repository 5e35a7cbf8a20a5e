/*-------------------------------------------------------------------------
 *
 * commit_lsn.h
 *	  Tells the client where its commit ended in the WAL.
 *
 * With andon.report_commit_lsn on, each commit that wrote sends a
 * ParameterStatus andon.commit_lsn = X/Y, which arrives before ReadyForQuery: a
 * replica that has replayed X/Y shows the commit.  Nothing is sent for a
 * transaction without a transaction ID, nor by COMMIT PREPARED.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_COMMIT_LSN_H
#define ANDON_FEED_COMMIT_LSN_H

/* XACT_EVENT_COMMIT: sends the message. NOTHROW */
extern void commit_lsn_on_commit(void);

#endif							/* ANDON_FEED_COMMIT_LSN_H */
