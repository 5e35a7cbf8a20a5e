/*-------------------------------------------------------------------------
 *
 * hba.h
 *	  Who must prove what, by where the client comes from: the auth_hba_file.
 *
 * The format of PostgreSQL's pg_hba.conf, of which the router knows: local,
 * host, hostssl, hostnossl; databases and users by name, in lists, all,
 * sameuser, replication (physical, which nothing else matches); addresses with CIDR
 * masks or masks of their own, IPv4 and IPv6, all; the methods trust, reject,
 * md5, scram-sha-256, peer (local), cert (hostssl).  Everything else that
 * pg_hba.conf may say (roles by +, regular expressions, files by @, host names,
 * samehost, samenet, options) is an error, never ignored.
 *
 * The first line that fits decides.  Pure: no sockets, no clock.  A loaded
 * table is immutable and may be read by any thread (reference counted).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_HBA_H
#define ROUTER_AUTH_HBA_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/method.h"
#include "base/error.h"
#include "base/slice.h"

#define HBA_MAX_FILE (4 * 1024 * 1024)	/* bytes */

typedef struct Hba Hba;

/* What is known of a client before it proves anything. */
typedef struct HbaRequest
{
	const char *database;
	const char *user;
	bool		is_local;		/* through the unix socket */
	bool		is_tls;
	bool		is_replication; /* physical: of no database */
	uint8_t		ip[16];			/* network byte order */
	int			ip_len;			/* 4 or 16; 0 with is_local */
} HbaRequest;

typedef struct HbaAnswer
{
	AuthMethod	method;			/* AUTH_REJECT, too; never AUTH_HBA */
	int			line;			/* of the file */
} HbaAnswer;

/* Errors name file and line; NULL then.  name is what messages call the text. */
extern Hba *hba_load(const char *path, Error *error);
extern Hba *hba_parse(Slice text, const char *name, Error *error);
extern Hba *hba_ref(Hba *hba);
extern void hba_unref(Hba *hba);	/* NULL is fine */
extern int	hba_count(const Hba *hba);	/* of lines that say something */

/* False: no line fits. */
extern bool hba_find(const Hba *hba, const HbaRequest *request, HbaAnswer *answer);

/* Does some line ask for a password, so that there must be secrets to hold it against? */
extern bool hba_needs_secrets(const Hba *hba);

#endif							/* ROUTER_AUTH_HBA_H */
