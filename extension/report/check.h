/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The query that finds where a board differs from its definition.
 *
 * check.c shows what it finds, repair.c mends it.  The text is palloc'd; it is
 * meant to be run as the board's owner, under the board's settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_REPORT_CHECK_H
#define ANDON_REPORT_CHECK_H

#include "postgres.h"

#include "maintain/board_plan.h"

typedef enum CheckColumns
{
	CHECK_REPORT,				/* key, problem, expected, actual */
	CHECK_KEYS					/* the key's columns */
} CheckColumns;

extern char *check_build_query(const BoardPlan *plan, CheckColumns columns);

#endif							/* ANDON_REPORT_CHECK_H */
