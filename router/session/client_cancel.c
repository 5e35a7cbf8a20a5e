/*-------------------------------------------------------------------------
 *
 * client_cancel.c
 *	  Cancel requests: whose key it is, what is done then, and what stops those
 *	  who guess.
 *
 * A session has a number (backend/cancel.h: 15 of its bits are random) and a
 * secret.  The secret of protocol 3.2 has 256 bits: guessing is no use.  That
 * of protocol 3.0 has 32: who knows the number and may try 20 000 secrets a
 * second has found it in a day or two.  So a session with a short secret
 * counts the wrong ones it was tried with.  After GUESSES_MAX within
 * GUESS_WINDOW_US no secret opens it until the window is over: at ten a second
 * it takes seven years, on average, to find one.
 *
 * The count is the session's, not the sender's: addresses cost an attacker
 * little, and whoever shares one with him (a NAT, a host, a balancer) has his
 * own requests heard at once.  Nor does it help to try all numbers: it takes
 * 300 000 requests a second to keep the sessions of one worker shut, and who
 * does not know the number has 47 bits to guess.  It is told to nobody but the
 * client itself.
 *
 * All requests end alike and at once, right, wrong or not looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define GUESSES_MAX 100
#define GUESS_WINDOW_US (10 * US_PER_SEC)

static Client *find_by_key(SessionContext *context, uint32_t pid, Slice key);
static bool key_opens(Client *client, Slice key);
static void note_guess(Client *client);
static void cancel_what_it_does(Client *client);

void
client_cancel(SessionContext *context, uint32_t pid, Slice key)
{
	Client	   *client = find_by_key(context, pid, key);

	if (client != NULL)
		cancel_what_it_does(client);
}

void
client_cancel_done(SessionContext *context, uint32_t sender_pid, const char *sender_key)
{
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->is_cancel && client->key_pid == sender_pid &&
			memcmp(client->key, sender_key, CLIENT_KEY_SIZE) == 0)
		{
			client_close(client);
			return;
		}
	}
}

/* Numbers may be the same: what opens one session was no guess at another. */
static Client *
find_by_key(SessionContext *context, uint32_t pid, Slice key)
{
	bool		is_guess = false;

	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->key_pid != pid)
			continue;
		if (key_opens(client, key))
			return client;
		is_guess = true;
	}
	if (!is_guess)
		return NULL;
	context->stats.cancel_guesses++;
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->key_pid == pid)
			note_guess(client);
	}
	return NULL;
}

static bool
key_opens(Client *client, Slice key)
{
	if (loop_now_us(client->context->loop) - client->guessed_since_us >= GUESS_WINDOW_US)
		client->guesses = 0;
	return (client->guesses < GUESSES_MAX || client->key_len > CLIENT_KEY_SIZE) &&
		slice_equals(slice_make(client->key, (size_t) client->key_len), key);
}

static void
note_guess(Client *client)
{
	if (client->guesses++ == 0)
		client->guessed_since_us = loop_now_us(client->context->loop);
	if (client->guesses == GUESSES_MAX)
		LOG_WARN("cancel_key_guessed_at", LF_STR("user", client->user), LF_STR("peer", client->peer.text));
}

static void
cancel_what_it_does(Client *client)
{
	if (client->state == CLIENT_RUNNING && client->server)
		relay_cancel(client);
	else if (client->state == CLIENT_REPLICATING)
		replication_cancel(client);
	else if (client->state == CLIENT_WAIT_SERVER || client->state == CLIENT_WAIT_VIEW)
	{
		client_stop_waiting(client);
		client->relay.cancel_asked = true;
		relay_plan_again(client);
	}
	else if (client->state == CLIENT_CONSOLE)
	{
		Error		error = {0};

		error_set(&error, SQLSTATE_QUERY_CANCELED, "canceling command due to user request");
		client_stop_waiting(client);
		client_refuse_unit(client, &error);
	}
}
