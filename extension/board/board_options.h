/*-------------------------------------------------------------------------
 *
 * board_options.h
 *	  The options of a board, as create_board and alter_board take them.
 *
 * A JSON object; names of tables and functions in it are resolved with the
 * caller's search_path.  What is not named keeps its default (create_board) or
 * what it was (alter_board), for which null means the default.  Raises ERROR
 * with what to do in the HINT.  Memory is the current context's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_OPTIONS_H
#define ANDON_BOARD_BOARD_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum BoardOption
{
	BOARD_OPTION_STATIC,
	BOARD_OPTION_TRUSTED,
	BOARD_OPTION_CHANNEL,
	BOARD_OPTION_LOG,
	BOARD_OPTION_ENABLE_ALWAYS
} BoardOption;

typedef struct BoardOptions
{
	bool		named[BOARD_OPTION_ENABLE_ALWAYS + 1];	/* by BoardOption */
	List	   *static_relids;
	List	   *trusted_procs;
	char	   *channel;		/* NULL: the default */
	bool		enable_always;	/* follow replication too */
} BoardOptions;

/* may_be_null: whether an option may be null, which is its default. */
extern void board_options_parse(Jsonb *json, bool may_be_null, BoardOptions *options);

/*
 * The channel for a board of this name: the one asked for, or the default if
 * that is NULL.  ERROR if it is another board's than relid, which may be
 * InvalidOid, or no name for a channel.
 */
extern char *board_options_find_channel(const char *channel, const char *board_name, Oid relid);

#endif							/* ANDON_BOARD_BOARD_OPTIONS_H */
