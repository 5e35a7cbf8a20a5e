/*-------------------------------------------------------------------------
 *
 * console_session.c
 *	  A session of the admin console: the messages of a unit become commands.
 *
 * The messages are handled one after the other; a command (Query, Execute)
 * stays at the head of the unit until the console, reached through a hook
 * (console_hook.h), has answered it, now or later.  A session that ends
 * meanwhile cancels its command.
 *
 *	  unit:  P  B  D  E  S
 *					  ^ waits for the console; then E is consumed, S is next
 *
 * After an error the rest of the unit is dropped.  A unit ended by Flush gets
 * no ReadyForQuery (relay.closes_flushed, as with other sessions).  There is
 * one portal, whatever its name, and parameters are not looked at: commands
 * have none.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "wire/build.h"
#include "wire/message.h"

#define CONSOLE_MAX_PREPARED 100	/* statements of one session */

static void console_step(Client *client);
static void console_end_unit(Client *client);
static void console_on_reply(void *arg, Slice messages);
static void console_handle_message(Client *client, const Frame *frame);
static void console_handle_Query(Client *client, const Frame *frame);
static void console_handle_Parse(Client *client, const Frame *frame);
static void console_handle_Bind(Client *client, const Frame *frame);
static void console_handle_Describe(Client *client, const Frame *frame);
static void console_handle_Execute(Client *client);
static void console_handle_Close(Client *client, const Frame *frame);
static void console_run(Client *client, Slice command);
static void console_release_portal(Client *client);
static void console_refuse(Client *client, const Error *error);
static void console_refuse_unknown(Client *client, char kind, Slice name);
static void console_malformed(Client *client, const Frame *frame);
static void console_write_empty(Client *client, char type);
static bool is_command(char type);

void
console_session_run_unit(Client *client)
{
	client_set_state(client, CLIENT_CONSOLE);
	console_step(client);
}

/* Handle messages until one waits for the console, or the unit is over. */
static void
console_step(Client *client)
{
	Frame		frame;

	client->console.is_stepping = true;
	while (client->state == CLIENT_CONSOLE && !client->console.is_waiting && !client->relay.saw_error &&
		   frame_parse(buf_slice(&client->unit), &frame) == FRAME_OK)
	{
		console_handle_message(client, &frame);
		if (!is_command(frame.type))
			buf_consume(&client->unit, frame.total_len);
	}
	client->console.is_stepping = false;
	if (client->state == CLIENT_CONSOLE && !client->console.is_waiting)
		console_end_unit(client);
}

static void
console_end_unit(Client *client)
{
	Buf			out = BUF_INIT;

	if (!client->relay.closes_flushed)
	{
		console_release_portal(client);	/* no portal lives longer */
		build_ready(&out, 'I');
		client_write(client, buf_slice(&out));
		buf_release(&out);
	}
	client_unit_done(client);
}

/* The command at the head of the unit is answered. */
static void
console_on_reply(void *arg, Slice messages)
{
	Client	   *client = arg;
	Frame		command;
	Frame		first;

	client->console.is_waiting = false;
	if (frame_parse(messages, &first) == FRAME_OK)
	{
		client->relay.saw_error = first.type == 'E';
		/* in the extended protocol it is described where Describe stands */
		if (first.type == 'T' && frame_parse(buf_slice(&client->unit), &command) == FRAME_OK && command.type == 'E')
			messages = slice_skip(messages, first.total_len);
	}
	client_write(client, messages);
	if (frame_parse(buf_slice(&client->unit), &command) == FRAME_OK)
		buf_consume(&client->unit, command.total_len);
	if (!client->console.is_stepping)
		console_step(client);
}

static void
console_handle_message(Client *client, const Frame *frame)
{
	Error		error = {0};

	switch (frame->type)
	{
		case 'Q':
			console_handle_Query(client, frame);
			break;
		case 'P':
			console_handle_Parse(client, frame);
			break;
		case 'B':
			console_handle_Bind(client, frame);
			break;
		case 'D':
			console_handle_Describe(client, frame);
			break;
		case 'E':
			console_handle_Execute(client);
			break;
		case 'C':
			console_handle_Close(client, frame);
			break;
		case 'F':
			error_set(&error, SQLSTATE_FEATURE_NOT_SUPPORTED, "the admin console has no functions");
			console_refuse(client, &error);
			break;
		default:
			break;				/* Sync: the unit's last */
	}
}

