/*-------------------------------------------------------------------------
 *
 * cases.h
 *	  Conversations of libpq with a server, run one by one.
 *
 * A case is a function that talks to the server named on the command line and
 * calls fail() or EXPECT() when an answer is not the one PostgreSQL gives. It
 * opens connections with open_connection(), which are closed for it, also when
 * it fails. main() in cases.c runs all and prints {"case": null or why it
 * failed} as JSON; it exits with 0 whenever it could print that.
 *
 * Every case also passes against a PostgreSQL server itself. The database has
 * here() and t of tests/support/routercase.py, and nap() and items (id serial,
 * name text) of tests/support/drivers.py.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CASES_H
#define CASES_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Case
{
	const char *name;
	void		(*run) (void);
} Case;

/* The tables of cases, each ended by an entry without a name. */
extern const Case pipeline_cases[];
extern const Case prepared_cases[];
extern const Case cancel_cases[];
extern const Case result_cases[];

#define EXPECT(condition, ...) \
	do { \
		if (!(condition)) \
			fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* Ends the case; the text is what the report shows. */
extern void fail(const char *file, int line, const char *format,...)
			__attribute__((format(printf, 3, 4), noreturn));

/* Closed when the case ends. Fails the case if the server cannot be reached. */
extern PGconn *open_connection(void);

/* Whether reads may run on this node. */
extern bool is_read_node(const char *name);

/* Runs a statement that must succeed; the caller clears the result. */
extern PGresult *run(PGconn *conn, const char *sql);

/* Runs a statement that must succeed, and forgets what it gave. */
extern void run_only(PGconn *conn, const char *sql);

/* The one value a query gives, as a number. */
extern long run_number(PGconn *conn, const char *sql);

/* Sends a query whose rows come one by one. */
extern void send_single_row(PGconn *conn, const char *sql);

/* Takes the next result, which must have this status; the caller clears it. */
extern PGresult *expect_result(PGconn *conn, ExecStatusType status, const char *what);

/* The same, and forgets it. */
extern void expect_only(PGconn *conn, ExecStatusType status, const char *what);

/* The results of one statement must be at their end. */
extern void expect_end(PGconn *conn, const char *what);

/* The result must be an error with this SQLSTATE; clears it. */
extern void expect_sqlstate(PGresult *result, const char *sqlstate, const char *what);

/* Waits until the socket can be read (or written, if asked); fails after a minute. */
extern void wait_socket(PGconn *conn, bool writable);

#endif							/* CASES_H */
