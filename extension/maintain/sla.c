/*-------------------------------------------------------------------------
 *
 * sla.c
 *	  Deadlines of a board: andon.set_sla(), and their end with the board.
 *
 * A deadline is a row of andon.sla; opening and closing of alerts is the
 * watcher's (workers/sla_watcher.c), which goes by that row.  Both take the
 * watch over the board (base/locks.h): set_sla() waits for the end of a round,
 * a round passes over a board whose deadlines are being changed.
 *
 * A deadline that is taken back while alerts of it are open stays as a row
 * without max_dwell, until the watcher has closed and announced them all.
 *
 * Deadlines are kept in microseconds.  A day is 24 hours: what is overdue must
 * not depend on the time zone of who asks; a month has no length.
 *
 * The first deadline of a board brings the index (status, andon_since), which
 * every change of a status pays for from then on (docs/decisions/0004-alerts.md).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "board/board_sla.h"
#include "board/board_status.h"
#include "maintain/sla.h"

PG_FUNCTION_INFO_V1(andon_set_sla);

/* Longer is a slip of the pen; and it keeps the arithmetic in bounds. */
#define MAX_DWELL_DAYS	36500

static void check_arguments(FunctionCallInfo fcinfo);
static void raise_null(const char *argument);
static int64 read_max_dwell(const Interval *interval);
static char *read_severity(text *severity);
static void store(const Board *board, const BoardSla *sla);
static void take_back(const Board *board, const char *status);
static void make_index(const Board *board);
static void tell_of_index(const Board *board);

Datum
andon_set_sla(PG_FUNCTION_ARGS)
{
	Board	   *board;
	BoardSla	sla = {0};

	check_arguments(fcinfo);
	PreventCommandIfReadOnly("andon.set_sla()");
	board = board_load_or_error(PG_GETARG_OID(0));
	board_check_owner(board);
	sla.status = board_status_normalize(board, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!PG_ARGISNULL(2))
		sla.max_dwell_us = read_max_dwell(PG_GETARG_INTERVAL_P(2));
	sla.severity = read_severity(PG_GETARG_TEXT_PP(3));
	locks_take_watch(board->relid);
	/* it may have been waited for: for who has dropped the board, perhaps */
	board = board_load_or_error(board->relid);
	spi_connect();
	if (PG_ARGISNULL(2))
		take_back(board, sla.status);
	else
		store(board, &sla);
	spi_finish();
	PG_RETURN_VOID();
}

void
sla_forget(Oid board)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(board)};

	if (!OidIsValid(board_catalog_relid("sla")))
		return;
	locks_take_watch(board);
	board_catalog_run("DELETE FROM andon.sla WHERE board = $1", 1, types, values);
	board_catalog_run("DELETE FROM andon.alert WHERE board = $1", 1, types, values);
}

void
sla_rename_status(Oid board, const char *from, const char *to)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(board),
		CStringGetTextDatum(from),
		CStringGetTextDatum(to)
	};

	if (board_sla_list(board) == NIL)
		return;
	locks_take_watch(board);
	board_catalog_run("UPDATE andon.sla SET status = $3 WHERE board = $1 AND status = $2",
				   lengthof(types), types, values);
	board_catalog_run("UPDATE andon.alert SET status = $3 WHERE board = $1 AND status = $2",
				   lengthof(types), types, values);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"board", "status", NULL, "severity"};

	for (int i = 0; i < lengthof(names); i++)
		if (names[i] && PG_ARGISNULL(i))
			raise_null(names[i]);
}

static void
raise_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" of andon.set_sla() must not be NULL", argument)));
}

/* In microseconds. */
static int64
read_max_dwell(const Interval *interval)
{
	int64		us = interval->time;

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the time allowed in a status must not be in months or years"),
				 errdetail("Months differ in length."),
				 errhint("Give it in days, hours and less; a day is 24 hours.")));
	/* PostgreSQL 17's infinities have months */
	if (interval->day > -MAX_DWELL_DAYS && interval->day <= MAX_DWELL_DAYS &&
		us <= MAX_DWELL_DAYS * USECS_PER_DAY && us > -MAX_DWELL_DAYS * USECS_PER_DAY)
		us += interval->day * USECS_PER_DAY;
	else
		us = PG_INT64_MAX;
	if (us <= 0 || us > MAX_DWELL_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the time allowed in a status must be more than none and at most %d days",
						MAX_DWELL_DAYS),
				 errhint("NULL takes the deadline back.")));
	return us;
}

static char *
read_severity(text *severity)
{
	char	   *result = text_to_cstring(severity);
	int			length = strlen(result);

	if (length == 0 || length >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a severity must have 1 to %d bytes", NAMEDATALEN - 1),
				 errhint("For example 'info', 'warning' or 'critical'.")));
	return result;
}

static void
store(const Board *board, const BoardSla *sla)
{
	Oid			types[] = {OIDOID, TEXTOID, INTERVALOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(board->relid),
		CStringGetTextDatum(sla->status),
		board_sla_build_interval(sla->max_dwell_us),
		CStringGetTextDatum(sla->severity)
	};

	board_catalog_run("INSERT INTO andon.sla (board, status, max_dwell, severity) VALUES ($1, $2, $3, $4)"
				   " ON CONFLICT (board, status) DO UPDATE SET max_dwell = EXCLUDED.max_dwell,"
				   " severity = EXCLUDED.severity, swept = NULL",
				   lengthof(types), types, values);
	if (!OidIsValid(board_sla_find_index(board)))
		make_index(board);
}

static void
take_back(const Board *board, const char *status)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(board->relid), CStringGetTextDatum(status)};
	bool		was_set = false;
	bool		others = false;
	ListCell   *cell;

	foreach(cell, board_sla_list(board->relid))
	{
		BoardSla   *sla = lfirst(cell);

		if (strcmp(sla->status, status) == 0)
			was_set = sla->max_dwell_us > 0;
		else
			others = others || sla->max_dwell_us > 0;
	}
	board_catalog_run("DELETE FROM andon.sla s WHERE board = $1 AND status = $2"
				   " AND NOT EXISTS (SELECT FROM andon.alert a WHERE a.board = $1"
				   "  AND a.status = $2 AND a.closed IS NULL)", lengthof(types), types, values);
	board_catalog_run("UPDATE andon.sla SET max_dwell = NULL, swept = NULL"
				   " WHERE board = $1 AND status = $2", lengthof(types), types, values);
	if (was_set && !others)
		tell_of_index(board);
}

/* As the user, who is the board's owner or may act for him. */
static void
make_index(const Board *board)
{
	spi_run(psprintf("CREATE INDEX ON %s (%s, %s)", board->qualified,
					 quote_identifier(board->column_names[board->status_attno - 1]),
					 BOARD_SINCE));
}

static void
tell_of_index(const Board *board)
{
	Oid			index = board_sla_find_index(board);

	if (OidIsValid(index))
		ereport(NOTICE,
				(errmsg("board %s has no deadlines any more", board->qualified),
				 errhint("Its index for them stays; DROP INDEX CONCURRENTLY %s makes changes of status cheaper.",
						 spi_util_relation_name(index))));
}
