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
 * beginning of a transaction server and session have the same settings, and so
 * they have at each savepoint; ROLLBACK TO goes back to those it had then.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"

static void settle_settings(Client *client, bool committed);
static void follow_savepoint(Client *client);
static Savepoint *find_savepoint(const Transaction *transaction, const char *name);
static void drop_savepoints(Transaction *transaction, const Savepoint *until);
static void set_settings(Client *client, Settings *settings);

void
transaction_reset(Transaction *transaction)
{
	buf_release(&transaction->begin_texts);
	settings_unref(transaction->settings);
	drop_savepoints(transaction, NULL);
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
	bool		committed = !relay->says_rollback && transaction->status != 'E' && !relay->saw_error;

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
	{
		/* another one has begun in its place */
		settle_settings(client, committed);
		drop_savepoints(transaction, NULL);
		client->pins_due |= transaction->has_pins && !committed;
		transaction->has_pins = transaction->sets_meaning = false;
	}
	else if (relay->savepoint && !relay->saw_error)
		follow_savepoint(client);
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
	client_find_rule(client);
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
	client_reset_route(client);
	client->pin_reason = client->relay.summary.pin_reason = NULL;
	client->pins = client->relay.summary.pins = 0;
	client->pins_due = client->needs_reset = false;
}

static void
settle_settings(Client *client, bool committed)
{
	Transaction *transaction = &client->transaction;

	if (transaction->has_settings && !committed)
		set_settings(client, transaction->settings);
	settings_unref(transaction->settings);
	transaction->settings = NULL;
	transaction->has_settings = false;
}

static void
set_settings(Client *client, Settings *settings)
{
	settings_ref(settings);
	settings_unref(client->settings);
	client->settings = settings;
	client_find_rule(client);
	if (client->server)
		server_set_settings(client->server, settings);
}

/* ---------------------------------------------------------------- savepoints */

bool
transaction_has_savepoint(const Transaction *transaction, const char *name)
{
	return find_savepoint(transaction, name) != NULL;
}

static void
follow_savepoint(Client *client)
{
	Transaction *transaction = &client->transaction;
	unsigned	flags = client->relay.summary.flags;
	Savepoint  *found = find_savepoint(transaction, client->relay.savepoint);

	if (flags & STATEMENT_RELEASE)
	{
		if (found)
			drop_savepoints(transaction, found->outer);
	}
	else if (flags & STATEMENT_ROLLBACK_TO)
	{
		client->pins_due |= transaction->has_pins;
		if (found == NULL)
			return;				/* settings may have changed: then the session was pinned */
		drop_savepoints(transaction, found);
		set_settings(client, found->settings);
	}
	else if (transaction->nsavepoints < SAVEPOINTS_FOLLOWED_MAX)
	{
		size_t		size = strlen(client->relay.savepoint) + 1;
		Savepoint  *savepoint = mem_alloc(sizeof(Savepoint) + size);

		memcpy(savepoint->name, client->relay.savepoint, size);
		savepoint->settings = settings_ref(client->settings);
		savepoint->outer = transaction->savepoints;
		transaction->savepoints = savepoint;
		transaction->nsavepoints++;
	}
}

/* The innermost of that name, or NULL. */
static Savepoint *
find_savepoint(const Transaction *transaction, const char *name)
{
	Savepoint  *savepoint = transaction->savepoints;

	while (savepoint && strcmp(savepoint->name, name) != 0)
		savepoint = savepoint->outer;
	return savepoint;
}

/* Those inside of until, which stays; NULL: all. */
static void
drop_savepoints(Transaction *transaction, const Savepoint *until)
{
	while (transaction->savepoints != until)
	{
		Savepoint  *savepoint = transaction->savepoints;

		transaction->savepoints = savepoint->outer;
		settings_unref(savepoint->settings);
		mem_free(savepoint);
		transaction->nsavepoints--;
	}
}
