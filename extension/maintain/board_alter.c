/*-------------------------------------------------------------------------
 *
 * board_alter.c
 *	  andon.alter_board(): other options for a board that is there.
 *
 * Options that are not named stay as they are; null is the default.
 *
 *	  channel			from the next transaction that changes the board on
 *	  log				the same; counters go with the log, and come with it
 *	  trusted			the definition is analysed again, and refused as by
 *						create_board() if it uses what is no longer trusted
 *	  static, more		triggers go that no other board needs
 *	  static, less		the tables get their triggers; the board is computed
 *						anew, for their changes were not followed
 *	  enable_always		on: the same, for what replication did was not followed
 *
 * Locks, in this order, to the end of the transaction: the board's state, against
 * another alter_board() or refresh_board(); where triggers change, the sources
 * against writers, as create_board() does; the board, against those who have
 * changed it and not committed.  What is read after that is what counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_catalog.h"
#include "board/board_options.h"
#include "board/board_state.h"
#include "maintain/board_plan.h"
#include "maintain/board_refresh.h"
#include "maintain/counters.h"
#include "maintain/drain.h"
#include "maintain/pushdown.h"
#include "maintain/source_access.h"
#include "maintain/tick_table.h"
#include "maintain/trigger_ddl.h"

PG_FUNCTION_INFO_V1(andon_alter_board);

static void check_arguments(FunctionCallInfo fcinfo);
static Board *lock_board(Oid relid, const BoardOptions *options);
static void keep_unnamed(BoardOptions *options, const Board *board);
static void check_sources(const Board *board, const BoardOptions *options);
static void store_options(const Board *board, const BoardOptions *options, Jsonb *json);
static void store_static(const Board *board, const BoardOptions *options);
static void follow_triggers(const Board *before, const Board *board);
static void follow_log(const Board *before, const Board *board);

Datum
andon_alter_board(PG_FUNCTION_ARGS)
{
	BoardOptions options;
	Board	   *before;
	Board	   *board;

	check_arguments(fcinfo);
	PreventCommandIfReadOnly("andon.alter_board()");
	board = board_load_or_error(PG_GETARG_OID(0));
	board_check_owner(board);
	board_options_parse(PG_GETARG_JSONB_P(1), true, &options);
	/* what was done before is announced and logged as it was then */
	drain_pending();

	spi_connect();
	before = lock_board(board->relid, &options);
	keep_unnamed(&options, before);
	check_sources(before, &options);
	store_options(before, &options, PG_GETARG_JSONB_P(1));
	store_static(before, &options);
	board = board_load_or_error(before->relid);
	/* refuses what create_board() would refuse */
	(void) board_plan_get_or_error(board->relid);
	follow_triggers(before, board);
	follow_log(before, board);
	if (options.named[BOARD_OPTION_STATIC] || options.named[BOARD_OPTION_TRUSTED])
		pushdown_warn(board_plan_get_or_error(board->relid));
	spi_finish();
	PG_RETURN_VOID();
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"board", "options"};

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of andon.alter_board() must not be NULL", names[i])));
}

/* The board as it is once nobody else changes it. */
static Board *
lock_board(Oid relid, const BoardOptions *options)
{
	Board	   *board;
	List	   *sources;

	board_state_lock(relid);
	board = board_load_or_error(relid);
	board_check_owner(board);
	if (options->named[BOARD_OPTION_STATIC] || options->named[BOARD_OPTION_ENABLE_ALWAYS])
	{
		sources = list_difference_oid(board->sources, board->static_sources);
		if (options->named[BOARD_OPTION_STATIC])
			sources = list_concat_unique_oid(sources, list_difference_oid(board->sources,
																		  options->static_relids));
		list_sort(sources, list_oid_cmp);
		trigger_ddl_wait_for_writers(sources);
	}
	locks_take_board(board->view, LOCKS_BOARD_ALONE);
	return board;
}

