/*
 * test_md5.c
 *	  PostgreSQL's md5 response, against digests made with another tool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "scram/scram.h"

/* md5("pencil" "anna"), and md5 of its digits and the salt */
#define STORED "md5984c3e9256f24b08e5b849d2265593b2"
#define RESPONSE "md5cd51ec58c6ebfd732e9fe9ff3767fe76"

static const uint8_t salt[4] = {0x01, 0x02, 0xFE, 0xFF};

static void
a_password_and_its_stored_form_answer_alike(void **state)
{
	char		out[MD5_TEXT_SIZE];

	assert_true(md5_make_response("pencil", "anna", salt, out));
	assert_string_equal(out, RESPONSE);
	assert_true(md5_make_response(STORED, "anna", salt, out));
	assert_string_equal(out, RESPONSE);
	assert_true(md5_make_response("pencil", "bob", salt, out));
	assert_string_not_equal(out, RESPONSE);
}

static void
stored_forms_are_told_from_passwords(void **state)
{
	assert_true(md5_is_secret(STORED));
	assert_false(md5_is_secret(""));
	assert_false(md5_is_secret("md5"));
	assert_false(md5_is_secret(STORED "0"));
	assert_false(md5_is_secret("md50123456789ABCDEF0123456789ABCDEF"));
	assert_false(md5_is_secret("md5g123456789abcdef0123456789abcdef"));
	assert_false(md5_is_secret("MD50123456789abcdef0123456789abcdef"));
}

/* Guards: the whole answer counts, and nothing but it. */
static void
only_the_right_response_is_right(void **state)
{
	const Slice right = slice_from_string(RESPONSE);

	assert_true(md5_response_is_right("pencil", "anna", salt, right));
	assert_true(md5_response_is_right(STORED, "anna", salt, right));
	assert_false(md5_response_is_right("Pencil", "anna", salt, right));
	assert_false(md5_response_is_right("pencil", "bob", salt, right));
	assert_false(md5_response_is_right("pencil", "anna", salt, slice_make(RESPONSE, right.len - 1)));
	assert_false(md5_response_is_right("pencil", "anna", salt, slice_make(RESPONSE, right.len + 1)));
	assert_false(md5_response_is_right("pencil", "anna", salt, slice_from_string(STORED)));
	assert_false(md5_response_is_right("pencil", "anna", salt, slice_make(NULL, 0)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_right_response_is_right),
		cmocka_unit_test(a_password_and_its_stored_form_answer_alike),
		cmocka_unit_test(stored_forms_are_told_from_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
