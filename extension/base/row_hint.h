/*-------------------------------------------------------------------------
 *
 * row_hint.h
 *	  Where rows were seen last: hints that all backends share.
 *
 * Called by row_lookup.c, which keeps them and checks them.  A hint is found
 * under a hash of its row; it may be old, be another row's or be missing.
 * Without shared_preload_libraries there are none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_ROW_HINT_H
#define ANDON_BASE_ROW_HINT_H

#include "postgres.h"

#include "storage/buf.h"
#include "storage/itemptr.h"

typedef struct RowHint
{
	ItemPointerData tid;
	Buffer		buffer;			/* which had the row's page then */
} RowHint;

extern void row_hint_request_shmem(void);
extern void row_hint_init_shmem(void);

/* False if there is none. */
extern bool row_hint_find(uint32 hash, RowHint *hint);

/* What cannot be noted, such as a buffer of a temporary table, is not. */
extern void row_hint_note(uint32 hash, const RowHint *hint);

#endif							/* ANDON_BASE_ROW_HINT_H */