static void
console_handle_Query(Client *client, const Frame *frame)
{
	Slice		text;

	if (message_parse_query(frame->body, &text))
		console_run(client, text);
	else
		console_malformed(client, frame);
}

static void
console_handle_Parse(Client *client, const Frame *frame)
{
	ParseMessage parse;
	Error		error = {0};
	bool		is_new;

	if (!message_parse_parse(frame->body, &parse))
	{
		console_malformed(client, frame);
		return;
	}
	if (parse.statement.len > 0 && prepared_map_find(client->prepared, parse.statement))
		error_set(&error, SQLSTATE_DUPLICATE_PSTATEMENT, "prepared statement \"%.*s\" already exists",
				  (int) parse.statement.len, parse.statement.data);
	else if (parse.statement.len > 0 && prepared_map_count(client->prepared) >= CONSOLE_MAX_PREPARED)
		error_set(&error, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
				  "a session of the admin console may prepare at most %d statements", CONSOLE_MAX_PREPARED);
	if (error.message[0] != '\0')
	{
		console_refuse(client, &error);
		return;
	}
	prepared_map_put(client->prepared, parse.statement, client_prepare(client, &parse, &is_new));
	console_write_empty(client, '1');
}

static void
console_handle_Bind(Client *client, const Frame *frame)
{
	BindMessage bind;
	Prepared   *prepared;

	if (!message_parse_bind_head(frame->body, &bind))
	{
		console_malformed(client, frame);
		return;
	}
	prepared = prepared_map_find(client->prepared, bind.statement);
	if (prepared == NULL)
	{
		console_refuse_unknown(client, 'S', bind.statement);
		return;
	}
	prepared_unref(client->console.portal);
	client->console.portal = prepared_ref(prepared);
	console_write_empty(client, '2');
}

static void
console_handle_Describe(Client *client, const Frame *frame)
{
	const ConsoleHook *hook = &client->context->console;
	TargetMessage target;
	const Prepared *prepared;
	Buf			out = BUF_INIT;

	if (!message_parse_target(frame->body, &target))
	{
		console_malformed(client, frame);
		return;
	}
	prepared = target.kind == 'S' ? prepared_map_find(client->prepared, target.name) : client->console.portal;
	if (prepared == NULL)
	{
		console_refuse_unknown(client, target.kind, target.name);
		return;
	}
	if (target.kind == 'S')
	{
		size_t		mark = build_begin(&out, 't');

		buf_append_u16(&out, 0);	/* no parameters */
		build_end(&out, mark);
	}
	hook->describe(hook->console, prepared_text(prepared), &out);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

static void
console_handle_Execute(Client *client)
{
	if (client->console.portal)
		console_run(client, prepared_text(client->console.portal));
	else
		console_refuse_unknown(client, 'P', slice_from_string(""));
}

static void
console_handle_Close(Client *client, const Frame *frame)
{
	TargetMessage target;

	if (!message_parse_target(frame->body, &target))
	{
		console_malformed(client, frame);
		return;
	}
	if (target.kind == 'S')
		prepared_map_remove(client->prepared, target.name);
	else
		console_release_portal(client);
	console_write_empty(client, '3');
}

static void
console_run(Client *client, Slice command)
{
	const ConsoleHook *hook = &client->context->console;

	client->console.is_waiting = true;
	hook->run(hook->console, client->user, command, (ConsoleReply) {console_on_reply, client});
}

static void
console_refuse(Client *client, const Error *error)
{
	Buf			out = BUF_INIT;

	client->relay.saw_error = true;
	build_error(&out, "ERROR", error);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

static void
console_refuse_unknown(Client *client, char kind, Slice name)
{
	Error		error = {0};

	if (kind == 'S')
		error_set(&error, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement \"%.*s\" does not exist",
				  (int) name.len, name.data);
	else
		error_set(&error, SQLSTATE_INVALID_CURSOR_NAME, "portal \"%.*s\" does not exist",
				  (int) name.len, name.data);
	console_refuse(client, &error);
}

static void
console_malformed(Client *client, const Frame *frame)
{
	client_fail_protocol(client, "malformed message of type %c", frame->type);
}

static void
console_write_empty(Client *client, char type)
{
	Buf			out = BUF_INIT;

	build_empty(&out, type);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

static bool
is_command(char type)
{
	return type == 'Q' || type == 'E';
}

static void
console_release_portal(Client *client)
{
	prepared_unref(client->console.portal);
	client->console.portal = NULL;
}
