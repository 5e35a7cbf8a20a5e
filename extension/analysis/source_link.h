/*-------------------------------------------------------------------------
 *
 * source_link.h
 *	  Plain columns, the equalities between them, and output columns.
 *
 * The half of the walk that deals with columns: source_walk.c calls it with
 * conditions it knows to hold under some node and gets links added to the
 * tree.  A link is an equality by a btree or hash equality operator between
 * two plain columns; binary-compatible casts may stand around them (varchar
 * as text, a domain as its base type), nothing else.  A COALESCE of plain
 * columns counts as a column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_SOURCE_LINK_H
#define ANDON_ANALYSIS_SOURCE_LINK_H

#include "postgres.h"

#include "nodes/primnodes.h"

#include "analysis/source_tree.h"

/* If the condition, true where guard holds, is a link, add it. */
extern void source_link_add_conjunct(SourceTree *tree, SourceLevel *level, OpExpr *op, int guard);

/*
 * x IN (SELECT y ...) links x and y for the aliases inside the subquery.
 * Where it need not be true, it does so only if neither can be NULL, since one
 * NULL changes the answer for every row: such links wait in value_links until
 * source_link_promote_values(), when all is known about null-extension.
 */
extern void source_link_add_sublink(SourceTree *tree, SourceLevel *inner, SubLink *sublink);
extern void source_link_promote_values(SourceTree *tree);

/* Output columns of a level that a condition from outside may be moved to. */
extern void source_link_add_outputs(SourceTree *tree, SourceLevel *level);

/* The same for the level of a set operation: each column, in each branch. */
extern void source_link_add_branches(SourceTree *tree, SourceLevel *level);

/*
 * Why no condition from outside can be moved to output column resno of
 * level, or NULL if it can: a clause for "in the subquery ...".
 */
extern const char *source_link_blocks_output(const SourceLevel *level, AttrNumber resno);

/*
 * Is expr, in level, a plain column (through binary-compatible casts)?  A virtual
 * generated column is none: the answer is false, and *column names it.
 */
extern bool source_link_resolve_column(SourceTree *tree, SourceLevel *level, Node *expr, SourceColumn *column);

/*
 * The columns that a virtual generated column is computed from, numbered as
 * pull_varattnos() does; NULL for a column whose value is in its row.
 */
extern Bitmapset *source_link_columns_behind(Oid relid, AttrNumber attno);

/*
 * Is column resno of a branch of another type than that of the set operation?
 * Then no condition can be moved into the branch.
 */
extern bool source_link_branch_converts(const SourceLevel *level, const SourceAlias *branch, AttrNumber resno);

/* The level whose range table var means. */
extern SourceLevel *source_link_var_level(SourceLevel *level, const Var *var);

/* The expression that a column of a join or of GROUP BY stands for; may be NULL. */
extern Node *source_link_stands_for(RangeTblEntry *rte, AttrNumber attno);

/*
 * Deterministic collations all mean the same equality, bytewise: they are
 * folded into DEFAULT_COLLATION_OID.  InvalidOid stays.
 */
extern Oid	source_link_equality_collation(Oid collation);

#endif							/* ANDON_ANALYSIS_SOURCE_LINK_H */
