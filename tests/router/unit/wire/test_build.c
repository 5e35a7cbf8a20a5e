/*
 * test_build.c
 *	  What the writers write, byte by byte, and that the readers agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/startup.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)
#define assert_bytes(buf, literal) assert_content((buf), BYTES(literal))

/* The buffer holds exactly these bytes; it is emptied for the next message. */
static void
assert_content(Buf *buf, Slice expected)
{
	assert_int_equal(buf_len(buf), expected.len);
	assert_memory_equal(buf_slice(buf).data, expected.data, expected.len);
	buf_clear(buf);
}

static void
messages_to_servers(void **state)
{
	Buf			out = BUF_INIT;

	build_query(&out, BYTES("select 1"));
	assert_bytes(&out, "Q\0\0\0\x0dselect 1\0");
	build_parse(&out, BYTES("s"), BYTES("select $1"), 1, BYTES("\0\0\0\x17"));
	assert_bytes(&out, "P\0\0\0\x16s\0select $1\0\0\1\0\0\0\x17");
	build_target(&out, 'D', 'S', BYTES("s"));
	assert_bytes(&out, "D\0\0\0\x07Ss\0");
	build_target(&out, 'C', 'P', BYTES(""));
	assert_bytes(&out, "C\0\0\0\x06P\0");
	build_execute(&out, BYTES("p"), 100);
	assert_bytes(&out, "E\0\0\0\x0ap\0\0\0\0\x64");
	build_sync(&out);
	assert_bytes(&out, "S\0\0\0\4");
	build_terminate(&out);
	assert_bytes(&out, "X\0\0\0\4");
	build_password(&out, BYTES("md5x\0"));
	assert_bytes(&out, "p\0\0\0\x09md5x\0");
	build_sasl_initial(&out, "M", BYTES("n,,"));
	assert_bytes(&out, "p\0\0\0\x0dM\0\0\0\0\3n,,");
	build_copy_fail(&out, "why");
	assert_bytes(&out, "f\0\0\0\x08why\0");
	buf_release(&out);
}

static void
messages_to_clients(void **state)
{
	Buf			out = BUF_INIT;
	const Slice options[] = {BYTES("_pq_.a"), BYTES("_pq_.b")};

	build_auth(&out, 0, slice_make(NULL, 0));
	assert_bytes(&out, "R\0\0\0\x08\0\0\0\0");
	build_auth(&out, 11, BYTES("r=x"));
	assert_bytes(&out, "R\0\0\0\x0b\0\0\0\x0br=x");
	build_parameter_status(&out, BYTES("a"), BYTES("b"));
	assert_bytes(&out, "S\0\0\0\x08" "a\0b\0");
	build_backend_key(&out, 0x01020304, BYTES("keys"));
	assert_bytes(&out, "K\0\0\0\x0c\1\2\3\4keys");
	build_ready(&out, 'T');
	assert_bytes(&out, "Z\0\0\0\5T");
	build_command_complete(&out, "BEGIN");
	assert_bytes(&out, "C\0\0\0\x0a" "BEGIN\0");
	build_empty(&out, '1');
	assert_bytes(&out, "1\0\0\0\4");
	build_negotiate_version(&out, 0, options, 2);
	assert_bytes(&out, "v\0\0\0\x1a\0\3\0\0\0\0\0\2_pq_.a\0_pq_.b\0");
	buf_release(&out);
}

static void
result_sets_are_text(void **state)
{
	Buf			out = BUF_INIT;
	const char *const columns[] = {"id", "n"};
	const char *const values[] = {"7", NULL};
	const char *const empty[] = {""};

	build_text_row_description(&out, columns, 2);
	assert_bytes(&out, "T\0\0\0\x2f\0\2"
				 "id\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
				 "n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
	build_text_row(&out, values, 2);
	assert_bytes(&out, "D\0\0\0\x0f\0\2\0\0\0\1" "7\xff\xff\xff\xff");
	build_text_row(&out, empty, 1);
	assert_bytes(&out, "D\0\0\0\x0a\0\1\0\0\0\0");
	buf_release(&out);
}

static void
errors_are_read_back(void **state)
{
	Buf			out = BUF_INIT;
	Error		error;
	Frame		frame;
	ErrorFields fields;

	error_set(&error, SQLSTATE_QUERY_CANCELED, "canceled");
	build_error(&out, "FATAL", &error);
	assert_bytes(&out, "E\0\0\0\x24SFATAL\0VFATAL\0C57014\0Mcanceled\0\0");

	error_set_detail(&error, "d");
	error_set_hint(&error, "h");
	build_notice(&out, &error);
	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_OK);
	assert_int_equal(frame.type, 'N');
	assert_int_equal(frame.total_len, buf_len(&out));
	assert_true(message_parse_error(frame.body, &fields));
	assert_true(slice_equals_string(fields.severity, "NOTICE"));
	assert_true(slice_equals_string(fields.sqlstate, "57014"));
	assert_true(slice_equals_string(fields.message, "canceled"));
	assert_true(slice_equals_string(fields.detail, "d"));
	assert_true(slice_equals_string(fields.hint, "h"));
	buf_release(&out);
}

