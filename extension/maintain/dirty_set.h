/*-------------------------------------------------------------------------
 *
 * dirty_set.h
 *	  What a transaction has dirtied and not yet refreshed.
 *
 * capture adds entries, drain takes them.  One set per transaction, over all
 * boards; it knows about subtransactions:
 *
 *	  an entry has the nesting level that captured it; a subtransaction that
 *	  aborts takes its entries along, one that commits gives them to its parent
 *
 *	  an entry taken by a drain stays with the level that drained it, if it was
 *	  captured further out: that level's abort makes it pending again
 *
 * It also counts the locks that drains have taken, by level: an abort releases
 * those of its level.
 *
 * Entries of one board are bounded; beyond the bound the whole board is dirty
 * and single keys are no longer kept, so memory stays bounded too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_DIRTY_SET_H
#define ANDON_MAINTAIN_DIRTY_SET_H

#include "postgres.h"

#include "base/values.h"
#include "lib/ilist.h"
#include "nodes/pg_list.h"
#include "storage/itemptr.h"

/* Entries of one board, beyond which the whole board is dirty. */
#define DIRTY_SET_MAX_ENTRIES	100000

typedef enum DirtyKind
{
	DIRTY_KEY,					/* values: a key */
	DIRTY_START,				/* values: the start of path `index` */
	DIRTY_LINK,					/* values: of link `index`, to be locked shared */
	DIRTY_WHOLE					/* no values: every key */
} DirtyKind;

/* What an entry is, apart from its values. */
typedef struct DirtyTag
{
	Oid			board;
	uint64		fingerprint;	/* of the plan that gives index its meaning */
	DirtyKind	kind;
	int			index;
} DirtyTag;

typedef struct DirtyBoard DirtyBoard;

typedef struct DirtyEntry
{
	DirtyTag	tag;
	const ValueShape *shape;	/* borrowed from a plan, until end of transaction */
	uint32		hash;
	int			level;			/* nesting level that captured it */
	bool		fast;			/* DIRTY_KEY: only fast columns changed */
	ItemPointerData tid;		/* if fast: the changed row, if it can be said */
	DirtyBoard *board;
	dlist_node	board_node;		/* in board->pending while pending */
	dlist_node	level_node;		/* in its level's captured or drained list */
	Datum		values[FLEXIBLE_ARRAY_MEMBER];	/* and what they point to */
} DirtyEntry;

/* values may be NULL if the shape is (DIRTY_WHOLE). */
extern void dirty_set_add(const DirtyTag *tag, const ValueShape *shape, const Datum *values);

/*
 * The same for a key whose row changed in fast columns only (fast_columns.h).
 * The key is fast as long as nothing else makes it dirty.  tid may be NULL.
 */
extern void dirty_set_add_fast(const DirtyTag *tag, const ValueShape *shape,
							   const Datum *values, ItemPointer tid);

/* Is the whole board dirty, so that nothing more need be added? */
extern bool dirty_set_is_whole(Oid board);

extern bool dirty_set_has_pending(void);

/* OIDs of the boards with pending entries, in ascending order. */
extern List *dirty_set_list_boards(void);

/*
 * Takes a board's pending entries for a drain at the current nesting level.
 * The list's memory is the caller's, the entries stay ours: they live until
 * dirty_set_release().
 */
extern List *dirty_set_take(Oid board);
extern void dirty_set_release(List *entries);

/*
 * Link and key locks that this transaction holds, over all boards: adds count,
 * taken at the current nesting level, and answers with the sum.
 */
extern int	dirty_set_count_locks(int count);

/* Transaction events; the level is the subtransaction's own. */
extern void dirty_set_on_subcommit(int level);
extern void dirty_set_on_subabort(int level);
extern void dirty_set_on_transaction_end(void);

#endif							/* ANDON_MAINTAIN_DIRTY_SET_H */
