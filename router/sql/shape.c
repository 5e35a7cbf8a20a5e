/*-------------------------------------------------------------------------
 *
 * shape.c
 *	  A statement's text without the values of its literals.
 *
 * One pass over the bytes that keeps in step with PostgreSQL's scanner, which
 * is easy as long as nothing but plain tokens comes: names, numbers, strings
 * and names in quotes, parameters.  At anything else it stops.
 *
 * A number is replaced if it is one to nine digits and nothing else: that is
 * an integer constant whatever the digits are.  FLOAT(n) is the one place where
 * PostgreSQL's grammar makes another type of another number: float4 or float8,
 * both built in and harmless.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/shape.h"

#include <strings.h>

#define MAX_DIGITS 9			/* any such number is an int4 */

/* What has been read and written; at < end throughout a step. */
typedef struct ShapeScan
{
	const char *at;
	const char *end;
	const char *unwritten;		/* from here to at: as it stands */
	char	   *out;
	bool		has_literal;
} ShapeScan;

typedef enum CharKind
{
	CHAR_OTHER,					/* stands for itself */
	CHAR_LETTER,				/* begins a name, or a keyword; above: take_token() */
	CHAR_DIGIT,
	CHAR_SPECIAL				/* looked at by itself */
} CharKind;

#define LETTERS(first, last) [first ... last] = CHAR_LETTER
static const unsigned char char_kinds[256] = {
	LETTERS('a', 'z'), LETTERS('A', 'Z'), ['_'] = CHAR_LETTER, LETTERS(0x80, 0xff),
	['0' ... '9'] = CHAR_DIGIT,
	['\''] = CHAR_SPECIAL, ['"'] = CHAR_SPECIAL, ['$'] = CHAR_SPECIAL, ['-'] = CHAR_SPECIAL, ['/'] = CHAR_SPECIAL,
	['&'] = CHAR_SPECIAL, [';'] = CHAR_SPECIAL, ['\\'] = CHAR_SPECIAL, ['.'] = CHAR_SPECIAL,
};

