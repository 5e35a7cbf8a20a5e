/*-------------------------------------------------------------------------
 *
 * relay_run.c
 *	  Sends a planned unit to its server.
 *
 *	  [settings that differ] [deferred BEGIN] the unit [Sync] [position query]
 *
 * All of it is gathered and leaves in one write.  Messages pass as they are
 * but for the names of prepared statements:
 *
 *	  Parse     the server has it: answered here; else sent under its number
 *	  Bind      its statement is not there: a Parse is sent in front
 *	  Close     of a statement: answered here, the server keeps it for others
 *
 * A statement without a name that nobody prepared lately is sent without one:
 * a one-off text costs the server no memory.
 *
 * A message the router refuses is replaced by one that fails there, so that
 * the transaction fails as it would have in PostgreSQL; relay_reply.c replaces
 * the error.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"
#include "wire/message.h"

#define REFUSED_STATEMENT "andon_refused"
#define POSITION_QUERY "SELECT pg_catalog.pg_current_wal_insert_lsn()"

static void send_settings(Client *client, bool was_pinned);
static void send_begin(Client *client);
static void send_unit(Client *client);
static void send_refused(Client *client);
static void send_failing_bind(Client *client);
static bool position_may_be_pipelined(const Client *client);
static void send_Parse(Client *client, const Frame *frame);
static void refuse_duplicate(Client *client, Slice name);
static void send_Bind(Client *client, Slice body, size_t total_len);
static void send_target(Client *client, const Frame *frame);
static void prepare_there(Client *client, Prepared *prepared, InFlightAction action);
static void to_server(Client *client, Slice bytes);
static void expect(Client *client, InFlightKind kind);
static size_t feed_message(Client *client, Slice data);
static size_t feed_skipped_message(Client *client, const Frame *frame, Slice data);
static size_t feed_long_message(Client *client, const Frame *frame, Slice data);

void
relay_start(Client *client, Server *server)
{
	Relay	   *relay = &client->relay;
	Stream	   *stream = server_stream(server);
	bool		was_held = client->server == server;
	bool		was_pinned = client->pin_reason != NULL;

	client->server = server;
	client_set_state(client, CLIENT_RUNNING);
	server_hold(server, &relay_server_events, client);
	relay->started_us = clock_now_us();
	histogram_add(&client->context->stats.wait, relay->started_us - relay->begun_us);
	relay->node = server_node(server);
	relay->is_holding = server_is_replica(server) && !was_held && !relay->is_open;
	if (relay->summary.pin_reason && !client->pin_reason)
		client->pin_reason = relay->summary.pin_reason;
	relay->outside_transaction = client->transaction.is_deferred && relay->summary.only_prepares;
	if (client->transaction.is_deferred && !relay->outside_transaction)
		client->transaction.on_replica = server_is_replica(server);

	stream_cork(stream);
	stream_cork(client->stream);
	send_settings(client, was_pinned);
	send_begin(client);
	send_unit(client);
	relay_send_locals(client);
	stream_uncork(client->stream);
	stream_uncork(stream);

	/* the rest of an open unit stayed unread while it waited for the server */
	if (relay->is_open && client->stream && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

/* Messages of a unit that was sent open, and COPY data. */
size_t
relay_feed(Client *client, Slice data)
{
	Relay	   *relay = &client->relay;
	Stream	   *stream = server_stream(client->server);
	size_t		used = 0;

	stream_cork(stream);
	while (used < data.len && client->state == CLIENT_RUNNING && client->server &&
		   (relay->is_open || relay->is_copy_in || relay->feed_left > 0))
	{
		Slice		rest = slice_skip(data, used);
		size_t		step;

		if (relay->feed_left > 0)
		{
			step = rest.len < relay->feed_left ? rest.len : relay->feed_left;
			to_server(client, slice_make(rest.data, step));
			relay->feed_left -= step;
		}
		else
			step = feed_message(client, rest);
		if (step == 0)
			break;
		used += step;
	}
	if (client->server)
	{
		stream_uncork(stream);
		if (stream_is_full(stream) && client->stream)
			stream_pause(client->stream);	/* relay_on_drained resumes it */
		relay_send_locals(client);
	}
	return used;
}

void
relay_send_message(Client *client, const Frame *frame)
{
	switch (frame->type)
	{
		case 'P':
			send_Parse(client, frame);
			break;
		case 'B':
			send_Bind(client, frame->body, frame->total_len);
			break;
		case 'D':
		case 'C':
			send_target(client, frame);
			break;
		case 'E':
			to_server(client, frame->whole);
			expect(client, INFLIGHT_EXECUTE);
			break;
		case 'Q':
			to_server(client, frame->whole);
			expect(client, INFLIGHT_QUERY);
			break;
		case 'F':
			to_server(client, frame->whole);
			expect(client, INFLIGHT_FUNCTION);
			break;
		case 'S':
			to_server(client, frame->whole);
			/* during COPY the server ignores it: the one behind CopyDone counts */
			if (!client->relay.is_copy_in)
				expect(client, INFLIGHT_SYNC);
			break;
		default:				/* Flush, COPY data */
			to_server(client, frame->whole);
			break;
	}
}

void
relay_send_position_query(Client *client)
{
	Buf			out = BUF_INIT;

	build_query(&out, slice_from_string(POSITION_QUERY));
	to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_POSITION, 0);
	client->relay.position_asked = true;
}

