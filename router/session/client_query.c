/*-------------------------------------------------------------------------
 *
 * client_query.c
 *	  From messages to units.
 *
 * Messages are collected until Sync or Query ends the unit; then it is planned
 * once, whole.  Some cannot wait for the end:
 *
 *	  - a unit longer than UNIT_MAX_BYTES is sent open: to the primary, its
 *		further messages forwarded as they come (relay_feed);
 *	  - Flush asks for answers now.  If only Parse, Describe and Close came
 *		before, the router ends the unit with a Sync of its own and keeps its
 *		ReadyForQuery to itself; else the unit is sent open.  COPY data does the
 *		same: only the server can tell whether what came before it asks for it.
 *	  - COPY FROM STDIN asks for its data as soon as it is executed: a client
 *		may wait for that and send nothing behind Execute.
 *
 * While a unit is planned or runs, further messages stay unread.
 *
 *	  READY --(unit complete, flushed or long)--> planned, runs --> READY
 *	  READY, skip_to_sync --(anything)--> dropped
 *					  --(Sync)--> ReadyForQuery, READY
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

typedef enum TypeKind
{
	TYPE_UNKNOWN,
	TYPE_ANY,
	TYPE_COPY
} TypeKind;

/* Messages a client may send between units. */
static const unsigned char type_kinds[256] = {
	['Q'] = TYPE_ANY, ['P'] = TYPE_ANY, ['B'] = TYPE_ANY, ['D'] = TYPE_ANY, ['E'] = TYPE_ANY, ['C'] = TYPE_ANY,
	['F'] = TYPE_ANY, ['S'] = TYPE_ANY, ['H'] = TYPE_ANY, ['X'] = TYPE_ANY,
	['d'] = TYPE_COPY, ['c'] = TYPE_COPY, ['f'] = TYPE_COPY,
};

static bool waits_for_copy(const Client *client);
static size_t query_take_message(Client *client, Slice data);
static size_t drop_message(Client *client, const Frame *frame, Slice data);
static size_t drop_rest(Client *client, Slice data);
static size_t query_take_copy_data(Client *client, const Frame *frame, Slice data);
static size_t query_take_long_message(Client *client, const Frame *frame, Slice data);
static void handle_message(Client *client, const Frame *frame);
static void handle_Flush(Client *client);
static void handle_end(Client *client, const Frame *frame);
static bool running_takes_messages(const Client *client);
static size_t feed_running(Client *client, Slice data);

static inline TypeKind
kind_of(char type)
{
	return (TypeKind) type_kinds[(unsigned char) type];
}

size_t
client_query_on_data(Client *client, Slice data)
{
	size_t		used = 0;
	char		last = '\0';

	while (used < data.len)
	{
		Slice		rest = slice_skip(data, used);
		size_t		step;

		last = client->drop_left == 0 ? rest.data[0] : '\0';
		if (client->stream && stream_is_full(client->stream) && client->state == CLIENT_READY)
		{
			stream_pause(client->stream);	/* it asks and does not read: until it has */
			break;
		}
		if (client->drop_left > 0)
			step = drop_rest(client, rest);
		else if (client->state == CLIENT_READY)
			step = query_take_message(client, rest);
		else if (running_takes_messages(client))
			step = feed_running(client, rest);
		else
		{
			if (client->stream)
				stream_pause(client->stream);
			break;
		}
		if (step == 0)
			break;
		used += step;
	}
	if (last == 'E' && used == data.len && waits_for_copy(client))
	{
		client->relay.is_flushed = true;
		relay_plan_unit(client);
	}
	return used;
}

/* Nothing came behind Execute, and what is executed asks the client for data. */
static bool
waits_for_copy(const Client *client)
{
	UnitContext context;
	UnitSummary summary;

	if (client->state != CLIENT_READY || client->is_console || client->skip_to_sync || buf_len(&client->unit) == 0)
		return false;
	context = client_unit_context(client);
	unit_summarize(buf_slice(&client->unit), &context, &summary);
	return summary.has_copy_in;
}

