/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a board's definition says about dirty keys.
 *
 * definition_analyse() reads the definition's Query tree and answers, for
 * every source: which of its columns the definition uses, and by which path
 * of scoped equalities a changed row leads to the keys whose board rows may
 * have changed.  It reads catalogs, never tables, and keeps nothing: callers
 * (board/board_cache, report/explain) own the result, which is allocated in
 * the memory context that is current at the call.
 *
 * A path starts with values read off the changed row (start_attnos).  With no
 * hop these values are the key itself, column by column, of the key's types.
 * Each hop carries a tuple of values to the next table:
 *
 *	  customers.region_id changed      start: customers(id)
 *	  hop 0: orders                    match (customer_id) -> out (id) = key
 *
 * (hop.relid, hop.match_attnos) names the link that is locked: exclusively by
 * who maps a value through it, shared by who inserts a row of hop.relid or
 * changes its match columns (see maintain/drain.c for the protocol).
 *
 * A definition that cannot be maintained is refused with ereport(ERROR): the
 * table, the reason and the way out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_DEFINITION_H
#define ANDON_ANALYSIS_DEFINITION_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/* One step of a path: from carried values to rows of one table. */
typedef struct PathHop
{
	Oid			relid;			/* the table read in this hop */
	const char *alias;			/* its alias in the definition, for display */
	int			nmatch;			/* at most INDEX_MAX_KEYS */
	AttrNumber *match_attnos;	/* columns of relid compared with the carried tuple */
	Oid		   *match_types;	/* types they are compared as: the column's, or
								 * one it is binary-compatible with */
	Oid		   *match_eqops;	/* equality operator: relid column = carried value */
	Oid		   *match_collations;
	Oid		   *carried_types;	/* types of the carried tuple */
	int			nout;
	AttrNumber *out_attnos;		/* columns carried on, or the key after the last hop */
	Oid		   *out_types;
	const char *sql;			/* SELECT DISTINCT out... FROM relid WHERE match = ANY($1) ...;
								 * one array parameter per match column, unnested
								 * together when there are several */
} PathHop;

/*
 * One way from one alias of a source to the key.  An alias has several where a
 * row can come about in several ways: by the branches of a UNION, by either
 * side of a FULL JOIN.  All of them are followed.
 */
typedef struct DirtyPath
{
	const char *alias;			/* alias of the source in the definition */
	int			nstart;
	AttrNumber *start_attnos;	/* columns of the source read off the changed row */
	Oid		   *start_types;
	int			nhops;			/* 0: the start values are the key */
	PathHop    *hops;
	const char *note;			/* remark for explain_board, or NULL */
} DirtyPath;

/* Everything the definition does with one source table. */
typedef struct SourceUse
{
	Oid			relid;
	bool		is_static;		/* named in options.static: changes are ignored */
	bool		is_key_table;
	bool		uses_whole_row;
	Bitmapset  *used_attnos;	/* attno - FirstLowInvalidHeapAttributeNumber, paths' columns included */
	int			npaths;			/* at least one per alias; 0 if static */
	DirtyPath  *paths;
} SourceUse;

typedef struct Definition
{
	int			nkeys;
	AttrNumber *key_resnos;		/* the board's key columns: target list positions */
	Oid		   *key_types;		/* domains resolved to their base types, as in
								 * all types that values travel as */
	Oid		   *key_collations;
	Oid		   *key_eqops;		/* default equality of the key's type */
	Oid			key_relid;		/* key table; InvalidOid if there are several (UNION,
								 * FULL JOIN) */
	AttrNumber *key_attnos;		/* its columns that are the key; NULL if it is
								 * not one alias of one table */
	AttrNumber *output_attnos;	/* by resno - 1: the column of the key table's
								 * row that the output column shows as it is, or
								 * InvalidAttrNumber */
	int			nsources;
	SourceUse  *sources;		/* one per table, in order of first appearance */
} Definition;

/* What create_board was told, beside the query. */
typedef struct DefinitionOptions
{
	const char *board_name;		/* for messages */
	Oid			owner;			/* with whose rights the sources are read */
	List	   *key_names;		/* list of char *: the board's key columns */
	List	   *static_relids;	/* OID list */
	List	   *trusted_procs;	/* OID list: user functions taken as immutable */
} DefinitionOptions;

/*
 * Analyse a definition.  query is the rewritten-but-not-planned Query of the
 * definition (as get_view_query() or parse analysis gives it); it is not
 * modified.  Raises ERROR for what cannot be maintained.
 */
extern Definition *definition_analyse(Query *query, const DefinitionOptions *options);

/* The use of relid in the definition, or NULL. */
extern SourceUse *definition_find_source(const Definition *definition, Oid relid);

#endif							/* ANDON_ANALYSIS_DEFINITION_H */
