/*
 * listener.h
 *	  The client that listens on the board's channel.
 *
 * Opened by main before the first writer starts, so that no commit of the run
 * can go by unheard; then run in a thread of its own. When the load is over
 * it goes on until every commit has been announced, at most for
 * LISTENER_GRACE_MS.
 */
#ifndef DEMO_LOAD_LISTENER_H
#define DEMO_LOAD_LISTENER_H

#include "load/client.h"

#define LISTENER_GRACE_MS 10000

/* Connects and listens; false, with the reason counted and printed, if not. */
extern bool listener_open(Client *client);

/*
 * Enters announcements into the ledger. writers_done: set by main once no
 * commit can come any more. Closes the connection.
 */
extern void listener_run(Client *client, atomic_bool *writers_done);

#endif							/* DEMO_LOAD_LISTENER_H */