void
relay_send_sync(Client *client, InFlightAction action, InFlightPurpose purpose)
{
	Buf			out = BUF_INIT;

	build_sync(&out);
	to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_SYNC, action, purpose, 0);
}

/* A session pinned before this unit set its server itself; one pinned by it did not yet. */
static void
send_settings(Client *client, bool was_pinned)
{
	Settings   *there = server_settings(client->server);
	Buf			sql = BUF_INIT;
	Buf			out = BUF_INIT;

	if (there == client->settings || was_pinned || server_tx_status(client->server) != 'I')
		return;
	settings_diff_sql(there, client->settings, &sql);
	if (buf_len(&sql) > 0)
	{
		build_query(&out, buf_slice(&sql));
		to_server(client, buf_slice(&out));
		inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_SETTINGS, 0);
	}
	server_set_settings(client->server, client->settings);
	buf_release(&sql);
	buf_release(&out);
}

/*
 * In the extended protocol and without Sync: if it fails, so does what follows.
 * A unit that only prepares does not begin the transaction: it would hold a
 * server before there is anything to run.
 */
static void
send_begin(Client *client)
{
	InFlight   *inflight = &client->relay.inflight;
	Slice		none = {"", 0};
	Buf			out = BUF_INIT;
	size_t		mark;

	if (!client->transaction.is_deferred || client->relay.outside_transaction)
		return;
	build_parse(&out, none, slice_from_string(client->transaction.begin_text), 0, none);
	mark = build_begin(&out, 'B');
	buf_append(&out, slice_make("\0\0\0\0\0\0\0\0", 8));	/* two names, no formats, parameters, formats */
	build_end(&out, mark);
	build_execute(&out, none, 0);
	to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(inflight, INFLIGHT_PARSE, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
	inflight_push(inflight, INFLIGHT_BIND, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
	inflight_push(inflight, INFLIGHT_EXECUTE, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
}

static void
send_unit(Client *client)
{
	Relay	   *relay = &client->relay;
	Slice		messages = buf_slice(&client->unit);
	Frame		frame;

	if (relay->error_refused)
	{
		send_refused(client);
		return;
	}
	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		relay_send_message(client, &frame);
		messages = slice_skip(messages, frame.total_len);
	}
	if (relay->closes_flushed)
		relay_send_sync(client, INFLIGHT_SWALLOW, INFLIGHT_RESYNC);
	else if (relay->is_open)
	{
		Buf			out = BUF_INIT;

		build_empty(&out, 'H');
		to_server(client, buf_slice(&out));
		buf_release(&out);
		buf_release(&client->unit);
	}
	else if (position_may_be_pipelined(client))
		relay_send_position_query(client);
}

/* The whole unit is refused: something that fails takes its place. */
static void
send_refused(Client *client)
{
	Relay	   *relay = &client->relay;

	if (relay->summary.is_simple)
	{
		Buf			out = BUF_INIT;

		build_query(&out, slice_from_string("refused by andon-router"));
		to_server(client, buf_slice(&out));
		buf_release(&out);
		inflight_push(&relay->inflight, INFLIGHT_QUERY, INFLIGHT_REFUSE, INFLIGHT_CLIENT, 0);
		return;
	}
	send_failing_bind(client);
	if (relay->closes_flushed)
		relay_send_sync(client, INFLIGHT_SWALLOW, INFLIGHT_RESYNC);
	else
		relay_send_sync(client, INFLIGHT_FORWARD, INFLIGHT_CLIENT);
}

/* A Bind of a statement that no server has. */
static void
send_failing_bind(Client *client)
{
	Buf			out = BUF_INIT;
	size_t		mark = build_begin(&out, 'B');

	buf_append(&out, slice_make("", 1));
	buf_append(&out, slice_make(REFUSED_STATEMENT, sizeof(REFUSED_STATEMENT)));
	buf_append(&out, slice_make("\0\0\0\0\0\0", 6));	/* no formats, parameters, formats */
	build_end(&out, mark);
	to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_BIND, INFLIGHT_REFUSE, INFLIGHT_CLIENT, 0);
}

/*
 * Without the extension the commit's position has to be asked for.  Behind
 * the unit in the same write, unless the unit may turn into COPY, where the
 * server would take the query for data.
 */
static bool
position_may_be_pipelined(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if (!relay_wants_position(client) || (summary->flags & STATEMENT_UNPARSED))
		return false;
	if (client->transaction.status != 'I' && summary->kind != STATEMENT_COMMIT &&
		summary->kind != STATEMENT_TWO_PHASE)
		return false;
	return summary->kind == STATEMENT_QUERY || summary->kind == STATEMENT_COMMIT ||
		summary->kind == STATEMENT_TWO_PHASE;
}

bool
relay_wants_position(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if (client->context->config.consistency != CONSISTENCY_SESSION || server_is_replica(client->server) ||
		summary->only_prepares || (summary->flags & STATEMENT_IS_READ) || client->relay.error_refused)
		return false;
	return !server_reports_commit_lsn(client->server) || summary->kind == STATEMENT_TWO_PHASE;
}

static void
send_Parse(Client *client, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	ParseMessage parse;
	Prepared   *prepared;
	bool		is_new;

	if (!message_parse_parse(frame->body, &parse))
		return;					/* seen to be readable before it came here */
	if (parse.statement.len > 0 && prepared_map_find(client->prepared, parse.statement))
	{
		refuse_duplicate(client, parse.statement);
		return;
	}
	prepared = prepared_get(client->context->prepared, parse.text, parse.nparams, parse.param_types, &is_new);
	prepared_map_put(client->prepared, parse.statement, prepared);
	buf_append(&relay->parse_names, parse.statement);
	buf_append_u8(&relay->parse_names, 0);

	if (parse.statement.len == 0 && is_new)
	{
		relay->unnamed_there = true;
		to_server(client, frame->whole);
		expect(client, INFLIGHT_PARSE);
		return;
	}
	if (parse.statement.len == 0)
		relay->unnamed_there = false;
	if (server_has_statement(client->server, prepared_number(prepared)))
		inflight_push(&relay->inflight, INFLIGHT_PARSE, INFLIGHT_LOCAL, INFLIGHT_CLIENT, 0);
	else
		prepare_there(client, prepared, INFLIGHT_FORWARD);
}

/* Only the first refusal of a unit is answered: the server skips what follows. */
static void
refuse_duplicate(Client *client, Slice name)
{
	Relay	   *relay = &client->relay;

	if (relay->error_refused == NULL)
	{
		relay->error_refused = mem_alloc(sizeof(Error));
		error_set(relay->error_refused, SQLSTATE_DUPLICATE_PSTATEMENT,
				  "prepared statement \"%.*s\" already exists", (int) name.len, name.data);
	}
	send_failing_bind(client);
}

/* body may be only the beginning of a long message; total_len is the whole's. */
static void
send_Bind(Client *client, Slice body, size_t total_len)
{
	BindMessage bind;
	Prepared   *prepared;
	char		name[PREPARED_NAME_SIZE];
	Buf			out = BUF_INIT;
	size_t		body_len = total_len - FRAME_HEADER_SIZE;

	if (!message_parse_bind_head(body, &bind))
	{
		client_fail_protocol(client, "invalid Bind message");
		return;
	}
	prepared = prepared_map_find(client->prepared, bind.statement);
	if (prepared == NULL || (bind.statement.len == 0 && client->relay.unnamed_there))
	{
		/* as it is; the server knows no names of clients and says so as PostgreSQL does */
		build_bind_head(&out, bind.portal, bind.statement, bind.rest.len + (body_len - body.len));
	}
	else
	{
		if (!server_has_statement(client->server, prepared_number(prepared)))
			prepare_there(client, prepared, INFLIGHT_SWALLOW);
		build_bind_head(&out, bind.portal, prepared_server_name(prepared_number(prepared), name),
						bind.rest.len + (body_len - body.len));
	}
	to_server(client, buf_slice(&out));
	to_server(client, bind.rest);
	buf_release(&out);
	expect(client, INFLIGHT_BIND);
}

/* Describe and Close, of statements and portals. */
static void
send_target(Client *client, const Frame *frame)
{
	TargetMessage target;
	Prepared   *prepared;
	char		name[PREPARED_NAME_SIZE];
	Buf			out = BUF_INIT;
	InFlightKind kind = frame->type == 'D' ? INFLIGHT_DESCRIBE : INFLIGHT_CLOSE;

	if (!message_parse_target(frame->body, &target))
		return;					/* seen to be readable before it came here */
	prepared = target.kind == 'S' ? prepared_map_find(client->prepared, target.name) : NULL;
	if (prepared && kind == INFLIGHT_CLOSE)
	{
		prepared_map_remove(client->prepared, target.name);
		inflight_push(&client->relay.inflight, INFLIGHT_CLOSE, INFLIGHT_LOCAL, INFLIGHT_CLIENT, 0);
		return;
	}
	if (prepared && !(target.name.len == 0 && client->relay.unnamed_there))
	{
		if (!server_has_statement(client->server, prepared_number(prepared)))
			prepare_there(client, prepared, INFLIGHT_SWALLOW);
		build_target(&out, 'D', 'S', prepared_server_name(prepared_number(prepared), name));
		to_server(client, buf_slice(&out));
		buf_release(&out);
	}
	else
		to_server(client, frame->whole);
	expect(client, kind);
}

/* Parse it there under its number; the least recently used one makes room. */
static void
prepare_there(Client *client, Prepared *prepared, InFlightAction action)
{
	char		name[PREPARED_NAME_SIZE];
	Buf			out = BUF_INIT;
	uint64_t	evicted = server_add_statement(client->server, prepared_number(prepared));

	if (evicted)
	{
		build_target(&out, 'C', 'S', prepared_server_name(evicted, name));
		inflight_push(&client->relay.inflight, INFLIGHT_CLOSE, INFLIGHT_SWALLOW, INFLIGHT_CLIENT, 0);
	}
	build_parse(&out, prepared_server_name(prepared_number(prepared), name), prepared_text(prepared),
				prepared_nparams(prepared), prepared_param_types(prepared));
	inflight_push(&client->relay.inflight, INFLIGHT_PARSE, action, INFLIGHT_CLIENT, prepared_number(prepared));
	to_server(client, buf_slice(&out));
	buf_release(&out);
}

static void
to_server(Client *client, Slice bytes)
{
	stream_write(server_stream(client->server), bytes);
}

static void
expect(Client *client, InFlightKind kind)
{
	inflight_push(&client->relay.inflight, kind, INFLIGHT_FORWARD, INFLIGHT_CLIENT, 0);
}

static size_t
feed_message(Client *client, Slice data)
{
	Relay	   *relay = &client->relay;
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
	if (frame.type == 'X')
	{
		client_close(client);
		return 0;
	}
	if (relay->is_copy_in ? strchr("dcfHS", frame.type) == NULL : strchr("QPBDECFSHdcf", frame.type) == NULL)
	{
		client_fail_protocol(client, "unexpected message type %d", (unsigned char) frame.type);
		return 0;
	}
	if (relay->is_open && relay->saw_error && frame.type != 'S')
		return feed_skipped_message(client, &frame, data);
	if (frame_parse(data, &frame) != FRAME_OK)
		return frame.total_len > UNIT_MAX_BYTES ? feed_long_message(client, &frame, data) : 0;
	if (!message_is_readable(frame.type, frame.body))
	{
		client_fail_protocol(client, "invalid message of type %c", frame.type);
		return 0;
	}

	relay_send_message(client, &frame);
	if (strchr("SQF", frame.type) && !relay->is_copy_in)
		relay->is_open = false;
	if (frame.type == 'c' || frame.type == 'f')
		relay->is_copy_in = false;
	return frame.total_len;
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
	size_t		used = data.len;

	switch (frame->type)
	{
		case 'P':
			if (frame->total_len > PARSE_MAX_BYTES)
				client_fail_protocol(client, "a statement to prepare may not be longer than %d MB",
									 PARSE_MAX_BYTES / (1024 * 1024));
			return 0;			/* assembled */
		case 'B':
			if (data.len < UNIT_MAX_BYTES)
				return 0;		/* both names fit in there */
			send_Bind(client, slice_make(data.data + FRAME_HEADER_SIZE, data.len - FRAME_HEADER_SIZE),
					  frame->total_len);
			break;
		case 'Q':
		case 'F':
			if (!client->pin_reason)
				client->pin_reason = "statement too long to be read";
			to_server(client, data);
			expect(client, frame->type == 'Q' ? INFLIGHT_QUERY : INFLIGHT_FUNCTION);
			client->relay.is_open = false;
			break;
		case 'd':
			to_server(client, data);
			break;
		default:
			client_fail_protocol(client, "message of type %d is too long", (unsigned char) frame->type);
			return 0;
	}
	client->relay.feed_left = frame->total_len - used;
	return used;
}
