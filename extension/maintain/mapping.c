/*-------------------------------------------------------------------------
 *
 * mapping.c
 *	  One hop of a path: which values do these link values lead to?
 *
 * A hop's query has links only, never the definition's filters: an order that
 * enters the filter at this very moment must be found too.  It is prepared
 * once per backend and plan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "maintain/mapping.h"

/* Tuples handed to one execution of a hop's query. */
#define MAPPING_CHUNK	10000

static void run_query(PlanHop *hop, Datum *arrays, Snapshot snapshot, ValueSet *to);
static SPIPlanPtr hop_query(BoardPlan *plan, PlanHop *hop);

void
mapping_take_snapshots(SnapshotPair *pair)
{
	CommandCounterIncrement();
	pair->latest = RegisterSnapshot(GetLatestSnapshot());
	pair->own = NULL;
	if (IsolationUsesXactSnapshot())
	{
		/* a copy, so that it has the present command counter */
		PushCopiedSnapshot(GetTransactionSnapshot());
		UpdateActiveSnapshotCommandId();
		pair->own = RegisterSnapshot(GetActiveSnapshot());
		PopActiveSnapshot();
	}
}

void
mapping_drop_snapshots(SnapshotPair *pair)
{
	UnregisterSnapshot(pair->latest);
	if (pair->own)
		UnregisterSnapshot(pair->own);
}

void
mapping_raise_conflict(const BoardPlan *plan)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent changes of the sources of board %s",
					plan->board->qualified),
			 errdetail("The board's rows that this transaction changes depend on rows that were changed after it began."),
			 errhint("The transaction might succeed if retried.")));
}

void
mapping_run_hop(BoardPlan *plan, PlanHop *hop, const ValueSet *from, ValueSet *to,
				const SnapshotPair *pair)
{
	Datum	   *arrays = palloc(sizeof(Datum) * hop->carried->n);

	hop_query(plan, hop);
	for (int first = 0; first < value_set_count(from); first += MAPPING_CHUNK)
	{
		int			count = Min(MAPPING_CHUNK, value_set_count(from) - first);
		ValueSet   *latest;
		ValueSet   *own;

		value_set_build_arrays(from, first, count, arrays);
		if (pair->own == NULL)
		{
			run_query(hop, arrays, pair->latest, to);
			continue;
		}
		latest = value_set_create(value_set_shape(to));
		own = value_set_create(value_set_shape(to));
		run_query(hop, arrays, pair->latest, latest);
		run_query(hop, arrays, pair->own, own);
		if (value_set_count(latest) != value_set_count(own))
			mapping_raise_conflict(plan);
		for (int i = 0; i < value_set_count(latest); i++)
		{
			if (!value_set_contains(own, value_set_get(latest, i)))
				mapping_raise_conflict(plan);
			value_set_add(to, value_set_get(latest, i));
		}
	}
}

static void
run_query(PlanHop *hop, Datum *arrays, Snapshot snapshot, ValueSet *to)
{
	int			nout = hop->hop->nout;
	Datum	   *values = palloc(sizeof(Datum) * nout);
	int			rc;

	PushActiveSnapshot(snapshot);
	rc = SPI_execute_plan(hop->query, arrays, NULL, true, 0);
	PopActiveSnapshot();
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "mapping query failed: %s", SPI_result_code_string(rc));

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		complete = true;

		for (int i = 0; i < nout && complete; i++)
		{
			bool		isnull;

			values[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  i + 1, &isnull);
			complete = !isnull;
		}
		/* a NULL on the way leads nowhere */
		if (complete)
			value_set_add(to, values);
	}
	SPI_freetuptable(SPI_tuptable);
	pfree(values);
}

static SPIPlanPtr
hop_query(BoardPlan *plan, PlanHop *hop)
{
	Oid		   *types;

	if (hop->query)
		return hop->query;
	types = palloc(sizeof(Oid) * hop->carried->n);
	for (int i = 0; i < hop->carried->n; i++)
		types[i] = hop->carried->columns[i].array_type;
	hop->query = spi_prepare_kept(hop->hop->sql, hop->carried->n, types, 0);
	return hop->query;
}
