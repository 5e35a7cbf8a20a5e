/*-------------------------------------------------------------------------
 *
 * pool_totals.c
 *	  Counts that all workers share.
 *
 * acquire() is one compare-and-swap, so a limit holds exactly however many
 * workers try at once.  Who needs places in several slots takes them one after
 * the other and gives back what it has when one is full: for that moment
 * another worker may find a slot full that is not.  It looks again soon, as
 * everybody does who found one full (pool_share.c), so nothing is lost.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool_totals.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

struct PoolSlot
{
	atomic_int	count;			/* of servers, connecting ones included, or clients */
	atomic_int	users;			/* who compete for it */
	char	   *key;			/* owned; one byte for the kind, then the caller's */
	int			holders;		/* got it and have not put it back; under the totals' lock */
	UT_hash_handle hh;
};

struct PoolTotals
{
	pthread_mutex_t lock;
	PoolSlot   *slots;			/* hash table by key; under lock */
	atomic_uint_fast64_t servers;	/* ever opened */
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

uint64_t
pool_totals_next_server(PoolTotals *totals)
{
	return atomic_fetch_add(&totals->servers, 1) + 1;
}

PoolSlot *
pool_totals_get(PoolTotals *totals, PoolSlotKind kind, const char *key, size_t key_len)
{
	char	   *full_key = mem_alloc(key_len + 1);
	PoolSlot   *slot;

	full_key[0] = (char) kind;
	memcpy(full_key + 1, key, key_len);
	pthread_mutex_lock(&totals->lock);
	HASH_FIND(hh, totals->slots, full_key, key_len + 1, slot);
	if (slot == NULL)
	{
		slot = mem_alloc(sizeof(PoolSlot));
		slot->key = full_key;
		full_key = NULL;
		HASH_ADD_KEYPTR(hh, totals->slots, slot->key, key_len + 1, slot);
	}
	slot->holders++;
	pthread_mutex_unlock(&totals->lock);
	mem_free(full_key);
	return slot;
}

void
pool_totals_put(PoolTotals *totals, PoolSlot *slot)
{
	pthread_mutex_lock(&totals->lock);
	if (--slot->holders == 0)
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
	int			count = atomic_load(&slot->count);

	while (count < limit)
	{
		if (atomic_compare_exchange_weak(&slot->count, &count, count + 1))
			return true;
	}
	return false;
}

void
pool_slot_release(PoolSlot *slot)
{
	atomic_fetch_sub(&slot->count, 1);
}

int
pool_slot_count(const PoolSlot *slot)
{
	return atomic_load(&((PoolSlot *) slot)->count);
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
