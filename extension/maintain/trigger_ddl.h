/*-------------------------------------------------------------------------
 *
 * trigger_ddl.h
 *	  The triggers on sources: made with the first board, gone with the last.
 *
 * One set per table, shared by all boards, with fixed names; which boards a
 * change concerns is looked up when it happens (capture.c).  Partitions get row
 * triggers from their root, as PostgreSQL's own clones; inheritance children
 * get a set of their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TRIGGER_DDL_H
#define ANDON_MAINTAIN_TRIGGER_DDL_H

#include "postgres.h"

#define TRIGGER_CAPTURE		"andon_capture"
#define TRIGGER_DRAIN		"andon_drain"
#define TRIGGER_TRUNCATE	"andon_truncate"
#define TRIGGER_GUARD		"andon_guard"

/* Attaches what is missing, as the current user; the source is locked. */
extern void trigger_ddl_attach(Oid source);

/* Removes what no board needs any more; no privilege is asked for. */
extern void trigger_ddl_detach(Oid source);

/* The guard on the board itself. */
extern void trigger_ddl_guard(Oid board);

#endif							/* ANDON_MAINTAIN_TRIGGER_DDL_H */
