/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  What a session remembers of its transaction.
 *
 *	  status  is_deferred  server   meaning
 *	  I       no           none     between transactions
 *	  T       yes          none     BEGIN was answered, nothing was sent
 *	  T, E    no           held     runs on its server
 *	  E       no           none     is_lost: its server is gone, or it failed before one was
 *									had; waits for ROLLBACK
 *
 * Settings followed by the router go back with a transaction that is rolled
 * back: those at its beginning are kept from the first SET inside on.  At the
 * beginning of a transaction server and session have the same settings.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"

static void settle_settings(Client *client, bool committed);

void
transaction_reset(Transaction *transaction)
{
	mem_free(transaction->begin_text);
	settings_unref(transaction->settings);
	memset(transaction, 0, sizeof(*transaction));
	transaction->status = 'I';
}

void
transaction_lose(Transaction *transaction)
{
	if (transaction->status == 'I')
		return;
	transaction->status = 'E';
	transaction->is_lost = true;
	transaction->is_deferred = false;
}

void
transaction_end(Client *client, bool committed)
{
	settle_settings(client, committed);
	transaction_reset(&client->transaction);
}

void
transaction_follow(Client *client, char status)
{
	Transaction *transaction = &client->transaction;
	const Relay *relay = &client->relay;

	/* the tag tells how it ended: a COMMIT of a failed one says ROLLBACK */
	bool		committed = strcmp(relay->last_tag, "ROLLBACK") != 0 &&
		transaction->status != 'E' && !relay->saw_error;

	if (relay->outside_transaction)
	{
		/* nothing has begun; but an error fails the transaction all the same */
		if (relay->saw_error)
			transaction_lose(transaction);
		return;
	}
	if (status == 'I')
	{
		transaction_end(client, committed);
		return;
	}
	if ((relay->summary.flags & STATEMENT_CHAIN) && !relay->saw_error)
		settle_settings(client, committed); /* another one has begun in its place */
	transaction->status = status;
	transaction->is_deferred = false;
}

char
transaction_status_after(const Client *client, char status)
{
	if (!client->relay.outside_transaction)
		return status;
	return client->relay.saw_error ? 'E' : 'T';
}

/* Settings of the session and its server move together: SET was run there. */
void
transaction_apply_settings(Client *client, Settings *settings, Settings *server_settings)
{
	Transaction *transaction = &client->transaction;

	if (transaction->status != 'I' && !transaction->has_settings)
	{
		transaction->has_settings = true;
		transaction->settings = settings_ref(client->settings);
	}
	settings_unref(client->settings);
	client->settings = settings_ref(settings);
	if (client->server)
		server_set_settings(client->server, server_settings);
}

void
transaction_note_discard(Client *client)
{
	Settings   *empty = settings_empty(client->context->settings);

	settings_unref(client->settings);
	client->settings = settings_ref(client->startup_settings);
	server_set_settings(client->server, empty);
	settings_unref(empty);
	client->route = 'a';
	client->pin_reason = client->relay.summary.pin_reason = NULL;
	client->needs_reset = false;
}

static void
settle_settings(Client *client, bool committed)
{
	Transaction *transaction = &client->transaction;

	if (transaction->has_settings && !committed)
	{
		settings_unref(client->settings);
		client->settings = settings_ref(transaction->settings);
		if (client->server)
			server_set_settings(client->server, client->settings);
	}
	settings_unref(transaction->settings);
	transaction->settings = NULL;
	transaction->has_settings = false;
}
