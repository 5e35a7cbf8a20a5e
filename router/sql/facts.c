/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What must be known of a database to prove a statement a read.
 *
 * Five hash tables by name.  An entry is made once and only gets worse, since
 * a name stands for every object that has it.  Entries live in chunks that
 * are freed with the whole: a catalog of 3 000 functions takes some 500 kB,
 * shared by all workers.
 *
 * The fingerprint is the sum of the hashes of all entries, taken when it is
 * asked for; the order in which they were added does not matter to it.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/facts.h"

#include <stdatomic.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"

/* uthash ends the process when malloc fails; ours logs first (memory.h). */
#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) mem_alloc(size)
#define uthash_free(ptr, size) mem_free(ptr)
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned) XXH3_64bits((key), (len)))
#include <uthash.h>

#define CHUNK_SIZE 16384
#define MANY_ARGS 31			/* the last bit stands for this many or more */

typedef struct FactsChunk
{
	struct FactsChunk *next;
	size_t		used;
	_Alignas(max_align_t) char data[CHUNK_SIZE];
} FactsChunk;

typedef struct FactsEntry
{
	UT_hash_handle hh;
	uint32_t	level;			/* relations, operators, types: their enum */
	uint32_t	arities[FUNCTION_PRIMARY_ONLY + 1]; /* functions: bit n of [fact]: some with n arguments */
	char		name[];			/* not terminated: hh.keylen */
} FactsEntry;

/* Reading one relation reads another; in Facts.chunks, as the entries. */
typedef struct FactsReading
{
	struct FactsReading *next;
	FactsEntry *relation;
	FactsEntry *read;
} FactsReading;

struct Facts
{
	atomic_int	refcount;
	char	   *database;
	uint64_t	position;
	bool		has_unsafe_casts;
	FactsEntry *relations;
	FactsEntry *functions;
	FactsEntry *operators;
	FactsEntry *types;
	FactsEntry *unsafe_attributes;
	FactsReading *readings;
	FactsChunk *chunks;
};

static void *facts_alloc(Facts *facts, size_t size);
static FactsEntry *facts_get_entry(Facts *facts, FactsEntry **table, Slice name);
static FactsEntry *facts_find_entry(const FactsEntry *table, Slice name);
static void facts_worsen(Facts *facts, FactsEntry **table, Slice name, uint32_t level);
static uint64_t facts_table_fingerprint(const FactsEntry *table, uint64_t seed);

Facts *
facts_create(const char *database)
{
	Facts	   *facts = mem_alloc(sizeof(Facts));

	atomic_init(&facts->refcount, 1);
	facts->database = mem_strdup(database);
	return facts;
}

Facts *
facts_ref(Facts *facts)
{
	atomic_fetch_add_explicit(&facts->refcount, 1, memory_order_relaxed);
	return facts;
}

void
facts_unref(Facts *facts)
{
	FactsChunk *next;

	if (facts == NULL ||
		atomic_fetch_sub_explicit(&facts->refcount, 1, memory_order_acq_rel) > 1)
		return;
	HASH_CLEAR(hh, facts->relations);
	HASH_CLEAR(hh, facts->functions);
	HASH_CLEAR(hh, facts->operators);
	HASH_CLEAR(hh, facts->types);
	HASH_CLEAR(hh, facts->unsafe_attributes);
	for (FactsChunk *chunk = facts->chunks; chunk != NULL; chunk = next)
	{
		next = chunk->next;
		mem_free(chunk);
	}
	mem_free(facts->database);
	mem_free(facts);
}

/* ---- building ---- */

void
facts_add_relation(Facts *facts, Slice name, RelationFact fact)
{
	facts_worsen(facts, &facts->relations, name, fact);
}

void
facts_add_reading(Facts *facts, Slice relation, Slice read)
{
	FactsReading *reading = facts_alloc(facts, sizeof(FactsReading));

	reading->relation = facts_get_entry(facts, &facts->relations, relation);
	reading->read = facts_get_entry(facts, &facts->relations, read);
	reading->next = facts->readings;
	facts->readings = reading;
}

/* Levels only rise, so this ends after as many rounds as views stand on views, and one. */
void
facts_settle_readings(Facts *facts)
{
	bool		has_changed = true;

	while (has_changed)
	{
		has_changed = false;
		for (FactsReading *reading = facts->readings; reading != NULL; reading = reading->next)
		{
			uint32_t	level = reading->read->level == RELATION_UNKNOWN ? RELATION_PRIMARY_ONLY :
				reading->read->level;

			if (level > reading->relation->level)
			{
				reading->relation->level = level;
				has_changed = true;
			}
		}
	}
}

void
facts_add_function(Facts *facts, Slice name, int nargs_min, int nargs_max, FunctionFact fact)
{
	FactsEntry *entry = facts_get_entry(facts, &facts->functions, name);

	for (int n = nargs_min < 0 ? 0 : nargs_min; n <= nargs_max && n <= MANY_ARGS; n++)
		entry->arities[fact] |= (uint32_t) 1 << n;
	if (nargs_min > MANY_ARGS)
		entry->arities[fact] |= (uint32_t) 1 << MANY_ARGS;
}

