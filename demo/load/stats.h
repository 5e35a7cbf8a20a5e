/*
 * stats.h
 *	  What the load counts, and where it tells of what went wrong.
 *
 * One LoadStats is shared by all clients. Counters are atomic and only grow;
 * delays and errors are kept under a mutex of their own. main.c reads them
 * once a second for the progress line and once at the end for the summary.
 *
 * A violation is anything that must not happen: stale reads, a board that
 * differs from its sources, lost notifications, errors no retry is meant for.
 * Each is counted, the first ones are printed in full on stderr.
 */
#ifndef DEMO_LOAD_STATS_H
#define DEMO_LOAD_STATS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* name, what it counts */
#define LOAD_COUNTER_LIST(X) \
	X(status_changes, "committed moves of an order to its next status") \
	X(orders_created, "orders committed by partners") \
	X(renames, "committed changes of a customer's name") \
	X(taken_away, "orders another operator was quicker to take") \
	X(reads, "autocommit reads of CRM and shop") \
	X(ryw_checked, "own commits read back in autocommit") \
	X(ryw_violations, "read-backs that did not show the own commit") \
	X(monotonic_checked, "repeated reads of an order a reader follows") \
	X(monotonic_violations, "repeated reads that went back in time") \
	X(board_mismatches, "read-backs in which board and source differed in one snapshot") \
	X(notifications, "changes of status announced on the board's channel") \
	X(notifications_lost, "commits never announced") \
	X(notifications_unknown, "changes announced that no client committed") \
	X(resyncs, "announcements that told listeners to read the board again") \
	X(retries, "transactions run again after 40001 or 40P01") \
	X(errors, "statements that failed for another reason")

#define LOAD_COUNTER_FIELD(name, meaning) atomic_long name;

#define LOAD_MAX_SQLSTATES 32

typedef struct SqlstateCount
{
	char		sqlstate[6];
	long		count;
} SqlstateCount;

typedef struct LoadStats
{
	LOAD_COUNTER_LIST(LOAD_COUNTER_FIELD)

	pthread_mutex_t lock;		/* guards all below */
	int64_t    *delays_us;		/* owned; commit to notification, in arrival order */
	size_t		delay_count;
	size_t		delay_capacity;
	SqlstateCount sqlstates[LOAD_MAX_SQLSTATES];
	int			sqlstate_count;
	int			violations_printed;
} LoadStats;

extern void stats_init(LoadStats *stats);
extern void stats_fini(LoadStats *stats);

/* A commit was announced delay_us after its client knew of it. */
extern void stats_add_delay(LoadStats *stats, int64_t delay_us);

/*
 * The given quantile (0..1) of the delays from number `from` on, in
 * milliseconds; 0 when there is none yet.
 */
extern double stats_delay_quantile_ms(LoadStats *stats, size_t from, double quantile);
extern size_t stats_delay_count(LoadStats *stats);

/* Tally of every failed statement by SQLSTATE, retried ones too. */
extern void stats_add_sqlstate(LoadStats *stats, const char *sqlstate);

/* Prints a violation on stderr, unless many have been printed before. */
extern void stats_print_violation(LoadStats *stats, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/*
 * Writes all counters, delays and errors as one JSON object.
 * seconds: how long the load ran, for the rates.
 */
extern int	stats_write_json(LoadStats *stats, double seconds, const char *path);

/* How many things happened that must not happen. */
extern long stats_violation_count(const LoadStats *stats);

#endif							/* DEMO_LOAD_STATS_H */
