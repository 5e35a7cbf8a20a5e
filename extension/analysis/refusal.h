/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  What a definition must not contain, and how it is told.
 *
 * Every function raises ERROR with the table or function in the message, the
 * reason in DETAIL and the way out in HINT, or returns.  Called by
 * source_walk.c while it walks, and by definition.c for what shows only when
 * paths are known.  Nothing here knows about links.
 *
 * SQLSTATEs: 0A000 for what cannot be maintained, 42703 for a key column
 * that is not there, 22023 for options that do not fit the definition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_REFUSAL_H
#define ANDON_ANALYSIS_REFUSAL_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "analysis/definition.h"
#include "base/compat.h"

/* Clauses of one query level: set operations, CTEs, row locks, ... */
extern void refusal_check_query(const Query *query, bool is_top);

/* Functions of one expression node (not of its children). */
extern void refusal_check_expression(Node *node, const DefinitionOptions *options);

/* A table as a source; as_user is the role whose rights read it. */
extern void refusal_check_table(const RangeTblEntry *rte, Oid as_user, bool is_static);

/*
 * A table that a path leads over: it is read with the rights of the board's
 * owner himself, also where the definition reads it through another's view.
 */
extern void refusal_check_hop(Oid relid, Oid owner);

/* A column of a table: system columns are refused. */
extern void refusal_check_column(Oid relid, AttrNumber attno);

/* No path leads from alias of relid to the key; reason is a whole sentence. */
pg_noreturn extern void refusal_no_path(Oid relid, const char *alias, const char *reason,
							const char *hint);

#endif							/* ANDON_ANALYSIS_REFUSAL_H */
