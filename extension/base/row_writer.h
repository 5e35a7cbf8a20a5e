/*-------------------------------------------------------------------------
 *
 * row_writer.h
 *	  Writes single rows of a table, below SQL.
 *
 * Statement triggers and privileges are not asked; row triggers, constraints,
 * generated columns and every kind of index are served by the executor's
 * functions for single rows.  A table that has none of these, only plain btree
 * indexes, is written without an executor's state, which costs half as much as
 * the write itself.  Nobody need know which it is.
 *
 * Opened for one batch of rows and closed before the next: closing fires the
 * table's AFTER triggers.  All locks are kept to the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_ROW_WRITER_H
#define ANDON_BASE_ROW_WRITER_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/relcache.h"

typedef struct RowWriter RowWriter;

/* The first columns of a row that is replaced. */
typedef struct RowImage
{
	int			n;
	const Datum *values;
	const bool *nulls;
} RowImage;

/* Takes ROW EXCLUSIVE.  In the current context. */
extern RowWriter *row_writer_open(Oid relid);

extern Relation row_writer_relation(RowWriter *writer);

/* An open index of the table; NULL if it has none of this OID (any more). */
extern Relation row_writer_find_index(RowWriter *writer, Oid index);

/* Slots are the table's own (table_slot_create). */
extern void row_writer_insert(RowWriter *writer, TupleTableSlot *slot);

/*
 * before: its tts_tid is the row that is replaced, of which known tells the
 * values of the first columns.  The caller has seen to it that nobody else can
 * change that row.  True if the new row has index entries of its own, or may.
 */
extern bool row_writer_update(RowWriter *writer, TupleTableSlot *before, TupleTableSlot *after,
							  const RowImage *known);

/* before: its tts_tid is the row. */
extern void row_writer_delete(RowWriter *writer, TupleTableSlot *before);

extern void row_writer_close(RowWriter *writer);

#endif							/* ANDON_BASE_ROW_WRITER_H */
