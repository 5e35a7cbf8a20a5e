/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Cases of prepared statements: names are the session's, servers change.
 *
 *-------------------------------------------------------------------------
 */
#include "cases.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 20
#define ROUNDS 15
#define STATEMENTS 60
#define INT4 23
#define TEXT 25

static void
prepare(PGconn *conn, const char *name, const char *sql)
{
	PGresult   *result = PQprepare(conn, name, sql, 0, NULL);

	EXPECT(PQresultStatus(result) == PGRES_COMMAND_OK, "prepare %s: %s", name, PQresultErrorMessage(result));
	PQclear(result);
}

static PGresult *
execute(PGconn *conn, const char *name, const char *value)
{
	return PQexecPrepared(conn, name, value != NULL ? 1 : 0, &value, NULL, NULL, 0);
}

static void
expect_execute(PGconn *conn, const char *name, const char *value, const char *expected)
{
	PGresult   *result = execute(conn, name, value);

	EXPECT(PQresultStatus(result) == PGRES_TUPLES_OK, "execute %s: %s", name, PQresultErrorMessage(result));
	EXPECT(PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), expected) == 0,
		   "execute %s: \"%s\", expected \"%s\"", name,
		   PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "no row", expected);
	PQclear(result);
}

/* One name, a text of its own per client; more clients than servers. */
static void
same_name_different_texts(void)
{
	PGconn	   *conns[CLIENTS];
	char		sql[100],
				expected[20];

	for (int i = 0; i < CLIENTS; i++)
	{
		conns[i] = open_connection();
		snprintf(sql, sizeof(sql), "SELECT %d + $1::int", i * 1000);
		prepare(conns[i], "s", sql);
		snprintf(sql, sizeof(sql), "INSERT INTO items (name) SELECT '%d-' || $1 RETURNING name", i);
		prepare(conns[i], "w", sql);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < CLIENTS; i++)
		{
			int			client = (i * 7 + round) % CLIENTS;

			snprintf(expected, sizeof(expected), "%d", client * 1000 + 5);
			expect_execute(conns[client], "s", "5", expected);
			snprintf(expected, sizeof(expected), "%d-v", client);
			expect_execute(conns[client], "w", "v", expected);
		}
}

/* One text under many names, each described and executed. */
static void
same_text_different_names(void)
{
	PGconn	   *conn = open_connection();
	char		name[20];

	for (int i = 0; i < STATEMENTS; i++)
	{
		snprintf(name, sizeof(name), "name %d", i);
		prepare(conn, name, "SELECT $1::text");
	}
	for (int i = 0; i < STATEMENTS; i++)
	{
		snprintf(name, sizeof(name), "name %d", i);
		expect_execute(conn, name, name, name);
	}
}

/* More statements than a server may keep. */
static void
many_statements(void)
{
	PGconn	   *conn = open_connection();
	char		name[20],
				sql[60],
				expected[20];

	for (int i = 0; i < STATEMENTS; i++)
	{
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(sql, sizeof(sql), "SELECT %d * $1::int AS c%d", i, i);
		prepare(conn, name, sql);
	}
	for (int i = 0; i < 3 * STATEMENTS; i++)
	{
		int			which = (i * 13) % STATEMENTS;

		snprintf(name, sizeof(name), "s%d", which);
		snprintf(expected, sizeof(expected), "%d", which * 3);
		expect_execute(conn, name, "3", expected);
	}
}

static void
describe(void)
{
	PGconn	   *conn = open_connection();
	Oid			types[] = {INT4};
	PGresult   *result = PQprepare(conn, "d", "SELECT id, v FROM t WHERE id = $1 AND v <> $2", 1, types);

	PQclear(result);
	for (int i = 0; i < 3; i++)
	{
		result = PQdescribePrepared(conn, "d");
		EXPECT(PQresultStatus(result) == PGRES_COMMAND_OK, "describe: %s", PQresultErrorMessage(result));
		EXPECT(PQnparams(result) == 2 && PQparamtype(result, 0) == INT4 && PQparamtype(result, 1) == TEXT, "parameters");
		EXPECT(PQnfields(result) == 2 && PQftype(result, 0) == INT4 && PQftype(result, 1) == TEXT &&
			   strcmp(PQfname(result, 1), "v") == 0 && PQftable(result, 0) != 0, "columns");
		PQclear(result);
		run_only(conn, "INSERT INTO items (name) VALUES ('x')");
	}
	expect_sqlstate(PQdescribePrepared(conn, "unknown"), "26000", "describe an unknown one");
	prepare(conn, "nothing", "INSERT INTO items (name) VALUES ($1)");
	result = PQdescribePrepared(conn, "nothing");
	EXPECT(PQnparams(result) == 1 && PQnfields(result) == 0, "a statement without rows");
	PQclear(result);
}

