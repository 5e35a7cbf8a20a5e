/*-------------------------------------------------------------------------
 *
 * console_session.c
 *	  A session of the admin console: units become commands.
 *
 * In the extended protocol a unit may hold one command: its description is
 * given where Describe stands, the rest where Execute stands.  The console is
 * reached through a hook (console_hook.h) and may answer later.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"
#include "wire/build.h"
#include "wire/message.h"

static bool find_command(Client *client, Slice *command, bool *is_executed);
static void console_on_reply(void *arg, Slice messages);
static void send_extended_reply(Client *client, Slice description, Slice rest, Buf *out);
static void send_prepared_only(Client *client);

void
console_session_run_unit(Client *client)
{
	const ConsoleHook *hook = &client->context->console;
	Slice		command;
	bool		is_executed = false;
	Error		error = {0};

	if (!find_command(client, &command, &is_executed))
	{
		error_set(&error, SQLSTATE_FEATURE_NOT_SUPPORTED, "the admin console takes one command at a time");
		client_refuse_unit(client, &error);
		return;
	}
	if (!is_executed)
	{
		send_prepared_only(client);
		return;
	}
	client_set_state(client, CLIENT_CONSOLE);
	hook->run(hook->console, client->user, command, (ConsoleReply) {console_on_reply, client});
}

/* The only command of the unit; false: there are several. */
static bool
find_command(Client *client, Slice *command, bool *is_executed)
{
	Slice		messages = buf_slice(&client->unit);
	int			commands = 0;
	Frame		frame;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		ParseMessage parse;
		BindMessage bind;
		bool		is_new;

		if (frame.type == 'Q')
		{
			commands++;
			*is_executed = message_parse_query(frame.body, command);
		}
		else if (frame.type == 'P' && message_parse_parse(frame.body, &parse))
			prepared_map_put(client->prepared, parse.statement,
							 prepared_get(client->context->prepared, parse.text, parse.nparams,
										  parse.param_types, &is_new));
		else if (frame.type == 'B' && message_parse_bind_head(frame.body, &bind))
		{
			Prepared   *prepared = prepared_map_find(client->prepared, bind.statement);

			commands++;
			*is_executed = prepared != NULL;
			if (prepared)
				*command = prepared_text(prepared);
		}
		messages = slice_skip(messages, frame.total_len);
	}
	return commands <= 1;
}

static void
console_on_reply(void *arg, Slice messages)
{
	Client	   *client = arg;
	Frame		first;
	Slice		description = {NULL, 0};
	Slice		rest = messages;
	Buf			out = BUF_INIT;
	Frame		unit_first;

	if (client->state != CLIENT_CONSOLE)
		return;
	if (frame_parse(messages, &first) == FRAME_OK && first.type == 'T')
	{
		description = first.whole;
		rest = slice_skip(messages, first.total_len);
	}
	if (frame_parse(buf_slice(&client->unit), &unit_first) == FRAME_OK && unit_first.type == 'Q')
		buf_append(&out, messages);
	else
		send_extended_reply(client, description, rest, &out);
	build_ready(&out, 'I');
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client_unit_done(client);
}

static void
send_extended_reply(Client *client, Slice description, Slice rest, Buf *out)
{
	Slice		messages = buf_slice(&client->unit);
	Frame		frame;
	TargetMessage target;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		switch (frame.type)
		{
			case 'P':
				build_empty(out, '1');
				break;
			case 'B':
				build_empty(out, '2');
				break;
			case 'C':
				build_empty(out, '3');
				break;
			case 'D':
				if (message_parse_target(frame.body, &target) && target.kind == 'S')
				{
					size_t		mark = build_begin(out, 't');

					buf_append_u16(out, 0);
					build_end(out, mark);
				}
				if (description.len > 0)
					buf_append(out, description);
				else
					build_empty(out, 'n');
				break;
			case 'E':
				buf_append(out, rest);
				break;
		}
		messages = slice_skip(messages, frame.total_len);
	}
}

/* Nothing was executed: what a statement gives is known when it runs. */
static void
send_prepared_only(Client *client)
{
	Slice		none = {NULL, 0};
	Buf			out = BUF_INIT;

	send_extended_reply(client, none, none, &out);
	build_ready(&out, 'I');
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client_unit_done(client);
}
