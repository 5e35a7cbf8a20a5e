/*-------------------------------------------------------------------------
 *
 * classify.h
 *	  What a statement is, by walking its whole parse tree.
 *
 * A statement is a read only if everything in it is known to be one; what
 * cannot be parsed, is too long or too deep, or names something unknown is
 * not.  The parser is PostgreSQL's (libpg_query); nothing of it is visible
 * here.  Thread-safe: the parser's state is per thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_CLASSIFY_H
#define ROUTER_SQL_CLASSIFY_H

#include <stdbool.h>

#include "base/slice.h"
#include "sql/facts.h"

#define CLASSIFY_MAX_TEXT (64 * 1024)
#define CLASSIFY_MAX_DEPTH 500

typedef enum StatementKind
{
	STATEMENT_EMPTY,			/* no statement at all: "", ";", comments */
	STATEMENT_QUERY,			/* SELECT, VALUES, INSERT, ... anything not below */
	STATEMENT_BEGIN,			/* BEGIN, START TRANSACTION */
	STATEMENT_COMMIT,			/* COMMIT, END; not COMMIT PREPARED */
	STATEMENT_ROLLBACK,			/* ROLLBACK, ABORT; not TO SAVEPOINT, not PREPARED */
	STATEMENT_SAVEPOINT,		/* SAVEPOINT, RELEASE, ROLLBACK TO */
	STATEMENT_TWO_PHASE,		/* PREPARE TRANSACTION, COMMIT/ROLLBACK PREPARED */
	STATEMENT_SET,				/* SET [SESSION] name = constants: set_name, set_value filled */
	STATEMENT_RESET,			/* RESET name: set_name filled */
	STATEMENT_SET_LOCAL,		/* SET LOCAL, SET CONSTRAINTS */
	STATEMENT_SET_TRANSACTION,	/* SET TRANSACTION ... (not SET SESSION CHARACTERISTICS) */
	STATEMENT_SHOW,				/* SHOW name: set_name filled */
	STATEMENT_DISCARD_ALL,		/* DISCARD ALL */
	STATEMENT_DEALLOCATE,		/* DEALLOCATE name or ALL: set_name filled, empty for ALL */
	STATEMENT_LISTEN,
	STATEMENT_UNLISTEN,
	STATEMENT_COPY,				/* COPY FROM/TO STDIN or STDOUT */
	STATEMENT_MULTI				/* several statements in one string */
} StatementKind;

/* Bits of StatementClass.flags */
#define STATEMENT_IS_READ 0x01			/* proven: no effect, gives the same on a replica */
#define STATEMENT_NEEDS_UNKNOWN 0x02	/* not a read only because a name was unknown: facts may be stale */
#define STATEMENT_LEAVES_STATE 0x04		/* leaves session state behind: pin_reason says which */
#define STATEMENT_HAS_TRANSACTION 0x08	/* a transaction command somewhere inside (MULTI, CALL, DO) */
#define STATEMENT_IS_DDL 0x10
#define STATEMENT_READ_ONLY 0x20		/* BEGIN ... READ ONLY */
#define STATEMENT_SERIALIZABLE 0x40		/* BEGIN ... ISOLATION LEVEL SERIALIZABLE */
#define STATEMENT_UNPARSED 0x80			/* too long, too deep or a syntax error: nothing is known */
#define STATEMENT_NODE_LOCAL 0x100		/* about the node itself (pg_stat_*, SHOW ...): primary unless hinted */
#define STATEMENT_HINT_PRIMARY 0x200	/* begins with the comment andon:primary */
#define STATEMENT_HINT_REPLICA 0x400	/* begins with the comment andon:replica */

/* Plain values; strings are static or live in the text buffers below. */
typedef struct StatementClass
{
	StatementKind kind;
	unsigned	flags;
	const char *why;			/* static: the deciding rule, for EXPLAIN ROUTE and the log */
	const char *pin_reason;		/* static: with STATEMENT_LEAVES_STATE */
	char		detail[64];		/* the name that decided, truncated; may be empty */
	char		set_name[64];	/* lower case; see the kinds */
	char		set_value[256];	/* STATEMENT_SET: as SET would store it */
} StatementClass;

/*
 * Classify one query string.  facts may be NULL (nothing is known: only
 * statements that name nothing can be reads).
 */
extern void classify_text(Slice text, const Facts *facts, StatementClass *result);

/* Check at start that the parser and the headers agree; false: refuse to run. */
extern bool classify_check_parser(void);

extern const char *statement_kind_name(StatementKind kind);

#endif							/* ROUTER_SQL_CLASSIFY_H */
