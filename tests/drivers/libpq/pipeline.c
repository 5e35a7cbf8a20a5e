/*-------------------------------------------------------------------------
 *
 * pipeline.c
 *	  Cases of libpq's pipeline mode.
 *
 * The statements between two Syncs are one implicit transaction. What fails
 * in the middle of it undoes what went before and skips what comes after; a
 * router that sends parts of it elsewhere, or answers parts of it by itself,
 * shows here.
 *
 *-------------------------------------------------------------------------
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 40
#define MANY 3000

static PGconn *
open_pipeline(void)
{
	PGconn	   *conn = open_connection();

	run_only(conn, "TRUNCATE items RESTART IDENTITY");
	EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
	return conn;
}

static void
send_query(PGconn *conn, const char *sql)
{
	EXPECT(PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1, "%s: %s", sql, PQerrorMessage(conn));
}

static void
send_prepared(PGconn *conn, const char *name, const char *value)
{
	EXPECT(PQsendQueryPrepared(conn, name, 1, &value, NULL, NULL, 0) == 1, "%s: %s", name, PQerrorMessage(conn));
}

static void
send_sync(PGconn *conn)
{
	EXPECT(PQpipelineSync(conn) == 1, "PQpipelineSync: %s", PQerrorMessage(conn));
}

/* One statement's result and its end. */
static void
expect_statement(PGconn *conn, ExecStatusType status, const char *what)
{
	expect_only(conn, status, what);
	expect_end(conn, what);
}

static void
expect_value(PGconn *conn, const char *value, const char *what)
{
	PGresult   *result = expect_result(conn, PGRES_TUPLES_OK, what);

	EXPECT(PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), value) == 0,
		   "%s: %d rows, \"%s\", expected \"%s\"", what, PQntuples(result),
		   PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "", value);
	PQclear(result);
	expect_end(conn, what);
}

static void
expect_sync(PGconn *conn, const char *what)
{
	expect_only(conn, PGRES_PIPELINE_SYNC, what);
}

static void
leave(PGconn *conn)
{
	expect_end(conn, "end of the pipeline");
	EXPECT(PQexitPipelineMode(conn) == 1, "PQexitPipelineMode: %s", PQerrorMessage(conn));
}

static void
expect_items(PGconn *conn, long count, const char *what)
{
	long		found = run_number(conn, "SELECT count(*) FROM items");

	EXPECT(found == count, "%s: %ld rows, expected %ld", what, found, count);
}

static void
one_unit(void)
{
	PGconn	   *conn = open_pipeline();

	send_query(conn, "INSERT INTO items (name) VALUES ('a')");
	send_query(conn, "SELECT count(*) FROM items");
	send_query(conn, "INSERT INTO items (name) VALUES ('b') RETURNING id");
	send_query(conn, "SELECT count(*) FROM items");
	send_sync(conn);
	expect_statement(conn, PGRES_COMMAND_OK, "insert");
	expect_value(conn, "1", "read in the same transaction");
	expect_value(conn, "2", "returning");
	expect_value(conn, "2", "second read");
	expect_sync(conn, "sync");
	leave(conn);
	expect_items(conn, 2, "after");
}

static void
reads_leave_the_primary(void)
{
	PGconn	   *conn = open_connection();

	EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
	for (int i = 0; i < 3; i++)
	{
		send_query(conn, "SELECT here()");
		send_query(conn, "SELECT count(*) FROM t");
		send_sync(conn);
	}
	for (int i = 0; i < 3; i++)
	{
		PGresult   *result = expect_result(conn, PGRES_TUPLES_OK, "here");

		EXPECT(is_read_node(PQgetvalue(result, 0, 0)), "read on %s", PQgetvalue(result, 0, 0));
		PQclear(result);
		expect_end(conn, "here");
		expect_value(conn, "100", "count");
		expect_sync(conn, "sync");
	}
	leave(conn);
}

