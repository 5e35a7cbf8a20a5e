/*
 * test_startup.c
 *	  The first packet of a connection, as a stranger may send it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/startup.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)
#define VERSION_3_0 0x00030000
#define CODE_CANCEL 80877102
#define CODE_SSL 80877103
#define CODE_GSSENC 80877104

/*
 * Parse a packet of the given code and rest, from memory of exactly its size.
 * Slices of the answer point into packet, which the caller releases.
 */
static StartupKind
parse_packet(Buf *packet, uint32_t code, Slice rest, Startup *startup)
{
	StartupKind kind;
	char	   *exact;

	buf_clear(packet);
	buf_append_u32(packet, (uint32_t) (8 + rest.len));
	buf_append_u32(packet, code);
	buf_append(packet, rest);

	exact = malloc(buf_len(packet));
	memcpy(exact, buf_slice(packet).data, buf_len(packet));
	kind = startup_parse(slice_make(exact, buf_len(packet)), startup);
	assert_int_equal(kind, startup->kind);
	free(exact);
	return startup_parse(buf_slice(packet), startup);
}

static void
a_session_has_its_parameters(void **state)
{
	Buf			packet = BUF_INIT;
	Startup		startup;
	Slice		rest = BYTES("user\0anna\0database\0mes\0application_name\0\0\0");

	assert_int_equal(parse_packet(&packet, VERSION_3_0, rest, &startup), STARTUP_SESSION);
	assert_int_equal(startup.version, VERSION_3_0);
	assert_int_equal(startup.total_len, buf_len(&packet));
	assert_int_equal(startup.nparams, 3);
	assert_true(slice_equals_string(startup_find_param(&startup, "user"), "anna"));
	assert_true(slice_equals_string(startup_find_param(&startup, "database"), "mes"));
	assert_non_null(startup_find_param(&startup, "application_name").data);
	assert_int_equal(startup_find_param(&startup, "application_name").len, 0);
	assert_null(startup_find_param(&startup, "options").data);
	assert_null(startup_find_param(&startup, "use").data);
	buf_release(&packet);
}

static void
any_minor_version_is_a_session(void **state)
{
	static const uint32_t minors[] = {0, 1, 2, 9999, 0xFFFF};
	Buf			packet = BUF_INIT;
	Startup		startup;

	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++)
	{
		assert_int_equal(parse_packet(&packet, VERSION_3_0 | minors[i], BYTES("user\0a\0\0"), &startup),
						 STARTUP_SESSION);
		assert_int_equal(startup.version & 0xFFFF, minors[i]);
	}
	buf_release(&packet);
}

static void
other_major_versions_are_refused(void **state)
{
	static const uint32_t versions[] = {0, 0x00020000, 0x00040000, 80877105, 0xFFFFFFFF};
	Buf			packet = BUF_INIT;
	Startup		startup;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
	{
		assert_int_equal(parse_packet(&packet, versions[i], BYTES("user\0a\0\0"), &startup),
						 STARTUP_MALFORMED);
		assert_string_equal(startup.why, "unsupported frontend protocol");
		assert_int_equal(startup.version, versions[i]);
	}
	buf_release(&packet);
}

static void
encryption_requests_are_eight_bytes(void **state)
{
	Buf			packet = BUF_INIT;
	Startup		startup;

	assert_int_equal(parse_packet(&packet, CODE_SSL, BYTES(""), &startup), STARTUP_SSL);
	assert_int_equal(startup.total_len, 8);
	assert_int_equal(parse_packet(&packet, CODE_GSSENC, BYTES(""), &startup), STARTUP_GSSENC);
	assert_int_equal(parse_packet(&packet, CODE_SSL, BYTES("x"), &startup), STARTUP_MALFORMED);
	assert_int_equal(parse_packet(&packet, CODE_GSSENC, BYTES("user\0a\0\0"), &startup), STARTUP_MALFORMED);
	buf_release(&packet);
}

/* What follows belongs to the next reader, not to this packet. */
static void
bytes_behind_the_packet_are_not_its(void **state)
{
	Startup		startup;

	assert_int_equal(startup_parse(BYTES("\0\0\0\x08\x04\xd2\x16\x2f more"), &startup), STARTUP_SSL);
	assert_int_equal(startup.total_len, 8);
	assert_int_equal(startup_parse(BYTES("\0\0\0\x10\0\3\0\0user\0a\0\0Q\0\0"), &startup), STARTUP_SESSION);
	assert_int_equal(startup.total_len, 16);
	assert_int_equal(startup.nparams, 1);
}

static void
cancel_keys_have_4_to_256_bytes(void **state)
{
	static char rest[4 + 300];
	Buf			packet = BUF_INIT;
	Startup		startup;

	memcpy(rest, "\x01\x02\x03\x04", 4);
	memset(rest + 4, 'k', 300);
	for (size_t key_len = 0; key_len <= 300; key_len++)
	{
		StartupKind kind = parse_packet(&packet, CODE_CANCEL, slice_make(rest, 4 + key_len), &startup);

		if (key_len < 4 || key_len > 256)
		{
			assert_int_equal(kind, STARTUP_MALFORMED);
			continue;
		}
		assert_int_equal(kind, STARTUP_CANCEL);
		assert_int_equal(startup.cancel_pid, 0x01020304);
		assert_int_equal(startup.cancel_key.len, key_len);
		assert_memory_equal(startup.cancel_key.data, rest + 4, key_len);
	}
	assert_int_equal(parse_packet(&packet, CODE_CANCEL, slice_make(rest, 3), &startup), STARTUP_MALFORMED);
	buf_release(&packet);
}