/* Bytes that go on with a name: one look at each. */
static const unsigned char name_chars[256] = {
	['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['_'] = 1, [0x80 ... 0xff] = 1, ['0' ... '9'] = 1, ['$'] = 1,
};

static bool has_shape(Slice text);
static void take_plain(ShapeScan *scan);
static bool take_token(ShapeScan *scan);
static bool take_number(ShapeScan *scan);
static bool take_special(ShapeScan *scan);
static bool take_string(ShapeScan *scan);
static bool take_quoted_name(ShapeScan *scan);
static bool take_parameter(ShapeScan *scan);
static const char *number_end(const char *at, const char *end);
static const char *string_end(const char *at, const char *end);
static void replace_literal(ShapeScan *scan, const char *from, const char *until);
static void write_to(ShapeScan *scan, const char *until);

static inline CharKind
kind_of(char c)
{
	return (CharKind) char_kinds[(unsigned char) c];
}

static inline bool
continues_name(char c)
{
	return name_chars[(unsigned char) c] != 0;
}

Slice
shape_of_text(Slice text, char buffer[SHAPE_MAX_TEXT])
{
	ShapeScan	scan = {text.data, text.data + text.len, text.data, buffer, false};
	bool		goes_on = text.len <= SHAPE_MAX_TEXT && has_shape(text);

	while (goes_on && scan.at < scan.end)
	{
		take_plain(&scan);
		goes_on = scan.at < scan.end && take_token(&scan);
	}
	if (!scan.has_literal)
		return text;
	write_to(&scan, scan.end);
	return slice_make(buffer, (size_t) (scan.out - buffer));
}

/*
 * The scanner is where it was, and in the same state, as long as the bytes
 * are the same: so each literal of the shape has to be one here.
 */
bool
shape_is_of(Slice shape, Slice text)
{
	const char *at = text.data;
	const char *end = text.data + text.len;

	if (text.len > SHAPE_MAX_TEXT)
		return false;
	for (;;)
	{
		const char *mark = memchr(shape.data, '\0', shape.len);
		size_t		len = mark == NULL ? shape.len : (size_t) (mark - shape.data);
		const char *literal = at + len;
		bool		is_string;

		if ((size_t) (end - at) < len || memcmp(at, shape.data, len) != 0)
			return false;
		if (mark == NULL)
			return literal == end;
		is_string = len > 0 && literal[-1] == '\'';
		at = is_string ? string_end(literal - 1, end) : number_end(literal, end);
		if (at == NULL || (is_string && memchr(literal, '\0', (size_t) (at - literal)) != NULL))
			return false;
		shape = slice_skip(shape, len + 1);
	}
}

/* Names, keywords and what stands for itself: most of a text. */
static void
take_plain(ShapeScan *scan)
{
	const char *at = scan->at;
	const char *end = scan->end;

	while (at < end && kind_of(*at) <= CHAR_LETTER)
	{
		if (kind_of(*at++) == CHAR_OTHER)
			continue;
		while (at < end && continues_name(*at))
			at++;
	}
	scan->at = at;
}

static bool
take_token(ShapeScan *scan)
{
	return kind_of(*scan->at) == CHAR_DIGIT ? take_number(scan) : take_special(scan);
}

/* By its first word; a zero byte would be taken for one of ours. */
static bool
has_shape(Slice text)
{
	static const char *const words[] = {"select", "insert", "update", "delete", "with", "values"};

	while (text.len > 0 && kind_of(text.data[0]) == CHAR_OTHER && text.data[0] != '\0' &&
		   strchr(" \t\n\r\f(", text.data[0]) != NULL)
		text = slice_skip(text, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		size_t		len = strlen(words[i]);

		if (text.len > len && !continues_name(text.data[len]) && strncasecmp(text.data, words[i], len) == 0)
			return memchr(text.data, '\0', text.len) == NULL;
	}
	return false;
}

/* 1.5, 1e5, 0x1F and what is no number at all stand as they are. */
static bool
take_number(ShapeScan *scan)
{
	const char *end = number_end(scan->at, scan->end);

	if (end != NULL)
	{
		replace_literal(scan, scan->at, end);
		return true;
	}
	end = scan->at;
	while (end < scan->end && (kind_of(*end) == CHAR_LETTER || kind_of(*end) == CHAR_DIGIT || *end == '.'))
		end++;
	scan->at = end;
	return end == scan->end || (*end != '\'' && *end != '$');
}

static bool
take_special(ShapeScan *scan)
{
	const char *next = scan->at + 1;
	char		after = next < scan->end ? *next : ' ';

	switch (*scan->at)
	{
		case '\'':
			return take_string(scan);
		case '"':
			return take_quoted_name(scan);
		case '$':
			return take_parameter(scan);
		case '-':
			if (after == '-')
				return false;
			break;
		case '/':
			if (after == '*')
				return false;
			break;
		case '&':
			if (after == '\'' || after == '"')
				return false;
			break;
		case '.':
			/* .5, and the fraction of a number that was no plain one */
			while (next < scan->end && kind_of(*next) == CHAR_DIGIT)
				next++;
			if (next < scan->end && next > scan->at + 1 && continues_name(*next))
				return false;
			break;
		default:
			return false;
	}
	scan->at = next;
	return true;
}

/* A quote in it is doubled.  Right behind a name, the name may be its prefix: E'...', X'...'. */
static bool
take_string(ShapeScan *scan)
{
	const char *end = string_end(scan->at, scan->end);

	if (end == NULL || continues_name(scan->at[-1]))
		return false;			/* the text begins with a keyword: there is something before */
	replace_literal(scan, scan->at + 1, end);	/* its first quote stays */
	return true;
}

/* Behind the digits that begin there; NULL: they are no plain number. */
static const char *
number_end(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && kind_of(*at) == CHAR_DIGIT)
		at++;
	if (at == from || at - from > MAX_DIGITS ||
		(at < end && (kind_of(*at) == CHAR_LETTER || *at == '.' || *at == '$' || *at == '\'')))
		return NULL;
	return at;
}

/* Behind the quote that ends the string whose first one is there; NULL: none does. */
static const char *
string_end(const char *at, const char *end)
{
	do
	{
		at = memchr(at + 1, '\'', (size_t) (end - at - 1));
		if (at == NULL)
			return NULL;
		at++;
	} while (at < end && *at == '\'');
	return at;
}

/* A doubled quote ends one and begins the next, which comes to the same. */
static bool
take_quoted_name(ShapeScan *scan)
{
	const char *end = memchr(scan->at + 1, '"', (size_t) (scan->end - scan->at - 1));

	if (end == NULL)
		return false;
	scan->at = end + 1;
	return true;
}

/* Not a dollar quote. */
static bool
take_parameter(ShapeScan *scan)
{
	const char *end = scan->at + 1;

	while (end < scan->end && kind_of(*end) == CHAR_DIGIT)
		end++;
	if (end == scan->at + 1 || (end < scan->end && continues_name(*end)))
		return false;
	scan->at = end;
	return true;
}

/* The bytes from there on are a value: a zero byte stands for them. */
static void
replace_literal(ShapeScan *scan, const char *from, const char *until)
{
	write_to(scan, from);
	*scan->out++ = '\0';
	scan->at = scan->unwritten = until;
	scan->has_literal = true;
}

static void
write_to(ShapeScan *scan, const char *until)
{
	size_t		len = (size_t) (until - scan->unwritten);

	memcpy(scan->out, scan->unwritten, len);
	scan->out += len;
	scan->unwritten = until;
}