/* Each read is behind the commit before it, though all were sent before any was answered. */
static void
many_units(void)
{
	PGconn	   *conn = open_pipeline();
	char		text[20];

	for (int i = 0; i < ROUNDS; i++)
	{
		send_query(conn, "INSERT INTO items (name) VALUES ('x')");
		send_sync(conn);
		send_query(conn, "SELECT count(*) FROM items");
		send_sync(conn);
	}
	for (int i = 0; i < ROUNDS; i++)
	{
		snprintf(text, sizeof(text), "%d", i + 1);
		expect_statement(conn, PGRES_COMMAND_OK, "insert");
		expect_sync(conn, "sync of insert");
		expect_value(conn, text, "read of its own write");
		expect_sync(conn, "sync of read");
	}
	leave(conn);
}

static void
error_in_the_middle(void)
{
	PGconn	   *conn = open_pipeline();

	send_query(conn, "INSERT INTO items (name) VALUES ('undone')");
	send_query(conn, "SELECT 1 / 0");
	send_query(conn, "INSERT INTO items (name) VALUES ('skipped')");
	send_sync(conn);
	send_query(conn, "INSERT INTO items (name) VALUES ('kept')");
	send_query(conn, "SELECT count(*) FROM items");
	send_sync(conn);
	expect_statement(conn, PGRES_COMMAND_OK, "insert");
	expect_sqlstate(PQgetResult(conn), "22012", "division");
	expect_end(conn, "division");
	EXPECT(PQpipelineStatus(conn) == PQ_PIPELINE_ABORTED, "the pipeline is not aborted");
	expect_statement(conn, PGRES_PIPELINE_ABORTED, "skipped insert");
	expect_sync(conn, "sync after the error");
	EXPECT(PQpipelineStatus(conn) == PQ_PIPELINE_ON, "the pipeline is still aborted");
	expect_statement(conn, PGRES_COMMAND_OK, "insert after the error");
	expect_value(conn, "1", "count after the error");
	expect_sync(conn, "last sync");
	leave(conn);
	expect_items(conn, 1, "after");
}

/* On a replica nothing is undone, but what follows is skipped all the same. */
static void
error_among_reads(void)
{
	PGconn	   *conn = open_connection();

	EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
	for (int i = 0; i < ROUNDS; i++)
	{
		send_query(conn, "SELECT count(*) FROM t");
		send_query(conn, i % 2 ? "SELECT 1 / (id - 50) FROM t ORDER BY id" : "SELECT * FROM missing");
		send_query(conn, "SELECT 2");
		send_sync(conn);
	}
	for (int i = 0; i < ROUNDS; i++)
	{
		expect_value(conn, "100", "count");
		expect_sqlstate(PQgetResult(conn), i % 2 ? "22012" : "42P01", "error of a read");
		expect_end(conn, "error of a read");
		expect_statement(conn, PGRES_PIPELINE_ABORTED, "skipped read");
		expect_sync(conn, "sync");
	}
	leave(conn);
}

/* The statement is unknown to whoever answers: what went before it must be undone. */
static void
unknown_statement(void)
{
	PGconn	   *conn = open_pipeline();

	send_query(conn, "INSERT INTO items (name) VALUES ('undone')");
	send_prepared(conn, "nobody", "1");
	send_query(conn, "INSERT INTO items (name) VALUES ('skipped')");
	send_sync(conn);
	expect_statement(conn, PGRES_COMMAND_OK, "insert");
	expect_sqlstate(PQgetResult(conn), "26000", "unknown statement");
	expect_end(conn, "unknown statement");
	expect_statement(conn, PGRES_PIPELINE_ABORTED, "skipped insert");
	expect_sync(conn, "sync");
	leave(conn);
	expect_items(conn, 0, "after");
}

