/*-------------------------------------------------------------------------
 *
 * pool_internal.h
 *	  What the files of the pool see of each other; nobody else includes it.
 *
 *	  pool_set.c	the set, its view of the nodes, the sweep timer, reports
 *	  pool.c		checkout, checkin, waiters
 *	  pool_grow.c	when to log in once more, what failed logins mean
 *	  pool_share.c	limits, and who gives way to whom
 *	  pool_watch.c	what time and the nodes take away
 *	  pool_pause.c	PAUSE, RESUME, RECONNECT
 *	  pool_server.c	servers while the pool itself holds them: login, idle,
 *					reset, cancel requests
 *	  pool_totals.c	the counts all workers share
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_POOL_INTERNAL_H
#define ROUTER_BACKEND_POOL_INTERNAL_H

#include "backend/cancel.h"
#include "backend/pool.h"
#include "backend/server_internal.h"
#include "backend/server_login.h"
#include "base/hash.h"
#include "base/names.h"

/* How often deadlines are looked at, at most; waiters are told this much late. */
#define POOL_SWEEP_US 10000

struct Pool
{
	PoolSet    *set;
	const char *key;			/* owned; node, name, database, user, each with its terminator */
	size_t		key_len;
	int			node;
	char	   *name;			/* owned; the database as the configuration names it */
	char	   *database;		/* owned; as the server does */
	char	   *user;			/* owned */
	char	   *password;		/* owned; NULL: none */
	PoolLimits	limits;
	PoolSlot   *slots[POOL_LEVELS];	/* got from the totals */
	int			users;			/* pool_set_get() minus pool_release() */
	bool		is_paused;		/* by an operator: it opens no server and hands none out */
	bool		is_joined;		/* counted as a user of the slots */
	int			clients;		/* that may want a server: min_pool_size holds for them */
	uint64_t	aged_us;		/* when a server was last closed for its age */

	/* each server is in one of these */
	List		connecting;		/* CONNECTING and LOGIN */
	List		idle;			/* most recently used first */
	List		active;
	List		resetting;		/* RESETTING and TESTING */
	List		parked;			/* given back, waits for a cancel request */

	List		waiters;		/* longest waiting first */
	bool		is_dispatching;	/* pool_dispatch() is due at the end of this turn */
	bool		is_cutting;		/* cut_dead() is */

	/* after a failed login */
	uint64_t	retry_at_us;	/* no new attempt before; 0: at once */
	bool		is_proven;		/* the last login succeeded: several at a time */
	uint64_t	failed_us;		/* when that was */
	PoolFailure last_failure;
	Error		last_error;

	/* sharing with peers */
	int			owed;			/* servers to close at their checkin, for a starved peer */
	uint64_t	yield_until_us; /* a slot given up for a peer is not taken back before */
	uint64_t	asked_us;		/* when peers were last asked */

	uint64_t	checkouts;
	uint64_t	wait_total_us;
	uint64_t	logins;
	uint64_t	login_failures;
	UT_hash_handle hh;			/* in the set's pools */
};

typedef struct PendingCancel
{
	ListNode	node;			/* in the set's cancels */
	PoolSet    *set;
	Pool	   *pool;			/* of the server; NULL: gone meanwhile */
	Server	   *server;			/* NULL: closed meanwhile */
	Cancel	   *cancel;
} PendingCancel;

struct PoolSet
{
	Loop	   *loop;			/* borrowed */
	PoolConfig	config;
	PoolTotals *totals;			/* borrowed */
	SettingsPool *settings;		/* borrowed */
	PoolSetHooks hooks;
	TopologyView *view;			/* a reference; NULL: nothing known yet */
	Pool	   *pools;			/* hash table by key */
	List		cancels;		/* of PendingCancel */
	int			load[TOPOLOGY_MAX_NODES];	/* active servers and waiters */
	LoopTimer  *sweep;
	uint64_t	sweep_at_us;	/* when it fires; 0: not running */
	bool		is_closing;
	bool		is_paused;		/* all of it, or these databases: */
	Names		paused;
};

/* ---- pool_set.c ---- */
extern void pool_set_wake(PoolSet *set, uint64_t at_us);	/* sweep not later than that */
extern const NodeView *pool_set_node(const PoolSet *set, int node);	/* NULL: not known */

/* ---- pool.c ---- */
extern void pool_init(Pool *pool, PoolSet *set, const PoolTarget *target);
extern void pool_fini(Pool *pool);
extern void pool_set_password(Pool *pool, const char *password);
extern bool pool_is_unused(const Pool *pool);	/* nobody has it, nothing is in it */
extern bool pool_may_go(const Pool *pool, uint64_t now_us);	/* nor is anything of it to be remembered */
extern int	pool_server_count(const Pool *pool);
extern bool pool_wants_turn(const Pool *pool);	/* somebody waits, or it is below its minimum */
extern void pool_schedule(Pool *pool);	/* grant and log in at the end of this turn */
extern void pool_make_idle(Server *server);	/* from LOGIN, ACTIVE, RESETTING or TESTING */
extern void pool_begin_reset(Server *server, ServerState state);	/* RESETTING or TESTING: to that list */
extern bool pool_needs_check(const Server *server); /* before it is given to anybody */
extern Server *pool_longest_idle(const Pool *pool);	/* there is one */
extern void pool_fail_waiter(PoolWaiter *waiter, PoolFailure failure, const Error *error);
extern void pool_fail_waiters(Pool *pool, PoolFailure failure, const Error *error);

/* ---- pool_grow.c ---- */
extern void pool_grow(Pool *pool);	/* start the logins that are wanted and allowed */
extern void pool_note_login(Server *server);
extern void pool_note_login_failure(Server *server, LoginFailure failure, const Error *error);	/* closes it */

/* ---- pool_share.c ---- */
extern void pool_find_slots(Pool *pool);
extern void pool_put_slots(Pool *pool);
extern void pool_update_limits(Pool *pool);	/* as the configuration in force has them */
extern bool pool_acquire(Pool *pool, int size, PoolLevel *full);	/* a place for one more server */
extern void pool_give_place(Pool *pool);	/* a server has gone */
extern void pool_update_joined(Pool *pool);
extern void pool_note_starved(Pool *pool, int size, PoolLevel full);
extern bool pool_pay_debt(Server *server);	/* closes it if it is promised to somebody else */
extern bool pool_is_too_large(const Pool *pool);

typedef enum DropKind
{
	DROP_ROUTINE,				/* for debugging only */
	DROP_WARNING,				/* the log says so */
	DROP_TROUBLE				/* and the node is suspected */
} DropKind;

/* Close a server wherever it is. */
extern void pool_drop(Server *server, DropKind kind, const char *reason);
extern void pool_drop_old(Server *server);	/* stale, or too old */

/* ---- pool_watch.c ---- */
extern uint64_t pool_sweep(Pool *pool, uint64_t now_us);	/* when it wants to be swept again; UINT64_MAX: no wish */
extern void pool_apply_view(Pool *pool);
extern bool pool_server_is_too_old(const Server *server);	/* and no other was closed for it just now */
extern uint64_t pool_server_idle_until(const Server *server);	/* UINT64_MAX: as long as it likes */

/* ---- pool_server.c ---- */
extern void pool_server_open(Pool *pool, const NodeView *node);
extern void pool_server_watch(Server *server);	/* the pool listens to it while it is idle or parked */
extern void pool_server_reset(Server *server);
extern void pool_server_check(Server *server);
extern void pool_server_unpark(Server *server);	/* no cancel request is under way any more */

#endif							/* ROUTER_BACKEND_POOL_INTERNAL_H */
