/*-------------------------------------------------------------------------
 *
 * account.h
 *	  Who has logged in through a worker, and where to.
 *
 * An Account is one (database, user) that has logged in through this worker:
 * its pools, its counters, what its servers say at login.  Accounts are kept
 * for the worker's life; only authenticated users get one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_ACCOUNT_H
#define ROUTER_SESSION_ACCOUNT_H

#include "session/context.h"
#include "session/params.h"
#include "session/traffic.h"
#include "sql/statement_cache.h"

/* A database clients may name, and its name on the servers. */
typedef struct Database
{
	ListNode	node;			/* in SessionContext.databases */
	char	   *name;			/* owned, like server_name */
	char	   *server_name;
	StatementCache *statements; /* owned */
	GlobalFloor *floor;			/* borrowed; shared by all workers */
	int			accounts;		/* of it */
	bool		is_proven;		/* a server has let somebody in: its facts are wanted */
	TrafficHistory traffic;
} Database;

/* What was done where, for one account and node. */
typedef struct RouteCounters
{
	uint64_t	reads;			/* units proven reads that ran there */
	uint64_t	writes;			/* all other units */
} RouteCounters;

typedef struct Account
{
	ListNode	node;			/* in SessionContext.accounts */
	Database   *database;		/* borrowed from the context */
	char	   *user;			/* owned */
	char	   *password;		/* owned, wiped; what servers are given (PoolTarget.password) */
	PoolMode	pool_mode;		/* this and the next four: as the configuration in force has them */
	char	   *server_user;	/* owned; whom servers are logged in as */
	bool		has_minimum;
	int			max_db_clients;
	int			max_user_clients;
	PoolSlot   *db_clients;		/* counts of the process; NULL: not counted */
	PoolSlot   *user_clients;
	Pool	   *pools[TOPOLOGY_MAX_NODES];	/* borrowed from the pool set; NULL until used */
	RouteCounters counters[TOPOLOGY_MAX_NODES];
	int			clients;		/* of this worker */
	List		welcomes;		/* of Welcome */
	bool		is_serializable;	/* by default, as a replica has said; until facts are read again */
} Account;

/* What servers report to an account with these settings. */
typedef struct Welcome
{
	ListNode	node;			/* in account->welcomes */
	Settings   *settings;		/* a reference; without application_name */
	LexDefaults lex_defaults;
	Settings   *reported;		/* a reference; what messages say, as server_reported() */
	Buf			messages;		/* ParameterStatus of each */
} Welcome;

extern void account_free_welcome(Welcome *welcome); /* unlinked */

/* NULL: not known and cannot be.  Creates it on first use. */
extern Database *account_get_database(SessionContext *context, const char *name);
extern Account *account_get(SessionContext *context, Database *database,
											const char *user, const char *password);

/* What servers are to be given as password above: the user's own secret, unless [databases]
 * names another user for them. */
extern const char *account_server_secret(const SessionContext *context, const char *name, const char *user,
										 const char *secret);

/* One more client of it, if the limits of database and user allow; false: error says which not. */
extern bool account_admit(SessionContext *context, Account *account, Error *error) __attribute__((warn_unused_result));
extern void account_remove_client(Account *account);	/* admitted before */
extern void account_configure_all(SessionContext *context);	/* after a reload */
extern Pool *account_pool(SessionContext *context, Account *account, int node);

/* A server has let it in: from now on account and database are kept. */
extern void account_note_login(SessionContext *context, Account *account);

/* Forget those that no server has ever let in, with their last client. */
extern void account_sweep(SessionContext *context);

extern void account_free_all(SessionContext *context);	/* databases, too; no client is left */

#endif							/* ROUTER_SESSION_ACCOUNT_H */
