/*-------------------------------------------------------------------------
 *
 * log_access.h
 *	  Who may see the change log of a board.
 *
 * Whoever may SELECT from the whole board.  Under row-level security the log is
 * not shown at all: its rows have no policies, and those of the board say
 * nothing about statuses gone by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_REPORT_LOG_ACCESS_H
#define ANDON_REPORT_LOG_ACCESS_H

#include "postgres.h"

#include "board/board.h"

/* ERROR 42501 unless the current user may. */
extern void log_access_check(const Board *board);

#endif							/* ANDON_REPORT_LOG_ACCESS_H */
