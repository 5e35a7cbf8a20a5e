/*-------------------------------------------------------------------------
 *
 * console_parse.c
 *	  The words of a command sent to the console.
 *
 * Words are of ASCII letters, digits and underscores, so they can be printed
 * in an error whatever the client sent around them.  A database's name may
 * stand without quotes if it has no more than PgBouncer's own names usually
 * have: dashes, dots and letters of any script.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_parse.h"

#include <string.h>
#include <strings.h>

#define COMMENT_OPEN "/*"
#define COMMENT_CLOSE "*/"

static Slice skip_blank(Slice rest);
static Slice skip_line(Slice rest);
static Slice skip_block(Slice rest);
static bool starts_with(Slice rest, const char *prefix);
static bool is_word_char(char c);
static bool is_name_char(char c);
static Slice take_word(Slice rest, ConsoleWords *words);
static Slice skip_token(Slice rest);
static bool take_name(Slice *text, char name[CONSOLE_NAME_SIZE]);
static bool take_quoted(Slice text, Slice *value);

void
console_parse(Slice text, ConsoleWords *words)
{
	Slice		rest = skip_blank(text);

	*words = (ConsoleWords) {.is_plain = true};
	while (rest.len > 0 && rest.data[0] != ';')
	{
		if (words->is_plain && words->count < CONSOLE_MAX_WORDS && is_word_char(rest.data[0]))
			rest = take_word(rest, words);
		else
		{
			words->is_plain = false;
			rest = skip_token(rest);
		}
		if (words->count == 1 && words->argument.data == NULL)
			words->argument = rest;
		rest = skip_blank(rest);
	}
	words->argument.len -= words->argument.data ? rest.len : 0;
	while (rest.len > 0 && rest.data[0] == ';')
		rest = skip_blank(slice_skip(rest, 1));
	words->has_more = rest.len > 0;
}

bool
console_parse_name(Slice text, char name[CONSOLE_NAME_SIZE])
{
	return take_name(&text, name) && text.len == 0;
}

bool
console_parse_number(Slice text, uint64_t *number)
{
	char		name[CONSOLE_NAME_SIZE];

	*number = 0;
	if (!console_parse_name(text, name) || strlen(name) > 19 || strspn(name, "0123456789") != strlen(name))
		return false;
	for (const char *digit = name; *digit != '\0'; digit++)
		*number = *number * 10 + (uint64_t) (*digit - '0');
	return true;
}

bool
console_parse_setting(Slice text, char name[CONSOLE_NAME_SIZE], Slice *value, bool *is_quoted)
{
	if (!take_name(&text, name) || text.len == 0)
		return false;
	if (text.data[0] == '=')
		text = skip_blank(slice_skip(text, 1));
	else if (text.len > 2 && strncasecmp(text.data, "to", 2) == 0 && !is_word_char(text.data[2]))
		text = skip_blank(slice_skip(text, 2));
	else
		return false;
	*is_quoted = text.len > 0 && text.data[0] == '\'';
	if (*is_quoted)
		return take_quoted(text, value);
	while (text.len > 0 && memchr(" \t\r\n\f\v", text.data[text.len - 1], 6) != NULL)
		text.len--;
	*value = text;
	return text.len > 0;
}

bool
console_parse_route(Slice text, ConsoleRoute *route)
{
	char	   *const names[] = {route->database, route->user, route->application};
	char		word[CONSOLE_NAME_SIZE];

	memset(route, 0, sizeof(*route));
	if (!take_name(&text, word) || strcasecmp(word, "route") != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && text.len > 0 && text.data[0] != '\''; i++)
	{
		if (!take_name(&text, names[i]))
			return false;
	}
	return text.len > 0 && text.data[0] == '\'' && take_quoted(text, &route->statement);
}

/* 'VALUE' and nothing more. */
static bool
take_quoted(Slice text, Slice *value)
{
	Slice		end = skip_token(text);

	*value = slice_make(text.data + 1, text.len - end.len - 1);
	if (value->len == 0 || value->data[value->len - 1] != '\'')
		return false;
	value->len--;
	return skip_blank(end).len == 0;
}

