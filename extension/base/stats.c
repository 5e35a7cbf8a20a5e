/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  What maintenance does, counted per board in shared memory.
 *
 * The slots are an open hash table that is never locked.  A slot belongs to the
 * board whose database and OID are its key; who finds none takes a free one by
 * compare-and-swap.  Two backends may do so at the same moment and take two
 * slots for one board: readers add up all that have the key, so nothing is lost.
 * Counters are atomic and only ever added to, but for a reset.
 *
 * A slot given back keeps its place in the chains that lead past it (KEY_GONE)
 * until somebody takes it.  A backend that adds to it at that very moment spoils
 * a few counts; that is the price of no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/stats.h"

#define KEY_FREE	UINT64CONST(0)
#define KEY_GONE	PG_UINT64_MAX

/* Slots that a board may be away from its place; beyond it is not counted. */
#define PROBES_MOST	64

typedef struct StatsSlot
{
	pg_atomic_uint64 key;
	pg_atomic_uint64 since;		/* TimestampTz */
	pg_atomic_uint64 counters[STATS_NCOUNTERS];
} StatsSlot;

/* Boards that are written at the same time share no cache line. */
typedef union PaddedSlot
{
	StatsSlot	slot;
	char		padding[2 * PG_CACHE_LINE_SIZE];
} PaddedSlot;

typedef struct StatsTable
{
	TimestampTz made_at;
	PaddedSlot	slots[STATS_SLOTS];
} StatsTable;

uint64		stats_pending[STATS_NCOUNTERS];

static StatsTable *table = NULL;	/* NULL: not preloaded */
static StatsSlot *last_slot = NULL; /* the one flushed to last */

static uint64 key_of(Oid board);
static StatsSlot *slot_at(uint64 place);
static StatsSlot *get_slot(uint64 key);
static StatsSlot *find_slot(uint64 key, StatsSlot **free_slot, uint64 *free_key);
static void reset_slot(StatsSlot *slot);

void
stats_request_shmem(void)
{
	RequestAddinShmemSpace(sizeof(StatsTable));
}

void
stats_init_shmem(void)
{
	bool		found;

	table = ShmemInitStruct("andon board statistics", sizeof(StatsTable), &found);
	if (found)
		return;
	table->made_at = GetCurrentTimestamp();
	for (int i = 0; i < STATS_SLOTS; i++)
	{
		StatsSlot  *slot = slot_at(i);

		pg_atomic_init_u64(&slot->key, KEY_FREE);
		pg_atomic_init_u64(&slot->since, 0);
		for (int c = 0; c < STATS_NCOUNTERS; c++)
			pg_atomic_init_u64(&slot->counters[c], 0);
	}
}

bool
stats_are_kept(void)
{
	return table != NULL;
}

void
stats_begin(void)
{
	memset(stats_pending, 0, sizeof(stats_pending));
}

void
stats_flush(Oid board)
{
	StatsSlot  *slot = table ? get_slot(key_of(board)) : NULL;

	for (int c = 0; slot && c < STATS_NCOUNTERS; c++)
		if (stats_pending[c] > 0)
			(void) pg_atomic_fetch_add_u64(&slot->counters[c], (int64) stats_pending[c]);
	stats_begin();
}

bool
stats_read(Oid board, BoardStats *stats)
{
	uint64		key = key_of(board);

	memset(stats, 0, sizeof(BoardStats));
	if (table == NULL)
		return false;
	stats->since = table->made_at;
	for (int i = 0; i < STATS_SLOTS; i++)
	{
		StatsSlot  *slot = slot_at(i);

		if (pg_atomic_read_u64(&slot->key) != key)
			continue;
		stats->since = Max(stats->since, (TimestampTz) pg_atomic_read_u64(&slot->since));
		for (int c = 0; c < STATS_NCOUNTERS; c++)
			stats->counters[c] += pg_atomic_read_u64(&slot->counters[c]);
	}
	return true;
}

void
stats_reset(Oid board)
{
	for (int i = 0; table && i < STATS_SLOTS; i++)
	{
		StatsSlot  *slot = slot_at(i);
		uint64		key = pg_atomic_read_u64(&slot->key);

		if (key == KEY_FREE || key == KEY_GONE)
			continue;
		if (OidIsValid(board) ? key == key_of(board) : (key >> 32) == MyDatabaseId)
			reset_slot(slot);
	}
}

void
stats_forget(Oid board)
{
	uint64		key = key_of(board);

	for (int i = 0; table && i < STATS_SLOTS; i++)
	{
		uint64		expected = key;

		(void) pg_atomic_compare_exchange_u64(&slot_at(i)->key, &expected, KEY_GONE);
	}
}

static uint64
key_of(Oid board)
{
	return (uint64) MyDatabaseId << 32 | board;
}

static StatsSlot *
slot_at(uint64 place)
{
	return &table->slots[place % STATS_SLOTS].slot;
}

/* The slot of a key, taken if need be; NULL if there is no room. */
static StatsSlot *
get_slot(uint64 key)
{
	StatsSlot  *slot = last_slot;

	if (slot && pg_atomic_read_u64(&slot->key) == key)
		return slot;
	do
	{
		StatsSlot  *free_slot;
		uint64		free_key;

		slot = find_slot(key, &free_slot, &free_key);
		if (slot == NULL && free_slot == NULL)
			return NULL;
		if (slot == NULL && pg_atomic_compare_exchange_u64(&free_slot->key, &free_key, key))
		{
			slot = free_slot;
			reset_slot(slot);
		}
	} while (slot == NULL);
	last_slot = slot;
	return slot;
}

/* Else *free_slot is one that may be taken, if it still has free_key, or NULL. */
static StatsSlot *
find_slot(uint64 key, StatsSlot **free_slot, uint64 *free_key)
{
	uint32		place = hash_bytes((const unsigned char *) &key, sizeof(key));

	*free_slot = NULL;
	for (int i = 0; i < PROBES_MOST; i++)
	{
		StatsSlot  *slot = slot_at(place + i);
		uint64		found = pg_atomic_read_u64(&slot->key);

		if (found == key)
			return slot;
		if ((found == KEY_FREE || found == KEY_GONE) && *free_slot == NULL)
		{
			*free_slot = slot;
			*free_key = found;
		}
		if (found == KEY_FREE)
			break;
	}
	return NULL;
}

static void
reset_slot(StatsSlot *slot)
{
	for (int c = 0; c < STATS_NCOUNTERS; c++)
		pg_atomic_write_u64(&slot->counters[c], 0);
	pg_atomic_write_u64(&slot->since, (uint64) GetCurrentTimestamp());
}
