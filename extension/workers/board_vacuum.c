/*-------------------------------------------------------------------------
 *
 * board_vacuum.c
 *	  Vacuums busy boards between the rounds of autovacuum.
 *
 * Every change of a status leaves a dead version whose entries stand in the
 * board's indexes, so its line pointer is not free before vacuum has been there:
 * a page holds 291 of them, and a board grows by one page in 291 changes, and by
 * as much again in its indexes.  Autovacuum visits a database once in a minute
 * (autovacuum_naptime).  A board of a few megabytes that takes thousands of
 * changes a second is many times its size by then, and stays so; to vacuum it
 * takes milliseconds.  On a large board the same growth is a small part of it.
 *
 * PostgreSQL's statistics tell how many rows are dead; autovacuum and VACUUM by
 * hand set them back too.  Some old snapshot may want them all: so a board is due
 * only when there were as many changes since our last vacuum of it began, and the
 * work is a small part of the changes' own, come what may.
 *
 * Vacuum may wait for a cursor that rests on a page of an index, which may be
 * long: a process of its own does it, under a timeout, and takes the board's lock
 * only if nobody has it.  It leaves the cutting off of empty pages, for which
 * readers and replicas would have to wait, to autovacuum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "postmaster/bgworker.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timeout.h"

#include "base/compat.h"
#include "board/board.h"
#include "workers/board_vacuum.h"
#include "workers/worker_loop.h"

#define VACUUM_TIMEOUT_MS	10000

/* How many changes of its rows a board had seen when our last vacuum began. */
typedef struct LastVacuum
{
	Oid			board;
	int64		changes;
} LastVacuum;

static List *last_vacuums = NIL;	/* in TopMemoryContext */
static BackgroundWorkerHandle *running = NULL;

static bool is_under_way(void);
static bool is_due(Oid board, LastVacuum *last, int64 *changes);
static LastVacuum *get_last(Oid board);
static bool may_vacuum(Oid board);
static bool start_vacuum(Oid board);
static void run_vacuum(Oid board);

void
board_vacuum_look(void)
{
	ListCell   *cell;

	if (!AutoVacuumingActive() || is_under_way())
		return;
	foreach(cell, board_list_all())
	{
		Oid			board = lfirst_oid(cell);
		LastVacuum *last = get_last(board);
		int64		changes;

		if (is_due(board, last, &changes) && may_vacuum(board) && start_vacuum(board))
		{
			last->changes = changes;
			break;
		}
	}
}

void
andon_board_vacuum_main(Datum arg)
{
	Oid			board;

	memcpy(&board, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	worker_loop_init();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	/* where VACUUM keeps what outlives the transactions that it ends itself */
	PortalContext = AllocSetContextCreate(TopMemoryContext, "andon board vacuum",
										  ALLOCSET_DEFAULT_SIZES);
	StartTransactionCommand();
	enable_timeout_after(STATEMENT_TIMEOUT, VACUUM_TIMEOUT_MS);
	run_vacuum(board);
	disable_timeout(STATEMENT_TIMEOUT, false);
	CommitTransactionCommand();
	proc_exit(0);
}

static bool
is_under_way(void)
{
	pid_t		pid;

	if (running == NULL)
		return false;
	if (GetBackgroundWorkerPid(running, &pid) != BGWH_STOPPED)
		return true;
	pfree(running);
	running = NULL;
	return false;
}

/* changes: how many it has seen by now. */
static bool
is_due(Oid board, LastVacuum *last, int64 *changes)
{
	const PgStat_StatTabEntry *stats = pgstat_fetch_stat_tabentry(board);

	if (stats == NULL)
		return false;
	*changes = stats->tuples_updated + stats->tuples_deleted;
	/* they begin at 0 again when somebody resets them */
	last->changes = Min(last->changes, *changes);
	return compat_dead_rows(stats) >= BOARD_VACUUM_DEAD_ROWS &&
		*changes - last->changes >= BOARD_VACUUM_DEAD_ROWS;
}

static LastVacuum *
get_last(Oid board)
{
	ListCell   *cell;
	LastVacuum *last;
	MemoryContext old;

	foreach(cell, last_vacuums)
		if (((LastVacuum *) lfirst(cell))->board == board)
			return lfirst(cell);
	old = MemoryContextSwitchTo(TopMemoryContext);
	last = palloc0(sizeof(LastVacuum));
	last->board = board;
	last_vacuums = lappend(last_vacuums, last);
	MemoryContextSwitchTo(old);
	return last;
}

/* Is it small enough, and does its owner let it be vacuumed? */
static bool
may_vacuum(Oid board)
{
	Relation	rel;
	const StdRdOptions *options;
	bool		result;

	if (!ConditionalLockRelationOid(board, AccessShareLock))
		return false;
	rel = try_relation_open(board, NoLock);
	if (rel == NULL)
		return false;
	options = (const StdRdOptions *) rel->rd_options;
	result = (options == NULL || options->autovacuum.enabled) &&
		RelationGetNumberOfBlocks(rel) <= BOARD_VACUUM_MAX_PAGES;
	relation_close(rel, NoLock);
	return result;
}

/* False if the server has no room for another process. */
static bool
start_vacuum(Oid board)
{
	BackgroundWorker worker = {0};
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	memcpy(worker.bgw_extra, &board, sizeof(Oid));
	strlcpy(worker.bgw_library_name, "andon", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "andon_board_vacuum_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "andon vacuum of board %u", board);
	strlcpy(worker.bgw_type, "andon board vacuum", BGW_MAXLEN);
	started = RegisterDynamicBackgroundWorker(&worker, &running);
	MemoryContextSwitchTo(old);
	return started;
}

static void
run_vacuum(Oid board)
{
	VacuumStmt *stmt = makeNode(VacuumStmt);

	pgstat_report_activity(STATE_RUNNING, "vacuum of a board");
	stmt->is_vacuumcmd = true;
	stmt->rels = list_make1(makeVacuumRelation(NULL, board, NIL));
	stmt->options = list_make3(makeDefElem("skip_locked", NULL, -1),
							   makeDefElem("truncate", (Node *) makeString("false"), -1),
							   makeDefElem("parallel", (Node *) makeInteger(0), -1));
	ExecVacuum(make_parsestate(NULL), stmt, true);
}
