/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Interned sets of session settings.
 *
 * A set is one block of memory: the struct, an index of pointers, and the
 * packed text it was built from, sorted by name:
 *
 *	  name \0 value \0 name \0 value \0 ...
 *
 * The packed text is the key in the pool's hash table, so a set that exists
 * is found by content and shared.  A change packs a new text and looks it up.
 * The pool holds no reference: a set leaves the table with its last user.
 *
 * Values are what SHOW would print.  SET reads most values back from one
 * string literal; those that are lists of names (search_path) must be given
 * as a list of literals, or "a, b" would become one name.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/settings.h"

#include "base/hash.h"
#include "base/memory.h"
#include "sql/classify_lists.h"

typedef struct SettingsItem
{
	const char *name;			/* points into packed */
	const char *value;			/* points into packed */
} SettingsItem;

struct Settings
{
	SettingsPool *pool;			/* borrowed: outlives every set */
	int			refcount;
	int			count;
	unsigned	note;			/* of the layer above; not part of what the set is */
	const char *packed;			/* in the same block, behind items */
	size_t		packed_len;
	char	   *plan_text;		/* owned; NULL until it is asked for */
	size_t		plan_len;
	UT_hash_handle hh;
	SettingsItem items[];
};

struct SettingsPool
{
	Settings   *sets;			/* hash table by packed text; no references held */
};

static Settings *settings_intern(SettingsPool *pool, const Buf *packed, int count);
static void settings_pack(Buf *packed, Slice name, Slice value);
static Slice slice_until_nul(Slice bytes);
static char *lower_name(Slice name);
static int	find_index(const Settings *settings, const char *name);
static bool is_name_list(const char *name);
static void append_separator(Buf *sql, size_t start);
static void append_set(Buf *sql, const char *name, const char *value);
static void append_name(Buf *sql, const char *name);
static void append_literal(Buf *sql, Slice value);
static void append_name_list(Buf *sql, const char *value);

SettingsPool *
settings_pool_create(void)
{
	return mem_alloc(sizeof(SettingsPool));
}

void
settings_pool_destroy(SettingsPool *pool)
{
	if (pool == NULL)
		return;
	HASH_CLEAR(hh, pool->sets);
	mem_free(pool);
}

Settings *
settings_empty(SettingsPool *pool)
{
	Buf			packed = BUF_INIT;

	return settings_intern(pool, &packed, 0);
}

Settings *
settings_ref(Settings *settings)
{
	settings->refcount++;
	return settings;
}

void
settings_unref(Settings *settings)
{
	if (settings == NULL || --settings->refcount > 0)
		return;
	HASH_DEL(settings->pool->sets, settings);
	mem_free(settings->plan_text);
	mem_free(settings);
}

Settings *
settings_with(Settings *settings, Slice name, Slice value)
{
	char	   *lower = lower_name(name);
	Slice		clean = slice_until_nul(value);
	Buf			packed = BUF_INIT;
	Settings   *result;
	int			count = 0;
	bool		placed = false;

	for (int i = 0; i < settings->count; i++)
	{
		const SettingsItem *item = &settings->items[i];
		int			order = strcmp(item->name, lower);

		if (order >= 0 && !placed)
		{
			settings_pack(&packed, slice_from_string(lower), clean);
			placed = true;
			count++;
		}
		if (order != 0)
		{
			settings_pack(&packed, slice_from_string(item->name), slice_from_string(item->value));
			count++;
		}
	}
	if (!placed)
	{
		settings_pack(&packed, slice_from_string(lower), clean);
		count++;
	}
	result = settings_intern(settings->pool, &packed, count);
	buf_release(&packed);
	mem_free(lower);
	return result;
}

Settings *
settings_without(Settings *settings, Slice name)
{
	char	   *lower = lower_name(name);
	int			skip = find_index(settings, lower);
	Buf			packed = BUF_INIT;
	Settings   *result;

	mem_free(lower);
	if (skip < 0)
		return settings_ref(settings);
	for (int i = 0; i < settings->count; i++)
	{
		if (i != skip)
			settings_pack(&packed, slice_from_string(settings->items[i].name),
						  slice_from_string(settings->items[i].value));
	}
	result = settings_intern(settings->pool, &packed, settings->count - 1);
	buf_release(&packed);
	return result;
}

