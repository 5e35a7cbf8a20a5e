/*-------------------------------------------------------------------------
 *
 * relay_feed.c
 *	  What follows of a unit that was sent open, and the data of COPY.
 *
 * A unit is open when its end has not come yet: it was flushed after something
 * was executed, it is too long to be kept, or COPY asks the client for data.
 * What follows is looked at message by message as it would have been in a
 * whole unit: it may pin the session, or be no read in a transaction on a
 * replica.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

static bool takes_messages(const Client *client);
static size_t feed_message(Client *client, Slice data);
static void wait_for_copy(Client *client);
static bool feed_is_expected(const Client *client, char type);
static size_t feed_skipped_message(Client *client, const Frame *frame, Slice data);
static size_t feed_long_message(Client *client, const Frame *frame, Slice data);
static size_t feed_long_Bind(Client *client, const Frame *frame, Slice data);
static void feed_whole_message(Client *client, const Frame *frame);
static bool feed_note_message(Client *client, const Frame *frame, Slice body);
static bool feed_is_refused(Client *client, char type);

/* Messages of a unit that was sent open, and COPY data. */
size_t
relay_feed(Client *client, Slice data)
{
	Relay	   *relay = &client->relay;
	Stream	   *there = server_stream(client->server);
	size_t		used = 0;

	stream_cork(there);
	while (used < data.len && takes_messages(client))
	{
		Slice		rest = slice_skip(data, used);
		size_t		step;

		if (relay->feed_left > 0)
		{
			step = rest.len < relay->feed_left ? rest.len : relay->feed_left;
			relay_to_server(client, slice_make(rest.data, step));
			relay->feed_left -= step;
		}
		else
			step = feed_message(client, rest);
		if (step == 0)
			break;
		used += step;
	}
	if (client->server == NULL)
		return used;			/* the client is gone, and its server with it */
	stream_uncork(there);
	if (stream_is_full(there))
		stream_pause(client->stream);	/* relay_on_drained() resumes it */
	relay_send_locals(client);
	return used;
}

