/*-------------------------------------------------------------------------
 *
 * locks.h
 *	  The three kinds of lock that maintenance takes.
 *
 * board lock	shared by who maintains single keys, exclusive for bulk work
 * link lock	(board, table, link value): see maintain/drain.c
 * key lock		(board, key): exclusive, before the board's row is touched
 *
 * They are PostgreSQL's locks, so pg_locks shows them, deadlocks are detected,
 * PREPARE TRANSACTION keeps them, and the end of the transaction (or the abort
 * of the subtransaction that took one) releases them.  Links and keys are
 * advisory locks with a class number of their own; the board lock is one of the
 * relation that is the board's definition, a view.  No list of held locks is
 * kept here: who asks twice asks the lock manager twice.
 *
 * A LockRequests list is filled in any order and taken sorted, the stronger
 * mode once where both are asked for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_LOCKS_H
#define ANDON_BASE_LOCKS_H

#include "postgres.h"

#include "storage/lock.h"

/* field4 (pg_locks.objsubid) of our locks; PostgreSQL itself uses 1 and 2. */
#define LOCKS_CLASS_WAITER	0xA0D1
#define LOCKS_CLASS_LINK	0xA0D2
#define LOCKS_CLASS_KEY		0xA0D3
#define LOCKS_CLASS_WATCH	0xA0D4

/*
 * Modes of the board lock.  The weaker one is of those that need no entry in
 * the shared lock table; neither hinders who reads the view.
 */
#define LOCKS_BOARD_SHARED	RowExclusiveLock
#define LOCKS_BOARD_ALONE	ExclusiveLock

typedef struct LockRequest
{
	uint16		class;			/* LOCKS_CLASS_... */
	Oid			relid;			/* board, or the link's table */
	uint32		hash;
	LOCKMODE	mode;			/* ShareLock or ExclusiveLock */
} LockRequest;

typedef struct LockRequests
{
	int			count;
	int			capacity;
	LockRequest *requests;
} LockRequests;

/* definition: the OID of the board's view. */
extern void locks_take_board(Oid definition, LOCKMODE mode);

/* The same without waiting; false if it is not to be had now. */
extern bool locks_try_board(Oid definition, LOCKMODE mode);

/*
 * May this transaction, which holds the board lock shared, wait for it
 * exclusively?  True for one at a time, until its end: two would deadlock.
 */
extern bool locks_try_wait_for_board(Oid board);

/*
 * The watch over a board: whoever opens and closes its alerts, or changes what
 * he goes by, has it alone, to the end of the transaction.  No writer takes it.
 */
extern void locks_take_watch(Oid board);
extern bool locks_try_watch(Oid board);

/*
 * One key without waiting; false if another transaction has it.  What was taken
 * is given back with locks_release_key(), if nothing was done under it.
 */
extern bool locks_try_key(Oid board, uint64 hash);
extern void locks_release_key(Oid board, uint64 hash);

extern LockRequests *locks_create_requests(void);
extern void locks_request_link(LockRequests *requests, Oid relid, uint64 hash, LOCKMODE mode);
extern void locks_request_key(LockRequests *requests, Oid board, uint64 hash);

/*
 * Takes them all, waiting as needed.  Stops once it has taken `most` locks that
 * this transaction did not hold yet.  *taken: how many those are, at the least.
 * False if it stopped before the end.  The list is sorted and stays filled.
 */
extern bool locks_take_requests(LockRequests *requests, int most, int *taken);

#endif							/* ANDON_BASE_LOCKS_H */
