/*-------------------------------------------------------------------------
 *
 * dirty_set.c
 *	  What a transaction has dirtied and not yet refreshed.
 *
 * A hash table finds an entry that is pending already; each board lists its
 * pending entries; each nesting level lists what it captured and what it
 * drained for levels further out:
 *
 *	  level 1 (the transaction)		captured: a b		drained: -
 *	  level 2 (a savepoint)			captured: c			drained: d (level 1)
 *
 *	  ROLLBACK TO: c is forgotten, d is pending again
 *	  RELEASE: c is level 1's; d was captured and drained by level 1: done
 *
 * An entry captured and drained at one level needs no memory of it: that
 * level's abort undoes both.  So without savepoints drained entries are freed
 * at once.
 *
 * Everything is allocated in a child of TopTransactionContext, which goes with
 * the transaction: at its end there are only pointers to clear.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "maintain/dirty_set.h"

struct DirtyBoard
{
	Oid			relid;
	int			count;			/* pending entries */
	DirtyEntry *whole;			/* pending entry of kind DIRTY_WHOLE, or NULL */
	dlist_head	pending;
};

typedef struct DirtyLevel
{
	dlist_head	captured;		/* pending entries captured at this level */
	dlist_head	drained;		/* entries of outer levels drained at this one */
	int			nlocks;			/* taken at this level */
} DirtyLevel;

typedef struct DirtySlot
{
	DirtyEntry *entry;
	char		status;
} DirtySlot;

static bool entry_equal(const DirtyEntry *a, const DirtyEntry *b);

#define SH_PREFIX dirty
#define SH_ELEMENT_TYPE DirtySlot
#define SH_KEY_TYPE DirtyEntry *
#define SH_KEY entry
#define SH_HASH_KEY(tb, key) (key)->hash
#define SH_EQUAL(tb, a, b) entry_equal((a), (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext context = NULL;
static dirty_hash *pending = NULL;
static List *boards = NIL;		/* of DirtyBoard */
static DirtyLevel **levels = NULL;	/* index: nesting level */
static int	nlevels = 0;
static int	nlocks = 0;			/* of all levels */
static DirtyEntry *probe = NULL;	/* scratch entry for look-ups */
static int	probe_columns = 0;

static void begin(void);
static DirtyEntry *add(const DirtyTag *tag, const ValueShape *shape, const Datum *values);
static DirtyBoard *get_board(Oid relid);
static DirtyLevel *get_level(int level);
static void prepare_probe(const DirtyTag *tag, const ValueShape *shape, const Datum *values);
static DirtyEntry *copy_probe(void);
static void make_pending(DirtyEntry *entry);
static void move_outward(DirtyEntry *entry, int level);
static void unlink_pending(DirtyEntry *entry);

void
dirty_set_add(const DirtyTag *tag, const ValueShape *shape, const Datum *values)
{
	DirtyEntry *entry = add(tag, shape, values);

	if (entry)
		entry->fast = false;
}

void
dirty_set_add_fast(const DirtyTag *tag, const ValueShape *shape, const Datum *values,
				   ItemPointer tid)
{
	DirtyEntry *entry = add(tag, shape, values);

	if (entry == NULL || !entry->fast)
		return;
	if (tid)
		ItemPointerCopy(tid, &entry->tid);
	else
		ItemPointerSetInvalid(&entry->tid);
}

bool
dirty_set_is_whole(Oid relid)
{
	ListCell   *cell;

	foreach(cell, boards)
	{
		DirtyBoard *board = lfirst(cell);

		if (board->relid == relid)
			return board->whole != NULL;
	}
	return false;
}

bool
dirty_set_has_pending(void)
{
	return pending != NULL && pending->members > 0;
}

List *
dirty_set_list_boards(void)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, boards)
	{
		DirtyBoard *board = lfirst(cell);

		if (board->count > 0)
			result = lappend_oid(result, board->relid);
	}
	list_sort(result, list_oid_cmp);
	return result;
}

List *
dirty_set_take(Oid relid)
{
	DirtyBoard *board = get_board(relid);
	DirtyLevel *level = get_level(GetCurrentTransactionNestLevel());
	List	   *result = NIL;

	while (!dlist_is_empty(&board->pending))
	{
		DirtyEntry *entry = dlist_head_element(DirtyEntry, board_node, &board->pending);

		unlink_pending(entry);
		dlist_push_tail(&level->drained, &entry->level_node);
		result = lappend(result, entry);
	}
	return result;
}

