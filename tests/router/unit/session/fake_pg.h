/*-------------------------------------------------------------------------
 *
 * fake_pg.h
 *	  Enough of a PostgreSQL server for the sessions' tests, on a fake node.
 *
 * It follows the protocol as PostgreSQL does (transaction status, skipping to
 * Sync after an error, COPY, statements and portals with names), knows
 * settings and the position of the log, and writes down each message it gets,
 * one per line:
 *
 *	  Q:text  P:name=text  B:portal/statement  D:S/name  E:portal  C:S/name  S  H  d:bytes
 *
 * What a text does is told by its first words; what goes wrong by words
 * anywhere in it: 'fail 42P01' raises that error, 'hang' waits until the test
 * says go on or a cancel request comes, 'die' ends the connection, 'big' gives a
 * row of BIG_ROW bytes.  Asked for what is left of a session's state it answers
 * state_left.  A row's value is the node's name; 'guc NAME' in a text
 * makes it that setting as the server has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_FAKE_PG_H
#define TESTS_FAKE_PG_H

#include "router/unit/backend/fake_node.h"

#define BIG_ROW (300 * 1024)
#define LSN_STEP 0x100

typedef struct PgNode
{
	FakeNode	fake;			/* first: a FakeNode is a PgNode */
	const char *name;
	uint64_t   *wal;			/* the insert position of the cluster */
	Lsn			replayed;		/* of a replica */
	Buf			log;			/* what it was sent, a line each */
	const char *fail_text;		/* statements with these words fail here only; NULL: none */
	const char *fail_sqlstate;
	const char *fail_routine;	/* named by all its errors; NULL: none */
	size_t		error_bytes;	/* length of their messages; 0: as they are */
	const char *column;			/* name of the column of all rows; NULL: c */
	const char *state_left;		/* bits of what pins; NULL: 0 */
	const char *dies_at;		/* a statement with these words ends its connection; NULL: none */
	const char *last_words;		/* said before, as FATAL 57P01; NULL: none */
	int			hanging;		/* statements that have begun to wait */
	bool		go_on;			/* they wait no longer */
} PgNode;

extern void pg_node_init(PgNode *node, Loop *on_loop, const char *name, bool is_standby, uint64_t *wal);
extern void pg_node_fini(PgNode *node);

/* Its answer to messages, for a test that puts its own FakeNode.on_messages before it. */
extern size_t pg_on_messages(FakeConnection *connection, Slice data);

/* What hangs goes on, or fails as cancelled. */
extern void pg_wake(PgNode *node, bool cancelled);

/* Its first connection, in a COPY, fails on its own. */
extern void pg_give_up_copy(PgNode *node, const char *sqlstate);
/* Its first connection has no prepared statements any more. */
extern void pg_forget_statements(PgNode *node);

#endif							/* TESTS_FAKE_PG_H */
