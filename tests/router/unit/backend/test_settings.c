/*-------------------------------------------------------------------------
 *
 * test_settings.c
 *	  Sets of session settings: identity by content, and the SQL between two.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/settings.h"

static SettingsPool *pool;

static int
setup(void **state)
{
	pool = settings_pool_create();
	return 0;
}

static int
teardown(void **state)
{
	settings_pool_destroy(pool);
	return 0;
}

/* The set made of pairs, ended by NULL. */
static Settings *
make_set(const char *const *pairs)
{
	Settings   *set = settings_empty(pool);

	for (; *pairs != NULL; pairs += 2)
	{
		Settings   *next = settings_with(set, slice_from_string(pairs[0]), slice_from_string(pairs[1]));

		settings_unref(set);
		set = next;
	}
	return set;
}

#define MAKE(...) make_set((const char *const[]) {__VA_ARGS__, NULL})

static void
assert_diff(Settings *from, Settings *to, const char *sql)
{
	Buf			out = BUF_INIT;

	settings_diff_sql(from, to, &out);
	buf_append_u8(&out, 0);
	assert_string_equal(out.data, sql);
	buf_release(&out);
}

static void
equal_sets_are_one(void **state)
{
	Settings   *a = MAKE("timezone", "UTC", "datestyle", "ISO");
	Settings   *b = MAKE("DateStyle", "German", "TimeZone", "UTC", "DATESTYLE", "ISO");
	Settings   *c = MAKE("timezone", "UTC");
	Settings   *d = settings_without(a, slice_from_string("DateStyle"));
	Settings   *same = settings_without(a, slice_from_string("work_mem"));

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_ptr_equal(c, d);
	assert_ptr_equal(a, same);
	assert_int_equal(settings_count(a), 2);
	assert_string_equal(settings_find(a, "datestyle"), "ISO");
	assert_null(settings_find(a, "work_mem"));
	settings_unref(a);
	settings_unref(b);
	settings_unref(c);
	settings_unref(d);
	settings_unref(same);
}

static void
items_come_by_name(void **state)
{
	Settings   *set = MAKE("b", "2", "c", "3", "a", "1");
	const char *name;
	const char *value;

	for (int i = 0; i < 3; i++)
	{
		settings_item(set, i, &name, &value);
		assert_int_equal(name[0], 'a' + i);
		assert_int_equal(value[0], '1' + i);
	}
	settings_unref(set);
}

/* A set that nobody refers to leaves the pool: a new one is made, and found. */
static void
unused_sets_go(void **state)
{
	Settings   *set = MAKE("a", "1");
	Settings   *again;

	settings_unref(set);
	set = MAKE("a", "1");
	again = MAKE("a", "1");
	assert_ptr_equal(set, again);
	settings_unref(set);
	assert_string_equal(settings_find(again, "a"), "1");
	settings_unref(again);
}

static void
diff_says_only_what_differs(void **state)
{
	Settings   *empty = settings_empty(pool);
	Settings   *from = MAKE("timezone", "UTC", "work_mem", "4MB", "x.old", "1");
	Settings   *to = MAKE("timezone", "UTC", "work_mem", "8MB", "jit", "off");

	assert_diff(from, from, "");
	assert_diff(from, to, "RESET \"x\".\"old\"; SET \"jit\" TO 'off'; SET \"work_mem\" TO '8MB'");
	assert_diff(to, empty, "RESET \"jit\"; RESET \"timezone\"; RESET \"work_mem\"");
	settings_unref(empty);
	settings_unref(from);
	settings_unref(to);
}

/* A value cannot end its literal, whatever standard_conforming_strings says. */
static void
values_are_quoted(void **state)
{
	Settings   *empty = settings_empty(pool);
	Settings   *to = MAKE("a", "it's", "b", "\\'; DROP TABLE x; --", "my.user", "");

	assert_diff(empty, to, "SET \"a\" TO 'it''s'; SET \"b\" TO E'\\\\''; DROP TABLE x; --'; "
				"SET \"my\".\"user\" TO ''");
	settings_unref(empty);
	settings_unref(to);
}

/* SET search_path TO 'a, b' would name one schema. */
static void
lists_of_names_are_split(void **state)
{
	Settings   *empty = settings_empty(pool);
	Settings   *path = MAKE("search_path", "\"$user\", Public , \"Odd \"\"one\"\"\"");
	Settings   *none = MAKE("search_path", "");
	Settings   *style = MAKE("datestyle", "ISO, DMY");

	assert_diff(empty, path, "SET \"search_path\" TO '$user', 'public', 'Odd \"one\"'");
	assert_diff(empty, none, "SET \"search_path\" TO ''");
	assert_diff(empty, style, "SET \"datestyle\" TO 'ISO, DMY'");
	settings_unref(empty);
	settings_unref(path);
	settings_unref(none);
	settings_unref(style);
}

/* Setting session_authorization resets role: it must come first. */
static void
session_authorization_comes_first(void **state)
{
	Settings   *empty = settings_empty(pool);
	Settings   *to = MAKE("role", "r", "session_authorization", "s");

	assert_diff(empty, to, "SET \"session_authorization\" TO 's'; SET \"role\" TO 'r'");
	settings_unref(empty);
	settings_unref(to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_sets_are_one, setup, teardown),
		cmocka_unit_test_setup_teardown(items_come_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(unused_sets_go, setup, teardown),
		cmocka_unit_test_setup_teardown(diff_says_only_what_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(values_are_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_of_names_are_split, setup, teardown),
		cmocka_unit_test_setup_teardown(session_authorization_comes_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
