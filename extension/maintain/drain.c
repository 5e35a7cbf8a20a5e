/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  From pending entries of the dirty set to true boards: the lock protocol.
 *
 * Two transactions that change different rows may both affect one board row,
 * and neither sees what the other has not committed.  So each drain takes, in
 * this order, locks that are held to the end of the transaction:
 *
 * 1. The board lock, shared.  Exclusive if the whole board is dirty or single
 *	  locks would be too many (below): it then stands for all that follow.
 * 2. Link locks.  Who maps a link value through a hop takes (board, table,
 *	  value) exclusively; who made a row of that table new under the value, or
 *	  changed what the row carries on, takes it shared.
 * 3. Key locks, exclusive, before any row of the board is touched.
 *
 * Each hop is mapped under a snapshot taken after its link locks were granted,
 * and each key is recomputed under a snapshot taken after its key lock was.
 *
 * Why one pass over the hops finds every key.  Say we map value v through a hop
 * and hold its lock.  A transaction that brings a row under v, or changes where
 * such a row leads, takes v's lock shared before it commits: it has committed
 * before we were granted the lock, and our snapshot sees its row, or it waits
 * for our end, and its own snapshot will see our change.  A row that leaves v
 * is still found, by its old version or by the leaver's own old start, and
 * leads to a key that both of us lock.
 *
 *	  T1: UPDATE customers (c1)				T2: INSERT orders (5, of c1)
 *	  drain: c1 exclusive, granted
 *											drain: c1 shared: waits
 *	  maps c1: orders 1, 2; refreshes
 *	  COMMIT								granted; key 5; reads c1's new name
 *
 *	  T2: INSERT orders (5, of c1)			T1: UPDATE customers (c1)
 *	  drain: c1 shared, key 5, old name
 *											drain: c1 exclusive: waits
 *	  COMMIT								granted; maps c1: orders 1, 2, 5
 *
 * One board after the other, the links furthest from the key first, sorted within
 * (base/locks.c), keeps the order the same in all backends.  No two boards share a
 * lock, and the strongest mode of each comes first: who changes a region and some
 * customers asks for the region's link, then for the customers', shared or not.
 * What remains (two transactions that each hold a lock shared and want it
 * exclusively, two statements of one transaction that lock in crossed order, links
 * in a circle) is a deadlock like any other: 40P01.
 *
 * The lock table is finite.  A drain that needs more than LOCKS_MANY locks takes
 * the board exclusively if it is free, which saves both time and room; if it is
 * not, it goes on with single locks: two bulk writers that both hold the board
 * shared and both waited for the rest of it would deadlock.  At LOCKS_MOST,
 * held by the transaction or needed at once, it waits, if nobody else does: of
 * those that hold the board shared one may wait for it (locks_try_wait_for_board),
 * the others go on with single locks, up to LOCKS_LIMIT, and come to their end.
 * A transaction of many small statements is no bulk writer before LOCKS_MOST:
 * alone on the board it would hold up writers whose rows it is going to change
 * itself.
 *
 * At REPEATABLE READ and SERIALIZABLE the newest state, which the locks make
 * stable, may be one that this transaction must not see.  Everything is read
 * under both snapshots then; if they differ: 40001 (mapping.h, refresh.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "base/stats.h"
#include "maintain/board_plan.h"
#include "maintain/dirty_set.h"
#include "maintain/drain.h"
#include "maintain/fast_path.h"
#include "maintain/mapping.h"
#include "maintain/refresh.h"

/* Single locks of one drain, beyond which the board is taken as a whole if it is free. */
#define LOCKS_MANY	(4 * max_locks_per_xact)

/*
 * Single locks of one transaction.  The lock table has room for
 * max_locks_per_transaction locks of each backend, relations included; sixteen
 * transactions at the bound fill it.
 */
#define LOCKS_MOST \
	Max(LOCKS_MANY, max_locks_per_xact * (MaxBackends + max_prepared_xacts) / 16)

/* The same, beyond which a transaction waits for the board come what may. */
#define LOCKS_LIMIT \
	Max(LOCKS_MOST, max_locks_per_xact * (MaxBackends + max_prepared_xacts) / 4)

/* One drain of one board. */
typedef struct Drain
{
	BoardPlan  *plan;
	bool		whole;			/* refresh every key */
	bool		fast;			/* every key is fast (fast_path.h) */
	ItemPointerData *tids;		/* if fast: per key, where its row was seen */
	bool		alone;			/* the board lock is held exclusively */
	int			nlocks;			/* single locks asked for */
	ValueSet   *keys;
	ValueSet  **carried;		/* per path: the tuples to be mapped next */
	int		   *nmapped;		/* per path: through how many hops they came */
	LockRequests *requests;
} Drain;

static bool draining = false;

static void drain_board(Oid board);
static List *drain_settings(const Drain *drain);
static void drain_refresh(Drain *drain, List *entries);
static void drain_refresh_fast(Drain *drain);
static bool drain_begin(Drain *drain, Oid relid, List *entries);
static void drain_sort_entries(Drain *drain, List *entries);
static void drain_request_shared_links(Drain *drain, List *entries, int distance);
static void drain_request_link(Drain *drain, Oid relid, const ValueShape *shape,
							   const Datum *values, LOCKMODE mode);
static void drain_take_board_lock(Drain *drain, int nlocks);
static void drain_take_board_alone(Drain *drain, int nlocks);
static void drain_map_paths(Drain *drain, List *entries);
static bool drain_map_carried(Drain *drain, int distance);
static void drain_request_carried(Drain *drain, int distance);
static PlanHop *drain_find_hop(const Drain *drain, int path, int distance);
static void drain_take_locks(Drain *drain);
static bool drain_take_requests(Drain *drain, int most);
static void drain_lock_keys(Drain *drain);
static void on_drain_error(void *arg);

void
drain_pending(void)
{
	ListCell   *cell;

	/*
	 * A trigger on a board may write a source.  The statement's drain is this
	 * one: what was captured is still pending when the loop comes round.
	 */
	if (draining || !dirty_set_has_pending())
		return;

	draining = true;
	PG_TRY();
	{
		while (dirty_set_has_pending())
			foreach(cell, dirty_set_list_boards())
				drain_board(lfirst_oid(cell));
	}
	PG_FINALLY();
	{
		draining = false;
	}
	PG_END_TRY();
}

void
drain_before_commit(void)
{
	while (dirty_set_has_pending())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		drain_pending();
		PopActiveSnapshot();
		/* triggers of the board; left in the queue they would be dropped */
		AfterTriggerFireDeferred();
	}
}

