/*-------------------------------------------------------------------------
 *
 * source_walk.h
 *	  From a definition's Query tree to a SourceTree.
 *
 * Called by definition.c, once for each analysis.  What can never be maintained
 * is refused on the way (analysis/refusal.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_SOURCE_WALK_H
#define ANDON_ANALYSIS_SOURCE_WALK_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "analysis/source_tree.h"

/*
 * Walk query, which is not modified.  The tree is palloc'd in the current
 * context; options are borrowed for its life.
 */
extern SourceTree *source_walk_query(Query *query, const DefinitionOptions *options);

#endif							/* ANDON_ANALYSIS_SOURCE_WALK_H */
