/*-------------------------------------------------------------------------
 *
 * spi_util.h
 *	  How the extension runs SQL.
 *
 * spi_connect()/spi_finish() bracket every use of SPI; plans are prepared and
 * kept by whoever owns them.  OwnerScope makes what runs inside independent of
 * who writes: the board's owner is the user, under SECURITY_RESTRICTED_OPERATION
 * and past the policies of his own tables, and the settings that change what an
 * expression means are those recorded when the board was created.  An ERROR
 * inside needs no clean-up: the abort of the (sub)transaction restores both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_SPI_UTIL_H
#define ANDON_BASE_SPI_UTIL_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

typedef struct OwnerScope
{
	Oid			saved_user;
	int			saved_security;
	int			guc_level;
} OwnerScope;

/* The settings a board's definition is evaluated under: "name=value" texts. */
extern ArrayType *spi_util_capture_settings(void);

typedef struct PinnedSetting
{
	char	   *name;
	char	   *value;
} PinnedSetting;

extern List *spi_util_parse_settings(ArrayType *settings);

/* settings: a list of PinnedSetting, or NIL. */
extern void spi_util_enter_owner(OwnerScope *scope, Oid owner, List *settings);

/* Puts more settings in force, inside a scope. */
extern void spi_util_pin_settings(List *settings);

/* For SQL of our own: with operators of pg_catalog only, whatever the caller's search_path. */
extern void spi_util_enter_internal(OwnerScope *scope, Oid owner);
extern void spi_util_leave_owner(const OwnerScope *scope);

/* Connect and finish, raising ERROR on failure. */
extern void spi_connect(void);
extern void spi_finish(void);

/* Runs one utility or DML command as the current user. */
extern void spi_run(const char *sql);

/* Prepares and keeps a plan; options are CURSOR_OPT_... */
extern SPIPlanPtr spi_prepare_kept(const char *sql, int nargs, Oid *argtypes, int options);

/*
 * Brackets the opening of portals whose queries an index answers in order: in
 * between the planner sorts nothing if it can help it, and compiles nothing.
 * Opening evaluates no user's function; rows are fetched after the bracket.
 */
extern int	spi_begin_index_order(void);
extern void spi_end_index_order(int level);

/* "schema"."name" of a relation; ERROR if it is gone. */
extern char *spi_util_relation_name(Oid relid);

/* OPERATOR(schema.name) */
extern char *spi_util_operator_name(Oid operator);

/* "schema"."name" of a collation */
extern char *spi_util_collation_name(Oid collation);

/*
 * An error context callback for the parsing of a text that a user gave as an
 * argument, the callback's arg: positions of errors are in that text, not in the
 * statement.
 */
extern void spi_util_on_text_error(void *arg);

#endif							/* ANDON_BASE_SPI_UTIL_H */