static void
prepare_and_execute(void)
{
	PGconn	   *conn = open_pipeline();
	PGresult   *result;

	EXPECT(PQsendPrepare(conn, "add", "INSERT INTO items (name) VALUES ($1) RETURNING name", 0, NULL) == 1, "prepare");
	EXPECT(PQsendDescribePrepared(conn, "add") == 1, "describe");
	for (int i = 0; i < 5; i++)
		send_prepared(conn, "add", "x");
	EXPECT(PQsendPrepare(conn, "add", "SELECT 1", 0, NULL) == 1, "prepare again");
	send_prepared(conn, "add", "skipped");
	send_sync(conn);
	send_prepared(conn, "add", "y");
	send_sync(conn);

	expect_statement(conn, PGRES_COMMAND_OK, "prepare");
	result = expect_result(conn, PGRES_COMMAND_OK, "describe");
	EXPECT(PQnparams(result) == 1 && PQparamtype(result, 0) == 25 && PQnfields(result) == 1 &&
		   strcmp(PQfname(result, 0), "name") == 0, "description");
	PQclear(result);
	expect_end(conn, "describe");
	for (int i = 0; i < 5; i++)
		expect_value(conn, "x", "execute");
	expect_sqlstate(PQgetResult(conn), "42P05", "the same name again");
	expect_end(conn, "the same name again");
	expect_statement(conn, PGRES_PIPELINE_ABORTED, "skipped execute");
	expect_sync(conn, "sync");

	/* Preparing is not undone with the transaction. */
	expect_value(conn, "y", "execute after the error");
	expect_sync(conn, "sync");
	leave(conn);
	expect_items(conn, 1, "after");
}

/* What was flushed is answered before the Sync, and still part of its transaction. */
static void
flush_request(void)
{
	PGconn	   *conn = open_pipeline();

	send_query(conn, "SELECT 7");
	EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
	expect_value(conn, "7", "flushed read");
	send_query(conn, "INSERT INTO items (name) VALUES ('undone') RETURNING id");
	EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
	expect_value(conn, "1", "flushed insert");
	send_query(conn, "SELECT 1 / 0");
	EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
	expect_sqlstate(PQgetResult(conn), "22012", "flushed error");
	expect_end(conn, "flushed error");
	send_query(conn, "SELECT 1");
	send_sync(conn);
	expect_statement(conn, PGRES_PIPELINE_ABORTED, "read after the error");
	expect_sync(conn, "sync");
	leave(conn);
	expect_items(conn, 0, "after");
}

/* A flush after what only prepares, as some drivers do before they bind. */
static void
flush_after_prepare(void)
{
	PGconn	   *conn = open_connection();

	EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
	for (int i = 0; i < 5; i++)
	{
		char		name[20];
		PGresult   *result;

		snprintf(name, sizeof(name), "s%d", i);
		EXPECT(PQsendPrepare(conn, name, "SELECT here(), $1::int", 0, NULL) == 1, "prepare");
		EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
		expect_statement(conn, PGRES_COMMAND_OK, "prepare");
		EXPECT(PQsendDescribePrepared(conn, name) == 1, "describe");
		EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
		expect_statement(conn, PGRES_COMMAND_OK, "describe");
		send_prepared(conn, name, "4");
		send_sync(conn);
		result = expect_result(conn, PGRES_TUPLES_OK, "execute");
		EXPECT(is_read_node(PQgetvalue(result, 0, 0)), "read on %s", PQgetvalue(result, 0, 0));
		PQclear(result);
		expect_end(conn, "execute");
		expect_sync(conn, "sync");
	}
	EXPECT(PQsendPrepare(conn, "bad", "SELECT FROM FROM", 0, NULL) == 1, "prepare");
	EXPECT(PQsendFlushRequest(conn) == 1 && PQflush(conn) == 0, "flush");
	expect_sqlstate(PQgetResult(conn), "42601", "bad prepare");
	expect_end(conn, "bad prepare");
	send_query(conn, "SELECT 1");
	send_sync(conn);
	expect_statement(conn, PGRES_PIPELINE_ABORTED, "after the bad prepare");
	expect_sync(conn, "sync");
	leave(conn);
}

