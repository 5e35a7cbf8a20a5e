/*-------------------------------------------------------------------------
 *
 * pg_link.h
 *	  One libpq connection that never stops the loop.
 *
 * For the router's own questions to a node: probes and facts.  Opens, then
 * runs one statement at a time.  Host names are looked up beforehand, since
 * libpq would block on them.  There is no deadline here: who waits has one
 * and closes the link.
 *
 * Every callback comes from the loop, never from within a call of the owner;
 * any but on_notify may close the link.  After on_failed only pg_link_close() is
 * left to do.
 *
 * The session is pinned: search_path = pg_catalog, read committed, read only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_PG_LINK_H
#define ROUTER_TOPOLOGY_PG_LINK_H

#include "libpq-fe.h"

#include "net/loop.h"
#include "net/tls.h"

typedef struct PgLink PgLink;

typedef struct PgLinkTarget
{
	const char *host;			/* a name, an address or a directory of unix sockets */
	int			port;
	const char *user;
	const char *password;		/* may be NULL */
	const char *database;
	const TlsConfig *tls;		/* NULL: as libpq sees fit; protocols and ciphers are libpq's own */
} PgLinkTarget;

typedef struct PgLinkEvents
{
	void		(*on_open) (void *owner);
	void		(*on_answer) (void *owner, const PGresult *result); /* may be an error; borrowed */
	void		(*on_failed) (void *owner, const char *why);	/* not opened, or lost; one line */
	void		(*on_notify) (void *owner); /* some notifications came; may be NULL */
} PgLinkEvents;

/* Strings of the target are not needed after the call; events are. */
extern PgLink *pg_link_open(Loop *loop, const PgLinkTarget *target,
							const PgLinkEvents *events, void *owner);
extern void pg_link_close(PgLink *link);	/* NULL is fine */

/* Where it is connected to, as text; "" for unix sockets.  From on_open on; borrowed. */
extern const char *pg_link_address(const PgLink *link);

/* Each is answered by one on_answer; not before on_open, nor before the last answer. */
extern void pg_link_query(PgLink *link, const char *sql);
extern void pg_link_prepare(PgLink *link, const char *name, const char *sql);
extern void pg_link_execute(PgLink *link, const char *name, const char *parameter);	/* its only one */

#endif							/* ROUTER_TOPOLOGY_PG_LINK_H */
