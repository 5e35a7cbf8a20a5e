/*-------------------------------------------------------------------------
 *
 * feed_commit.c
 *	  A transaction's changes of boards, collected and announced at commit.
 *
 * Each board lists its changes in order; each change knows the nesting level
 * that made it, so those of a subtransaction are the list's tail: its abort
 * cuts the tail off, its commit gives it to the parent.  Beyond the bound the
 * board is marked for a resync instead, which an abort takes back in the same
 * way.
 *
 * The notifications are PostgreSQL's own NOTIFY, queued at PRE_COMMIT and sent
 * by the commit itself.  COMMIT PREPARED cannot send any, so a transaction that
 * has some to send cannot be prepared, just as after NOTIFY.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "feed/feed_commit.h"
#include "feed/feed_database.h"

typedef struct CollectedChange
{
	dlist_node	node;
	int			level;
	FeedChange	change;
} CollectedChange;

typedef struct FeedBoard
{
	Oid			relid;
	char	   *board;
	char	   *channel;
	int			count;
	int			resync_level;	/* level that went past the bound; 0: none */
	dlist_head	changes;
} FeedBoard;

static List *feeds = NIL;		/* of FeedBoard, in TopTransactionContext */

static FeedBoard *get_feed(Oid relid, const char *board, const char *channel);
static char *copy_nullable(const char *text);
static List *build_payloads(FeedBoard *feed);

bool
feed_is_collected(bool has_log)
{
	if (guc_notify == NOTIFY_WORKER)
		return !(has_log && feed_database_is_served() && feed_database_want());
	return guc_notify == NOTIFY_COMMIT;
}

void
feed_collect(Oid relid, const char *board, const char *channel, const FeedChange *change)
{
	MemoryContext old;
	FeedBoard  *feed;
	CollectedChange *collected;

	old = MemoryContextSwitchTo(TopTransactionContext);
	feed = get_feed(relid, board, channel);
	if (feed->resync_level == 0 && feed->count == FEED_MAX_CHANGES)
		feed->resync_level = GetCurrentTransactionNestLevel();
	if (feed->resync_level == 0)
	{
		collected = palloc(sizeof(CollectedChange));
		collected->level = GetCurrentTransactionNestLevel();
		collected->change = *change;
		collected->change.key = pstrdup(change->key);
		collected->change.from = copy_nullable(change->from);
		collected->change.to = copy_nullable(change->to);
		dlist_push_tail(&feed->changes, &collected->node);
		feed->count++;
	}
	MemoryContextSwitchTo(old);
}

void
feed_forget(Oid relid)
{
	ListCell   *cell;

	foreach(cell, feeds)
	{
		FeedBoard  *feed = lfirst(cell);

		if (feed->relid != relid)
			continue;
		dlist_init(&feed->changes);
		feed->count = 0;
		feed->resync_level = 0;
	}
}

void
feed_before_commit(void)
{
	ListCell   *cell;
	ListCell   *payload;

	foreach(cell, feeds)
	{
		FeedBoard  *feed = lfirst(cell);

		foreach(payload, build_payloads(feed))
			Async_Notify(feed->channel, lfirst(payload));
	}
}

void
feed_before_prepare(void)
{
	ListCell   *cell;

	foreach(cell, feeds)
	{
		FeedBoard  *feed = lfirst(cell);

		if (feed->count > 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that has changed board %s",
							feed->board),
					 errdetail("Its notifications are sent at commit, which COMMIT PREPARED cannot do."),
					 errhint("Set andon.notify to \"off\" for such transactions; readers then have to poll the board.")));
	}
}

void
feed_on_subcommit(int level)
{
	ListCell   *cell;

	foreach(cell, feeds)
	{
		FeedBoard  *feed = lfirst(cell);
		dlist_iter	iter;

		if (feed->resync_level >= level)
			feed->resync_level = level - 1;
		dlist_reverse_foreach(iter, &feed->changes)
		{
			CollectedChange *change = dlist_container(CollectedChange, node, iter.cur);

			if (change->level < level)
				break;
			change->level = level - 1;
		}
	}
}

void
feed_on_subabort(int level)
{
	ListCell   *cell;

	foreach(cell, feeds)
	{
		FeedBoard  *feed = lfirst(cell);

		if (feed->resync_level >= level)
			feed->resync_level = 0;
		while (!dlist_is_empty(&feed->changes) &&
			   dlist_tail_element(CollectedChange, node, &feed->changes)->level >= level)
		{
			dlist_delete(dlist_tail_node(&feed->changes));
			feed->count--;
		}
	}
}

void
feed_on_transaction_end(void)
{
	feeds = NIL;
}

/* In TopTransactionContext. */
static FeedBoard *
get_feed(Oid relid, const char *board, const char *channel)
{
	ListCell   *cell;
	FeedBoard  *feed;

	foreach(cell, feeds)
	{
		feed = lfirst(cell);
		if (feed->relid == relid)
			return feed;
	}
	feed = palloc0(sizeof(FeedBoard));
	feed->relid = relid;
	feed->board = pstrdup(board);
	feed->channel = pstrdup(channel);
	dlist_init(&feed->changes);
	feeds = lappend(feeds, feed);
	return feed;
}

static char *
copy_nullable(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

static List *
build_payloads(FeedBoard *feed)
{
	List	   *changes = NIL;
	dlist_iter	iter;

	if (feed->resync_level > 0)
		return list_make1(feed_payload_build_resync(feed->board, NULL));
	dlist_foreach(iter, &feed->changes)
		changes = lappend(changes, &dlist_container(CollectedChange, node, iter.cur)->change);
	return feed_payload_build(feed->board, NULL, feed_payload_coalesce(changes));
}
