/*-------------------------------------------------------------------------
 *
 * pool_totals.c
 *	  How many servers of each (node, database, user) the process has.
 *
 * A slot is looked up once per pool and worker, under the lock, and lives as
 * long as the totals; after that its counts are atomics and nobody locks.
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <stdatomic.h>

#include "backend/pool_internal.h"
#include "base/hash.h"
#include "base/memory.h"

struct PoolSlot
{
	atomic_int	servers;		/* connecting ones included */
	atomic_int	users;			/* workers with servers or waiters */
	char	   *key;			/* owned */
	int			pools;			/* that have it; under the totals' lock */
	UT_hash_handle hh;
};

struct PoolTotals
{
	pthread_mutex_t lock;
	PoolSlot   *slots;			/* hash table by key; under lock */
};

PoolTotals *
pool_totals_create(void)
{
	PoolTotals *totals = mem_alloc(sizeof(PoolTotals));

	pthread_mutex_init(&totals->lock, NULL);
	return totals;
}

void
pool_totals_destroy(PoolTotals *totals)
{
	PoolSlot   *slot;
	PoolSlot   *next;

	if (totals == NULL)
		return;
	HASH_ITER(hh, totals->slots, slot, next)
	{
		HASH_DEL(totals->slots, slot);
		mem_free(slot->key);
		mem_free(slot);
	}
	pthread_mutex_destroy(&totals->lock);
	mem_free(totals);
}

PoolSlot *
pool_totals_get(PoolTotals *totals, const char *key, size_t key_len)
{
	PoolSlot   *slot;

	pthread_mutex_lock(&totals->lock);
	HASH_FIND(hh, totals->slots, key, key_len, slot);
	if (slot == NULL)
	{
		slot = mem_alloc(sizeof(PoolSlot));
		slot->key = mem_alloc(key_len);
		memcpy(slot->key, key, key_len);
		HASH_ADD_KEYPTR(hh, totals->slots, slot->key, key_len, slot);
	}
	slot->pools++;
	pthread_mutex_unlock(&totals->lock);
	return slot;
}

void
pool_totals_put(PoolTotals *totals, PoolSlot *slot)
{
	pthread_mutex_lock(&totals->lock);
	if (--slot->pools == 0)
	{
		HASH_DEL(totals->slots, slot);
		mem_free(slot->key);
		mem_free(slot);
	}
	pthread_mutex_unlock(&totals->lock);
}

bool
pool_slot_acquire(PoolSlot *slot, int limit)
{
	int			servers = atomic_load(&slot->servers);

	while (servers < limit)
	{
		if (atomic_compare_exchange_weak(&slot->servers, &servers, servers + 1))
			return true;
	}
	return false;
}

void
pool_slot_release(PoolSlot *slot)
{
	atomic_fetch_sub(&slot->servers, 1);
}

void
pool_slot_join(PoolSlot *slot)
{
	atomic_fetch_add(&slot->users, 1);
}

void
pool_slot_leave(PoolSlot *slot)
{
	atomic_fetch_sub(&slot->users, 1);
}

int
pool_slot_users(const PoolSlot *slot)
{
	return atomic_load(&((PoolSlot *) slot)->users);
}
