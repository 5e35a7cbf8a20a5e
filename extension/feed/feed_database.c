/*-------------------------------------------------------------------------
 *
 * feed_database.c
 *	  What shared memory knows about each database that has a feed worker.
 *
 * Work is asked for by a flag, so that a thousand commits wake the worker once:
 *
 *	  writer							worker
 *	  is visible to everybody
 *	  asked = 1							busy = 1
 *	  clears its slot					asked = 0, full barrier
 *	  was asked 0: wakes the worker		snapshot, tick
 *										busy = 0
 *
 * A writer that finds asked = 1 already does not wake: the worker has not
 * cleared it yet, and its snapshot, taken afterwards, shows the writer.  Who
 * looks at the slots first and then finds neither flag set knows that whatever
 * had left its slot by then has been told.
 *
 * "lock" guards an entry's plain fields; who only wakes reads "proc" without
 * it.  A latch whose owner has gone may belong to another process by now, which
 * a needless wake-up does not hurt.  No other lock is taken inside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "base/guc.h"
#include "feed/feed_database.h"

#define LOCK_NAME "andon_feed"

struct FeedDatabase
{
	/* under lock */
	Oid			database;		/* InvalidOid: the entry is free */
	Oid			extension;		/* that the epoch was drawn for */
	bool		is_wanted;		/* somebody asked for a worker */
	bool		has_left;		/* no worker yet, or it left in good order */
	FeedState	state;

	/* written under lock, read by anybody */
	pg_atomic_uint32 proc;		/* number of the worker's PGPROC, plus one */

	/* raised under lock, lowered by anybody: transactions that want nobody connected */
	pg_atomic_uint32 holds;

	/* see above */
	pg_atomic_uint64 asked_at;	/* TimestampTz of the first who asked */
	pg_atomic_uint32 asked;
	pg_atomic_uint32 busy;

	ConditionVariable left;		/* the worker has gone */
};

typedef struct FeedShared
{
	LWLock	   *lock;
	pg_atomic_uint32 launcher;	/* number of its PGPROC, plus one */
	FeedDatabase entries[FEED_DATABASES_MAX];
} FeedShared;

static FeedShared *shared = NULL;
static FeedDatabase *own = NULL;	/* this database's entry */
static FeedDatabase *claimed = NULL;	/* that this process is the worker of */

static FeedDatabase *find(Oid database);
static FeedDatabase *enter(Oid database);
static bool is_held(FeedDatabase *entry);
static void free_unless_used(FeedDatabase *entry);
static void wake_proc(uint32 proc);
static uint32 own_proc(void);
static void release(int code, Datum arg);
static void detach_launcher(int code, Datum arg);

void
feed_database_request_shmem(void)
{
	RequestAddinShmemSpace(MAXALIGN(sizeof(FeedShared)));
	RequestNamedLWLockTranche(LOCK_NAME, 1);
}

void
feed_database_init_shmem(void)
{
	bool		found;

	shared = ShmemInitStruct("andon feed databases", sizeof(FeedShared), &found);
	if (found)
		return;
	memset(shared, 0, sizeof(FeedShared));
	shared->lock = &GetNamedLWLockTranche(LOCK_NAME)->lock;
	pg_atomic_init_u32(&shared->launcher, 0);
	for (int i = 0; i < FEED_DATABASES_MAX; i++)
	{
		FeedDatabase *entry = &shared->entries[i];

		pg_atomic_init_u32(&entry->proc, 0);
		pg_atomic_init_u32(&entry->holds, 0);
		pg_atomic_init_u64(&entry->asked_at, 0);
		pg_atomic_init_u32(&entry->asked, 0);
		pg_atomic_init_u32(&entry->busy, 0);
		ConditionVariableInit(&entry->left);
	}
}

bool
feed_database_is_served(void)
{
	if (shared == NULL)
		return false;
	return strcmp(guc_databases, "*") == 0 ||
		feed_database_is_listed(get_database_name(MyDatabaseId));
}

