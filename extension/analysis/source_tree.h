/*-------------------------------------------------------------------------
 *
 * source_tree.h
 *	  A definition as levels, aliases, links and scope rules.
 *
 * What source_walk.c and source_link.c make of a Query tree and what all other
 * files of the analysis read.  It is flat and free of parse tree subtleties:
 * views and CTEs are levels like any subquery, join alias columns are resolved
 * to the column they stand for, and every fact about nullability is a node
 * number.
 *
 * Nodes.  A node is a statement about one row of the result, or about the
 * row of some alias on its way there:
 *	  - an alias's node: "this alias has a row here, it is not null-extended";
 *	  - a join's node: "the ON condition of this join is true";
 *	  - a level's root node: "this level's FROM made a row; its WHERE is true".
 *		(A level that aggregates without GROUP BY yields a row also without:
 *		then its output alias's node does not lead to its root node.)
 * The scope of an alias is the set of nodes that hold whenever a row of it
 * contributes.  It starts with the alias and what surrounds it and is closed
 * under the ScopeRules; a link counts only if its guard is in the scope, and
 * a link that counts adds both its aliases, since equality is strict.
 *
 * Choices.  A row of a set operation comes from one of its branches, and the
 * value of COALESCE (x, y), which is the key of a FULL JOIN, is that of one of
 * its arguments.  Both are a SourceChoice: when its node holds, so does one of
 * its options, and nobody knows which.  A branch's option is its alias's node.
 * COALESCE becomes an alias of its own, of one column, with a node for each
 * argument.  Whoever looks for paths looks at every case, but for those that
 * cannot be: a branch that pads a column with NULL has no row where that column
 * must be equal to something.
 *
 * Everything is palloc'd in the current context and never freed by itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_SOURCE_TREE_H
#define ANDON_ANALYSIS_SOURCE_TREE_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

#include "analysis/definition.h"

typedef struct SourceLevel SourceLevel;

typedef enum SourceAliasKind
{
	SOURCE_ALIAS_TABLE,			/* a base table: rows can change */
	SOURCE_ALIAS_QUERY,			/* subquery, view, CTE, sublink: rows of inner */
	SOURCE_ALIAS_COALESCE,		/* a COALESCE of plain columns, as column 1 */
	SOURCE_ALIAS_OTHER			/* function, VALUES: no table behind it */
} SourceAliasKind;

/* Something with columns: an entry of FROM, or the output of a sublink. */
typedef struct SourceAlias
{
	SourceAliasKind kind;
	int			node;
	const char *name;			/* alias as written */
	SourceLevel *level;			/* where it stands; NULL for the whole query */

	/* SOURCE_ALIAS_TABLE */
	Oid			relid;
	bool		only;			/* FROM ONLY: children do not count */
	bool		is_static;
	bool		uses_whole_row;
	Bitmapset  *used_attnos;	/* attno - FirstLowInvalidHeapAttributeNumber */

	/* SOURCE_ALIAS_QUERY */
	SourceLevel *inner;

	/* SOURCE_ALIAS_COALESCE */
	List	   *arguments;		/* of SourceColumn */
} SourceAlias;

/* How a level's rows reach the level around it; for messages and IN. */
typedef enum SourceLevelUse
{
	SOURCE_LEVEL_TOP,
	SOURCE_LEVEL_FROM,			/* subquery, view or CTE in FROM */
	SOURCE_LEVEL_SUBLINK,		/* EXISTS, scalar subquery, ARRAY() */
	SOURCE_LEVEL_IN,			/* IN as a condition that must be true */
	SOURCE_LEVEL_IN_VALUE		/* NOT IN, ALL, or IN as a value */
} SourceLevelUse;