void
dirty_set_release(List *entries)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *cell;

	foreach(cell, entries)
	{
		DirtyEntry *entry = lfirst(cell);

		if (entry->level < level)
			continue;
		dlist_delete(&entry->level_node);
		pfree(entry);
	}
}

int
dirty_set_count_locks(int count)
{
	if (context == NULL)
		begin();
	get_level(GetCurrentTransactionNestLevel())->nlocks += count;
	nlocks += count;
	return nlocks;
}

void
dirty_set_on_subcommit(int n)
{
	DirtyLevel *level;
	DirtyLevel *parent;

	if (n >= nlevels || levels[n] == NULL)
		return;
	level = levels[n];
	parent = get_level(n - 1);
	parent->nlocks += level->nlocks;
	level->nlocks = 0;
	while (!dlist_is_empty(&level->captured))
	{
		DirtyEntry *entry = dlist_head_element(DirtyEntry, level_node, &level->captured);

		dlist_delete(&entry->level_node);
		entry->level = n - 1;
		dlist_push_tail(&parent->captured, &entry->level_node);
	}
	while (!dlist_is_empty(&level->drained))
	{
		DirtyEntry *entry = dlist_head_element(DirtyEntry, level_node, &level->drained);

		dlist_delete(&entry->level_node);
		if (entry->level >= n - 1)
			pfree(entry);
		else
			dlist_push_tail(&parent->drained, &entry->level_node);
	}
}

void
dirty_set_on_subabort(int n)
{
	DirtyLevel *level;

	if (n >= nlevels || levels[n] == NULL)
		return;
	level = levels[n];
	nlocks -= level->nlocks;
	level->nlocks = 0;
	while (!dlist_is_empty(&level->captured))
	{
		DirtyEntry *entry = dlist_head_element(DirtyEntry, level_node, &level->captured);

		unlink_pending(entry);
		pfree(entry);
	}
	while (!dlist_is_empty(&level->drained))
	{
		DirtyEntry *entry = dlist_head_element(DirtyEntry, level_node, &level->drained);
		DirtySlot  *slot;
		bool		found = true;

		dlist_delete(&entry->level_node);
		if (entry->level < n)
		{
			slot = dirty_insert(pending, entry, &found);
			if (!found)
			{
				slot->entry = entry;
				make_pending(entry);
			}
			else
			{
				slot->entry->fast &= entry->fast;
				if (entry->level < slot->entry->level)
					move_outward(slot->entry, entry->level);
			}
		}
		if (found)
			pfree(entry);
	}
}

void
dirty_set_on_transaction_end(void)
{
	context = NULL;
	pending = NULL;
	boards = NIL;
	levels = NULL;
	nlevels = 0;
	nlocks = 0;
	probe = NULL;
	probe_columns = 0;
}

static void
begin(void)
{
	MemoryContext made = AllocSetContextCreate(TopTransactionContext, "andon dirty set",
											   ALLOCSET_DEFAULT_SIZES);

	pending = dirty_create(made, 8, NULL);
	context = made;
}

/* The pending entry, found or made; NULL where the whole board is dirty. */
static DirtyEntry *
add(const DirtyTag *tag, const ValueShape *shape, const Datum *values)
{
	DirtyBoard *board;
	DirtySlot  *slot;
	bool		found;
	DirtyEntry *entry;
	DirtyTag	whole;

	if (context == NULL)
		begin();
	board = get_board(tag->board);
	if (board->whole)
		return NULL;
	if (board->count >= DIRTY_SET_MAX_ENTRIES && tag->kind != DIRTY_WHOLE)
	{
		whole = (DirtyTag) {tag->board, 0, DIRTY_WHOLE, 0};
		dirty_set_add(&whole, NULL, NULL);
		return NULL;
	}

	prepare_probe(tag, shape, values);
	slot = dirty_lookup(pending, probe);
	if (slot)
		return slot->entry;
	entry = copy_probe();
	entry->board = board;
	entry->fast = true;
	ItemPointerSetInvalid(&entry->tid);
	entry->level = GetCurrentTransactionNestLevel();
	slot = dirty_insert(pending, entry, &found);
	slot->entry = entry;
	make_pending(entry);
	return entry;
}

static DirtyBoard *
get_board(Oid relid)
{
	ListCell   *cell;
	MemoryContext old;
	DirtyBoard *board;

	foreach(cell, boards)
	{
		board = lfirst(cell);
		if (board->relid == relid)
			return board;
	}
	old = MemoryContextSwitchTo(context);
	board = palloc0(sizeof(DirtyBoard));
	board->relid = relid;
	dlist_init(&board->pending);
	boards = lappend(boards, board);
	MemoryContextSwitchTo(old);
	return board;
}

