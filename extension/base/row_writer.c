/*-------------------------------------------------------------------------
 *
 * row_writer.c
 *	  Writes single rows of a table, below SQL.
 *
 * What a plain table does not need is left out: range table, executor's state,
 * triggers' queue.  Two things are better known here than the executor knows
 * them, since the caller says what the row was before:
 *
 *	  an index whose columns did not change is told so (it then clears away old
 *	  versions before it splits a page), one whose columns did is not: its dead
 *	  entries lead to rows all over the table, and to look for them there, time
 *	  and again for a few at once, costs more than to split the page
 *
 *	  a unique index whose columns did not change need not look for duplicates:
 *	  the row that is replaced was the only one with these values, and whoever
 *	  brings another one meets that row and waits for us
 *
 * Index entries of a plain table are made from columns alone, no expressions,
 * so what is checked when the writer is opened holds for every row.  The table's
 * lock keeps indexes and triggers as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/row_writer.h"

/* The general way, by the executor. */
typedef struct RowExecutor
{
	EState	   *estate;
	ResultRelInfo *result;
	EPQState	epqstate;
} RowExecutor;

struct RowWriter
{
	Relation	rel;
	int			nindexes;
	Relation   *indexes;
	IndexInfo **infos;			/* as long */
	RowExecutor *executor;		/* NULL while the table is plain */
};

static void open_indexes(RowWriter *writer);
static bool table_is_plain(Relation rel);
static bool has_row_triggers(const TriggerDesc *triggers);
static bool index_is_plain(Relation index, const IndexInfo *info);
static bool has_forbidden_null(Relation rel, TupleTableSlot *slot);
static void insert_index_entries(RowWriter *writer, TupleTableSlot *slot, const RowImage *known);
static bool columns_are_equal(Relation index, TupleTableSlot *slot, const RowImage *known);
static RowExecutor *get_executor(RowWriter *writer);
static void close_executor(RowExecutor *executor);

RowWriter *
row_writer_open(Oid relid)
{
	RowWriter  *writer = palloc0(sizeof(RowWriter));
	bool		is_plain;

	writer->rel = table_open(relid, RowExclusiveLock);
	is_plain = table_is_plain(writer->rel);
	open_indexes(writer);
	for (int i = 0; i < writer->nindexes && is_plain; i++)
		is_plain = index_is_plain(writer->indexes[i], writer->infos[i]);
	if (!is_plain)
		(void) get_executor(writer);
	return writer;
}

Relation
row_writer_relation(RowWriter *writer)
{
	return writer->rel;
}

Relation
row_writer_find_index(RowWriter *writer, Oid index)
{
	for (int i = 0; i < writer->nindexes; i++)
		if (RelationGetRelid(writer->indexes[i]) == index)
			return writer->indexes[i];
	return NULL;
}

void
row_writer_insert(RowWriter *writer, TupleTableSlot *slot)
{
	/* the executor says what is wrong with a NULL */
	if (writer->executor || has_forbidden_null(writer->rel, slot))
	{
		RowExecutor *executor = get_executor(writer);

		ExecSimpleRelationInsert(executor->result, executor->estate, slot);
		return;
	}
	simple_table_tuple_insert(writer->rel, slot);
	insert_index_entries(writer, slot, NULL);
}

bool
row_writer_update(RowWriter *writer, TupleTableSlot *before, TupleTableSlot *after,
				  const RowImage *known)
{
	if (writer->executor || has_forbidden_null(writer->rel, after))
	{
		RowExecutor *executor = get_executor(writer);

		ExecSimpleRelationUpdate(executor->result, executor->estate, &executor->epqstate,
								 before, after);
		return true;
	}
	CheckCmdReplicaIdentity(writer->rel, CMD_UPDATE);
	if (!compat_table_tuple_update(writer->rel, &before->tts_tid, after))
		return false;
	insert_index_entries(writer, after, known);
	return true;
}

void
row_writer_delete(RowWriter *writer, TupleTableSlot *before)
{
	RowExecutor *executor = writer->executor;

	if (executor)
	{
		ExecSimpleRelationDelete(executor->result, executor->estate, &executor->epqstate, before);
		return;
	}
	CheckCmdReplicaIdentity(writer->rel, CMD_DELETE);
	simple_table_tuple_delete(writer->rel, &before->tts_tid, InvalidSnapshot);
}