bool
feed_database_is_listed(const char *name)
{
	List	   *names;
	ListCell   *cell;

	if (name == NULL)
		return false;
	if (!SplitIdentifierString(pstrdup(guc_databases), ',', &names))
		return false;
	foreach(cell, names)
		if (strcmp(lfirst(cell), "*") == 0 || strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- writers */

FeedDatabase *
feed_database_want(void)
{
	/* a bare look: an entry that is wanted stays that of its database */
	if (own && own->database == MyDatabaseId && own->is_wanted)
		return own;
	if (shared == NULL)
		return NULL;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	own = enter(MyDatabaseId);
	if (own)
		own->is_wanted = true;
	LWLockRelease(shared->lock);
	return own;
}

void
feed_database_ask_for(Oid database)
{
	FeedDatabase *entry;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find(database);
	if (entry)
	{
		(void) feed_database_ask(entry);
		feed_database_wake(entry);
	}
	LWLockRelease(shared->lock);
}

/* ------------------------------------------------------------- NOTHROW */

bool
feed_database_ask(FeedDatabase *entry)
{
	pg_memory_barrier();
	/* a look first: the line is shared by all writers */
	if (pg_atomic_read_u32(&entry->asked) != 0 ||
		pg_atomic_exchange_u32(&entry->asked, 1) != 0)
		return false;
	pg_atomic_write_u64(&entry->asked_at, (uint64) GetCurrentTimestamp());
	return true;
}

void
feed_database_wake(FeedDatabase *entry)
{
	uint32		proc = pg_atomic_read_u32(&entry->proc);

	wake_proc(proc ? proc : pg_atomic_read_u32(&shared->launcher));
}

static void
wake_proc(uint32 proc)
{
	if (proc)
		SetLatch(&ProcGlobal->allProcs[proc - 1].procLatch);
}

/* -------------------------------------------------------- end of NOTHROW */

bool
feed_database_read(Oid database, FeedState *state)
{
	FeedDatabase *entry;

	if (shared == NULL)
		return false;
	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find(database);
	if (entry)
	{
		*state = entry->state;
		state->waiting_since = pg_atomic_read_u32(&entry->asked) == 0 ? 0 :
			(TimestampTz) pg_atomic_read_u64(&entry->asked_at);
	}
	LWLockRelease(shared->lock);
	return entry != NULL;
}

bool
feed_database_is_resting(Oid database)
{
	FeedDatabase *entry;
	bool		result;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find(database);
	pg_memory_barrier();
	result = entry && entry->state.pid && pg_atomic_read_u32(&entry->asked) == 0;
	pg_read_barrier();
	result = result && pg_atomic_read_u32(&entry->busy) == 0;
	LWLockRelease(shared->lock);
	return result;
}

/* -------------------------------------------------------------- the worker */

FeedDatabase *
feed_database_claim(void)
{
	FeedDatabase *entry;

	Assert(claimed == NULL);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = enter(MyDatabaseId);
	if (entry && entry->state.pid == 0 && !is_held(entry))
	{
		entry->is_wanted = true;
		entry->state.pid = MyProcPid;
		entry->state.started_at = GetCurrentTimestamp();
		pg_atomic_write_u32(&entry->busy, 1);
		pg_atomic_write_u32(&entry->proc, own_proc());
		claimed = entry;
	}
	LWLockRelease(shared->lock);
	if (claimed)
		on_shmem_exit(release, (Datum) 0);
	return claimed;
}

static void
release(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	claimed->state.pid = 0;
	claimed->has_left = code == 0;
	free_unless_used(claimed);
	pg_atomic_write_u32(&claimed->proc, 0);
	LWLockRelease(shared->lock);
	ConditionVariableBroadcast(&claimed->left);
	claimed = NULL;
}

uint64
feed_database_find_epoch(FeedDatabase *entry, Oid extension)
{
	uint64		result;

	LWLockAcquire(shared->lock, LW_SHARED);
	result = entry->extension == extension ? entry->state.epoch : 0;
	LWLockRelease(shared->lock);
	return result;
}

Oid
feed_database_extension(FeedDatabase *entry)
{
	return entry->extension;
}

void
feed_database_set_epoch(FeedDatabase *entry, Oid extension, uint64 epoch)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry->extension = extension;
	entry->state.epoch = epoch;
	entry->state.tick = 0;
	entry->state.tick_at = 0;
	entry->state.lsn = InvalidXLogRecPtr;
	entry->state.safe_lsn = InvalidXLogRecPtr;
	LWLockRelease(shared->lock);
}

bool
feed_database_is_held(FeedDatabase *entry)
{
	bool		result;

	LWLockAcquire(shared->lock, LW_SHARED);
	result = is_held(entry);
	LWLockRelease(shared->lock);
	return result;
}

bool
feed_database_has_work(FeedDatabase *entry)
{
	return pg_atomic_read_u32(&entry->asked) != 0;
}

void
feed_database_take_work(FeedDatabase *entry)
{
	pg_atomic_write_u32(&entry->busy, 1);
	pg_memory_barrier();
	(void) pg_atomic_exchange_u32(&entry->asked, 0);
}

void
feed_database_finish_work(FeedDatabase *entry, const FeedTick *done)
{
	FeedState  *state = &entry->state;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (state->tick != done->tick)
		state->ticks++;
	state->tick = done->tick;
	state->tick_at = GetCurrentTimestamp();
	state->lsn = done->lsn;
	/* what was safe once stays so */
	state->safe_lsn = Max(state->safe_lsn, done->safe_lsn);
	state->changes += done->changes;
	state->notifications += done->notifications;
	state->resyncs += done->is_resync;
	LWLockRelease(shared->lock);
	pg_atomic_write_u32(&entry->busy, 0);
}

void
feed_database_unwant(void)
{
	FeedDatabase *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find(MyDatabaseId);
	if (entry)
	{
		entry->is_wanted = false;
		entry->has_left = true;
		free_unless_used(entry);
	}
	LWLockRelease(shared->lock);
}

/* ------------------------------------------------------------ the launcher */

void
feed_database_attach_launcher(void)
{
	pg_atomic_write_u32(&shared->launcher, own_proc());
	on_shmem_exit(detach_launcher, (Datum) 0);
}

static void
detach_launcher(int code, Datum arg)
{
	pg_atomic_write_u32(&shared->launcher, 0);
}

bool
feed_database_take_leave(Oid database)
{
	FeedDatabase *entry;
	bool		result = true;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find(database);
	if (entry)
	{
		result = entry->has_left;
		entry->has_left = false;
	}
	LWLockRelease(shared->lock);
	return result;
}

List *
feed_database_list_wanted(void)
{
	List	   *result = NIL;

	for (int i = 0; i < FEED_DATABASES_MAX; i++)
	{
		FeedDatabase *entry = &shared->entries[i];
		Oid			database = InvalidOid;

		LWLockAcquire(shared->lock, LW_EXCLUSIVE);
		if (OidIsValid(entry->database))
			free_unless_used(entry);
		if (entry->is_wanted && entry->state.pid == 0 && !is_held(entry))
			database = entry->database;
		LWLockRelease(shared->lock);
		if (OidIsValid(database))
			result = lappend_oid(result, database);
	}
	return result;
}

bool
feed_database_is_vacant(Oid database)
{
	FeedDatabase *entry;
	bool		result;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find(database);
	result = entry == NULL || (entry->state.pid == 0 && !is_held(entry));
	LWLockRelease(shared->lock);
	return result;
}

bool
feed_database_has_worker(Oid database)
{
	FeedState	state;

	return feed_database_read(database, &state) && state.pid != 0;
}

void
feed_database_forget(Oid database)
{
	FeedDatabase *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find(database);
	if (entry)
	{
		entry->is_wanted = false;
		free_unless_used(entry);
	}
	LWLockRelease(shared->lock);
}

/* --------------------------------------------------------------------- DDL */

FeedDatabase *
feed_database_hold(Oid database)
{
	FeedDatabase *entry;
	uint32		proc = 0;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = enter(database);
	if (entry)
	{
		pg_atomic_fetch_add_u32(&entry->holds, 1);
		proc = pg_atomic_read_u32(&entry->proc);
	}
	LWLockRelease(shared->lock);
	wake_proc(proc);
	return entry;
}

void
feed_database_wait_vacant(Oid database)
{
	FeedState	state;
	FeedDatabase *entry;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find(database);
	LWLockRelease(shared->lock);
	if (entry == NULL)
		return;
	ConditionVariablePrepareToSleep(&entry->left);
	while (feed_database_read(database, &state) && state.pid != 0)
		ConditionVariableSleep(&entry->left, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

/* An entry that nobody uses any more is left to the launcher. */
void
feed_database_let_go(FeedDatabase *entry)
{
	pg_atomic_fetch_sub_u32(&entry->holds, 1);
	wake_proc(pg_atomic_read_u32(&shared->launcher));
}

/* ----------------------------------------------------------------- helpers */

/* Under the lock. */
static FeedDatabase *
find(Oid database)
{
	for (int i = 0; i < FEED_DATABASES_MAX; i++)
		if (shared->entries[i].database == database)
			return &shared->entries[i];
	return NULL;
}

/* Under the lock, exclusive; NULL if there is no room. */
static FeedDatabase *
enter(Oid database)
{
	FeedDatabase *entry = find(database);

	if (entry == NULL)
	{
		entry = find(InvalidOid);
		if (entry)
		{
			entry->database = database;
			entry->has_left = true;
			entry->state.reset_at = GetCurrentTimestamp();
		}
	}
	return entry;
}

static bool
is_held(FeedDatabase *entry)
{
	return pg_atomic_read_u32(&entry->holds) > 0;
}

static void
free_unless_used(FeedDatabase *entry)
{
	if (entry->is_wanted || is_held(entry) || entry->state.pid != 0)
		return;
	entry->database = InvalidOid;
	entry->extension = InvalidOid;
	entry->is_wanted = false;
	memset(&entry->state, 0, sizeof(FeedState));
	pg_atomic_write_u32(&entry->asked, 0);
	pg_atomic_write_u32(&entry->busy, 0);
}

static uint32
own_proc(void)
{
	return (uint32) (MyProc - ProcGlobal->allProcs) + 1;
}
