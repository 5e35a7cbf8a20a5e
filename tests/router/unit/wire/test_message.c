/*
 * test_message.c
 *	  The readers of message bodies.
 *
 * Each reader is given a right body, every beginning of it, and the body with
 * a byte too many, all in memory of exactly that size, so that AddressSanitizer
 * sees a reader that goes too far.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/message.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)

typedef bool (*Accepts) (Slice body);

static bool
accepts(Accepts reader, Slice body)
{
	char	   *exact = malloc(body.len > 0 ? body.len : 1);
	bool		result;

	if (body.len > 0)
		memcpy(exact, body.data, body.len);
	result = reader(slice_make(exact, body.len));
	free(exact);
	return result;
}

/* Accepts body, but nothing shorter or longer. */
static void
assert_exact(Accepts reader, Slice body)
{
	char		longer[256];

	assert_true(accepts(reader, body));
	for (size_t len = 0; len < body.len; len++)
	{
		if (accepts(reader, slice_make(body.data, len)))
			fail_msg("accepts %zu of %zu bytes", len, body.len);
	}
	memcpy(longer, body.data, body.len);
	longer[body.len] = '\0';
	assert_false(accepts(reader, slice_make(longer, body.len + 1)));
}

static bool
accepts_query(Slice body)
{
	Slice		text;

	return message_parse_query(body, &text);
}

static bool
accepts_parse(Slice body)
{
	ParseMessage message;

	return message_parse_parse(body, &message);
}

static bool
accepts_target(Slice body)
{
	TargetMessage message;

	return message_parse_target(body, &message);
}

static bool
accepts_execute(Slice body)
{
	ExecuteMessage message;

	return message_parse_execute(body, &message);
}

static bool
accepts_error(Slice body)
{
	ErrorFields fields;

	return message_parse_error(body, &fields);
}

static bool
accepts_parameter_status(Slice body)
{
	Slice		name;
	Slice		value;

	return message_parse_parameter_status(body, &name, &value);
}

static bool
accepts_ready(Slice body)
{
	char		tx_status;

	return message_parse_ready(body, &tx_status);
}

static bool
accepts_first_column(Slice body)
{
	Slice		value;

	return message_parse_first_column(body, &value);
}

static bool
accepts_auth(Slice body)
{
	AuthRequest request;

	return message_parse_auth(body, &request);
}

static bool
accepts_sasl_initial(Slice body)
{
	SaslInitialMessage message;

	return message_parse_sasl_initial(body, &message);
}

static bool
accepts_bind_head(Slice body)
{
	BindMessage message;

	return message_parse_bind_head(body, &message);
}

static bool
accepts_backend_key(Slice body)
{
	uint32_t	pid;
	Slice		key;

	return message_parse_backend_key(body, &pid, &key);
}

static void
bodies_are_read_exactly(void **state)
{
	assert_exact(accepts_query, BYTES("select 1\0"));
	assert_exact(accepts_parse, BYTES("s1\0select $1\0\0\2\0\0\0\x17\0\0\0\x19"));
	assert_exact(accepts_parse, BYTES("\0\0\0\0"));
	assert_exact(accepts_target, BYTES("Ss1\0"));
	assert_exact(accepts_target, BYTES("P\0"));
	assert_exact(accepts_execute, BYTES("p\0\0\0\0\x64"));
	assert_exact(accepts_error, BYTES("SERROR\0C42601\0Msyntax error\0\0"));
	assert_exact(accepts_parameter_status, BYTES("TimeZone\0UTC\0"));
	assert_exact(accepts_ready, BYTES("T"));
	assert_exact(accepts_first_column, BYTES("\0\2\0\0\0\1a\xff\xff\xff\xff"));
	assert_exact(accepts_first_column, BYTES("\0\1\0\0\0\0"));
	assert_exact(accepts_auth, BYTES("\0\0\0\0"));
	assert_exact(accepts_auth, BYTES("\0\0\0\5salt"));
	assert_exact(accepts_auth, BYTES("\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"));
	assert_exact(accepts_sasl_initial, BYTES("SCRAM-SHA-256\0\0\0\0\3n,,"));
	assert_exact(accepts_sasl_initial, BYTES("SCRAM-SHA-256\0\xff\xff\xff\xff"));
}

static void
lengths_beyond_the_end_are_refused(void **state)
{
	assert_false(accepts(accepts_parse, BYTES("\0\0\xff\xff\0\0\0\0")));
	assert_false(accepts(accepts_first_column, BYTES("\0\1\x7f\xff\xff\xff")));
	assert_false(accepts(accepts_first_column, BYTES("\0\1\x80\0\0\0")));
	assert_false(accepts(accepts_first_column, BYTES("\xff\xff\0\0\0\0")));
	assert_false(accepts(accepts_first_column, BYTES("\0\0\0\0\0\0")));
	assert_false(accepts(accepts_sasl_initial, BYTES("m\0\x7f\xff\xff\xff""x")));
	assert_false(accepts(accepts_sasl_initial, BYTES("m\0\xff\xff\xff\xfe""x")));
}

