/*
 * test_log.c
 *	  Log lines: whatever bytes they carry, each is one line, valid UTF-8 and,
 *	  as JSON, readable by a parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"

static int	saved_stderr;
static int	pipe_read;
static char line[LOG_LINE_SIZE + 1];

/* Standard error is a pipe while a line is written. */
static int
capture_begin(void **state)
{
	int			ends[2];

	if (pipe(ends) != 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_read = ends[0];
	fcntl(pipe_read, F_SETFL, O_NONBLOCK);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return 0;
}

static int
capture_end(void **state)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_read);
	return 0;
}

/* The one line written since the last call; "" when none was. */
static const char *
take_line(void)
{
	ssize_t		len = read(pipe_read, line, LOG_LINE_SIZE);

	line[len < 0 ? 0 : len] = '\0';
	if (len > 0)
	{
		assert_int_equal(line[len - 1], '\n');
		line[len - 1] = '\0';
		assert_null(strchr(line, '\n'));
	}
	return line;
}

/* What follows the timestamp of a text line, whose form is checked. */
static const char *
take_text(void)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	const char *text = take_line();

	for (size_t i = 0; i < sizeof(form) - 1; i++)
	{
		if (form[i] == 'd')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], form[i]);
	}
	return text + sizeof(form) - 1;
}

static void
text_lines_quote_what_needs_it(void **state)
{
	LOG_INFO("client_login");
	assert_string_equal(take_text(), "INFO client_login");
	LOG_WARN("x", LF_STR("user", "anna"), LF_INT("port", -5), LF_STR("none", ""));
	assert_string_equal(take_text(), "WARNING x user=anna port=-5 none=\"\"");
	LOG_ERROR("x", LF_STR("a", "two words"), LF_STR("b", "k=v"), LF_STR("c", "say \"hi\\\""));
	assert_string_equal(take_text(), "ERROR x a=\"two words\" b=\"k=v\" c=\"say \\\"hi\\\\\\\"\"");
	LOG_INFO("x", LF_STR("null", (const char *) NULL));
	assert_string_equal(take_text(), "INFO x null=\"\"");
}

/* Line breaks would forge lines, control characters drive terminals. */
static void
text_lines_show_no_control_characters(void **state)
{
	LOG_INFO("x", LF_STR("a", "1\n2\r3\t4"), LF_STR("b", "\x1b[2J\x7f"), LF_STR("c", "\xc2\x9b"));
	assert_string_equal(take_text(),
						"INFO x a=\"1\\n2\\r3\\t4\" b=\"\\u001b[2J\\u007f\" c=\"\\u009b\"");
	LOG_INFO("x", LF_STR("a", "\xff\xc3"), LF_STR("b", "f\xc3\xbcr"));
	assert_string_equal(take_text(), "INFO x a=\"\\xff\\xc3\" b=\"f\xc3\xbcr\"");
}

static void
levels_below_the_set_one_are_not_written(void **state)
{
	LOG_DEBUG("x");
	assert_string_equal(take_line(), "");
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	LOG_WARN("x");
	assert_string_equal(take_line(), "");
	LOG_ERROR("x");
	assert_string_equal(take_text(), "ERROR x");
	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	LOG_DEBUG("x");
	assert_string_equal(take_text(), "DEBUG x");
}

static json_t *
take_json(void)
{
	json_error_t error;
	json_t	   *object = json_loads(take_line(), JSON_REJECT_DUPLICATES, &error);

	if (object == NULL)
		fail_msg("%s: %s", error.text, line);
	return object;
}

static void
json_lines_are_objects(void **state)
{
	json_t	   *object;

	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	LOG_WARN("node_lost", LF_STR("node", "a \"b\"\\\n"), LF_INT("n", INT64_MIN));
	object = take_json();
	assert_string_equal(json_string_value(json_object_get(object, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(object, "event")), "node_lost");
	assert_string_equal(json_string_value(json_object_get(object, "node")), "a \"b\"\\\n");
	assert_true(json_integer_value(json_object_get(object, "n")) == INT64_MIN);
	assert_int_equal(strlen(json_string_value(json_object_get(object, "ts"))), 24);
	json_decref(object);
}

/* Every byte and random mixtures of them, in both formats. */
static void
any_bytes_give_valid_lines(void **state)
{
	unsigned int seed = 7;

	for (int round = 0; round < 2000; round++)
	{
		char		value[2048];
		size_t		len = (size_t) rand_r(&seed) % (sizeof(value) - 1);

		for (size_t i = 0; i < len; i++)
			value[i] = (char) (1 + (rand_r(&seed) >> 8) % 255);
		value[len] = '\0';

		log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		LOG_INFO("x", LF_STR("a", value), LF_STR("b", value), LF_STR("c", value));
		json_decref(take_json());

		log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
		LOG_INFO("x", LF_STR("a", value));
		take_text();
		for (Slice rest = slice_from_string(line); rest.len > 0;)
		{
			size_t		used = utf8_char_len(rest);

			assert_int_not_equal(used, 0);
			assert_true((unsigned char) rest.data[0] >= ' ');
			rest = slice_skip(rest, used);
		}
	}
}

static void
long_values_are_cut_and_say_so(void **state)
{
	char	   *value = malloc(100001);
	json_t	   *object;

	memset(value, 'v', 100000);
	value[100000] = '\0';
	LOG_INFO("x", LF_STR("a", value), LF_INT("n", 1));
	assert_true(strlen(take_text()) < LOG_LINE_SIZE);
	assert_non_null(strstr(line, "vvv... n=1"));

	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	LOG_INFO("x", LF_STR("a", value), LF_STR("b", value), LF_STR("c", value), LF_STR("d", value),
			 LF_STR("e", value), LF_STR("f", value));
	object = take_json();
	assert_non_null(strstr(json_string_value(json_object_get(object, "a")), "vvv..."));
	assert_non_null(json_object_get(object, "c"));
	json_decref(object);
	free(value);
}

/* Quotes are doubled in length by escaping: the end must still fit. */
static void
lines_end_well_at_any_length(void **state)
{
	static char value[LOG_LINE_SIZE];

	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t len = 0; len < sizeof(value) - 1; len++)
	{
		memset(value, len % 2 == 0 ? '"' : 'v', len);
		value[len] = '\0';
		LOG_INFO("x", LF_STR("a", value), LF_STR("b", value + len / 2), LF_STR("c", value + len / 3),
				 LF_STR("d", value), LF_STR("e", value));
		json_decref(take_json());
	}
}

static void
errno_is_left_alone(void **state)
{
	errno = 1234;
	LOG_INFO("x");
	assert_int_equal(errno, 1234);
	take_text();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_lines_quote_what_needs_it, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(text_lines_show_no_control_characters, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(levels_below_the_set_one_are_not_written, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(json_lines_are_objects, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(any_bytes_give_valid_lines, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(long_values_are_cut_and_say_so, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(lines_end_well_at_any_length, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(errno_is_left_alone, capture_begin, capture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
