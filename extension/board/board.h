/*-------------------------------------------------------------------------
 *
 * board.h
 *	  A board's catalog row, read and written.
 *
 * struct Board is what andon.board says about one board plus what the system
 * catalogs say about its table and its definition.  board_load() allocates it
 * in the current context, whole, so that deleting the context frees it.
 * Columns are kept as positions: the definition's column i is the board's
 * column i, andon_since and andon_version follow; renames do no harm.
 *
 * Between the installation of a new library and ALTER EXTENSION UPDATE the tables
 * may have fewer columns than this library knows: a column that is not there has
 * its default.
 *
 * The catalog tables belong to the extension's owner.  They are read here by
 * index scans, which ask for no privilege, and written by the functions below,
 * whose callers have checked that the user may.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_H
#define ANDON_BOARD_BOARD_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#include "base/compat.h"
#include "board/board_state.h"

/* Columns that every board has beside its definition's. */
#define BOARD_SINCE		"andon_since"
#define BOARD_VERSION	"andon_version"

/* Which changes of a board the change log keeps: options.log */
typedef enum BoardLog
{
	BOARD_LOG_ALL,				/* every change of a row */
	BOARD_LOG_TRANSITIONS,		/* those with another status */
	BOARD_LOG_OFF
} BoardLog;

typedef struct Board
{
	Oid			relid;			/* the board's table */
	Oid			view;			/* its definition */
	Oid			owner;
	char	   *schema;
	char	   *name;
	char	   *qualified;		/* quoted as needed: public.mes_orders */
	char	   *channel;
	BoardState	state;
	char	   *order_by;		/* as given to create_board; may be NULL */
	int			ncolumns;		/* of the definition */
	char	  **column_names;	/* the board's, by position */
	int			nkeys;
	AttrNumber *key_attnos;
	AttrNumber	status_attno;
	AttrNumber	since_attno;
	AttrNumber	version_attno;
	Jsonb	   *options;
	BoardLog	log;
	List	   *settings;		/* PinnedSetting */
	List	   *sources;		/* OIDs, all */
	List	   *static_sources; /* OIDs */
	List	   *trusted;		/* OIDs of functions taken as immutable */
	List	   *transitions;	/* BoardTransition; NIL: all are allowed */
	bool		enable_always;	/* triggers fire for replication too */
} Board;

/* What create_board writes down. */
typedef struct BoardRecord
{
	Oid			relid;
	Oid			view;
	const char *query;
	int			nkeys;
	AttrNumber *key_attnos;
	AttrNumber	status_attno;
	const char *order_by;		/* may be NULL */
	Jsonb	   *options;
	const char *channel;
	ArrayType  *settings;
	List	   *sources;		/* OIDs */
	List	   *static_sources; /* OIDs */
	List	   *trusted;		/* OIDs of functions taken as immutable */
} BoardRecord;

/* NULL if relid is no board, or its table or definition is gone. */
extern Board *board_load(Oid relid);

/*
 * Only what andon.board says, for who wants to be rid of it: NULL if nothing.
 * Names, owner and columns are not filled; relations may be gone.
 */
extern Board *board_load_record(Oid relid);

/* ERROR 42809 if relid is no board. */
extern Board *board_load_or_error(Oid relid);

pg_noreturn extern void board_raise_not_found(Oid relid);

/*
 * ERROR 42501 unless the current user owns the board: its table, or what is
 * left of it.
 */
extern void board_check_owner(const Board *board);

/* OIDs of the boards that follow relid itself (not as a static source), sorted. */
extern List *board_find_by_source(Oid relid);

/* Partition roots and inheritance parents of a table, of all levels. */
extern List *board_find_ancestors(Oid relid);

/* OIDs of all boards, sorted. */
extern List *board_list_all(void);

/* The board that has this channel, or InvalidOid. */
extern Oid	board_find_by_channel(const char *channel);

extern void board_insert_record(const BoardRecord *record);
extern void board_delete_record(Oid relid);

/* Functions as they are written down: a text[] of qualified signatures. */
extern ArrayType *board_format_functions(List *functions);

/* The value of options.log; false if it is none. */
extern bool board_parse_log(const char *text, int length, BoardLog *log);

#endif							/* ANDON_BOARD_BOARD_H */
