/*-------------------------------------------------------------------------
 *
 * fast_path.c
 *	  Applies changes of fast columns without running the definition.
 *
 * Under the key's lock the board's row is what the definition gives for all
 * that has committed, but for what this transaction has changed: whoever
 * changed anything else of it held the lock until his commit.  So the row's
 * other columns stand, and the fast ones are the key table's row:
 *
 *	  key table			board		what is done
 *	  passes			has it		update, if a fast column differs
 *	  passes			lacks it	handed back: the definition must tell
 *	  fails, or is gone has it		delete
 *	  fails, or is gone lacks it	nothing
 *
 * Captured values name the key and nothing else: the row that a trigger was
 * shown may have been changed since.  The place of that row is a hint where to
 * look first; it is the row if it is visible and has the key.
 *
 * Everything is read under a snapshot taken after the lock was granted, and at
 * REPEATABLE READ and SERIALIZABLE under the transaction's own as well: if that
 * finds another version of either row, 40001 (mapping.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/row_lookup.h"
#include "base/stats.h"
#include "maintain/board_writer.h"
#include "maintain/fast_path.h"
#include "maintain/mapping.h"

/* What a backend keeps of it, in the plan's context. */
struct FastPath
{
	RowLookup  *source;			/* the key table's row of a key; or NULL */
	RowLookup  *board;			/* the board's; or NULL: its index was dropped */
	ExprState  *conditions;
	ExprContext *econtext;
};

/* One call of fast_path_apply(). */
typedef struct FastRun
{
	BoardPlan  *plan;
	struct FastPath *path;
	Relation	rel;			/* the key table */
	Relation	index;			/* NULL until needed */
	TupleTableSlot *slot;		/* its row */
	BoardWriter *writer;
	SnapshotPair pair;
	Datum	   *values;			/* of the board's row as it is to be */
	bool	   *nulls;
} FastRun;

static struct FastPath *get_path(BoardPlan *plan);
static RowLookup *create_lookup(Oid relid, const Definition *definition,
								const AttrNumber *attnos);
static void run_begin(FastRun *run, BoardPlan *plan);
static void run_end(FastRun *run);
static bool apply_key(FastRun *run, const Datum *key, ItemPointer tid);
static bool find_source(FastRun *run, const Datum *key, ItemPointer tid);
static bool find_by_index(FastRun *run, const Datum *key, Snapshot snapshot);
static bool slot_has_key(FastRun *run, const Datum *key);
static bool find_board(FastRun *run, const Datum *key, BoardRow *row);
static bool passes(FastRun *run);
static void update_board(FastRun *run, const BoardRow *row);
static bool output_differs(FastRun *run, const FastOutput *output, Datum value, bool isnull);

bool
fast_path_is_usable(BoardPlan *plan)
{
	struct FastPath *path;

	/* what a restore has left is put right by whole rows */
	if (plan->fast == NULL || plan->board->state != BOARD_OK)
		return false;
	path = get_path(plan);
	return path->source && path->board &&
		pg_class_aclcheck(plan->fast->relid, plan->board->owner, ACL_SELECT) == ACLCHECK_OK;
}

List *
fast_path_settings(const BoardPlan *plan)
{
	return plan->fast->needs_settings ? plan->board->settings : NIL;
}

ValueSet *
fast_path_apply(BoardPlan *plan, const ValueSet *keys, const ItemPointerData *tids)
{
	ValueSet   *entering = value_set_create(plan->key);
	FastRun		run = {0};

	run_begin(&run, plan);
	for (int i = 0; i < value_set_count(keys); i++)
	{
		ItemPointerData tid = tids[i];

		CHECK_FOR_INTERRUPTS();
		if (!board_writer_can_find(run.writer, run.path->board))
		{
			value_set_add(entering, value_set_get(keys, i));
			continue;
		}
		/* anew for each key: two of them may be equal and mean one row */
		mapping_take_snapshots(&run.pair);
		PushActiveSnapshot(run.pair.latest);
		if (!apply_key(&run, value_set_get(keys, i), &tid))
			value_set_add(entering, value_set_get(keys, i));
		PopActiveSnapshot();
		mapping_drop_snapshots(&run.pair);
	}
	run_end(&run);
	stats_count(STATS_FAST, value_set_count(keys) - value_set_count(entering));
	return entering;
}

static struct FastPath *
get_path(BoardPlan *plan)
{
	MemoryContext old;
	struct FastPath *path;

	if (plan->fast_path)
		return plan->fast_path;
	old = MemoryContextSwitchTo(plan->context);
	path = palloc0(sizeof(struct FastPath));
	path->source = create_lookup(plan->fast->relid, plan->definition, plan->fast->key_attnos);
	path->board = create_lookup(plan->board->relid, plan->definition, plan->board->key_attnos);
	path->econtext = CreateStandaloneExprContext();
	path->conditions = ExecInitQual((List *) expression_planner((Expr *) plan->fast->conditions),
									NULL);
	MemoryContextSwitchTo(old);
	plan->fast_path = path;
	return path;
}

