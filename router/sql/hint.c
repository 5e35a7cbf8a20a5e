/*-------------------------------------------------------------------------
 *
 * hint.c
 *	  The routing hint in a comment at the start of a statement.
 *
 * Runs before the parser and on texts it refuses, so it looks at bytes only:
 * white space is what PostgreSQL's scanner takes for it, the word is lower
 * case, and a comment that says anything else is no hint.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/hint.h"

#include "sql/classify.h"

static Slice hint_skip_space(Slice text);
static bool hint_skip_word(Slice *text, const char *word);

unsigned
hint_parse(Slice text)
{
	unsigned	flag;

	text = hint_skip_space(text);
	if (!hint_skip_word(&text, "/*"))
		return 0;
	text = hint_skip_space(text);
	if (hint_skip_word(&text, "andon:primary"))
		flag = STATEMENT_HINT_PRIMARY;
	else if (hint_skip_word(&text, "andon:replica"))
		flag = STATEMENT_HINT_REPLICA;
	else
		return 0;
	text = hint_skip_space(text);
	return hint_skip_word(&text, "*/") ? flag : 0;
}

static Slice
hint_skip_space(Slice text)
{
	while (text.len > 0 && memchr(" \t\n\r\f\v", text.data[0], 6) != NULL)
		text = slice_skip(text, 1);
	return text;
}

static bool
hint_skip_word(Slice *text, const char *word)
{
	size_t		len = strlen(word);

	if (text->len < len || memcmp(text->data, word, len) != 0)
		return false;
	*text = slice_skip(*text, len);
	return true;
}
