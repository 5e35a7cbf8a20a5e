/*-------------------------------------------------------------------------
 *
 * test_names.c
 *	  A small set of names: each once, in any order.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/names.h"

static void
each_is_there_once(void **state)
{
	Names		names = {0};

	assert_false(names_has(&names, "mes"));
	assert_false(names_remove(&names, "mes"));
	assert_true(names_add(&names, "mes"));
	assert_true(names_add(&names, "crm"));
	assert_true(names_add(&names, ""));
	assert_false(names_add(&names, "mes"));
	assert_true(names_remove(&names, "mes"));
	assert_false(names_has(&names, "mes"));
	assert_true(names_has(&names, "crm") && names_has(&names, ""));
	assert_int_equal(names.count, 2);
	names_release(&names);
	assert_int_equal(names.count, 0);
	assert_false(names_has(&names, "crm"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_there_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
