/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Writers of messages.
 *
 * A mark is the offset of a message from the first unread byte, not an
 * address: the buffer may move while the body is appended, but nobody may
 * consume from it between begin and end.  Strings are written up to their
 * first NUL, so no value can end one early and forge what follows.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/build.h"

#include <assert.h>

#include "wire/frame.h"

#define PROTOCOL_3_0 (3U << 16)
#define CODE_CANCEL 80877102U
#define CODE_SSL 80877103U
#define OID_TEXT 25U
#define NULL_LENGTH UINT32_MAX	/* -1 as length of a value */
#define VARIABLE_LENGTH UINT16_MAX	/* -1 as typlen */
#define NO_TYPE_MODIFIER UINT32_MAX /* -1 */
#define SQLSTATE_SUCCESSFUL_COMPLETION "00000"

static void put_length(Buf *out, size_t at, size_t length);
static Slice up_to_nul(Slice string);
static void append_string(Buf *out, Slice string);
static void append_field(Buf *out, char code, const char *value);
static void append_report(Buf *out, char type, const char *severity, const Error *error);

size_t
build_begin(Buf *out, char type)
{
	size_t		mark = buf_len(out);
	char	   *head = buf_reserve(out, FRAME_HEADER_SIZE);

	memset(head, 0, FRAME_HEADER_SIZE);
	head[0] = type;
	buf_commit(out, FRAME_HEADER_SIZE);
	return mark;
}

void
build_end(Buf *out, size_t mark)
{
	put_length(out, mark + 1, buf_len(out) - mark - 1);
}

void
build_startup(Buf *out, const char *const *names_and_values)
{
	size_t		mark = buf_len(out);

	buf_append_u32(out, 0);
	buf_append_u32(out, PROTOCOL_3_0);
	for (const char *const *at = names_and_values; *at != NULL; at++)
		append_string(out, slice_from_string(*at));
	buf_append_u8(out, 0);
	put_length(out, mark, buf_len(out) - mark);
}

void
build_ssl_request(Buf *out)
{
	buf_append_u32(out, 8);
	buf_append_u32(out, CODE_SSL);
}

void
build_cancel(Buf *out, uint32_t pid, Slice key)
{
	size_t		mark = buf_len(out);

	buf_append_u32(out, 0);
	buf_append_u32(out, CODE_CANCEL);
	buf_append_u32(out, pid);
	buf_append(out, key);
	put_length(out, mark, buf_len(out) - mark);
}

void
build_query(Buf *out, Slice text)
{
	size_t		mark = build_begin(out, 'Q');

	append_string(out, text);
	build_end(out, mark);
}

void
build_parse(Buf *out, Slice statement, Slice text, uint16_t nparams, Slice param_types)
{
	size_t		mark = build_begin(out, 'P');

	assert(param_types.len == (size_t) nparams * 4);
	append_string(out, statement);
	append_string(out, text);
	buf_append_u16(out, nparams);
	buf_append(out, param_types);
	build_end(out, mark);
}

void
build_bind_head(Buf *out, Slice portal, Slice statement, size_t rest_len)
{
	size_t		mark = build_begin(out, 'B');

	append_string(out, portal);
	append_string(out, statement);
	put_length(out, mark + 1, buf_len(out) - mark - 1 + rest_len);
}

void
build_target(Buf *out, char type, char kind, Slice name)
{
	size_t		mark = build_begin(out, type);

	buf_append_u8(out, (uint8_t) kind);
	append_string(out, name);
	build_end(out, mark);
}

void
build_execute(Buf *out, Slice portal, uint32_t max_rows)
{
	size_t		mark = build_begin(out, 'E');

	append_string(out, portal);
	buf_append_u32(out, max_rows);
	build_end(out, mark);
}

void
build_sync(Buf *out)
{
	build_empty(out, 'S');
}

void
build_terminate(Buf *out)
{
	build_empty(out, 'X');
}

void
build_password(Buf *out, Slice bytes)
{
	size_t		mark = build_begin(out, 'p');

	buf_append(out, bytes);
	build_end(out, mark);
}

void
build_sasl_initial(Buf *out, const char *mechanism, Slice data)
{
	size_t		mark = build_begin(out, 'p');

	append_string(out, slice_from_string(mechanism));
	buf_append_u32(out, (uint32_t) data.len);
	buf_append(out, data);
	build_end(out, mark);
}

void
build_copy_fail(Buf *out, const char *reason)
{
	size_t		mark = build_begin(out, 'f');

	append_string(out, slice_from_string(reason));
	build_end(out, mark);
}

void
build_auth(Buf *out, uint32_t kind, Slice rest)
{
	size_t		mark = build_begin(out, 'R');

	buf_append_u32(out, kind);
	buf_append(out, rest);
	build_end(out, mark);
}

void
build_parameter_status(Buf *out, Slice name, Slice value)
{
	size_t		mark = build_begin(out, 'S');

	append_string(out, name);
	append_string(out, value);
	build_end(out, mark);
}

