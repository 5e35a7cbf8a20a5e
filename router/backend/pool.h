/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  The servers of one (node, database, user), and who waits for one.
 *
 * A PoolSet holds the pools of one worker.  A pool's size is limited over all
 * workers of the process by a shared count (PoolTotals), and so are the servers
 * of a database and of a user on a node; a pool that finds a limit reached asks
 * the others below it, in its worker and through on_starved in the peers, to
 * give idle servers back.
 *
 * Waiters are served first in, first out, and get a server handed directly.
 * A waiter knows nothing of clients; a server knows nothing of waiters.  Waiters
 * fail at once when nothing can come of waiting: the node is not usable in the
 * view, or its logins fail and no server of the pool is left to be given back.
 *
 * A server in use whose node is gone without its connection having ended (a
 * silent replica, a primary another has replaced) is lost to its holder like
 * one whose connection has: see find_dead() in pool_watch.c.
 *
 * Clean servers are reused most recently used first, or in turn.  One that was
 * idle for server_check_delay is asked something first.  Servers older than
 * server_lifetime (one after the other, not all at once), idle longer than server_idle_timeout, of a node whose
 * identity changed, or that report in_hot_standby=off in a replica's pool are
 * closed, never reused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_POOL_H
#define ROUTER_BACKEND_POOL_H

#include "backend/pool_totals.h"
#include "backend/server.h"
#include "base/error.h"
#include "base/list.h"
#include "net/loop.h"
#include "net/tls.h"
#include "policy/topology_view.h"

/* What one pool may have; 0: no limit, or none. */
typedef struct PoolLimits
{
	int			pool_size;		/* servers of the pool, all workers; never 0 */
	int			min_pool_size;	/* kept ready while it has clients (pool_add_clients) */
	int			reserve_pool_size;	/* more of them, for who has waited reserve_timeout_us */
	int			max_db_connections; /* servers of its database on that node, whatever user */
	int			max_user_connections;	/* servers of its user on that node, whatever database */
	const char *connect_query;	/* run after each login; NULL or "": none; lives as long as the configuration */
} PoolLimits;

typedef struct PoolConfig
{
	PoolLimits	limits;			/* of pools that find_limits does not change */

	/* What the configuration says of this pool; limits is filled with the above.  May be NULL. */
	void		(*find_limits) (const void *arg, const char *name, const char *user, PoolLimits *limits);
	const void *limits_arg;
	uint64_t	reserve_timeout_us;
	uint64_t	server_lifetime_us;	/* 0: unlimited */
	uint64_t	server_idle_timeout_us;	/* 0: unlimited */
	uint64_t	server_check_delay_us;	/* idle for longer: check_query first */
	const char *check_query;	/* NULL or "": never; strings live as long as the configuration */
	const char *reset_query;	/* before DISCARD ALL; NULL or "": nothing */
	bool		is_round_robin; /* the longest idle server first, not the last used */
	uint64_t	server_connect_timeout_us;	/* connect and login */
	uint64_t	server_reset_timeout_us;	/* also of the check */
	uint64_t	login_retry_us;	/* after a failed login, before the next attempt */
	int			max_prepared_statements;	/* per server */
	TlsContext *server_tls;		/* borrowed while this configuration is in force; NULL: in clear text */
} PoolConfig;

typedef struct PoolSet PoolSet;

/* Which limit stands in the way. */
typedef enum PoolLevel
{
	POOL_LEVEL_POOL,
	POOL_LEVEL_DATABASE,
	POOL_LEVEL_USER
} PoolLevel;
#define POOL_LEVELS 3

/* What a pool at a limit asks those for who are below the same one. */
typedef enum PoolWish
{
	POOL_WISH_IDLE,				/* a server they do not use now */
	POOL_WISH_SHARE				/* it has less than its share: one of those above theirs, too */
} PoolWish;

typedef struct PoolNeed
{
	int			node;
	const char *name;			/* the database, as in PoolTarget */
	const char *database;
	const char *user;
	PoolLevel	level;
	PoolWish	wish;
} PoolNeed;

typedef struct PoolSetHooks
{
	void		(*on_starved) (void *arg, const PoolNeed *need);	/* tell the peers: pool_set_give_back() */
	void		(*on_server_lost) (void *arg, int node);	/* a sign that the node may be in trouble */
	void	   *arg;
} PoolSetHooks;

/* Whom to log in as, where; strings are copied. */
typedef struct PoolTarget
{
	int			node;			/* index in the topology view */
	const char *database;		/* the server's database name */
	const char *user;
	const char *password;		/* plain, md5..., or SCRAM keys; NULL: none to give */
	const char *name;			/* the database as the configuration names it; NULL: as the server does */
} PoolTarget;

/* Why a waiter got no server. */
typedef enum PoolFailure
{
	POOL_NO_FAILURE,
	POOL_TIMED_OUT,				/* the deadline: 57P03 */
	POOL_REFUSED,				/* the node refused the login; its own SQLSTATE and words */
	POOL_NODE_LOST,				/* the node cannot be reached or lost its role: another node may do */
	POOL_CLOSING				/* the set is being destroyed */
} PoolFailure;

