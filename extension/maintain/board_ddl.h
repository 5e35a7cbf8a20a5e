/*-------------------------------------------------------------------------
 *
 * board_ddl.h
 *	  DDL of a board itself, of the type of its status, and of our schema.
 *
 * Called by the event triggers (source_ddl.c), inside the DDL command and with
 * SPI connected.  Relations that are no boards are none of its business.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_BOARD_DDL_H
#define ANDON_MAINTAIN_BOARD_DDL_H

#include "postgres.h"

#include "nodes/nodes.h"

/* Before DDL: ERROR if it gives the extension's schema another name. */
extern void board_ddl_check_statement(const Node *statement);

/* ERROR if the columns are no longer those of the definition; names may change. */
extern void board_ddl_check_columns(Oid relid);

/*
 * Gives the definition's view to who owns the board now.  True if that is
 * another than before: what he may not read he cannot keep.
 */
extern bool board_ddl_follow_owner(Oid relid);

/* ALTER TYPE ... RENAME VALUE: rules of transitions are about the same values. */
extern void board_ddl_rename_status(Oid type, const char *from, const char *to);

#endif							/* ANDON_MAINTAIN_BOARD_DDL_H */
