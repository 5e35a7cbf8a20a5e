/*-------------------------------------------------------------------------
 *
 * sla_watcher.c
 *	  Opens alerts about orders that are in a status for too long, and closes
 *	  them when the order has left it.
 *
 * For each deadline two sets are compared: stays on the board that are over the
 * time allowed now, and alerts that are open.  A stay without an alert gets one,
 * an alert without its stay is closed.  So nothing has to be remembered about
 * what was missed: changes of the deadline, late commits of long transactions,
 * times without a watcher come out right by the next round.  An order that leaves
 * and comes back has another andon_since: another stay.
 *
 * Both sets are read in order of since, by index, a chunk at a time:
 *
 *	  stays	 ----s--s-s---s-s|			at most SLA_CHUNK of each; what is behind
 *	  alerts ----a--a---a-a--|-a--a		the end of the shorter is left for the next
 *								   ^until
 *
 * A round takes at most SLA_CHUNKS of them per deadline, notes where it stopped
 * (andon.sla.swept), and looks at once at what is newer than the newest open
 * alert: what has just become overdue does not wait for the sweep to come round.
 *
 * Against writers: the board is read like any table, in a snapshot; a status
 * that changes at the same moment is seen before or after.
 *
 *	  watcher								writer
 *	  reads the board: 17 overdue
 *											UPDATE orders .. 17; COMMIT
 *	  opens the alert; COMMIT
 *	  next round: no such stay: closes it
 *
 * Against DDL and other watchers: the watch over the board and AccessShareLock
 * on it are taken if they are to be had at once; else the board's turn is the
 * next round's.
 *
 * The board is read as its owner, with the settings that it is maintained under,
 * so that keys look as they do in the change log.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/locks.h"
#include "base/spi_util.h"
#include "base/wal.h"
#include "board/board_catalog.h"
#include "board/board_sla.h"
#include "contract/andon_contract.h"
#include "feed/alert_payload.h"
#include "workers/sla_watcher.h"
#include "workers/step.h"

#define SLA_CHUNK		1000	/* stays, and alerts, that are compared at once */
#define SLA_CHUNKS		5		/* of one deadline in a round */
#define SLA_EXPIRE		5000	/* alerts that are deleted in a round */

/* A stay that is overdue, or an open alert. */
typedef struct Watched
{
	TimestampTz since;
	char	   *key;			/* text of a jsonb object */
	Datum		tid;			/* of an alert */
	char	   *severity;		/* of an alert */
	int64		max_dwell_us;	/* of an alert */
} Watched;

/* One board's part of a round. */
typedef struct Watch
{
	Oid			relid;
	Board	   *board;
	const BoardSla *sla;		/* the one at hand */
	TimestampTz now;
	List	   *events;			/* of AlertEvent */
	bool		more;			/* something is left for the next round */
} Watch;

/* What a chunk calls for: lists of Watched. */
typedef struct Verdict
{
	List	   *open;			/* stays */
	List	   *change;			/* alerts, as are those to close */
	List	   *close;
} Verdict;

static void watch_board_safely(Watch *watch);
static bool watch_board(void *arg);
static void watch_sla(Watch *watch);
static TimestampTz watch_chunk(Watch *watch, TimestampTz after);
static List *read_stays(Watch *watch, TimestampTz after);
static List *read_alerts(Watch *watch, TimestampTz after);
static TimestampTz find_newest_alert(Watch *watch);
static TimestampTz chunk_end(List *watched);
static List *sort_until(List *watched, TimestampTz end);
static int	compare_watched(const ListCell *a, const ListCell *b);
static void judge(const BoardSla *sla, List *stays, List *alerts, Verdict *verdict);
static void open_alerts(Watch *watch, List *stays);
static void change_alerts(Watch *watch, List *alerts);
static void close_alerts(Watch *watch, List *alerts);
static void add_event(Watch *watch, AlertKind kind, const Watched *watched);
static void note_progress(Watch *watch, TimestampTz swept);
static void announce(Watch *watch);
static bool expire_alerts(void);
static Datum build_array(List *watched, Oid type);
static void run(const char *sql, int nargs, Oid *types, Datum *values, int expected);

