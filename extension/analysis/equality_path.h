/*-------------------------------------------------------------------------
 *
 * equality_path.h
 *	  From an alias of a source to the key, by the links in its scope.
 *
 * The finder holds what is the same for all aliases (columns, kinds of
 * equality, the key); equality_path_find() computes one alias's scope and
 * searches breadth first, so a path has as few hops as possible.  Pure: reads
 * catalogs about types and operators only.  Called by definition.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_EQUALITY_PATH_H
#define ANDON_ANALYSIS_EQUALITY_PATH_H

#include "postgres.h"

#include "analysis/source_walk.h"

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
	int			nmatches;
	EqualityMatch *matches;
} EqualityHop;

typedef struct EqualityPath
{
	SourceAlias *alias;			/* where it starts */
	int			nhops;
	EqualityHop *hops;
	AttrNumber *key_attnos;		/* columns of the last alias that are the key */
} EqualityPath;

/* The key columns as columns of the whole query's output. */
typedef struct EqualityKey
{
	int			n;
	AttrNumber *resnos;
	Oid		   *types;			/* domains resolved */
	Oid		   *collations;
	Oid		   *eqops;
} EqualityKey;

typedef struct EqualityFinder EqualityFinder;

/* Both arguments are borrowed for the finder's life. */
extern EqualityFinder *equality_path_create_finder(const SourceTree *tree, const EqualityKey *key);

/* The shortest path from alias to the key, or NULL. */
extern EqualityPath *equality_path_find(EqualityFinder *finder, SourceAlias *alias);

/*
 * The alias the key comes from: one whose columns equal all key columns in
 * every row of the result, best one where they are unique.  NULL if none.
 */
extern SourceAlias *equality_path_find_key_alias(EqualityFinder *finder);

#endif							/* ANDON_ANALYSIS_EQUALITY_PATH_H */
