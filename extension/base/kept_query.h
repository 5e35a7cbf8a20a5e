/*-------------------------------------------------------------------------
 *
 * kept_query.h
 *	  A query that is run over and over, kept ready to run.
 *
 * To start a small query costs more than to run it: relations are opened,
 * expressions compiled, row types described, and all of it is thrown away with
 * the last row.  Here what the executor has set up is kept, over transactions
 * too, and the next run starts where the setting up ended.
 *
 * Nothing that belongs to a transaction is kept: locks, privileges, references
 * to relations, pins and snapshots are taken anew for each run and given back
 * after it.  What a plan was made of and has changed since makes a new plan.
 *
 * Kept are plans of simple shape (see kept_query.c); others run through SPI.
 * No caller can tell the difference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_KEPT_QUERY_H
#define ANDON_BASE_KEPT_QUERY_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/snapshot.h"

typedef struct KeptQuery KeptQuery;

/*
 * Prepares a SELECT.  It and what it keeps live in the current context, until
 * kept_query_destroy().  The caller is connected to SPI, here and for each run.
 */
extern KeptQuery *kept_query_create(const char *sql, int nargs, Oid *argtypes);
extern void kept_query_destroy(KeptQuery *query);

/* What its rows are made of; valid until the next run. */
extern TupleDesc kept_query_desc(const KeptQuery *query);

/*
 * Runs it and answers with the number of rows, at most `most`; they are in
 * rows[], copies in the current context.  None of args[] is NULL.
 */
extern int	kept_query_run(KeptQuery *query, const Datum *args, Snapshot snapshot,
						   HeapTuple *rows, int most);

#endif							/* ANDON_BASE_KEPT_QUERY_H */
