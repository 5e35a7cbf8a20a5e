/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  Who is about to commit changes of boards: one slot per backend.
 *
 * The rule.  A writer W stores V, the insert position of that moment, in its
 * slot; then its commit record is inserted, flushed, perhaps waits for a
 * standby; then W becomes visible; then it clears the slot.  The feed's tick T
 * samples the insert position L, scans the slots, takes its snapshot, and says
 * safe_lsn = min(L, slots): what has its commit record before safe_lsn is in
 * the snapshot.  Why this is so, for each place the scan can have in W's life:
 *
 *	  W's slot when T reads it		W's commit record		W in T's snapshot
 *	  ----------------------------	----------------------	-----------------
 *	  not filled yet				after L					does not matter
 *	  V								after V, >= safe_lsn	does not matter
 *	  cleared						anywhere				yes
 *
 * The first line:  W stores its slot, full barrier, inserts its record, and
 * the place of a record is given out under the lock under which T reads L.  Had
 * the record got its place before L, T would have passed that lock after W, and
 * have seen the slot.  The last line:  W clears the slot when it is visible,
 * and T's snapshot is younger than T's scan.
 *
 *	  W: V=100, slot=100				record at 120..140	(waits)		visible	slot=0
 *	  T1:					L=110, scan: 100, snapshot			safe 100: W is not told
 *	  T2:													L=150, scan: 100, snapshot
 *																	safe 100: W not told
 *	  T3:		L=150, scan: nothing, snapshot: W is in it			safe 150: W is told
 *
 * Prepared transactions.  COMMIT PREPARED runs in another session, perhaps
 * without any callback of ours, and after a restart of the server.  So
 * PRE_PREPARE fills a second slot, which knows the transaction and keeps V
 * until somebody finds that the transaction is no longer in progress; only then
 * is it visible.  The backend's own slot is cleared after the second is filled,
 * and the scan reads backends' slots first:
 *
 *	  W: own=100	prepared=100	PREPARE	own=0		COMMIT PREPARED
 *	  T:			reads own: 100 -> safe; or 0: then prepared was filled
 *					before, and is read after
 *
 * A rollback of PREPARE frees it.  What was prepared before this shared memory
 * was made has no slot: the first worker of a database looks for such
 * transactions and gives them one, with a position older than any record that
 * was written since (slots_adopt_prepared).
 *
 * How a slot is left:
 *
 *	  event								who clears it
 *	  COMMIT, ROLLBACK					the callback
 *	  ERROR after PRE_COMMIT			the callback, as ABORT
 *	  FATAL, pg_terminate_backend		the same; else the exit callback
 *	  kill -9, PANIC					shared memory is made anew, all slots empty:
 *										no transaction is between record and end
 *	  PREPARE							the callback; the prepared slot stays
 *	  COMMIT PREPARED, ROLLBACK			whoever scans next; the statement's hook
 *	  PREPARED							asks the worker to (workers/database_ddl.c)
 *
 * Under NOTHROW there is no allocation, no look-up, no lock, no ereport: an
 * ERROR in a commit callback is a PANIC.  What may be called there is listed in
 * tests/extension/t/test_nothrow.py, which reads the machine code.
 *
 * A slot belongs to a PGPROC.  Parallel workers write no boards.  Slots of
 * prepared transactions are claimed by compare-and-swap of their xid, and freed
 * by whoever sees that it has ended; the other fields are written in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"

#include "base/spi_util.h"
#include "base/wal.h"
#include "feed/feed_database.h"
#include "feed/slots.h"

/* Written by its backend only. */
typedef struct BackendSlot
{
	pg_atomic_uint64 lsn;		/* 0: empty */
	pg_atomic_uint32 database;	/* written before lsn */
} BackendSlot;

typedef union PaddedSlot
{
	BackendSlot slot;
	char		padding[PG_CACHE_LINE_SIZE];
} PaddedSlot;

/* Of a prepared transaction. */
typedef struct PreparedSlot
{
	pg_atomic_uint32 xid;		/* Invalid: empty; Frozen: being filled */
	pg_atomic_uint32 database;	/* the rest is written before xid */
	pg_atomic_uint64 lsn;
} PreparedSlot;

#define XID_BEING_FILLED FrozenTransactionId

typedef struct SlotsShared
{
	XLogRecPtr	start_lsn;		/* all WAL written since lies behind it */
	PreparedSlot *prepared;		/* max_prepared_xacts of them */
	PaddedSlot	backends[FLEXIBLE_ARRAY_MEMBER];	/* MaxBackends of them */
} SlotsShared;

