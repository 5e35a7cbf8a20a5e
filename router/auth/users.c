/*-------------------------------------------------------------------------
 *
 * users.c
 *	  The auth_file: reading it, and finding a user in it.
 *
 * The file is read whole and taken apart line by line; the first error ends
 * it, since a file half understood must not decide who gets in.  Users are
 * sorted by name once, so that a table needs no lock and no hash to be read by
 * all workers.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/users.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "auth/read_file.h"
#include "base/buf.h"
#include "base/memory.h"
#include "scram/scram.h"

#define VERIFIER_PREFIX SCRAM_MECHANISM "$"

typedef struct Entry
{
	User		user;			/* name and secret owned */
	int			line;
} Entry;

struct UserTable
{
	atomic_int	refs;
	Entry	   *entries;		/* owned; sorted by name once parsed */
	int			count;
	int			cap;
	bool		has_plain;
	int			verifiers;		/* how many have a SCRAM verifier */
	int			secrets;		/* how many have any secret */
};

/* Where we are in the text, for errors too. */
typedef struct Place
{
	const char *name;
	int			line;
} Place;

static bool parse_lines(UserTable *table, Slice text, const char *name, Error *error);
static bool parse_line(UserTable *table, Slice line, Place place, Error *error);
static Slice skip_spaces(Slice text);
static bool parse_quoted(Slice *rest, Buf *out);
static bool add_user(UserTable *table, Slice name, Slice secret, Place place, Error *error);
static bool classify_secret(const char *secret, SecretKind *kind);
static bool sort_users(UserTable *table, const char *name, Error *error);
static int	compare_entries(const void *a, const void *b);
static int	compare_names(Slice a, Slice b);
static bool fail_at(Place place, Error *error, const char *what);

UserTable *
user_table_load(const char *path, Error *error)
{
	UserTable  *table = NULL;
	Buf			text = BUF_INIT;

	if (read_file("auth_file", path, USER_TABLE_MAX_FILE, &text, error))
		table = user_table_parse(buf_slice(&text), path, error);
	if (text.data != NULL)
		explicit_bzero(text.data, text.cap);
	buf_release(&text);
	return table;
}

UserTable *
user_table_parse(Slice text, const char *name, Error *error)
{
	UserTable  *table = user_table_make_empty();

	if (parse_lines(table, text, name, error) && sort_users(table, name, error))
		return table;
	user_table_unref(table);
	return NULL;
}

UserTable *
user_table_make(Slice name, Slice secret)
{
	UserTable  *table = user_table_make_empty();
	Error		error;
	bool		is_text = memchr(name.data, '\0', name.len) == NULL &&
		(secret.len == 0 || memchr(secret.data, '\0', secret.len) == NULL);

	if (is_text && add_user(table, name, secret, (Place) {"", 1}, &error))
		return table;
	user_table_unref(table);
	return NULL;
}

UserTable *
user_table_make_empty(void)
{
	UserTable  *table = mem_alloc(sizeof(UserTable));

	atomic_init(&table->refs, 1);
	return table;
}

UserTable *
user_table_ref(UserTable *table)
{
	atomic_fetch_add(&table->refs, 1);
	return table;
}

void
user_table_unref(UserTable *table)
{
	if (table == NULL || atomic_fetch_sub(&table->refs, 1) > 1)
		return;
	for (int i = 0; i < table->count; i++)
	{
		const User *user = &table->entries[i].user;

		explicit_bzero((char *) user->secret, strlen(user->secret));
		mem_free((char *) user->secret);
		mem_free((char *) user->name);
	}
	mem_free(table->entries);
	mem_free(table);
}

const User *
user_table_find(const UserTable *table, Slice name)
{
	int			low = 0;
	int			high = table->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const User *user = &table->entries[middle].user;
		int			order = compare_names(slice_from_string(user->name), name);

		if (order == 0)
			return user;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void
user_table_each(const UserTable *table, void (*fn) (void *arg, const char *name), void *arg)
{
	for (int i = 0; i < table->count; i++)
		fn(arg, table->entries[i].user.name);
}

int
user_table_count(const UserTable *table)
{
	return table->count;
}

bool
user_table_has_plain(const UserTable *table)
{
	return table->has_plain;
}

bool
user_table_is_mostly_md5(const UserTable *table)
{
	return table->secrets > 0 && table->verifiers * 2 <= table->secrets;
}

static bool
parse_lines(UserTable *table, Slice text, const char *name, Error *error)
{
	Place		place = {name, 0};

	while (text.len > 0)
	{
		const char *newline = memchr(text.data, '\n', text.len);
		size_t		len = newline == NULL ? text.len : (size_t) (newline - text.data);

		place.line++;
		if (!parse_line(table, slice_make(text.data, len), place, error))
			return false;
		text = slice_skip(text, newline == NULL ? len : len + 1);
	}
	return true;
}

static bool
parse_line(UserTable *table, Slice line, Place place, Error *error)
{
	Buf			name = BUF_INIT;
	Buf			secret = BUF_INIT;
	bool		ok;

	line = skip_spaces(line);
	if (line.len == 0 || line.data[0] == ';' || line.data[0] == '#')
		return true;
	if (memchr(line.data, '\0', line.len) != NULL)
		return fail_at(place, error, "the line has a zero byte in it");

	if (!parse_quoted(&line, &name))
		ok = fail_at(place, error, "the user name is not in double quotes");
	else if (buf_len(&name) == 0)
		ok = fail_at(place, error, "the user name is empty");
	else if (!parse_quoted(&line, &secret))
		ok = fail_at(place, error, "the secret is not in double quotes");
	else
		ok = add_user(table, buf_slice(&name), buf_slice(&secret), place, error);
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.cap);
	buf_release(&secret);
	buf_release(&name);
	return ok;
}