static RowLookup *
create_lookup(Oid relid, const Definition *definition, const AttrNumber *attnos)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			index_oid = fast_columns_find_index(rel, definition, attnos);
	RowLookup  *lookup = NULL;

	/* under row-level security only the definition knows what may be seen */
	if (OidIsValid(index_oid) && !rel->rd_rel->relrowsecurity)
	{
		Relation	index = index_open(index_oid, AccessShareLock);

		lookup = row_lookup_create(index, attnos, definition->key_eqops);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return lookup;
}

static void
run_begin(FastRun *run, BoardPlan *plan)
{
	run->plan = plan;
	run->path = get_path(plan);
	/* who changed a row of it has it locked, to the end of the transaction */
	run->rel = table_open(plan->fast->relid, NoLock);
	run->slot = table_slot_create(run->rel, NULL);
	run->writer = board_writer_open(plan, false);
	run->values = palloc(sizeof(Datum) * plan->board->ncolumns);
	run->nulls = palloc(sizeof(bool) * plan->board->ncolumns);
}

static void
run_end(FastRun *run)
{
	board_writer_close(run->writer);
	ExecDropSingleTupleTableSlot(run->slot);
	if (run->index)
		index_close(run->index, NoLock);
	table_close(run->rel, NoLock);
}

/* False if the definition is needed. */
static bool
apply_key(FastRun *run, const Datum *key, ItemPointer tid)
{
	bool		wanted = find_source(run, key, tid) && passes(run);
	BoardRow	row;

	if (!find_board(run, key, &row))
		return !wanted;
	if (wanted)
		update_board(run, &row);
	else
		board_writer_delete(run->writer, &row);
	return true;
}

/* The key table's row, into run->slot. */
static bool
find_source(FastRun *run, const Datum *key, ItemPointer tid)
{
	ItemPointerData own = {0};
	bool		has_own = false;
	bool		found;

	if (run->pair.own)
	{
		has_own = find_by_index(run, key, run->pair.own);
		own = run->slot->tts_tid;
	}
	found = ItemPointerIsValid(tid) &&
		table_tuple_fetch_row_version(run->rel, tid, run->pair.latest, run->slot) &&
		slot_has_key(run, key);
	if (!found)
		found = find_by_index(run, key, run->pair.latest);
	if (run->pair.own &&
		(found != has_own || (found && !ItemPointerEquals(&own, &run->slot->tts_tid))))
		mapping_raise_conflict(run->plan);
	return found;
}

static bool
find_by_index(FastRun *run, const Datum *key, Snapshot snapshot)
{
	if (run->index == NULL)
		run->index = index_open(run->path->source->index, AccessShareLock);
	return row_lookup_find(run->path->source, run->rel, run->index, key, snapshot, run->slot);
}

static bool
slot_has_key(FastRun *run, const Datum *key)
{
	Datum		values[INDEX_MAX_KEYS];

	return value_read_slot(run->plan->fast->key_attnos, run->plan->key->n, run->slot, values) &&
		value_image_equal(run->plan->key, values, key);
}

static bool
find_board(FastRun *run, const Datum *key, BoardRow *row)
{
	RowLookup  *lookup = run->path->board;
	ItemPointerData own = {0};
	bool		has_own = false;
	bool		found;

	if (run->pair.own)
	{
		has_own = board_writer_find(run->writer, lookup, key, run->pair.own, row);
		own = row->tid;
	}
	found = board_writer_find(run->writer, lookup, key, run->pair.latest, row);
	if (run->pair.own && (found != has_own || (found && !ItemPointerEquals(&own, &row->tid))))
		mapping_raise_conflict(run->plan);
	return found;
}

static bool
passes(FastRun *run)
{
	bool		result;

	if (run->path->conditions == NULL)
		return true;
	run->path->econtext->ecxt_scantuple = run->slot;
	result = ExecQual(run->path->conditions, run->path->econtext);
	run->path->econtext->ecxt_scantuple = NULL;
	ResetExprContext(run->path->econtext);
	return result;
}

static void
update_board(FastRun *run, const BoardRow *row)
{
	const FastColumns *fast = run->plan->fast;
	int			ncolumns = run->plan->board->ncolumns;
	bool		differs = false;

	memcpy(run->values, row->values, sizeof(Datum) * ncolumns);
	memcpy(run->nulls, row->nulls, sizeof(bool) * ncolumns);
	for (int i = 0; i < fast->noutputs; i++)
	{
		const FastOutput *output = &fast->outputs[i];
		int			column = output->resno - 1;
		bool		isnull;
		Datum		value = slot_getattr(run->slot, output->attno, &isnull);

		differs = differs || output_differs(run, output, value, isnull);
		run->values[column] = value;
		run->nulls[column] = isnull;
	}
	if (differs)
		board_writer_update(run->writer, row, run->values, run->nulls);
}

/* Has the board's row another value in this column than the key table's? */
static bool
output_differs(FastRun *run, const FastOutput *output, Datum value, bool isnull)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(run->rel), output->attno - 1);
	int			column = output->resno - 1;

	if (isnull || run->nulls[column])
		return isnull != run->nulls[column];
	return !datum_image_eq(value, run->values[column], att->attbyval, att->attlen);
}
