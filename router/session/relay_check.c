/*-------------------------------------------------------------------------
 *
 * relay_check.c
 *	  Before a unit is sent: does its server know its statements as the client does?
 *
 * A statement that the client has had described, and now binds without another
 * Describe, must be what it was told.  If the server has described it the two
 * are compared when the Bind is sent (relay_send.c).  If not, it is prepared
 * there anew, described, and the unit waits for the answer: once per statement
 * and server, for all clients.  Anew, since one that is there already may be out
 * of date, and asking it would be an error in the client's transaction.
 *
 *	  [Close] Parse Describe ... Flush   ->   answers   ->   the unit
 *
 * Units that are sent open are not asked about: what follows in them is not
 * known.  What is known of their server is compared all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "wire/build.h"

#define BINDS_SEEN 64

/* The walk over a unit. */
typedef struct CheckWalk
{
	bool		unnamed_is_new;	/* it has parsed one */
	Slice		described;		/* the statement it described last; data NULL: none */
	int			binds;

	/* the last Bind, until it is described or executed */
	bool		is_pending;
	Slice		portal;
	Slice		statement;
} CheckWalk;

static bool check_unit(Client *client);
static bool check_message(Client *client, const Frame *frame, CheckWalk *walk);
static void note_Bind(Client *client, const Frame *frame, CheckWalk *walk);
static bool check_statement(Client *client, Slice name);
static void note_Describe(Client *client, const Frame *frame, CheckWalk *walk);
static void note_described(Client *client, const CheckWalk *walk);

bool
relay_check_descriptions(Client *client)
{
	Relay	   *relay = &client->relay;

	relay->described_binds = 0;
	return relay->error_refused == NULL && relay->summary.statements > 0 && !relay->summary.is_simple &&
		prepared_map_has_descriptions(client->prepared) && check_unit(client);
}

static bool
check_unit(Client *client)
{
	Relay	   *relay = &client->relay;
	Slice		messages = buf_slice(&client->unit);
	CheckWalk	walk = {0};
	Buf			out = BUF_INIT;
	Frame		frame;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		relay->is_checking |= check_message(client, &frame, &walk);
		messages = slice_skip(messages, frame.total_len);
	}
	if (!relay->is_checking)
		return false;
	build_empty(&out, 'H');
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	return true;
}

/* True: something was sent that has to be answered first. */
static bool
check_message(Client *client, const Frame *frame, CheckWalk *walk)
{
	bool		was_pending = walk->is_pending;
	Slice		statement = walk->statement;
	ParseMessage parse;

	switch (frame->type)
	{
		case 'P':
			if (message_parse_parse(frame->body, &parse))
				walk->unnamed_is_new |= parse.statement.len == 0;
			return false;
		case 'D':
			note_Describe(client, frame, walk);
			return false;
		case 'B':
			note_Bind(client, frame, walk);
			break;
		case 'E':
		case 'S':
			walk->is_pending = false;
			break;
		default:
			return false;
	}
	return was_pending && check_statement(client, statement);
}

static void
note_Bind(Client *client, const Frame *frame, CheckWalk *walk)
{
	BindMessage bind;

	if (!message_parse_bind_head(frame->body, &bind))
		return;
	walk->binds++;
	walk->portal = bind.portal;
	walk->statement = bind.statement;
	walk->is_pending = bind.statement.len > 0 || !walk->unnamed_is_new;
	if (walk->described.data && slice_equals(walk->described, bind.statement))
	{
		walk->is_pending = false;
		note_described(client, walk);
	}
}

static void
note_Describe(Client *client, const Frame *frame, CheckWalk *walk)
{
	TargetMessage target;

	if (!message_parse_target(frame->body, &target))
		return;
	if (target.kind == 'S')
		walk->described = target.name;
	if (!walk->is_pending || !slice_equals(target.name, target.kind == 'P' ? walk->portal : walk->statement))
		return;
	walk->is_pending = false;
	note_described(client, walk);
}

static void
note_described(Client *client, const CheckWalk *walk)
{
	if (walk->binds <= BINDS_SEEN)
		client->relay.described_binds |= UINT64_C(1) << (walk->binds - 1);
}

static bool
check_statement(Client *client, Slice name)
{
	Prepared   *prepared = client_find_prepared(client, name);
	Description told = prepared_map_description(client->prepared, name);
	Description there;
	char		server_name[PREPARED_NAME_SIZE];
	uint64_t	number;
	Buf			out = BUF_INIT;

	if (prepared == NULL || prepared_map_is_placed(client->prepared, name) || !description_is_known(&told) || client->relay.is_open ||
		server_tx_status(client->server) == 'E')
		return false;
	number = prepared_number(prepared);
	there = server_find_description(client->server, number);
	if (server_has_statement(client->server, number))
	{
		if (description_is_covered(&told, &there))
			return false;
		build_target(&out, 'C', 'S', prepared_server_name(number, server_name));
		relay_to_server(client, buf_slice(&out));
		inflight_push(&client->relay.inflight, INFLIGHT_CLOSE, INFLIGHT_SWALLOW, INFLIGHT_CLIENT, number);
		server_remove_statement(client->server, number);
		buf_clear(&out);
	}
	relay_prepare_there(client, prepared, INFLIGHT_SWALLOW);
	build_target(&out, 'D', 'S', prepared_server_name(number, server_name));
	relay_to_server(client, buf_slice(&out));
	inflight_push(&client->relay.inflight, INFLIGHT_DESCRIBE, INFLIGHT_SWALLOW, INFLIGHT_DESCRIPTION, number);
	buf_release(&out);
	return true;
}