const char *
settings_find(const Settings *settings, const char *name)
{
	int			i = find_index(settings, name);

	return i < 0 ? NULL : settings->items[i].value;
}

int
settings_count(const Settings *settings)
{
	return settings->count;
}

void
settings_item(const Settings *settings, int i, const char **name, const char **value)
{
	*name = settings->items[i].name;
	*value = settings->items[i].value;
}

Slice
settings_plan_text(Settings *settings)
{
	if (settings->plan_text == NULL)
	{
		Buf			packed = BUF_INIT;

		for (int i = 0; i < settings->count; i++)
		{
			const SettingsItem *item = &settings->items[i];

			if (classify_setting_use(item->name) != SETTING_OF_NO_PLAN)
				settings_pack(&packed, slice_from_string(item->name), slice_from_string(item->value));
		}
		settings->plan_len = buf_len(&packed);
		settings->plan_text = mem_strndup(buf_slice(&packed));
		buf_release(&packed);
	}
	return slice_make(settings->plan_text, settings->plan_len);
}

unsigned
settings_note(const Settings *settings)
{
	return settings->note;
}

void
settings_set_note(const Settings *settings, unsigned note)
{
	((Settings *) settings)->note = note;
}

/*
 * RESETs come before SETs, and session_authorization before all other SETs:
 * setting it resets role.
 */
void
settings_diff_sql(const Settings *from, const Settings *to, Buf *sql)
{
	const char *first = "session_authorization";
	const char *wanted;
	size_t		start = buf_len(sql);

	if (from == to)
		return;
	for (int i = 0; i < from->count; i++)
	{
		if (find_index(to, from->items[i].name) < 0)
		{
			append_separator(sql, start);
			buf_append_string(sql, "RESET ");
			append_name(sql, from->items[i].name);
		}
	}
	wanted = settings_find(to, first);
	if (wanted != NULL)
	{
		const char *has = settings_find(from, first);

		if (has == NULL || strcmp(has, wanted) != 0)
		{
			append_separator(sql, start);
			append_set(sql, first, wanted);
		}
	}
	for (int i = 0; i < to->count; i++)
	{
		const SettingsItem *item = &to->items[i];
		const char *has = settings_find(from, item->name);

		if (strcmp(item->name, first) != 0 && (has == NULL || strcmp(has, item->value) != 0))
		{
			append_separator(sql, start);
			append_set(sql, item->name, item->value);
		}
	}
}

/* The set with this packed text: found, or made. */
static Settings *
settings_intern(SettingsPool *pool, const Buf *packed, int count)
{
	Slice		key = buf_slice(packed);
	size_t		items_size = (size_t) count * sizeof(SettingsItem);
	Settings   *settings;
	char	   *at;

	/* the hash wants a pointer even for no bytes */
	if (key.data == NULL)
		key = slice_make("", 0);
	HASH_FIND(hh, pool->sets, key.data, key.len, settings);
	if (settings != NULL)
		return settings_ref(settings);

	settings = mem_alloc(sizeof(Settings) + items_size + key.len + 1);
	settings->pool = pool;
	settings->refcount = 1;
	settings->count = count;
	at = (char *) settings + sizeof(Settings) + items_size;
	memcpy(at, key.data, key.len);
	settings->packed = at;
	settings->packed_len = key.len;
	for (int i = 0; i < count; i++)
	{
		settings->items[i].name = at;
		at += strlen(at) + 1;
		settings->items[i].value = at;
		at += strlen(at) + 1;
	}
	HASH_ADD_KEYPTR(hh, pool->sets, settings->packed, settings->packed_len, settings);
	return settings;
}

static void
settings_pack(Buf *packed, Slice name, Slice value)
{
	buf_append(packed, name);
	buf_append_u8(packed, 0);
	buf_append(packed, value);
	buf_append_u8(packed, 0);
}

