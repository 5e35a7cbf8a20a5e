/*-------------------------------------------------------------------------
 *
 * auth_question.c
 *	  One question for a user's secret, and what is made of the answer.
 *
 * One write: what settings of others have to be taken back, then the query with
 * the name as its parameter.  The answer is good if it has no row or one of two
 * columns, and everything ends in ReadyForQuery outside a transaction; a server
 * that says anything else is not used again.  Rows are wiped once read.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/auth_question.h"

#include <stdio.h>

#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define ANSWER_MESSAGE_MAX (64 * 1024)

static size_t on_data(void *owner, Slice data);
static void on_lost(void *owner, const char *why);
static bool handle_message(AuthQuestion *question, const Frame *frame);
static bool handle_ParameterStatus(AuthQuestion *question, Slice body);
static bool handle_DataRow(AuthQuestion *question, Slice body);
static void take_answer(AuthQuestion *question, Slice name, Slice secret);
static bool handle_ErrorResponse(AuthQuestion *question, Slice body);
static bool handle_ReadyForQuery(AuthQuestion *question, Slice body);
static void fail(AuthQuestion *question, const char *why);
static void set_wrong(AuthQuestion *question, const char *why);

static const ServerEvents server_events = {on_data, NULL, on_lost, NULL};

void
auth_question_send(AuthQuestion *question, Server *server)
{
	Buf			out = BUF_INIT;
	Buf			sql = BUF_INIT;
	Buf			rest = BUF_INIT;

	question->server = server;
	question->ready_awaited = 1;
	question->rows = 0;
	server_hold(server, &server_events, question);

	settings_diff_sql(server_settings(server), question->no_settings, &sql);
	if (buf_len(&sql) > 0)
	{
		build_query(&out, buf_slice(&sql));
		question->ready_awaited++;
	}
	buf_append_u16(&rest, 0);	/* all parameters are text */
	buf_append_u16(&rest, 1);
	buf_append_u32(&rest, (uint32_t) strlen(question->user));
	buf_append_string(&rest, question->user);
	buf_append_u16(&rest, 0);	/* all results, too */
	build_parse(&out, slice_make("", 0), slice_from_string(question->text), 0, slice_make(NULL, 0));
	build_bind_head(&out, slice_make("", 0), slice_make("", 0), buf_len(&rest));
	buf_append(&out, buf_slice(&rest));
	build_execute(&out, slice_make("", 0), 0);
	build_sync(&out);
	stream_write(server_stream(server), buf_slice(&out));
	buf_release(&rest);
	buf_release(&sql);
	buf_release(&out);
}

void
auth_question_clear(AuthQuestion *question)
{
	user_table_unref(question->answer);
	question->answer = NULL;
	question->is_wrong = false;
}

/* ---------------------------------------------------------------- the answer */

static size_t
on_data(void *owner, Slice data)
{
	AuthQuestion *question = owner;
	size_t		used = 0;
	Frame		frame;

	for (;;)
	{
		Slice		rest = slice_skip(data, used);
		FrameStatus status = frame_peek(rest, &frame);
		bool		goes_on;

		if (status == FRAME_OK && frame.total_len > ANSWER_MESSAGE_MAX)
			status = FRAME_MALFORMED;
		if (status == FRAME_OK)
			status = frame_parse(rest, &frame);
		if (status == FRAME_PARTIAL)
			return used;
		if (status == FRAME_MALFORMED)
		{
			fail(question, "the node broke the protocol");
			return data.len;
		}
		used += frame.total_len;
		goes_on = handle_message(question, &frame);
		if (frame.type == 'D')	/* it held a secret */
			explicit_bzero((char *) frame.body.data, frame.body.len);
		if (!goes_on)
			return used;
	}
}

static void
on_lost(void *owner, const char *why)
{
	AuthQuestion *question = owner;

	question->on_end(question->owner, QUESTION_LOST);
}

/* False: the question is over, and may be gone. */
static bool
handle_message(AuthQuestion *question, const Frame *frame)
{
	switch (frame->type)
	{
		case '1':
		case '2':
		case 'C':
		case 'N':
		case 'I':
			return true;
		case 'S':
			return handle_ParameterStatus(question, frame->body);
		case 'D':
			return handle_DataRow(question, frame->body);
		case 'E':
			return handle_ErrorResponse(question, frame->body);
		case 'Z':
			return handle_ReadyForQuery(question, frame->body);
		default:
			set_wrong(question, "the node sent an unexpected message");
			return true;
	}
}

static bool
handle_ParameterStatus(AuthQuestion *question, Slice body)
{
	Slice		name;
	Slice		value;

	if (message_parse_parameter_status(body, &name, &value))
		server_note_parameter(question->server, name, value);
	else
		set_wrong(question, "the node sent a malformed ParameterStatus");
	return true;
}

static bool
handle_DataRow(AuthQuestion *question, Slice body)
{
	Reader		reader = reader_make(body);
	int			ncolumns = read_u16(&reader);
	Slice		columns[2];

	for (int i = 0; i < 2 && i < ncolumns; i++)
	{
		uint32_t	len = read_u32(&reader);

		columns[i] = len == UINT32_MAX ? slice_make(NULL, 0) : read_bytes(&reader, len);
	}
	if (ncolumns < 2)
		set_wrong(question, "auth_query must answer with two columns, name and secret");
	else if (reader.bad)
		set_wrong(question, "the node sent a malformed row");
	else if (++question->rows > 1)
		set_wrong(question, "auth_query answered with more than one row");
	else
		take_answer(question, columns[0], columns[1]);
	return true;
}

/* A row of somebody else is none. */
static void
take_answer(AuthQuestion *question, Slice name, Slice secret)
{
	if (!slice_equals_string(name, question->user))
		return;
	question->answer = user_table_make(name, secret);
	if (question->answer == NULL)
		set_wrong(question, "the secret of a user cannot be read");
}

static bool
handle_ErrorResponse(AuthQuestion *question, Slice body)
{
	ErrorFields fields;
	char		why[ERROR_MESSAGE_SIZE];
	int			width;

	if (!message_parse_error(body, &fields))
	{
		set_wrong(question, "the node sent a malformed error");
		return true;
	}
	width = fields.message.len < sizeof(why) ? (int) fields.message.len : (int) sizeof(why) - 1;
	snprintf(why, sizeof(why), "%.*s", width, fields.message.data);
	set_wrong(question, why);
	return true;
}

static bool
handle_ReadyForQuery(AuthQuestion *question, Slice body)
{
	char		tx_status;
	bool		is_in_order = message_parse_ready(body, &tx_status) && tx_status == 'I';

	if (is_in_order && --question->ready_awaited > 0)
		return true;
	if (is_in_order && !question->is_wrong)
	{
		server_set_settings(question->server, question->no_settings);
		question->on_end(question->owner, QUESTION_ANSWERED);
	}
	else
		fail(question, "the node is in a transaction nobody began");
	return false;
}

/* For this reason, unless the answer was wrong before. */
static void
fail(AuthQuestion *question, const char *why)
{
	set_wrong(question, why);
	question->on_end(question->owner, QUESTION_FAILED);
}

/* The first reason stays. */
static void
set_wrong(AuthQuestion *question, const char *why)
{
	if (!question->is_wrong)
		snprintf(question->why, sizeof(question->why), "%s", why);
	question->is_wrong = true;
}
