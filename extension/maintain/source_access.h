/*-------------------------------------------------------------------------
 *
 * source_access.h
 *	  What the owner of a board must be allowed to do with its sources.
 *
 * SELECT, for maintenance reads them in his name; TRIGGER on those that are
 * followed; ownership if their triggers shall fire for replication too, as
 * PostgreSQL asks of who makes a trigger do so.
 *
 * create_board() and alter_board() ask before they make anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_SOURCE_ACCESS_H
#define ANDON_MAINTAIN_SOURCE_ACCESS_H

#include "postgres.h"

typedef struct SourceAccess
{
	Oid			owner;			/* of the board */
	bool		is_static;
	bool		enable_always;
} SourceAccess;

/* ERROR 42501 with the GRANT that is missing. */
extern void source_access_check(Oid source, const SourceAccess *wanted);

#endif							/* ANDON_MAINTAIN_SOURCE_ACCESS_H */
