/*
 * listener.c
 *	  Reads the board's notifications and tells the ledger; see listener.h.
 *
 * A payload names the board, and per changed order its key and the status
 * before and after; the rows themselves never travel in it. An order that
 * left the board is announced as deleted, which here means CLOSED. A change
 * that left the status alone (a customer's new name) is no commit the ledger
 * waits for. "resync" says: too much changed to list it, read the board again.
 */
#include "load/listener.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/clock.h"

#define POLL_MS 50

static bool read_notifications(Client *client);
static void handle_payload(Client *client, const char *payload, int64_t at_us);
static bool handle_change(Client *client, const json_t *change, int64_t at_us);

bool
listener_open(Client *client)
{
	char	   *channel;
	char		command[160];
	PGresult   *result;
	bool		listening;

	if (!client_open(client))
		return false;
	channel = PQescapeIdentifier(client->conn, client->config->channel,
								 strlen(client->config->channel));
	snprintf(command, sizeof(command), "LISTEN %s", channel);
	PQfreemem(channel);
	result = PQexec(client->conn, command);
	listening = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!listening)
	{
		client->config->stats->errors++;
		stats_print_violation(client->config->stats, "%s: %s failed: %s", client->label,
							  command, PQerrorMessage(client->conn));
		client_close(client);
	}
	PQclear(result);
	return listening;
}

void
listener_run(Client *client, atomic_bool *writers_done)
{
	int64_t		deadline_us = 0;

	for (;;)
	{
		struct pollfd readable = {.fd = PQsocket(client->conn), .events = POLLIN};

		if (atomic_load(writers_done))
		{
			if (deadline_us == 0)
				deadline_us = clock_now_us() + LISTENER_GRACE_MS * 1000;
			if (ledger_waiting_count(client->config->ledger) == 0 ||
				clock_now_us() > deadline_us)
				break;
		}
		poll(&readable, 1, POLL_MS);
		if (!read_notifications(client))
			break;
	}
	client_close(client);
}

static bool
read_notifications(Client *client)
{
	PGnotify   *notify;

	if (!PQconsumeInput(client->conn))
	{
		client->config->stats->errors++;
		stats_add_sqlstate(client->config->stats, "08006");
		stats_print_violation(client->config->stats, "%s lost its connection: %s",
							  client->label, PQerrorMessage(client->conn));
		return false;
	}
	while ((notify = PQnotifies(client->conn)) != NULL)
	{
		handle_payload(client, notify->extra, clock_now_us());
		PQfreemem(notify);
	}
	return true;
}

static void
handle_payload(Client *client, const char *payload, int64_t at_us)
{
	LoadStats  *stats = client->config->stats;
	json_t	   *root = json_loads(payload, 0, NULL);
	json_t	   *changes = json_object_get(root, "changes");
	json_t	   *change;
	size_t		i;
	bool		understood = root != NULL;

	if (json_is_true(json_object_get(root, "resync")))
	{
		stats->resyncs++;
		ledger_settle_commits(client->config->ledger);
	}
	else
	{
		understood = json_is_array(changes);
		json_array_foreach(changes, i, change)
			understood = handle_change(client, change, at_us) && understood;
	}
	if (!understood)
	{
		stats->errors++;
		stats_print_violation(stats, "%s cannot read this notification: %s", client->label, payload);
	}
	json_decref(root);
}

static bool
handle_change(Client *client, const json_t *change, int64_t at_us)
{
	json_t	   *id = json_object_get(json_object_get(change, "key"), "id");
	const char *op = json_string_value(json_object_get(change, "op"));
	const char *from = json_string_value(json_object_get(change, "from"));
	const char *to = json_string_value(json_object_get(change, "to"));
	OrderStatus status = ORDER_CLOSED;
	int64_t		delay_us;

	if (!json_is_integer(id) || op == NULL)
		return false;
	if (strcmp(op, "delete") != 0)
	{
		if (to == NULL || !order_status_parse(to, &status))
			return false;
		if (strcmp(op, "update") == 0 && from != NULL && strcmp(from, to) == 0)
			return true;
	}
	client->config->stats->notifications++;
	if (ledger_add_notification(client->config->ledger, json_integer_value(id), status,
								at_us, &delay_us))
		stats_add_delay(client->config->stats, delay_us);
	return true;
}
