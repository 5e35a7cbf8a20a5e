/*-------------------------------------------------------------------------
 *
 * facts_keeper.h
 *	  Loads the facts of each wanted database from the primary, again and again.
 *
 * A database is loaded when it is first wanted, after interval_us, when asked
 * for (at most once a second), after each change of the primary, and after DDL:
 * what the sessions of this router have run they tell, all else the extension
 * does, by a notification.  Where the extension is, the connection of the first
 * load stays and listens; elsewhere each load has one of its own.
 *
 * A load that fails is tried again with growing pauses; a database that never
 * could be loaded is forgotten after a while, since its name may be a client's
 * invention.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_FACTS_KEEPER_H
#define ROUTER_TOPOLOGY_FACTS_KEEPER_H

#include "net/loop.h"
#include "net/tls.h"
#include "sql/facts.h"

typedef struct FactsKeeper FactsKeeper;

/* facts are borrowed. */
typedef void (*FactsCallback) (void *arg, Facts *facts);

typedef struct FactsKeeperConfig
{
	const char *user;			/* borrowed for the keeper's life */
	const char *password;		/* may be NULL */
	const TlsConfig *tls;		/* borrowed likewise; may be NULL */
	uint64_t	interval_us;
} FactsKeeperConfig;

extern FactsKeeper *facts_keeper_create(Loop *loop, const FactsKeeperConfig *config,
										FactsCallback fn, void *arg);
extern void facts_keeper_destroy(FactsKeeper *keeper);	/* NULL is fine */

/* Where to load from; host NULL: nowhere at present.  The string is borrowed until the next call. */
extern void facts_keeper_set_primary(FactsKeeper *keeper, const char *host, int port);

/* PAUSE and RESUME: database "" is all that are wanted. */
extern void facts_keeper_ask(FactsKeeper *keeper, const char *database, FactsAsk ask);

#endif							/* ROUTER_TOPOLOGY_FACTS_KEEPER_H */