static void
keep_unnamed(BoardOptions *options, const Board *board)
{
	if (!options->named[BOARD_OPTION_STATIC])
		options->static_relids = board->static_sources;
	if (!options->named[BOARD_OPTION_TRUSTED])
		options->trusted_procs = board->trusted;
	if (!options->named[BOARD_OPTION_ENABLE_ALWAYS])
		options->enable_always = board->enable_always;
	options->channel = options->named[BOARD_OPTION_CHANNEL]
		? board_options_find_channel(options->channel, board->name, board->relid)
		: board->channel;
}

/* Static tables must be sources; what is followed anew must be the owner's to follow. */
static void
check_sources(const Board *board, const BoardOptions *options)
{
	ListCell   *cell;

	foreach(cell, options->static_relids)
		if (!list_member_oid(board->sources, lfirst_oid(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("static table \"%s\" is not a source of board \"%s\"",
							get_rel_name(lfirst_oid(cell)), board->qualified),
					 errhint("Name in \"static\" only tables that the definition uses.")));
	foreach(cell, board->sources)
	{
		Oid			source = lfirst_oid(cell);
		SourceAccess wanted = {board->owner, false, options->enable_always};

		if (list_member_oid(options->static_relids, source))
			continue;
		if (list_member_oid(board->static_sources, source) ||
			(options->enable_always && !board->enable_always))
			source_access_check(source, &wanted);
	}
}

static void
store_options(const Board *board, const BoardOptions *options, Jsonb *json)
{
	Oid			types[] = {OIDOID, JSONBOID, TEXTOID, TEXTARRAYOID};
	Datum		values[] = {
		ObjectIdGetDatum(board->relid),
		JsonbPGetDatum(json),
		CStringGetTextDatum(options->channel),
		PointerGetDatum(board_format_functions(options->trusted_procs))
	};

	board_catalog_run("UPDATE andon.board SET options = pg_catalog.jsonb_strip_nulls(options || $2),"
				 " channel = $3, trusted = $4 WHERE board = $1",
				 lengthof(types), types, values);
}

static void
store_static(const Board *board, const BoardOptions *options)
{
	Oid			types[] = {OIDOID, OIDARRAYOID};
	Datum	   *relids = palloc(sizeof(Datum) * (list_length(options->static_relids) + 1));
	Datum		values[] = {ObjectIdGetDatum(board->relid), 0};
	ListCell   *cell;
	int			n = 0;

	foreach(cell, options->static_relids)
		relids[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	values[1] = PointerGetDatum(construct_array(relids, n, OIDOID, sizeof(Oid), true,
												TYPALIGN_INT));
	board_catalog_run("UPDATE andon.board_source SET is_static = source = ANY ($2)"
				 " WHERE board = $1 AND is_static <> (source = ANY ($2))",
				 lengthof(types), types, values);
}

/*
 * Triggers as the board wants them now.  What comes is made by the refresh,
 * before it computes.
 */
static void
follow_triggers(const Board *before, const Board *board)
{
	bool		must_refresh = board->enable_always && !before->enable_always;
	ListCell   *cell;

	foreach(cell, board->sources)
	{
		bool		was_static = list_member_oid(before->static_sources, lfirst_oid(cell));
		bool		is_static = list_member_oid(board->static_sources, lfirst_oid(cell));

		if (is_static && !was_static)
			trigger_ddl_detach(lfirst_oid(cell));
		else if (!is_static && before->enable_always && !board->enable_always)
			trigger_ddl_match_firing(lfirst_oid(cell));
		must_refresh |= was_static && !is_static;
	}
	if (must_refresh)
		(void) board_refresh_mend(board);
}

/*
 * The counters say what the log says: they start when it does.  A transaction
 * that sees an old state cannot count; andon.maintain() does it later.
 */
static void
follow_log(const Board *before, const Board *board)
{
	if (board->log == BOARD_LOG_OFF && before->log != BOARD_LOG_OFF)
		counters_forget(board->relid);
	else if (board->log != BOARD_LOG_OFF && before->log == BOARD_LOG_OFF &&
			 !IsolationUsesXactSnapshot())
		counters_rebase(board);
	/* who followed the feed has missed what was not logged, or will */
	if (board->log != before->log)
		tick_table_note_new_board(board->relid);
}