static void
values_nobody_sends_are_refused(void **state)
{
	assert_false(accepts(accepts_target, BYTES("Xname\0")));
	assert_false(accepts(accepts_target, BYTES("\0name\0")));
	assert_false(accepts(accepts_ready, BYTES("X")));
	assert_false(accepts(accepts_query, BYTES("select 1\0; drop\0")));
	assert_false(accepts(accepts_auth, BYTES("\0\0\0\x0a\0")));
	assert_false(accepts(accepts_error, BYTES("\0\0")));
	assert_true(accepts(accepts_error, BYTES("\0")));
	assert_true(accepts(accepts_auth, BYTES("\0\0\0\x07")));
}

static void
queries_and_parses_have_their_parts(void **state)
{
	Slice		text;
	ParseMessage parse;
	BindMessage bind;

	assert_true(message_parse_query(BYTES("select 1\0"), &text));
	assert_true(slice_equals_string(text, "select 1"));

	assert_true(message_parse_parse(BYTES("s1\0select $1\0\0\2\0\0\0\x17\0\0\0\x19"), &parse));
	assert_true(slice_equals_string(parse.statement, "s1"));
	assert_true(slice_equals_string(parse.text, "select $1"));
	assert_int_equal(parse.nparams, 2);
	assert_int_equal(parse.param_types.len, 8);
	assert_memory_equal(parse.param_types.data, "\0\0\0\x17\0\0\0\x19", 8);

	assert_true(message_parse_bind_head(BYTES("p\0s1\0\0\0\0\1"), &bind));
	assert_true(slice_equals_string(bind.portal, "p"));
	assert_true(slice_equals_string(bind.statement, "s1"));
	assert_int_equal(bind.rest.len, 4);
}

static void
both_names_of_a_bind_must_be_there(void **state)
{
	assert_true(accepts(accepts_bind_head, BYTES("\0\0")));
	assert_true(accepts(accepts_bind_head, BYTES("\0\0rest of any form")));
	assert_false(accepts(accepts_bind_head, BYTES("\0s1")));
	assert_false(accepts(accepts_bind_head, BYTES("p")));
	assert_false(accepts(accepts_bind_head, BYTES("")));
}

static void
targets_and_executes_have_their_parts(void **state)
{
	TargetMessage target;
	ExecuteMessage execute;

	assert_true(message_parse_target(BYTES("Sname\0"), &target));
	assert_int_equal(target.kind, 'S');
	assert_true(slice_equals_string(target.name, "name"));
	assert_true(message_parse_execute(BYTES("p\0\x01\x02\x03\x04"), &execute));
	assert_true(slice_equals_string(execute.portal, "p"));
	assert_int_equal(execute.max_rows, 0x01020304);
}

static void
errors_have_optional_fields_in_any_order(void **state)
{
	ErrorFields fields;

	assert_true(message_parse_error(BYTES("Hdo\0Zx\0C25006\0SFEHLER\0VERROR\0Rwho\0Mno\0Dwhy\0\0"), &fields));
	assert_true(slice_equals_string(fields.severity, "ERROR"));
	assert_true(slice_equals_string(fields.sqlstate, "25006"));
	assert_true(slice_equals_string(fields.message, "no"));
	assert_true(slice_equals_string(fields.detail, "why"));
	assert_true(slice_equals_string(fields.hint, "do"));
	assert_true(slice_equals_string(fields.routine, "who"));

	assert_true(message_parse_error(BYTES("VERROR\0SFEHLER\0\0"), &fields));
	assert_true(slice_equals_string(fields.severity, "ERROR"));
	assert_true(message_parse_error(BYTES("SFEHLER\0\0"), &fields));
	assert_true(slice_equals_string(fields.severity, "FEHLER"));
	assert_int_equal(fields.sqlstate.len, 0);
	assert_null(fields.message.data);
}

static void
what_servers_tell_has_its_parts(void **state)
{
	Slice		name;
	Slice		value;
	char		tx_status;

	assert_true(message_parse_parameter_status(BYTES("TimeZone\0UTC\0"), &name, &value));
	assert_true(slice_equals_string(name, "TimeZone"));
	assert_true(slice_equals_string(value, "UTC"));
	assert_true(message_parse_ready(BYTES("E"), &tx_status));
	assert_int_equal(tx_status, 'E');
}

static void
backend_keys_have_4_to_256_bytes(void **state)
{
	static char body[4 + 300] = "\x01\x02\x03\x04";
	uint32_t	pid;
	Slice		key;

	assert_false(accepts(accepts_backend_key, BYTES("\1\2\3")));
	for (size_t key_len = 0; key_len <= 300; key_len++)
		assert_int_equal(accepts(accepts_backend_key, slice_make(body, 4 + key_len)),
						 key_len >= 4 && key_len <= 256);
	assert_true(message_parse_backend_key(slice_make(body, 4 + 32), &pid, &key));
	assert_int_equal(pid, 0x01020304);
	assert_int_equal(key.len, 32);
}

