/*-------------------------------------------------------------------------
 *
 * board_create.c
 *	  andon.create_board().
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
#include "board/board_cache.h"
#include "board/board_request.h"
#include "board/board_state.h"
#include "board/board_table.h"
#include "feed/feed_commit.h"
#include "maintain/board_plan.h"
#include "maintain/board_refresh.h"
#include "maintain/counters.h"
#include "maintain/pushdown.h"
#include "maintain/source_access.h"
#include "maintain/tick_table.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_create_board);

static List *find_sources(const BoardRequest *request, Oid view);
static void lock_sources(const BoardRequest *request, List *sources);
static void insert_record(const BoardRequest *request, Oid relid, Oid view, List *sources);

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
		if (!list_member_oid(request->options.static_relids, lfirst_oid(cell)))
			trigger_ddl_attach(lfirst_oid(cell));
	(void) board_refresh_fill(relid);
	board_table_create_indexes(request);
	trigger_ddl_guard(relid);
	counters_rebase(board_load_or_error(relid));
	tick_table_note_new_board(relid);
	pushdown_warn(board_plan_get_or_error(relid));
	spi_finish();
	PG_RETURN_OID(relid);
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
	board.static_sources = request->options.static_relids;
	board.trusted = request->options.trusted_procs;
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
		bool		is_static = list_member_oid(request->options.static_relids, relid);
		SourceAccess wanted = {GetUserId(), is_static, request->options.enable_always};

		source_access_check(relid, &wanted);
		if (!is_static)
		{
			LockRelationOid(relid, ShareRowExclusiveLock);
			CacheInvalidateRelcacheByRelid(relid);
		}
	}
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
	record.options = request->json;
	record.channel = request->options.channel;
	record.settings = spi_util_capture_settings();
	record.sources = sources;
	record.static_sources = request->options.static_relids;
	record.trusted = request->options.trusted_procs;
	board_insert_record(&record);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
}
