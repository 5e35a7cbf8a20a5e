/*
 * test_users.c
 *	  The auth_file: what is understood, and where errors are said to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/users.h"
#include "base/buf.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)
#define VERIFIER "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define MD5_SECRET "md50123456789abcdef0123456789abcdef"

/* Parse from memory of exactly the text's size. */
static UserTable *
parse(Slice text, Error *error)
{
	char	   *exact = malloc(text.len > 0 ? text.len : 1);
	UserTable  *table;

	if (text.len > 0)
		memcpy(exact, text.data, text.len);
	table = user_table_parse(slice_make(exact, text.len), "users.txt", error);
	free(exact);
	return table;
}

static void
assert_user(const UserTable *table, const char *name, const char *secret, SecretKind kind)
{
	const User *user = user_table_find(table, slice_from_string(name));

	assert_non_null(user);
	assert_string_equal(user->name, name);
	assert_string_equal(user->secret, secret);
	assert_int_equal(user->kind, kind);
}

static void
each_kind_of_secret_is_known(void **state)
{
	Error		error;
	UserTable  *table = parse(BYTES("\"plain\" \"pencil\"\n"
									"\"md5\" \"" MD5_SECRET "\"\n"
									"\"scram\" \"" VERIFIER "\"\n"
									"\"none\" \"\"\n"
									"\"nearly\" \"md5pencil\"\n"), &error);

	assert_non_null(table);
	assert_int_equal(user_table_count(table), 5);
	assert_user(table, "plain", "pencil", SECRET_PLAIN);
	assert_user(table, "md5", MD5_SECRET, SECRET_MD5);
	assert_user(table, "scram", VERIFIER, SECRET_SCRAM);
	assert_user(table, "none", "", SECRET_NONE);
	assert_user(table, "nearly", "md5pencil", SECRET_PLAIN);
	assert_true(user_table_has_plain(table));
	user_table_unref(table);
}

static void
names_are_found_whole_and_exactly(void **state)
{
	Error		error;
	UserTable  *table = parse(BYTES("\"b\" \"1\"\n\"anna\" \"2\"\n\"ann\" \"3\"\n\"c\xc3\xbc\" \"4\""), &error);

	assert_non_null(table);
	assert_user(table, "anna", "2", SECRET_PLAIN);
	assert_user(table, "ann", "3", SECRET_PLAIN);
	assert_user(table, "b", "1", SECRET_PLAIN);
	assert_user(table, "c\xc3\xbc", "4", SECRET_PLAIN);
	assert_null(user_table_find(table, BYTES("an")));
	assert_null(user_table_find(table, BYTES("Anna")));
	assert_null(user_table_find(table, BYTES("anna\0x")));
	assert_null(user_table_find(table, BYTES("anna\0")));
	assert_null(user_table_find(table, slice_make(NULL, 0)));
	user_table_unref(table);
}

static void
the_form_is_forgiving_where_pgbouncer_is(void **state)
{
	Error		error;
	UserTable  *table = parse(BYTES("; comment\n"
									"# \"comment\" \"too\"\n"
									"\n"
									"   \t\r\n"
									"  \"a\"\t\t\"1\"   \r\n"
									"\"b\" \"2\" rest \"of the line\n"
									"\"quo\"\"te\" \"se\"\"cret\"\"\"\n"
									"\"c\" \"\"\"\"\n"
									"\"sp ace\" \"; # \\\""), &error);

	assert_non_null(table);
	assert_int_equal(user_table_count(table), 5);
	assert_user(table, "a", "1", SECRET_PLAIN);
	assert_user(table, "b", "2", SECRET_PLAIN);
	assert_user(table, "quo\"te", "se\"cret\"", SECRET_PLAIN);
	assert_user(table, "c", "\"", SECRET_PLAIN);
	assert_user(table, "sp ace", "; # \\", SECRET_PLAIN);
	user_table_unref(table);
}

static void
an_empty_file_has_no_users(void **state)
{
	Error		error;
	UserTable  *table = parse(BYTES(""), &error);

	assert_non_null(table);
	assert_int_equal(user_table_count(table), 0);
	assert_false(user_table_has_plain(table));
	assert_null(user_table_find(table, BYTES("a")));
	user_table_unref(table);
	user_table_unref(NULL);
}

