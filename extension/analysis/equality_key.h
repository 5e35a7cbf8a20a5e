/*-------------------------------------------------------------------------
 *
 * equality_key.h
 *	  Which aliases have the key, and which of them is the key table.
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
 * The alias the key comes from: one whose columns equal all key columns in
 * every row of the result, best one where they are unique.  NULL if none.
 */
extern SourceAlias *equality_key_find_table(const EqualityFinder *finder);

#endif							/* ANDON_ANALYSIS_EQUALITY_KEY_H */