static DirtyLevel *
get_level(int level)
{
	if (level >= nlevels)
	{
		int			wanted = Max(level + 1, 8);

		if (levels == NULL)
			levels = MemoryContextAllocZero(context, sizeof(DirtyLevel *) * wanted);
		else
		{
			wanted = Max(wanted, nlevels * 2);
			levels = repalloc(levels, sizeof(DirtyLevel *) * wanted);
			memset(levels + nlevels, 0, sizeof(DirtyLevel *) * (wanted - nlevels));
		}
		nlevels = wanted;
	}
	if (levels[level] == NULL)
	{
		levels[level] = MemoryContextAllocZero(context, sizeof(DirtyLevel));
		dlist_init(&levels[level]->captured);
		dlist_init(&levels[level]->drained);
	}
	return levels[level];
}

/* The probe borrows the values; byval and pointers alike. */
static void
prepare_probe(const DirtyTag *tag, const ValueShape *shape, const Datum *values)
{
	int			n = shape ? shape->n : 0;
	uint32		hash;

	if (probe == NULL || n > probe_columns)
	{
		probe_columns = Max(n, 8);
		probe = MemoryContextAllocZero(context, offsetof(DirtyEntry, values) +
									   sizeof(Datum) * probe_columns);
	}
	probe->tag = *tag;
	probe->shape = shape;
	for (int i = 0; i < n; i++)
	{
		if (shape->columns[i].typlen == -1)
			probe->values[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[i]));
		else
			probe->values[i] = values[i];
	}
	hash = hash_combine(murmurhash32(tag->board), murmurhash32(tag->kind * 1000 + tag->index));
	if (shape)
		hash = hash_combine(hash, value_image_hash(shape, probe->values));
	probe->hash = hash;
}

/* One chunk holds the entry and all that its values point to. */
static DirtyEntry *
copy_probe(void)
{
	const ValueShape *shape = probe->shape;
	int			n = shape ? shape->n : 0;
	Size		fixed = MAXALIGN(offsetof(DirtyEntry, values) + sizeof(Datum) * n);
	Size		size = fixed;
	DirtyEntry *entry;
	char	   *space;

	for (int i = 0; i < n; i++)
		if (!shape->columns[i].typbyval)
			size += MAXALIGN(datumGetSize(probe->values[i], false, shape->columns[i].typlen));
	entry = MemoryContextAlloc(context, size);
	memcpy(entry, probe, offsetof(DirtyEntry, values));
	space = (char *) entry + fixed;
	for (int i = 0; i < n; i++)
	{
		Size		length;

		entry->values[i] = probe->values[i];
		if (shape->columns[i].typbyval)
			continue;
		length = datumGetSize(probe->values[i], false, shape->columns[i].typlen);
		memcpy(space, DatumGetPointer(probe->values[i]), length);
		entry->values[i] = PointerGetDatum(space);
		space += MAXALIGN(length);
	}
	return entry;
}

/* The entry is in the hash table already; puts it in its lists. */
static void
make_pending(DirtyEntry *entry)
{
	DirtyLevel *level = get_level(entry->level);

	dlist_push_tail(&entry->board->pending, &entry->board_node);
	dlist_push_tail(&level->captured, &entry->level_node);
	entry->board->count++;
	if (entry->tag.kind == DIRTY_WHOLE)
		entry->board->whole = entry;
}

/* A pending entry turns out to have been captured further out already. */
static void
move_outward(DirtyEntry *entry, int level)
{
	dlist_delete(&entry->level_node);
	entry->level = level;
	dlist_push_tail(&get_level(level)->captured, &entry->level_node);
}

static void
unlink_pending(DirtyEntry *entry)
{
	dirty_delete(pending, entry);
	dlist_delete(&entry->board_node);
	dlist_delete(&entry->level_node);
	entry->board->count--;
	if (entry->tag.kind == DIRTY_WHOLE)
		entry->board->whole = NULL;
}

static bool
entry_equal(const DirtyEntry *a, const DirtyEntry *b)
{
	if (a->tag.board != b->tag.board || a->tag.kind != b->tag.kind ||
		a->tag.index != b->tag.index || a->tag.fingerprint != b->tag.fingerprint)
		return false;
	return a->shape == NULL || value_image_equal(a->shape, a->values, b->values);
}
