/*
 * fuzz_frame.c
 *		A stream of messages, from either side: boundaries and readers.
 *
 * Properties: a message lies within the data and is not there one byte earlier;
 * what a reader answers lies within the body; what a client's message was
 * read as is written back as the same bytes.
 */
#include "tests/fuzz/target.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

static void
require_inside(Slice part, Slice body)
{
	if (part.data == NULL)
		require(part.len == 0);
	else if (body.len > 0)
		require(part.data >= body.data && part.data + part.len <= body.data + body.len);
}

static void
require_same_bytes(Buf *built, Slice whole)
{
	require(slice_equals(buf_slice(built), whole));
	buf_release(built);
}

/* Messages of clients are read and written back. */
static void
check_client_message(const Frame *frame)
{
	Buf			built = BUF_INIT;
	Slice		text;
	ParseMessage parse;
	BindMessage bind;
	TargetMessage target;
	ExecuteMessage execute;

	if (frame->type == 'Q' && message_parse_query(frame->body, &text))
	{
		build_query(&built, text);
		require_same_bytes(&built, frame->whole);
	}
	if (frame->type == 'P' && message_parse_parse(frame->body, &parse))
	{
		build_parse(&built, parse.statement, parse.text, parse.nparams, parse.param_types);
		require_same_bytes(&built, frame->whole);
	}
	if (frame->type == 'B' && message_parse_bind_head(frame->body, &bind))
	{
		build_bind_head(&built, bind.portal, bind.statement, bind.rest.len);
		buf_append(&built, bind.rest);
		require_same_bytes(&built, frame->whole);
	}
	if ((frame->type == 'D' || frame->type == 'C') && message_parse_target(frame->body, &target))
	{
		build_target(&built, frame->type, target.kind, target.name);
		require_same_bytes(&built, frame->whole);
	}
	if (frame->type == 'E' && message_parse_execute(frame->body, &execute))
	{
		build_execute(&built, execute.portal, execute.max_rows);
		require_same_bytes(&built, frame->whole);
	}
}

/* Readers of other bodies, whatever the type says. */
static void
check_readers(Slice body)
{
	ErrorFields fields;
	AuthRequest request;
	SaslInitialMessage initial;
	Slice		a;
	Slice		b;
	uint32_t	pid;
	uint64_t	lsn;
	char		tx_status;

	if (message_parse_error(body, &fields))
	{
		require_inside(fields.severity, body);
		require_inside(fields.sqlstate, body);
		require_inside(fields.message, body);
		require_inside(fields.detail, body);
		require_inside(fields.hint, body);
	}
	if (message_parse_auth(body, &request))
	{
		require_inside(request.rest, body);
		message_offers_mechanism(request.rest, "SCRAM-SHA-256");
	}
	if (message_parse_sasl_initial(body, &initial))
		require_inside(initial.data, body);
	if (message_parse_parameter_status(body, &a, &b))
	{
		require_inside(a, body);
		require_inside(b, body);
	}
	if (message_parse_backend_key(body, &pid, &a))
		require_inside(a, body);
	if (message_parse_first_column(body, &a))
		require_inside(a, body);
	if (message_parse_ready(body, &tx_status))
		require(body.len == 1);
	if (message_parse_lsn(body, &lsn))
		require(body.len >= 3 && body.len <= 17);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		rest = slice_make((const char *) data, size);
	Frame		frame;
	Frame		peeked;

	while (frame_parse(rest, &frame) == FRAME_OK)
	{
		require(frame.total_len >= FRAME_HEADER_SIZE && frame.total_len <= rest.len);
		require(frame_peek(rest, &peeked) == FRAME_OK && peeked.total_len == frame.total_len);
		require(frame_parse(slice_make(rest.data, frame.total_len - 1), &peeked) == FRAME_PARTIAL);
		check_client_message(&frame);
		check_readers(frame.body);
		rest = slice_skip(rest, frame.total_len);
	}
	return 0;
}