/* A NUL inside would break the packing; the protocol cannot carry one anyway. */
static Slice
slice_until_nul(Slice bytes)
{
	const char *nul = bytes.len > 0 ? memchr(bytes.data, '\0', bytes.len) : NULL;

	return nul == NULL ? bytes : slice_make(bytes.data, (size_t) (nul - bytes.data));
}

static char *
lower_name(Slice name)
{
	char	   *lower = mem_strndup(slice_until_nul(name));

	for (char *at = lower; *at != '\0'; at++)
	{
		if (*at >= 'A' && *at <= 'Z')
			*at = (char) (*at - 'A' + 'a');
	}
	return lower;
}

static int
find_index(const Settings *settings, const char *name)
{
	int			low = 0;
	int			high = settings->count - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			order = strcmp(settings->items[middle].name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/* PostgreSQL's GUC_LIST_QUOTE settings that a session may change. */
static bool
is_name_list(const char *name)
{
	return strcmp(name, "search_path") == 0 || strcmp(name, "temp_tablespaces") == 0 ||
		strcmp(name, "local_preload_libraries") == 0 || strcmp(name, "session_preload_libraries") == 0;
}

static void
append_separator(Buf *sql, size_t start)
{
	if (buf_len(sql) > start)
		buf_append_string(sql, "; ");
}

static void
append_set(Buf *sql, const char *name, const char *value)
{
	buf_append_string(sql, "SET ");
	append_name(sql, name);
	buf_append_string(sql, " TO ");
	if (is_name_list(name))
		append_name_list(sql, value);
	else
		append_literal(sql, slice_from_string(value));
}

/* Quoted part by part: "myapp"."user" would be a syntax error without. */
static void
append_name(Buf *sql, const char *name)
{
	buf_append_u8(sql, '"');
	for (const char *at = name; *at != '\0'; at++)
	{
		if (*at == '.')
			buf_append_string(sql, "\".\"");
		else if (*at == '"')
			buf_append_string(sql, "\"\"");
		else
			buf_append_u8(sql, (uint8_t) *at);
	}
	buf_append_u8(sql, '"');
}

/* Reads the same whatever standard_conforming_strings says. */
static void
append_literal(Buf *sql, Slice value)
{
	bool		has_backslash = value.len > 0 && memchr(value.data, '\\', value.len) != NULL;

	buf_append_string(sql, has_backslash ? "E'" : "'");
	for (size_t i = 0; i < value.len; i++)
	{
		if (value.data[i] == '\'' || value.data[i] == '\\')
			buf_append_u8(sql, (uint8_t) value.data[i]);
		buf_append_u8(sql, (uint8_t) value.data[i]);
	}
	buf_append_u8(sql, '\'');
}

/*
 * A list as SHOW prints it, into literals: '"$user", public' becomes
 * '$user', 'public'.  Follows SplitIdentifierString(): blanks around names are
 * dropped, unquoted names are folded to lower case, "" inside quotes is one
 * quote.  Anything SplitIdentifierString() would refuse still gives valid
 * SQL; the server then judges the value.
 */
static void
append_name_list(Buf *sql, const char *value)
{
	const char *at = value;
	bool		more = true;

	while (more)
	{
		Buf			name = BUF_INIT;

		at += strspn(at, " \t\n\r\f\v");
		if (*at == '"')
		{
			for (at++; *at != '\0' && (*at != '"' || at[1] == '"'); at++)
			{
				buf_append_u8(&name, (uint8_t) *at);
				if (*at == '"')
					at++;
			}
			if (*at == '"')
				at++;
			at += strcspn(at, ",");
		}
		else
		{
			size_t		len = strcspn(at, ",");
			size_t		kept = len;

			while (kept > 0 && strchr(" \t\n\r\f\v", at[kept - 1]) != NULL)
				kept--;
			for (size_t i = 0; i < kept; i++)
				buf_append_u8(&name, (uint8_t) (at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]));
			at += len;
		}
		append_literal(sql, buf_slice(&name));
		buf_release(&name);
		more = *at == ',';
		if (more)
		{
			at++;
			buf_append_string(sql, ", ");
		}
	}
}
