/*-------------------------------------------------------------------------
 *
 * cases.c
 *	  Runs the cases and prints what became of them.
 *
 *	  libpq_cases CONNINFO READ_NODE,READ_NODE... [CASE]
 *
 *-------------------------------------------------------------------------
 */
#include "cases.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 64
#define PATIENCE_MS 60000

static const Case *const all_cases[] = {pipeline_cases, prepared_cases, result_cases, cancel_cases};

static const char *conninfo;
static const char *read_nodes;
static PGconn *connections[MAX_CONNECTIONS];
static size_t connection_count;
static jmp_buf case_end;
static char failure[2000];

static void run_case(const Case *one, bool first);
static void close_connections(void);
static void ignore_notice(void *arg, const char *text);
static void print_string(const char *text);

int
main(int argc, char **argv)
{
	bool		first = true;

	if (argc < 3)
	{
		fprintf(stderr, "usage: %s CONNINFO READ_NODES [CASE]\n", argv[0]);
		return 2;
	}
	conninfo = argv[1];
	read_nodes = argv[2];
	printf("{");
	for (size_t i = 0; i < sizeof(all_cases) / sizeof(all_cases[0]); i++)
		for (const Case *one = all_cases[i]; one->name != NULL; one++)
		{
			if (argc > 3 && strcmp(argv[3], one->name) != 0)
				continue;
			run_case(one, first);
			first = false;
		}
	printf("}\n");
	return 0;
}

static void
run_case(const Case *one, bool first)
{
	failure[0] = '\0';
	if (setjmp(case_end) == 0)
		one->run();
	close_connections();
	printf("%s", first ? "" : ",\n ");
	print_string(one->name);
	printf(": ");
	if (failure[0] == '\0')
		printf("null");
	else
		print_string(failure);
	fflush(stdout);
}

static void
close_connections(void)
{
	for (size_t i = 0; i < connection_count; i++)
		PQfinish(connections[i]);
	connection_count = 0;
}

static void
print_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char) *text < ' ')
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

void
fail(const char *file, int line, const char *format,...)
{
	va_list		args;
	int			length;

	length = snprintf(failure, sizeof(failure), "%s:%d: ", file, line);
	va_start(args, format);
	vsnprintf(failure + length, sizeof(failure) - length, format, args);
	va_end(args);
	longjmp(case_end, 1);
}

PGconn *
open_connection(void)
{
	PGconn	   *conn;

	EXPECT(connection_count < MAX_CONNECTIONS, "too many connections");
	conn = PQconnectdb(conninfo);
	connections[connection_count++] = conn;
	EXPECT(PQstatus(conn) == CONNECTION_OK, "connect: %s", PQerrorMessage(conn));
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	return conn;
}

static void
ignore_notice(void *arg, const char *text)
{
}

bool
is_read_node(const char *name)
{
	size_t		length = strlen(name);

	for (const char *at = read_nodes; (at = strstr(at, name)) != NULL; at += length)
		if ((at == read_nodes || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

PGresult *
run(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	EXPECT(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s: %s",
		   sql, PQresStatus(status), PQresultErrorMessage(result));
	return result;
}

void
run_only(PGconn *conn, const char *sql)
{
	PQclear(run(conn, sql));
}

long
run_number(PGconn *conn, const char *sql)
{
	PGresult   *result = run(conn, sql);
	long		number;

	EXPECT(PQntuples(result) == 1 && PQnfields(result) == 1, "%s: not one value", sql);
	number = atol(PQgetvalue(result, 0, 0));
	PQclear(result);
	return number;
}

void
send_single_row(PGconn *conn, const char *sql)
{
	EXPECT(PQsendQuery(conn, sql) == 1 && PQsetSingleRowMode(conn) == 1, "%s: %s", sql, PQerrorMessage(conn));
}

PGresult *
expect_result(PGconn *conn, ExecStatusType status, const char *what)
{
	PGresult   *result = PQgetResult(conn);

	EXPECT(result != NULL, "%s: no result, expected %s; %s", what, PQresStatus(status), PQerrorMessage(conn));
	EXPECT(PQresultStatus(result) == status, "%s: %s, expected %s; %s", what,
		   PQresStatus(PQresultStatus(result)), PQresStatus(status), PQresultErrorMessage(result));
	return result;
}

void
expect_only(PGconn *conn, ExecStatusType status, const char *what)
{
	PQclear(expect_result(conn, status, what));
}

void
expect_end(PGconn *conn, const char *what)
{
	PGresult   *result = PQgetResult(conn);

	EXPECT(result == NULL, "%s: %s where the results should end; %s", what,
		   PQresStatus(PQresultStatus(result)), PQresultErrorMessage(result));
}

void
expect_sqlstate(PGresult *result, const char *sqlstate, const char *what)
{
	const char *got = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	EXPECT(PQresultStatus(result) == PGRES_FATAL_ERROR, "%s: %s, expected an error", what,
		   PQresStatus(PQresultStatus(result)));
	EXPECT(got != NULL && strcmp(got, sqlstate) == 0, "%s: SQLSTATE %s, expected %s; %s", what,
		   got != NULL ? got : "none", sqlstate, PQresultErrorMessage(result));
	PQclear(result);
}

void
wait_socket(PGconn *conn, bool writable)
{
	struct pollfd wanted = {.fd = PQsocket(conn), .events = POLLIN | (writable ? POLLOUT : 0)};

	EXPECT(poll(&wanted, 1, PATIENCE_MS) == 1, "nothing came within a minute");
}
