/*-------------------------------------------------------------------------
 *
 * board_sla.h
 *	  How long orders may be in a status, and which have been there longer.
 *
 * A row of andon.sla is a BoardSla.  A stay is one order's time in one status,
 * told by its key and the moment it began; board_sla_find_stays() reads those of
 * one status off the board's index (status, andon_since), longest first.
 *
 * Called by set_sla() and the watcher (as the owner of the board), and by the
 * view overdue (as its reader: queries run with the rights of who calls).
 * Memory is the current context's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_SLA_H
#define ANDON_BOARD_BOARD_SLA_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "board/board.h"

typedef struct BoardSla
{
	char	   *status;			/* as board_status_normalize() writes it */
	int64		max_dwell_us;	/* 0: taken back, its alerts are to be closed */
	char	   *severity;
	TimestampTz swept;			/* DT_NOBEGIN: from the longest stay on */
} BoardSla;

typedef struct BoardStay
{
	char	   *key;			/* text of a jsonb object */
	TimestampTz since;
} BoardStay;

/* Those of a board, by status; NIL if there are none. */
extern List *board_sla_list(Oid board);

/* Stays that began at this time or before are over the allowed time now. */
extern TimestampTz board_sla_cutoff(const BoardSla *sla, TimestampTz now);

/*
 * Stays in the status that began after the one moment and not after the other:
 * a list of BoardStay.  At most so many, but never a part only of those that
 * began at the same moment; 0: all.  SPI is connected.
 */
extern List *board_sla_find_stays(const Board *board, const char *status, TimestampTz after,
								  TimestampTz until, int most);

/* A valid index (status, andon_since) of the board, whoever made it, or InvalidOid. */
extern Oid	board_sla_find_index(const Board *board);

/* A number of microseconds as an interval, in hours and less. */
extern Datum board_sla_build_interval(int64 us);

#endif							/* ANDON_BOARD_BOARD_SLA_H */
