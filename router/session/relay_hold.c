/*-------------------------------------------------------------------------
 *
 * relay_hold.c
 *	  A unit's replies on their way to the client: passed, held or dropped.
 *
 * Held are those of which it is not sure yet that they are the unit's last
 * word: the same may run again elsewhere, and then nobody is to see them.  See
 * relay_reply.c for when that is.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/compiler.h"
#include "wire/build.h"

#define HELD_MAX_BYTES (64 * 1024)

static NOINLINE void send_locals(Client *client);

void
relay_to_client(Client *client, Slice bytes)
{
	Relay	   *relay = &client->relay;

	if (relay->rerun != RERUN_NO)
		return;					/* runs again elsewhere: nobody sees this */
	if (!relay->is_holding)
	{
		client_write(client, bytes);
		return;
	}
	if (buf_len(&relay->held) + bytes.len > HELD_MAX_BYTES)
	{
		relay_release_held(client);
		client_write(client, bytes);
		return;
	}
	buf_append(&relay->held, bytes);
}

void
relay_release_held(Client *client)
{
	Relay	   *relay = &client->relay;

	relay->is_holding = false;
	client_write(client, buf_slice(&relay->held));
	buf_release(&relay->held);
}

void
relay_send_locals(Client *client)
{
	/* not while the client has only half of the message before them */
	if (inflight_is_local(&client->relay.inflight) && client->relay.pass_left == 0)
		send_locals(client);
}

static void
send_locals(Client *client)
{
	InFlightEntry entry;
	Buf			out = BUF_INIT;

	while (inflight_pop_local(&client->relay.inflight, &entry))
	{
		build_empty(&out, entry.kind == INFLIGHT_PARSE ? '1' : '3');
		client->relay.names.answered++;
	}
	relay_to_client(client, buf_slice(&out));
	buf_release(&out);
}

bool
relay_may_rerun(const Client *client)
{
	const Relay *relay = &client->relay;

	return relay->is_holding && !relay->holds_plan && !relay->cancel_asked && !relay->is_open;
}
