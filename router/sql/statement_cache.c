/*-------------------------------------------------------------------------
 *
 * statement_cache.c
 *	  Decisions by text, for one database, in one worker.
 *
 * A hash table over the texts, or their shapes, and a list in the order of
 * their use.  A hit is one hash, one comparison and a move in the list; nothing
 * is allocated.  A shape whose decision looked at the value of a literal only
 * says so: then the text is looked for.  An
 * entry is one allocation that holds the text too, and counts with all it
 * takes, so that max_bytes is a bound on memory.
 *
 * The statement that comes next is often the one that came last, with other
 * values: that entry is looked at first, without finding the shape.
 *
 * To find a shape costs more than to compare texts, and many texts come again
 * as they are: so each entry keeps the text it was last found by, and a small
 * table leads from the texts' hashes to the entries.  The hash is seeded by where
 * the cache lies: who sends the texts cannot choose which of them collide.
 *
 * A text that would take more than a quarter of the cache is decided anew each
 * time, as is everything when facts that say something new come in.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/statement_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/list.h"
#include "base/memory.h"
#include "sql/shape.h"

/* uthash ends the process when malloc fails; ours logs first (memory.h). */
#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) mem_alloc(size)
#define uthash_free(ptr, size) mem_free(ptr)
#include <uthash.h>

#define LAST_SLOTS 512			/* a power of two */
#define LITERALS_ROOM 64		/* texts of a shape are remembered up to so many bytes more than it has */

typedef struct CacheEntry
{
	UT_hash_handle hh;
	ListNode	node;			/* in StatementCache.recent */
	StatementClass class;
	bool		is_learned;		/* not by the facts, but by a replica's refusal */
	unsigned	last_hash;		/* of the text it was last found by */
	unsigned	last_len;
	char		text[];			/* not terminated: hh.keylen; behind it the last text */
} CacheEntry;

struct StatementCache
{
	Facts	   *facts;			/* one reference; may be NULL */
	uint64_t	fingerprint;	/* of facts */
	int			learned;		/* entries */
	size_t		max_bytes;
	CacheEntry *entries;
	List		recent;			/* CacheEntry.node; the least recently used first */
	CacheEntry *last[LAST_SLOTS];	/* by the hash of the last text; may be NULL */
	CacheEntry *scratch;		/* of a text that is not kept; owned */
	StatementCacheStats stats;
};

static CacheEntry *statement_cache_decide(StatementCache *cache, Slice text, bool *is_hit);
static CacheEntry *statement_cache_search(StatementCache *cache, Slice whole, bool *is_hit);
static CacheEntry *statement_cache_find_same(StatementCache *cache, Slice text);
static CacheEntry *statement_cache_find_last(StatementCache *cache, Slice text, unsigned hash);
static void statement_cache_note_last(StatementCache *cache, CacheEntry *entry, Slice text, unsigned hash);
static CacheEntry *statement_cache_find_or_add(StatementCache *cache, Slice key, unsigned hash, Slice text, bool *is_hit);
static CacheEntry *statement_cache_find(StatementCache *cache, Slice text, unsigned hash);
static CacheEntry *statement_cache_add(StatementCache *cache, Slice key, unsigned hash);
static void statement_cache_touch(StatementCache *cache, CacheEntry *entry);
static void statement_cache_remove(StatementCache *cache, CacheEntry *entry);
static void statement_cache_clear(StatementCache *cache);
static void statement_cache_unlearn(StatementCache *cache);

/* An empty text may have no address; comparing bytes wants one. */
static inline Slice
statement_cache_key(Slice text)
{
	return text.len == 0 ? slice_make("", 0) : text;
}

static inline unsigned
statement_cache_hash(const StatementCache *cache, Slice text)
{
	return (unsigned) XXH3_64bits_withSeed(text.data, text.len, (uintptr_t) cache);
}

static inline size_t
statement_cache_cost(size_t text_len)
{
	return sizeof(CacheEntry) + 2 * text_len + LITERALS_ROOM;
}

