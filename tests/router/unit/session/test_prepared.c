/*-------------------------------------------------------------------------
 *
 * test_prepared.c
 *	  Shared statements, the names clients give them, and undoing what a unit
 *	  did to the names.
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
#include "session/prepared.h"

static PreparedTable *table;
static PreparedMap *map;
static bool is_new;

static int
setup(void **state)
{
	table = prepared_table_create();
	map = prepared_map_create();
	return 0;
}

static int
teardown(void **state)
{
	prepared_map_destroy(map);
	prepared_table_destroy(table);
	return 0;
}

static Slice
text(const char *string)
{
	return slice_from_string(string);
}

static Prepared *
get(const char *sql, const char *search_path)
{
	return prepared_get(table, &(PreparedKey) {.text = text(sql), .settings = text(search_path)}, &is_new);
}

static uint64_t
number_of(const char *name)
{
	Prepared   *prepared = prepared_map_find(map, text(name));

	return prepared ? prepared_number(prepared) : 0;
}

static void
what_is_the_same_is_shared(void **state)
{
	static const char types[] = {0, 0, 0, 23, 0, 0, 0, 25};
	Prepared   *a = get("SELECT 1", "");
	Prepared   *b = get("SELECT 1", "");
	Prepared   *other_path = get("SELECT 1", "x");
	Prepared   *typed = prepared_get(table, &(PreparedKey) {text("SELECT 1"), 2, slice_make(types, 8), text("")}, &is_new);

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, other_path);
	assert_ptr_not_equal(a, typed);
	assert_true(is_new);
	assert_true(slice_equals_string(prepared_text(typed), "SELECT 1"));
	assert_true(slice_equals_string(prepared_text(other_path), "SELECT 1"));
	assert_int_equal(prepared_nparams(typed), 2);
	assert_true(slice_equals(prepared_param_types(typed), slice_make(types, 8)));
	assert_int_equal(prepared_table_count(table), 3);
	prepared_unref(a);
	prepared_unref(b);
	prepared_unref(other_path);
	prepared_unref(typed);
}

static void
what_nobody_names_is_kept_for_a_while(void **state)
{
	Prepared   *a = get("SELECT 1", "");
	uint64_t	number = prepared_number(a);

	prepared_unref(a);
	a = get("SELECT 1", "");
	assert_false(is_new);
	assert_int_equal(prepared_number(a), number);
	prepared_unref(a);
	for (int i = 0; i < PREPARED_KEEP; i++)
	{
		char		sql[64];

		snprintf(sql, sizeof(sql), "SELECT %d + 1", i);
		prepared_unref(get(sql, ""));
	}
	assert_int_equal(prepared_table_count(table), PREPARED_KEEP);
	a = get("SELECT 1", "");
	assert_true(is_new);
	assert_true(prepared_number(a) > number);
	prepared_unref(a);
}

/* Guards: long texts nobody names do not fill the memory. */
static void
but_not_more_than_so_many_bytes(void **state)
{
	size_t		len = PREPARED_KEEP_BYTES / 4;
	char	   *sql = mem_alloc(len + 1);

	memset(sql, 'x', len);
	for (int i = 0; i < 16; i++)
	{
		sql[0] = (char) ('a' + i);
		prepared_unref(get(sql, ""));
		assert_true(prepared_table_count(table) <= 4);
	}
	mem_free(sql);
}

static void
names_are_the_clients_own(void **state)
{
	assert_null(prepared_map_find(map, text("")));
	prepared_map_put(map, text("a"), get("SELECT 1", ""));
	prepared_map_put(map, text(""), get("SELECT 2", ""));
	prepared_map_put(map, text("a"), get("SELECT 3", ""));
	assert_int_equal(prepared_map_count(map), 2);
	assert_true(slice_equals_string(prepared_text(prepared_map_find(map, text("a"))), "SELECT 3"));
	assert_true(prepared_map_remove(map, text("a")));
	assert_false(prepared_map_remove(map, text("a")));
	assert_true(prepared_map_remove(map, text("")));
	assert_false(prepared_map_remove(map, text("")));
	prepared_map_put(map, text("b"), get("SELECT 1", ""));
	prepared_map_put(map, text(""), get("SELECT 2", ""));
	prepared_map_clear(map);
	assert_null(prepared_map_find(map, text("b")));
	assert_non_null(prepared_map_find(map, text("")));	/* DEALLOCATE ALL leaves it */
}

static void
changes_are_undone_backwards(void **state)
{
	PreparedLog log = {0};
	uint64_t	first;

	prepared_map_put(map, text("a"), get("SELECT 1", ""));
	prepared_map_put(map, text(""), get("SELECT 2", ""));
	first = number_of("a");

	prepared_log_remove(&log, map, text("a"));
	prepared_log_put(&log, map, text("a"), get("SELECT 3", ""));
	prepared_log_put(&log, map, text(""), get("SELECT 4", ""));
	prepared_log_remove(&log, map, text("none"));
	prepared_log_put(&log, map, text("b"), get("SELECT 5", ""));
	log.answered = 2;
	assert_int_equal(number_of("b"), 5);

	/* what the server has not answered */
	prepared_log_undo(&log, map, log.answered);
	assert_int_equal(number_of("a"), 3);
	assert_int_equal(number_of(""), 2);
	assert_int_equal(number_of("b"), 0);
	assert_int_equal(log.answered, 2);

	/* all of it */
	prepared_log_undo(&log, map, 0);
	assert_int_equal(number_of("a"), first);
	assert_int_equal(log.answered, 0);
	assert_int_equal(prepared_map_count(map), 2);

	prepared_log_put(&log, map, text("c"), get("SELECT 6", ""));
	prepared_log_clear(&log);
	prepared_log_undo(&log, map, 0);
	assert_int_not_equal(number_of("c"), 0);
	prepared_log_release(&log);
}

static void
server_names_are_recognised(void **state)
{
	char		buffer[PREPARED_NAME_SIZE];
	Slice		name = prepared_server_name(UINT64_MAX, buffer);

	assert_true(slice_equals_string(name, "andon_18446744073709551615"));
	assert_true(prepared_is_server_name(name));
	assert_false(prepared_is_server_name(text("andon_")));
	assert_false(prepared_is_server_name(text("")));
	assert_false(prepared_is_server_name(text("my_andon_1")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_the_same_is_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_names_is_kept_for_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(but_not_more_than_so_many_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_the_clients_own, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_are_undone_backwards, setup, teardown),
		cmocka_unit_test_setup_teardown(server_names_are_recognised, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