static Slice
skip_spaces(Slice text)
{
	while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t' || text.data[0] == '\r'))
		text = slice_skip(text, 1);
	return text;
}

/* Take spaces and a quoted string from the start of rest; "" inside stands for one quote. */
static bool
parse_quoted(Slice *rest, Buf *out)
{
	*rest = skip_spaces(*rest);
	if (rest->len == 0 || rest->data[0] != '"')
		return false;
	*rest = slice_skip(*rest, 1);
	while (rest->len > 0)
	{
		const char *quote = memchr(rest->data, '"', rest->len);
		size_t		len;

		if (quote == NULL)
			return false;
		len = (size_t) (quote - rest->data);
		buf_append(out, slice_make(rest->data, len));
		*rest = slice_skip(*rest, len + 1);
		if (rest->len == 0 || rest->data[0] != '"')
			return true;
		buf_append_u8(out, '"');
		*rest = slice_skip(*rest, 1);
	}
	return false;
}

static bool
add_user(UserTable *table, Slice name, Slice secret, Place place, Error *error)
{
	Entry	   *entry;

	if (table->count == table->cap)
	{
		table->cap = table->cap == 0 ? 16 : table->cap * 2;
		table->entries = mem_realloc(table->entries, (size_t) table->cap * sizeof(Entry));
	}
	entry = &table->entries[table->count++];
	entry->user.name = mem_strndup(name);
	entry->user.secret = mem_strndup(secret);
	entry->line = place.line;
	if (!classify_secret(entry->user.secret, &entry->user.kind))
		return fail_at(place, error, "the SCRAM-SHA-256 secret is damaged");
	if (entry->user.kind == SECRET_PLAIN)
		table->has_plain = true;
	if (entry->user.kind == SECRET_SCRAM)
		table->verifiers++;
	if (entry->user.kind != SECRET_NONE)
		table->secrets++;
	return true;
}

/* What looks like a verifier is never taken for a plain password. */
static bool
classify_secret(const char *secret, SecretKind *kind)
{
	ScramVerifier verifier;

	*kind = SECRET_PLAIN;
	if (secret[0] == '\0')
		*kind = SECRET_NONE;
	else if (md5_is_secret(secret))
		*kind = SECRET_MD5;
	else if (scram_secret_is_keys(secret))
		return false;
	else if (strncmp(secret, VERIFIER_PREFIX, strlen(VERIFIER_PREFIX)) == 0)
	{
		*kind = SECRET_SCRAM;
		return scram_parse_verifier(secret, &verifier);
	}
	return true;
}

/* Users of the same name end up side by side, the earlier line first. */
static bool
sort_users(UserTable *table, const char *name, Error *error)
{
	if (table->count > 0)
		qsort(table->entries, (size_t) table->count, sizeof(Entry), compare_entries);
	for (int i = 1; i < table->count; i++)
	{
		const Entry *first = &table->entries[i - 1];
		const Entry *second = &table->entries[i];

		if (strcmp(first->user.name, second->user.name) != 0)
			continue;
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s:%d: user \"%s\" is there already, on line %d",
				  name, second->line, second->user.name, first->line);
		error_set_hint(error, "Keep one of the two lines.");
		return false;
	}
	return true;
}

static int
compare_entries(const void *a, const void *b)
{
	const Entry *left = a;
	const Entry *right = b;
	int			order = strcmp(left->user.name, right->user.name);

	return order != 0 ? order : left->line - right->line;
}

/* As strcmp(), for names of which one may have a zero byte in it. */
static int
compare_names(Slice a, Slice b)
{
	size_t		common = a.len < b.len ? a.len : b.len;
	int			order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool
fail_at(Place place, Error *error, const char *what)
{
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s:%d: %s", place.name, place.line, what);
	error_set_hint(error, "Write one user per line: \"name\" \"secret\", with quotes inside doubled.");
	return false;
}