static inline char *
last_text(CacheEntry *entry)
{
	return entry->text + entry->hh.keylen;
}

StatementCache *
statement_cache_create(size_t max_bytes)
{
	StatementCache *cache = mem_alloc(sizeof(StatementCache));

	cache->max_bytes = max_bytes;
	cache->scratch = mem_alloc(sizeof(CacheEntry));
	list_init(&cache->recent);
	return cache;
}

void
statement_cache_destroy(StatementCache *cache)
{
	if (cache == NULL)
		return;
	statement_cache_clear(cache);
	facts_unref(cache->facts);
	mem_free(cache->scratch);
	mem_free(cache);
}

void
statement_cache_set_facts(StatementCache *cache, Facts *facts)
{
	uint64_t	fingerprint = facts == NULL ? 0 : facts_fingerprint(facts);
	bool		is_same = facts != NULL && cache->facts != NULL && fingerprint == cache->fingerprint;

	if (facts != NULL)
		facts_ref(facts);
	facts_unref(cache->facts);
	cache->facts = facts;
	cache->fingerprint = fingerprint;
	if (is_same)
		statement_cache_unlearn(cache);
	else
		statement_cache_clear(cache);
}

const Facts *
statement_cache_facts(const StatementCache *cache)
{
	return cache->facts;
}

const StatementClass *
statement_cache_get(StatementCache *cache, Slice text)
{
	bool		is_hit;
	const CacheEntry *entry = statement_cache_decide(cache, text, &is_hit);

	if (is_hit)
		cache->stats.hits++;
	else
		cache->stats.misses++;
	return &entry->class;
}

void
statement_cache_learn_primary(StatementCache *cache, Slice text)
{
	bool		is_hit;
	CacheEntry *entry = statement_cache_decide(cache, text, &is_hit);
	StatementClass *class = &entry->class;

	cache->learned += entry != cache->scratch && !entry->is_learned;
	entry->is_learned = entry != cache->scratch;
	class->flags &= ~(unsigned) (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL);
	class->why = "a replica refused it before";
	class->detail[0] = '\0';
}

void
statement_cache_stats(const StatementCache *cache, StatementCacheStats *stats)
{
	*stats = cache->stats;
}

static CacheEntry *
statement_cache_decide(StatementCache *cache, Slice text, bool *is_hit)
{
	Slice		whole = statement_cache_key(text);
	CacheEntry *entry = statement_cache_find_same(cache, whole);

	*is_hit = entry != NULL;
	return entry != NULL ? entry : statement_cache_search(cache, whole, is_hit);
}

/* The entry used last, if it is this statement's. */
static CacheEntry *
statement_cache_find_same(StatementCache *cache, Slice text)
{
	CacheEntry *entry;
	Slice		key;

	if (list_is_empty(&cache->recent))
		return NULL;
	entry = list_entry(list_last(&cache->recent), CacheEntry, node);
	key = slice_make(entry->text, entry->hh.keylen);
	return (entry->class.reads_constant ? slice_equals(key, text) : shape_is_of(key, text)) ? entry : NULL;
}

/* By the last text, by shape, and by text where the shape does not say it all. */
static CacheEntry *
statement_cache_search(StatementCache *cache, Slice whole, bool *is_hit)
{
	char		buffer[SHAPE_MAX_TEXT];
	unsigned	hash = statement_cache_hash(cache, whole);
	CacheEntry *entry = statement_cache_find_last(cache, whole, hash);
	Slice		shape;

	*is_hit = entry != NULL;
	if (entry != NULL)
		return entry;
	shape = shape_of_text(whole, buffer);
	if (shape.data != whole.data)
	{
		entry = statement_cache_find_or_add(cache, shape, statement_cache_hash(cache, shape), whole, is_hit);
		if (!entry->class.reads_constant)
		{
			statement_cache_note_last(cache, entry, whole, hash);
			return entry;
		}
	}
	entry = statement_cache_find_or_add(cache, whole, hash, whole, is_hit);
	statement_cache_note_last(cache, entry, whole, hash);
	return entry;
}

