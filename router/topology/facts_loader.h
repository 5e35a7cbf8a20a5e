/*-------------------------------------------------------------------------
 *
 * facts_loader.h
 *	  The catalog queries behind Facts, and what their answers mean.
 *
 * The monitor owns the connection: it must be to the primary, to the database
 * in question, with client_encoding = UTF8; any role that may connect will do.
 * It sends facts_queries[0] .. [FACTS_QUERY_COUNT - 1] in that order, one by
 * one or pipelined, and gives each answer to facts_loader_add_result() in the
 * same order.  The first query also sets jit and search_path for its session.
 *
 *	  loader = facts_loader_create("mes");
 *	  for each i: facts_loader_add_result(loader, result_of(facts_queries[i]), &error)
 *	  facts = facts_loader_finish(loader);	   -- or facts_loader_destroy(loader)
 *
 * The first query takes the position, so that the facts are never older than
 * they say.  The loader keeps nothing of a PGresult; the caller clears it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_FACTS_LOADER_H
#define ROUTER_TOPOLOGY_FACTS_LOADER_H

#include <stdbool.h>

#include "libpq-fe.h"

#include "base/error.h"
#include "sql/facts.h"

#define FACTS_QUERY_COUNT 8

typedef struct FactsLoader FactsLoader;

/* Static SQL texts, one statement each, without parameters. */
extern const char *const facts_queries[FACTS_QUERY_COUNT];

extern FactsLoader *facts_loader_create(const char *database);
extern void facts_loader_destroy(FactsLoader *loader);	/* NULL is fine */

/*
 * Take the answer to the next query.  False, with the error filled, when it is
 * an error or not of the expected shape: the loader is then good for nothing
 * but facts_loader_destroy().
 */
extern bool facts_loader_add_result(FactsLoader *loader, const PGresult *result, Error *error);

extern bool facts_loader_is_complete(const FactsLoader *loader);

/* The facts, with one reference, which is the caller's; destroys the loader, which must be complete. */
extern Facts *facts_loader_finish(FactsLoader *loader);

#endif							/* ROUTER_TOPOLOGY_FACTS_LOADER_H */
