/*-------------------------------------------------------------------------
 *
 * results.c
 *	  Cases of results and of what comes beside them: rows one by one, COPY,
 *	  errors, notifications, parameters of the connection.
 *
 *-------------------------------------------------------------------------
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 100000

static void
single_row(void)
{
	PGconn	   *conn = open_connection();
	PGresult   *result;
	long		rows = 0;

	send_single_row(conn, "SELECT i, repeat('x', 50), here() FROM generate_series(1, 100000) i");
	while ((result = PQgetResult(conn)) != NULL && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
	{
		EXPECT(atol(PQgetvalue(result, 0, 0)) == ++rows, "row %ld", rows);
		EXPECT(is_read_node(PQgetvalue(result, 0, 2)), "read on %s", PQgetvalue(result, 0, 2));
		PQclear(result);
	}
	EXPECT(PQresultStatus(result) == PGRES_TUPLES_OK && rows == ROWS, "end after %ld rows", rows);
	PQclear(result);
	expect_end(conn, "rows");
}

/* Rows that were passed on cannot be taken back: the error comes after them. */
static void
error_after_rows(void)
{
	PGconn	   *conn = open_connection();

	for (int round = 0; round < 3; round++)
	{
		PGresult   *result;
		long		rows = 0;

		send_single_row(conn, "SELECT i, 1 / (50000 - i) FROM generate_series(1, 100000) i");
		while ((result = PQgetResult(conn)) != NULL && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			rows++;
			PQclear(result);
		}
		EXPECT(rows == 49999, "%ld rows before the error", rows);
		expect_sqlstate(result, "22012", "after rows");
		expect_end(conn, "error");
	}
	EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "after the errors");
}

static void
copy(void)
{
	PGconn	   *conn = open_connection();
	PGresult   *result;
	char	   *line;
	long		lines = 0;

	run_only(conn, "TRUNCATE items RESTART IDENTITY");
	PQclear(PQexec(conn, "COPY items (name) FROM STDIN"));
	for (int i = 0; i < ROWS; i++)
		EXPECT(PQputCopyData(conn, "a name\n", 7) == 1, "PQputCopyData: %s", PQerrorMessage(conn));
	EXPECT(PQputCopyEnd(conn, NULL) == 1, "PQputCopyEnd: %s", PQerrorMessage(conn));
	result = expect_result(conn, PGRES_COMMAND_OK, "COPY");
	EXPECT(strcmp(PQcmdTuples(result), "100000") == 0, "COPY %s", PQcmdTuples(result));
	PQclear(result);
	expect_end(conn, "COPY");

	PQclear(PQexec(conn, "COPY (SELECT name FROM items) TO STDOUT"));
	while (PQgetCopyData(conn, &line, 0) > 0)
	{
		EXPECT(strcmp(line, "a name\n") == 0, "line \"%s\"", line);
		PQfreemem(line);
		lines++;
	}
	EXPECT(lines == ROWS, "%ld lines", lines);
	expect_only(conn, PGRES_COMMAND_OK, "COPY TO");
	expect_end(conn, "COPY TO");

	PQclear(PQexec(conn, "COPY items (name) FROM STDIN"));
	EXPECT(PQputCopyData(conn, "undone\n", 7) == 1 && PQputCopyEnd(conn, "no more") == 1, "give up");
	expect_sqlstate(PQgetResult(conn), "57014", "given up");
	expect_end(conn, "given up");
	EXPECT(run_number(conn, "SELECT count(*) FROM items") == ROWS, "count");
	run_only(conn, "TRUNCATE items RESTART IDENTITY");
}

/* A COPY sent by the extended protocol, which libpq does with parameters' function. */
static void
copy_extended(void)
{
	PGconn	   *conn = open_connection();
	char	   *line;

	run_only(conn, "TRUNCATE items RESTART IDENTITY");
	EXPECT(PQsendQueryParams(conn, "COPY items (name) FROM STDIN", 0, NULL, NULL, NULL, NULL, 0) == 1, "send");
	expect_only(conn, PGRES_COPY_IN, "COPY FROM");
	EXPECT(PQputCopyData(conn, "x\ny\n", 4) == 1 && PQputCopyEnd(conn, NULL) == 1, "data");
	expect_only(conn, PGRES_COMMAND_OK, "end of COPY FROM");
	expect_end(conn, "COPY FROM");
	EXPECT(PQsendQueryParams(conn, "COPY (SELECT count(*) FROM items) TO STDOUT", 0, NULL, NULL, NULL, NULL, 0) == 1,
		   "send");
	expect_only(conn, PGRES_COPY_OUT, "COPY TO");
	EXPECT(PQgetCopyData(conn, &line, 0) == 2 && line[0] == '2', "line");
	PQfreemem(line);
	EXPECT(PQgetCopyData(conn, &line, 0) == -1, "end");
	expect_only(conn, PGRES_COMMAND_OK, "end of COPY TO");
	expect_end(conn, "COPY TO");
}

