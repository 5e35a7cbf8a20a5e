/*-------------------------------------------------------------------------
 *
 * board_cache.h
 *	  Boards, kept per backend until a relation they rest on changes.
 *
 * board_cache_get() answers with an entry whose board was read from the
 * catalogs after the last relevant invalidation.  An entry lives in a memory
 * context of its own, at least until the end of the transaction that asked for
 * it: one that has become stale is set aside, not freed under its users.
 *
 * Layers above hang what they derive from a board on entry->plan (maintenance)
 * and entry->reader (pages), allocated in entry->context; plan_release and
 * reader_release, if set, are called before that context goes.
 * They name the relations they looked at with board_cache_watch(); a change of
 * any watched relation starts a new generation, in which everything is derived
 * anew on first use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_CACHE_H
#define ANDON_BOARD_BOARD_CACHE_H

#include "postgres.h"

#include "board/board.h"

typedef struct BoardEntry
{
	Oid			relid;			/* hash key */
	uint64		generation;		/* in which it was read */
	MemoryContext context;
	Board	   *board;			/* NULL: no such board */
	void	   *plan;			/* of the layer above; NULL until made */
	void		(*plan_release) (void *plan);
	void	   *reader;			/* of who shows it; NULL until made */
	void		(*reader_release) (void *reader);
} BoardEntry;

extern void board_cache_init(void);

extern BoardEntry *board_cache_get(Oid relid);
extern void board_cache_watch(Oid relid);

/* Grows with each relevant invalidation; never 0. */
extern uint64 board_cache_generation(void);

/* At the end of each transaction: what was set aside may be freed. NOTHROW */
extern void board_cache_on_transaction_end(void);

#endif							/* ANDON_BOARD_BOARD_CACHE_H */
