/*-------------------------------------------------------------------------
 *
 * drain.h
 *	  From pending entries of the dirty set to true boards.
 *
 * drain_pending() runs at the end of a source's statement, drain_before_commit()
 * at PRE_COMMIT and PRE_PREPARE.  Both return with nothing pending.  An ERROR
 * leaves the entries to the abort of the (sub)transaction, which forgets or
 * restores them (dirty_set.h).  The protocol is told atop drain.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_DRAIN_H
#define ANDON_MAINTAIN_DRAIN_H

#include "postgres.h"

#include "maintain/board_plan.h"

/* Refreshes every pending key of every board; needs no active snapshot. */
extern void drain_pending(void);

/* The same, with the deferred triggers that it sets off, until nothing is left. */
extern void drain_before_commit(void);

/*
 * Recomputes these keys under the locks that a drain takes; returns the number
 * of rows written.  SPI is connected, the owner's scope entered.
 */
extern uint64 drain_keys(BoardPlan *plan, ValueSet *keys);

#endif							/* ANDON_MAINTAIN_DRAIN_H */
