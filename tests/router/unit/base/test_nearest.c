/*-------------------------------------------------------------------------
 *
 * test_nearest.c
 *	  The name that was probably meant.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/nearest.h"

static void
nearest(void **state)
{
	const char *const names[] = {"pool_mode", "workers", "log_level", NULL};

	assert_string_equal(nearest_find("pool_moed", names), "pool_mode");
	assert_string_equal(nearest_find("worker", names), "workers");
	assert_string_equal(nearest_find("loglevel", names), "log_level");
	assert_null(nearest_find("lanes", names));
	assert_null(nearest_find("", names));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
