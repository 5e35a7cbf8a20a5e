/*
 * fuzz_auth_file.c
 *		The text of an auth_file.
 *
 * Properties: an error names the file; a user is found by its name, and
 * written back in quotes is read as the same user.
 */
#include "auth/users.h"
#include "base/buf.h"
#include "tests/fuzz/target.h"

static void
append_quoted(Buf *out, const char *string)
{
	buf_append_u8(out, '"');
	for (const char *at = string; *at != '\0'; at++)
	{
		if (*at == '"')
			buf_append_u8(out, '"');
		buf_append_u8(out, (uint8_t) *at);
	}
	buf_append_u8(out, '"');
}

static void
check_written_back(const User *user)
{
	Buf			text = BUF_INIT;
	Error		error;
	UserTable  *table;
	const User *again;

	append_quoted(&text, user->name);
	buf_append_u8(&text, ' ');
	append_quoted(&text, user->secret);
	table = user_table_parse(buf_slice(&text), "again", &error);
	require(table != NULL && user_table_count(table) == 1);
	again = user_table_find(table, slice_from_string(user->name));
	require(again != NULL && strcmp(again->secret, user->secret) == 0 && again->kind == user->kind);
	user_table_unref(table);
	buf_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		text = slice_make((const char *) data, size);
	Error		error;
	UserTable  *table = user_table_parse(text, "fuzz", &error);

	if (table == NULL)
	{
		require(strncmp(error.message, "fuzz:", 5) == 0);
		return 0;
	}

	/* Any run of bytes of the input may be a name. */
	for (size_t from = 0; from < size && from < 64; from++)
	{
		for (size_t len = 1; len <= 16 && from + len <= size; len++)
		{
			const User *user = user_table_find(table, slice_make(text.data + from, len));

			if (user != NULL)
			{
				require(strlen(user->name) == len);
				check_written_back(user);
			}
		}
	}
	user_table_unref(table);
	return 0;
}
