/*-------------------------------------------------------------------------
 *
 * fast_columns.h
 *	  Which columns of the key table only show and select their own board row.
 *
 * Most changes are one column of the key table, a status.  If such a column is
 * shown as it is, or stands in conditions on the key table alone, and nowhere
 * else, then a change of it changes one board row, in a way that can be told
 * from the changed row: no other source need be read.  Such a column is fast.
 *
 * There are none unless a row of the key table and a board row are one and the
 * same: the key is a unique set of NOT NULL columns of an ordinary table, which
 * appears once in the definition, at its top level, and is not null-extended;
 * the top level has no DISTINCT, LIMIT, set operation or window and, if it
 * groups, groups by the key.
 *
 * Used by maintain/fast_path.c and report/explain.c.  Reads catalogs only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_FAST_COLUMNS_H
#define ANDON_ANALYSIS_FAST_COLUMNS_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "utils/relcache.h"

#include "analysis/definition.h"

/* An output column that is a fast column as it stands. */
typedef struct FastOutput
{
	AttrNumber	attno;			/* of the key table */
	AttrNumber	resno;			/* of the board */
} FastOutput;

typedef struct FastColumns
{
	Oid			relid;			/* the key table */
	AttrNumber *key_attnos;		/* its columns that are the key, borrowed */
	Bitmapset  *attnos;			/* the fast columns; plain numbers */
	int			noutputs;
	FastOutput *outputs;
	List	   *conditions;		/* conjuncts that read the key table alone, all
								 * of which a row must pass; its columns are
								 * Vars of one range table index */
	bool		needs_settings; /* what they say may depend on settings */
} FastColumns;

/*
 * The fast columns of the key table, in the current context; NULL if there are
 * none.  query is what definition was made of; neither is modified.
 */
extern FastColumns *fast_columns_find(const Definition *definition, Query *query);

/*
 * A valid unique index of rel that has exactly these columns and calls equal
 * what the definition's key calls equal: InvalidOid if there is none.
 */
extern Oid	fast_columns_find_index(Relation rel, const Definition *definition,
									const AttrNumber *attnos);

#endif							/* ANDON_ANALYSIS_FAST_COLUMNS_H */
