/*-------------------------------------------------------------------------
 *
 * context.h
 *	  What the sessions of one worker share.
 *
 * Owned and filled by app/worker.c; sessions borrow it for their whole life.
 * Nothing here is global: two workers have two contexts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_CONTEXT_H
#define ROUTER_SESSION_CONTEXT_H

#include "auth/auth_query.h"
#include "auth/hba.h"
#include "auth/method.h"
#include "auth/users.h"
#include "backend/pool.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/names.h"
#include "net/loop.h"
#include "net/tls.h"
#include "policy/global_floor.h"
#include "policy/route.h"
#include "policy/route_target.h"
#include "policy/view_slot.h"
#include "session/console_hook.h"
#include "session/prepared.h"
#include "sql/facts.h"

typedef enum PoolMode
{
	POOL_MODE_TRANSACTION,
	POOL_MODE_SESSION
} PoolMode;

/* Sessions whose state cannot be followed from server to server. */
typedef enum PinSessions
{
	PIN_SESSIONS_ALLOW,			/* keep their server while they have it */
	PIN_SESSIONS_REFUSE			/* are not allowed to have any */
} PinSessions;

/* What the configuration says of one user in one database. */
typedef struct AccountConfig
{
	PoolMode	pool_mode;
	const char *server_user;	/* whom servers are logged in as; NULL: the client's own name */
	bool		has_minimum;	/* min_pool_size is not 0 */
	int			max_db_clients; /* 0: no limit */
	int			max_user_clients;
} AccountConfig;

/* Who a session is to [routes]. */
typedef struct RouteSubject
{
	const char *database;		/* as the client names it */
	const char *user;
	const char *application;	/* "": it has given none */
} RouteSubject;

typedef struct SessionConfig
{
	PoolMode	pool_mode;		/* where find_account is NULL; else the account's holds */
	PinSessions pin_sessions;
	bool		server_fast_close;	/* sessions do not keep servers that are to be closed */
	uint64_t	max_client_statements;	/* prepared, with names, of one session; 0: no limit */
	Consistency consistency;
	AuthMethod	auth_method;
	TlsContext *client_tls;		/* borrowed while this configuration is in force; NULL: no TLS */
	uint64_t	replica_wait_us;
	uint64_t	max_replica_lag_us; /* 0: no limit */
	uint64_t	max_replica_lag_bytes;	/* 0: no limit */
	uint64_t	slow_start_us;
	int			max_fallback_reads; /* over all workers; 0: no limit */
	uint64_t	query_wait_timeout_us;	/* 0: none, like all below */
	uint64_t	query_timeout_us;
	uint64_t	idle_transaction_timeout_us;
	uint64_t	client_idle_timeout_us;
	uint64_t	client_login_timeout_us;
	uint64_t	client_write_timeout_us;
	uint64_t	stats_period_us;	/* of SHOW STATS' averages */
	const char *admin_database;
	const char *auth_user;		/* "": nobody is looked up */
	const char *auth_query;
	uint64_t	auth_query_keep_us;

	/* The server's name of a database clients may name, or NULL. */
	const char *(*find_database) (const void *databases, const char *name);
	const char *(*find_auth_database) (const void *databases, const char *name);
	void		(*find_account) (const void *databases, const char *name, const char *user, AccountConfig *account);

	/* The line of [routes] for such a session, valid while this configuration is in force; NULL: none. */
	const char *(*find_rule) (const void *databases, const RouteSubject *subject, RouteTarget *target);
	const void *databases;		/* lives as long as this configuration is in force */
} SessionConfig;

typedef struct SessionStats
{
	uint64_t	clients;		/* connected now */
	uint64_t	logins;
	uint64_t	login_failures;
	uint64_t	units;
	uint64_t	transactions;
	uint64_t	held_reruns;	/* replica's refusal hidden by running on the primary */
	uint64_t	probe_waits;	/* units that waited for a replica to catch up */
	uint64_t	fallback_reads; /* reads sent to the primary for want of a replica */
	uint64_t	lost_floors;	/* floors beyond the new primary after a failover */
	uint64_t	hidden_refusals;	/* units refused because the primary hid what the session had read */
	uint64_t	errors_raised;	/* ERRORs and FATALs of the router's own */
	uint64_t	cancel_requests;	/* that came in, whoever has the client */
	uint64_t	cancel_guesses; /* that named a session of this worker and had not its secret */
	uint64_t	routes[ROUTE_REASON_COUNT];
	Histogram	read_replica;	/* time of a unit from its last byte in to ReadyForQuery out */
	Histogram	read_primary;
	Histogram	write;
	Histogram	wait;			/* part of it before a server was had */
} SessionStats;

