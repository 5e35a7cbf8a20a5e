/*-------------------------------------------------------------------------
 *
 * hba_words.c
 *	  A line of pg_hba.conf taken apart.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/hba_words.h"

#include "base/buf.h"
#include "base/memory.h"

static bool is_blank(char c);
static Slice skip_blanks(Slice text);
static bool take_field(Slice *rest, HbaField *field, const char **why);
static bool take_word(Slice *rest, HbaField *field, const char **why);

bool
hba_split(Slice line, HbaFields *fields, const char **why)
{
	fields->count = 0;
	if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL)
	{
		*why = "the line has a zero byte in it";
		return false;
	}
	for (;;)
	{
		HbaField   *field;

		line = skip_blanks(line);
		if (line.len == 0 || line.data[0] == '#')
			return true;
		if (fields->count == HBA_MAX_FIELDS)
		{
			*why = "the line has too many fields";
			return false;
		}
		field = &fields->items[fields->count++];
		*field = (HbaField) {NULL, 0};
		if (!take_field(&line, field, why))
			return false;
	}
}

void
hba_fields_release(HbaFields *fields)
{
	for (int i = 0; i < fields->count; i++)
		hba_field_release(&fields->items[i]);
	fields->count = 0;
}

void
hba_field_release(HbaField *field)
{
	for (int i = 0; i < field->count; i++)
		mem_free(field->words[i].text);
	mem_free(field->words);
	*field = (HbaField) {NULL, 0};
}

bool
hba_word_is(const HbaWord *word, const char *keyword)
{
	return !word->is_quoted && strcmp(word->text, keyword) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static Slice
skip_blanks(Slice text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = slice_skip(text, 1);
	return text;
}

/* Words up to a blank; after a comma blanks do not end the list. */
static bool
take_field(Slice *rest, HbaField *field, const char **why)
{
	for (;;)
	{
		if (!take_word(rest, field, why))
			return false;
		if (rest->len == 0 || rest->data[0] != ',')
			return true;
		*rest = skip_blanks(slice_skip(*rest, 1));
	}
}

static bool
take_word(Slice *rest, HbaField *field, const char **why)
{
	Buf			text = BUF_INIT;
	bool		in_quotes = false;
	bool		was_quoted = rest->len > 0 && rest->data[0] == '"';
	HbaWord    *word;

	for (; rest->len > 0; *rest = slice_skip(*rest, 1))
	{
		char		c = rest->data[0];

		if (!in_quotes && (is_blank(c) || c == ',' || c == '#'))
			break;
		if (c != '"')
			buf_append_u8(&text, (uint8_t) c);
		else if (in_quotes && rest->len > 1 && rest->data[1] == '"')
		{
			buf_append_u8(&text, '"');
			*rest = slice_skip(*rest, 1);
		}
		else
			in_quotes = !in_quotes;
	}
	if (in_quotes || (buf_len(&text) == 0 && !was_quoted))
	{
		*why = in_quotes ? "a quote is not closed" : "a list ends with a comma, or has nothing between two";
		buf_release(&text);
		return false;
	}
	field->words = mem_realloc(field->words, (size_t) (field->count + 1) * sizeof(HbaWord));
	word = &field->words[field->count++];
	word->text = mem_strndup(buf_slice(&text));
	word->is_quoted = was_quoted;
	buf_release(&text);
	return true;
}