static Slice
skip_blank(Slice rest)
{
	for (;;)
	{
		size_t		len = rest.len;

		while (rest.len > 0 && memchr(" \t\r\n\f\v", rest.data[0], 6) != NULL)
			rest = slice_skip(rest, 1);
		if (starts_with(rest, "--"))
			rest = skip_line(rest);
		else if (starts_with(rest, COMMENT_OPEN))
			rest = skip_block(rest);
		if (rest.len == len)
			return rest;
	}
}

static Slice
skip_line(Slice rest)
{
	const char *end = memchr(rest.data, '\n', rest.len);

	return slice_skip(rest, end ? (size_t) (end - rest.data) : rest.len);
}

/* Block comments nest, as in PostgreSQL; one that is not closed hides the rest. */
static Slice
skip_block(Slice rest)
{
	size_t		depth = 0;

	do
	{
		if (starts_with(rest, COMMENT_OPEN))
		{
			depth++;
			rest = slice_skip(rest, 2);
		}
		else if (starts_with(rest, COMMENT_CLOSE))
		{
			depth--;
			rest = slice_skip(rest, 2);
		}
		else
			rest = slice_skip(rest, 1);
	} while (depth > 0 && rest.len > 0);
	return rest;
}

static bool
starts_with(Slice rest, const char *prefix)
{
	return rest.len >= 2 && memcmp(rest.data, prefix, 2) == 0;
}

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* By hand, not toupper(): a locale must not change what a command is. */
static Slice
take_word(Slice rest, ConsoleWords *words)
{
	char	   *word = words->word[words->count++];
	size_t		len = 0;

	for (; rest.len > 0 && is_word_char(rest.data[0]); rest = slice_skip(rest, 1))
	{
		char		c = rest.data[0];

		if (len < CONSOLE_WORD_SIZE - 1)
			word[len++] = c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
	}
	word[len] = '\0';
	return rest;
}

static bool
is_name_char(char c)
{
	return is_word_char(c) || c == '-' || c == '.' || c == '$' || c == '*' || (unsigned char) c >= 0x80;
}

/* What is in quotes, with doubled ones inside; a run of other characters; or one that is neither. */
static Slice
skip_token(Slice rest)
{
	char		first = rest.data[0];

	if (first == '\'' || first == '"')
	{
		do
		{
			const char *end = memchr(rest.data + 1, first, rest.len - 1);

			rest = slice_skip(rest, end ? (size_t) (end + 1 - rest.data) : rest.len);
		} while (rest.len > 0 && rest.data[0] == first);
		return rest;
	}
	if (!is_word_char(first))
		return slice_skip(rest, 1);
	while (rest.len > 0 && is_word_char(rest.data[0]))
		rest = slice_skip(rest, 1);
	return rest;
}

/* A name at the beginning; text is what follows it. */
static bool
take_name(Slice *text, char name[CONSOLE_NAME_SIZE])
{
	Slice		rest = skip_blank(*text);
	bool		is_quoted = rest.len > 0 && rest.data[0] == '"';
	bool		is_closed = !is_quoted;
	size_t		len = 0;

	if (is_quoted)
		rest = slice_skip(rest, 1);
	while (rest.len > 0 && len < CONSOLE_NAME_SIZE - 1)
	{
		if (is_quoted && rest.data[0] == '"')
		{
			rest = slice_skip(rest, 1);
			is_closed = rest.len == 0 || rest.data[0] != '"';
			if (is_closed)
				break;
		}
		else if (!is_quoted && (!is_name_char(rest.data[0]) || starts_with(rest, "--")))
			break;
		name[len++] = rest.data[0];
		rest = slice_skip(rest, 1);
	}
	name[len] = '\0';
	*text = skip_blank(rest);
	return len > 0 && is_closed && strlen(name) == len;
}