static SlotsShared *shared = NULL;
static BackendSlot *own = NULL;
static bool is_noted = false;	/* the transaction has changes to announce */
static PreparedSlot *reserved = NULL;	/* by the present PRE_PREPARE */
static FeedDatabase *to_wake = NULL;

static Size shared_size(void);
static XLogRecPtr find_start_lsn(void);
static void take_own_slot(void);
static void on_exit_clear(int code, Datum arg);
static void adopt(TransactionId xid, Oid database);
static PreparedSlot *find_prepared(TransactionId xid);
static PreparedSlot *reserve(void);
static bool free_if_ended(PreparedSlot *slot, TransactionId xid);
static void fill_prepared(PreparedSlot *slot, TransactionId xid, Oid database, XLogRecPtr lsn);
static void finish(bool has_news);

void
slots_request_shmem(void)
{
	RequestAddinShmemSpace(shared_size());
}

void
slots_init_shmem(void)
{
	bool		found;

	shared = ShmemInitStruct("andon slots", shared_size(), &found);
	if (found)
		return;
	memset(shared, 0, shared_size());
	shared->prepared = (PreparedSlot *) &shared->backends[MaxBackends];
	shared->start_lsn = find_start_lsn();
	for (int i = 0; i < MaxBackends; i++)
	{
		pg_atomic_init_u64(&shared->backends[i].slot.lsn, 0);
		pg_atomic_init_u32(&shared->backends[i].slot.database, 0);
	}
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		pg_atomic_init_u32(&shared->prepared[i].xid, InvalidTransactionId);
		pg_atomic_init_u32(&shared->prepared[i].database, 0);
		pg_atomic_init_u64(&shared->prepared[i].lsn, 0);
	}
}

static Size
shared_size(void)
{
	Size		size = offsetof(SlotsShared, backends);

	size = add_size(size, mul_size(MaxBackends, sizeof(PaddedSlot)));
	return MAXALIGN(add_size(size, mul_size(max_prepared_xacts, sizeof(PreparedSlot))));
}

/*
 * Whoever makes the shared memory runs before recovery: what is written from
 * then on, or was prepared before and commits later, lies behind this.
 */
static XLogRecPtr
find_start_lsn(void)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	XLogRecPtr	result = crc_ok ? control->checkPointCopy.redo : 1;

	pfree(control);
	return result;
}

bool
slots_are_there(void)
{
	return shared != NULL;
}

void
slots_require_worker(const char *what)
{
	if (shared)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s needs the feed worker", what),
			 errdetail("The library was not loaded at server start."),
			 errhint("Add andon to shared_preload_libraries and restart the server.")));
}

void
slots_note_change(void)
{
	is_noted = true;
}

void
slots_announce(void)
{
	if (!is_noted || shared == NULL)
		return;
	take_own_slot();
	to_wake = feed_database_is_served() ? feed_database_want() : NULL;
	pg_atomic_write_u32(&own->database, MyDatabaseId);
	pg_write_barrier();
	pg_atomic_write_u64(&own->lsn, wal_insert_end());
	pg_memory_barrier();
}

static void
take_own_slot(void)
{
	ptrdiff_t	number = MyProc - ProcGlobal->allProcs;

	if (own)
		return;
	if (number < 0 || number >= MaxBackends)
		elog(ERROR, "process %d has no slot", MyProcPid);
	own = &shared->backends[number].slot;
	on_shmem_exit(on_exit_clear, (Datum) 0);
}

static void
on_exit_clear(int code, Datum arg)
{
	pg_atomic_write_u64(&own->lsn, 0);
}

void
slots_announce_prepared(void)
{
	if (!is_noted || shared == NULL)
		return;
	slots_announce();
	reserved = reserve();
	if (reserved == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("maximum number of prepared transactions reached"),
				 errhint("Increase max_prepared_transactions (currently %d).",
						 max_prepared_xacts)));
	fill_prepared(reserved, GetTopTransactionId(), MyDatabaseId, pg_atomic_read_u64(&own->lsn));
}

/* ------------------------------------------------------------- NOTHROW */

void
slots_on_commit(void)
{
	finish(true);
}

void
slots_on_abort(void)
{
	if (reserved)
		pg_atomic_write_u32(&reserved->xid, InvalidTransactionId);
	finish(false);
}