static void
the_first_column_may_be_null_or_empty(void **state)
{
	Slice		value;

	assert_true(message_parse_first_column(BYTES("\0\2\0\0\0\2on\0\0\0\0"), &value));
	assert_true(slice_equals_string(value, "on"));
	assert_true(message_parse_first_column(BYTES("\0\1\xff\xff\xff\xff"), &value));
	assert_null(value.data);
	assert_true(message_parse_first_column(BYTES("\0\1\0\0\0\0"), &value));
	assert_non_null(value.data);
	assert_int_equal(value.len, 0);
}

static void
authentication_requests_have_their_parts(void **state)
{
	AuthRequest request;
	SaslInitialMessage initial;

	assert_true(message_parse_auth(BYTES("\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), &request));
	assert_int_equal(request.kind, 10);
	assert_true(message_offers_mechanism(request.rest, "SCRAM-SHA-256"));
	assert_true(message_offers_mechanism(request.rest, "SCRAM-SHA-256-PLUS"));
	assert_false(message_offers_mechanism(request.rest, "SCRAM-SHA-1"));
	assert_false(message_offers_mechanism(request.rest, ""));
	assert_false(message_offers_mechanism(slice_make(NULL, 0), "SCRAM-SHA-256"));
	assert_false(message_offers_mechanism(BYTES("SCRAM-SHA-256"), "SCRAM-SHA-256"));

	assert_true(message_parse_auth(BYTES("\0\0\0\x05\1\2\3\4"), &request));
	assert_int_equal(request.kind, 5);
	assert_memory_equal(request.rest.data, "\1\2\3\4", 4);

	assert_true(message_parse_sasl_initial(BYTES("M\0\0\0\0\3abc"), &initial));
	assert_true(slice_equals_string(initial.mechanism, "M"));
	assert_true(slice_equals_string(initial.data, "abc"));
	assert_true(message_parse_sasl_initial(BYTES("M\0\0\0\0\0"), &initial));
	assert_non_null(initial.data.data);
	assert_true(message_parse_sasl_initial(BYTES("M\0\xff\xff\xff\xff"), &initial));
	assert_null(initial.data.data);
}

static void
lsns_are_read_as_postgres_writes_them(void **state)
{
	static const char *const wrong[] = {
		"", "/", "0", "0/", "/0", "16/B374D848 ", " 16/B374D848", "16/B374D848/0", "123456789/0",
		"0/123456789", "-1/0", "0x1/0", "g/0", "16 /0"
	};
	uint64_t	lsn;

	assert_true(message_parse_lsn(BYTES("16/B374D848"), &lsn));
	assert_true(lsn == UINT64_C(0x16B374D848));
	assert_true(message_parse_lsn(BYTES("0/0"), &lsn));
	assert_true(lsn == 0);
	assert_true(message_parse_lsn(BYTES("FFFFFFFF/ffffffff"), &lsn));
	assert_true(lsn == UINT64_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		if (message_parse_lsn(slice_from_string(wrong[i]), &lsn))
			fail_msg("accepts \"%s\"", wrong[i]);
	}
	assert_false(message_parse_lsn(slice_make(NULL, 0), &lsn));
}

/* Once a read failed, all later ones do: nobody reads on from the middle. */
static void
a_failed_read_stays_failed(void **state)
{
	Reader		reader = reader_make(BYTES("\1\2\3"));

	assert_int_equal(read_u32(&reader), 0);
	assert_true(reader.bad);
	assert_int_equal(read_u8(&reader), 0);
	assert_null(read_bytes(&reader, 0).data);
	assert_null(read_string(&reader).data);
	assert_false(reader_at_end(&reader));

	reader = reader_make(slice_make(NULL, 0));
	assert_true(reader_at_end(&reader));
	assert_non_null(read_bytes(&reader, 0).data);
	assert_null(read_bytes(&reader, SIZE_MAX).data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_read_exactly),
		cmocka_unit_test(lengths_beyond_the_end_are_refused),
		cmocka_unit_test(values_nobody_sends_are_refused),
		cmocka_unit_test(queries_and_parses_have_their_parts),
		cmocka_unit_test(both_names_of_a_bind_must_be_there),
		cmocka_unit_test(targets_and_executes_have_their_parts),
		cmocka_unit_test(errors_have_optional_fields_in_any_order),
		cmocka_unit_test(what_servers_tell_has_its_parts),
		cmocka_unit_test(backend_keys_have_4_to_256_bytes),
		cmocka_unit_test(the_first_column_may_be_null_or_empty),
		cmocka_unit_test(authentication_requests_have_their_parts),
		cmocka_unit_test(lsns_are_read_as_postgres_writes_them),
		cmocka_unit_test(a_failed_read_stays_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
