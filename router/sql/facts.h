/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What must be known of a database to prove a statement a read.
 *
 * An immutable, reference counted snapshot of catalog facts, by name.  Built
 * by topology/facts_loader from the primary, read by classify.  Names are
 * looked up without their schema: a name counts as what the worst object of
 * that name is, in any schema, so that no search_path can fool it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_FACTS_H
#define ROUTER_SQL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct Facts Facts;

typedef enum RelationFact
{
	RELATION_UNKNOWN,			/* no relation of that name: primary */
	RELATION_PLAIN,				/* permanent table, partitioned table, matview: readable on replicas */
	RELATION_PRIMARY_ONLY		/* unlogged, temporary, foreign, sequence, view, row-level security ... */
} RelationFact;

typedef enum FunctionFact
{
	FUNCTION_UNKNOWN,
	FUNCTION_STABLE,			/* immutable or stable in every schema, not denied */
	FUNCTION_PRIMARY_ONLY		/* volatile somewhere, denied, or not known to be harmless */
} FunctionFact;

/* ---- building (single-threaded, then frozen by the first reference given away) ---- */
extern Facts *facts_create(const char *database);
extern void facts_add_relation(Facts *facts, Slice name, RelationFact fact);
extern void facts_add_function(Facts *facts, Slice name, int nargs_min, int nargs_max, char volatility);
extern void facts_add_unsafe_operator(Facts *facts, Slice name);	/* its function is not stable */
extern void facts_add_unsafe_type(Facts *facts, Slice name);	/* input, cast or domain check is not harmless */
extern void facts_set_position(Facts *facts, uint64_t lsn);	/* primary's insert LSN before they were read */

/* ---- reading ---- */
extern Facts *facts_ref(Facts *facts);	/* atomic */
extern void facts_unref(Facts *facts);	/* NULL is fine */
extern const char *facts_database(const Facts *facts);
extern uint64_t facts_position(const Facts *facts);
extern RelationFact facts_find_relation(const Facts *facts, Slice name);
extern FunctionFact facts_find_function(const Facts *facts, Slice name, int nargs);
extern bool facts_is_unsafe_operator(const Facts *facts, Slice name);
extern bool facts_is_unsafe_type(const Facts *facts, Slice name);

/* A function of one argument of that name that is not harmless: t.name may call it. */
extern bool facts_is_unsafe_attribute(const Facts *facts, Slice name);

#endif							/* ROUTER_SQL_FACTS_H */