/* One who waits for a server; embedded in its owner, zeroed before first use. */
typedef struct PoolWaiter
{
	ListNode	node;
	Pool	   *pool;			/* not NULL while waiting */
	uint64_t	since_us;
	uint64_t	deadline_us;	/* clock_now_us() terms; 0: none */
	void		(*on_granted) (void *owner, Server *server);
	void		(*on_failed) (void *owner, const Error *error);	/* failure says which kind */
	void	   *owner;
	PoolFailure failure;		/* set before on_failed */
} PoolWaiter;

typedef enum CheckinMode
{
	CHECKIN_CLEAN,				/* idle, outside a transaction, settings as server_settings() says */
	CHECKIN_RESET,				/* DISCARD ALL before anybody gets it */
	CHECKIN_CLOSE				/* do not reuse */
} CheckinMode;

extern PoolSet *pool_set_create(Loop *loop, const PoolConfig *config, PoolTotals *totals,
								SettingsPool *settings, const PoolSetHooks *hooks);
extern void pool_set_destroy(PoolSet *set);
extern void pool_set_configure(PoolSet *set, const PoolConfig *config);	/* reload */

/* New knowledge of the nodes: where they are, what they are; keeps a reference. */
extern void pool_set_view(PoolSet *set, TopologyView *view);

/* Never NULL; created on first use.  An empty pool goes when all who got it have released it. */
extern Pool *pool_set_get(PoolSet *set, const PoolTarget *target);
extern void pool_release(Pool *pool);

/* So many more (or less) clients are there, for whom min_pool_size servers are to be ready. */
extern void pool_add_clients(Pool *pool, int clients);

/*
 * A server, if one is free now (or NULL and the waiter is queued, then told by
 * on_granted or on_failed in a later callback).
 */
extern Server *pool_checkout(Pool *pool, PoolWaiter *waiter);
extern void pool_cancel_wait(PoolWaiter *waiter);	/* no-op when it does not wait */

/* Give back; the holder must not use the server afterwards.  CHECKIN_RESET may
 * be given inside a transaction too: it is rolled back first.  The next waiter
 * is told at the end of this turn of the loop, not from within the call. */
extern void pool_checkin(Server *server, CheckinMode mode);

/* Ask the node to cancel what this server runs; the server is not handed on
 * to anybody before the cancel request has been carried out or failed.  Who
 * keeps it sends nothing new before on_cancel_done(). */
extern void pool_cancel_query(Server *server);

/* A peer waits at a limit: close an idle server below the same limit; where
 * there is none, the peer wishes its share and a pool here has more than its
 * own, close one at its next checkin. */
extern void pool_set_give_back(PoolSet *set, const PoolNeed *need);
extern int	pool_set_load(const PoolSet *set, int node);	/* servers in use plus waiters, all pools of the node */

/* ---- pool_pause.c: database is the servers' name of it, NULL: all ---- */

/*
 * Close servers nobody holds now and the others when they come back; who asks
 * for one waits until its database is resumed.  False: that was so already, or
 * was not so.
 */
extern bool pool_set_pause(PoolSet *set, const char *database);
extern bool pool_set_resume(PoolSet *set, const char *database);
extern bool pool_set_is_paused(const PoolSet *set, const char *database);	/* NULL: are all? */

/* Close servers in the same way, and open others as they are wanted. */
extern void pool_set_reconnect(PoolSet *set, const char *database);

typedef struct PoolCount
{
	int			servers;
	int			retired;		/* of them: will be closed when they are given back */
} PoolCount;

extern void pool_set_count(const PoolSet *set, const char *database, PoolCount *count);	/* adds */

typedef struct PoolStats
{
	int			node;
	const char *name;			/* the database as the configuration names it */
	const char *database;		/* as the server does */
	const char *user;
	PoolLimits	limits;
	int			all_workers[POOL_LEVELS];	/* servers of the process below each limit */
	int			active;
	int			cancelled;		/* of the active ones: a cancel request is on its way to them */
	int			cancels;		/* such requests, also those whose server has been closed meanwhile */
	int			idle;
	int			unchecked;		/* of the idle ones: to be checked before anybody gets them */
	int			connecting;
	int			resetting;		/* or being checked */
	int			waiting;
	uint64_t	oldest_wait_us;
	uint64_t	checkouts;
	uint64_t	wait_total_us;
	uint64_t	logins;
	uint64_t	login_failures;
} PoolStats;

extern void pool_stats(const Pool *pool, PoolStats *stats);
extern void pool_set_each_pool(const PoolSet *set, void (*fn) (void *arg, const Pool *pool), void *arg);
extern void pool_set_each_server(const PoolSet *set, void (*fn) (void *arg, const Server *server), void *arg);

#endif							/* ROUTER_BACKEND_POOL_H */