uint64
drain_keys(BoardPlan *plan, ValueSet *keys)
{
	Drain		drain = {0};

	drain.plan = plan;
	drain.keys = keys;
	drain.requests = locks_create_requests();
	drain_take_board_lock(&drain, value_set_count(keys));
	drain_lock_keys(&drain);
	return refresh_keys(plan, keys);
}

static void
drain_board(Oid relid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "andon drain",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Drain		drain = {0};
	List	   *entries;
	OwnerScope	scope;
	ErrorContextCallback callback;

	callback.callback = on_drain_error;
	callback.arg = &drain;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	stats_begin();
	entries = dirty_set_take(relid);
	if (drain_begin(&drain, relid, entries))
	{
		spi_util_enter_owner(&scope, drain.plan->board->owner, drain_settings(&drain));
		if (drain.fast)
			drain_refresh_fast(&drain);
		else
			drain_refresh(&drain, entries);
		spi_util_leave_owner(&scope);
	}
	error_context_stack = callback.previous;
	stats_flush(relid);
	dirty_set_release(entries);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Takes the board lock and sorts the entries by the plan that holds then: while
 * we waited, DDL may have given the board another one, or a table another
 * partition (source_ddl.c).  This backend, which may have held every table's lock
 * all along, learns of it by the messages that it reads here.  False if there is
 * no board any more.
 */
static bool
drain_begin(Drain *drain, Oid relid, List *entries)
{
	BoardPlan  *plan;

	while ((plan = board_plan_get(relid)) != NULL && plan != drain->plan)
	{
		drain->plan = plan;
		drain->whole = false;
		drain_sort_entries(drain, entries);
		drain_take_board_lock(drain, list_length(entries));
		AcceptInvalidationMessages();
	}
	return plan != NULL;
}

/* A trigger of the board's owner must not find names where the writer says. */
static List *
drain_settings(const Drain *drain)
{
	if (drain->fast && !board_plan_writes_need_settings(drain->plan))
		return fast_path_settings(drain->plan);
	return board_plan_settings(drain->plan);
}

/* All that the entries lead to, by running the definition. */
static void
drain_refresh(Drain *drain, List *entries)
{
	MemoryContext context = CurrentMemoryContext;

	spi_connect();
	MemoryContextSwitchTo(context);
	board_state_end_restore(drain->plan->board->relid, drain->plan->board->state);
	if (drain->whole)
		(void) refresh_whole(drain->plan);
	else
	{
		drain_map_paths(drain, entries);
		drain_lock_keys(drain);
		(void) refresh_keys(drain->plan, drain->keys);
	}
	spi_finish();
	MemoryContextSwitchTo(context);
}

/*
 * Keys whose rows changed in fast columns.  There are no links to be locked:
 * what was changed leads from no row to another.
 */
static void
drain_refresh_fast(Drain *drain)
{
	drain_lock_keys(drain);
	drain->keys = fast_path_apply(drain->plan, drain->keys, drain->tids);
	if (value_set_count(drain->keys) == 0)
		return;
	spi_util_pin_settings(board_plan_settings(drain->plan));
	drain_refresh(drain, NIL);
}

/* Entries by what is to be done with them. */
static void
drain_sort_entries(Drain *drain, List *entries)
{
	BoardPlan  *plan = drain->plan;
	ListCell   *cell;

	drain->requests = locks_create_requests();
	drain->keys = value_set_create(plan->key);
	drain->fast = fast_path_is_usable(plan);
	drain->tids = palloc_extended(sizeof(ItemPointerData) * list_length(entries), MCXT_ALLOC_HUGE);
	drain->carried = palloc0(sizeof(ValueSet *) * Max(plan->npaths, 1));
	drain->nmapped = palloc0(sizeof(int) * Max(plan->npaths, 1));
	foreach(cell, entries)
	{
		DirtyEntry *entry = lfirst(cell);

		drain->fast &= entry->tag.kind == DIRTY_KEY && entry->fast;
		/* captured under another definition: its index may mean another path */
		if (entry->tag.kind == DIRTY_WHOLE || entry->tag.fingerprint != plan->fingerprint)
		{
			drain->whole = true;
			drain->fast = false;
		}
		else if (entry->tag.kind == DIRTY_KEY)
		{
			drain->tids[value_set_count(drain->keys)] = entry->tid;
			value_set_add(drain->keys, entry->values);
		}
		else if (entry->tag.kind == DIRTY_START)
		{
			int			path = entry->tag.index;

			if (drain->carried[path] == NULL)
				drain->carried[path] = value_set_create(plan->paths[path].start);
			value_set_add(drain->carried[path], entry->values);
		}
	}
}

static void
drain_request_shared_links(Drain *drain, List *entries, int distance)
{
	ListCell   *cell;

	foreach(cell, entries)
	{
		DirtyEntry *entry = lfirst(cell);
		PlanLink   *link;

		if (entry->tag.kind != DIRTY_LINK)
			continue;
		link = &drain->plan->links[entry->tag.index];
		if (link->distance == distance)
			drain_request_link(drain, link->relid, link->shape, entry->values, ShareLock);
	}
}

/* The board is part of the lock: no lock of one board is a lock of another. */
static void
drain_request_link(Drain *drain, Oid relid, const ValueShape *shape, const Datum *values,
				   LOCKMODE mode)
{
	uint64		hash = hash_combine64(value_lock_hash(shape, values),
									  drain->plan->board->relid);

	locks_request_link(drain->requests, relid, hash, mode);
}

/* nlocks: how many locks are known to be needed at least. */
static void
drain_take_board_lock(Drain *drain, int nlocks)
{
	drain_take_board_alone(drain, drain->whole ? INT_MAX : nlocks);
	if (!drain->alone)
		locks_take_board(drain->plan->board->view, LOCKS_BOARD_SHARED);
}

/* Takes the board lock exclusively if this many single locks call for it. */
static void
drain_take_board_alone(Drain *drain, int nlocks)
{
	const Board *board = drain->plan->board;

	if (drain->alone || nlocks <= LOCKS_MANY)
		return;
	drain->alone = locks_try_board(board->view, LOCKS_BOARD_ALONE);
	if (drain->alone || nlocks <= LOCKS_MOST)
		return;
	if (nlocks > LOCKS_LIMIT || locks_try_wait_for_board(board->relid))
	{
		locks_take_board(board->view, LOCKS_BOARD_ALONE);
		drain->alone = true;
	}
}

/* Hop after hop, all paths abreast, the links furthest from the key first. */
static void
drain_map_paths(Drain *drain, List *entries)
{
	for (int distance = drain->plan->nlinks; distance > 0; distance--)
	{
		drain_request_shared_links(drain, entries, distance);
		do
		{
			drain_request_carried(drain, distance);
			drain_take_locks(drain);
		} while (drain_map_carried(drain, distance));
	}
}

/* False if nothing was left to be mapped at this distance. */
static bool
drain_map_carried(Drain *drain, int distance)
{
	SnapshotPair pair = {0};
	bool		found = false;

	for (int p = 0; p < drain->plan->npaths; p++)
	{
		PlanHop    *hop = drain_find_hop(drain, p, distance);
		ValueSet   *to = drain->keys;

		if (hop == NULL)
			continue;
		if (!found)
			mapping_take_snapshots(&pair);
		found = true;
		if (++drain->nmapped[p] < drain->plan->paths[p].nhops)
			to = value_set_create(hop[1].carried);
		mapping_run_hop(drain->plan, hop, drain->carried[p], to, &pair);
		drain->carried[p] = to;
	}
	if (found)
		mapping_drop_snapshots(&pair);
	return found;
}

static void
drain_request_carried(Drain *drain, int distance)
{
	for (int p = 0; p < drain->plan->npaths; p++)
	{
		PlanHop    *hop = drain_find_hop(drain, p, distance);

		for (int i = 0; hop && i < value_set_count(drain->carried[p]); i++)
			drain_request_link(drain, hop->hop->relid, hop->carried,
							   value_set_get(drain->carried[p], i), ExclusiveLock);
	}
}

/* The hop that a path's tuples are to be mapped through now, or NULL. */
static PlanHop *
drain_find_hop(const Drain *drain, int path, int distance)
{
	const PlanPath *on = &drain->plan->paths[path];
	PlanHop    *hop = on->hops + drain->nmapped[path];

	if (drain->carried[path] == NULL || drain->nmapped[path] == on->nhops ||
		drain->plan->links[hop->link].distance < distance)
		return NULL;
	return hop;
}

/* Takes what was asked for, or the board lock that stands for it all. */
static void
drain_take_locks(Drain *drain)
{
	drain->nlocks += drain->requests->count;
	drain_take_board_alone(drain, drain->nlocks);
	if (!drain->alone && !drain_take_requests(drain, LOCKS_MOST))
	{
		drain_take_board_alone(drain, LOCKS_MOST + 1);
		if (!drain->alone && !drain_take_requests(drain, LOCKS_LIMIT))
			drain_take_board_alone(drain, LOCKS_LIMIT + 1);
	}
	drain->requests->count = 0;
}

/* False once the transaction holds this many single locks. */
static bool
drain_take_requests(Drain *drain, int most)
{
	int			taken;
	bool		complete = locks_take_requests(drain->requests,
											   most - dirty_set_count_locks(0), &taken);

	(void) dirty_set_count_locks(taken);
	return complete;
}

static void
drain_lock_keys(Drain *drain)
{
	for (int i = 0; i < value_set_count(drain->keys) && !drain->alone; i++)
		locks_request_key(drain->requests, drain->plan->board->relid,
						  value_lock_hash(drain->plan->key, value_set_get(drain->keys, i)));
	drain_take_locks(drain);
}

/* The writer is told of rights that are not his: say whose they are. */
static void
on_drain_error(void *arg)
{
	Drain	   *drain = arg;
	Board	   *board;

	if (drain->plan == NULL)
		return;
	board = drain->plan->board;
	errcontext("maintenance of board %s", board->qualified);
	if (geterrcode() == ERRCODE_INSUFFICIENT_PRIVILEGE)
		errhint("Boards are maintained with the rights of their owner, here %s, "
				"who must be able to read the definition and all sources; "
				"andon.boards tells which to grant.",
				quote_identifier(GetUserNameFromId(board->owner, true)));
}
