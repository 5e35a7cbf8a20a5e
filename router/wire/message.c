/*-------------------------------------------------------------------------
 *
 * message.c
 *	  Readers of message bodies.
 *
 * One cursor does all the reading: it never passes the end, and once a read
 * failed every later one does, so that a reader of a message is a list of
 * fields and one check.  The formats are those of PostgreSQL's documentation,
 * "Message Formats"; a body with bytes left over is refused, as PostgreSQL
 * refuses it.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/message.h"

#include "base/compiler.h"

#define CANCEL_KEY_MIN 4
#define CANCEL_KEY_MAX 256
#define NULL_LENGTH UINT32_MAX	/* -1 as length of a value */
#define LSN_MAX_DIGITS 8

static NOINLINE bool is_readable_extended(char type, Slice body);
static bool parse_field(Reader *reader, char code, ErrorFields *fields);
static bool skip_values(Reader *reader, uint32_t count);
static bool auth_rest_is_valid(const AuthRequest *request);
static bool mechanisms_are_valid(Slice mechanisms);
static bool parse_hex(Slice *text, uint32_t *value);

Reader
reader_make(Slice body)
{
	if (body.data == NULL)
		body = slice_make("", 0);
	return (Reader) {body.data, body.data + body.len, false};
}

Slice
read_bytes(Reader *reader, size_t n)
{
	Slice		bytes = {reader->at, n};

	if (reader->bad || n > (size_t) (reader->end - reader->at))
	{
		reader->bad = true;
		return slice_make(NULL, 0);
	}
	reader->at += n;
	return bytes;
}

uint8_t
read_u8(Reader *reader)
{
	Slice		bytes = read_bytes(reader, 1);

	return bytes.data == NULL ? 0 : (uint8_t) bytes.data[0];
}

uint16_t
read_u16(Reader *reader)
{
	uint16_t	high = read_u8(reader);
	uint16_t	low = read_u8(reader);

	return reader->bad ? 0 : (uint16_t) (high << 8 | low);
}

uint32_t
read_u32(Reader *reader)
{
	uint32_t	high = read_u16(reader);
	uint32_t	low = read_u16(reader);

	return reader->bad ? 0 : high << 16 | low;
}

Slice
read_string(Reader *reader)
{
	const char *nul = reader->bad ? NULL :
		memchr(reader->at, '\0', (size_t) (reader->end - reader->at));
	Slice		string;

	if (nul == NULL)
	{
		reader->bad = true;
		return slice_make(NULL, 0);
	}
	string = slice_make(reader->at, (size_t) (nul - reader->at));
	reader->at = nul + 1;
	return string;
}

bool
reader_at_end(const Reader *reader)
{
	return !reader->bad && reader->at == reader->end;
}

bool
message_parse_query(Slice body, Slice *text)
{
	const char *nul = memchr(body.data, '\0', body.len);

	if (nul == NULL)
		return false;
	*text = slice_make(body.data, (size_t) (nul - body.data));
	return text->len + 1 == body.len;
}

bool
message_parse_parse(Slice body, ParseMessage *message)
{
	Reader		reader = reader_make(body);

	message->statement = read_string(&reader);
	message->text = read_string(&reader);
	message->nparams = read_u16(&reader);
	message->param_types = read_bytes(&reader, (size_t) message->nparams * 4);
	return reader_at_end(&reader);
}

bool
message_parse_bind_head(Slice body, BindMessage *message)
{
	Reader		reader = reader_make(body);

	message->portal = read_string(&reader);
	message->statement = read_string(&reader);
	message->rest = slice_make(reader.at, (size_t) (reader.end - reader.at));
	return !reader.bad;
}

bool
message_parse_target(Slice body, TargetMessage *message)
{
	Reader		reader = reader_make(body);

	message->kind = (char) read_u8(&reader);
	message->name = read_string(&reader);
	return reader_at_end(&reader) && (message->kind == 'S' || message->kind == 'P');
}

bool
message_parse_execute(Slice body, ExecuteMessage *message)
{
	Reader		reader = reader_make(body);

	message->portal = read_string(&reader);
	message->max_rows = read_u32(&reader);
	return reader_at_end(&reader);
}

bool
message_is_readable(char type, Slice body)
{
	Slice		text;

	return type == 'Q' ? message_parse_query(body, &text) : is_readable_extended(type, body);
}

/* Of the extended protocol; what is no message of it is not looked into. */
static bool
is_readable_extended(char type, Slice body)
{
	ParseMessage parse;
	BindMessage bind;
	TargetMessage target;
	ExecuteMessage execute;

	switch (type)
	{
		case 'E':
			return message_parse_execute(body, &execute);
		case 'P':
			return message_parse_parse(body, &parse);
		case 'B':
			return message_parse_bind_head(body, &bind);
		case 'D':
		case 'C':
			return message_parse_target(body, &target);
		default:
			return true;
	}
}

bool
message_parse_error(Slice body, ErrorFields *fields)
{
	Reader		reader = reader_make(body);
	char		code;

	*fields = (ErrorFields) {0};
	while ((code = (char) read_u8(&reader)) != '\0')
	{
		if (!parse_field(&reader, code, fields))
			return false;
	}
	return reader_at_end(&reader);
}