void
relay_settle_copy(Client *client)
{
	Relay	   *relay = &client->relay;

	if (!relay->awaits_copy || !(relay->is_copy_in || relay->saw_error || inflight_is_empty(&relay->inflight)))
		return;
	relay->awaits_copy = false;
	if (client->stream && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

static bool
takes_messages(const Client *client)
{
	const Relay *relay = &client->relay;

	return client->state == CLIENT_RUNNING && client->server && client->drop_left == 0 &&
		(relay->is_open || relay->is_copy_in || relay->feed_left > 0);
}

static size_t
feed_message(Client *client, Slice data)
{
	Relay	   *relay = &client->relay;
	Frame		frame;

	if (!client_peek_frame(client, data, &frame))
		return 0;
	if (frame.type == 'X')
	{
		client_close(client);
		return 0;
	}
	if (!feed_is_expected(client, frame.type))
	{
		client_fail_protocol(client, "unexpected message type %d", (unsigned char) frame.type);
		return 0;
	}
	if (frame.total_len > MESSAGE_MAX_BYTES)
	{
		client_fail_protocol(client, "message of %zu bytes is too long", frame.total_len);
		return 0;
	}
	if (relay->is_open && relay->saw_error && frame.type != 'S')
		return feed_skipped_message(client, &frame, data);
	if (strchr("dcf", frame.type) && !relay->is_copy_in && !inflight_is_empty(&relay->inflight))
	{
		wait_for_copy(client);
		return 0;
	}
	if (frame_parse(data, &frame) != FRAME_OK)
		return frame.total_len > UNIT_MAX_BYTES ? feed_long_message(client, &frame, data) : 0;
	if (!message_is_readable(frame.type, frame.body))
	{
		client_fail_protocol(client, "invalid message of type %c", frame.type);
		return 0;
	}
	feed_whole_message(client, &frame);
	return frame.total_len;
}

/* Sent with the COPY, before the server has asked for it: whether it will is known when it has answered. */
static void
wait_for_copy(Client *client)
{
	if (!client->relay.awaits_copy)
		relay_send_empty(client, 'H');
	client->relay.awaits_copy = true;
	if (client->stream)
		stream_pause(client->stream);
}

static bool
feed_is_expected(const Client *client, char type)
{
	return type != '\0' && strchr(client->relay.is_copy_in ? "dcfHS" : "QPBDECFSHdcf", type) != NULL;
}

/* The server skips to Sync after an error and answers none of it: it is not even sent. */
static size_t
feed_skipped_message(Client *client, const Frame *frame, Slice data)
{
	size_t		used = frame->total_len < data.len ? frame->total_len : data.len;

	client->drop_left = frame->total_len - used;
	return used;
}

/* What is there of a message too long to be assembled; the rest follows as it comes. */
static size_t
feed_long_message(Client *client, const Frame *frame, Slice data)
{
	switch (frame->type)
	{
		case 'P':
			if (frame->total_len > PARSE_MAX_BYTES)
				client_fail_protocol(client, "a statement to prepare may not be longer than %d MB",
									 PARSE_MAX_BYTES / (1024 * 1024));
			return 0;			/* assembled */
		case 'B':
			return feed_long_Bind(client, frame, data);
		case 'Q':
		case 'F':
			unit_add_unreadable(&client->relay.summary);
			client->relay.is_open = false;
			client->relay.unread_end = 0;
			if (feed_is_refused(client, frame->type))
				return feed_skipped_message(client, frame, data);
			inflight_push(&client->relay.inflight, frame->type == 'Q' ? INFLIGHT_QUERY : INFLIGHT_FUNCTION,
						  INFLIGHT_FORWARD, INFLIGHT_CLIENT, 0);
			break;
		case 'd':
			break;
		default:
			client_fail_protocol(client, "message of type %d is too long", (unsigned char) frame->type);
			return 0;
	}
	relay_to_server(client, data);
	client->relay.feed_left = frame->total_len - data.len;
	return data.len;
}

static size_t
feed_long_Bind(Client *client, const Frame *frame, Slice data)
{
	Slice		body = slice_skip(data, FRAME_HEADER_SIZE);
	BindMessage bind;

	if (data.len < UNIT_MAX_BYTES)
		return 0;				/* both names fit in there */
	if (!message_parse_bind_head(body, &bind))
	{
		client_fail_protocol(client, "invalid message of type %c", frame->type);
		return 0;
	}
	if (!feed_note_message(client, frame, body))
		return feed_skipped_message(client, frame, data);
	if (!relay_send_Bind(client, body, frame->total_len))
		return feed_skipped_message(client, frame, data);
	client->relay.feed_left = frame->total_len - data.len;
	return data.len;
}

static void
feed_whole_message(Client *client, const Frame *frame)
{
	Relay	   *relay = &client->relay;

	if (relay->is_copy_in)
	{
		/* a Sync in between is ignored there: the one behind CopyDone counts */
		relay_to_server(client, frame->whole);
		relay->is_copy_in = frame->type != 'c' && frame->type != 'f';
		return;
	}
	if (strchr("SQF", frame->type))
	{
		relay->is_open = false;
		relay->unread_end = 0;
	}
	if (feed_note_message(client, frame, frame->body))
		relay_send_message(client, frame);
}

/* What the message means for the session; false: it was refused. */
static bool
feed_note_message(Client *client, const Frame *frame, Slice body)
{
	Relay	   *relay = &client->relay;
	UnitContext context = client_unit_context(client);
	BindMessage bind;
	Prepared   *prepared;
	Slice		text = {NULL, 0};

	if (frame->type == 'B' && message_parse_bind_head(body, &bind))
	{
		prepared = prepared_map_find(client->prepared, bind.statement);
		unit_add_statement(&context, prepared ? prepared_text(prepared) : text, &relay->summary);
	}
	else if (frame->type == 'Q' && message_parse_query(body, &text))
		unit_add_statement(&context, text, &relay->summary);
	else if (frame->type == 'F')
	{
		relay->summary.has_function_call = true;
		relay->summary.flags &= ~(unsigned) STATEMENT_IS_READ;
	}
	else
		return true;
	if (relay->summary.has_session_command)
		unit_pin(&relay->summary, PIN_OTHER, "session command in a unit sent in parts");
	return !feed_is_refused(client, frame->type);
}

/* Not a read, in a transaction on a replica, or it would pin: something that fails is sent. */
static bool
feed_is_refused(Client *client, char type)
{
	Relay	   *relay = &client->relay;

	if (relay_refuses_pin(client))
		relay_refuse_pin(client);
	else if (!client->transaction.on_replica || unit_is_allowed_on_replica(&relay->summary))
		return false;
	else
		relay_refuse_on_replica(client);
	if (type == 'Q' || type == 'F')
		relay_send_failing_query(client);
	else
		relay_send_failing_bind(client);
	return true;
}
