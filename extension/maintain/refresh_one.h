/*-------------------------------------------------------------------------
 *
 * refresh_one.h
 *	  Recomputes the row of one key and applies the difference.
 *
 * What refresh_keys() does if there is but one key, which is nearly always.
 * The same holds for callers and errors as in refresh.h, whose file is the only
 * caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_REFRESH_ONE_H
#define ANDON_MAINTAIN_REFRESH_ONE_H

#include "postgres.h"

#include "maintain/board_plan.h"

/*
 * *written: how many rows were written, 0 or 1.  False, and nothing done, if the
 * board has lost its index on the key.
 */
extern bool refresh_one_key(BoardPlan *plan, const Datum *key, uint64 *written);

#endif							/* ANDON_MAINTAIN_REFRESH_ONE_H */
