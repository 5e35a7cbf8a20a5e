/*
 * client.c
 *	  Connection, statements, transactions and read-backs of one client.
 *
 * Read client_run_transaction and client_check_order first: together they are
 * the promise the demo is about. The order is committed through one node, the
 * read-back that follows may run on any other, and must show it.
 */
#include "load/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load/clock.h"

#define MAX_ATTEMPTS 20			/* of a transaction that keeps losing races */
#define RECONNECT_PAUSE_MS 200

/* One statement, hence one snapshot: source and board must agree in it. */
static const Statement READ_BACK = {
	"read_back",
	"SELECT o.status, b.status FROM orders AS o LEFT JOIN mes_orders AS b ON b.id = o.id "
	"WHERE o.id = $1"
};

static PGresult *send_statement(Client *client, const Statement *statement, const Params *params);
static PGresult *send_simple(Client *client, const Statement *statement, const Params *params);
static bool prepare_once(Client *client, const Statement *statement);
static void note_failure(Client *client, const char *what, const PGresult *result);
static bool is_lost_race(const Client *client);
static bool run_control(Client *client, const char *command);
static void pause_ms(double duration_ms);

void
params_add_int(Params *params, int64_t value)
{
	char	   *number = params->numbers[params->count];

	snprintf(number, sizeof(params->numbers[0]), "%lld", (long long) value);
	params->values[params->count++] = number;
}

void
params_add_text(Params *params, const char *value)
{
	params->values[params->count++] = value;
}

bool
client_open(Client *client)
{
	const char *const keywords[] = {"dbname", "user", "application_name", NULL};
	const char *values[] = {client->config->conninfo, client->user, client->label, NULL};

	snprintf(client->label, sizeof(client->label), "%s %d", client->user, client->number);
	client->prepared_count = 0;
	client->conn = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(client->conn) == CONNECTION_OK)
		return true;

	client->config->stats->errors++;
	stats_add_sqlstate(client->config->stats, "08001");
	stats_print_violation(client->config->stats, "%s cannot connect: %s",
						  client->label, PQerrorMessage(client->conn));
	client_close(client);
	return false;
}

void
client_close(Client *client)
{
	PQfinish(client->conn);
	client->conn = NULL;
}

PGresult *
client_execute(Client *client, const Statement *statement, const Params *params)
{
	PGresult   *result = NULL;
	ExecStatusType status;

	if (client->protocol == PROTOCOL_PREPARED && !prepare_once(client, statement))
		return NULL;

	result = send_statement(client, statement, params);
	status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;

	note_failure(client, statement->name, result);
	PQclear(result);
	return NULL;
}

bool
client_perform(Client *client, const Statement *statement, const Params *params)
{
	PGresult   *result = client_execute(client, statement, params);

	PQclear(result);
	return result != NULL;
}

bool
client_run_transaction(Client *client, TransactionBody body, void *arg, int64_t *committed_us)
{
	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		TransactionOutcome outcome = TRANSACTION_FAILED;

		client->sqlstate[0] = '\0';
		client->in_transaction = true;
		if (run_control(client, "BEGIN"))
			outcome = body(client, arg);
		if (outcome == TRANSACTION_COMMIT && run_control(client, "COMMIT"))
		{
			*committed_us = clock_now_us();
			client->in_transaction = false;
			return true;
		}
		client->in_transaction = false;
		if (PQstatus(client->conn) != CONNECTION_OK)
			return false;
		if (PQtransactionStatus(client->conn) != PQTRANS_IDLE)
			run_control(client, "ROLLBACK");
		if (outcome == TRANSACTION_ROLLBACK || !is_lost_race(client))
			return false;
		client->config->stats->retries++;
	}

	client->config->stats->errors++;
	stats_print_violation(client->config->stats, "%s gave up a transaction after %d lost races",
						  client->label, MAX_ATTEMPTS);
	return false;
}

void
client_check_order(Client *client, int64_t order_id, OrderStatus written, int64_t committed_us)
{
	LoadStats  *stats = client->config->stats;
	Params		params = {0};
	PGresult   *result;
	const char *source = "no row";
	const char *board = "no row";
	OrderStatus seen = ORDER_INITIATED;

	params_add_int(&params, order_id);
	result = client_execute(client, &READ_BACK, &params);
	if (result == NULL)
		return;
	if (PQntuples(result) == 1)
	{
		source = PQgetvalue(result, 0, 0);
		if (!PQgetisnull(result, 0, 1))
			board = PQgetvalue(result, 0, 1);
	}

	stats->ryw_checked++;
	if (!order_status_parse(source, &seen) || seen < written)
	{
		stats->ryw_violations++;
		stats_print_violation(stats, "%s committed order %lld as %s and read %s %.1f ms later",
							  client->label, (long long) order_id, order_status_name(written),
							  source, (double) (clock_now_us() - committed_us) / 1000);
	}
	else if (strcmp(board, seen == ORDER_CLOSED ? "no row" : source) != 0)
	{
		stats->board_mismatches++;
		stats_print_violation(stats, "order %lld is %s in the source and %s on the board, in one snapshot",
							  (long long) order_id, source, board);
	}
	PQclear(result);
}

