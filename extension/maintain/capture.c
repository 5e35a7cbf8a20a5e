/*-------------------------------------------------------------------------
 *
 * capture.c
 *	  From a changed row of a source to entries of the dirty set.
 *
 * For each table with our triggers this backend keeps a target: the boards
 * that have the table, or a table it is a partition or child of, as a source,
 * with attribute numbers translated to the table's own.  Targets are derived
 * from board plans and thrown away together whenever boards may have changed.
 *
 * "Changed" means that the stored image of a column the definition uses is
 * another one.  An UPDATE that touches only other columns costs a comparison.
 * On an UPDATE both the old and the new start of a path are dirty: the row
 * leaves one key and enters another.  Where only fast columns changed the key
 * is the same and is noted as fast, with the row's place (fast_path.h); so is
 * the key of a row that is deleted.
 *
 * Where the table is a step on other sources' paths, a row that is new there,
 * or whose link columns changed, also asks for a shared lock on its link
 * value; drain.c tells why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "board/board_cache.h"
#include "maintain/board_plan.h"
#include "maintain/capture.h"
#include "maintain/dirty_set.h"

/* Values read off a row for one path or link. */
typedef struct TargetValues
{
	DirtyTag	tag;
	const ValueShape *shape;	/* borrowed from the plan */
	AttrNumber *attnos;			/* the table's own */
	int			nwatched;		/* links: columns whose change matters */
	AttrNumber *watched;
} TargetValues;

typedef struct TargetBoard
{
	Oid			board;
	bool		restoring;		/* a dump's rows are not followed */
	int			nused;
	AttrNumber *used;			/* the table's own, all the definition uses */
	bool	   *fast;			/* per used column; NULL if none is */
	int			npaths;
	TargetValues *paths;
	int			nlinks;
	TargetValues *links;
} TargetBoard;

typedef struct Target
{
	Oid			relid;			/* hash key */
	List	   *boards;			/* of TargetBoard */
} Target;

static HTAB *targets = NULL;
static MemoryContext targets_context = NULL;
static uint64 targets_generation = 0;

static Target *get_target(Relation rel);
static void reset_targets(void);
static void add_source(Target *target, Relation rel, Oid source);
static TargetBoard *build_target_board(BoardPlan *plan, SourceUse *use, Relation rel);
static AttrNumber *map_attnos(const AttrNumber *attnos, int n, AttrMap *map);
static void add_used(TargetBoard *board, const SourceUse *use, Relation source, AttrMap *map);
static void add_fast(TargetBoard *board, const BoardPlan *plan, const SourceUse *use);
static bool capture_fast(const TargetBoard *board, TupleTableSlot *before,
						 TupleTableSlot *after);
static bool only_fast_changed(const TargetBoard *board, TupleTableSlot *before,
							  TupleTableSlot *after);
static bool column_changed(AttrNumber attno, TupleTableSlot *before, TupleTableSlot *after);
static void capture_values(const TargetValues *what, TupleTableSlot *slot);
static bool any_column_changed(const AttrNumber *attnos, int n, TupleTableSlot *before,
							   TupleTableSlot *after);
static void mark_whole(Oid board);

void
capture_row(Relation rel, TupleTableSlot *before, TupleTableSlot *after)
{
	ListCell   *cell;

	foreach(cell, get_target(rel)->boards)
	{
		TargetBoard *board = lfirst(cell);

		if (dirty_set_is_whole(board->board))
			continue;
		if (before && after &&
			!any_column_changed(board->used, board->nused, before, after))
			continue;
		if (board->restoring && before == NULL && board_state_session_restores())
			continue;
		if (board->fast && before && capture_fast(board, before, after))
			continue;
		for (int i = 0; i < board->npaths; i++)
		{
			if (before)
				capture_values(&board->paths[i], before);
			if (after)
				capture_values(&board->paths[i], after);
		}
		for (int i = 0; after && i < board->nlinks; i++)
		{
			TargetValues *link = &board->links[i];

			if (before == NULL ||
				any_column_changed(link->watched, link->nwatched, before, after))
				capture_values(link, after);
		}
	}
}

void
capture_truncate(Relation rel)
{
	ListCell   *cell;

	foreach(cell, get_target(rel)->boards)
		mark_whole(((TargetBoard *) lfirst(cell))->board);
}

static Target *
get_target(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	Target	   *target;
	Target		made = {relid, NIL};
	ListCell   *cell;

	if (targets_generation != board_cache_generation())
		reset_targets();
	target = hash_search(targets, &relid, HASH_FIND, NULL);
	if (target)
		return target;

	/* it enters the table only when it is whole: an ERROR must not leave half */
	foreach(cell, lcons_oid(relid, board_find_ancestors(relid)))
	{
		board_cache_watch(lfirst_oid(cell));
		add_source(&made, rel, lfirst_oid(cell));
	}
	target = hash_search(targets, &relid, HASH_ENTER, NULL);
	*target = made;
	return target;
}

static void
reset_targets(void)
{
	HASHCTL		ctl = {0};

	if (targets_context)
		MemoryContextReset(targets_context);
	else
		targets_context = AllocSetContextCreate(TopMemoryContext, "andon capture targets",
												ALLOCSET_SMALL_SIZES);
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Target);
	ctl.hcxt = targets_context;
	targets = hash_create("andon capture targets", 16, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	targets_generation = board_cache_generation();
}

/* Adds the boards that have source among their sources. */
static void
add_source(Target *target, Relation rel, Oid source)
{
	ListCell   *cell;

	foreach(cell, board_find_by_source(source))
	{
		BoardPlan  *plan = board_plan_get(lfirst_oid(cell));
		SourceUse  *use = plan ? definition_find_source(plan->definition, source) : NULL;
		MemoryContext old;

		if (use == NULL || use->is_static)
			continue;
		old = MemoryContextSwitchTo(targets_context);
		target->boards = lappend(target->boards, build_target_board(plan, use, rel));
		MemoryContextSwitchTo(old);
	}
}

