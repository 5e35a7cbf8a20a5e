/*
 * test_utf8.c
 *	  The limits of UTF-8 (RFC 3629), as a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

typedef struct Case
{
	const char *bytes;
	size_t		len;			/* of the first character; 0: none */
} Case;

static const Case cases[] = {
	{"", 0},
	{"a", 1}, {"ab", 1}, {"\x7f", 1},
	{"\x80", 0}, {"\xbf", 0}, {"\xc0\x80", 0}, {"\xc1\xbf", 0},
	{"\xc2\x80", 2}, {"\xdf\xbf", 2}, {"\xc2", 0}, {"\xc2""a", 0},
	{"\xe0\x9f\xbf", 0}, {"\xe0\xa0\x80", 3}, {"\xef\xbf\xbf", 3}, {"\xe2\x82", 0}, {"\xe2\x82z", 0},
	{"\xed\x9f\xbf", 3}, {"\xed\xa0\x80", 0}, {"\xed\xbf\xbf", 0}, {"\xee\x80\x80", 3},
	{"\xf0\x8f\xbf\xbf", 0}, {"\xf0\x90\x80\x80", 4}, {"\xf4\x8f\xbf\xbf", 4}, {"\xf4\x90\x80\x80", 0},
	{"\xf5\x80\x80\x80", 0}, {"\xff", 0}, {"\xf0\x9f\x92", 0}, {"\xf0\x9f\x92\x8d!", 4},
};

static void
characters_are_told_from_other_bytes(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (utf8_char_len(slice_from_string(cases[i].bytes)) != cases[i].len)
			fail_msg("case %zu", i);
	}
	assert_int_equal(utf8_char_len(slice_make("\0", 1)), 1);
	assert_int_equal(utf8_char_len(slice_make(NULL, 0)), 0);
}

static void
a_partial_last_character_is_trimmed(void **state)
{
	assert_int_equal(utf8_trim_len(slice_from_string("ab")), 2);
	assert_int_equal(utf8_trim_len(slice_from_string("")), 0);
	assert_int_equal(utf8_trim_len(slice_from_string("a\xc3")), 1);
	assert_int_equal(utf8_trim_len(slice_from_string("a\xc3\xbc")), 3);
	assert_int_equal(utf8_trim_len(slice_from_string("a\xe2\x82")), 1);
	assert_int_equal(utf8_trim_len(slice_from_string("a\xf0\x9f\x92")), 1);
	assert_int_equal(utf8_trim_len(slice_from_string("a\xf0\x9f\x92\x8d")), 5);
	assert_int_equal(utf8_trim_len(slice_from_string("\x80\x80\x80\x80")), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_are_told_from_other_bytes),
		cmocka_unit_test(a_partial_last_character_is_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