void
row_writer_close(RowWriter *writer)
{
	if (writer->executor)
		close_executor(writer->executor);
	for (int i = 0; i < writer->nindexes; i++)
		index_close(writer->indexes[i], NoLock);
	table_close(writer->rel, NoLock);
	pfree(writer);
}

static void
open_indexes(RowWriter *writer)
{
	List	   *oids = RelationGetIndexList(writer->rel);
	ListCell   *cell;

	writer->indexes = palloc(sizeof(Relation) * Max(list_length(oids), 1));
	writer->infos = palloc(sizeof(IndexInfo *) * Max(list_length(oids), 1));
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		writer->indexes[writer->nindexes] = index;
		writer->infos[writer->nindexes] = BuildIndexInfo(index);
		writer->nindexes++;
	}
	list_free(oids);
}

static bool
table_is_plain(Relation rel)
{
	const TupleConstr *constraints = RelationGetDescr(rel)->constr;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relispartition)
		return false;
	if (constraints && (constraints->num_check > 0 || constraints->has_generated_stored))
		return false;
	return !has_row_triggers(rel->trigdesc);
}

static bool
has_row_triggers(const TriggerDesc *triggers)
{
	return triggers &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		 triggers->trig_update_before_row || triggers->trig_update_after_row ||
		 triggers->trig_delete_before_row || triggers->trig_delete_after_row);
}

static bool
index_is_plain(Relation index, const IndexInfo *info)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indimmediate &&
		info->ii_Expressions == NIL && info->ii_Predicate == NIL &&
		info->ii_ExclusionOps == NULL && info->ii_ReadyForInserts;
}

static bool
has_forbidden_null(Relation rel, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (desc->constr == NULL || !desc->constr->has_not_null)
		return false;
	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
		if (slot->tts_isnull[i] && TupleDescAttr(desc, i)->attnotnull)
			return true;
	return false;
}

/* known: the row that is replaced; NULL if the row is new. */
static void
insert_index_entries(RowWriter *writer, TupleTableSlot *slot, const RowImage *known)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	for (int i = 0; i < writer->nindexes; i++)
	{
		Relation	index = writer->indexes[i];
		bool		is_equal = known && columns_are_equal(index, slot, known);
		bool		is_checked = index->rd_index->indisunique && !is_equal;

		FormIndexDatum(writer->infos[i], slot, NULL, values, nulls);
		(void) index_insert(index, values, nulls, &slot->tts_tid, writer->rel,
							is_checked ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
							is_equal, writer->infos[i]);
	}
}

/* Has the slot, in the index's key columns, what the row had before? */
static bool
columns_are_equal(Relation index, TupleTableSlot *slot, const RowImage *known)
{
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	attno = index->rd_index->indkey.values[i];
		Form_pg_attribute att;
		bool		isnull;
		Datum		value;

		if (attno <= 0 || attno > known->n)
			return false;
		att = TupleDescAttr(slot->tts_tupleDescriptor, attno - 1);
		value = slot_getattr(slot, attno, &isnull);
		if (isnull != known->nulls[attno - 1])
			return false;
		if (!isnull && !datum_image_eq(value, known->values[attno - 1], att->attbyval,
									   att->attlen))
			return false;
	}
	return true;
}

static RowExecutor *
get_executor(RowWriter *writer)
{
	RowExecutor *executor;
	RangeTblEntry *rte;

	if (writer->executor)
		return writer->executor;
	executor = palloc0(sizeof(RowExecutor));
	rte = makeNode(RangeTblEntry);
	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(writer->rel);
	rte->relkind = writer->rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	executor->estate = CreateExecutorState();
	compat_init_range_table(executor->estate, rte);
	executor->estate->es_output_cid = GetCurrentCommandId(true);
	executor->result = makeNode(ResultRelInfo);
	InitResultRelInfo(executor->result, writer->rel, 1, NULL, 0);
	ExecOpenIndices(executor->result, false);
	/* AFTER triggers look for their relation here before they open it anew */
	executor->estate->es_opened_result_relations =
		lappend(executor->estate->es_opened_result_relations, executor->result);
	compat_eval_plan_qual_init(&executor->epqstate, executor->estate);
	AfterTriggerBeginQuery();
	writer->executor = executor;
	return executor;
}

static void
close_executor(RowExecutor *executor)
{
	AfterTriggerEndQuery(executor->estate);
	EvalPlanQualEnd(&executor->epqstate);
	ExecCloseIndices(executor->result);
	ExecResetTupleTable(executor->estate->es_tupleTable, false);
	FreeExecutorState(executor->estate);
}
