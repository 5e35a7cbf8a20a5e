/*-------------------------------------------------------------------------
 *
 * capture.h
 *	  From a changed row of a source to entries of the dirty set.
 *
 * Called by the source trigger (source_trigger.c).  Collects, never queries:
 * the values it takes off a row only ever name keys, starts of paths and links;
 * what a board row becomes is decided at the drain, from the tables.  So it
 * does no harm that a trigger may fire for a version of a row that has been
 * overwritten since.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_CAPTURE_H
#define ANDON_MAINTAIN_CAPTURE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/rel.h"

/*
 * A row of rel was inserted (before is NULL), deleted (after is NULL) or
 * updated.  rel may be a partition or an inheritance child of the source.
 */
extern void capture_row(Relation rel, TupleTableSlot *before, TupleTableSlot *after);

/* rel was truncated. */
extern void capture_truncate(Relation rel);

#endif							/* ANDON_MAINTAIN_CAPTURE_H */