/* The server refuses a row; what the client sends after it, before it has heard of that, is dropped. */
static void
copy_bad_row(void)
{
	PGconn	   *conn = open_connection();

	run_only(conn, "TRUNCATE items RESTART IDENTITY");
	for (int i = 0; i < 4; i++)
	{
		const char *sql = "COPY items (id, name) FROM STDIN";

		EXPECT((i % 2 ? PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0) : PQsendQuery(conn, sql)) == 1, "send");
		expect_only(conn, PGRES_COPY_IN, "COPY FROM");
		EXPECT(PQputCopyData(conn, "1\tundone\n", 9) == 1 && PQputCopyData(conn, "no number\tx\n", 12) == 1, "bad row");
		for (int row = 0; row < (i < 2 ? 0 : ROWS); row++)
			EXPECT(PQputCopyData(conn, "2\tdropped\n", 10) == 1, "PQputCopyData: %s", PQerrorMessage(conn));
		EXPECT(PQputCopyEnd(conn, NULL) == 1, "PQputCopyEnd: %s", PQerrorMessage(conn));
		expect_sqlstate(PQgetResult(conn), "22P02", "bad row");
		expect_end(conn, "bad row");
		EXPECT(run_number(conn, "SELECT count(*) FROM items") == 0, "count");
	}
}

static void
several_results(void)
{
	PGconn	   *conn = open_connection();

	for (int i = 0; i < 3; i++)
	{
		EXPECT(PQsendQuery(conn, "SELECT 1; SELECT 2 WHERE false; ; INSERT INTO items (name) VALUES ('x'); SELECT 1 / 0; SELECT 3") == 1, "send");
		expect_only(conn, PGRES_TUPLES_OK, "first");
		expect_only(conn, PGRES_TUPLES_OK, "second");
		expect_only(conn, PGRES_COMMAND_OK, "insert");
		expect_sqlstate(PQgetResult(conn), "22012", "division");
		expect_end(conn, "string");
		EXPECT(PQsendQuery(conn, "") == 1, "send nothing");
		expect_only(conn, PGRES_EMPTY_QUERY, "nothing");
		expect_end(conn, "nothing");
		EXPECT(PQsendQueryParams(conn, "", 0, NULL, NULL, NULL, NULL, 0) == 1, "send nothing extended");
		expect_only(conn, PGRES_EMPTY_QUERY, "nothing extended");
		expect_end(conn, "nothing extended");
	}
}

static void
error_fields(void)
{
	PGconn	   *conn = open_connection();

	for (int i = 0; i < 2; i++)
	{
		const char *sql = "SELECT id,\n nope FROM t";
		PGresult   *result = i == 0 ? PQexec(conn, sql) : PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0);

		EXPECT(strcmp(PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION), "13") == 0, "position %s",
			   PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
		EXPECT(strcmp(PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED), "ERROR") == 0, "severity");
		EXPECT(strstr(PQresultErrorMessage(result), "LINE 2:") != NULL, "message %s", PQresultErrorMessage(result));
		expect_sqlstate(result, "42703", "unknown column");
	}
	run_only(conn, "BEGIN");
	EXPECT(strcmp(PQresultErrorField(PQexec(conn, "SELECT nope"), PG_DIAG_STATEMENT_POSITION), "8") == 0,
		   "position in a transaction");
	run_only(conn, "ROLLBACK");
}

/* Waits for a notification; the caller frees it. */
static PGnotify *
await_notify(PGconn *conn)
{
	PGnotify   *notify;

	while ((notify = PQnotifies(conn)) == NULL)
	{
		wait_socket(conn, false);
		EXPECT(PQconsumeInput(conn) == 1, "consume: %s", PQerrorMessage(conn));
	}
	return notify;
}

