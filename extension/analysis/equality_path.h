/*-------------------------------------------------------------------------
 *
 * equality_path.h
 *	  From an alias of a source to the key, by the links in its scope.
 *
 * A path says which columns are compared from table to table; dirty_sql.c
 * makes queries of it.  Reads catalogs about types and operators only.  Called
 * by definition.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_EQUALITY_PATH_H
#define ANDON_ANALYSIS_EQUALITY_PATH_H

#include "postgres.h"

#include "analysis/equality_scope.h"

/* One pair of columns that links the alias before with a hop's alias. */
typedef struct EqualityMatch
{
	AttrNumber	from_attno;		/* column of the alias before */
	Oid			from_type;		/* type its value is carried as */
	AttrNumber	attno;			/* column of the hop's alias */
	Oid			type;			/* type it is compared as */
	Oid			eqop;			/* type = from_type */
	Oid			collation;
} EqualityMatch;

typedef struct EqualityHop
{
	SourceAlias *alias;
	int			nmatches;		/* at most INDEX_MAX_KEYS */
	EqualityMatch *matches;
} EqualityHop;

typedef struct EqualityPath
{
	SourceAlias *alias;			/* where it starts */
	int			nhops;
	EqualityHop *hops;
	AttrNumber *key_attnos;		/* columns of the last alias that are the key */
} EqualityPath;

/*
 * The shortest paths from alias to the key: for each case one, but no path
 * twice.  False if there is none in some case.
 */
extern bool equality_path_find(const EqualityFinder *finder, SourceAlias *alias, List **paths);

#endif							/* ANDON_ANALYSIS_EQUALITY_PATH_H */