static CacheEntry *
statement_cache_find_last(StatementCache *cache, Slice text, unsigned hash)
{
	CacheEntry *entry = cache->last[hash % LAST_SLOTS];

	if (entry == NULL || entry->last_hash != hash || entry->last_len != text.len ||
		memcmp(last_text(entry), text.data, text.len) != 0)
		return NULL;
	statement_cache_touch(cache, entry);
	return entry;
}

/* Whatever had the place, or was the entry's last text, will be found the long way. */
static void
statement_cache_note_last(StatementCache *cache, CacheEntry *entry, Slice text, unsigned hash)
{
	CacheEntry **former = &cache->last[entry->last_hash % LAST_SLOTS];

	if (entry == cache->scratch || text.len > entry->hh.keylen + LITERALS_ROOM)
		return;
	if (*former == entry)
		*former = NULL;
	entry->last_hash = hash;
	entry->last_len = (unsigned) text.len;
	memcpy(last_text(entry), text.data, text.len);
	cache->last[hash % LAST_SLOTS] = entry;
}

static CacheEntry *
statement_cache_find_or_add(StatementCache *cache, Slice key, unsigned hash, Slice text, bool *is_hit)
{
	CacheEntry *entry = statement_cache_find(cache, key, hash);

	*is_hit = entry != NULL;
	if (entry == NULL)
	{
		entry = statement_cache_add(cache, key, hash);
		classify_text(text, cache->facts, &entry->class);
	}
	return entry;
}

/* The entry of this key, which then is the most recently used one. */
static CacheEntry *
statement_cache_find(StatementCache *cache, Slice text, unsigned hash)
{
	CacheEntry *entry;

	HASH_FIND_BYHASHVALUE(hh, cache->entries, text.data, text.len, hash, entry);
	if (entry != NULL)
		statement_cache_touch(cache, entry);
	return entry;
}

static void
statement_cache_touch(StatementCache *cache, CacheEntry *entry)
{
	if (list_last(&cache->recent) == &entry->node)
		return;
	list_remove(&cache->recent, &entry->node);
	list_push_tail(&cache->recent, &entry->node);
}

/* Where to write the class of a key that is not there: into a new entry if it can be kept. */
static CacheEntry *
statement_cache_add(StatementCache *cache, Slice key, unsigned hash)
{
	size_t		cost = statement_cache_cost(key.len);
	CacheEntry *entry;

	if (cost > cache->max_bytes / 4)
		return cache->scratch;
	while (cache->stats.bytes + cost > cache->max_bytes)
		statement_cache_remove(cache, list_entry(list_first(&cache->recent), CacheEntry, node));
	entry = mem_alloc(cost);
	memcpy(entry->text, key.data, key.len);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, cache->entries, entry->text, key.len, hash, entry);
	list_push_tail(&cache->recent, &entry->node);
	cache->stats.entries++;
	cache->stats.bytes += cost;
	return entry;
}

static void
statement_cache_remove(StatementCache *cache, CacheEntry *entry)
{
	CacheEntry **last = &cache->last[entry->last_hash % LAST_SLOTS];

	if (*last == entry)
		*last = NULL;
	cache->stats.entries--;
	cache->learned -= entry->is_learned;
	cache->stats.bytes -= statement_cache_cost(entry->hh.keylen);
	HASH_DEL(cache->entries, entry);
	list_remove(&cache->recent, &entry->node);
	mem_free(entry);
}

static void
statement_cache_clear(StatementCache *cache)
{
	while (!list_is_empty(&cache->recent))
		statement_cache_remove(cache, list_entry(list_first(&cache->recent), CacheEntry, node));
}

static void
statement_cache_unlearn(StatementCache *cache)
{
	if (cache->learned == 0)
		return;
	LIST_FOREACH(node, &cache->recent)
	{
		CacheEntry *entry = list_entry(node, CacheEntry, node);

		if (entry->is_learned)
			statement_cache_remove(cache, entry);
	}
}
