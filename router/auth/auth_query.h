/*-------------------------------------------------------------------------
 *
 * auth_query.h
 *	  Secrets of users that are not in auth_file, asked of a node.
 *
 * The query runs as auth_user on the primary, or on another node that answers
 * while there is no primary, through the worker's pools.  Its one parameter is
 * the user's name, it answers with name and secret: no row means that there is
 * no such user, a null secret (a password past its VALID UNTIL) that none logs
 * in.  Logins of the same name share one question; few are asked at once.
 *
 * Answers, also that there is nobody, are used again for keep_us (0: never)
 * and forgotten when a login fails, so that a changed password is asked for
 * anew.  Their number is bounded.
 *
 * One per worker, in its thread.  It trusts the answer as PgBouncer does: who
 * may change what auth_query reads decides who logs in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_AUTH_QUERY_H
#define ROUTER_AUTH_AUTH_QUERY_H

#include "auth/users.h"
#include "backend/pool.h"

typedef struct AuthQuery AuthQuery;
typedef struct AuthLookup AuthLookup;

#define AUTH_QUERY_MAX_KEPT 1000

typedef struct AuthQueryConfig
{
	const char *user;			/* auth_user; "": nobody is looked up */
	const char *password;		/* of it, as PoolTarget.password; NULL: none */
	const char *query;
	uint64_t	keep_us;
	uint64_t	timeout_us;		/* of one question; 0: none */
} AuthQueryConfig;

/* One who waits; embedded in its owner, zeroed before first use. */
typedef struct AuthQueryWaiter
{
	ListNode	node;
	AuthLookup *lookup;			/* not NULL while waiting */

	/* user: of one user, or empty: there is none; borrowed for the call */
	void		(*on_answer) (void *owner, UserTable *user);
	void		(*on_failed) (void *owner, const char *why);	/* for the log */
	void	   *owner;
} AuthQueryWaiter;

typedef struct AuthQueryStats
{
	uint64_t	questions;
	uint64_t	kept_answers;	/* logins that needed no question */
	uint64_t	failures;
	int			kept;
} AuthQueryStats;

extern AuthQuery *auth_query_create(Loop *loop, PoolSet *pools, SettingsPool *settings);
extern void auth_query_destroy(AuthQuery *query);	/* before its pools; nobody waits any more; NULL is fine */

/* Copies all; what is kept is forgotten. */
extern void auth_query_configure(AuthQuery *query, const AuthQueryConfig *config);
extern void auth_query_set_view(AuthQuery *query, TopologyView *view);	/* takes a reference of its own */

/*
 * A lookup that no node can answer goes on with the next view.  Tell whoever
 * gets the views, so that it is shown that one at once: fn is called each time
 * such a lookup is found, and does not come back into the query.
 */
extern void auth_query_on_starved(AuthQuery *query, void (*fn) (void *arg), void *arg);
extern bool auth_query_is_starved(const AuthQuery *query);	/* one waits so now */
extern bool auth_query_is_on(const AuthQuery *query);

/* Ask in that database (as the nodes name it).  The waiter is told in a later
 * callback, once, unless the answer is kept: then it is told now. */
extern void auth_query_ask(AuthQuery *query, const char *database, const char *user, AuthQueryWaiter *waiter);
extern void auth_query_cancel(AuthQueryWaiter *waiter);	/* no-op when it does not wait */

/* A login failed: the next one is to be judged by a fresh answer. */
extern void auth_query_forget(AuthQuery *query, const char *database, const char *user);

/* Are most secrets it found md5?  For AuthRequestInfo.mock_is_md5. */
extern bool auth_query_is_mostly_md5(const AuthQuery *query);
extern void auth_query_stats(const AuthQuery *query, AuthQueryStats *stats);

#endif							/* ROUTER_AUTH_AUTH_QUERY_H */
