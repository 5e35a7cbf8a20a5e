/*-------------------------------------------------------------------------
 *
 * fast_path.h
 *	  Applies changes of fast columns without running the definition.
 *
 * What fast columns are stands in analysis/fast_columns.h.  Called by drain.c,
 * when nothing but such changes is pending on a board, with the keys' locks
 * held: the row of the key table is read again under a new snapshot, and the
 * board's row follows it.  A key that enters the board needs the definition and
 * is handed back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_FAST_PATH_H
#define ANDON_MAINTAIN_FAST_PATH_H

#include "postgres.h"

#include "base/values.h"
#include "maintain/board_plan.h"
#include "storage/itemptr.h"

/*
 * May it be used now?  Not if the board's owner may not read the key table: the
 * definition is to tell so; nor while the board may be wrong after a restore.
 */
extern bool fast_path_is_usable(BoardPlan *plan);

/* Settings that must be in force; NIL if what it evaluates depends on none. */
extern List *fast_path_settings(const BoardPlan *plan);

/*
 * Brings the board's rows of these keys up to date.  tids[i]: where the row of
 * key i was last seen, invalid if nowhere; a hint.  Returns the keys that are
 * not on the board and may have to be: theirs is refresh_keys().
 */
extern ValueSet *fast_path_apply(BoardPlan *plan, const ValueSet *keys,
								 const ItemPointerData *tids);

#endif							/* ANDON_MAINTAIN_FAST_PATH_H */