static void
first_packets_are_read_back(void **state)
{
	Buf			out = BUF_INIT;
	Startup		startup;
	const char *const params[] = {"user", "anna", "database", "mes", NULL};

	build_startup(&out, params);
	assert_int_equal(startup_parse(buf_slice(&out), &startup), STARTUP_SESSION);
	assert_int_equal(startup.total_len, buf_len(&out));
	assert_int_equal(startup.version, 0x00030000);
	assert_int_equal(startup.nparams, 2);
	assert_true(slice_equals_string(startup_find_param(&startup, "database"), "mes"));

	buf_clear(&out);
	build_cancel(&out, 77, BYTES("12345"));
	assert_int_equal(startup_parse(buf_slice(&out), &startup), STARTUP_CANCEL);
	assert_int_equal(startup.cancel_pid, 77);
	assert_true(slice_equals_string(startup.cancel_key, "12345"));
	buf_release(&out);
}

static void
the_head_of_a_bind_counts_its_rest(void **state)
{
	Buf			out = BUF_INIT;
	Frame		frame;
	BindMessage bind;
	Slice		rest = BYTES("\0\0\0\0\0\0");

	build_bind_head(&out, BYTES("p"), BYTES("andon_1"), rest.len);
	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_PARTIAL);
	buf_append(&out, rest);
	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_OK);
	assert_int_equal(frame.total_len, buf_len(&out));
	assert_true(message_parse_bind_head(frame.body, &bind));
	assert_true(slice_equals_string(bind.statement, "andon_1"));
	assert_true(slice_equals(bind.rest, rest));
	buf_release(&out);
}

/* A mark stays right when the buffer moves, and behind consumed bytes. */
static void
bodies_may_be_longer_than_the_buffer(void **state)
{
	Buf			out = BUF_INIT;
	Frame		frame;
	size_t		mark;

	buf_append_string(&out, "consumed");
	build_sync(&out);
	buf_consume(&out, 8);
	mark = build_begin(&out, 'd');
	for (int i = 0; i < 100000; i++)
		buf_append_u8(&out, (uint8_t) i);
	build_end(&out, mark);

	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_OK);
	assert_int_equal(frame.type, 'S');
	buf_consume(&out, frame.total_len);
	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_OK);
	assert_int_equal(frame.type, 'd');
	assert_int_equal(frame.body.len, 100000);
	assert_int_equal(frame.total_len, buf_len(&out));
	buf_release(&out);
}

/* A zero byte in a value must not end a string early and forge what follows. */
static void
strings_end_at_their_first_zero_byte(void **state)
{
	Buf			out = BUF_INIT;
	Frame		frame;
	Slice		name;
	Slice		value;

	build_parameter_status(&out, BYTES("a\0b"), BYTES("c\0d"));
	assert_int_equal(frame_parse(buf_slice(&out), &frame), FRAME_OK);
	assert_true(message_parse_parameter_status(frame.body, &name, &value));
	assert_true(slice_equals_string(name, "a"));
	assert_true(slice_equals_string(value, "c"));
	buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_to_servers),
		cmocka_unit_test(messages_to_clients),
		cmocka_unit_test(result_sets_are_text),
		cmocka_unit_test(errors_are_read_back),
		cmocka_unit_test(first_packets_are_read_back),
		cmocka_unit_test(the_head_of_a_bind_counts_its_rest),
		cmocka_unit_test(bodies_may_be_longer_than_the_buffer),
		cmocka_unit_test(strings_end_at_their_first_zero_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
