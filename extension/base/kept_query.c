/*-------------------------------------------------------------------------
 *
 * kept_query.c
 *	  A query that is run over and over, kept ready to run.
 *
 * The plan is the plan cache's generic one; what is kept on top of it is the
 * executor's state for it, in the condition in which ExecutorStart() leaves it:
 *
 *	  build_ready()		ExecutorStart(); then as after wake_ready()
 *	  run_ready()		rows, one after the other
 *	  rest_ready()		nodes as they were after ExecutorStart(); pins, references
 *						to relations and their row types, and the snapshot go
 *	  wake_ready()		locks; is the plan still valid?; privileges; references
 *						to the very same relations as before
 *	  drop_ready()		frees the memory, which is all that a resting state has
 *
 * The locks are those that the plan cache and the executor take, in their order:
 * every relation of the plan, then the indexes.  Taking a lock reads what other
 * backends have changed, and a relation of the plan that was changed makes the
 * plan invalid; only a valid plan's pointers are followed.  Relations that are
 * open have their place; one that is not where it was has been built anew, and
 * then so is the state.
 *
 * After an ERROR the transaction's abort gives back references and pins, and
 * the state, which nobody has put to rest, is dropped at the next run.
 *
 * What is kept has only nodes that can be put back into their first condition
 * from outside (kept_node.h); functions of PostgreSQL itself,
 * of which it is known that they keep nothing of a transaction's; no subplans,
 * which would hold results; and is not compiled, not parallel, and the same for
 * every user.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/spi.h"
#include "nodes/plannodes.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/kept_node.h"
#include "base/kept_query.h"
#include "base/spi_util.h"

/* After so many runs the state is made anew, whatever the functions may have left in it. */
#define READY_MOST_RUNS		10000

typedef struct ReadyLock
{
	Oid			relid;
	LOCKMODE	mode;
} ReadyLock;

/* The executor's state, and what is needed to wake it. */
typedef struct Ready
{
	MemoryContext context;		/* of all of it */
	CachedPlan *plan;			/* counted as used by us */
	PlannedStmt *stmt;
	QueryDesc  *desc;
	ParamListInfo params;
	bool		awake;			/* still so at the next run: an ERROR came between */
	int			runs;
	List	   *nodes;			/* of PlanState */
	int			nlocks;
	ReadyLock  *locks;
	int			nrels;			/* tables and indexes that the nodes have open */
	Oid		   *relids;
	Relation   *rels;
} Ready;

struct KeptQuery
{
	SPIPlanPtr	plan;
	CachedPlanSource *source;	/* the plan's */
	MemoryContext context;
	Ready	   *ready;			/* NULL until first used */
	int			refused;		/* generation of a plan that cannot be kept */
};

static bool get_ready(KeptQuery *query, Snapshot snapshot);
static bool wake_ready(KeptQuery *query);
static bool open_relations(Ready *ready);
static bool build_ready(KeptQuery *query, Snapshot snapshot);
static void start_ready(KeptQuery *query, Ready *ready, Snapshot snapshot);
static bool statement_is_apt(const PlannedStmt *stmt);
static void collect_nodes(Ready *ready, PlanState *node);
static void collect_relations(Ready *ready);
static void collect_locks(Ready *ready);
static void add_relation(Ready *ready, Relation rel);
static void add_lock(Ready *ready, Oid relid, LOCKMODE mode);
static Relation node_index(const PlanState *node);
static int	run_ready(KeptQuery *query, const Datum *args, Snapshot snapshot,
					  HeapTuple *rows, int most);
static void rest_ready(Ready *ready);
static void drop_ready(KeptQuery *query);
static int	run_spi(KeptQuery *query, const Datum *args, HeapTuple *rows, int most);
static void on_query_error(void *arg);

KeptQuery *
kept_query_create(const char *sql, int nargs, Oid *argtypes)
{
	KeptQuery  *query = palloc0(sizeof(KeptQuery));

	query->context = CurrentMemoryContext;
	query->plan = spi_prepare_kept(sql, nargs, argtypes, CURSOR_OPT_GENERIC_PLAN);
	query->source = linitial(SPI_plan_get_plan_sources(query->plan));
	return query;
}

void
kept_query_destroy(KeptQuery *query)
{
	drop_ready(query);
	SPI_freeplan(query->plan);
	pfree(query);
}

TupleDesc
kept_query_desc(const KeptQuery *query)
{
	return query->source->resultDesc;
}

int
kept_query_run(KeptQuery *query, const Datum *args, Snapshot snapshot, HeapTuple *rows,
			   int most)
{
	int			count;

	PushActiveSnapshot(snapshot);
	if (get_ready(query, snapshot))
		count = run_ready(query, args, snapshot, rows, most);
	else
		count = run_spi(query, args, rows, most);
	PopActiveSnapshot();
	return count;
}

