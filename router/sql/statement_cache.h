/*-------------------------------------------------------------------------
 *
 * statement_cache.h
 *	  Decisions by text, for one database, in one worker.
 *
 * A bounded LRU: the hash finds, the text decides; of statements with literals
 * their shape does (shape.h), unless the decision looked at one.  New facts of the database
 * drop everything.  No locks: one thread.
 *
 * What was learned from a replica's refusal (router.md §3.5) is remembered with the
 * entry, and for no longer than facts: the next ones, even if they say the same,
 * let it be tried again, since what a function does inside is not among them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_STATEMENT_CACHE_H
#define ROUTER_SQL_STATEMENT_CACHE_H

#include <stdint.h>

#include "sql/classify.h"

typedef struct StatementCache StatementCache;

typedef struct StatementCacheStats
{
	uint64_t	hits;
	uint64_t	misses;
	uint64_t	entries;
	uint64_t	bytes;
} StatementCacheStats;

extern StatementCache *statement_cache_create(size_t max_bytes);
extern void statement_cache_destroy(StatementCache *cache);

/* Takes its own reference to facts (may be NULL); drops every entry, or what was learned if they say the same. */
extern void statement_cache_set_facts(StatementCache *cache, Facts *facts);
extern const Facts *statement_cache_facts(const StatementCache *cache);	/* may be NULL */

/* The class of a text; valid until the next call on this cache. */
extern const StatementClass *statement_cache_get(StatementCache *cache, Slice text);

/* A replica refused it: not a read from now on. */
extern void statement_cache_learn_primary(StatementCache *cache, Slice text);
extern void statement_cache_stats(const StatementCache *cache, StatementCacheStats *stats);

#endif							/* ROUTER_SQL_STATEMENT_CACHE_H */
