/*-------------------------------------------------------------------------
 *
 * dedicated.h
 *	  A connection to a node that is one client's alone and in no pool.
 *
 * For replication connections (session/replication.c): the login is the
 * client's own, with the startup parameters the client gave, and nothing is
 * asked or set on it afterwards.  Where nodes are, and how connections to them
 * are encrypted, is the PoolSet's knowledge; its limits are not for these:
 * PostgreSQL counts them by max_wal_senders.
 *
 * Its owner hears of it through DedicatedEvents and destroys it, in any of its
 * callbacks too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_DEDICATED_H
#define ROUTER_BACKEND_DEDICATED_H

#include "backend/pool.h"

typedef struct Dedicated Dedicated;

typedef struct DedicatedEvents
{
	void		(*on_ready) (void *owner);	/* logged in; from now on ServerEvents tell */
	void		(*on_failed) (void *owner, const Error *error); /* the login came to nothing */
	ServerEvents server;
} DedicatedEvents;

/* Strings are copied but for user and database, which must outlive it. */
typedef struct DedicatedPlan
{
	int			node;			/* index in the pool set's view, which knows it */
	const char *database;
	const char *user;
	const char *password;		/* as PoolTarget.password */
	const char *const *startup; /* all of the startup packet: names and values, then NULL */
} DedicatedPlan;

extern Dedicated *dedicated_create(PoolSet *set, const DedicatedPlan *plan, const DedicatedEvents *events, void *owner);
extern void dedicated_destroy(Dedicated *dedicated);	/* says goodbye; NULL is fine */

/* To write to, to pause, to ask what it reported; borrowed. */
extern Server *dedicated_server(Dedicated *dedicated);

/* Ask the node to cancel what runs there. */
extern void dedicated_cancel(Dedicated *dedicated);

#endif							/* ROUTER_BACKEND_DEDICATED_H */
