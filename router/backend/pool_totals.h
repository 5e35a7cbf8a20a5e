/*-------------------------------------------------------------------------
 *
 * pool_totals.h
 *	  Counts that all workers share: servers of a pool, a database, a user;
 *	  clients of a database, a user.
 *
 * A slot is one such count.  It is looked up once, under the lock, by whoever
 * is going to count there and lives until all who got it have put it back;
 * in between its counts are atomics and nobody locks.  Thread-safe, all of it.
 *
 * Used by the pools, and by session/account for its clients.  What the limits
 * are is the caller's to know: they may change with a reload.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_POOL_TOTALS_H
#define ROUTER_BACKEND_POOL_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PoolTotals PoolTotals;
typedef struct PoolSlot PoolSlot;

/* What is counted; part of a slot's key. */
typedef enum PoolSlotKind
{
	POOL_SLOT_POOL,			/* servers of a (node, database, user) */
	POOL_SLOT_DATABASE,		/* servers of a (node, database) */
	POOL_SLOT_USER,			/* servers of a (node, user) */
	POOL_SLOT_DATABASE_CLIENTS,
	POOL_SLOT_USER_CLIENTS
} PoolSlotKind;

extern PoolTotals *pool_totals_create(void);
extern void pool_totals_destroy(PoolTotals *totals);	/* NULL is fine */
extern uint64_t pool_totals_next_server(PoolTotals *totals);	/* 1, 2, ...: numbers of servers, given once */

extern PoolSlot *pool_totals_get(PoolTotals *totals, PoolSlotKind kind, const char *key, size_t key_len);
extern void pool_totals_put(PoolTotals *totals, PoolSlot *slot);	/* the last one takes it along */

extern bool pool_slot_acquire(PoolSlot *slot, int limit);	/* one more, if the limit allows */
extern void pool_slot_release(PoolSlot *slot);
extern int	pool_slot_count(const PoolSlot *slot);

/* Those who compete for it: pools that have servers or waiters. */
extern void pool_slot_join(PoolSlot *slot);
extern void pool_slot_leave(PoolSlot *slot);
extern int	pool_slot_users(const PoolSlot *slot);

#endif							/* ROUTER_BACKEND_POOL_TOTALS_H */
