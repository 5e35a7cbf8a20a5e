/*-------------------------------------------------------------------------
 *
 * traffic.h
 *	  What the sessions of a database have done: SHOW STATS.
 *
 * Counted per database as clients name it and per worker, in the worker's
 * thread; the names are those PgBouncer's console has for the same things.
 * Averages are of the last period that is over (stats_period): every sweep of
 * the context asks traffic_sweep() whether one is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_TRAFFIC_H
#define ROUTER_SESSION_TRAFFIC_H

#include <stdint.h>

typedef struct Traffic
{
	uint64_t	transactions;
	uint64_t	queries;		/* units: simple queries, or what comes before a Sync */
	uint64_t	assignments;	/* times a session got a server */
	uint64_t	received;		/* bytes, from clients; of those gone, see traffic_total() */
	uint64_t	sent;			/* bytes, to clients; the same */
	uint64_t	transaction_us; /* from the first statement sent to the end */
	uint64_t	query_us;		/* from a unit sent to its end */
	uint64_t	wait_us;		/* for a server */
	uint64_t	client_parses;	/* Parse messages of clients */
	uint64_t	server_parses;	/* Parse messages to servers */
	uint64_t	binds;
} Traffic;

typedef struct TrafficHistory
{
	Traffic		now;			/* counted here */
	Traffic		begun;			/* the last period: from here */
	Traffic		ended;			/* to here */
	uint64_t	begun_us;
	uint64_t	ended_us;		/* 0: no period is over yet */
} TrafficHistory;

struct SessionContext;
struct Database;

/* Everything up to now, what live sessions have received and sent included. */
extern void traffic_total(const struct SessionContext *context, const struct Database *database, Traffic *total);

/* The last period that is over; returns its length, 0: there is none. */
extern uint64_t traffic_last_period(const struct Database *database, Traffic *period);

/* Begin a new period where the last one is over. */
extern void traffic_sweep(struct SessionContext *context, uint64_t now_us);

#endif							/* ROUTER_SESSION_TRAFFIC_H */
