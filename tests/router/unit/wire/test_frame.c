/*
 * test_frame.c
 *	  Message boundaries: partial, whole and impossible lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/frame.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)

static void
a_whole_message_is_taken_apart(void **state)
{
	Frame		frame;
	Slice		data = BYTES("Q\0\0\0\x0dselect 1\0Sxxxx");

	assert_int_equal(frame_peek(data, &frame), FRAME_OK);
	assert_int_equal(frame.type, 'Q');
	assert_int_equal(frame.total_len, 14);
	assert_int_equal(frame_parse(data, &frame), FRAME_OK);
	assert_int_equal(frame.body.len, 9);
	assert_memory_equal(frame.body.data, "select 1", 9);
	assert_ptr_equal(frame.whole.data, data.data);
	assert_int_equal(frame.whole.len, 14);
}

static void
an_empty_body_is_a_message(void **state)
{
	Frame		frame;

	assert_int_equal(frame_parse(BYTES("S\0\0\0\4"), &frame), FRAME_OK);
	assert_int_equal(frame.body.len, 0);
	assert_int_equal(frame.total_len, FRAME_HEADER_SIZE);
}

static void
each_beginning_is_partial(void **state)
{
	Slice		data = BYTES("Q\0\0\0\x0dselect 1");
	Frame		frame;

	for (size_t len = 0; len <= data.len; len++)
	{
		Slice		part = slice_make(data.data, len);

		assert_int_equal(frame_parse(part, &frame), FRAME_PARTIAL);
		assert_int_equal(frame_peek(part, &frame), len < FRAME_HEADER_SIZE ? FRAME_PARTIAL : FRAME_OK);
	}
	assert_int_equal(frame_peek(slice_make(NULL, 0), &frame), FRAME_PARTIAL);
}

static void
impossible_lengths_are_malformed(void **state)
{
	Frame		frame;

	assert_int_equal(frame_peek(BYTES("Q\0\0\0\3"), &frame), FRAME_MALFORMED);
	assert_int_equal(frame_peek(BYTES("Q\0\0\0\0"), &frame), FRAME_MALFORMED);
	assert_int_equal(frame_parse(BYTES("Q\x80\0\0\0"), &frame), FRAME_MALFORMED);
	assert_int_equal(frame_parse(BYTES("Q\xff\xff\xff\xff"), &frame), FRAME_MALFORMED);
}

static void
the_largest_length_does_not_wrap(void **state)
{
	Frame		frame;

	assert_int_equal(frame_peek(BYTES("d\x7f\xff\xff\xff"), &frame), FRAME_OK);
	assert_int_equal(frame.total_len, (size_t) INT32_MAX + 1);
	assert_int_equal(frame_parse(BYTES("d\x7f\xff\xff\xff"), &frame), FRAME_PARTIAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_message_is_taken_apart),
		cmocka_unit_test(an_empty_body_is_a_message),
		cmocka_unit_test(each_beginning_is_partial),
		cmocka_unit_test(impossible_lengths_are_malformed),
		cmocka_unit_test(the_largest_length_does_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