static void
transactions(void)
{
	PGconn	   *conn = open_pipeline();

	send_query(conn, "BEGIN");
	send_query(conn, "INSERT INTO items (name) VALUES ('kept')");
	send_query(conn, "COMMIT");
	send_sync(conn);
	send_query(conn, "BEGIN");
	send_sync(conn);
	send_query(conn, "INSERT INTO items (name) VALUES ('undone')");
	send_sync(conn);
	send_query(conn, "SELECT 1 / 0");
	send_sync(conn);
	send_query(conn, "SELECT 1");
	send_sync(conn);
	send_query(conn, "COMMIT");
	send_sync(conn);
	send_query(conn, "SELECT count(*) FROM items");
	send_sync(conn);

	expect_statement(conn, PGRES_COMMAND_OK, "BEGIN");
	expect_statement(conn, PGRES_COMMAND_OK, "insert");
	expect_statement(conn, PGRES_COMMAND_OK, "COMMIT");
	expect_sync(conn, "sync");
	expect_statement(conn, PGRES_COMMAND_OK, "BEGIN of its own unit");
	expect_sync(conn, "sync");
	expect_statement(conn, PGRES_COMMAND_OK, "insert");
	expect_sync(conn, "sync");
	expect_sqlstate(PQgetResult(conn), "22012", "division");
	expect_end(conn, "division");
	expect_sync(conn, "sync");
	EXPECT(PQtransactionStatus(conn) != PQTRANS_IDLE, "idle in a failed transaction");
	expect_sqlstate(PQgetResult(conn), "25P02", "in the failed transaction");
	expect_end(conn, "in the failed transaction");
	expect_sync(conn, "sync");
	expect_statement(conn, PGRES_COMMAND_OK, "COMMIT that rolls back");
	expect_sync(conn, "sync");
	expect_value(conn, "1", "count");
	expect_sync(conn, "sync");
	leave(conn);
}

/* Thousands of statements in flight, sent and read as the socket allows. */
static void
without_blocking(void)
{
	PGconn	   *conn = open_connection();
	const char *value = "x";
	int			sent = 0,
				got = 0,
				syncs = 0;

	EXPECT(PQenterPipelineMode(conn) == 1 && PQsetnonblocking(conn, 1) == 0, "pipeline mode");
	while (got < MANY || syncs < MANY / 10)
	{
		for (int i = 0; i < 10 && sent < MANY; i++)
		{
			EXPECT(PQsendQueryParams(conn, "SELECT repeat($1, 1000)", 1, NULL, &value, NULL, NULL, 0) == 1,
				   "send: %s", PQerrorMessage(conn));
			if (++sent % 10 == 0)
				send_sync(conn);
		}
		wait_socket(conn, sent < MANY && PQflush(conn) == 1);
		EXPECT(PQconsumeInput(conn) == 1 && PQflush(conn) >= 0, "consume: %s", PQerrorMessage(conn));
		while (got + syncs < sent + sent / 10 && !PQisBusy(conn))
		{
			PGresult   *result = PQgetResult(conn);

			if (result == NULL)
				continue;
			if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
				syncs++;
			else
			{
				EXPECT(PQresultStatus(result) == PGRES_TUPLES_OK && PQgetlength(result, 0, 0) == 1000,
					   "answer %d: %s", got, PQresultErrorMessage(result));
				got++;
			}
			PQclear(result);
		}
	}
	leave(conn);
}

/* A connection closed with its pipeline half read leaves a server that others can use. */
static void
left_in_the_middle(void)
{
	for (int i = 0; i < 10; i++)
	{
		PGconn	   *conn = open_connection();

		EXPECT(PQenterPipelineMode(conn) == 1, "PQenterPipelineMode: %s", PQerrorMessage(conn));
		send_query(conn, "INSERT INTO items (name) VALUES ('maybe')");
		send_query(conn, "SELECT repeat('x', 100000) FROM t");
		if (i % 2 == 0)
			send_sync(conn);
		send_query(conn, "SELECT 1");
		EXPECT(PQflush(conn) >= 0, "flush");
	}
	for (int i = 0; i < 10; i++)
		EXPECT(run_number(open_connection(), "SELECT count(*) FROM t") == 100, "count");
}

const Case	pipeline_cases[] = {
	{"pipeline: one unit", one_unit},
	{"pipeline: reads leave the primary", reads_leave_the_primary},
	{"pipeline: many units", many_units},
	{"pipeline: error in the middle", error_in_the_middle},
	{"pipeline: error among reads", error_among_reads},
	{"pipeline: unknown statement", unknown_statement},
	{"pipeline: prepare and execute", prepare_and_execute},
	{"pipeline: flush request", flush_request},
	{"pipeline: flush after prepare", flush_after_prepare},
	{"pipeline: transactions", transactions},
	{"pipeline: without blocking", without_blocking},
	{"pipeline: left in the middle", left_in_the_middle},
	{NULL, NULL}
};
