/*-------------------------------------------------------------------------
 *
 * classify.h
 *	  What a statement is, by walking its whole parse tree.
 *
 * A statement is a read only if everything in it is known to be one; what
 * cannot be parsed, is too long or too deep, or names something unknown is
 * not.  The parser is PostgreSQL's (libpg_query), of the major version that the
 * system's package holds; nothing of it is visible here.  Thread-safe: the
 * parser's state is per thread.
 *
 * The text is read as the server would with standard_conforming_strings = on
 * and a client_encoding in which no trail byte is an ASCII character: callers
 * must not ask for sessions in which either is not so (router.md §3.4).
 *
 * A function that is declared stable is believed.  What a function, DO or CALL
 * does inside (set_config, temporary tables) cannot be seen.
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
	STATEMENT_RESET,			/* RESET name, SET name TO DEFAULT: set_name filled; RESET ALL: "all" */
	STATEMENT_SET_LOCAL,		/* SET LOCAL (names and values filled as above), SET CONSTRAINTS */
	STATEMENT_SET_TRANSACTION,	/* SET TRANSACTION ..., SET transaction_read_only and its kin */
	STATEMENT_SHOW,				/* SHOW name: set_name filled; SHOW ALL: "all" */
	STATEMENT_DISCARD_ALL,		/* DISCARD ALL */
	STATEMENT_DEALLOCATE,		/* DEALLOCATE name or ALL: set_name filled, empty for ALL */
	STATEMENT_LISTEN,			/* set_name: the channel */
	STATEMENT_UNLISTEN,			/* set_name: the channel, empty for all */
	STATEMENT_COPY,				/* COPY FROM STDIN, COPY TO STDOUT; files and programs are QUERY */
	STATEMENT_MULTI				/* several statements in one string */
} StatementKind;

/*
 * Bits of StatementClass.flags.  At most one of IS_READ, NODE_LOCAL,
 * NEEDS_UNKNOWN and UNPARSED is set; a statement with none of them is not a
 * read.  IS_READ may run on a replica; NODE_LOCAL may where a hint or the
 * session's transaction says replica, and goes to the primary otherwise.
 */
#define STATEMENT_IS_READ 0x01			/* proven: no effect, gives the same on a replica */
#define STATEMENT_NEEDS_UNKNOWN 0x02	/* not a read only because a name was unknown: facts may be stale */
#define STATEMENT_LEAVES_STATE 0x04		/* leaves session state behind: pin_reason says which */
#define STATEMENT_HAS_TRANSACTION 0x08	/* may begin or end transactions inside (MULTI, CALL, DO) */
#define STATEMENT_IS_DDL 0x10			/* may change what facts say */
#define STATEMENT_READ_ONLY 0x20		/* BEGIN, SET TRANSACTION: READ ONLY */
#define STATEMENT_SERIALIZABLE 0x40		/* BEGIN, SET TRANSACTION: ISOLATION LEVEL SERIALIZABLE */
#define STATEMENT_UNPARSED 0x80			/* too long, too deep or a syntax error: nothing is known */
#define STATEMENT_NODE_LOCAL 0x100		/* proven to have no effect, but about the node itself (pg_stat_*, SHOW ...) */
#define STATEMENT_HINT_PRIMARY 0x200	/* begins with the comment andon:primary */
#define STATEMENT_HINT_REPLICA 0x400	/* begins with the comment andon:replica */
#define STATEMENT_CHAIN 0x800			/* COMMIT or ROLLBACK AND CHAIN: a transaction like the last one follows */
#define STATEMENT_READ_WRITE 0x1000		/* BEGIN, SET TRANSACTION: READ WRITE, said so */
#define STATEMENT_SET_CONFIG 0x2000		/* SELECT set_config(name, value, false) and no more: set_name, set_value filled */
#define STATEMENT_LOCAL_MEANING 0x4000	/* sets, up to the end of the transaction, what decides how literals are read */
#define STATEMENT_ENDS_STATE 0x8000		/* may end state that pins: DROP, CLOSE, UNLISTEN, pg_advisory_unlock() ... */
#define STATEMENT_RELEASE 0x10000		/* SAVEPOINT: it is RELEASE */
#define STATEMENT_ROLLBACK_TO 0x20000	/* SAVEPOINT: it is ROLLBACK TO */
#define STATEMENT_RESETS_ALL 0x40000	/* MULTI: RESET ALL is among them */
#define STATEMENT_USES_PREPARED 0x80000	/* names prepared statements: classify_prepared_names() */
#define STATEMENT_OTHER_ISOLATION 0x100000	/* BEGIN, SET TRANSACTION: another ISOLATION LEVEL than SERIALIZABLE */

/* Bits of StatementClass.pins: the kinds of state that keep a session on its server (session/pins.h). */
#define PIN_TEMPORARY 0x01		/* temporary tables and other objects */
#define PIN_LOCK 0x02			/* advisory locks of the session */
#define PIN_LISTEN 0x04
#define PIN_CURSOR 0x08			/* WITH HOLD */
#define PIN_PREPARED 0x10		/* PREPARE of SQL */
#define PIN_ROLE 0x20			/* SET ROLE */
#define PIN_OTHER 0x40			/* nobody can tell when it is over */

/* Plain values; strings are static or live in the text buffers below. */
typedef struct StatementClass
{
	StatementKind kind;
	unsigned	flags;
	const char *why;			/* static: the deciding rule, for EXPLAIN ROUTE and the log */
	const char *pin_reason;		/* static: with STATEMENT_LEAVES_STATE, else NULL */
	bool		reads_constant;	/* a literal of another value might make it another class: see shape.h */
	unsigned	pins;			/* and what kinds of state they are */
	char		detail[64];		/* the name that decided, truncated; may be empty */
	char		set_name[64];	/* see the kinds; settings are in lower case */
	char		set_value[256]; /* SET: as the server stores it, fit for set_config(), not for SQL text */
} StatementClass;

/*
 * Classify one query string.  facts may be NULL (nothing is known: only
 * statements that name nothing can be reads).
 */
extern void classify_text(Slice text, const Facts *facts, StatementClass *result);

/* Tell of each prepared statement that PREPARE, EXECUTE and DEALLOCATE in a query string name. */
typedef void (*ClassifyPreparedName) (void *arg, const char *name);
extern void classify_prepared_names(Slice text, ClassifyPreparedName tell, void *arg);

/* Check at start that the parser and the headers agree; false: refuse to run. */
extern bool classify_check_parser(void);

/* The major version of PostgreSQL whose parser it is: what later ones have is UNPARSED. */
extern unsigned classify_parser_major(void);

extern const char *statement_kind_name(StatementKind kind);

#endif							/* ROUTER_SQL_CLASSIFY_H */