void
build_backend_key(Buf *out, uint32_t pid, Slice key)
{
	size_t		mark = build_begin(out, 'K');

	buf_append_u32(out, pid);
	buf_append(out, key);
	build_end(out, mark);
}

Slice
build_ready_in(char message[BUILD_READY_SIZE], char tx_status)
{
	memcpy(message, "Z\0\0\0\5", BUILD_READY_SIZE - 1);
	message[BUILD_READY_SIZE - 1] = tx_status;
	return slice_make(message, BUILD_READY_SIZE);
}

void
build_ready(Buf *out, char tx_status)
{
	char		message[BUILD_READY_SIZE];

	buf_append(out, build_ready_in(message, tx_status));
}

void
build_error(Buf *out, const char *severity, const Error *error)
{
	append_report(out, 'E', severity, error);
}

void
build_notice(Buf *out, const Error *error)
{
	append_report(out, 'N', "NOTICE", error);
}

void
build_command_complete(Buf *out, const char *tag)
{
	size_t		mark = build_begin(out, 'C');

	append_string(out, slice_from_string(tag));
	build_end(out, mark);
}

void
build_empty(Buf *out, char type)
{
	build_end(out, build_begin(out, type));
}

/*
 * The documentation speaks of the minor version; PostgreSQL sends, and libpq
 * expects, the whole one.
 */
void
build_negotiate_version(Buf *out, uint32_t minor, const Slice *options, int noptions)
{
	size_t		mark = build_begin(out, 'v');

	buf_append_u32(out, PROTOCOL_3_0 | minor);
	buf_append_u32(out, (uint32_t) noptions);
	for (int i = 0; i < noptions; i++)
		append_string(out, options[i]);
	build_end(out, mark);
}

void
build_text_row_description(Buf *out, const char *const *columns, int ncolumns)
{
	size_t		mark = build_begin(out, 'T');

	buf_append_u16(out, (uint16_t) ncolumns);
	for (int i = 0; i < ncolumns; i++)
	{
		append_string(out, slice_from_string(columns[i]));
		buf_append_u32(out, 0); /* of no table */
		buf_append_u16(out, 0); /* of no column */
		buf_append_u32(out, OID_TEXT);
		buf_append_u16(out, VARIABLE_LENGTH);
		buf_append_u32(out, NO_TYPE_MODIFIER);
		buf_append_u16(out, 0); /* text format */
	}
	build_end(out, mark);
}

void
build_text_row(Buf *out, const char *const *values, int ncolumns)
{
	size_t		mark = build_begin(out, 'D');

	buf_append_u16(out, (uint16_t) ncolumns);
	for (int i = 0; i < ncolumns; i++)
	{
		if (values[i] == NULL)
		{
			buf_append_u32(out, NULL_LENGTH);
			continue;
		}
		buf_append_u32(out, (uint32_t) strlen(values[i]));
		buf_append_string(out, values[i]);
	}
	build_end(out, mark);
}

/* Write a length word at an offset from the first unread byte. */
static void
put_length(Buf *out, size_t at, size_t length)
{
	unsigned char *word = (unsigned char *) out->data + out->start + at;

	assert(length <= INT32_MAX);
	word[0] = (unsigned char) (length >> 24);
	word[1] = (unsigned char) (length >> 16);
	word[2] = (unsigned char) (length >> 8);
	word[3] = (unsigned char) length;
}

static Slice
up_to_nul(Slice string)
{
	const char *nul = string.len == 0 ? NULL : memchr(string.data, '\0', string.len);

	return nul == NULL ? string : slice_make(string.data, (size_t) (nul - string.data));
}

static void
append_string(Buf *out, Slice string)
{
	char	   *at;

	string = up_to_nul(string);
	at = buf_reserve(out, string.len + 1);
	if (string.len > 0)
		memcpy(at, string.data, string.len);
	at[string.len] = '\0';
	buf_commit(out, string.len + 1);
}

static void
append_field(Buf *out, char code, const char *value)
{
	buf_append_u8(out, (uint8_t) code);
	append_string(out, slice_from_string(value));
}

/* ErrorResponse and NoticeResponse have one form. */
static void
append_report(Buf *out, char type, const char *severity, const Error *error)
{
	size_t		mark = build_begin(out, type);

	append_field(out, 'S', severity);
	append_field(out, 'V', severity);
	append_field(out, 'C', error->sqlstate[0] != '\0' ? error->sqlstate :
				 SQLSTATE_SUCCESSFUL_COMPLETION);
	append_field(out, 'M', error->message);
	if (error->detail[0] != '\0')
		append_field(out, 'D', error->detail);
	if (error->hint[0] != '\0')
		append_field(out, 'H', error->hint);
	if (error->routine != NULL)
		append_field(out, 'R', error->routine);
	buf_append_u8(out, 0);
	build_end(out, mark);
}