/* A state that is awake, or false if there can be none. */
static bool
get_ready(KeptQuery *query, Snapshot snapshot)
{
	if (query->ready && wake_ready(query))
		return true;
	drop_ready(query);
	return build_ready(query, snapshot);
}

static bool
wake_ready(KeptQuery *query)
{
	Ready	   *ready = query->ready;
	CachedPlan *plan = ready->plan;

	if (ready->awake || ready->runs >= READY_MOST_RUNS)
		return false;
	for (int i = 0; i < ready->nlocks; i++)
		LockRelationOid(ready->locks[i].relid, ready->locks[i].mode);
	if (!plan->is_valid || !query->source->is_valid || query->source->gplan != plan)
		return false;
	compat_check_permissions(ready->stmt);
	if (!open_relations(ready))
		return false;
	ready->awake = true;
	return true;
}

/* False, and none is open, if one of them is another than it was. */
static bool
open_relations(Ready *ready)
{
	ListCell   *cell;

	for (int i = 0; i < ready->nrels; i++)
	{
		Relation	rel = RelationIdGetRelation(ready->relids[i]);

		if (rel == ready->rels[i])
			continue;
		if (rel)
			RelationClose(rel);
		while (i-- > 0)
			RelationClose(ready->rels[i]);
		return false;
	}
	foreach(cell, ready->desc->estate->es_tupleTable)
	{
		TupleTableSlot *slot = lfirst(cell);

		if (slot->tts_tupleDescriptor)
			PinTupleDesc(slot->tts_tupleDescriptor);
	}
	return true;
}

static bool
build_ready(KeptQuery *query, Snapshot snapshot)
{
	CachedPlan *plan;
	PlannedStmt *stmt;
	MemoryContext context;

	if (query->refused == query->source->generation && query->refused != 0)
		return false;
	/* without parameters to plan for it is the generic plan */
	plan = GetCachedPlan(query->source, NULL, NULL, NULL);
	stmt = linitial_node(PlannedStmt, plan->stmt_list);
	if (plan != query->source->gplan || plan->dependsOnRole ||
		TransactionIdIsValid(plan->saved_xmin) || query->source->dependsOnRLS ||
		!statement_is_apt(stmt))
	{
		query->refused = query->source->generation;
		ReleaseCachedPlan(plan, NULL);
		return false;
	}
	context = AllocSetContextCreate(query->context, "andon kept query", ALLOCSET_SMALL_SIZES);
	query->ready = MemoryContextAllocZero(context, sizeof(Ready));
	query->ready->context = context;
	query->ready->plan = plan;
	query->ready->stmt = stmt;
	query->ready->awake = true;
	start_ready(query, query->ready, snapshot);
	return true;
}

static void
start_ready(KeptQuery *query, Ready *ready, Snapshot snapshot)
{
	CachedPlanSource *source = query->source;
	MemoryContext old = MemoryContextSwitchTo(ready->context);

	ready->params = makeParamList(source->num_params);
	for (int i = 0; i < source->num_params; i++)
	{
		ready->params->params[i].isnull = false;
		ready->params->params[i].ptype = source->param_types[i];
		ready->params->params[i].pflags = PARAM_FLAG_CONST;
	}
	ready->desc = CreateQueryDesc(ready->stmt, source->query_string, snapshot, InvalidSnapshot,
								  None_Receiver, ready->params, NULL, 0);
	ExecutorStart(ready->desc, EXEC_FLAG_SKIP_TRIGGERS);
	/* snapshots come and go with the runs */
	UnregisterSnapshot(ready->desc->estate->es_snapshot);
	UnregisterSnapshot(ready->desc->snapshot);
	ready->desc->snapshot = NULL;
	collect_nodes(ready, ready->desc->planstate);
	collect_relations(ready);
	collect_locks(ready);
	MemoryContextSwitchTo(old);
}

/* ----- what can be kept ----- */

/* invalItems: what the plan rests on but relations; functions that are not PostgreSQL's own. */
static bool
statement_is_apt(const PlannedStmt *stmt)
{
	return stmt->commandType == CMD_SELECT && !stmt->hasModifyingCTE && stmt->rowMarks == NIL &&
		!stmt->parallelModeNeeded && !stmt->transientPlan && !stmt->dependsOnRole &&
		stmt->jitFlags == 0 && stmt->subplans == NIL && stmt->invalItems == NIL &&
		kept_node_is_apt(stmt->planTree);
}

/* ----- what a state has ----- */

static void
collect_nodes(Ready *ready, PlanState *node)
{
	if (node == NULL)
		return;
	ready->nodes = lappend(ready->nodes, node);
	if (IsA(node, SubqueryScanState))
		collect_nodes(ready, ((SubqueryScanState *) node)->subplan);
	collect_nodes(ready, outerPlanState(node));
	collect_nodes(ready, innerPlanState(node));
}

