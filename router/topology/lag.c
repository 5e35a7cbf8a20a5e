/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  How long ago the primary was where a replica is now.
 *
 *	  marks:     lsn 10 @ 1.0 s     lsn 14 @ 1.1 s     lsn 20 @ 1.2 s
 *	  replica at lsn 16, asked at 1.25 s: it was last known not to be late at
 *	  1.1 s, so it is 0.15 s late at most.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/lag.h"

#include <stddef.h>

static const LagMark *mark_at(const LagHistory *history, int i);
static uint64_t elapsed(uint64_t from_us, uint64_t to_us);

void
lag_history_clear(LagHistory *history)
{
	history->first = history->count = 0;
	history->newest_lsn = 0;
}

void
lag_history_add(LagHistory *history, Lsn flush_lsn, uint64_t sampled_us)
{
	LagMark    *last = NULL;

	if (history->count > 0)
		last = (LagMark *) mark_at(history, history->count - 1);
	if (flush_lsn > history->newest_lsn)
		history->newest_lsn = flush_lsn;

	if (last != NULL && last->lsn == flush_lsn)
	{
		last->seen_us = sampled_us;
		return;
	}
	if (last != NULL && elapsed(last->seen_us, sampled_us) < LAG_MARK_SPACING_US)
		return;
	if (history->count == LAG_MARKS)
		history->first = (history->first + 1) % LAG_MARKS;
	else
		history->count++;
	history->marks[(history->first + history->count - 1) % LAG_MARKS] = (LagMark) {flush_lsn, sampled_us};
}

uint64_t
lag_history_find(const LagHistory *history, Lsn replay_lsn, uint64_t sampled_us, uint64_t otherwise_us)
{
	uint64_t	proven_us;

	if (history->count == 0)
		return otherwise_us;
	if (replay_lsn >= history->newest_lsn)
		return 0;
	for (int i = history->count - 1; i >= 0; i--)
		if (mark_at(history, i)->lsn <= replay_lsn)
			return elapsed(mark_at(history, i)->seen_us, sampled_us);
	proven_us = elapsed(mark_at(history, 0)->seen_us, sampled_us);
	return otherwise_us > proven_us ? otherwise_us : proven_us;
}

uint64_t
lag_history_bytes(const LagHistory *history, Lsn replay_lsn)
{
	return history->newest_lsn > replay_lsn ? history->newest_lsn - replay_lsn : 0;
}

static const LagMark *
mark_at(const LagHistory *history, int i)
{
	return &history->marks[(history->first + i) % LAG_MARKS];
}

static uint64_t
elapsed(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}
