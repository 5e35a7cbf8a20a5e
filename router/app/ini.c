/*-------------------------------------------------------------------------
 *
 * ini.c
 *	  Reads the text of an INI file through inih.
 *
 * inih asks for one line at a time and calls the handler for it before it asks
 * for the next: so the reader's count is the line of what is being handled.
 * The reader looks at section lines itself, because inih tells nothing when
 * it cuts a name or misses a bracket; a line it refuses is shown to inih as
 * an empty one.
 *
 *-------------------------------------------------------------------------
 */
#include "app/ini.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r\n\v\f"

typedef struct IniReader
{
	Slice		rest;
	int			line;
	const IniEvents *events;
	void	   *arg;
} IniReader;

static char *read_line(char *into, int size, void *stream);
static bool accept_line(IniReader *reader, Slice line);
static bool accept_section(IniReader *reader, Slice line);
static Slice trim(Slice text);
static int	on_entry(void *user, const char *section, const char *name, const char *value);

void
ini_read(Slice text, const IniEvents *events, void *arg)
{
	IniReader	reader = {text, 0, events, arg};

	/* three more than the longest line, says ini.h, and one for the start */
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_initial_alloc = ini_max_line = INI_LINE_LEN_MAX + 4;
	ini_allow_multiline = false;
	ini_allow_no_value = true;
	ini_allow_inline_comments = true;
	ini_stop_on_first_error = false;

	/* its result is the first bad line; accept_line() has told about all of them */
	(void) ini_parse_stream(read_line, &reader, on_entry, &reader);
}

/* As fgets(): the next line with its end, or NULL. */
static char *
read_line(char *into, int size, void *stream)
{
	IniReader  *reader = stream;
	const char *end;
	Slice		line;

	if (reader->rest.len == 0)
		return NULL;
	end = memchr(reader->rest.data, '\n', reader->rest.len);
	line = slice_make(reader->rest.data,
					  end != NULL ? (size_t) (end - reader->rest.data) : reader->rest.len);
	reader->rest = slice_skip(reader->rest, end != NULL ? line.len + 1 : line.len);
	reader->line++;

	if (!accept_line(reader, line) || line.len + 2 > (size_t) size)
		line.len = 0;
	if (line.len > 0)
		memcpy(into, line.data, line.len);
	into[line.len] = '\n';
	into[line.len + 1] = '\0';
	return into;
}

/* False: an error was told, inih shall not see it. */
static bool
accept_line(IniReader *reader, Slice line)
{
	Slice		text;

	if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL)
	{
		reader->events->on_error(reader->arg, reader->line, "the line has a NUL byte; is this a text file?");
		return false;
	}
	if (line.len > INI_LINE_LEN_MAX)
	{
		char		message[128];

		snprintf(message, sizeof(message), "the line is too long: %zu bytes, at most %d are allowed",
				 line.len, INI_LINE_LEN_MAX);
		reader->events->on_error(reader->arg, reader->line, message);
		return false;
	}
	text = trim(line);
	if (reader->line == 1 && text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
		text = trim(slice_skip(text, 3));
	if (text.len > 0 && (*text.data == '=' || *text.data == ':'))
	{
		reader->events->on_error(reader->arg, reader->line, "a name is missing before the value");
		return false;
	}
	return text.len == 0 || *text.data != '[' || accept_section(reader, slice_skip(text, 1));
}

static bool
accept_section(IniReader *reader, Slice line)
{
	const char *end = line.len > 0 ? memchr(line.data, ']', line.len) : NULL;
	char		name[INI_SECTION_LEN_MAX + 1];
	size_t		len;
	Slice		behind;

	if (end == NULL)
	{
		reader->events->on_error(reader->arg, reader->line, "the section has no closing \"]\"");
		return false;
	}
	len = (size_t) (end - line.data);
	if (len > INI_SECTION_LEN_MAX)
	{
		char		message[128];

		snprintf(message, sizeof(message), "the name of the section is too long: %zu bytes, at most %d are allowed",
				 len, INI_SECTION_LEN_MAX);
		reader->events->on_error(reader->arg, reader->line, message);
		return false;
	}
	behind = trim(slice_skip(line, len + 1));
	if (behind.len > 0 && *behind.data != ';' && *behind.data != '#')
		reader->events->on_error(reader->arg, reader->line, "there is more on the line than the section");
	memcpy(name, line.data, len);
	name[len] = '\0';
	reader->events->on_section(reader->arg, reader->line, name);
	return true;
}

static Slice
trim(Slice text)
{
	while (text.len > 0 && strchr(BLANKS, *text.data) != NULL)
		text = slice_skip(text, 1);
	while (text.len > 0 && strchr(BLANKS, text.data[text.len - 1]) != NULL)
		text.len--;
	return text;
}

static int
on_entry(void *user, const char *section, const char *name, const char *value)
{
	IniReader  *reader = user;

	reader->events->on_entry(reader->arg, reader->line, section, name, value);
	return 1;
}
