/*-------------------------------------------------------------------------
 *
 * feed_database.h
 *	  What shared memory knows about each database that has a feed worker.
 *
 * An entry is made by the first who needs it (a writer, CREATE EXTENSION, the
 * worker, a statement that wants the database for itself) and stays while a
 * worker is wanted there.  It joins three parties:
 *
 *	  writers		ask for work and wake the worker, or the launcher if there is
 *					no worker (workers/launcher.c)
 *	  the worker	claims the entry, takes the work, publishes the last tick
 *	  DDL			holds the entry: the worker leaves and none is started until
 *					it is let go (workers/database_ddl.c)
 *
 * There are FEED_DATABASES_MAX entries; further databases have no worker and
 * their writers notify at commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_FEED_DATABASE_H
#define ANDON_FEED_FEED_DATABASE_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#define FEED_DATABASES_MAX 128

typedef struct FeedDatabase FeedDatabase;

/* Where the feed of a database stands, and what its workers have done. */
typedef struct FeedState
{
	int			pid;			/* of the worker; 0: there is none now */
	TimestampTz started_at;		/* of the last worker; 0: none has been there */
	uint64		epoch;			/* 0: not drawn yet */
	uint64		tick;			/* the last one */
	TimestampTz tick_at;		/* its end; 0: none */
	XLogRecPtr	lsn;			/* its position */
	XLogRecPtr	safe_lsn;		/* what lies before it has been told */
	TimestampTz waiting_since;	/* the oldest work not taken yet; 0: none waits */
	TimestampTz reset_at;		/* when the counting below began */
	uint64		ticks;
	uint64		changes;
	uint64		resyncs;
	uint64		notifications;
} FeedState;

/* What one tick has done. */
typedef struct FeedTick
{
	uint64		tick;
	XLogRecPtr	lsn;
	XLogRecPtr	safe_lsn;
	int			changes;
	int			notifications;
	bool		is_resync;
} FeedTick;

/* From the hooks that _PG_init() sets; the second under AddinShmemInitLock. */
extern void feed_database_request_shmem(void);
extern void feed_database_init_shmem(void);

/* Is there shared memory, and does andon.databases name this database? */
extern bool feed_database_is_served(void);

/* Does andon.databases name it? */
extern bool feed_database_is_listed(const char *name);

/* ---------------------------------------------------------------- writers */

/*
 * The entry of this database, made if there is none: whoever asks wants a
 * worker.  NULL if there is no room.
 */
extern FeedDatabase *feed_database_want(void);

/* NOTHROW.  There is something to do.  Before the slot is cleared.  False: it was asked for already. */
extern bool feed_database_ask(FeedDatabase *entry);

/* NOTHROW.  Wakes whoever has to do it.  After the slot is cleared. */
extern void feed_database_wake(FeedDatabase *entry);

/* Both, on behalf of a database whose entry may be gone. */
extern void feed_database_ask_for(Oid database);

/* ---------------------------------------------------------------- readers */

/* False if there is no shared memory, or no entry. */
extern bool feed_database_read(Oid database, FeedState *state);

/* Has everything that was asked for been done?  Ask after looking at the slots. */
extern bool feed_database_is_resting(Oid database);

/* -------------------------------------------------------------- the worker */

/*
 * Makes this process the worker of its database, until it ends.  NULL if there
 * is one, or the database is held, or there is no room.
 */
extern FeedDatabase *feed_database_claim(void);

/* The epoch; 0 if none was set yet, or for another creation of the extension. */
extern uint64 feed_database_find_epoch(FeedDatabase *entry, Oid extension);
extern Oid	feed_database_extension(FeedDatabase *entry);
extern void feed_database_set_epoch(FeedDatabase *entry, Oid extension, uint64 epoch);

extern bool feed_database_is_held(FeedDatabase *entry);
extern bool feed_database_has_work(FeedDatabase *entry);

/* What is asked for from here on is more work. */
extern void feed_database_take_work(FeedDatabase *entry);
extern void feed_database_finish_work(FeedDatabase *entry, const FeedTick *done);

/* This database has no extension: no worker is wanted until somebody asks again. */
extern void feed_database_unwant(void);

/* ------------------------------------------------------------ the launcher */

/* Makes this process the one that is woken when a worker is missing. */
extern void feed_database_attach_launcher(void);

/*
 * Has the last worker left because it was asked to, or had nothing to do?  Then
 * the next may come at once.  Asked once: the next start that ends without
 * that is a failure.
 */
extern bool feed_database_take_leave(Oid database);

/* OIDs of databases that want a worker and have none. */
extern List *feed_database_list_wanted(void);

/* Is nobody there, and may somebody come? */
extern bool feed_database_is_vacant(Oid database);

extern bool feed_database_has_worker(Oid database);

/* The database is dropped. */
extern void feed_database_forget(Oid database);

/* --------------------------------------------------------------------- DDL */

/*
 * The worker shall leave, and none comes back until the database is let go.
 * NULL if there is no room for an entry: then it has no worker either.
 */
extern FeedDatabase *feed_database_hold(Oid database);

/* Waits until it has left. */
extern void feed_database_wait_vacant(Oid database);

extern void feed_database_let_go(FeedDatabase *entry);	/* NOTHROW */

#endif							/* ANDON_FEED_FEED_DATABASE_H */
