/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Differences between PostgreSQL 15, 16, 17 and 18, all in one place.
 *
 * Every test of PG_VERSION_NUM in the extension is in this file.  What is
 * defined here has the shape of the newest server and stands in for it on the
 * older ones, so that a version is dropped by deleting lines here only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_COMPAT_H
#define ANDON_BASE_COMPAT_H

#include "postgres.h"

#include "access/attmap.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_attribute.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#if PG_VERSION_NUM < 150000
#error "andon needs PostgreSQL 15 or newer"
#endif

/* 18 puts it in front of the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 16 split permissions from the range table, 18 added the unpruned relations. */
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif

/* Sets up the range table of an executor state that has one result relation. */
static inline void
compat_init_range_table(EState *estate, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	List	   *permission_infos = NIL;

	addRTEPermissionInfo(&permission_infos, rte);
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(rte), permission_infos,
					   bms_make_singleton(1));
#else
	ExecInitRangeTable(estate, list_make1(rte), permission_infos);
#endif
#else
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/* ERROR 42501 unless those who are asked for may read what the statement reads. */
static inline void
compat_check_permissions(PlannedStmt *stmt)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecCheckPermissions(stmt->rtable, stmt->permInfos, true);
#else
	(void) ExecCheckRTPerms(stmt->rtable, true);
#endif
}

/* 16 added the result relations. */
static inline void
compat_eval_plan_qual_init(EPQState *epqstate, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	EvalPlanQualInit(epqstate, estate, NULL, NIL, -1, NIL);
#else
	EvalPlanQualInit(epqstate, estate, NULL, NIL, -1);
#endif
}

/* Replaces a row; true if it needs new index entries.  16 knows indexes that summarize. */
static inline bool
compat_table_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot)
{
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes update_indexes;

	simple_table_tuple_update(rel, tid, slot, InvalidSnapshot, &update_indexes);
	return update_indexes != TU_None;
#else
	bool		update_indexes;

	simple_table_tuple_update(rel, tid, slot, InvalidSnapshot, &update_indexes);
	return update_indexes;
#endif
}

/* 16 added missing_ok. */
static inline AttrMap *
compat_build_attrmap(TupleDesc indesc, TupleDesc outdesc)
{
#if PG_VERSION_NUM >= 160000
	return build_attrmap_by_name(indesc, outdesc, false);
#else
	return build_attrmap_by_name(indesc, outdesc);
#endif
}

/* 16 turned the enum of object kinds for ownership checks into class OIDs. */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_class.h"
#define compat_is_relation_owner(relid, roleid) \
	object_ownercheck(RelationRelationId, (relid), (roleid))
#else
#define compat_is_relation_owner(relid, roleid) \
	pg_class_ownercheck((relid), (roleid))
#endif

/* 17 can replace the expression of a generated column, and with it all its values. */
#if PG_VERSION_NUM >= 170000
#define compat_at_sets_expression(subtype) ((subtype) == AT_SetExpression)
#else
#define compat_at_sets_expression(subtype) false
#endif

/* 16 added soft errors. */
#if PG_VERSION_NUM >= 160000
#define compat_string_to_name_list(name)	stringToQualifiedNameList((name), NULL)
#else
#define compat_string_to_name_list(name)	stringToQualifiedNameList(name)
#endif

/* 17 names the protocol's message types. */
#if PG_VERSION_NUM >= 170000
#include "libpq/protocol.h"
#define COMPAT_MSG_PARAMETER_STATUS PqMsg_ParameterStatus
#else
#define COMPAT_MSG_PARAMETER_STATUS 'S'
#endif

/*
 * 18 gave grouping a range table entry: a column of it stands for a GROUP BY
 * expression.
 */
#if PG_VERSION_NUM >= 180000
#define compat_is_group_rte(rte) ((rte)->rtekind == RTE_GROUP)
#define compat_group_expression(rte, attno) \
	((Node *) list_nth((rte)->groupexprs, (attno) - 1))
#define COMPAT_QTW_IGNORE_GROUPEXPRS	QTW_IGNORE_GROUPEXPRS
#else
#define compat_is_group_rte(rte) false
#define compat_group_expression(rte, attno) NULL
#define COMPAT_QTW_IGNORE_GROUPEXPRS	0
#endif

/* 18 has virtual generated columns, computed when they are read. */
static inline bool
compat_att_is_virtual(Oid relid, AttrNumber attno)
{
#if PG_VERSION_NUM >= 180000
	return get_attgenerated(relid, attno) == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/* What a virtual generated column is computed from, over range table index 1. */
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#define compat_virtual_expression(rel, attno) build_generation_expression((rel), (attno))
#else
#define compat_virtual_expression(rel, attno) NULL
#endif

/* 18 has NOT NULL constraints that are not valid yet; they promise nothing. */
static inline bool
compat_att_is_not_null(Oid relid, AttrNumber attno)
{
	bool		result = false;
#if PG_VERSION_NUM >= 180000
	Relation	rel = table_open(relid, AccessShareLock);

	result = TupleDescCompactAttr(RelationGetDescr(rel), attno - 1)->attnullability ==
		ATTNULLABLE_VALID;
	table_close(rel, NoLock);
#else
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attno));

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
		ReleaseSysCache(tuple);
	}
#endif
	return result;
}

/* 18 asks whether a deferrable one will do. */
#if PG_VERSION_NUM >= 180000
#define compat_primary_key_index(rel)	RelationGetPrimaryKeyIndex((rel), false)
#else
#define compat_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel)
#endif

/* 18 counts what a scan does. */
#if PG_VERSION_NUM >= 180000
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* Pins the buffer if it has this block of the table.  16 renamed a table's place on disk. */
#if PG_VERSION_NUM >= 160000
#define compat_read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_locator, MAIN_FORKNUM, (block), (buffer))
#else
#define compat_read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_node, MAIN_FORKNUM, (block), (buffer))
#endif

/* 16 renamed the number of dead rows in a table's statistics. */
#if PG_VERSION_NUM >= 160000
#define compat_dead_rows(entry)	((entry)->dead_tuples)
#else
#define compat_dead_rows(entry)	((entry)->n_dead_tuples)
#endif

#endif							/* ANDON_BASE_COMPAT_H */