#define CLIENT_KEY_SIZE 4		/* secret part of a cancel key */
#define CLIENT_KEY_LONG_SIZE 32	/* the same since protocol 3.2, as PostgreSQL 18 has it */

/* A request to cancel; both ends are told by their own cancel keys. */
typedef struct CancelRequest
{
	uint32_t	pid;			/* whose statement */
	Slice		key;
	uint32_t	sender_pid;		/* the connection that asks */
	char		sender_key[CLIENT_KEY_SIZE];
} CancelRequest;

typedef struct SessionHooks
{
	/*
	 * A cancel request came in: the owner of that key may be in another worker.
	 * True: client_cancel_done() comes once the owner has acted on it; false: it
	 * is nobody's.
	 */
	bool		(*on_cancel) (void *arg, const CancelRequest *request);

	/* What the monitor offers. */
	void		(*request_probe) (void *arg);
	void		(*report_suspicion) (void *arg, int node);
	void		(*ask_facts) (void *arg, const char *database, FactsAsk ask);

	/* One more client over all workers?  false: the limit is reached. */
	bool		(*admit_client) (void *arg);
	void		(*release_client) (void *arg);

	/* One more read on the primary for want of a replica, over all workers?  false: max of them run. */
	bool		(*admit_fallback) (void *arg, int max);
	void		(*release_fallback) (void *arg);
	void	   *arg;
} SessionHooks;

typedef struct SessionContext
{
	Loop	   *loop;			/* borrowed */
	PoolSet    *pools;			/* borrowed */
	PoolTotals *totals;			/* borrowed; NULL: limits of clients do not hold */
	SettingsPool *settings;		/* borrowed */
	AuthQuery  *auth_query;		/* borrowed; NULL: none */
	PreparedTable *prepared;	/* borrowed */
	GlobalFloors *floors;		/* borrowed; of the process */
	SessionConfig config;
	SessionHooks hooks;
	ConsoleHook console;
	TopologyView *view;			/* a reference; never NULL; view_slot_refresh() it before use */
	ViewSlot	views;			/* the monitor's are put here */
	uint64_t	acted_view;		/* number of the one all were told of */
	UserTable  *users;			/* a reference; NULL: no auth_file */
	Hba		   *hba;			/* a reference; NULL unless auth_method is AUTH_HBA */
	unsigned char mock_secret[32];
	int			worker;			/* number of this worker, part of cancel keys too */
	int			generation;		/* of the process, part of cancel keys (backend/cancel.h) */

	List		clients;		/* of Client */
	List		waiting;		/* of Client: units waiting for a view */
	List		databases;		/* of Database */
	List		accounts;		/* of Account */
	LoopTimer  *sweep;			/* deadlines of clients */
	LoopTimer  *patience;		/* deadlines of waiting units; runs only while some wait */
	Names		disabled;		/* databases, as clients name them, that take no new sessions */
	uint64_t	next_client;	/* part of Client.id */
	unsigned	next_turn;		/* spreads new sessions over replicas */
	bool		draining;
	SessionStats stats;
} SessionContext;

/* The caller has filled loop, pools, settings, prepared, floors, config, hooks,
 * console, auth_query, view, users, hba, mock_secret, worker and generation. */
extern void session_context_init(SessionContext *context);
extern void session_context_fini(SessionContext *context);	/* ends every session */

/* New knowledge of the nodes, for all; the reference becomes the context's. */
extern void session_context_set_view(SessionContext *context, TopologyView *view);

/* The same with what is in the slot, if anything is: in the loop, on top of nothing else. */
extern void session_context_take_view(void *context);

/* Somebody waits for the next view: this worker is woken for it.  One that is in the slot already is taken soon. */
extern void session_context_await_view(void *context);
extern void session_context_set_facts(SessionContext *context, Facts *facts);	/* takes the reference */

/* After a reload.  The references become the context's; config is the one they belong to, and
 * whatever accounts keep of it is read again. */
extern void session_context_set_auth(SessionContext *context, UserTable *users, Hba *hba);

/* Stop taking work: idle clients are told 57P01 now, busy ones when their transaction ends. */
extern void session_context_drain(SessionContext *context);
extern bool session_context_is_drained(const SessionContext *context);	/* no client is left but the console's, nothing is unsent */

/* End every session of the database (the servers' name of it; NULL: of all) but the console's: 57P01. */
extern void session_context_kill(SessionContext *context, const char *server_database);

#endif							/* ROUTER_SESSION_CONTEXT_H */
