/*-------------------------------------------------------------------------
 *
 * auth_query_internal.h
 *	  What the files of auth_query see of each other; nobody else includes it.
 *
 *	  auth_query.c		who waits for which name, where it is asked, what is kept
 *	  auth_question.c	the question and its answer, on a server
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_AUTH_QUERY_INTERNAL_H
#define ROUTER_AUTH_AUTH_QUERY_INTERNAL_H

#include "auth/auth_query.h"
#include "base/hash.h"
#include "base/memory.h"

typedef enum LookupState
{
	LOOKUP_WAITING,				/* in AuthQuery.waiting */
	LOOKUP_ASKING,				/* wants a server */
	LOOKUP_SENT,				/* has one, which is answering */
	LOOKUP_KEPT					/* in AuthQuery.kept */
} LookupState;

struct AuthLookup
{
	UT_hash_handle hh;			/* by key */
	ListNode	node;			/* in the list of its state */
	AuthQuery  *query;			/* borrowed */
	char	   *key;			/* owned: database and user, each with its terminator */
	size_t		key_len;
	const char *database;		/* in key, like user */
	const char *user;
	LookupState state;
	List		waiters;		/* of AuthQueryWaiter */

	/* on its way */
	LoopTimer  *deadline;		/* owned; NULL: none */
	uint64_t	excluded;		/* nodes that failed it */
	int			target;			/* the node that is asked */
	Pool	   *pool;			/* a use of it; NULL: none */
	PoolWaiter	pool_waiter;
	Server	   *server;			/* checked out; NULL: none */
	int			ready_awaited;
	int			rows;
	bool		is_wrong;		/* the answer cannot be used; why says why */
	char		why[ERROR_MESSAGE_SIZE];

	/* the answer */
	UserTable  *answer;			/* a reference */
	uint64_t	answered_us;
};

struct AuthQuery
{
	Loop	   *loop;			/* borrowed, like pools and settings */
	PoolSet    *pools;
	Settings   *no_settings;	/* a reference */
	TopologyView *view;			/* a reference; NULL before the first */
	char	   *user;			/* owned, like password and text; NULL: off */
	char	   *password;
	char	   *text;
	uint64_t	keep_us;
	uint64_t	timeout_us;
	AuthLookup *lookups;		/* hash table of all */
	List		waiting;		/* of AuthLookup */
	List		asking;			/* those in ASKING and SENT */
	List		kept;			/* the oldest answer first */
	uint64_t	found_md5;
	uint64_t	found_other;
	AuthQueryStats stats;
};

/* ---- auth_query.c: how a lookup goes on; each may free it ---- */
extern void auth_lookup_finish(AuthLookup *lookup);	/* answered: everybody who waits is told */
extern void auth_lookup_fail(AuthLookup *lookup, const char *why);	/* after auth_lookup_stop() */
extern void auth_lookup_again(AuthLookup *lookup);	/* the node is lost: on another, or after the next view */
extern void auth_lookup_stop(AuthLookup *lookup, CheckinMode mode);	/* gives the server back */

/* ---- auth_question.c ---- */
extern void auth_lookup_send(AuthLookup *lookup, Server *server);

#endif							/* ROUTER_AUTH_AUTH_QUERY_INTERNAL_H */