bool
message_parse_error_head(Slice head, ErrorFields *fields)
{
	Reader		reader = reader_make(head);
	char		code;

	*fields = (ErrorFields) {0};
	while ((code = (char) read_u8(&reader)) != '\0' && parse_field(&reader, code, fields))
		;
	return fields->severity.len > 0 && fields->sqlstate.len > 0;
}

/* Fields come in any order; those we have no use for are skipped. */
static bool
parse_field(Reader *reader, char code, ErrorFields *fields)
{
	Slice		value = read_string(reader);

	switch (code)
	{
		case 'V':
			fields->severity = value;
			break;
		case 'S':				/* localised: only if there is no 'V' */
			if (fields->severity.data == NULL)
				fields->severity = value;
			break;
		case 'C':
			fields->sqlstate = value;
			break;
		case 'M':
			fields->message = value;
			break;
		case 'D':
			fields->detail = value;
			break;
		case 'H':
			fields->hint = value;
			break;
		case 'R':
			fields->routine = value;
			break;
		default:
			break;
	}
	return !reader->bad;
}

bool
message_parse_parameter_status(Slice body, Slice *name, Slice *value)
{
	Reader		reader = reader_make(body);

	*name = read_string(&reader);
	*value = read_string(&reader);
	return reader_at_end(&reader);
}

bool
message_parse_backend_key(Slice body, uint32_t *pid, Slice *key)
{
	Reader		reader = reader_make(body);

	*pid = read_u32(&reader);
	*key = read_bytes(&reader, (size_t) (reader.end - reader.at));
	return !reader.bad && key->len >= CANCEL_KEY_MIN && key->len <= CANCEL_KEY_MAX;
}

bool
message_parse_ready(Slice body, char *tx_status)
{
	if (body.len != 1)
		return false;
	*tx_status = body.data[0];
	return *tx_status == 'I' || *tx_status == 'T' || *tx_status == 'E';
}

bool
message_parse_first_column(Slice body, Slice *value)
{
	Reader		reader = reader_make(body);
	uint16_t	ncolumns = read_u16(&reader);
	uint32_t	length = read_u32(&reader);

	*value = slice_make(NULL, 0);
	if (ncolumns == 0)
		return false;
	if (length != NULL_LENGTH)
		*value = read_bytes(&reader, length);
	return skip_values(&reader, ncolumns - 1U) && reader_at_end(&reader);
}

static bool
skip_values(Reader *reader, uint32_t count)
{
	for (uint32_t i = 0; i < count && !reader->bad; i++)
	{
		uint32_t	length = read_u32(reader);

		if (length != NULL_LENGTH)
			read_bytes(reader, length);
	}
	return !reader->bad;
}

bool
message_parse_auth(Slice body, AuthRequest *request)
{
	Reader		reader = reader_make(body);

	request->kind = read_u32(&reader);
	request->rest = slice_make(reader.at, (size_t) (reader.end - reader.at));
	return !reader.bad && auth_rest_is_valid(request);
}

/* Kinds we know must look as documented; others are the caller's to refuse. */
static bool
auth_rest_is_valid(const AuthRequest *request)
{
	switch (request->kind)
	{
		case 0:
		case 3:
			return request->rest.len == 0;
		case 5:
			return request->rest.len == 4;
		case 10:
			return mechanisms_are_valid(request->rest);
		default:
			return true;
	}
}

/* One name or more, then an empty one, then the end. */
static bool
mechanisms_are_valid(Slice mechanisms)
{
	Reader		reader = reader_make(mechanisms);
	int			count = 0;

	while (read_string(&reader).len > 0)
		count++;
	return count > 0 && reader_at_end(&reader);
}

bool
message_offers_mechanism(Slice mechanisms, const char *name)
{
	Reader		reader = reader_make(mechanisms);
	Slice		offered;

	while ((offered = read_string(&reader)).len > 0)
	{
		if (slice_equals_string(offered, name))
			return true;
	}
	return false;
}

bool
message_parse_sasl_initial(Slice body, SaslInitialMessage *message)
{
	Reader		reader = reader_make(body);
	uint32_t	length;

	message->mechanism = read_string(&reader);
	message->data = slice_make(NULL, 0);
	length = read_u32(&reader);
	if (length != NULL_LENGTH)
		message->data = read_bytes(&reader, length);
	return reader_at_end(&reader);
}

bool
message_parse_lsn(Slice text, uint64_t *lsn)
{
	uint32_t	high;
	uint32_t	low;

	if (!parse_hex(&text, &high) || text.len == 0 || text.data[0] != '/')
		return false;
	text = slice_skip(text, 1);
	if (!parse_hex(&text, &low) || text.len > 0)
		return false;
	*lsn = (uint64_t) high << 32 | low;
	return true;
}

/* One to eight hexadecimal digits from the start of text. */
static bool
parse_hex(Slice *text, uint32_t *value)
{
	size_t		ndigits = 0;

	*value = 0;
	for (; ndigits < text->len && ndigits < LSN_MAX_DIGITS; ndigits++)
	{
		char		c = text->data[ndigits];

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint32_t) (c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint32_t) (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			*value = *value << 4 | (uint32_t) (c - 'A' + 10);
		else
			break;
	}
	*text = slice_skip(*text, ndigits);
	return ndigits > 0;
}
