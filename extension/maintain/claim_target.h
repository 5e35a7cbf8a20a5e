/*-------------------------------------------------------------------------
 *
 * claim_target.h
 *	  What of the key table claim() reads and writes.
 *
 * A claim changes the row of the key table that a board row stands for.  That
 * there is such a row, exactly one, and that its status is a plain column of it,
 * is found out here, or refused with the reason.  Statements are composed from
 * quoted names; all values travel as parameters.  Called by claim.c, as the
 * caller of claim(), with SPI connected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_CLAIM_TARGET_H
#define ANDON_MAINTAIN_CLAIM_TARGET_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "maintain/board_plan.h"

typedef struct ClaimTarget
{
	BoardPlan  *plan;			/* borrowed */
	Oid			relid;			/* the key table */
	char	   *relation;		/* its qualified name */
	AttrNumber	status_attno;
	Oid			status_type;	/* domains resolved */
	List	   *set;			/* of AttrNumber: further columns to be written */
} ClaimTarget;

/* ERROR 0A000 if the board has no such target, 22023 or 42703 about set. */
extern ClaimTarget *claim_target_create(BoardPlan *plan, Jsonb *set);

/*
 * Rows of the board with the status $1, in board order: the key's columns, the
 * whole row as jsonb.
 */
extern char *claim_target_build_candidates(const ClaimTarget *target);

/* Locks the row with the key $1.. if it has the status $n and nobody has it. */
extern char *claim_target_build_lock(const ClaimTarget *target);

/*
 * Writes the rows of the keys $1.. (arrays): status $n, columns out of the jsonb
 * $n+1.  Gives the ordinal numbers of the keys whose rows were written.
 */
extern char *claim_target_build_update(const ClaimTarget *target);

/*
 * The board's rows of the keys $1.. (arrays) as one jsonb array, in the order of
 * the keys.  $n: the rows as they were (jsonb array), for those that have left
 * the board; $n+1: the status that these have now.
 */
extern char *claim_target_build_result(const ClaimTarget *target);

#endif							/* ANDON_MAINTAIN_CLAIM_TARGET_H */