static void
describe_portal(void)
{
	PGconn	   *conn = open_connection();
	PGresult   *result;

	run_only(conn, "BEGIN");
	run_only(conn, "DECLARE c CURSOR FOR SELECT id, v FROM t ORDER BY id");
	result = PQdescribePortal(conn, "c");
	EXPECT(PQresultStatus(result) == PGRES_COMMAND_OK && PQnfields(result) == 2, "describe: %s",
		   PQresultErrorMessage(result));
	PQclear(result);
	EXPECT(run_number(conn, "SELECT count(*) FROM t") == 100, "count");
	result = run(conn, "FETCH 3 FROM c");
	EXPECT(PQntuples(result) == 3, "fetch");
	PQclear(result);
	expect_sqlstate(PQdescribePortal(conn, "unknown"), "34000", "describe an unknown portal");
	run_only(conn, "ROLLBACK");
}

static void
deallocate(void)
{
	PGconn	   *conn = open_connection();

	prepare(conn, "one", "SELECT 1");
	prepare(conn, "two", "SELECT 2");
	expect_sqlstate(PQprepare(conn, "one", "SELECT 3", 0, NULL), "42P05", "prepare a name again");
	expect_execute(conn, "one", NULL, "1");
	run_only(conn, "DEALLOCATE one");
	expect_sqlstate(execute(conn, "one", NULL), "26000", "after DEALLOCATE");
	expect_execute(conn, "two", NULL, "2");
	prepare(conn, "one", "SELECT 4");
	expect_execute(conn, "one", NULL, "4");
	run_only(conn, "DEALLOCATE ALL");
	expect_sqlstate(execute(conn, "two", NULL), "26000", "after DEALLOCATE ALL");
	expect_sqlstate(PQexec(conn, "DEALLOCATE one"), "26000", "DEALLOCATE of what is gone");
	prepare(conn, "two", "SELECT 5");
	expect_execute(conn, "two", NULL, "5");
	run_only(conn, "DISCARD ALL");
	expect_sqlstate(execute(conn, "two", NULL), "26000", "after DISCARD ALL");
}

/* Statements prepared by the protocol and by SQL, side by side. */
static void
with_sql(void)
{
	PGconn	   *conn = open_connection();

	prepare(conn, "p", "SELECT $1::int + 1");
	run_only(conn, "PREPARE q (int) AS SELECT $1 + 2");
	expect_execute(conn, "p", "4", "5");
	EXPECT(run_number(conn, "EXECUTE q (4)") == 6, "EXECUTE");
	expect_execute(conn, "q", "4", "6");
	expect_sqlstate(PQexec(conn, "EXECUTE nobody (4)"), "26000", "EXECUTE of an unknown one");
	expect_execute(conn, "p", "4", "5");
}

/*
 * The answer of a statement whose table changed: never rows in a shape not
 * described.  libpq describes what it executes in the same unit, so that the
 * router may prepare it anew; PostgreSQL alone says 0A000.
 */
static void
table_changes(void)
{
	PGconn	   *conn = open_connection();
	PGconn	   *other = open_connection();
	PGresult   *result;

	run_only(conn, "DROP TABLE IF EXISTS changing");
	run_only(conn, "CREATE TABLE changing (a int)");
	run_only(conn, "INSERT INTO changing VALUES (1)");
	prepare(conn, "all", "SELECT * FROM changing");
	expect_execute(conn, "all", NULL, "1");
	run_only(other, "ALTER TABLE changing ADD b text");
	result = execute(conn, "all", NULL);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		EXPECT(PQnfields(result) == 2 && PQgetisnull(result, 0, 1), "%d columns", PQnfields(result));
		PQclear(result);
	}
	else
		expect_sqlstate(result, "0A000", "cached plan must not change result type");
	EXPECT(run_number(conn, "SELECT count(b) FROM changing") == 0, "after the error");
	run_only(conn, "DEALLOCATE \"all\"");
	prepare(conn, "all", "SELECT * FROM changing");
	expect_execute(conn, "all", NULL, "1");
}

/*
 * Who prepares after the change gets the new shape at once, though others have
 * prepared the same text before it, on the same servers.
 */
static void
prepared_after_change(void)
{
	PGconn	   *conns[] = {open_connection(), open_connection(), open_connection()};

	run_only(conns[0], "DROP TABLE IF EXISTS changing");
	run_only(conns[0], "CREATE TABLE changing AS SELECT 1 AS a");
	for (int columns = 1; columns < 5; columns++)
	{
		char		name[20],
					sql[60];

		for (int i = 0; i < 9; i++)
		{
			PGresult   *result;

			snprintf(name, sizeof(name), "s%d-%d", columns, i);
			if (i < 6)
				result = PQexecParams(conns[i % 3], "SELECT * FROM changing", 0, NULL, NULL, NULL, NULL, 0);
			else
			{
				prepare(conns[i % 3], name, "SELECT * FROM changing");
				result = PQdescribePrepared(conns[i % 3], name);
			}
			EXPECT(PQresultStatus(result) != PGRES_FATAL_ERROR, "%d columns, %d: %s", columns, i, PQresultErrorMessage(result));
			EXPECT(PQnfields(result) == columns, "%d columns, not %d", PQnfields(result), columns);
			PQclear(result);
		}
		snprintf(sql, sizeof(sql), "ALTER TABLE changing ADD b%d int", columns);
		run_only(conns[2], sql);
	}
}

