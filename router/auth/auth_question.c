/*-------------------------------------------------------------------------
 *
 * auth_question.c
 *	  What a lookup asks its server, and what it makes of the answer.
 *
 * One write: what settings of others have to be taken back, then the query with
 * the name as its parameter.  The answer is good if it has no row or one of two
 * columns, and everything ends in ReadyForQuery outside a transaction; a server
 * that says anything else is not used again.  Rows are wiped once read.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/auth_query_internal.h"

#include <stdio.h>

#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define ANSWER_MESSAGE_MAX (64 * 1024)

static size_t on_data(void *owner, Slice data);
static void on_lost(void *owner, const char *why);
static bool handle_message(AuthLookup *lookup, const Frame *frame);
static bool handle_ParameterStatus(AuthLookup *lookup, Slice body);
static bool handle_DataRow(AuthLookup *lookup, Slice body);
static void take_answer(AuthLookup *lookup, Slice name, Slice secret);
static bool handle_ErrorResponse(AuthLookup *lookup, Slice body);
static bool handle_ReadyForQuery(AuthLookup *lookup, Slice body);
static void set_wrong(AuthLookup *lookup, const char *why);

static const ServerEvents server_events = {on_data, NULL, on_lost, NULL};

void
auth_lookup_send(AuthLookup *lookup, Server *server)
{
	AuthQuery  *query = lookup->query;
	Buf			out = BUF_INIT;
	Buf			sql = BUF_INIT;
	Buf			rest = BUF_INIT;

	lookup->state = LOOKUP_SENT;
	lookup->server = server;
	lookup->ready_awaited = 1;
	lookup->rows = 0;
	server_hold(server, &server_events, lookup);
	query->stats.questions++;

	settings_diff_sql(server_settings(server), query->no_settings, &sql);
	if (buf_len(&sql) > 0)
	{
		build_query(&out, buf_slice(&sql));
		lookup->ready_awaited++;
	}
	buf_append_u16(&rest, 0);	/* all parameters are text */
	buf_append_u16(&rest, 1);
	buf_append_u32(&rest, (uint32_t) strlen(lookup->user));
	buf_append_string(&rest, lookup->user);
	buf_append_u16(&rest, 0);	/* all results, too */
	build_parse(&out, slice_make("", 0), slice_from_string(query->text), 0, slice_make(NULL, 0));
	build_bind_head(&out, slice_make("", 0), slice_make("", 0), buf_len(&rest));
	buf_append(&out, buf_slice(&rest));
	build_execute(&out, slice_make("", 0), 0);
	build_sync(&out);
	stream_write(server_stream(server), buf_slice(&out));
	buf_release(&rest);
	buf_release(&sql);
	buf_release(&out);
}

/* ---------------------------------------------------------------- the answer */

static size_t
on_data(void *owner, Slice data)
{
	AuthLookup *lookup = owner;
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
			auth_lookup_stop(lookup, CHECKIN_CLOSE);
			auth_lookup_fail(lookup, "the node broke the protocol");
			return data.len;
		}
		used += frame.total_len;
		goes_on = handle_message(lookup, &frame);
		if (frame.type == 'D')	/* it held a secret */
			explicit_bzero((char *) frame.body.data, frame.body.len);
		if (!goes_on)
			return used;
	}
}

static void
on_lost(void *owner, const char *why)
{
	auth_lookup_again(owner);
}

/* False: the lookup is over, and may be gone. */
static bool
handle_message(AuthLookup *lookup, const Frame *frame)
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
			return handle_ParameterStatus(lookup, frame->body);
		case 'D':
			return handle_DataRow(lookup, frame->body);
		case 'E':
			return handle_ErrorResponse(lookup, frame->body);
		case 'Z':
			return handle_ReadyForQuery(lookup, frame->body);
		default:
			set_wrong(lookup, "the node sent an unexpected message");
			return true;
	}
}

static bool
handle_ParameterStatus(AuthLookup *lookup, Slice body)
{
	Slice		name;
	Slice		value;

	if (message_parse_parameter_status(body, &name, &value))
		server_note_parameter(lookup->server, name, value);
	else
		set_wrong(lookup, "the node sent a malformed ParameterStatus");
	return true;
}

static bool
handle_DataRow(AuthLookup *lookup, Slice body)
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
		set_wrong(lookup, "auth_query must answer with two columns, name and secret");
	else if (reader.bad)
		set_wrong(lookup, "the node sent a malformed row");
	else if (++lookup->rows > 1)
		set_wrong(lookup, "auth_query answered with more than one row");
	else
		take_answer(lookup, columns[0], columns[1]);
	return true;
}

/* A row of somebody else is none. */
static void
take_answer(AuthLookup *lookup, Slice name, Slice secret)
{
	AuthQuery  *query = lookup->query;
	const User *user;

	if (!slice_equals_string(name, lookup->user))
		return;
	lookup->answer = user_table_make(name, secret);
	if (lookup->answer == NULL)
	{
		set_wrong(lookup, "the secret of a user cannot be read");
		return;
	}
	user = user_table_find(lookup->answer, name);
	if (user != NULL && user->kind == SECRET_MD5)
		query->found_md5++;
	else if (user != NULL && user->kind != SECRET_NONE)
		query->found_other++;
}

static bool
handle_ErrorResponse(AuthLookup *lookup, Slice body)
{
	ErrorFields fields;
	char		why[ERROR_MESSAGE_SIZE];
	int			width;

	if (!message_parse_error(body, &fields))
	{
		set_wrong(lookup, "the node sent a malformed error");
		return true;
	}
	width = fields.message.len < sizeof(why) ? (int) fields.message.len : (int) sizeof(why) - 1;
	snprintf(why, sizeof(why), "%.*s", width, fields.message.data);
	set_wrong(lookup, why);
	return true;
}

static bool
handle_ReadyForQuery(AuthLookup *lookup, Slice body)
{
	char		tx_status;
	bool		is_in_order = message_parse_ready(body, &tx_status) && tx_status == 'I';

	if (is_in_order && --lookup->ready_awaited > 0)
		return true;
	if (is_in_order && !lookup->is_wrong)
	{
		server_set_settings(lookup->server, lookup->query->no_settings);
		auth_lookup_finish(lookup);
		return false;
	}
	auth_lookup_stop(lookup, CHECKIN_CLOSE);
	auth_lookup_fail(lookup, lookup->is_wrong ? lookup->why : "the node is in a transaction nobody began");
	return false;
}

/* The first reason stays. */
static void
set_wrong(AuthLookup *lookup, const char *why)
{
	if (!lookup->is_wrong)
		snprintf(lookup->why, sizeof(lookup->why), "%s", why);
	lookup->is_wrong = true;
}
