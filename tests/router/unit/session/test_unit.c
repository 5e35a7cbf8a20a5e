/*-------------------------------------------------------------------------
 *
 * test_unit.c
 *	  What a unit is, from its messages.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "session/unit.h"
#include "wire/build.h"

static StatementCache *cache;
static PreparedTable *table;
static PreparedMap *map;
static UnitContext context;

static int
setup(void **state)
{
	bool		is_new;

	cache = statement_cache_create(1024 * 1024);
	table = prepared_table_create();
	map = prepared_map_create();
	context = (UnitContext) {cache, map, false};
	prepared_map_put(map, slice_from_string("read"),
					 prepared_get(table, &(PreparedKey) {.text = slice_from_string("SELECT 1")}, &is_new));
	prepared_map_put(map, slice_from_string("write"),
					 prepared_get(table, &(PreparedKey) {.text = slice_from_string("DELETE FROM t")}, &is_new));
	return 0;
}

static int
teardown(void **state)
{
	prepared_map_destroy(map);
	prepared_table_destroy(table);
	statement_cache_destroy(cache);
	return 0;
}

/* Messages with bars between them: Q text, P name text, B name, D name, E, F, C name, S; - is no name. */
static void
build_unit(Buf *out, const char *script)
{
	char	   *copy = mem_strdup(script);
	Slice		none = {"", 0};

	for (char *at = strtok(copy, "|"); at; at = strtok(NULL, "|"))
	{
		char	   *name = at[1] ? at + 2 : at + 1;
		char	   *rest = at[0] == 'P' ? strchr(name, ' ') : NULL;

		if (rest)
			*rest++ = '\0';
		if (at[0] == 'Q')
			build_query(out, slice_from_string(name));
		else if (at[0] == 'P')
			build_parse(out, slice_from_string(*name == '-' ? "" : name), slice_from_string(rest), 0, none);
		else if (at[0] == 'B')
		{
			build_bind_head(out, none, slice_from_string(*name == '-' ? "" : name), 6);
			buf_append(out, slice_make("\0\0\0\0\0\0", 6));
		}
		else if (at[0] == 'D' || at[0] == 'C')
			build_target(out, at[0], 'S', slice_from_string(*name == '-' ? "" : name));
		else if (at[0] == 'E')
			build_execute(out, none, 0);
		else
			build_empty(out, at[0]);
	}
	mem_free(copy);
}

typedef struct UnitCase
{
	const char *script;
	int			statements;
	StatementKind kind;
	const char *flags;			/* r read, t transaction inside, p prepares only, w prepares a write, s simple,
								 * f function call, c COPY in, x session command, ! pins */
} UnitCase;

static const UnitCase cases[] = {
	{"Q SELECT 1", 1, STATEMENT_QUERY, "rs"},
	{"Q DELETE FROM t", 1, STATEMENT_QUERY, "s"},
	{"Q BEGIN", 1, STATEMENT_BEGIN, "s"},
	{"Q SELEC", 1, STATEMENT_QUERY, "s!"},
	{"Q SELECT 1; SET work_mem = 5", 1, STATEMENT_MULTI, "s!"},
	{"Q COPY t FROM STDIN", 1, STATEMENT_COPY, "sc"},
	{"F", 0, STATEMENT_QUERY, "f"},
	{"S", 0, STATEMENT_QUERY, "p"},
	{"P - SELECT 1|S", 0, STATEMENT_QUERY, "p"},
	{"P - DELETE FROM t|D -|S", 0, STATEMENT_QUERY, "pw"},
	{"D read|S", 0, STATEMENT_QUERY, "p"},
	{"D write|S", 0, STATEMENT_QUERY, "pw"},
	{"D none|C read|S", 0, STATEMENT_QUERY, "p"},
	{"E|S", 0, STATEMENT_QUERY, ""},
	{"P - SELECT 1|B -|E|S", 1, STATEMENT_QUERY, "r"},
	{"B read|E|S", 1, STATEMENT_QUERY, "r"},
	{"B read|E|B read|E|S", 2, STATEMENT_QUERY, "r"},
	{"B read|E|B write|E|S", 2, STATEMENT_QUERY, ""},
	{"B write|E|B read|E|S", 2, STATEMENT_QUERY, ""},
	{"B read|E|P x DELETE FROM t|S", 1, STATEMENT_QUERY, "rw"},
	{"B none|E|S", 1, STATEMENT_QUERY, ""},
	{"P read DELETE FROM t|B read|E|S", 1, STATEMENT_QUERY, "w"},	/* the nearest Parse counts */
	{"P - SELECT 1|B -|P - DELETE FROM t|B -|S", 2, STATEMENT_QUERY, "w"},
	{"P - COMMIT|B -|E|S", 1, STATEMENT_COMMIT, "w"},
	{"P - COMMIT|B -|E|B read|E|S", 2, STATEMENT_QUERY, "tw"},
	{"B read|E|P - BEGIN|B -|E|S", 2, STATEMENT_QUERY, "tw"},
	{"P - SET work_mem = 5|B -|E|S", 1, STATEMENT_SET, "wx"},
	{"P - SET work_mem = 5|B -|E|B read|E|S", 2, STATEMENT_QUERY, "wx!"},
	{"B read|E|P - DISCARD ALL|B -|E|S", 2, STATEMENT_QUERY, "wx!"},
	{"P - LISTEN c|B -|E|B read|E|S", 2, STATEMENT_QUERY, "w!"},
	{"B read|E|P - COPY t FROM STDIN|B -|E|S", 2, STATEMENT_QUERY, "wc"},
};