static void
badly_formed_parameters_are_refused(void **state)
{
	const struct
	{
		Slice		rest;
		const char *why;
	}			cases[] = {
		{BYTES(""), "startup packet is not terminated"},
		{BYTES("user\0anna\0"), "startup packet is not terminated"},
		{BYTES("user\0anna\0data"), "startup packet is not terminated"},
		{BYTES("user\0anna"), "startup parameter has no value"},
		{BYTES("user\0"), "startup parameter has no value"},
		{BYTES("\0\0"), "bytes after the end of the startup parameters"},
		{BYTES("user\0anna\0\0x"), "bytes after the end of the startup parameters"},
		{BYTES("user\0anna\0user\0bob\0\0"), "startup parameter is sent twice"},
		{BYTES("user\0anna\0a\0b\0user\0anna\0\0"), "startup parameter is sent twice"},
	};
	Buf			packet = BUF_INIT;
	Startup		startup;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_int_equal(parse_packet(&packet, VERSION_3_0, cases[i].rest, &startup), STARTUP_MALFORMED);
		assert_string_equal(startup.why, cases[i].why);
	}
	buf_release(&packet);
}

static void
no_parameters_at_all_is_well_formed(void **state)
{
	Buf			packet = BUF_INIT;
	Startup		startup;

	assert_int_equal(parse_packet(&packet, VERSION_3_0, BYTES("\0"), &startup), STARTUP_SESSION);
	assert_int_equal(startup.nparams, 0);
	assert_null(startup_find_param(&startup, "user").data);
	buf_release(&packet);
}

static void
the_number_of_parameters_is_limited(void **state)
{
	Buf			packet = BUF_INIT;
	Buf			rest = BUF_INIT;
	Startup		startup;

	for (int i = 0; i <= STARTUP_MAX_PARAMS; i++)
	{
		size_t		len = buf_len(&rest);

		buf_append_u8(&rest, 0);
		assert_int_equal(parse_packet(&packet, VERSION_3_0, buf_slice(&rest), &startup), STARTUP_SESSION);
		assert_int_equal(startup.nparams, i);
		rest.end = rest.start + len;
		buf_printf(&rest, "name%d%cvalue%c", i, '\0', '\0');
	}
	buf_append_u8(&rest, 0);
	assert_int_equal(parse_packet(&packet, VERSION_3_0, buf_slice(&rest), &startup), STARTUP_MALFORMED);
	assert_string_equal(startup.why, "too many startup parameters");
	buf_release(&packet);
	buf_release(&rest);
}

/* A length is judged as soon as it is there: nothing waits for gigabytes. */
static void
lengths_are_judged_at_once(void **state)
{
	Startup		startup;

	assert_int_equal(startup_parse(BYTES("\0\0\0\7"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("\0\0\0\0"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("\xff\xff\xff\xff"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("\0\0\x27\x15"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("\0\0\x27\x14"), &startup), STARTUP_PARTIAL);
	assert_int_equal(startup_parse(BYTES("\0\0\x27\x14\0\2\0\0"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("GET / HTTP/1.1\r\n"), &startup), STARTUP_MALFORMED);
	assert_int_equal(startup_parse(BYTES("\x16\x03\x01\x02"), &startup), STARTUP_MALFORMED);
	assert_string_equal(startup.why, "invalid length of startup packet");
}

static void
each_beginning_is_partial(void **state)
{
	Slice		data = BYTES("\0\0\0\x10\0\3\0\0user\0a\0\0");
	Startup		startup;

	for (size_t len = 0; len < data.len; len++)
	{
		char	   *exact = malloc(len > 0 ? len : 1);

		memcpy(exact, data.data, len);
		assert_int_equal(startup_parse(slice_make(exact, len), &startup), STARTUP_PARTIAL);
		assert_int_equal(startup.kind, STARTUP_PARTIAL);
		free(exact);
	}
	assert_int_equal(startup_parse(slice_make(NULL, 0), &startup), STARTUP_PARTIAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_has_its_parameters),
		cmocka_unit_test(any_minor_version_is_a_session),
		cmocka_unit_test(other_major_versions_are_refused),
		cmocka_unit_test(encryption_requests_are_eight_bytes),
		cmocka_unit_test(bytes_behind_the_packet_are_not_its),
		cmocka_unit_test(cancel_keys_have_4_to_256_bytes),
		cmocka_unit_test(badly_formed_parameters_are_refused),
		cmocka_unit_test(no_parameters_at_all_is_well_formed),
		cmocka_unit_test(the_number_of_parameters_is_limited),
		cmocka_unit_test(lengths_are_judged_at_once),
		cmocka_unit_test(each_beginning_is_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