void
facts_add_operator(Facts *facts, Slice name, NameFact fact)
{
	facts_worsen(facts, &facts->operators, name, fact);
}

void
facts_add_type(Facts *facts, Slice name, NameFact fact)
{
	facts_worsen(facts, &facts->types, name, fact);
}

void
facts_add_unsafe_attribute(Facts *facts, Slice name)
{
	facts_worsen(facts, &facts->unsafe_attributes, name, NAME_UNSAFE);
}

void
facts_set_unsafe_casts(Facts *facts)
{
	facts->has_unsafe_casts = true;
}

void
facts_set_position(Facts *facts, uint64_t lsn)
{
	facts->position = lsn;
}

/* ---- reading ---- */

const char *
facts_database(const Facts *facts)
{
	return facts->database;
}

uint64_t
facts_position(const Facts *facts)
{
	return facts->position;
}

uint64_t
facts_fingerprint(const Facts *facts)
{
	return facts_table_fingerprint(facts->relations, 1) +
		facts_table_fingerprint(facts->functions, 2) +
		facts_table_fingerprint(facts->operators, 3) +
		facts_table_fingerprint(facts->types, 4) +
		facts_table_fingerprint(facts->unsafe_attributes, 5) +
		(facts->has_unsafe_casts ? UINT64_C(0x9e3779b97f4a7c15) : 0);
}

RelationFact
facts_find_relation(const Facts *facts, Slice name)
{
	const FactsEntry *entry = facts_find_entry(facts->relations, name);

	return entry == NULL ? RELATION_UNKNOWN : (RelationFact) entry->level;
}

FunctionFact
facts_find_function(const Facts *facts, Slice name, int nargs)
{
	const FactsEntry *entry = facts_find_entry(facts->functions, name);
	uint32_t	bit = (uint32_t) 1 << (nargs < MANY_ARGS ? nargs : MANY_ARGS);

	if (entry == NULL)
		return FUNCTION_UNKNOWN;
	for (int fact = FUNCTION_PRIMARY_ONLY; fact > FUNCTION_UNKNOWN; fact--)
		if ((entry->arities[fact] & bit) != 0)
			return (FunctionFact) fact;
	return FUNCTION_UNKNOWN;
}

NameFact
facts_find_operator(const Facts *facts, Slice name)
{
	const FactsEntry *entry = facts_find_entry(facts->operators, name);

	return entry == NULL ? NAME_UNKNOWN : (NameFact) entry->level;
}

NameFact
facts_find_type(const Facts *facts, Slice name)
{
	const FactsEntry *entry = facts_find_entry(facts->types, name);

	return entry == NULL ? NAME_UNKNOWN : (NameFact) entry->level;
}

bool
facts_is_unsafe_attribute(const Facts *facts, Slice name)
{
	return facts_find_entry(facts->unsafe_attributes, name) != NULL;
}

bool
facts_has_unsafe_casts(const Facts *facts)
{
	return facts->has_unsafe_casts;
}

/* ---- entries ---- */

static void
facts_worsen(Facts *facts, FactsEntry **table, Slice name, uint32_t level)
{
	FactsEntry *entry = facts_get_entry(facts, table, name);

	if (level > entry->level)
		entry->level = level;
}

static FactsEntry *
facts_get_entry(Facts *facts, FactsEntry **table, Slice name)
{
	FactsEntry *entry = facts_find_entry(*table, name);

	if (entry != NULL)
		return entry;
	entry = facts_alloc(facts, sizeof(FactsEntry) + name.len);
	memcpy(entry->name, name.data, name.len);
	HASH_ADD_KEYPTR(hh, *table, entry->name, name.len, entry);
	return entry;
}

static FactsEntry *
facts_find_entry(const FactsEntry *table, Slice name)
{
	FactsEntry *entry;

	HASH_FIND(hh, (FactsEntry *) table, name.data, name.len, entry);
	return entry;
}

/* Names are at most 63 bytes long in PostgreSQL; a longer one gets a chunk that is cut for it. */
static void *
facts_alloc(Facts *facts, size_t size)
{
	size_t		align = _Alignof(max_align_t);
	size_t		room = (size + align - 1) / align * align;
	FactsChunk *chunk = facts->chunks;
	void	   *ptr;

	if (chunk == NULL || chunk->used + room > CHUNK_SIZE)
	{
		chunk = mem_alloc(sizeof(FactsChunk) + (room > CHUNK_SIZE ? room - CHUNK_SIZE : 0));
		chunk->next = facts->chunks;
		facts->chunks = chunk;
	}
	ptr = chunk->data + chunk->used;
	chunk->used += room;
	return ptr;
}

static uint64_t
facts_table_fingerprint(const FactsEntry *table, uint64_t seed)
{
	uint64_t	sum = 0;

	for (const FactsEntry *entry = table; entry != NULL; entry = entry->hh.next)
	{
		uint64_t	hash = XXH3_64bits_withSeed(entry->name, entry->hh.keylen, seed + entry->level);

		sum += XXH3_64bits_withSeed(entry->arities, sizeof(entry->arities), hash);
	}
	return sum;
}