void
slots_on_prepare(void)
{
	finish(false);
}

static void
finish(bool has_news)
{
	bool		wakes = false;

	reserved = NULL;
	is_noted = false;
	if (to_wake == NULL && own == NULL)
		return;
	if (to_wake && has_news)
		wakes = feed_database_ask(to_wake);
	if (own)
	{
		/* not before the transaction is visible */
		pg_memory_barrier();
		pg_atomic_write_u64(&own->lsn, 0);
	}
	if (wakes)
		feed_database_wake(to_wake);
	to_wake = NULL;
}

/* -------------------------------------------------------- end of NOTHROW */

XLogRecPtr
slots_find_oldest(Oid database, XLogRecPtr upper)
{
	XLogRecPtr	result = upper;

	pg_memory_barrier();
	for (int i = 0; i < MaxBackends; i++)
	{
		BackendSlot *slot = &shared->backends[i].slot;
		XLogRecPtr	lsn = pg_atomic_read_u64(&slot->lsn);

		if (lsn == 0 || lsn >= result)
			continue;
		pg_read_barrier();
		if (pg_atomic_read_u32(&slot->database) == database)
			result = lsn;
	}
	pg_memory_barrier();
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		PreparedSlot *slot = &shared->prepared[i];
		TransactionId xid = pg_atomic_read_u32(&slot->xid);

		if (!TransactionIdIsNormal(xid))
			continue;
		pg_read_barrier();
		if (pg_atomic_read_u32(&slot->database) != database)
			continue;
		if (!free_if_ended(slot, xid))
			result = Min(result, pg_atomic_read_u64(&slot->lsn));
	}
	pg_memory_barrier();
	return result;
}

/* What it committed may not have been told: that is asked for first. */
static bool
free_if_ended(PreparedSlot *slot, TransactionId xid)
{
	uint32		expected = xid;

	if (TransactionIdIsInProgress(xid))
		return false;
	feed_database_ask_for(pg_atomic_read_u32(&slot->database));
	(void) pg_atomic_compare_exchange_u32(&slot->xid, &expected, InvalidTransactionId);
	return true;
}

bool
slots_have_prepared(Oid database)
{
	for (int i = 0; i < max_prepared_xacts; i++)
		if (TransactionIdIsNormal(pg_atomic_read_u32(&shared->prepared[i].xid)) &&
			pg_atomic_read_u32(&shared->prepared[i].database) == database)
			return true;
	return false;
}

void
slots_adopt_prepared(Oid database)
{
	int			rc;

	if (max_prepared_xacts == 0)
		return;
	spi_connect();
	rc = SPI_execute("SELECT p.transaction FROM pg_catalog.pg_prepared_xacts p"
					 " WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database()", true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "query of prepared transactions failed: %s", SPI_result_code_string(rc));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;

		adopt(DatumGetTransactionId(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
												  1, &isnull)), database);
	}
	spi_finish();
}

static void
adopt(TransactionId xid, Oid database)
{
	PreparedSlot *slot;

	if (find_prepared(xid))
		return;
	slot = reserve();
	if (slot == NULL)
		elog(ERROR, "no slot for prepared transaction %u is free", xid);
	fill_prepared(slot, xid, database, shared->start_lsn);
}

static PreparedSlot *
find_prepared(TransactionId xid)
{
	for (int i = 0; i < max_prepared_xacts; i++)
		if (pg_atomic_read_u32(&shared->prepared[i].xid) == xid)
			return &shared->prepared[i];
	return NULL;
}

/* There are as many as transactions can be prepared: NULL if so many are. */
static PreparedSlot *
reserve(void)
{
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		PreparedSlot *slot = &shared->prepared[i];
		uint32		xid = pg_atomic_read_u32(&slot->xid);
		uint32		empty = InvalidTransactionId;

		if (TransactionIdIsNormal(xid))
			(void) free_if_ended(slot, xid);
		if (pg_atomic_compare_exchange_u32(&slot->xid, &empty, XID_BEING_FILLED))
			return slot;
	}
	return NULL;
}

static void
fill_prepared(PreparedSlot *slot, TransactionId xid, Oid database, XLogRecPtr lsn)
{
	pg_atomic_write_u32(&slot->database, database);
	pg_atomic_write_u64(&slot->lsn, lsn);
	pg_memory_barrier();
	pg_atomic_write_u32(&slot->xid, xid);
	pg_memory_barrier();
}