static void
collect_relations(Ready *ready)
{
	EState	   *estate = ready->desc->estate;
	int			most = estate->es_range_table_size + list_length(ready->nodes);
	ListCell   *cell;

	ready->relids = palloc(sizeof(Oid) * most);
	ready->rels = palloc(sizeof(Relation) * most);
	for (Index i = 0; i < estate->es_range_table_size; i++)
		if (estate->es_relations[i])
			add_relation(ready, estate->es_relations[i]);
	foreach(cell, ready->nodes)
		if (node_index(lfirst(cell)))
			add_relation(ready, node_index(lfirst(cell)));
}

/* A view stands there too: as a relation, or since 16 as a subquery that knows its name. */
static void
collect_locks(Ready *ready)
{
	ListCell   *cell;

	ready->locks = palloc(sizeof(ReadyLock) * (list_length(ready->stmt->rtable) + ready->nrels));
	foreach(cell, ready->stmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind == RTE_RELATION ||
			(rte->rtekind == RTE_SUBQUERY && OidIsValid(rte->relid)))
			add_lock(ready, rte->relid, rte->rellockmode);
	}
	foreach(cell, ready->nodes)
		if (node_index(lfirst(cell)))
			add_lock(ready, RelationGetRelid(node_index(lfirst(cell))), AccessShareLock);
}

static void
add_relation(Ready *ready, Relation rel)
{
	ready->relids[ready->nrels] = RelationGetRelid(rel);
	ready->rels[ready->nrels++] = rel;
}

static void
add_lock(Ready *ready, Oid relid, LOCKMODE mode)
{
	for (int i = 0; i < ready->nlocks; i++)
		if (ready->locks[i].relid == relid && ready->locks[i].mode == mode)
			return;
	ready->locks[ready->nlocks++] = (ReadyLock) {relid, mode};
}

static Relation
node_index(const PlanState *node)
{
	if (IsA(node, IndexScanState))
		return ((const IndexScanState *) node)->iss_RelationDesc;
	if (IsA(node, IndexOnlyScanState))
		return ((const IndexOnlyScanState *) node)->ioss_RelationDesc;
	return NULL;
}

/* ----- a run ----- */

static int
run_ready(KeptQuery *query, const Datum *args, Snapshot snapshot, HeapTuple *rows, int most)
{
	Ready	   *ready = query->ready;
	EState	   *estate = ready->desc->estate;
	MemoryContext caller = CurrentMemoryContext;
	ErrorContextCallback callback;
	int			count = 0;

	callback.callback = on_query_error;
	callback.arg = query;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (int i = 0; i < ready->params->numParams; i++)
		ready->params->params[i].value = args[i];
	estate->es_snapshot = snapshot;
	while (count < most)
	{
		TupleTableSlot *slot;

		MemoryContextSwitchTo(estate->es_query_cxt);
		ResetPerTupleExprContext(estate);
		slot = ExecProcNode(ready->desc->planstate);
		if (TupIsNull(slot))
			break;
		if (estate->es_junkFilter)
			slot = ExecFilterJunk(estate->es_junkFilter, slot);
		MemoryContextSwitchTo(caller);
		rows[count++] = ExecCopySlotHeapTuple(slot);
	}
	MemoryContextSwitchTo(caller);
	rest_ready(ready);
	error_context_stack = callback.previous;
	return count;
}

static void
rest_ready(Ready *ready)
{
	EState	   *estate = ready->desc->estate;
	ListCell   *cell;

	foreach(cell, estate->es_tupleTable)
		ExecClearTuple(lfirst(cell));
	foreach(cell, ready->nodes)
		kept_node_renew(lfirst(cell));
	foreach(cell, estate->es_tupleTable)
	{
		TupleTableSlot *slot = lfirst(cell);

		if (slot->tts_tupleDescriptor)
			ReleaseTupleDesc(slot->tts_tupleDescriptor);
	}
	for (int i = 0; i < ready->nrels; i++)
		RelationClose(ready->rels[i]);
	estate->es_snapshot = NULL;
	ready->runs++;
	ready->awake = false;
}

/* References, if it has any, are the abort's that brought us here. */
static void
drop_ready(KeptQuery *query)
{
	Ready	   *ready = query->ready;

	if (ready == NULL)
		return;
	query->ready = NULL;
	ReleaseCachedPlan(ready->plan, NULL);
	MemoryContextDelete(ready->context);
}

static int
run_spi(KeptQuery *query, const Datum *args, HeapTuple *rows, int most)
{
	int			rc = SPI_execute_plan(query->plan, (Datum *) args, NULL, true, most);
	int			count = SPI_processed;

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "query failed: %s", SPI_result_code_string(rc));
	for (int i = 0; i < count; i++)
		rows[i] = heap_copytuple(SPI_tuptable->vals[i]);
	SPI_freetuptable(SPI_tuptable);
	return count;
}

/* As SPI would put it. */
static void
on_query_error(void *arg)
{
	KeptQuery  *query = arg;

	errcontext("SQL statement \"%s\"", query->source->query_string);
}
