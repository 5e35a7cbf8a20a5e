/*-------------------------------------------------------------------------
 *
 * board_create.c
 *	  andon.create_board(), andon.drop_board(), andon.refresh_board().
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
 * drop_board first waits, by the same lock, until writers of all sources have
 * ended, and only then takes any table for itself, to drop triggers: a writer
 * who has yet to drain reads the other sources and the board.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "board/board_cache.h"
#include "board/board_request.h"
#include "board/board_table.h"
#include "feed/feed_commit.h"
#include "maintain/board_plan.h"
#include "maintain/change_log.h"
#include "maintain/refresh.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_create_board);
PG_FUNCTION_INFO_V1(andon_drop_board);
PG_FUNCTION_INFO_V1(andon_refresh_board);

static List *find_sources(const BoardRequest *request, Oid view);
static void lock_sources(const BoardRequest *request, List *sources);
static void wait_for_writers(const Board *board);
static void check_source(Oid relid, bool is_static);
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
	spi_finish();
	PG_RETURN_OID(relid);
}

Datum
andon_drop_board(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Board	   *board = board_load_record(relid);
	ListCell   *cell;

	PreventCommandIfReadOnly("andon.drop_board()");
	if (board == NULL)
		board_raise_not_found(relid);
	board_check_owner(board);
	wait_for_writers(board);
	/* another may have dropped it meanwhile */
	if (board_load_record(relid) == NULL)
		board_raise_not_found(relid);
	spi_connect();
	board_delete_record(board->relid);
	feed_forget(board->relid);
	foreach(cell, board->sources)
	{
		if (get_rel_name(lfirst_oid(cell)) == NULL)
			continue;
		trigger_ddl_detach(lfirst_oid(cell));
		CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
	}
	board_table_drop(board);
	change_log_forget(board->relid);
	spi_finish();
	PG_RETURN_VOID();
}

Datum
andon_refresh_board(PG_FUNCTION_ARGS)
{
	Board	   *board = board_load_or_error(PG_GETARG_OID(0));
	uint64		written;

	PreventCommandIfReadOnly("andon.refresh_board()");
	board_check_owner(board);
	spi_connect();
	written = refresh_as_owner(board->relid, refresh_whole);
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
		if (!is_static)
		{
			LockRelationOid(relid, ShareRowExclusiveLock);
			CacheInvalidateRelcacheByRelid(relid);
		}
	}
}

static void
wait_for_writers(const Board *board)
{
	ListCell   *cell;

	foreach(cell, board->sources)
	{
		if (get_rel_name(lfirst_oid(cell)) == NULL)
			continue;
		LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
		(void) find_all_inheritors(lfirst_oid(cell), ShareRowExclusiveLock, NULL);
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
	board_state_confirm(plan->board);
	spi_util_leave_owner(&scope);
	return written;
}
