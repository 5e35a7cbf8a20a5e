/*-------------------------------------------------------------------------
 *
 * client_query.c
 *	  From messages to units.
 *
 * Messages are collected until Sync or Query ends the unit; then it is planned
 * once, whole.  Two cases cannot wait for the end:
 *
 *	  - a unit longer than UNIT_MAX_BYTES is sent open: to the primary, its
 *		further messages forwarded as they come (relay_feed);
 *	  - Flush asks for answers now.  If only Parse, Describe and Close came
 *		before, the router ends the unit with a Sync of its own and keeps its
 *		ReadyForQuery to itself; else the unit is sent open.
 *
 * While a unit is planned or runs, further messages stay unread.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/log.h"
#include "session/params.h"
#include "wire/build.h"
#include "wire/message.h"

static size_t query_take_message(Client *client, Slice data);
static size_t query_take_long_message(Client *client, const Frame *frame, Slice data);
static void handle_message(Client *client, const Frame *frame);
static void handle_Flush(Client *client);
static bool drop_until_sync(Client *client, const Frame *frame);
static bool running_takes_messages(const Client *client);
static void send_ready(Client *client);

size_t
client_query_on_data(Client *client, Slice data)
{
	size_t		used = 0;

	while (used < data.len)
	{
		Slice		rest = slice_skip(data, used);
		size_t		step;

		if (client->stream && stream_is_full(client->stream) && client->state == CLIENT_READY)
		{
			stream_pause(client->stream);	/* it asks and does not read: until it has */
			break;
		}
		if (client->drop_left > 0)
		{
			step = rest.len < client->drop_left ? rest.len : client->drop_left;
			client->drop_left -= step;
		}
		else if (client->state == CLIENT_READY)
			step = query_take_message(client, rest);
		else if (running_takes_messages(client))
			step = relay_feed(client, rest);
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
	return used;
}

void
client_unit_done(Client *client)
{
	bool		is_flushed = client->relay.closes_flushed;
	bool		had_error = client->relay.saw_error;

	relay_reset(&client->relay);
	buf_release(&client->unit);
	if (client->state == CLIENT_CLOSING)
		return;
	client_set_state(client, CLIENT_READY);
	if (is_flushed && had_error)
		client->skip_to_sync = true;
	if (client->context->draining && client->transaction.status == 'I' && !is_flushed)
	{
		Error		error = {0};

		error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection: the router is shutting down");
		client_fail(client, &error);
		return;
	}
	if (stream_is_paused(client->stream))
		stream_resume(client->stream);
}

void
client_refuse_unit(Client *client, const Error *error)
{
	Transaction *transaction = &client->transaction;
	bool		is_ended = !client->relay.is_open && !client->relay.closes_flushed;
	Buf			out = BUF_INIT;

	client->context->stats.errors_raised++;
	LOG_INFO("unit_refused", LF_STR("user", client->user), LF_STR("sqlstate", error->sqlstate),
			 LF_STR("reason", error->message));
	build_error(&out, "ERROR", error);
	client_write(client, buf_slice(&out));
	buf_release(&out);
	if (transaction->status != 'I')
	{
		transaction->status = 'E';
		transaction->is_lost = client->server == NULL;
		transaction->is_deferred = false;
	}
	if (is_ended)
		send_ready(client);
	else
		client->skip_to_sync = true;
	client->relay.closes_flushed = false;
	client_unit_done(client);
}

static size_t
query_take_message(Client *client, Slice data)
{
	Frame		frame;

	switch (frame_peek(data, &frame))
	{
		case FRAME_PARTIAL:
			return 0;
		case FRAME_MALFORMED:
			client_fail_protocol(client, "invalid message length");
			return 0;
		case FRAME_OK:
			break;
	}
	if (frame.total_len > MESSAGE_MAX_BYTES)
	{
		client_fail_protocol(client, "message of %zu bytes is too long", frame.total_len);
		return 0;
	}
	if (buf_len(&client->unit) + frame.total_len > UNIT_MAX_BYTES && !client->skip_to_sync &&
		strchr("QPBDECFS", frame.type) != NULL)
		return query_take_long_message(client, &frame, data);
	if (frame_parse(data, &frame) != FRAME_OK)
		return 0;
	handle_message(client, &frame);
	return frame.total_len;
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
	(void) data;
	client->relay.is_open = true;
	relay_plan_unit(client);

	/* not consumed: relay_feed() takes it once the unit runs */
	return client->state == CLIENT_RUNNING ? relay_feed(client, data) : 0;
}

static void
handle_message(Client *client, const Frame *frame)
{
	if (client->skip_to_sync && drop_until_sync(client, frame))
		return;
	if (!message_is_readable(frame->type, frame->body))
	{
		client_fail_protocol(client, "invalid message of type %c", frame->type);
		return;
	}
	switch (frame->type)
	{
		case 'Q':
		case 'F':
		case 'S':
			buf_append(&client->unit, frame->whole);
			client->context->stats.units++;
			if (client->is_console)
				console_session_run_unit(client);
			else
				relay_plan_unit(client);
			break;
		case 'P':
		case 'B':
		case 'D':
		case 'E':
		case 'C':
			buf_append(&client->unit, frame->whole);
			break;
		case 'H':
			handle_Flush(client);
			break;
		case 'd':
		case 'c':
		case 'f':
			break;				/* the rest of a COPY that failed, as PostgreSQL ignores it */
		case 'X':
			client_close(client);
			break;
		default:
			client_fail_protocol(client, "invalid frontend message type %d", (unsigned char) frame->type);
	}
}

static void
handle_Flush(Client *client)
{
	UnitContext context;
	UnitSummary summary;

	if (buf_len(&client->unit) == 0)
		return;					/* nothing to answer yet */
	if (client->is_console)
	{
		client->relay.closes_flushed = true;
		console_session_run_unit(client);
		return;
	}
	context = (UnitContext) {client->account->database->statements, client->prepared,
	params_are_unsafe_to_lex(client->settings)};
	unit_summarize(buf_slice(&client->unit), &context, &summary);
	if (summary.only_prepares)
		client->relay.closes_flushed = true;
	else
		client->relay.is_open = true;
	relay_plan_unit(client);
}

/* After an error, PostgreSQL drops everything up to Sync; so does the router. */
static bool
drop_until_sync(Client *client, const Frame *frame)
{
	if (frame->type == 'X')
		return false;
	if (frame->type == 'S')
	{
		client->skip_to_sync = false;
		send_ready(client);
	}
	return true;
}

static bool
running_takes_messages(const Client *client)
{
	return client->state == CLIENT_RUNNING &&
		(client->relay.is_open || client->relay.is_copy_in || client->relay.feed_left > 0);
}

static void
send_ready(Client *client)
{
	Buf			out = BUF_INIT;

	build_ready(&out, client->transaction.status);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}
