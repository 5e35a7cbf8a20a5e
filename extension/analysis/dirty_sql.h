/*-------------------------------------------------------------------------
 *
 * dirty_sql.h
 *	  The query of each hop of a path, and the path as a line to read.
 *
 * Names are quoted and schema-qualified and operators are spelled
 * OPERATOR(schema.name), so no search_path matters.  A hop's query has the
 * links only, never a filter of the definition: a row that enters the filter
 * at the same time would be missed, and a key too many costs one refresh.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_DIRTY_SQL_H
#define ANDON_ANALYSIS_DIRTY_SQL_H

#include "postgres.h"

#include "analysis/definition.h"

/*
 * The query of one hop, whose other fields are filled in.  only: read the
 * table without its children.
 */
extern char *dirty_sql_build_hop(const PathHop *hop, bool only);

/*
 * "customers.id = orders.customer_id, orders.id = key": what is read off the
 * changed row of source, each table on the way, and what becomes the key.
 */
extern char *dirty_sql_describe_path(Oid source, const DirtyPath *path);

/* The queries of all hops, one a line; NULL if the path has none. */
extern char *dirty_sql_list_hops(const DirtyPath *path);

#endif							/* ANDON_ANALYSIS_DIRTY_SQL_H */
