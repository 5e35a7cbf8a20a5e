/*-------------------------------------------------------------------------
 *
 * test_result.c
 *	  Result sets: order, merging, and how values are printed.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/admin/fixture.h"

static const char *
written(Result *result)
{
	static char text[4096];
	Buf			messages = BUF_INIT;
	Buf			printed = BUF_INIT;

	result_write(result, "SHOW", &messages);
	print_messages(&printed, buf_slice(&messages));
	snprintf(text, sizeof(text), "%.*s", (int) buf_len(&printed), buf_slice(&printed).data);
	buf_release(&messages);
	buf_release(&printed);
	result_destroy(result);
	return text;
}

static void
rows_without_order_stay_as_they_came(void **state)
{
	static const ResultColumn columns[] = {{"a", RESULT_TEXT}, {"b", RESULT_TEXT}};
	static const ResultShape shape = RESULT_SHAPE(columns);
	Result	   *result = result_create(&shape);

	result_begin_row(result);
	result_add_text(result, "z");
	result_add_number(result, UINT64_MAX);
	result_begin_row(result);
	result_add_text(result, NULL);
	result_add_null(result);
	result_begin_row(result);
	result_add_text(result, "z");
	result_add_number(result, UINT64_MAX);
	assert_string_equal(written(result), "T(a,b) D(z,18446744073709551615) D(~,~) D(z,18446744073709551615) C(SHOW)");

	assert_string_equal(written(result_create(&shape)), "T(a,b) C(SHOW)");
}

static void
ordered_rows_keep_their_order_among_equals(void **state)
{
	static const ResultColumn columns[] = {{"note", RESULT_TEXT}, {"port", RESULT_ORDER}};
	static const ResultShape shape = RESULT_SHAPE(columns);
	Result	   *result = result_create(&shape);
	const struct
	{
		const char *note;
		uint64_t	port;
	}			rows[] = {{"first", 10}, {"low", 9}, {"second", 10}, {"third", 10}, {"high", 100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		result_begin_row(result);
		result_add_text(result, rows[i].note);
		result_add_number(result, rows[i].port);
	}
	assert_string_equal(written(result), "T(note,port) D(low,9) D(first,10) D(second,10) D(third,10) D(high,100) C(SHOW)");
}

static void
rows_of_one_key_become_one(void **state)
{
	static const ResultColumn columns[] = {
		{"user", RESULT_KEY}, {"sum", RESULT_SUM}, {"s", RESULT_MAX_SECONDS},
		{"us", RESULT_MAX_MICROSECONDS}, {"role", RESULT_TEXT}, {"node", RESULT_KEY},
	};
	static const ResultShape shape = RESULT_SHAPE(columns);
	Result	   *result = result_create(&shape);
	const struct
	{
		const char *user;
		uint64_t	number;
		const char *role;
		const char *node;
	}			rows[] = {
		{"b", 1, "x", "n"}, {"a", 1500000, "one", "n"}, {"a", 2000001, "two", "n"}, {"a", 7, "x", NULL},
		{"a", 1, "three", "n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		result_begin_row(result);
		result_add_text(result, rows[i].user);
		result_add_number(result, rows[i].number);
		result_add_number(result, rows[i].number);
		result_add_number(result, rows[i].number);
		result_add_text(result, rows[i].role);
		result_add_text(result, rows[i].node);
	}
	assert_string_equal(written(result),
						"T(user,sum,s,us,role,node) D(a,7,0,7,x,~) D(a,3500002,2,1,one,n) D(b,1,0,1,x,n) C(SHOW)");
}

static void
positions_and_moments(void **state)
{
	static const ResultColumn columns[] = {{"a", RESULT_TEXT}, {"b", RESULT_TEXT}, {"c", RESULT_TEXT}};
	static const ResultShape shape = RESULT_SHAPE(columns);
	Result	   *result = result_create(&shape);
	int			year;
	const char *text;

	result_begin_row(result);
	result_add_lsn(result, UINT64_C(0x16B374D848));
	result_add_lsn(result, 0);
	result_add_time(result, 0, 1000);
	assert_string_equal(written(result), "T(a,b,c) D(16/B374D848,~,~) C(SHOW)");

	result = result_create(&shape);
	result_begin_row(result);
	result_add_time(result, 500, 1000);
	result_add_null(result);
	result_add_null(result);
	text = written(result);
	assert_int_equal(sscanf(text, "T(a,b,c) D(%4d-", &year), 1);
	assert_true(year >= 2024);
	assert_contains(text, " UTC,~,~)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_without_order_stay_as_they_came),
		cmocka_unit_test(ordered_rows_keep_their_order_among_equals),
		cmocka_unit_test(rows_of_one_key_become_one),
		cmocka_unit_test(positions_and_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