static bool
has(const UnitCase *c, char flag)
{
	return strchr(c->flags, flag) != NULL;
}

static void
units_are_summarized(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const UnitCase *c = &cases[i];
		UnitSummary s;
		Buf			unit = BUF_INIT;

		build_unit(&unit, c->script);
		unit_summarize(buf_slice(&unit), &context, &s);
		if (s.statements != c->statements || s.kind != c->kind ||
			((s.flags & STATEMENT_IS_READ) != 0) != has(c, 'r') ||
			((s.flags & STATEMENT_HAS_TRANSACTION) != 0) != has(c, 't') ||
			s.only_prepares != has(c, 'p') || s.prepares_write != has(c, 'w') || s.is_simple != has(c, 's') ||
			s.has_function_call != has(c, 'f') || s.has_copy_in != has(c, 'c') ||
			(s.has_session_command && s.kind != STATEMENT_MULTI) != has(c, 'x') ||
			(s.pin_reason != NULL) != has(c, '!'))
			fail_msg("%s: %d statements, kind %d, flags %x%s%s", c->script, s.statements, s.kind, s.flags,
					 s.prepares_write ? " w" : "", s.pin_reason ? s.pin_reason : "");
		buf_release(&unit);
	}
}

static void
unreadable_sessions_are_not_read(void **state)
{
	UnitSummary summary;
	Slice		text;
	Buf			unit = BUF_INIT;

	context.unsafe_lexing = true;
	build_unit(&unit, "Q BEGIN");
	unit_summarize(buf_slice(&unit), &context, &summary);
	assert_int_equal(summary.kind, STATEMENT_QUERY);
	assert_int_equal(summary.flags, STATEMENT_UNPARSED);
	assert_non_null(summary.pin_reason);
	assert_null(unit_sole_statement(buf_slice(&unit), &context, &text));
	buf_release(&unit);
}

static void
too_many_texts_are_not_guessed(void **state)
{
	UnitSummary summary;
	Buf			unit = BUF_INIT;
	char		script[64];

	for (int i = 0; i < 100; i++)
	{
		snprintf(script, sizeof(script), "P s%d SELECT 1", i);
		build_unit(&unit, script);
	}
	build_unit(&unit, "B s1|E|S");
	unit_summarize(buf_slice(&unit), &context, &summary);
	assert_int_equal(summary.flags & (STATEMENT_IS_READ | STATEMENT_UNPARSED), STATEMENT_UNPARSED);
	assert_non_null(summary.pin_reason);
	buf_release(&unit);
}

static void
a_unit_that_goes_on_is_added_to(void **state)
{
	UnitSummary summary;
	Buf			unit = BUF_INIT;
	Slice		unknown = {NULL, 0};

	build_unit(&unit, "B read|E");
	unit_summarize(buf_slice(&unit), &context, &summary);
	unit_add_statement(&context, slice_from_string("SELECT 2"), &summary);
	assert_true(summary.flags & STATEMENT_IS_READ);
	assert_int_equal(summary.statements, 2);
	unit_add_statement(&context, unknown, &summary);
	assert_false(summary.flags & STATEMENT_IS_READ);
	unit_add_statement(&context, slice_from_string("LISTEN c"), &summary);
	assert_string_equal(summary.pin_reason, "LISTEN");

	unit_summarize(buf_slice(&unit), &context, &summary);
	unit_add_unreadable(&summary);
	assert_false(summary.flags & STATEMENT_IS_READ);
	assert_non_null(summary.pin_reason);
	buf_release(&unit);
}

static const char *
sole(const char *script)
{
	static char found[64];
	Slice		text;
	Buf			unit = BUF_INIT;
	const StatementClass *class;

	build_unit(&unit, script);
	class = unit_sole_statement(buf_slice(&unit), &context, &text);
	snprintf(found, sizeof(found), "%.*s", class ? (int) text.len : 0, class ? text.data : "");
	buf_release(&unit);
	return found;
}

static void
the_only_statement(void **state)
{
	assert_string_equal(sole("Q BEGIN"), "BEGIN");
	assert_string_equal(sole("P - BEGIN|B -|D -|E|S"), "BEGIN");
	assert_string_equal(sole("B read|E|C read|S"), "SELECT 1");
	assert_string_equal(sole("P - BEGIN|B -|S"), "");
	assert_string_equal(sole("P - BEGIN|B -|E|E|S"), "");
	assert_string_equal(sole("P - BEGIN|B -|E|B read|S"), "");
	assert_string_equal(sole("P - BEGIN|B -|E|F"), "");
	assert_string_equal(sole("B none|E|S"), "");
	assert_string_equal(sole("S"), "");
}

static void
what_a_replica_refused_is_remembered(void **state)
{
	UnitSummary summary;
	Buf			unit = BUF_INIT;

	build_unit(&unit, "B read|E|S");
	unit_learn_primary(buf_slice(&unit), &context);
	unit_summarize(buf_slice(&unit), &context, &summary);
	assert_false(summary.flags & STATEMENT_IS_READ);
	buf_release(&unit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(units_are_summarized),
		TEST(unreadable_sessions_are_not_read),
		TEST(too_many_texts_are_not_guessed),
		TEST(a_unit_that_goes_on_is_added_to),
		TEST(the_only_statement),
		TEST(what_a_replica_refused_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
