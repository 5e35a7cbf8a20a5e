/*-------------------------------------------------------------------------
 *
 * equality_key.h
 *	  Which aliases have the key, and which of them are the key tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_EQUALITY_KEY_H
#define ANDON_ANALYSIS_EQUALITY_KEY_H

#include "postgres.h"

#include "analysis/equality_scope.h"

/* The columns of alias that are the key, or NULL if it does not have it. */
extern AttrNumber *equality_key_find_columns(const EqualityFinder *finder, const EqualityScope *scope,
											 const SourceAlias *alias);

/*
 * The aliases the key comes from, one for each case (a set operation has one in
 * each branch, a FULL JOIN two): whose columns equal all key columns, best one
 * where they are unique.  NIL if some case has none.
 */
extern List *equality_key_find_tables(const EqualityFinder *finder);

#endif							/* ANDON_ANALYSIS_EQUALITY_KEY_H */
