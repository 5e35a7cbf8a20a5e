/*
 * fuzz_classify.c
 *		Any bytes as a query string.
 *
 * Properties: the class is well formed; the cache says the same as the
 * classifier; what is a read without facts is one with them; and a read with a
 * DELETE behind it is none.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "sql/statement_cache.h"
#include "tests/router/unit/sql/facts_fixture.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

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