static void
errors_say_where(void **state)
{
	const struct
	{
		Slice		text;
		const char *message;
	}			cases[] = {
		{BYTES("anna pencil"), "users.txt:1: the user name is not in double quotes"},
		{BYTES("\"a\" \"1\"\n\"anna\n\"b\" \"2\""), "users.txt:2: the user name is not in double quotes"},
		{BYTES("\n\n\"anna\"\n"), "users.txt:3: the secret is not in double quotes"},
		{BYTES("\"anna\" pencil"), "users.txt:1: the secret is not in double quotes"},
		{BYTES("\"anna\" \"pen"), "users.txt:1: the secret is not in double quotes"},
		{BYTES("\"anna\" \"pen\"\""), "users.txt:1: the secret is not in double quotes"},
		{BYTES("\"\" \"pencil\""), "users.txt:1: the user name is empty"},
		{BYTES("\"an\0na\" \"pencil\""), "users.txt:1: the line has a zero byte in it"},
		{BYTES(";\n\"a\" \"SCRAM-SHA-256$4096:x\""), "users.txt:2: the SCRAM-SHA-256 secret is damaged"},
		{BYTES("\"z\" \"1\"\n\"a\" \"1\"\n\n\"b\" \"2\"\n\"a\" \"3\""),
		"users.txt:5: user \"a\" is there already, on line 2"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Error		error;

		assert_null(parse(cases[i].text, &error));
		assert_string_equal(error.message, cases[i].message);
		assert_string_equal(error.sqlstate, SQLSTATE_CONFIG_FILE_ERROR);
		assert_string_not_equal(error.hint, "");
		assert_null(strstr(error.message, "pen\""));	/* secrets are not told */
	}
}

static void
files_are_loaded(void **state)
{
	char		path[] = "/tmp/andon-test-users-XXXXXX";
	int			fd = mkstemp(path);
	Error		error;
	UserTable  *table;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\"a\" \"1\"\noops\n", 13), 13);
	assert_null(user_table_load(path, &error));
	assert_non_null(strstr(error.message, ":2: "));
	assert_non_null(strstr(error.message, path));

	assert_int_equal(ftruncate(fd, 8), 0);
	table = user_table_load(path, &error);
	assert_non_null(table);
	assert_user(table, "a", "1", SECRET_PLAIN);
	user_table_unref(table);
	close(fd);
	unlink(path);

	assert_null(user_table_load(path, &error));
	assert_non_null(strstr(error.message, "could not open auth_file"));
	assert_non_null(strstr(error.message, "No such file"));
	assert_null(user_table_load("/tmp", &error));
	assert_non_null(strstr(error.message, "could not read auth_file"));
}

static void
a_referenced_table_stays(void **state)
{
	Error		error;
	UserTable  *table = parse(BYTES("\"a\" \"1\""), &error);
	const User *user;

	assert_ptr_equal(user_table_ref(table), table);
	user = user_table_find(table, BYTES("a"));
	user_table_unref(table);
	assert_string_equal(user->secret, "1");
	user_table_unref(table);
}

static void
many_users_are_all_found(void **state)
{
	Buf			text = BUF_INIT;
	Error		error;
	UserTable  *table;

	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "\"user_%d\" \"%d\"\n", (i * 7919) % 5000, i);
	table = parse(buf_slice(&text), &error);
	assert_non_null(table);
	assert_int_equal(user_table_count(table), 5000);
	for (int i = 0; i < 5000; i++)
	{
		char		name[32];
		char		secret[32];

		snprintf(name, sizeof(name), "user_%d", (i * 7919) % 5000);
		snprintf(secret, sizeof(secret), "%d", i);
		assert_user(table, name, secret, SECRET_PLAIN);
	}
	user_table_unref(table);
	buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_secret_is_known),
		cmocka_unit_test(names_are_found_whole_and_exactly),
		cmocka_unit_test(the_form_is_forgiving_where_pgbouncer_is),
		cmocka_unit_test(an_empty_file_has_no_users),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(files_are_loaded),
		cmocka_unit_test(a_referenced_table_stays),
		cmocka_unit_test(many_users_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