static void
in_failed_transaction(void)
{
	PGconn	   *conn = open_connection();

	run_only(conn, "BEGIN");
	prepare(conn, "inside", "SELECT count(*) FROM t");
	expect_execute(conn, "inside", NULL, "100");
	expect_sqlstate(PQexec(conn, "SELECT 1 / 0"), "22012", "division");
	expect_sqlstate(execute(conn, "inside", NULL), "25P02", "execute in a failed transaction");
	expect_sqlstate(PQprepare(conn, "more", "SELECT 1", 0, NULL), "25P02", "prepare in a failed transaction");
	run_only(conn, "ROLLBACK");
	expect_execute(conn, "inside", NULL, "100");
	expect_sqlstate(execute(conn, "more", NULL), "26000", "what was not prepared");
}

/* Binary values in and out, NULLs, and the unnamed statement between named ones. */
static void
binary(void)
{
	PGconn	   *conn = open_connection();
	uint32_t	seven = htonl(7);
	const char *values[] = {(const char *) &seven, NULL};
	int			lengths[] = {4, 0};
	int			formats[] = {1, 0};

	prepare(conn, "b", "SELECT $1::int + 1, $2::text IS NULL, '\\x00ff'::bytea");
	for (int i = 0; i < 10; i++)
	{
		PGresult   *result = i % 2 == 0
			? PQexecPrepared(conn, "b", 2, values, lengths, formats, 1)
			: PQexecParams(conn, "SELECT $1::int + 1, $2::text IS NULL, '\\x00ff'::bytea", 2, NULL,
						   values, lengths, formats, 1);

		EXPECT(PQresultStatus(result) == PGRES_TUPLES_OK, "binary: %s", PQresultErrorMessage(result));
		EXPECT(PQfformat(result, 0) == 1 && PQgetlength(result, 0, 0) == 4 &&
			   ntohl(*(uint32_t *) PQgetvalue(result, 0, 0)) == 8, "the number");
		EXPECT(PQgetlength(result, 0, 1) == 1 && *PQgetvalue(result, 0, 1) == 1, "the NULL");
		EXPECT(PQgetlength(result, 0, 2) == 2 && memcmp(PQgetvalue(result, 0, 2), "\0\377", 2) == 0, "the bytes");
		PQclear(result);
		if (i == 4)
			run_only(conn, "INSERT INTO items (name) VALUES ('x')");
	}
}

/* A new session knows none of the old one's statements. */
static void
after_reset(void)
{
	PGconn	   *conn = open_connection();

	for (int i = 0; i < 5; i++)
	{
		prepare(conn, "s", "SELECT 1");
		expect_execute(conn, "s", NULL, "1");
		PQreset(conn);
		EXPECT(PQstatus(conn) == CONNECTION_OK, "reset: %s", PQerrorMessage(conn));
		expect_sqlstate(execute(conn, "s", NULL), "26000", "after a reset");
	}
}

/* The planner's settings are part of what a statement means. */
static void
search_path(void)
{
	PGconn	   *first = open_connection();
	PGconn	   *second = open_connection();

	run_only(first, "CREATE SCHEMA IF NOT EXISTS other");
	run_only(first, "DROP TABLE IF EXISTS other.t");
	run_only(first, "CREATE TABLE other.t AS SELECT 1 AS id");
	run_only(first, "SET search_path = other");
	prepare(first, "s", "SELECT count(*) FROM t");
	prepare(second, "s", "SELECT count(*) FROM t");
	for (int i = 0; i < ROUNDS; i++)
	{
		expect_execute(first, "s", NULL, "1");
		expect_execute(second, "s", NULL, "100");
	}
	run_only(first, "DROP SCHEMA other CASCADE");
}

const Case	prepared_cases[] = {
	{"prepared: same name, different texts", same_name_different_texts},
	{"prepared: same text, different names", same_text_different_names},
	{"prepared: many statements", many_statements},
	{"prepared: describe", describe},
	{"prepared: describe portal", describe_portal},
	{"prepared: deallocate", deallocate},
	{"prepared: with SQL", with_sql},
	{"prepared: table changes", table_changes},
	{"prepared: after a change", prepared_after_change},
	{"prepared: in a failed transaction", in_failed_transaction},
	{"prepared: binary", binary},
	{"prepared: after a reset", after_reset},
	{"prepared: search_path", search_path},
	{NULL, NULL}
};
