/*-------------------------------------------------------------------------
 *
 * overdue.c
 *	  What is behind the view andon.overdue.
 *
 * Read off the boards at the moment of the call, so it needs no worker and
 * answers on replicas.  The boards are queried as the caller: he sees what his
 * own SELECT would show, under row-level security too.  Boards that he may not
 * read are passed over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/spi_util.h"
#include "board/board_sla.h"

PG_FUNCTION_INFO_V1(andon_list_overdue);

enum
{
	OVERDUE_BOARD,
	OVERDUE_KEY,
	OVERDUE_STATUS,
	OVERDUE_SINCE,
	OVERDUE_DWELL,
	OVERDUE_MAX_DWELL,
	OVERDUE_SEVERITY,
	OVERDUE_NCOLUMNS
};

static void put_board(ReturnSetInfo *result, Oid relid);
static void put_stay(ReturnSetInfo *result, Oid board, const BoardSla *sla, const BoardStay *stay,
					 TimestampTz now);

Datum
andon_list_overdue(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	spi_connect();
	foreach(cell, board_list_all())
		put_board((ReturnSetInfo *) fcinfo->resultinfo, lfirst_oid(cell));
	spi_finish();
	return (Datum) 0;
}

static void
put_board(ReturnSetInfo *result, Oid relid)
{
	List	   *slas = board_sla_list(relid);
	Board	   *board = slas ? board_load(relid) : NULL;
	ListCell   *cell;

	if (board == NULL || pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return;
	foreach(cell, slas)
	{
		BoardSla   *sla = lfirst(cell);
		TimestampTz now = GetCurrentTimestamp();
		List	   *stays;
		ListCell   *stay;

		if (sla->max_dwell_us == 0)
			continue;
		stays = board_sla_find_stays(board, sla->status, DT_NOBEGIN, board_sla_cutoff(sla, now), 0);
		foreach(stay, stays)
			put_stay(result, relid, sla, lfirst(stay), now);
		list_free_deep(stays);
	}
}

static void
put_stay(ReturnSetInfo *result, Oid board, const BoardSla *sla, const BoardStay *stay,
		 TimestampTz now)
{
	Datum		values[OVERDUE_NCOLUMNS];
	bool		nulls[OVERDUE_NCOLUMNS] = {0};

	values[OVERDUE_BOARD] = ObjectIdGetDatum(board);
	values[OVERDUE_KEY] = DirectFunctionCall1(jsonb_in, CStringGetDatum(stay->key));
	values[OVERDUE_STATUS] = CStringGetTextDatum(sla->status);
	values[OVERDUE_SINCE] = TimestampTzGetDatum(stay->since);
	values[OVERDUE_DWELL] = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(now),
												TimestampTzGetDatum(stay->since));
	values[OVERDUE_MAX_DWELL] = board_sla_build_interval(sla->max_dwell_us);
	values[OVERDUE_SEVERITY] = CStringGetTextDatum(sla->severity);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
