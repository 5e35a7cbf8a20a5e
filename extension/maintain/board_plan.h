/*-------------------------------------------------------------------------
 *
 * board_plan.h
 *	  What a backend needs to maintain one board, derived once.
 *
 * A BoardPlan joins a Board with the analysis of its definition: value shapes
 * for every path, the links that are locked, and the prepared queries.  It
 * belongs to the board's cache entry and lives as long (board_cache.h): always
 * to the end of the transaction that asked for it.
 *
 * Paths and links are known by their index.  The fingerprint tells whether the
 * indexes of two plans of one board mean the same: a key captured under one
 * plan may be drained under its successor, or else the whole board is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_BOARD_PLAN_H
#define ANDON_MAINTAIN_BOARD_PLAN_H

#include "postgres.h"

#include "base/compat.h"
#include "analysis/definition.h"
#include "analysis/fast_columns.h"
#include "base/kept_query.h"
#include "base/row_lookup.h"
#include "base/spi_util.h"
#include "base/values.h"
#include "board/board.h"

/* A link that is locked: (table, columns, operators). */
typedef struct PlanLink
{
	Oid			relid;
	int			n;
	AttrNumber *attnos;			/* of relid; borrowed from the definition */
	Oid		   *eqops;			/* borrowed from the definition */
	ValueShape *shape;			/* of the values in relid's own columns */
	Bitmapset  *watched;		/* attnos whose change moves rows of relid on a
								 * path through this link; plain numbers */
	int			distance;		/* more than that of each link that follows it on
								 * a path, at least 1; nlinks in a circle */
} PlanLink;

typedef struct PlanHop
{
	const PathHop *hop;			/* borrowed from the definition */
	int			link;			/* index in plan->links */
	ValueShape *carried;		/* the tuples that are matched */
	SPIPlanPtr	query;			/* NULL until first used */
} PlanHop;

typedef struct PlanPath
{
	const DirtyPath *path;		/* borrowed from the definition */
	ValueShape *start;			/* the key's, if there is no hop */
	int			nhops;
	PlanHop    *hops;
} PlanPath;

typedef struct BoardPlan
{
	Board	   *board;			/* borrowed from the cache entry */
	MemoryContext context;		/* the cache entry's */
	Definition *definition;
	FastColumns *fast;			/* NULL: every change needs the definition */
	struct FastPath *fast_path; /* NULL until first used; see fast_path.c */
	bool		needs_settings; /* what the definition says may depend on them */
	bool		writes_known;	/* is the next one known? */
	bool		writes_need_settings;	/* triggers and expressions of the board's */
	uint64		fingerprint;
	ValueShape *key;
	FmgrInfo   *key_equal;		/* per key column */
	int			npaths;
	PlanPath   *paths;			/* those of all sources, in order of sources */
	int			nlinks;
	PlanLink   *links;
	int64		version_floor;	/* what a key that enters goes on from at least; 0
								 * but while repair_board() runs */
	bool		is_mended;		/* refresh_board(), repair_board(): transitions
								 * are not checked */
	KeptQuery  *refresh_one;	/* NULL until first used */
	RowLookup  *board_row;		/* finds the board's row of a key; NULL until first
								 * used, or if the board has no index for it */
	SPIPlanPtr	refresh_few;	/* a generic plan; NULL until first used */
	SPIPlanPtr	refresh_many;	/* planned for the very keys */
} BoardPlan;

/* NULL if relid is no board any more. */
extern BoardPlan *board_plan_get(Oid relid);

/* ERROR 42809 if relid is no board. */
extern BoardPlan *board_plan_get_or_error(Oid relid);

/* Analyses the definition view of a board; options as create_board made them. */
extern Definition *board_plan_analyse(const Board *board);

/* The fast columns of a board of this analysis, or NULL. */
extern FastColumns *board_plan_find_fast(const Board *board, const Definition *definition);

/*
 * Does writing the board run what may depend on settings?  And the settings that
 * a drain must put in force that runs the definition, or NIL.  Both lock the
 * board's table: for drains, which are going to write it.
 */
extern bool board_plan_writes_need_settings(BoardPlan *plan);
extern List *board_plan_settings(BoardPlan *plan);

/* Index in plan->paths of the first path of a source of plan->definition. */
extern int	board_plan_first_path(const BoardPlan *plan, const SourceUse *source);

/* A key as a JSON object, in the current context. */
extern char *board_plan_format_key(const BoardPlan *plan, const Datum *key);

/* ERROR 21000: the definition gives two rows for this key. */
pg_noreturn extern void board_plan_raise_not_single(const BoardPlan *plan, const Datum *key);

#endif							/* ANDON_MAINTAIN_BOARD_PLAN_H */