bool
sla_watch(void)
{
	bool		more = false;
	MemoryContext context;
	OwnerScope	scope;
	ListCell   *cell;

	if (!OidIsValid(board_catalog_relid("sla")))
		return false;
	/* SPI wants one to be there, and takes newer ones for its statements */
	PushActiveSnapshot(GetTransactionSnapshot());
	spi_util_enter_internal(&scope, board_catalog_owner());
	spi_connect();
	context = CurrentMemoryContext;
	foreach(cell, board_list_all())
	{
		Watch		watch = {.relid = lfirst_oid(cell)};

		if (board_sla_list(watch.relid) == NIL)
			continue;
		watch_board_safely(&watch);
		MemoryContextSwitchTo(context);
		more = more || watch.more;
	}
	more = expire_alerts() || more;
	spi_finish();
	spi_util_leave_owner(&scope);
	PopActiveSnapshot();
	return more;
}

/* As a step; its error is a warning. */
static void
watch_board_safely(Watch *watch)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		(void) step_run(watch_board, watch);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("alerts of board %s are not up to date: %s",
						watch->board ? watch->board->qualified : psprintf("%u", watch->relid),
						error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

/* Never false: what is not to be had at once is left for the next round. */
static bool
watch_board(void *arg)
{
	Watch	   *watch = arg;
	ListCell   *cell;

	watch->events = NIL;
	watch->more = false;
	if (!locks_try_watch(watch->relid) ||
		!ConditionalLockRelationOid(watch->relid, AccessShareLock))
		return true;
	watch->board = board_load(watch->relid);
	if (watch->board == NULL)
		return true;
	watch->now = GetCurrentTimestamp();
	foreach(cell, board_sla_list(watch->relid))
	{
		watch->sla = lfirst(cell);
		watch_sla(watch);
	}
	announce(watch);
	return true;
}

static void
watch_sla(Watch *watch)
{
	TimestampTz swept = watch->sla->swept;

	for (int i = 0; i < SLA_CHUNKS; i++)
	{
		swept = watch_chunk(watch, swept);
		if (swept == DT_NOEND)
		{
			note_progress(watch, DT_NOBEGIN);
			return;
		}
	}
	watch->more = true;
	note_progress(watch, swept);
	(void) watch_chunk(watch, Max(swept, find_newest_alert(watch)));
}

/* Up to which moment stays and alerts agree now; DT_NOEND if to the end. */
static TimestampTz
watch_chunk(Watch *watch, TimestampTz after)
{
	List	   *stays = read_stays(watch, after);
	List	   *alerts = read_alerts(watch, after);
	TimestampTz end = Min(chunk_end(stays), chunk_end(alerts));
	Verdict		verdict = {0};

	CHECK_FOR_INTERRUPTS();
	judge(watch->sla, sort_until(stays, end), sort_until(alerts, end), &verdict);
	open_alerts(watch, verdict.open);
	change_alerts(watch, verdict.change);
	close_alerts(watch, verdict.close);
	return end;
}

static List *
read_stays(Watch *watch, TimestampTz after)
{
	Board	   *board = watch->board;
	List	   *result = NIL;
	List	   *stays;
	OwnerScope	scope;
	ListCell   *cell;

	if (watch->sla->max_dwell_us == 0)
		return NIL;
	spi_util_enter_owner(&scope, board->owner, board->settings);
	PushActiveSnapshot(GetLatestSnapshot());
	stays = board_sla_find_stays(board, watch->sla->status, after,
								 board_sla_cutoff(watch->sla, watch->now), SLA_CHUNK);
	PopActiveSnapshot();
	spi_util_leave_owner(&scope);
	foreach(cell, stays)
	{
		BoardStay  *stay = lfirst(cell);
		Watched    *watched = palloc0(sizeof(Watched));

		watched->since = stay->since;
		watched->key = stay->key;
		result = lappend(result, watched);
	}
	return result;
}

static List *
read_alerts(Watch *watch, TimestampTz after)
{
	Oid			types[] = {OIDOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {
		ObjectIdGetDatum(watch->relid),
		CStringGetTextDatum(watch->sla->status),
		TimestampTzGetDatum(after)
	};
	List	   *result = NIL;
	bool		isnull;

	run("SELECT a.ctid, a.since, a.key, a.severity, a.max_dwell FROM andon.alert a"
		" WHERE a.board = $1 AND a.status = $2 AND a.since > $3 AND a.closed IS NULL"
		" ORDER BY a.since FETCH FIRST " CppAsString2(SLA_CHUNK) " ROWS WITH TIES",
		lengthof(types), types, values, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		Watched    *watched = palloc0(sizeof(Watched));

		watched->tid = datumCopy(SPI_getbinval(tuple, desc, 1, &isnull), false,
								 sizeof(ItemPointerData));
		watched->since = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull));
		watched->key = SPI_getvalue(tuple, desc, 3);
		watched->severity = SPI_getvalue(tuple, desc, 4);
		watched->max_dwell_us = DatumGetIntervalP(SPI_getbinval(tuple, desc, 5, &isnull))->time;
		result = lappend(result, watched);
	}
	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* When the stay of the newest open alert began. */
static TimestampTz
find_newest_alert(Watch *watch)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(watch->relid),
		CStringGetTextDatum(watch->sla->status)
	};
	Datum		newest;
	bool		isnull;

	run("SELECT max(a.since) FROM andon.alert a"
		" WHERE a.board = $1 AND a.status = $2 AND a.closed IS NULL",
		lengthof(types), types, values, SPI_OK_SELECT);
	newest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_freetuptable(SPI_tuptable);
	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(newest);
}

