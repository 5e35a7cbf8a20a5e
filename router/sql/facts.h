/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What must be known of a database to prove a statement a read.
 *
 * An immutable, reference counted snapshot of catalog facts, by name.  Built
 * by topology/facts_loader from the primary, read by classify.  Names are
 * looked up without their schema: a name counts as what the worst object of
 * that name is, in any schema, so that no search_path can fool it.  Adding a
 * name again therefore can only make it worse.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_FACTS_H
#define ROUTER_SQL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct Facts Facts;

/* In each enum what is further down is worse. */
typedef enum RelationFact
{
	RELATION_UNKNOWN,			/* no relation of that name: primary */
	RELATION_PLAIN,				/* permanent table, matview, view of such: readable on replicas */
	RELATION_NODE_LOCAL,		/* a view that tells of the node itself */
	RELATION_PRIMARY_ONLY		/* unlogged, foreign, sequence, a view that calls a volatile function ... */
} RelationFact;

typedef enum FunctionFact
{
	FUNCTION_UNKNOWN,			/* no function of that name takes that many arguments: primary */
	FUNCTION_STABLE,			/* immutable or stable, each of them */
	FUNCTION_BUILTIN_VOLATILE,	/* volatile, but PostgreSQL's own: classify_lists.c may know it as harmless */
	FUNCTION_PRIMARY_ONLY		/* a volatile one that is not PostgreSQL's own is among them */
} FunctionFact;

/* Of operators and types. */
typedef enum NameFact
{
	NAME_UNKNOWN,
	NAME_SAFE,
	NAME_UNSAFE					/* calls a function that is not harmless */
} NameFact;

/* What sessions may ask of whoever loads facts. */
typedef enum FactsAsk
{
	FACTS_WANT,					/* load them, and keep them up to date */
	FACTS_REFRESH,				/* again: a name was not known */
	FACTS_AFTER_DDL,			/* again, soon: DDL has been committed */
	FACTS_PAUSE,				/* no connection to the database until ... */
	FACTS_RESUME
} FactsAsk;

/* ---- building (single-threaded, then frozen by the first reference given away) ---- */
extern Facts *facts_create(const char *database);	/* one reference */
extern void facts_add_relation(Facts *facts, Slice name, RelationFact fact);
extern void facts_add_function(Facts *facts, Slice name, int nargs_min, int nargs_max, FunctionFact fact);
extern void facts_add_operator(Facts *facts, Slice name, NameFact fact);
extern void facts_add_type(Facts *facts, Slice name, NameFact fact);

/* Reading relation (a view, a table with row-level security) reads another one. */
extern void facts_add_reading(Facts *facts, Slice relation, Slice read);

/* All is added: what reads others becomes as bad as the worst of them, over any number of steps. */
extern void facts_settle_readings(Facts *facts);

/* t.name may call a function of one row argument that is not harmless. */
extern void facts_add_unsafe_attribute(Facts *facts, Slice name);

/* An implicit cast calls a function that is not harmless: any expression over a relation may. */
extern void facts_set_unsafe_casts(Facts *facts);

/* The primary's insert LSN before they were read. */
extern void facts_set_position(Facts *facts, uint64_t lsn);

/* ---- reading (any thread that holds a reference) ---- */
extern Facts *facts_ref(Facts *facts);	/* atomic */
extern void facts_unref(Facts *facts);	/* NULL is fine */
extern const char *facts_database(const Facts *facts);
extern uint64_t facts_position(const Facts *facts);

/* Equal for facts that say the same, whatever their position: what was decided by them still holds. */
extern uint64_t facts_fingerprint(const Facts *facts);

extern RelationFact facts_find_relation(const Facts *facts, Slice name);
extern FunctionFact facts_find_function(const Facts *facts, Slice name, int nargs);
extern NameFact facts_find_operator(const Facts *facts, Slice name);
extern NameFact facts_find_type(const Facts *facts, Slice name);
extern bool facts_is_unsafe_attribute(const Facts *facts, Slice name);
extern bool facts_has_unsafe_casts(const Facts *facts);

#endif							/* ROUTER_SQL_FACTS_H */
