/*
 * test_histogram.c
 *	  Values fall into the bucket whose bound they do not exceed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static int
bucket_of(uint64_t value_us)
{
	Histogram	histogram = {0};

	histogram_add(&histogram, value_us);
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		if (histogram.buckets[i] == 1)
			return i;
	}
	return -1;
}

static void
bounds_are_inclusive_and_growing(void **state)
{
	assert_int_equal(bucket_of(0), 0);
	assert_int_equal(bucket_of(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (int i = 0; i < HISTOGRAM_BUCKETS - 1; i++)
	{
		assert_int_equal(bucket_of(histogram_bounds_us[i]), i);
		assert_int_equal(bucket_of(histogram_bounds_us[i] + 1), i + 1);
		if (i > 0)
			assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
	}
	assert_int_equal(histogram_bounds_us[0], 50);
	assert_int_equal(histogram_bounds_us[HISTOGRAM_BUCKETS - 2], 10000000);
}

static void
merging_adds_everything(void **state)
{
	Histogram	a = {0};
	Histogram	b = {0};

	histogram_add(&a, 10);
	histogram_add(&b, 20);
	histogram_add(&b, 2000);
	histogram_merge(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.sum_us, 2030);
	assert_int_equal(a.buckets[0], 2);
	assert_int_equal(a.buckets[bucket_of(2000)], 1);
	assert_int_equal(b.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_inclusive_and_growing),
		cmocka_unit_test(merging_adds_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
