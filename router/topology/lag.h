/*-------------------------------------------------------------------------
 *
 * lag.h
 *	  How long ago the primary was where a replica is now.
 *
 * Remembers when the primary was seen at which position, on the router's own
 * clock.  So it takes neither clocks that agree nor a steady stream of
 * commits, as pg_last_xact_replay_timestamp() would: after an idle hour the
 * first write does not make every replica an hour late.  Positions are what
 * the primary has flushed: the rest it does not send, and an idle primary may
 * leave a record of a read's clean-up unflushed for many seconds.  What it says is an
 * upper bound, too high by the distance of two samples at most.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_LAG_H
#define ROUTER_TOPOLOGY_LAG_H

#include "policy/topology_view.h"

#define LAG_MARKS 512
#define LAG_MARK_SPACING_US 50000	/* so the marks reach back 25 s at least */

typedef struct LagMark
{
	Lsn			lsn;
	uint64_t	seen_us;		/* the last time the primary was seen there */
} LagMark;

/* Zeroed: nothing is known. */
typedef struct LagHistory
{
	LagMark		marks[LAG_MARKS];	/* a ring, oldest first */
	int			first;
	int			count;
	Lsn			newest_lsn;		/* of all samples, also those between marks */
} LagHistory;

extern void lag_history_clear(LagHistory *history); /* another primary, another history */
extern void lag_history_add(LagHistory *history, Lsn flush_lsn, uint64_t sampled_us);

/*
 * A replica was at replay_lsn at sampled_us: how late is it?  0: caught up.
 * otherwise_us is what is said when the history does not reach back so far or
 * is empty; the answer is never less than what the history proves.
 */
extern uint64_t lag_history_find(const LagHistory *history, Lsn replay_lsn,
								 uint64_t sampled_us, uint64_t otherwise_us);
extern uint64_t lag_history_bytes(const LagHistory *history, Lsn replay_lsn);

#endif							/* ROUTER_TOPOLOGY_LAG_H */
