/*
 * test_buf.c
 *	  The byte queue: its invariant under every operation, in each way of
 *	  finding room, and against a plain model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void
assert_content(const Buf *buf, const char *expected)
{
	assert_true(buf_sane(buf));
	assert_int_equal(buf_len(buf), strlen(expected));
	assert_true(slice_equals_string(buf_slice(buf), expected));
}

static void
an_empty_buffer_owns_nothing(void **state)
{
	Buf			buf = BUF_INIT;

	assert_true(buf_sane(&buf));
	assert_int_equal(buf_slice(&buf).len, 0);
	buf_append(&buf, slice_make(NULL, 0));
	assert_null(buf.data);
	buf_append_string(&buf, "x");
	buf_release(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.cap, 0);
	assert_true(buf_sane(&buf));
}

static void
numbers_are_in_network_order(void **state)
{
	Buf			buf = BUF_INIT;

	buf_append_u8(&buf, 0xFE);
	buf_append_u16(&buf, 0x0102);
	buf_append_u32(&buf, 0x83040506);
	assert_int_equal(buf_len(&buf), 7);
	assert_memory_equal(buf_slice(&buf).data, "\xFE\x01\x02\x83\x04\x05\x06", 7);
	buf_release(&buf);
}

static void
consuming_everything_starts_over(void **state)
{
	Buf			buf = BUF_INIT;

	buf_append_string(&buf, "hello");
	buf_consume(&buf, 2);
	assert_content(&buf, "llo");
	buf_consume(&buf, 3);
	assert_content(&buf, "");
	assert_int_equal(buf.start, 0);
	buf_append_string(&buf, "again");
	buf_clear(&buf);
	assert_content(&buf, "");
	assert_non_null(buf.data);
	buf_release(&buf);
}

/* What was consumed is used again before more memory is asked for. */
static void
consumed_room_is_reused(void **state)
{
	Buf			buf = BUF_INIT;
	size_t		cap;

	buf_append_string(&buf, "first");
	cap = buf.cap;
	for (int i = 0; i < 1000; i++)
	{
		buf_append_string(&buf, "0123456789");
		buf_consume(&buf, 10);
		assert_int_equal(buf_len(&buf), 5);
		assert_true(buf_sane(&buf));
	}
	assert_int_equal(buf.cap, cap);
	buf_release(&buf);
}

static void
reserve_gives_the_room_asked_for(void **state)
{
	Buf			buf = BUF_INIT;
	char	   *room = buf_reserve(&buf, 100000);

	memset(room, 'x', 100000);
	buf_commit(&buf, 100000);
	assert_true(buf_sane(&buf));
	assert_int_equal(buf_len(&buf), 100000);
	assert_non_null(buf_reserve(&buf, 0));
	buf_release(&buf);
}

static void
printf_writes_short_and_long_texts(void **state)
{
	Buf			buf = BUF_INIT;
	char		expected[5000];

	memset(expected, 'y', sizeof(expected) - 1);
	expected[sizeof(expected) - 1] = '\0';
	buf_printf(&buf, "%s", "");
	buf_printf(&buf, "%d-%s", 7, "a");
	assert_content(&buf, "7-a");
	buf_consume(&buf, 3);
	buf_printf(&buf, "%s", expected);
	assert_content(&buf, expected);
	buf_release(&buf);
}

/* A random walk against a plain array. */
static void
agrees_with_a_model(void **state)
{
	Buf			buf = BUF_INIT;
	static char model[1 << 20];
	size_t		begin = 0;
	size_t		end = 0;
	unsigned int seed = 42;

	while (end < sizeof(model) - 4096)
	{
		size_t		n = (size_t) rand_r(&seed) % 4096;

		if (rand_r(&seed) % 2 == 0)
		{
			for (size_t i = 0; i < n; i++)
				model[end + i] = (char) rand_r(&seed);
			buf_append(&buf, slice_make(model + end, n));
			end += n;
		}
		else
		{
			n = n > end - begin ? end - begin : n;
			buf_consume(&buf, n);
			begin += n;
		}
		assert_true(buf_sane(&buf));
		assert_int_equal(buf_len(&buf), end - begin);
		if (end > begin)
			assert_memory_equal(buf_slice(&buf).data, model + begin, end - begin);
	}
	buf_release(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_owns_nothing),
		cmocka_unit_test(numbers_are_in_network_order),
		cmocka_unit_test(consuming_everything_starts_over),
		cmocka_unit_test(consumed_room_is_reused),
		cmocka_unit_test(reserve_gives_the_room_asked_for),
		cmocka_unit_test(printf_writes_short_and_long_texts),
		cmocka_unit_test(agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
