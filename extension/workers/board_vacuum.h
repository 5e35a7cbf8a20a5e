/*-------------------------------------------------------------------------
 *
 * board_vacuum.h
 *	  Vacuums busy boards between the rounds of autovacuum.
 *
 * The feed worker calls board_vacuum_look() now and then, in a transaction of
 * its own.  A board that is due is vacuumed by a process that is started for it
 * and ends after it: the feed does not wait, and neither does the caller.  Where
 * the server has no room for another process nothing happens; autovacuum comes
 * in its time.
 *
 * Where autovacuum is off, for the server or for the board (storage parameter
 * autovacuum_enabled), this is off too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_BOARD_VACUUM_H
#define ANDON_WORKERS_BOARD_VACUUM_H

#include "postgres.h"

/* How often a worker does well to look. */
#define BOARD_VACUUM_LOOK_INTERVAL_MS	1000

/* A board is due when so many versions of its rows are dead ... */
#define BOARD_VACUUM_DEAD_ROWS			20000

/* ... and it has no more pages than this: larger ones can wait for autovacuum. */
#define BOARD_VACUUM_MAX_PAGES			4096

/* Starts the vacuum of one board that is due, unless one is under way. */
extern void board_vacuum_look(void);

/* The background worker's entry point; arg is the database. */
extern PGDLLEXPORT void andon_board_vacuum_main(Datum arg);

#endif							/* ANDON_WORKERS_BOARD_VACUUM_H */