void
client_note_commit(Client *client, int64_t order_id, OrderStatus status, int64_t committed_us)
{
	int64_t		delay_us;

	if (ledger_add_commit(client->config->ledger, order_id, status, committed_us, &delay_us))
		stats_add_delay(client->config->stats, delay_us);
}

bool
client_think(Client *client)
{
	pause_ms(client->think_ms * (0.5 + client_draw_fraction(client)));
	while (PQstatus(client->conn) != CONNECTION_OK && !atomic_load(client->config->stop))
	{
		client_close(client);
		if (!client_open(client))
			pause_ms(RECONNECT_PAUSE_MS);
	}
	return !atomic_load(client->config->stop);
}

int64_t
client_draw(Client *client, int64_t below)
{
	return (int64_t) (client_draw_fraction(client) * (double) below);
}

double
client_draw_fraction(Client *client)
{
	return rand_r(&client->seed) / ((double) RAND_MAX + 1);
}

static PGresult *
send_statement(Client *client, const Statement *statement, const Params *params)
{
	static const Params NO_PARAMS;

	if (params == NULL)
		params = &NO_PARAMS;
	switch (client->protocol)
	{
		case PROTOCOL_SIMPLE:
			return send_simple(client, statement, params);
		case PROTOCOL_EXTENDED:
			return PQexecParams(client->conn, statement->sql, params->count, NULL,
								params->values, NULL, NULL, 0);
		case PROTOCOL_PREPARED:
			return PQexecPrepared(client->conn, statement->name, params->count,
								  params->values, NULL, NULL, 0);
	}
	return NULL;
}

/* Writes the values into the text, as drivers without bind messages do. */
static PGresult *
send_simple(Client *client, const Statement *statement, const Params *params)
{
	char		text[4096];
	size_t		length = 0;

	for (const char *from = statement->sql; *from != '\0' && length < sizeof(text) - 1; from++)
	{
		int			param = *from == '$' ? from[1] - '1' : -1;

		if (param >= 0 && param < params->count)
		{
			const char *value = params->values[param];
			char	   *literal = PQescapeLiteral(client->conn, value, strlen(value));

			length += (size_t) snprintf(text + length, sizeof(text) - length, "%s", literal);
			PQfreemem(literal);
			from++;
		}
		else
			text[length++] = *from;
	}
	if (length >= sizeof(text))
		return NULL;
	text[length] = '\0';
	return PQexec(client->conn, text);
}

static bool
prepare_once(Client *client, const Statement *statement)
{
	PGresult   *result;
	bool		prepared;

	for (int i = 0; i < client->prepared_count; i++)
	{
		if (client->prepared[i] == statement)
			return true;
	}

	result = PQprepare(client->conn, statement->name, statement->sql, 0, NULL);
	prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!prepared)
		note_failure(client, statement->name, result);
	else if (client->prepared_count < CLIENT_MAX_PREPARED)
		client->prepared[client->prepared_count++] = statement;
	PQclear(result);
	return prepared;
}

/* A lost race inside a transaction is the application's daily bread; the rest is not. */
static void
note_failure(Client *client, const char *what, const PGresult *result)
{
	LoadStats  *stats = client->config->stats;
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	snprintf(client->sqlstate, sizeof(client->sqlstate), "%s",
			 sqlstate != NULL ? sqlstate : "08006");
	stats_add_sqlstate(stats, client->sqlstate);
	if (client->in_transaction && is_lost_race(client))
		return;

	stats->errors++;
	stats_print_violation(stats, "%s: %s failed with %s: %s", client->label, what,
						  client->sqlstate, PQerrorMessage(client->conn));
}

static bool
is_lost_race(const Client *client)
{
	return strcmp(client->sqlstate, "40001") == 0 || strcmp(client->sqlstate, "40P01") == 0;
}

/*
 * Runs BEGIN, COMMIT or ROLLBACK. COMMIT of a failed transaction answers
 * ROLLBACK and is no error, so the tag is checked, not only the status.
 */
static bool
run_control(Client *client, const char *command)
{
	PGresult   *result = PQexec(client->conn, command);
	bool		done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		note_failure(client, command, result);
	else if (strcmp(PQcmdStatus(result), command) != 0)
	{
		client->config->stats->errors++;
		stats_print_violation(client->config->stats, "%s: %s was answered %s", client->label,
							  command, PQcmdStatus(result));
		done = false;
	}
	PQclear(result);
	return done;
}

static void
pause_ms(double duration_ms)
{
	struct timespec duration = {
		.tv_sec = (time_t) (duration_ms / 1000),
		.tv_nsec = (long) (duration_ms * 1e6) % 1000000000
	};

	nanosleep(&duration, NULL);
}
