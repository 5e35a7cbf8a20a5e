/*-------------------------------------------------------------------------
 *
 * feed_worker.c
 *	  The worker of one database: ticks, housekeeping, deadlines, vacuum.
 *
 * It connects, looks for the extension, and ends at once if there is none.  Else
 * it claims the database's entry in shared memory (feed/feed_database.h) and
 * goes round: it sleeps until a writer has committed changes, rests what is left
 * of andon.feed_window since the last tick, so that one tick tells of many
 * commits, and runs a tick (maintain/tick.h).  After many changes it folds the
 * counters, for counts() reads what came since.  When nobody wakes it, it looks
 * every andon.feed_interval, and every second while prepared transactions may
 * end without telling anybody.
 *
 * Between its turns it has no transaction open, and no lock: DROP EXTENSION does
 * not wait for it, and it sees before the next tick that the extension is gone.
 * A statement that wants the database without connections holds the entry; then
 * it ends, and the launcher starts it again when the statement is over.
 *
 * An ERROR of a tick ends the process: the launcher starts another, which goes
 * on from the last tick's row, in the same epoch.  Errors of the housekeeping are
 * logged and tried again in their time: the feed does not depend on them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/wal.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "contract/andon_contract.h"
#include "feed/feed_database.h"
#include "feed/slots.h"
#include "maintain/tick.h"
#include "workers/board_vacuum.h"
#include "workers/launcher.h"
#include "workers/maintain.h"
#include "workers/sla_watcher.h"
#include "workers/worker_loop.h"

#define PREPARED_INTERVAL_MS	1000

/* Counters are folded after so many changes, but not all the time. */
#define FOLD_AFTER_CHANGES		1000
#define FOLD_INTERVAL_MS		200

/* When what is due next. */
typedef struct Schedule
{
	TimestampTz rested;			/* the next tick may begin */
	TimestampTz next_tick;		/* it begins, asked for or not */
	TimestampTz next_maintain;
	TimestampTz next_watch;
	TimestampTz next_vacuum;
	TimestampTz next_fold;
	uint64		unfolded;		/* changes told since the last */
} Schedule;

static FeedDatabase *entry;
static char *database_name;		/* it cannot change while we are connected */
static uint64 epoch;
static bool has_more_to_watch;

static Oid	find_extension(void);
static void begin_feed(Oid extension);
static void run_loop(void);
static long ms_to_wait(const Schedule *schedule);
static void leave_if_asked(void);
static void leave_without(Oid extension);
static void run_tick(Schedule *schedule);
static void make_tick(TickResult *result);
static void run_chore(const char *what, void (*chore) (void));
static void maintain(void);
static void fold(void);
static void watch(void);
static TimestampTz from_now(int64 ms);

void
andon_feed_worker_main(Datum arg)
{
	Oid			extension;

	worker_loop_init();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	/* what a crash takes is told in the next epoch */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	extension = find_extension();
	if (!OidIsValid(extension))
	{
		feed_database_unwant();
		proc_exit(0);
	}
	entry = feed_database_claim();
	if (entry == NULL)
		proc_exit(0);
	begin_feed(extension);
	run_loop();
}

/* InvalidOid also if its tables are too old for a feed. */
static Oid
find_extension(void)
{
	Oid			result;

	StartTransactionCommand();
	result = get_extension_oid(ANDON_SCHEMA, true);
	if (database_name == NULL)
		database_name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	if (!OidIsValid(board_catalog_relid("tick")))
		result = InvalidOid;
	CommitTransactionCommand();
	return result;
}

/*
 * A new epoch where ticks of before may have been lost: this shared memory has
 * seen none, or the extension is another one.  Then there may also be prepared
 * transactions that have no slot.
 */
static void
begin_feed(Oid extension)
{
	epoch = feed_database_find_epoch(entry, extension);
	if (epoch == 0)
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		slots_adopt_prepared(MyDatabaseId);
		PopActiveSnapshot();
		CommitTransactionCommand();
		epoch = tick_draw_epoch();
		feed_database_set_epoch(entry, extension, epoch);
	}
}

