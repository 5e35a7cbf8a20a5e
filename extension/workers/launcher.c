/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  Sees to it that each database with the extension has its feed worker.
 *
 * Twice it starts workers.  At its own start, and then every LOOK_INTERVAL, it
 * goes through all databases that take connections and are no templates: one
 * worker at a time, which stays if it finds the extension.  And whenever
 * somebody wakes it, it starts those that are wanted and missing: a writer
 * found none, CREATE EXTENSION has committed, a worker has ended, a statement
 * lets a database go (feed/feed_database.h).
 *
 * A worker that fails again and again is not started more often than every
 * RESTART_INTERVAL.  Workers outlive the launcher: after an error it is started
 * again by the postmaster and finds them where they were.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/guc.h"
#include "feed/feed_database.h"
#include "workers/launcher.h"
#include "workers/worker_loop.h"

#define LOOK_INTERVAL_MS	(10 * 60 * 1000)
#define RESTART_INTERVAL_MS 5000
#define LAUNCHER_RESTART_SECS 5

/* A worker that has not settled by then connects to a database that is locked. */
#define SETTLE_MS			5000

typedef struct Candidate
{
	Oid			database;
	bool		is_open;		/* takes connections, no template, listed */
} Candidate;

/* When a worker of a database was started last. */
typedef struct LastStart
{
	Oid			database;
	TimestampTz at;
} LastStart;

static List *last_starts = NIL; /* in TopMemoryContext */

static void run_loop(void);
static void look_everywhere(void);
static long start_wanted(void);
static bool may_start(Oid database);
static List *read_databases(void);
static Candidate *find_candidate(List *candidates, Oid database);
static LastStart *get_last_start(Oid database);
static bool start_worker(Oid database);
static void wait_settled(Oid database, BackgroundWorkerHandle *handle);

void
launcher_register(void)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = LAUNCHER_RESTART_SECS;
	strlcpy(worker.bgw_library_name, "andon", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "andon_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "andon launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "andon launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

void
andon_launcher_main(Datum arg)
{
	worker_loop_init();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	feed_database_attach_launcher();
	run_loop();
}

static void
run_loop(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "andon launcher",
												  ALLOCSET_DEFAULT_SIZES);
	TimestampTz next_look = GetCurrentTimestamp();

	for (;;)
	{
		long		wait_ms;

		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		if (GetCurrentTimestamp() >= next_look)
		{
			look_everywhere();
			next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_INTERVAL_MS);
		}
		wait_ms = Min(start_wanted(), worker_loop_ms_until(next_look));
		if (wait_ms > 0)
			worker_loop_wait(wait_ms);
	}
}

static void
look_everywhere(void)
{
	List	   *candidates = read_databases();
	ListCell   *cell;

	foreach(cell, candidates)
	{
		Candidate  *candidate = lfirst(cell);

		if (candidate->is_open && feed_database_is_vacant(candidate->database) &&
			!start_worker(candidate->database))
			break;
	}
}

/*
 * Returns when to come again: at once if one was started, for while that settled
 * the latch may have been set for another.
 */
static long
start_wanted(void)
{
	List	   *wanted = feed_database_list_wanted();
	List	   *candidates = wanted ? read_databases() : NIL;
	ListCell   *cell;
	long		wait_ms = LOOK_INTERVAL_MS;

	foreach(cell, wanted)
	{
		Oid			database = lfirst_oid(cell);
		Candidate  *candidate = find_candidate(candidates, database);

		if (candidate == NULL)
			feed_database_forget(database);
		else if (candidate->is_open)
		{
			if (!may_start(database) || !start_worker(database))
				wait_ms = Min(wait_ms, RESTART_INTERVAL_MS);
			else
				wait_ms = 0;
		}
	}
	return wait_ms;
}

static bool
may_start(Oid database)
{
	return feed_database_take_leave(database) ||
		TimestampDifferenceExceeds(get_last_start(database)->at, GetCurrentTimestamp(),
								   RESTART_INTERVAL_MS);
}

static List *
read_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *result = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(context);
		Candidate  *candidate = palloc(sizeof(Candidate));

		candidate->database = form->oid;
		candidate->is_open = form->datallowconn && form->datconnlimit != -2 &&
			!form->datistemplate && feed_database_is_listed(NameStr(form->datname));
		result = lappend(result, candidate);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return result;
}

static Candidate *
find_candidate(List *candidates, Oid database)
{
	ListCell   *cell;

	foreach(cell, candidates)
		if (((Candidate *) lfirst(cell))->database == database)
			return lfirst(cell);
	return NULL;
}

static LastStart *
get_last_start(Oid database)
{
	ListCell   *cell;
	LastStart  *last;
	MemoryContext old;

	foreach(cell, last_starts)
		if (((LastStart *) lfirst(cell))->database == database)
			return lfirst(cell);
	old = MemoryContextSwitchTo(TopMemoryContext);
	last = palloc0(sizeof(LastStart));
	last->database = database;
	last->at = DT_NOBEGIN;
	last_starts = lappend(last_starts, last);
	MemoryContextSwitchTo(old);
	return last;
}

/* False if the server has no room for it. */
static bool
start_worker(Oid database)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	strlcpy(worker.bgw_library_name, "andon", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "andon_feed_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "andon feed worker for database %u", database);
	strlcpy(worker.bgw_type, "andon feed worker", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no feed worker could be started for database %u", database),
				 errdetail("All background worker slots are taken."),
				 errhint("Increase max_worker_processes: one for the launcher, one per database with the extension, one more to look around and to vacuum with.")));
		return false;
	}
	get_last_start(database)->at = GetCurrentTimestamp();
	wait_settled(database, handle);
	return true;
}

/* Until it has taken up its work, or ended: one at a time looks around. */
static void
wait_settled(Oid database, BackgroundWorkerHandle *handle)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SETTLE_MS);
	pid_t		pid;

	while (GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED &&
		   !feed_database_has_worker(database) && GetCurrentTimestamp() < end)
		worker_loop_wait(Min(100, worker_loop_ms_until(end)));
}
