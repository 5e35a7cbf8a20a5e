/*-------------------------------------------------------------------------
 *
 * equality_scope.h
 *	  Which columns are equal whenever a row of an alias contributes.
 *
 * EqualityFinder holds what is the same for all aliases of a definition: its
 * columns, the kinds of equality among them, the key.  A row of a set
 * operation comes from one branch or another, so an alias has a scope for each
 * case: equality_scope_list_cases() and then equality_scope_open().  Used by
 * equality_key.c and equality_path.c; columns and kinds are known by their
 * index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_EQUALITY_SCOPE_H
#define ANDON_ANALYSIS_EQUALITY_SCOPE_H

#include "postgres.h"

#include "analysis/source_tree.h"

/* The key columns as columns of the whole query's output. */
typedef struct EqualityKey
{
	int			n;
	AttrNumber *resnos;
	Oid		   *types;			/* domains resolved */
	Oid		   *collations;
	Oid		   *eqops;
} EqualityKey;

/* Kind 0 knows no operator: columns that are one and the same column. */
#define EQUALITY_KIND_IDENTITY 0

/* How a column is compared in one kind of equality; invalid if it is not. */
typedef struct EqualityTypes
{
	Oid			optype;			/* declared input type of the operators */
	Oid			valtype;		/* type of the value, domains resolved */
} EqualityTypes;

typedef struct EqualityFinder
{
	const SourceTree *tree;
	const EqualityKey *key;
	int			ncolumns;
	SourceColumn *columns;
	int			nkinds;
	SourceEquality *kinds;
	EqualityTypes **types;		/* [kind][column] */
	int		   *key_columns;	/* per key column */
} EqualityFinder;

typedef struct EqualityScope
{
	Bitmapset  *nodes;			/* what holds */
	int		  **classes;		/* [kind][column]: a column equal to it, up to
								 * the one that stands for the class */
} EqualityScope;

/* Both arguments are borrowed for the finder's life. */
extern EqualityFinder *equality_scope_create_finder(const SourceTree *tree, const EqualityKey *key);

/*
 * The cases for a row of alias, or for any row of the result if that is NULL:
 * a list of Bitmapset, what surely holds in each.  One, if there is no choice;
 * none, if no such row can contribute to the result.
 */
extern List *equality_scope_list_cases(const EqualityFinder *finder, const SourceAlias *alias);

/* The scope of one case. */
extern void equality_scope_open(const EqualityFinder *finder, EqualityScope *scope, Bitmapset *nodes);

/* Are columns a and b equal by this kind? */
extern bool equality_scope_has(const EqualityScope *scope, int kind, int a, int b);

extern bool equality_scope_kind_has_operator(const SourceEquality *kind, Oid eqop);

#endif							/* ANDON_ANALYSIS_EQUALITY_SCOPE_H */