static void
run_loop(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "andon feed worker",
												  ALLOCSET_DEFAULT_SIZES);
	Schedule	schedule = {0};

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();

		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		leave_if_asked();
		if (now >= schedule.next_tick ||
			(now >= schedule.rested && feed_database_has_work(entry)))
			run_tick(&schedule);
		else if (schedule.unfolded >= FOLD_AFTER_CHANGES && now >= schedule.next_fold)
		{
			run_chore("counters", fold);
			schedule.next_fold = from_now(FOLD_INTERVAL_MS);
			schedule.unfolded = 0;
		}
		else if (guc_maintain_interval_secs > 0 && now >= schedule.next_maintain)
		{
			run_chore("housekeeping", maintain);
			schedule.next_maintain = from_now(guc_maintain_interval_secs * INT64CONST(1000));
		}
		else if (now >= schedule.next_watch)
		{
			run_chore("deadlines", watch);
			schedule.next_watch = from_now(has_more_to_watch ? 0 : SLA_WATCH_INTERVAL_MS);
		}
		else if (now >= schedule.next_vacuum)
		{
			run_chore("vacuum", board_vacuum_look);
			schedule.next_vacuum = from_now(BOARD_VACUUM_LOOK_INTERVAL_MS);
		}
		else
			worker_loop_wait(ms_to_wait(&schedule));
	}
}

static long
ms_to_wait(const Schedule *schedule)
{
	TimestampTz then = Min(schedule->next_tick, schedule->next_watch);

	then = Min(then, schedule->next_vacuum);
	if (feed_database_has_work(entry))
		then = Min(then, schedule->rested);
	if (guc_maintain_interval_secs > 0)
		then = Min(then, schedule->next_maintain);
	if (schedule->unfolded >= FOLD_AFTER_CHANGES)
		then = Min(then, schedule->next_fold);
	return worker_loop_ms_until(then);
}

static void
leave_if_asked(void)
{
	if (feed_database_is_held(entry) || !feed_database_is_listed(database_name))
		proc_exit(0);
}

/* If it was dropped; if another was created meanwhile, its worker is the next. */
static void
leave_without(Oid extension)
{
	Oid			found = find_extension();

	if (found == extension)
		return;
	if (!OidIsValid(found))
		feed_database_unwant();
	proc_exit(0);
}

static void
run_tick(Schedule *schedule)
{
	TickResult	result = {0};
	FeedTick	done;

	CHECK_FOR_INTERRUPTS();
	feed_database_take_work(entry);
	leave_without(feed_database_extension(entry));
	make_tick(&result);
	done.tick = result.tick;
	done.lsn = result.lsn;
	done.safe_lsn = result.safe_lsn;
	done.changes = result.changes;
	done.notifications = result.notifications;
	done.is_resync = result.resync;
	feed_database_finish_work(entry, &done);
	schedule->unfolded += result.changes;
	schedule->rested = from_now(guc_feed_window_ms);
	schedule->next_tick = from_now(slots_have_prepared(MyDatabaseId) ?
								   Min(guc_feed_interval_ms, PREPARED_INTERVAL_MS) :
								   guc_feed_interval_ms);
	pgstat_report_stat(false);
}

/*
 * The order matters: insert position, slots, and then the snapshot, which
 * tick_make() takes (feed/slots.c).
 */
static void
make_tick(TickResult *result)
{
	TickOrder	order = {0};

	pgstat_report_activity(STATE_RUNNING, "tick");
	StartTransactionCommand();
	order.epoch = epoch;
	order.safe_lsn = slots_find_oldest(MyDatabaseId, wal_insert_end());
	order.notifies = guc_notify == NOTIFY_WORKER;
	tick_make(&order, result);
	/* an epoch that a crash takes back could be drawn again */
	if (result->is_first)
		ForceSyncCommit();
	CommitTransactionCommand();
}

/* In a transaction of its own; what goes wrong is logged. */
static void
run_chore(const char *what, void (*chore) (void))
{
	MemoryContext context = CurrentMemoryContext;

	pgstat_report_activity(STATE_RUNNING, what);
	PG_TRY();
	{
		StartTransactionCommand();
		chore();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

static void
maintain(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) maintain_run();
	PopActiveSnapshot();
}

/* If the counters are locked: with the next changes. */
static void
fold(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) maintain_fold();
	PopActiveSnapshot();
}

static void
watch(void)
{
	has_more_to_watch = false;
	has_more_to_watch = sla_watch();
}

static TimestampTz
from_now(int64 ms)
{
	return GetCurrentTimestamp() + ms * 1000;
}