/* Up to where these are all there are; they are in order of since. */
static TimestampTz
chunk_end(List *watched)
{
	return list_length(watched) < SLA_CHUNK ? DT_NOEND : ((Watched *) llast(watched))->since;
}

/* Those up to the end, by since and key. */
static List *
sort_until(List *watched, TimestampTz end)
{
	while (watched && ((Watched *) llast(watched))->since > end)
		watched = list_delete_last(watched);
	list_sort(watched, compare_watched);
	return watched;
}

static int
compare_watched(const ListCell *a, const ListCell *b)
{
	const Watched *left = lfirst(a);
	const Watched *right = lfirst(b);

	if (left->since != right->since)
		return left->since < right->since ? -1 : 1;
	return strcmp(left->key, right->key);
}

/* Both lists are sorted. */
static void
judge(const BoardSla *sla, List *stays, List *alerts, Verdict *verdict)
{
	ListCell   *stay = list_head(stays);
	ListCell   *alert = list_head(alerts);

	while (stay || alert)
	{
		int			order = !stay ? 1 : !alert ? -1 : compare_watched(stay, alert);

		if (order < 0)
			verdict->open = lappend(verdict->open, lfirst(stay));
		else if (order > 0)
			verdict->close = lappend(verdict->close, lfirst(alert));
		else
		{
			Watched    *watched = lfirst(alert);

			if (watched->max_dwell_us != sla->max_dwell_us ||
				strcmp(watched->severity, sla->severity) != 0)
				verdict->change = lappend(verdict->change, watched);
		}
		if (order <= 0)
			stay = lnext(stays, stay);
		if (order >= 0)
			alert = lnext(alerts, alert);
	}
}

/* An alert of the same stay that was closed, when more time was allowed, is opened again. */
static void
open_alerts(Watch *watch, List *stays)
{
	const BoardSla *sla = watch->sla;
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, INTERVALOID, TIMESTAMPTZOID,
	TEXTARRAYOID, TIMESTAMPTZARRAYOID};
	Datum		values[] = {
		ObjectIdGetDatum(watch->relid),
		CStringGetTextDatum(sla->status),
		CStringGetTextDatum(sla->severity),
		board_sla_build_interval(sla->max_dwell_us),
		TimestampTzGetDatum(watch->now),
		build_array(stays, TEXTOID),
		build_array(stays, TIMESTAMPTZOID)
	};
	ListCell   *cell;

	if (stays == NIL)
		return;
	run("INSERT INTO andon.alert (board, key, status, since, severity, max_dwell, opened)"
		" SELECT $1, u.key::jsonb, $2, u.since, $3, $4, $5"
		" FROM ROWS FROM (unnest($6), unnest($7)) u (key, since)"
		" ON CONFLICT (board, status, since, jsonb_hash_extended(key, 0)) DO UPDATE"
		" SET closed = NULL, severity = EXCLUDED.severity, max_dwell = EXCLUDED.max_dwell",
		lengthof(types), types, values, SPI_OK_INSERT);
	foreach(cell, stays)
		add_event(watch, ALERT_OPENED, lfirst(cell));
}

static void
change_alerts(Watch *watch, List *alerts)
{
	Oid			types[] = {TIDARRAYOID, TEXTOID, INTERVALOID};
	Datum		values[] = {
		build_array(alerts, TIDOID),
		CStringGetTextDatum(watch->sla->severity),
		board_sla_build_interval(watch->sla->max_dwell_us)
	};
	ListCell   *cell;

	if (alerts == NIL)
		return;
	run("UPDATE andon.alert a SET severity = $2, max_dwell = $3 WHERE a.ctid = ANY ($1)",
		lengthof(types), types, values, SPI_OK_UPDATE);
	foreach(cell, alerts)
		add_event(watch, ALERT_CHANGED, lfirst(cell));
}

