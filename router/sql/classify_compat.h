/*-------------------------------------------------------------------------
 *
 * classify_compat.h
 *	  Where the parsers of PostgreSQL 15, 17 and 18 differ.
 *
 * libpg_query is the parser of one major version of PostgreSQL, whichever the
 * system's package holds.  Here and in classify_compat.c is every test of
 * which one it is; the rest of the classifier is the same for all.  A node
 * that no parser here is known to make is not walked, and so none of a read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_CLASSIFY_COMPAT_H
#define ROUTER_SQL_CLASSIFY_COMPAT_H

#include <pg_query.h>

/* Later libraries say there which PostgreSQL they are of, in the names of PostgreSQL's own headers. */
#undef PG_MAJORVERSION
#undef PG_VERSION
#undef PG_VERSION_NUM

#include "postgres.h"
#include "nodes/parsenodes.h"

#include <pg_query/pg_query_internal.h>

/* A later one may have new fields in nodes that are known, which nothing here would walk. */
#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "the classifier knows the parsers of PostgreSQL 15 to 18"
#endif

/* Of the headers; classify_check_parser() asks the library. */
#define PARSER_MAJOR (PG_VERSION_NUM / 10000)

/* The first that has JSON_TABLE() and its kin, MERGE ... RETURNING and MERGE in WITH. */
#define PARSER_MAJOR_JSON_TABLE 17

/* As the server reads it under its default settings. */
static inline PgQueryInternalParsetreeAndError
parser_parse(const char *text)
{
#if PG_VERSION_NUM >= 170000
	return pg_query_raw_parse(text, PG_QUERY_PARSE_DEFAULT);
#else
	return pg_query_raw_parse(text);
#endif
}

/* What stands behind RETURNING, or NULL: a list, or since 18 a node that has one. */
#if PG_VERSION_NUM >= 180000
#define PARSER_RETURNING(statement) ((const Node *) (statement)->returningClause)
#else
#define PARSER_RETURNING(statement) ((const Node *) (statement)->returningList)
#endif

#if PG_VERSION_NUM >= 170000
#define PARSER_MERGE_RETURNING(merge) PARSER_RETURNING(merge)
#else
#define PARSER_MERGE_RETURNING(merge) ((const Node *) NULL)
#endif

#endif							/* ROUTER_SQL_CLASSIFY_COMPAT_H */
