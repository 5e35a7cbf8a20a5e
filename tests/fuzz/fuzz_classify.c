/*
 * fuzz_classify.c
 *		Any bytes as a query string.
 *
 * Properties: the class is well formed; the cache says the same as the
 * classifier, also of the text with other literals; what is a read without facts
 * is one with them; and a read with a DELETE behind it is none.
 */
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "sql/shape.h"
#include "sql/statement_cache.h"
#include "tests/fuzz/target.h"
#include "tests/router/unit/sql/facts_fixture.h"

static bool
is_terminated(const char *string, size_t size)
{
	return memchr(string, '\0', size) != NULL;
}

static void
check_form(const StatementClass *class)
{
	unsigned	verdict = class->flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL |
										  STATEMENT_NEEDS_UNKNOWN | STATEMENT_UNPARSED);

	require(class->kind <= STATEMENT_MULTI && statement_kind_name(class->kind) != NULL);
	require((verdict & (verdict - 1)) == 0);
	require((class->pin_reason != NULL) == ((class->flags & STATEMENT_LEAVES_STATE) != 0));
	require(class->why != NULL && class->why[0] != '\0');
	require(is_terminated(class->detail, sizeof(class->detail)) &&
			is_terminated(class->set_name, sizeof(class->set_name)) &&
			is_terminated(class->set_value, sizeof(class->set_value)));
}

static void
check_with_delete_behind(Slice text, const Facts *facts)
{
	Buf			longer = BUF_INIT;
	StatementClass class;

	buf_append(&longer, text);
	buf_append_string(&longer, "\n;DELETE FROM t");
	classify_text(buf_slice(&longer), facts, &class);
	check_form(&class);
	require((class.flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL)) == 0);
	buf_release(&longer);
}

/* The text with another number and another string in place of each. */
static void
put_literals(Slice shape, const char *number, const char *string, Buf *text)
{
	for (size_t i = 0; i < shape.len; i++)
	{
		if (shape.data[i] != '\0')
			buf_append_u8(text, (uint8_t) shape.data[i]);
		else if (i > 0 && shape.data[i - 1] == '\'')
			buf_append_string(text, string);
		else
			buf_append_string(text, number);
	}
}

/*
 * Texts of one shape are of one class, unless it looked at a literal.  Not
 * where FLOAT(n) may be: the grammar refuses some numbers there.
 */
static void
check_shape(Slice text, const Facts *facts, const StatementClass *class)
{
	static const char *const literals[][2] = {{"7", "'"}, {"123456789", "a -- '' \\ /* \"$$'"}};
	char		buffer[SHAPE_MAX_TEXT];
	char		again[SHAPE_MAX_TEXT];
	Slice		shape = shape_of_text(text, buffer);

	require(shape.len <= text.len);
	require(shape.data == text.data || shape_is_of(shape, text));
	if (shape.data == text.data || class->reads_constant)
		return;
	for (size_t i = 0; i + 5 <= text.len; i++)
	{
		if (strncasecmp(text.data + i, "float", 5) == 0)
			return;
	}
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
	{
		Buf			other = BUF_INIT;
		StatementClass of_other;
		Slice		shape_again;

		put_literals(shape, literals[i][0], literals[i][1], &other);
		classify_text(buf_slice(&other), facts, &of_other);
		require(of_other.kind == class->kind && of_other.flags == class->flags &&
				of_other.pin_reason == class->pin_reason && !of_other.reads_constant);
		if (buf_len(&other) <= SHAPE_MAX_TEXT)
		{
			shape_again = shape_of_text(buf_slice(&other), again);
			require(slice_equals(shape_again, shape));
			require(shape_is_of(shape, buf_slice(&other)));
		}
		buf_release(&other);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Facts *facts;
	Slice		text = slice_make((const char *) data, size);
	StatementClass class;
	StatementClass without;
	StatementCache *cache;

	if (facts == NULL)
		facts = fixture_facts();
	classify_text(text, facts, &class);
	check_form(&class);
	check_shape(text, facts, &class);
	classify_text(text, NULL, &without);
	check_form(&without);
	if ((without.flags & STATEMENT_IS_READ) != 0)
		require((class.flags & STATEMENT_IS_READ) != 0);
	if ((class.flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL)) != 0)
		check_with_delete_behind(text, facts);

	cache = statement_cache_create(1024 * 1024);
	statement_cache_set_facts(cache, facts);
	for (int i = 0; i < 2; i++)
	{
		const StatementClass *cached = statement_cache_get(cache, text);

		require(cached->kind == class.kind && cached->flags == class.flags &&
				strcmp(cached->set_value, class.set_value) == 0);
	}
	statement_cache_destroy(cache);
	return 0;
}
