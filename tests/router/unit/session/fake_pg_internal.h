/*-------------------------------------------------------------------------
 *
 * fake_pg_internal.h
 *	  What the two files of the fake server see of each other.
 *
 *	  fake_pg.c		messages, what a test may do to a node
 *	  fake_pg_run.c	what statements do: transactions, settings, rows, names
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_FAKE_PG_INTERNAL_H
#define TESTS_FAKE_PG_INTERNAL_H

#include "router/unit/session/fake_pg.h"

#define PG_NAMES 64

typedef struct PgName
{
	char		name[64];
	char	   *text;			/* owned; NULL: free */
} PgName;

typedef enum PgCopy
{
	PG_NO_COPY,
	PG_COPY_SIMPLE,
	PG_COPY_EXTENDED
} PgCopy;

typedef struct PgBackend
{
	FakeConnection *connection;
	PgNode	   *node;
	char		status;
	bool		skips;			/* to the next Sync */
	bool		wrote;			/* in the transaction */
	bool		is_hanging;
	bool		was_cancelled;
	bool		is_gone;
	PgCopy		copy;
	size_t		copied;
	PgName		statements[PG_NAMES];
	PgName		portals[PG_NAMES];
	PgName		gucs[PG_NAMES];
	PgName		gucs_at_begin[PG_NAMES];
	Buf			out;
} PgBackend;

/* ---- fake_pg_run.c ---- */
extern PgName *pg_find(PgName *names, const char *name);
extern void pg_forget(PgName *names, const char *name);
extern void pg_put(PgName *names, const char *name, const char *text);
extern void pg_clear(PgName *names);
extern const char *pg_skip_comment(const char *text);
extern bool pg_gives_rows(const char *text);
extern bool pg_ends_transaction(const char *text);
extern bool pg_raise(PgBackend *backend, const char *sqlstate, const char *message);
extern bool pg_check_words(PgBackend *backend, const char *text);
extern bool pg_run(PgBackend *backend, const char *text, bool is_simple);
extern void pg_ready(PgBackend *backend);

#endif							/* TESTS_FAKE_PG_INTERNAL_H */
