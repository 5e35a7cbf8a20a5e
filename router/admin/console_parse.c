/*-------------------------------------------------------------------------
 *
 * console_parse.c
 *	  The words of a command sent to the console.
 *
 * Words are of ASCII letters, digits and underscores, so they can be printed
 * in an error whatever the client sent around them.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_parse.h"

#define COMMENT_OPEN "/*"
#define COMMENT_CLOSE "*/"

static Slice skip_blank(Slice rest);
static Slice skip_line(Slice rest);
static Slice skip_block(Slice rest);
static bool starts_with(Slice rest, const char *prefix);
static bool is_word_char(char c);
static Slice take_word(Slice rest, ConsoleWords *words);

void
console_parse(Slice text, ConsoleWords *words)
{
	Slice		rest = skip_blank(text);

	*words = (ConsoleWords) {.is_plain = true};
	while (rest.len > 0 && words->is_plain && rest.data[0] != ';')
	{
		if (words->count < CONSOLE_MAX_WORDS && is_word_char(rest.data[0]))
			rest = skip_blank(take_word(rest, words));
		else
			words->is_plain = false;
	}
	while (rest.len > 0 && rest.data[0] == ';')
		rest = skip_blank(slice_skip(rest, 1));
	words->has_more = words->is_plain && rest.len > 0;
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