static size_t
query_take_message(Client *client, Slice data)
{
	Frame		frame;

	if (!client_peek_frame(client, data, &frame))
		return 0;
	if (kind_of(frame.type) == TYPE_UNKNOWN)
	{
		client_fail_protocol(client, "invalid frontend message type %d", (unsigned char) frame.type);
		return 0;
	}
	if (frame.total_len > MESSAGE_MAX_BYTES)
	{
		client_fail_protocol(client, "message of %zu bytes is too long", frame.total_len);
		return 0;
	}
	if (frame.type == 'X')
	{
		client_close(client);
		return 0;
	}

	/* after an error all up to Sync is dropped, and what is left of a COPY that failed is, too */
	if (client->skip_to_sync && frame.type != 'S')
		return drop_message(client, &frame, data);
	if (kind_of(frame.type) == TYPE_COPY)
		return query_take_copy_data(client, &frame, data);
	if (buf_len(&client->unit) + frame.total_len > UNIT_MAX_BYTES && !client->skip_to_sync)
		return query_take_long_message(client, &frame, data);
	if (!frame_complete(data, &frame))
		return 0;
	if (!message_is_readable(frame.type, frame.body))
	{
		client_fail_protocol(client, "invalid message of type %c", frame.type);
		return 0;
	}
	handle_message(client, &frame);
	return frame.total_len;
}

/* What is not there yet is dropped when it comes. */
static size_t
drop_message(Client *client, const Frame *frame, Slice data)
{
	client->drop_left = frame->total_len;
	return drop_rest(client, data);
}

static size_t
drop_rest(Client *client, Slice data)
{
	size_t		used = client->drop_left < data.len ? client->drop_left : data.len;

	client->drop_left -= used;
	return used;
}

/* In the same batch as the COPY it belongs to; else PostgreSQL takes no notice of it. */
static size_t
query_take_copy_data(Client *client, const Frame *frame, Slice data)
{
	if (client->is_console || buf_len(&client->unit) == 0)
		return drop_message(client, frame, data);
	client->relay.is_flushed = true;
	relay_plan_unit(client);
	if (running_takes_messages(client))
		return feed_running(client, data);
	if (client->state == CLIENT_READY)	/* it was refused */
		return client->drop_left > 0 ? drop_rest(client, data) : query_take_message(client, data);
	if (client->stream)
		stream_pause(client->stream);	/* relay_start() resumes it */
	return 0;
}

/* The unit grows too long to be kept: send it open. */
static size_t
query_take_long_message(Client *client, const Frame *frame, Slice data)
{
	if (client->is_console)
	{
		Error		error = {0};

		error_set(&error, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
				  "a command of the admin console may not be longer than %d kB", UNIT_MAX_BYTES / 1024);
		client_fail(client, &error);
		return 0;
	}
	if (frame->type == 'P' && frame->total_len > PARSE_MAX_BYTES)
	{
		Error		error = {0};

		error_set(&error, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
				  "a statement to prepare may not be longer than %d MB", PARSE_MAX_BYTES / (1024 * 1024));
		error_set_hint(&error, "Send it as a simple query, or pass the data as parameters or with COPY.");
		client_fail(client, &error);
		return 0;
	}
	client->relay.is_open = true;
	client->relay.unread_end = frame->type == 'Q' || frame->type == 'F' ? frame->total_len : 0;
	relay_plan_unit(client);

	/* not consumed here: relay_feed() takes it once the unit runs */
	if (client->state == CLIENT_RUNNING)
		return feed_running(client, data);
	if (client->state == CLIENT_READY)	/* it was refused */
		return client->drop_left > 0 ? drop_rest(client, data) : query_take_message(client, data);
	if (client->stream)
		stream_pause(client->stream);	/* relay_start() resumes it */
	return 0;
}

static void
handle_message(Client *client, const Frame *frame)
{
	switch (frame->type)
	{
		case 'Q':
		case 'F':
		case 'S':
			handle_end(client, frame);
			break;
		case 'H':
			handle_Flush(client);
			break;
		default:
			buf_append(&client->unit, frame->whole);
			break;
	}
}

/* Query, FunctionCall and Sync end a unit. */
static void
handle_end(Client *client, const Frame *frame)
{
	if (client->skip_to_sync)
	{
		client->skip_to_sync = false;
		client_write_ready(client);
		return;
	}
	buf_append(&client->unit, frame->whole);
	client->context->stats.units++;
	if (client->is_console)
		console_session_run_unit(client);
	else
		relay_plan_unit(client);
}

static void
handle_Flush(Client *client)
{
	if (buf_len(&client->unit) == 0)
		return;					/* nothing to answer yet */
	if (client->is_console)
	{
		client->relay.closes_flushed = true;
		console_session_run_unit(client);
		return;
	}
	client->relay.is_flushed = true;
	relay_plan_unit(client);
}

static bool
running_takes_messages(const Client *client)
{
	return client->state == CLIENT_RUNNING && client->server &&
		(client->relay.is_open || client->relay.is_copy_in || client->relay.feed_left > 0);
}

/* What was fed may have been the last that an answered unit waited for. */
static size_t
feed_running(Client *client, Slice data)
{
	size_t		used = relay_feed(client, data);

	if (client->state == CLIENT_RUNNING)
		relay_maybe_finish(client);
	return used;
}