static TargetBoard *
build_target_board(BoardPlan *plan, SourceUse *use, Relation rel)
{
	TargetBoard *board = palloc0(sizeof(TargetBoard));
	Relation	source = table_open(use->relid, AccessShareLock);
	AttrMap    *map = compat_build_attrmap(RelationGetDescr(rel), RelationGetDescr(source));
	int			first = board_plan_first_path(plan, use);

	board->board = plan->board->relid;
	board->restoring = plan->board->state == BOARD_RESTORING;
	add_used(board, use, source, map);
	if (plan->fast && use->relid == plan->fast->relid && use->relid == RelationGetRelid(rel))
		add_fast(board, plan, use);
	board->paths = palloc0(sizeof(TargetValues) * Max(use->npaths, 1));
	for (int i = 0; i < use->npaths; i++)
	{
		TargetValues *path = &board->paths[board->npaths++];

		path->tag = (DirtyTag) {plan->board->relid, plan->fingerprint, DIRTY_START, first + i};
		if (use->paths[i].nhops == 0)
			path->tag = (DirtyTag) {plan->board->relid, plan->fingerprint, DIRTY_KEY, 0};
		path->shape = plan->paths[first + i].start;
		path->attnos = map_attnos(use->paths[i].start_attnos, use->paths[i].nstart, map);
	}
	board->links = palloc0(sizeof(TargetValues) * Max(plan->nlinks, 1));
	for (int i = 0; i < plan->nlinks; i++)
	{
		PlanLink   *from = &plan->links[i];
		TargetValues *link = &board->links[board->nlinks];
		int			attno = -1;

		if (from->relid != use->relid)
			continue;
		board->nlinks++;
		link->tag = (DirtyTag) {plan->board->relid, plan->fingerprint, DIRTY_LINK, i};
		link->shape = from->shape;
		link->attnos = map_attnos(from->attnos, from->n, map);
		link->watched = palloc(sizeof(AttrNumber) * bms_num_members(from->watched));
		while ((attno = bms_next_member(from->watched, attno)) >= 0)
			link->watched[link->nwatched++] = map->attnums[attno - 1];
	}
	table_close(source, NoLock);
	return board;
}

static AttrNumber *
map_attnos(const AttrNumber *attnos, int n, AttrMap *map)
{
	AttrNumber *result = palloc(sizeof(AttrNumber) * n);

	for (int i = 0; i < n; i++)
		result[i] = map->attnums[attnos[i] - 1];
	return result;
}

/* A whole-row reference uses every column. */
static void
add_used(TargetBoard *board, const SourceUse *use, Relation source, AttrMap *map)
{
	TupleDesc	desc = RelationGetDescr(source);

	board->used = palloc(sizeof(AttrNumber) * desc->natts);
	for (int attno = 1; attno <= desc->natts; attno++)
	{
		if (TupleDescAttr(desc, attno - 1)->attisdropped)
			continue;
		if (use->uses_whole_row ||
			bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, use->used_attnos))
			board->used[board->nused++] = map->attnums[attno - 1];
	}
}

/* The key table itself: attribute numbers are its own. */
static void
add_fast(TargetBoard *board, const BoardPlan *plan, const SourceUse *use)
{
	board->fast = palloc0(sizeof(bool) * Max(board->nused, 1));
	for (int i = 0; i < board->nused; i++)
		board->fast[i] = bms_is_member(board->used[i], plan->fast->attnos);
}

/* Notes the key as fast, if this change of a row of the key table is. */
static bool
capture_fast(const TargetBoard *board, TupleTableSlot *before, TupleTableSlot *after)
{
	const TargetValues *key = &board->paths[0];
	Datum		values[INDEX_MAX_KEYS];

	if (after && !only_fast_changed(board, before, after))
		return false;
	if (value_read_slot(key->attnos, key->shape->n, before, values))
		dirty_set_add_fast(&key->tag, key->shape, values, after ? &after->tts_tid : NULL);
	return true;
}

static bool
only_fast_changed(const TargetBoard *board, TupleTableSlot *before, TupleTableSlot *after)
{
	for (int i = 0; i < board->nused; i++)
		if (!board->fast[i] && column_changed(board->used[i], before, after))
			return false;
	return true;
}

/* A NULL on the way links to nothing and is no key. */
static void
capture_values(const TargetValues *what, TupleTableSlot *slot)
{
	Datum		values[INDEX_MAX_KEYS];

	if (value_read_slot(what->attnos, what->shape->n, slot, values))
		dirty_set_add(&what->tag, what->shape, values);
}

static bool
any_column_changed(const AttrNumber *attnos, int n, TupleTableSlot *before,
				   TupleTableSlot *after)
{
	for (int i = 0; i < n; i++)
		if (column_changed(attnos[i], before, after))
			return true;
	return false;
}

static bool
column_changed(AttrNumber attno, TupleTableSlot *before, TupleTableSlot *after)
{
	Form_pg_attribute att = TupleDescAttr(before->tts_tupleDescriptor, attno - 1);
	bool		before_null;
	bool		after_null;
	Datum		before_value = slot_getattr(before, attno, &before_null);
	Datum		after_value = slot_getattr(after, attno, &after_null);

	if (before_null || after_null)
		return before_null != after_null;
	return !datum_image_eq(before_value, after_value, att->attbyval, att->attlen);
}

static void
mark_whole(Oid board)
{
	DirtyTag	tag = {board, 0, DIRTY_WHOLE, 0};

	dirty_set_add(&tag, NULL, NULL);
}
