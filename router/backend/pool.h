/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  The servers of one (node, database, user), and who waits for one.
 *
 * A PoolSet holds the pools of one worker.  A pool's size is limited over all
 * workers of the process by a shared count (PoolTotals); a worker that finds
 * the limit reached by idle servers of its peers asks them, through
 * on_starved, to give some back.
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
 * Clean servers are reused most recently used first.  Servers older than
 * server_lifetime, idle longer than server_idle_timeout, of a node whose
 * identity changed, or that report in_hot_standby=off in a replica's pool are
 * closed, never reused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_POOL_H
#define ROUTER_BACKEND_POOL_H

#include "backend/server.h"
#include "base/error.h"
#include "base/list.h"
#include "net/loop.h"
#include "net/tls.h"
#include "policy/topology_view.h"

/* Counts shared by the pools of all workers; thread-safe. */
typedef struct PoolTotals PoolTotals;
extern PoolTotals *pool_totals_create(void);
extern void pool_totals_destroy(PoolTotals *totals);

typedef struct PoolConfig
{
	int			pool_size;		/* servers per (node, database, user), all workers */
	uint64_t	server_lifetime_us;	/* 0: unlimited */
	uint64_t	server_idle_timeout_us;	/* 0: unlimited */
	uint64_t	server_connect_timeout_us;	/* connect and login */
	uint64_t	server_reset_timeout_us;
	uint64_t	login_retry_us;	/* after a failed login, before the next attempt */
	int			max_prepared_statements;	/* per server */
	TlsContext *server_tls;		/* borrowed while this configuration is in force; NULL: in clear text */
} PoolConfig;

typedef struct PoolSet PoolSet;

/* What a pool at the limit asks its peers for. */
typedef enum PoolWish
{
	POOL_WISH_IDLE,				/* a server they do not use now */
	POOL_WISH_SHARE				/* it has less than its share: one of those above theirs, too */
} PoolWish;

typedef struct PoolSetHooks
{
	void		(*on_starved) (void *arg, int node, const char *database, const char *user, PoolWish wish);
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

/* A peer waits at the limit: close an idle server of that pool; where there is
 * none, the peer wishes its share and this worker holds more than its own,
 * close one at its next checkin. */
extern void pool_set_give_back(PoolSet *set, int node, const char *database, const char *user, PoolWish wish);
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
	const char *database;
	const char *user;
	int			active;
	int			idle;
	int			connecting;
	int			resetting;
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
