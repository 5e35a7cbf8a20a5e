/*-------------------------------------------------------------------------
 *
 * log.c
 *	  One line an event, as text or JSON.
 *
 * A line is put together on the stack and written at once: no memory is
 * allocated and no lock taken, so that any thread may log anything, also that
 * memory has run out.  Every line keeps room for its end (LOG_TAIL_SIZE);
 * values that do not fit are cut there, fields that do not fit are left out.
 *
 * The level and format are the process's only settings outside a struct: a
 * log line has no owner to ask.  They are atomics, set by log_configure().
 *
 *-------------------------------------------------------------------------
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define LOG_VALUE_SIZE 1024		/* one value takes no more than this */
#define LOG_TAIL_SIZE 16		/* "..." and quotes of a name and its value, brace, newline */
#define LOG_TIME_SIZE 64

typedef struct Line
{
	size_t		len;
	char		text[LOG_LINE_SIZE];
} Line;

static atomic_int log_level = LOG_LEVEL_INFO;
static atomic_int log_format = LOG_FORMAT_TEXT;

static const char *const level_words[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
static const char *const level_json_words[] = {"debug", "info", "warning", "error"};

static void write_text_line(Line *line, const char *level, const char *event,
							const LogField *fields, int nfields);
static void write_json_line(Line *line, const char *level, const char *event,
							const LogField *fields, int nfields);
static bool needs_quotes(Slice value);
static void put_text_value(Line *line, Slice value);
static void put_json_string(Line *line, Slice value);
static void put_escaped(Line *line, Slice value, LogFormat format);
static size_t escape_char(Slice at, LogFormat format, char *out, size_t size);
static void put_time(Line *line);
static void put_number(Line *line, int64_t number);
static bool put(Line *line, Slice bytes);
static bool field_fits(const Line *line, const LogField *field);
static void write_whole(const char *data, size_t len);

void
log_configure(LogLevel level, LogFormat format)
{
	atomic_store(&log_level, (int) level);
	atomic_store(&log_format, (int) format);
}

bool
log_enabled(LogLevel level)
{
	return (int) level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void
log_write(LogLevel level, const char *event, const LogField *fields, int nfields)
{
	Line		line;
	int			saved_errno = errno;

	line.len = 0;
	if (atomic_load_explicit(&log_format, memory_order_relaxed) == LOG_FORMAT_JSON)
		write_json_line(&line, level_json_words[level], event, fields, nfields);
	else
		write_text_line(&line, level_words[level], event, fields, nfields);
	line.text[line.len++] = '\n';
	write_whole(line.text, line.len);
	errno = saved_errno;
}

static void
write_text_line(Line *line, const char *level, const char *event,
				const LogField *fields, int nfields)
{
	put_time(line);
	put(line, slice_from_string(" "));
	put(line, slice_from_string(level));
	put(line, slice_from_string(" "));
	put_escaped(line, slice_from_string(event), LOG_FORMAT_TEXT);
	for (int i = 0; i < nfields; i++)
	{
		if (!field_fits(line, &fields[i]))
			break;
		put(line, slice_from_string(" "));
		put_escaped(line, slice_from_string(fields[i].name), LOG_FORMAT_TEXT);
		put(line, slice_from_string("="));
		if (fields[i].string != NULL)
			put_text_value(line, slice_from_string(fields[i].string));
		else
			put_number(line, fields[i].number);
	}
}

static void
write_json_line(Line *line, const char *level, const char *event,
				const LogField *fields, int nfields)
{
	put(line, slice_from_string("{\"ts\":\""));
	put_time(line);
	put(line, slice_from_string("\",\"level\":\""));
	put(line, slice_from_string(level));
	put(line, slice_from_string("\",\"event\":"));
	put_json_string(line, slice_from_string(event));
	for (int i = 0; i < nfields; i++)
	{
		if (!field_fits(line, &fields[i]))
			break;
		put(line, slice_from_string(","));
		put_json_string(line, slice_from_string(fields[i].name));
		put(line, slice_from_string(":"));
		if (fields[i].string != NULL)
			put_json_string(line, slice_from_string(fields[i].string));
		else
			put_number(line, fields[i].number);
	}
	line->text[line->len++] = '}';	/* the tail has room */
}

/* Room for the name, the punctuation, and a number or the start of a string? */
static bool
field_fits(const Line *line, const LogField *field)
{
	return line->len + strlen(field->name) + 64 < LOG_LINE_SIZE - LOG_TAIL_SIZE;
}

static void
put_text_value(Line *line, Slice value)
{
	bool		quoted = needs_quotes(value);

	if (quoted)
		put(line, slice_from_string("\""));
	put_escaped(line, value, LOG_FORMAT_TEXT);
	if (quoted)
		line->text[line->len++] = '"';
}

/* Anything a reader splitting at spaces and equal signs would stumble over. */
static bool
needs_quotes(Slice value)
{
	if (value.len == 0)
		return true;
	for (size_t i = 0; i < value.len; i++)
	{
		unsigned char byte = (unsigned char) value.data[i];

		if (byte <= ' ' || byte >= 0x7F || byte == '"' || byte == '=' || byte == '\\')
			return true;
	}
	return false;
}

static void
put_json_string(Line *line, Slice value)
{
	put(line, slice_from_string("\""));
	put_escaped(line, value, LOG_FORMAT_JSON);
	line->text[line->len++] = '"';
}

/* A value, cut between characters when it is too long. */
static void
put_escaped(Line *line, Slice value, LogFormat format)
{
	size_t		begin = line->len;

	while (value.len > 0)
	{
		char		piece[16];
		size_t		used = utf8_char_len(value);
		size_t		len = escape_char(slice_make(value.data, used > 0 ? used : 1),
									  format, piece, sizeof(piece));

		if (line->len - begin + len > LOG_VALUE_SIZE || !put(line, slice_make(piece, len)))
		{
			memcpy(line->text + line->len, "...", 3);	/* the tail has room */
			line->len += 3;
			return;
		}
		value = slice_skip(value, used > 0 ? used : 1);
	}
}

/*
 * One character as it may stand between quotes.  Control characters, C1 ones
 * too, would drive a terminal; bytes that are no character would make the
 * line invalid: text shows them as \xHH, JSON has no such thing.
 */
static size_t
escape_char(Slice at, LogFormat format, char *out, size_t size)
{
	unsigned char byte = (unsigned char) at.data[0];
	bool		is_char = utf8_char_len(at) > 0;
	bool		is_c1 = is_char && at.len == 2 && byte == 0xC2 &&
		(unsigned char) at.data[1] < 0xA0;
	int			len;

	if (!is_char)
		len = format == LOG_FORMAT_JSON ? snprintf(out, size, "\\ufffd") :
			snprintf(out, size, "\\x%02x", byte);
	else if (byte == '"' || byte == '\\')
		len = snprintf(out, size, "\\%c", byte);
	else if (byte == '\n' || byte == '\r' || byte == '\t')
		len = snprintf(out, size, "\\%c", byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
	else if (byte < ' ' || byte == 0x7F)
		len = snprintf(out, size, "\\u%04x", byte);
	else if (is_c1)
		len = snprintf(out, size, "\\u%04x", (unsigned char) at.data[1]);
	else
	{
		memcpy(out, at.data, at.len);
		return at.len;
	}
	return (size_t) len;
}

static void
put_time(Line *line)
{
	struct timespec now;
	struct tm	utc;
	char		text[LOG_TIME_SIZE];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ",
			 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
			 utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
	put(line, slice_from_string(text));
}

static void
put_number(Line *line, int64_t number)
{
	char		text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	put(line, slice_from_string(text));
}

/* Append, or leave the line as it is and answer false. */
static bool
put(Line *line, Slice bytes)
{
	if (line->len + bytes.len > LOG_LINE_SIZE - LOG_TAIL_SIZE)
		return false;
	memcpy(line->text + line->len, bytes.data, bytes.len);
	line->len += bytes.len;
	return true;
}

/* A log that cannot be written is no reason to stop: what fails is dropped. */
static void
write_whole(const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t		written = write(STDERR_FILENO, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		data += written;
		len -= (size_t) written;
	}
}