/* One Query of the definition, as used at one place. */
struct SourceLevel
{
	Query	   *query;
	SourceLevelUse use;
	SourceLevel *lexical;		/* level that varlevelsup 1 means, or NULL */
	SourceLevel *parent;		/* level that uses the rows, NULL at the top */
	SourceAlias *output;		/* the alias whose rows this level yields */
	int			root_node;
	Bitmapset  *place;			/* nodes that hold where the rows matter */
	Oid			as_user;		/* whose rights read its tables */
	SourceAlias **aliases;		/* by range table index - 1; NULL for joins */
	List	   *branches;		/* of SourceAlias: the arms of a set operation */
};

typedef struct SourceColumn
{
	SourceAlias *alias;
	AttrNumber	attno;
} SourceColumn;

/* One side of a link: a column and the types it is compared as. */
typedef struct SourceLinkSide
{
	SourceColumn column;
	Oid			optype;			/* declared input type of the operator */
	Oid			valtype;		/* type of the value, domains resolved */
} SourceLinkSide;

/* Links with equal meaning of "equal" can be chained. */
typedef struct SourceEquality
{
	bool		is_btree;		/* families are btree's, else hash's */
	List	   *families;		/* operator families in which it is equality */
	Oid			collation;		/* see source_link_equality_collation() */
} SourceEquality;

/* An equality between plain columns. */
typedef struct SourceLink
{
	SourceLinkSide left;
	SourceLinkSide right;
	SourceEquality equality;
	int			guard;			/* node under which it is true */
} SourceLink;

/*
 * An output column of a level that is a plain column inside and that a
 * condition from outside may be moved to: in GROUP BY, in every PARTITION BY,
 * in DISTINCT ON, and no LIMIT.  Also a column of a set operation and the same
 * column of one branch, and COALESCE and one of its arguments.
 */
typedef struct SourceOutput
{
	SourceColumn outer;
	SourceColumn inner;
	int			guard;			/* node under which they are the same */
	bool		is_option;		/* the guard is an option of a choice */
	List	   *group_ops;		/* equality operators rows were put together by */
	Oid			group_collation;	/* as in SourceEquality; set with group_ops */
} SourceOutput;

/*
 * When any node of any_of holds, and also any of and_any_of unless that is
 * NULL, all of then hold.
 */
typedef struct ScopeRule
{
	Bitmapset  *any_of;
	Bitmapset  *and_any_of;
	Bitmapset  *then;
} ScopeRule;

/* When node `when` holds, one of the options holds. */
typedef struct SourceChoice
{
	int			when;
	Bitmapset  *options;
} SourceChoice;

typedef struct SourceTree
{
	const DefinitionOptions *options;	/* borrowed */
	SourceLevel *top;
	int			nnodes;
	List	   *aliases;		/* of SourceAlias, in order of appearance */
	List	   *links;			/* of SourceLink */
	List	   *outputs;		/* of SourceOutput */
	List	   *rules;			/* of ScopeRule */
	List	   *choices;		/* of SourceChoice */
	List	   *value_links;	/* of SourceLink: need both sides NOT NULL */
	List	   *nulls;			/* of SourceColumn: output columns that are always NULL */
	int			never_node;		/* holds where such a column would not be NULL */
	SourceColumn virtual_column;	/* last that would be plain if it were stored; alias NULL if none */
} SourceTree;

/* A node that no rule knows yet. */
extern int	source_tree_add_node(SourceTree *tree);

/* An alias with its node; level is where it stands, NULL for the whole query. */
extern SourceAlias *source_tree_add_alias(SourceTree *tree, SourceAliasKind kind, const char *name,
										  SourceLevel *level);

/* The sets are kept, not copied; and_any_of may be NULL. */
extern void source_tree_add_rule(SourceTree *tree, Bitmapset *any_of, Bitmapset *and_any_of, Bitmapset *then);
extern void source_tree_add_choice(SourceTree *tree, int when, Bitmapset *options);

/* Close nodes (a set that is consumed) under the rules. */
extern Bitmapset *source_tree_close_scope(const SourceTree *tree, Bitmapset *nodes);

#endif							/* ANDON_ANALYSIS_SOURCE_TREE_H */
