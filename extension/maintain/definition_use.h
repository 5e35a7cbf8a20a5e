/*-------------------------------------------------------------------------
 *
 * definition_use.h
 *	  Which boards' definitions use an object that is not a table.
 *
 * Read off pg_depend, which knows what the definition's view was made of, and
 * the views it reads.  Called by source_ddl.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_DEFINITION_USE_H
#define ANDON_MAINTAIN_DEFINITION_USE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * OIDs of the boards over a view, function or type, to any depth: through
 * views, through columns of sources, through types made of types.
 */
extern List *definition_use_find_boards(Oid classid, Oid objid);

/* Does the board's definition use rows of the source as a whole? */
extern bool definition_use_shows_row(Oid board, Oid source);

#endif							/* ANDON_MAINTAIN_DEFINITION_USE_H */
