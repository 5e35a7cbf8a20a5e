/*-------------------------------------------------------------------------
 *
 * startup.c
 *	  Reading the first packet of a connection.
 *
 *	  | length (4, counts itself) | code or version (4) | rest |
 *
 * Anybody can reach this code, so a packet is judged by its first eight bytes
 * before more of it is awaited: a wrong length, a request of the wrong size
 * and another protocol's hello are refused at once.  A parameter sent twice is
 * refused too, since two readers could take different ones for the user.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/startup.h"

#include "wire/message.h"

#define HEAD_SIZE 8				/* length and code */
#define PROTOCOL_MAJOR 3

/* "Message Formats": codes that no protocol version has */
#define CODE_CANCEL 80877102
#define CODE_SSL 80877103
#define CODE_GSSENC 80877104

#define CANCEL_KEY_MIN 4
#define CANCEL_KEY_MAX 256		/* protocol 3.2 */

static StartupKind judge_head(size_t total_len, uint32_t code, Startup *startup);
static StartupKind judge_cancel(size_t total_len, Startup *startup);
static StartupKind parse_cancel(Reader *reader, Startup *startup);
static StartupKind parse_params(Reader *reader, Startup *startup);
static bool was_sent(const Startup *startup, Slice name);
static StartupKind malformed(Startup *startup, const char *why);

StartupKind
startup_parse(Slice data, Startup *startup)
{
	Reader		reader = reader_make(data);
	uint32_t	length = read_u32(&reader);
	uint32_t	code = read_u32(&reader);
	StartupKind kind;

	*startup = (Startup) {.kind = STARTUP_PARTIAL};
	if (data.len >= 4 && (length < HEAD_SIZE || length > STARTUP_MAX_LEN))
		return malformed(startup, "invalid length of startup packet");
	if (data.len < HEAD_SIZE)
		return STARTUP_PARTIAL;

	startup->total_len = length;
	kind = judge_head(length, code, startup);
	if (kind == STARTUP_MALFORMED)
		return kind;
	if (data.len < length)
		return STARTUP_PARTIAL;

	startup->kind = kind;
	reader = reader_make(slice_skip(slice_make(data.data, length), HEAD_SIZE));
	if (kind == STARTUP_CANCEL)
		return parse_cancel(&reader, startup);
	if (kind == STARTUP_SESSION)
		return parse_params(&reader, startup);
	return kind;
}

Slice
startup_find_param(const Startup *startup, const char *name)
{
	for (int i = 0; i < startup->nparams; i++)
	{
		if (slice_equals_string(startup->params[i].name, name))
			return startup->params[i].value;
	}
	return slice_make(NULL, 0);
}

static StartupKind
judge_head(size_t total_len, uint32_t code, Startup *startup)
{
	switch (code)
	{
		case CODE_CANCEL:
			return judge_cancel(total_len, startup);
		case CODE_SSL:
		case CODE_GSSENC:
			if (total_len != HEAD_SIZE)
				return malformed(startup, "invalid length of encryption request");
			return code == CODE_SSL ? STARTUP_SSL : STARTUP_GSSENC;
		default:
			startup->version = code;
			if (code >> 16 != PROTOCOL_MAJOR)
				return malformed(startup, "unsupported frontend protocol");
			return STARTUP_SESSION;
	}
}

static StartupKind
judge_cancel(size_t total_len, Startup *startup)
{
	const size_t fixed = HEAD_SIZE + sizeof(uint32_t);

	if (total_len < fixed + CANCEL_KEY_MIN || total_len > fixed + CANCEL_KEY_MAX)
		return malformed(startup, "invalid length of cancel request");
	return STARTUP_CANCEL;
}

static StartupKind
parse_cancel(Reader *reader, Startup *startup)
{
	startup->cancel_pid = read_u32(reader);
	startup->cancel_key = read_bytes(reader, (size_t) (reader->end - reader->at));
	return STARTUP_CANCEL;
}

/* Pairs of strings up to an empty name, which is the packet's last byte. */
static StartupKind
parse_params(Reader *reader, Startup *startup)
{
	for (;;)
	{
		StartupParam param;

		param.name = read_string(reader);
		if (reader->bad)
			return malformed(startup, "startup packet is not terminated");
		if (param.name.len == 0)
			break;
		param.value = read_string(reader);
		if (reader->bad)
			return malformed(startup, "startup parameter has no value");
		if (was_sent(startup, param.name))
			return malformed(startup, "startup parameter is sent twice");
		if (startup->nparams == STARTUP_MAX_PARAMS)
			return malformed(startup, "too many startup parameters");
		startup->params[startup->nparams++] = param;
	}
	if (!reader_at_end(reader))
		return malformed(startup, "bytes after the end of the startup parameters");
	return STARTUP_SESSION;
}

static bool
was_sent(const Startup *startup, Slice name)
{
	for (int i = 0; i < startup->nparams; i++)
	{
		if (slice_equals(startup->params[i].name, name))
			return true;
	}
	return false;
}

static StartupKind
malformed(Startup *startup, const char *why)
{
	startup->kind = STARTUP_MALFORMED;
	startup->why = why;
	return STARTUP_MALFORMED;
}