static void
close_alerts(Watch *watch, List *alerts)
{
	Oid			types[] = {TIDARRAYOID, TIMESTAMPTZOID};
	Datum		values[] = {build_array(alerts, TIDOID), TimestampTzGetDatum(watch->now)};
	ListCell   *cell;

	if (alerts == NIL)
		return;
	run("UPDATE andon.alert a SET closed = $2 WHERE a.ctid = ANY ($1)",
		lengthof(types), types, values, SPI_OK_UPDATE);
	foreach(cell, alerts)
		add_event(watch, ALERT_CLOSED, lfirst(cell));
}

/* What is closed is told as it was, all else as the deadline is now. */
static void
add_event(Watch *watch, AlertKind kind, const Watched *watched)
{
	AlertEvent *event = palloc0(sizeof(AlertEvent));
	bool		closed = kind == ALERT_CLOSED;

	event->kind = kind;
	event->key = watched->key;
	event->status = watch->sla->status;
	event->severity = closed ? watched->severity : watch->sla->severity;
	event->since = watched->since;
	event->max_dwell_us = closed ? watched->max_dwell_us : watch->sla->max_dwell_us;
	watch->events = lappend(watch->events, event);
}

/* swept: DT_NOBEGIN if the sweep has come to its end. */
static void
note_progress(Watch *watch, TimestampTz swept)
{
	Oid			types[] = {OIDOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {
		ObjectIdGetDatum(watch->relid),
		CStringGetTextDatum(watch->sla->status),
		TimestampTzGetDatum(swept)
	};

	if (swept == DT_NOBEGIN && watch->sla->max_dwell_us == 0)
		run("DELETE FROM andon.sla s WHERE s.board = $1 AND s.status = $2",
			2, types, values, SPI_OK_DELETE);
	else if (swept != watch->sla->swept)
		run("UPDATE andon.sla s SET swept = NULLIF($3, '-infinity'::timestamptz)"
			" WHERE s.board = $1 AND s.status = $2",
			lengthof(types), types, values, SPI_OK_UPDATE);
}

/* What the notifications name is on disk, and on its way to replicas, before they are sent. */
static void
announce(Watch *watch)
{
	XLogRecPtr	lsn = wal_insert_end();
	ListCell   *cell;

	if (watch->events == NIL || guc_notify == NOTIFY_OFF)
		return;
	XLogFlush(lsn);
	foreach(cell, alert_payload_build(watch->board->qualified, lsn, watch->now, watch->events))
		Async_Notify(ANDON_CHANNEL_ALERT, lfirst(cell));
}

/* Closed alerts are kept as long as the change log is.  True if there may be more. */
static bool
expire_alerts(void)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[1];

	if (guc_log_retention_min == 0)
		return false;
	values[0] = TimestampTzGetDatum(GetCurrentTimestamp() - guc_log_retention_min * USECS_PER_MINUTE);
	run("DELETE FROM andon.alert a WHERE a.ctid = ANY (ARRAY("
		"SELECT o.ctid FROM andon.alert o WHERE o.closed < $1 ORDER BY o.closed"
		" LIMIT " CppAsString2(SLA_EXPIRE) "))",
		lengthof(types), types, values, SPI_OK_DELETE);
	return SPI_processed == SLA_EXPIRE;
}

/* An array of their keys (text), beginnings (timestamptz) or places (tid). */
static Datum
build_array(List *watched, Oid type)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(watched) + 1));
	int16		typlen;
	bool		typbyval;
	char		typalign;
	ListCell   *cell;

	foreach(cell, watched)
	{
		Watched    *each = lfirst(cell);

		elements[foreach_current_index(cell)] =
			type == TEXTOID ? CStringGetTextDatum(each->key) :
			type == TIDOID ? each->tid : TimestampTzGetDatum(each->since);
	}
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_array(elements, list_length(watched), type, typlen, typbyval,
										   typalign));
}

static void
run(const char *sql, int nargs, Oid *types, Datum *values, int expected)
{
	int			rc = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);

	if (rc != expected)
		elog(ERROR, "query of alerts failed: %s", SPI_result_code_string(rc));
}
