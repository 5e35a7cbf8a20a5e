/*-------------------------------------------------------------------------
 *
 * board_cache.c
 *	  Boards, kept per backend until a relation they rest on changes.
 *
 * One generation number stands for all entries: sources seldom change, and
 * reading a board again costs less than one statement, so there is no need to
 * know which board an invalidation concerns.  The callback may run at any
 * catalog access; all it does is to raise the number.
 *
 * A stale entry may still be in use further up the stack (a drain whose board
 * has triggers that write sources).  It is set aside and freed by the first
 * board_cache_get() of a later transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "board/board_cache.h"

typedef struct RetiredEntry
{
	MemoryContext context;
	void	   *plan;
	void		(*plan_release) (void *plan);
	void	   *reader;
	void		(*reader_release) (void *reader);
	struct RetiredEntry *next;
} RetiredEntry;

static HTAB *entries = NULL;	/* of BoardEntry */
static HTAB *watched = NULL;	/* of Oid */
static uint64 generation = 1;
static RetiredEntry *retired = NULL;
static bool may_free_retired = false;

static void on_relcache_invalidation(Datum arg, Oid relid);
static void retire(BoardEntry *entry);
static void free_retired(void);
static void fill(BoardEntry *entry);

void
board_cache_init(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(BoardEntry);
	ctl.hcxt = TopMemoryContext;
	entries = hash_create("andon boards", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	ctl.entrysize = sizeof(Oid);
	watched = hash_create("andon watched relations", 64, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	CacheRegisterRelcacheCallback(on_relcache_invalidation, (Datum) 0);
}

BoardEntry *
board_cache_get(Oid relid)
{
	bool		found;
	BoardEntry *entry;

	if (may_free_retired)
		free_retired();

	entry = hash_search(entries, &relid, HASH_ENTER, &found);
	if (!found)
	{
		entry->generation = 0;
		entry->context = NULL;
	}
	if (entry->generation != generation)
	{
		if (entry->context)
			retire(entry);
		fill(entry);
	}
	return entry;
}

void
board_cache_watch(Oid relid)
{
	hash_search(watched, &relid, HASH_ENTER, NULL);
}

uint64
board_cache_generation(void)
{
	return generation;
}

void
board_cache_on_transaction_end(void)
{
	may_free_retired = retired != NULL;
}

static void
on_relcache_invalidation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || hash_search(watched, &relid, HASH_FIND, NULL))
		generation++;
}

static void
retire(BoardEntry *entry)
{
	RetiredEntry *old = MemoryContextAlloc(TopMemoryContext, sizeof(RetiredEntry));

	old->context = entry->context;
	old->plan = entry->plan;
	old->plan_release = entry->plan_release;
	old->reader = entry->reader;
	old->reader_release = entry->reader_release;
	old->next = retired;
	retired = old;
	entry->context = NULL;
}

static void
free_retired(void)
{
	may_free_retired = false;
	while (retired)
	{
		RetiredEntry *old = retired;

		retired = old->next;
		if (old->plan && old->plan_release)
			old->plan_release(old->plan);
		if (old->reader && old->reader_release)
			old->reader_release(old->reader);
		MemoryContextDelete(old->context);
		pfree(old);
	}
}

/*
 * Reads the board.  The generation is noted first, so that an invalidation
 * that arrives while the catalogs are read makes the result stale; and the
 * entry becomes valid last, so that an ERROR leaves nothing half read.
 */
static void
fill(BoardEntry *entry)
{
	uint64		started = generation;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "andon board",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Board	   *board;

	entry->generation = 0;
	board_cache_watch(entry->relid);
	board = board_load(entry->relid);
	if (board)
		board_cache_watch(board->view);
	MemoryContextSwitchTo(old);

	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->board = board;
	entry->plan = NULL;
	entry->plan_release = NULL;
	entry->reader = NULL;
	entry->reader_release = NULL;
	entry->generation = started;
}
