/*-------------------------------------------------------------------------
 *
 * row_hint.c
 *	  Where rows were seen last: hints that all backends share.
 *
 * One word for each, in a table that is never locked: who notes a row takes the
 * place of the one that was there.  With more rows in use than places, a look-up
 * finds another row's hint and goes by the index, as it does without hints.
 *
 *	  63           37 36               10 9        0
 *	  +---------------+------------------+----------+
 *	  |   buffer      |      block       |  offset  |
 *	  +---------------+------------------+----------+
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "base/row_hint.h"

/* A power of two; 512 kB. */
#define ROW_HINTS	65536

#define OFFSET_BITS	10
#define BLOCK_BITS	27
#define BUFFER_BITS	(64 - OFFSET_BITS - BLOCK_BITS)

#define MASK(bits)	((UINT64CONST(1) << (bits)) - 1)

static pg_atomic_uint64 *hints = NULL;	/* NULL: not preloaded; a hint of 0: none */

void
row_hint_request_shmem(void)
{
	RequestAddinShmemSpace(sizeof(pg_atomic_uint64) * ROW_HINTS);
}

void
row_hint_init_shmem(void)
{
	bool		found;

	hints = ShmemInitStruct("andon row hints", sizeof(pg_atomic_uint64) * ROW_HINTS, &found);
	for (int i = 0; i < ROW_HINTS && !found; i++)
		pg_atomic_init_u64(&hints[i], 0);
}

bool
row_hint_find(uint32 hash, RowHint *hint)
{
	uint64		word = hints ? pg_atomic_read_u64(&hints[hash % ROW_HINTS]) : 0;

	if (word == 0)
		return false;
	ItemPointerSet(&hint->tid, (word >> OFFSET_BITS) & MASK(BLOCK_BITS), word & MASK(OFFSET_BITS));
	hint->buffer = word >> (OFFSET_BITS + BLOCK_BITS);
	return true;
}

void
row_hint_note(uint32 hash, const RowHint *hint)
{
	uint64		offset = ItemPointerGetOffsetNumber(&hint->tid);
	uint64		block = ItemPointerGetBlockNumber(&hint->tid);

	if (hints == NULL || BufferIsLocal(hint->buffer) || offset > MASK(OFFSET_BITS) ||
		block > MASK(BLOCK_BITS) || hint->buffer > MASK(BUFFER_BITS))
		return;
	pg_atomic_write_u64(&hints[hash % ROW_HINTS],
						(uint64) hint->buffer << (OFFSET_BITS + BLOCK_BITS) |
						block << OFFSET_BITS | offset);
}
