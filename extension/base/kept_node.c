/*-------------------------------------------------------------------------
 *
 * kept_node.c
 *	  Nodes of a plan that can be made as new after a run.
 *
 * The executor's own rescans are not what is wanted: they keep scans open and
 * work out the next run's parameters at once.  Here scans are ended, and are
 * begun again, with another snapshot, as they were begun the first time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "executor/nodeAgg.h"
#include "storage/bufmgr.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "base/kept_node.h"

static bool agg_is_apt(const Agg *agg);
static void renew_result(ResultState *node);
static void renew_nest_loop(NestLoopState *node);
static void renew_material(MaterialState *node);
static void renew_sort(SortState *node);
static void renew_agg(AggState *node);
static void renew_seq_scan(SeqScanState *node);
static void renew_index_scan(IndexScanState *node);
static void renew_index_only_scan(IndexOnlyScanState *node);

bool
kept_node_is_apt(const Plan *plan)
{
	if (plan == NULL)
		return true;
	switch (nodeTag(plan))
	{
		case T_Result:
		case T_NestLoop:
		case T_Material:
		case T_Sort:
		case T_Group:
		case T_Unique:
		case T_Limit:
		case T_SeqScan:
		case T_IndexOnlyScan:
			break;
		case T_IndexScan:
			if (((const IndexScan *) plan)->indexorderby != NIL)
				return false;
			break;
		case T_Agg:
			if (!agg_is_apt((const Agg *) plan))
				return false;
			break;
		case T_SubqueryScan:
			if (!kept_node_is_apt(((const SubqueryScan *) plan)->subplan))
				return false;
			break;
		default:
			return false;
	}
	return kept_node_is_apt(plan->lefttree) && kept_node_is_apt(plan->righttree);
}

void
kept_node_renew(PlanState *node)
{
	bms_free(node->chgParam);
	node->chgParam = NULL;
	if (node->ps_ExprContext)
		ReScanExprContext(node->ps_ExprContext);
	switch (nodeTag(node))
	{
		case T_ResultState:
			renew_result((ResultState *) node);
			break;
		case T_NestLoopState:
			renew_nest_loop((NestLoopState *) node);
			break;
		case T_MaterialState:
			renew_material((MaterialState *) node);
			break;
		case T_SortState:
			renew_sort((SortState *) node);
			break;
		case T_AggState:
			renew_agg((AggState *) node);
			break;
		case T_GroupState:
			((GroupState *) node)->grp_done = false;
			break;
		case T_LimitState:
			((LimitState *) node)->lstate = LIMIT_INITIAL;
			break;
		case T_SeqScanState:
			renew_seq_scan((SeqScanState *) node);
			break;
		case T_IndexScanState:
			renew_index_scan((IndexScanState *) node);
			break;
		case T_IndexOnlyScanState:
			renew_index_only_scan((IndexOnlyScanState *) node);
			break;
		default:
			/* Unique and SubqueryScan have nothing but slots */
			break;
	}
}

/* Hash tables and grouping sets have more phases than one. */
static bool
agg_is_apt(const Agg *agg)
{
	return (agg->aggstrategy == AGG_PLAIN || agg->aggstrategy == AGG_SORTED) &&
		agg->groupingSets == NIL && agg->chain == NIL;
}

static void
renew_result(ResultState *node)
{
	node->rs_done = false;
	node->rs_checkqual = node->resconstantqual != NULL;
}

static void
renew_nest_loop(NestLoopState *node)
{
	node->nl_NeedNewOuter = true;
	node->nl_MatchedOuter = false;
	/* the row of NULLs that an outer join makes up was cleared with the other slots */
	if (node->nl_NullInnerTupleSlot)
		ExecStoreAllNullTuple(node->nl_NullInnerTupleSlot);
}

static void
renew_material(MaterialState *node)
{
	if (node->tuplestorestate)
		tuplestore_end(node->tuplestorestate);
	node->tuplestorestate = NULL;
	node->eof_underlying = false;
}

static void
renew_sort(SortState *node)
{
	if (node->tuplesortstate)
		tuplesort_end((Tuplesortstate *) node->tuplesortstate);
	node->tuplesortstate = NULL;
	node->sort_Done = false;
}

/* The executor's own way, kept from going on to the node below, which has its own turn. */
static void
renew_agg(AggState *node)
{
	PlanState  *outer = outerPlanState(node);
	Bitmapset  *before = outer->chgParam;
	Bitmapset  *anything = bms_make_singleton(0);

	outer->chgParam = anything;
	ExecReScanAgg(node);
	outer->chgParam = before;
	bms_free(anything);
}

static void
renew_seq_scan(SeqScanState *node)
{
	if (node->ss.ss_currentScanDesc)
		table_endscan(node->ss.ss_currentScanDesc);
	node->ss.ss_currentScanDesc = NULL;
}

static void
renew_index_scan(IndexScanState *node)
{
	if (node->iss_ScanDesc)
		index_endscan(node->iss_ScanDesc);
	node->iss_ScanDesc = NULL;
	node->iss_RuntimeKeysReady = false;
	if (node->iss_RuntimeContext)
		ResetExprContext(node->iss_RuntimeContext);
}

static void
renew_index_only_scan(IndexOnlyScanState *node)
{
	if (node->ioss_VMBuffer != InvalidBuffer)
		ReleaseBuffer(node->ioss_VMBuffer);
	node->ioss_VMBuffer = InvalidBuffer;
	if (node->ioss_ScanDesc)
		index_endscan(node->ioss_ScanDesc);
	node->ioss_ScanDesc = NULL;
	node->ioss_RuntimeKeysReady = false;
	if (node->ioss_RuntimeContext)
		ResetExprContext(node->ioss_RuntimeContext);
}
