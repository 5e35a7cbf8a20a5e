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
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"

static void transaction_end(Client *client, bool committed);

void
transaction_reset(Transaction *transaction)
{
	mem_free(transaction->begin_text);
	settings_unref(transaction->settings);
	memset(transaction, 0, sizeof(*transaction));
	transaction->status = 'I';
}

void
transaction_follow(Client *client, char status)
{
	Transaction *transaction = &client->transaction;

	if (client->relay.outside_transaction)
	{
		/* nothing has begun; but an error fails the transaction all the same */
		if (client->relay.saw_error)
		{
			transaction->status = 'E';
			transaction->is_deferred = false;
			transaction->is_lost = true;
		}
		return;
	}
	if (status == 'I')
	{
		/* the tag tells how it ended: a COMMIT of a failed one says ROLLBACK */
		transaction_end(client, strcmp(client->relay.last_tag, "ROLLBACK") != 0 &&
						transaction->status != 'E' && !client->relay.saw_error);
		return;
	}
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

	if (client->server && server_tx_status(client->server) != 'I' && !transaction->has_settings)
	{
		transaction->has_settings = true;
		transaction->settings = settings_ref(client->settings);
	}
	settings_unref(client->settings);
	client->settings = settings_ref(settings);
	if (client->server)
		server_set_settings(client->server, server_settings);
}

static void
transaction_end(Client *client, bool committed)
{
	Transaction *transaction = &client->transaction;

	if (transaction->has_settings && !committed)
	{
		settings_unref(client->settings);
		client->settings = settings_ref(transaction->settings);
		if (client->server)
			server_set_settings(client->server, client->settings);
	}
	transaction_reset(transaction);
}
