/*-------------------------------------------------------------------------
 *
 * board_create.c
 *	  andon.create_board() and andon.refresh_board().
 *
 * create_board runs as its caller, who needs SELECT and TRIGGER on the sources
 * and becomes the owner of the board; only the catalog rows are written past
 * his privileges.  In order: the definition becomes a view, which resolves its
 * names; the analysis finds the sources and the paths, or refuses; the sources
 * are locked against writers (SHARE ROW EXCLUSIVE, to the end of the
 * transaction); table, catalog rows and triggers are made; the table is filled
 * from the state that the locks hold still; then come the indexes.  Any ERROR
 * undoes it all.
 *
 * refresh_board is also the way back for a board that is marked as broken: it
 * first makes the triggers that are missing, so that nothing is missed while it
 * computes, and leaves the mark only where some are still switched off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/locks.h"
#include "base/spi_util.h"
#include "base/stats.h"
#include "board/board_cache.h"
#include "board/board_request.h"
#include "board/board_state.h"
#include "board/board_table.h"
#include "feed/feed_commit.h"
#include "maintain/board_plan.h"
#include "maintain/counters.h"
#include "maintain/pushdown.h"
#include "maintain/refresh.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_create_board);
PG_FUNCTION_INFO_V1(andon_refresh_board);

static List *find_sources(const BoardRequest *request, Oid view);
static void lock_sources(const BoardRequest *request, List *sources);
static void check_source(Oid relid, bool is_static);
static void check_source_owner(Oid relid);
static void insert_record(const BoardRequest *request, Oid relid, Oid view, List *sources);
static uint64 refresh_as_owner(Oid relid, uint64 (*refresh) (BoardPlan *plan));

Datum
andon_create_board(PG_FUNCTION_ARGS)
{
	BoardRequest *request;
	List	   *sources;
	ListCell   *cell;
	Oid			view;
	Oid			relid;

	PreventCommandIfReadOnly("andon.create_board()");
	request = board_request_parse(fcinfo);
	spi_connect();
	view = board_table_create_view(request);
	board_request_resolve(request, view);
	sources = find_sources(request, view);
	lock_sources(request, sources);
	relid = board_table_create(request);
	insert_record(request, relid, view, sources);
	foreach(cell, sources)
		if (!list_member_oid(request->static_relids, lfirst_oid(cell)))
			trigger_ddl_attach(lfirst_oid(cell));
	(void) refresh_as_owner(relid, refresh_fill);
	board_table_create_indexes(request);
	trigger_ddl_guard(relid);
	counters_rebase(board_load_or_error(relid));
	pushdown_warn(board_plan_get_or_error(relid));
	spi_finish();
	PG_RETURN_OID(relid);
}

Datum
andon_refresh_board(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	char	   *trouble;
	uint64		written;

	PreventCommandIfReadOnly("andon.refresh_board()");
	board_check_owner(board);
	spi_connect();
	board_state_lock(board->relid);
	board = board_load_or_error(board->relid);
	trouble = trigger_ddl_mend(board);
	written = refresh_as_owner(board->relid, refresh_whole);
	trigger_ddl_report_mended(board, trouble);
	spi_finish();
	PG_RETURN_INT64((int64) written);
}

static List *
find_sources(const BoardRequest *request, Oid view)
{
	Board		board = {0};
	Definition *definition;
	List	   *sources = NIL;

	board.view = view;
	board.owner = GetUserId();
	board.qualified = quote_qualified_identifier(request->schema, request->name);
	board.nkeys = list_length(request->key_names);
	board.key_attnos = request->key_attnos;
	board.static_sources = request->static_relids;
	board.trusted = request->trusted_procs;
	definition = board_plan_analyse(&board);
	for (int i = 0; i < definition->nsources; i++)
		sources = lappend_oid(sources, definition->sources[i].relid);
	list_sort(sources, list_oid_cmp);
	return sources;
}

/* In ascending order of OIDs, the same for all who create boards. */
static void
lock_sources(const BoardRequest *request, List *sources)
{
	ListCell   *cell;

	foreach(cell, sources)
	{
		Oid			relid = lfirst_oid(cell);
		bool		is_static = list_member_oid(request->static_relids, relid);

		check_source(relid, is_static);
		if (request->enable_always && !is_static)
			check_source_owner(relid);
		if (!is_static)
		{
			LockRelationOid(relid, ShareRowExclusiveLock);
			CacheInvalidateRelcacheByRelid(relid);
		}
	}
}

static void
check_source(Oid relid, bool is_static)
{
	AclMode		wanted = is_static ? ACL_SELECT : ACL_SELECT | ACL_TRIGGER;

	if (pg_class_aclmask(relid, GetUserId(), wanted, ACLMASK_ALL) != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for source table %s", get_rel_name(relid)),
				 errdetail("A board's owner needs SELECT%s on its sources.",
						   is_static ? "" : " and TRIGGER"),
				 errhint("GRANT SELECT%s ON %s TO %s.", is_static ? "" : ", TRIGGER",
						 spi_util_relation_name(relid),
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* As PostgreSQL asks of who makes a trigger fire for replication. */
static void
check_source_owner(Oid relid)
{
	if (!compat_is_relation_owner(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of source table %s", get_rel_name(relid)),
				 errdetail("With option enable_always its triggers fire in replication too."),
				 errhint("Let the table's owner create the board, or leave the option out.")));
}

static void
insert_record(const BoardRequest *request, Oid relid, Oid view, List *sources)
{
	BoardRecord record = {0};

	record.relid = relid;
	record.view = view;
	record.query = request->query;
	record.nkeys = list_length(request->key_names);
	record.key_attnos = request->key_attnos;
	record.status_attno = request->status_attno;
	record.order_by = request->order_by;
	record.options = request->options;
	record.channel = request->channel;
	record.settings = spi_util_capture_settings();
	record.sources = sources;
	record.static_sources = request->static_relids;
	record.trusted = request->trusted_procs;
	board_insert_record(&record);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
}

static uint64
refresh_as_owner(Oid relid, uint64 (*refresh) (BoardPlan *plan))
{
	BoardPlan  *plan = board_plan_get_or_error(relid);
	OwnerScope	scope;
	uint64		written = 0;

	stats_begin();
	spi_util_enter_owner(&scope, plan->board->owner, plan->board->settings);
	locks_take_board(relid, ExclusiveLock);
	PG_TRY();
	{
		plan->is_mended = true;
		written = refresh(plan);
	}
	PG_FINALLY();
	{
		plan->is_mended = false;
	}
	PG_END_TRY();
	spi_util_leave_owner(&scope);
	stats_flush(relid);
	return written;
}