static void
notifications(void)
{
	PGconn	   *conn = open_connection();
	PGconn	   *other = open_connection();
	char		sql[60];

	run_only(conn, "LISTEN wire");
	for (int i = 0; i < 20; i++)
	{
		PGnotify   *notify;

		snprintf(sql, sizeof(sql), "NOTIFY wire, '%d'", i);
		run_only(i % 4 == 3 ? conn : other, sql);
		notify = await_notify(conn);
		EXPECT(strcmp(notify->relname, "wire") == 0 && atoi(notify->extra) == i && notify->be_pid != 0,
			   "notification %d: %s %s", i, notify->relname, notify->extra);
		PQfreemem(notify);
		EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "a read between");
	}
	run_only(conn, "BEGIN");
	run_only(other, "NOTIFY wire, 'held'");
	EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100 && PQnotifies(conn) == NULL, "inside a transaction");
	run_only(conn, "COMMIT");
	PQfreemem(await_notify(conn));
}

static char noticed[200];

static void
keep_notice(void *arg, const PGresult *result)
{
	snprintf(noticed, sizeof(noticed), "%s %s", PQresultErrorField(result, PG_DIAG_SQLSTATE),
			 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

static void
notices(void)
{
	PGconn	   *conn = open_connection();

	PQsetNoticeReceiver(conn, keep_notice, NULL);
	run_only(conn, "DO $$ BEGIN RAISE WARNING 'look' USING ERRCODE = '01AN1'; END $$");
	EXPECT(strcmp(noticed, "01AN1 look") == 0, "notice \"%s\"", noticed);
	run_only(conn, "ROLLBACK");
	EXPECT(strcmp(noticed, "25P01 there is no transaction in progress") == 0, "notice \"%s\"", noticed);
	run_only(conn, "BEGIN");
	run_only(conn, "BEGIN");
	EXPECT(strcmp(noticed, "25001 there is already a transaction in progress") == 0, "notice \"%s\"", noticed);
	run_only(conn, "COMMIT");
}

static void
parameters(void)
{
	PGconn	   *conn = open_connection();

	EXPECT(PQprotocolVersion(conn) == 3 && PQserverVersion(conn) >= 150000 && PQbackendPID(conn) != 0, "versions");
	EXPECT(strcmp(PQparameterStatus(conn, "is_superuser"), "on") == 0, "is_superuser");
	EXPECT(strcmp(PQparameterStatus(conn, "session_authorization"), "postgres") == 0, "session_authorization");
	EXPECT(PQsetClientEncoding(conn, "LATIN1") == 0 && PQclientEncoding(conn) == pg_char_to_encoding("LATIN1"), "encoding");
	PQclear(PQexecParams(conn, "SET application_name = 'set later'", 0, NULL, NULL, NULL, NULL, 0));
	EXPECT(strcmp(PQparameterStatus(conn, "application_name"), "set later") == 0, "application_name");
	run_only(conn, "BEGIN");
	run_only(conn, "SET TimeZone = 'Asia/Tokyo'");
	EXPECT(strcmp(PQparameterStatus(conn, "TimeZone"), "Asia/Tokyo") == 0, "TimeZone in the transaction");
	run_only(conn, "ROLLBACK");
	EXPECT(strcmp(PQparameterStatus(conn, "TimeZone"), "UTC") == 0, "TimeZone after the rollback: %s",
		   PQparameterStatus(conn, "TimeZone"));
	PQclear(PQexec(conn, "SELECT set_config('DateStyle', 'German', false)"));
	EXPECT(strcmp(PQparameterStatus(conn, "DateStyle"), "German, DMY") == 0, "DateStyle by a function");
}

/* A function call message, which libpq's large object functions send. */
static void
function_call(void)
{
	PGconn	   *conn = open_connection();
	PQArgBlock	argument = {.len = 4,.isint = 1,.u.integer = -5};
	PGresult   *result;
	int			value,
				length;

	for (int i = 0; i < 3; i++)
	{
		result = PQfn(conn, 1397, &value, &length, 1, &argument, 1);	/* int4abs */
		EXPECT(PQresultStatus(result) == PGRES_COMMAND_OK && value == 5, "int4abs: %s", PQresultErrorMessage(result));
		PQclear(result);
		EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "a read between");
	}
	expect_sqlstate(PQfn(conn, 4242424, &value, &length, 1, &argument, 1), "42883", "unknown function");
}

const Case	result_cases[] = {
	{"single row mode", single_row},
	{"error after rows", error_after_rows},
	{"COPY", copy},
	{"COPY by the extended protocol", copy_extended},
	{"COPY of a bad row", copy_bad_row},
	{"several results", several_results},
	{"error fields", error_fields},
	{"notifications", notifications},
	{"notices", notices},
	{"parameters", parameters},
	{"function call", function_call},
	{NULL, NULL}
};
