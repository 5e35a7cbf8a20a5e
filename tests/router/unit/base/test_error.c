/*
 * test_error.c
 *	  Filling an Error, also with more than it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

static void
set_fills_and_clears(void **state)
{
	Error		error;

	memset(&error, 'x', sizeof(error));
	assert_false(error_set(&error, SQLSTATE_INVALID_PASSWORD, "user \"%s\" number %d", "anna", 5));
	assert_string_equal(error.sqlstate, "28P01");
	assert_string_equal(error.message, "user \"anna\" number 5");
	assert_string_equal(error.detail, "");
	assert_string_equal(error.hint, "");

	error_set_detail(&error, "%d%%", 7);
	error_set_hint(&error, "Try %s.", "again");
	assert_string_equal(error.detail, "7%");
	assert_string_equal(error.hint, "Try again.");
	assert_string_equal(error.message, "user \"anna\" number 5");
}

static void
assert_valid_utf8(const char *text)
{
	Slice		rest = slice_from_string(text);

	while (rest.len > 0)
	{
		assert_int_not_equal(utf8_char_len(rest), 0);
		rest = slice_skip(rest, utf8_char_len(rest));
	}
}

/* A cut through a character would make the message invalid for the client. */
static void
long_texts_are_cut_between_characters(void **state)
{
	for (size_t shift = 0; shift < 8; shift++)
	{
		static const char *const characters[] = {"a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x92\x8d"};

		for (int kind = 0; kind < 4; kind++)
		{
			char		text[1024] = "";
			Error		error;

			memset(text, '-', shift);
			for (int i = 0; i < 200; i++)
				strcat(text, characters[kind]);
			error_set(&error, SQLSTATE_INTERNAL_ERROR, "%s%s%s%s%s%s", text, text, text, text, text, text);
			error_set_hint(&error, "%s%s", text, text);
			assert_in_range(strlen(error.message), ERROR_MESSAGE_SIZE - 4, ERROR_MESSAGE_SIZE - 1);
			assert_valid_utf8(error.message);
			assert_valid_utf8(error.hint);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_and_clears),
		cmocka_unit_test(long_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
