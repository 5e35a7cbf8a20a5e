/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  Cases of PQcancel: of rows that come, a read, a write, a pipeline, nothing.
 *
 * nap() says by a notice when it runs and on which node; then it is cancelled.
 * PostgreSQL signals a session twice for one request. PQcancel waits for the
 * request's end, so what is sent after it cannot be hit by the second signal.
 *
 *-------------------------------------------------------------------------
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 4

static char heard[100];			/* the node of a nap whose notice has come, until it is cancelled */
static char asleep_on[100];		/* the node of the nap cancelled last */

static void
keep_node(void *arg, const PGresult *result)
{
	sscanf(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), "asleep on %99s", heard);
}

static PGconn *
open_sleeper(void)
{
	PGconn	   *conn = open_connection();

	heard[0] = '\0';
	PQsetNoticeReceiver(conn, keep_node, NULL);
	run_only(conn, "TRUNCATE items RESTART IDENTITY");
	return conn;
}

static void
cancel(PGconn *conn)
{
	PGcancel   *handle = PQgetCancel(conn);
	char		why[256] = "";

	EXPECT(handle != NULL && PQcancel(handle, why, sizeof(why)) == 1, "PQcancel: %s", why);
	PQfreeCancel(handle);
}

/* Cancelled while its rows come. */
static void
cancel_rows(void)
{
	PGconn	   *conn = open_connection();

	for (int round = 0; round < 5; round++)
	{
		PGresult   *result;
		long		rows = 0;

		send_single_row(conn, "SELECT generate_series(1, 100000000), repeat('x', 200)");
		while ((result = PQgetResult(conn)) != NULL && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			if (++rows == 1000)
				cancel(conn);
			PQclear(result);
		}
		expect_sqlstate(result, "57014", "cancelled");
		expect_end(conn, "cancelled");
		EXPECT(run_number(conn, "SELECT 1") == 1, "after the cancel");
	}
}

/* A cancel while nothing runs hits neither this session's next statement nor another's. */
static void
cancel_nothing(void)
{
	PGconn	   *conn = open_connection();
	PGconn	   *other = open_connection();

	for (int i = 0; i < 20; i++)
	{
		EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "count");
		cancel(conn);
		EXPECT(run_number(other, "SELECT count(*) FROM t") == 100, "count of another");
	}
}

/* Waits until nap() has said where it runs, and cancels it. */
static void
cancel_nap(PGconn *conn)
{
	for (;;)
	{
		EXPECT(PQisBusy(conn), "a result while it should sleep");
		if (heard[0] != '\0')
			break;
		wait_socket(conn, false);
		EXPECT(PQconsumeInput(conn) == 1, "consume: %s", PQerrorMessage(conn));
	}
	strcpy(asleep_on, heard);
	heard[0] = '\0';
	cancel(conn);
}

/* By each protocol in turn. */
static void
send_nap(PGconn *conn, const char *sql, bool extended)
{
	EXPECT((extended ? PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0) : PQsendQuery(conn, sql)) == 1,
		   "%s: %s", sql, PQerrorMessage(conn));
}

static void
expect_cancelled(PGconn *conn)
{
	expect_sqlstate(PQgetResult(conn), "57014", "cancelled");
	expect_end(conn, "cancelled");
}

static void
expect_on_primary(PGconn *conn)
{
	PGresult   *result = run(conn, "/* andon:primary */ SELECT here()");

	EXPECT(strcmp(PQgetvalue(result, 0, 0), asleep_on) == 0, "it ran on %s", asleep_on);
	PQclear(result);
}

static void
cancel_read(void)
{
	PGconn	   *conn = open_sleeper();

	for (int i = 0; i < ROUNDS; i++)
	{
		send_nap(conn, "SELECT '' UNION ALL SELECT nap()", i % 2);
		cancel_nap(conn);
		EXPECT(is_read_node(asleep_on), "read on %s", asleep_on);
		expect_cancelled(conn);
		EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "after the cancel");
	}
}

static void
cancel_write(void)
{
	PGconn	   *conn = open_sleeper();

	for (int i = 0; i < ROUNDS; i++)
	{
		send_nap(conn, "INSERT INTO items (name) VALUES ('undone'), (nap())", i % 2);
		cancel_nap(conn);
		expect_cancelled(conn);
		EXPECT(run_number(conn, "SELECT count(*) FROM items") == 0, "after the cancel");
		expect_on_primary(conn);
	}
}

/* What went before in the unit is undone, the rest of it skipped; the next unit runs. */
static void
cancel_pipeline(void)
{
	PGconn	   *conn = open_sleeper();

	EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
	for (int i = 0; i < ROUNDS; i++)
	{
		send_nap(conn, "INSERT INTO items (name) VALUES ('undone')", true);
		send_nap(conn, "SELECT nap()", true);
		send_nap(conn, "INSERT INTO items (name) VALUES ('skipped')", true);
		EXPECT(PQpipelineSync(conn) == 1, "sync");
		expect_only(conn, PGRES_COMMAND_OK, "insert");
		expect_end(conn, "insert");
		cancel_nap(conn);
		send_nap(conn, "INSERT INTO items (name) VALUES ('kept')", true);
		EXPECT(PQpipelineSync(conn) == 1, "sync");
		expect_cancelled(conn);
		expect_only(conn, PGRES_PIPELINE_ABORTED, "skipped insert");
		expect_end(conn, "skipped insert");
		expect_only(conn, PGRES_PIPELINE_SYNC, "sync after the cancel");
		expect_only(conn, PGRES_COMMAND_OK, "insert after the cancel");
		expect_end(conn, "insert after the cancel");
		expect_only(conn, PGRES_PIPELINE_SYNC, "last sync");
	}
	EXPECT(PQexitPipelineMode(conn) == 1, "PQexitPipelineMode: %s", PQerrorMessage(conn));
	EXPECT(run_number(conn, "SELECT count(*) FROM items WHERE name = 'kept'") == ROUNDS, "kept");
	EXPECT(run_number(conn, "SELECT count(*) FROM items") == ROUNDS, "undone or skipped");
	expect_on_primary(conn);
}

const Case	cancel_cases[] = {
	{"cancel of rows", cancel_rows},
	{"cancel of a read", cancel_read},
	{"cancel of a write", cancel_write},
	{"cancel in a pipeline", cancel_pipeline},
	{"cancel of nothing", cancel_nothing},
	{NULL, NULL}
};
