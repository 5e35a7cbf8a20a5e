/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Shared prepared statements, and the names clients give them.
 *
 * Both tables are uthash tables.  A shared statement is found by the hash of
 * all that makes it what it is, which is kept in one block behind it, so that
 * the comparison is one memcmp:
 *
 *	  | nparams (2) | types (4 each) | length of settings (4) | settings | text |
 *
 *-------------------------------------------------------------------------
 */
#include "session/prepared.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/memory.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) mem_alloc(size)
#define uthash_free(ptr, size) mem_free(ptr)
#include <uthash.h>

struct Prepared
{
	UT_hash_handle hh;
	PreparedTable *table;		/* borrowed */
	ListNode	node;			/* in table->unnamed_by_all while refcount is 0 */
	uint64_t	number;
	int			refcount;
	bool		is_retired;		/* not found by its key any more */
	uint16_t	nparams;
	size_t		key_len;
	size_t		text_at;		/* where the text begins in the key */
	char		key[];
};

struct PreparedTable
{
	Prepared   *by_key;
	List		unnamed_by_all; /* of Prepared that nobody names any more; oldest first */
	size_t		kept_bytes;		/* of their keys */
	Buf			scratch;		/* the key looked for */
	uint64_t	last_number;
};

#define PREPARED_SCRATCH_KEPT (64 * 1024)

static Slice prepared_build_key(Buf *scratch, const PreparedKey *key);
static Prepared *prepared_make(PreparedTable *table, const PreparedKey *key, Slice bytes);
static void prepared_leave_unnamed(Prepared *prepared);
static void prepared_free(Prepared *prepared);
static void log_append(PreparedLog *log, const PreparedMap *map, Slice name);

typedef struct NamedStatement
{
	UT_hash_handle hh;
	Prepared   *prepared;		/* a reference */
	Description description;
	bool		is_placed;
	size_t		name_len;
	char		name[];
} NamedStatement;

struct PreparedMap
{
	NamedStatement *by_name;
	NamedStatement *found_last; /* borrowed, or NULL: a unit looks for one name again and again */
	Prepared   *unnamed;		/* a reference, or NULL: most statements have no name */
	Description unnamed_description;
	bool		has_descriptions;
	bool		has_placed;		/* since they were removed last */
};

static NamedStatement *find_named(const PreparedMap *map, Slice name);
static void remove_named(PreparedMap *map, NamedStatement *named);

PreparedTable *
prepared_table_create(void)
{
	PreparedTable *table = mem_alloc(sizeof(PreparedTable));

	list_init(&table->unnamed_by_all);
	return table;
}

void
prepared_table_destroy(PreparedTable *table)
{
	ListNode   *node;

	while ((node = list_first(&table->unnamed_by_all)) != NULL)
		prepared_free(list_entry(node, Prepared, node));
	buf_release(&table->scratch);
	mem_free(table);
}

size_t
prepared_table_count(const PreparedTable *table)
{
	return HASH_COUNT(table->by_key);
}

Prepared *
prepared_get(PreparedTable *table, const PreparedKey *key, bool *is_new)
{
	Buf		   *scratch = &table->scratch;
	Slice		bytes = prepared_build_key(scratch, key);
	Prepared   *prepared;

	HASH_FIND(hh, table->by_key, bytes.data, bytes.len, prepared);
	*is_new = prepared == NULL;
	if (prepared == NULL)
	{
		prepared = prepared_make(table, key, bytes);
		HASH_ADD(hh, table->by_key, key, prepared->key_len, prepared);
	}
	else
		prepared_ref(prepared);
	if (scratch->cap > PREPARED_SCRATCH_KEPT)
		buf_release(scratch);
	return prepared;
}

Prepared *
prepared_make_private(PreparedTable *table, const PreparedKey *key)
{
	Prepared   *prepared = prepared_make(table, key, prepared_build_key(&table->scratch, key));

	prepared->is_retired = true;
	return prepared;
}

static Slice
prepared_build_key(Buf *scratch, const PreparedKey *key)
{
	buf_clear(scratch);
	buf_append_u16(scratch, key->nparams);
	buf_append(scratch, key->param_types);
	buf_append_u32(scratch, (uint32_t) key->settings.len);
	buf_append(scratch, key->settings);
	buf_append(scratch, key->text);
	return buf_slice(scratch);
}

static Prepared *
prepared_make(PreparedTable *table, const PreparedKey *key, Slice bytes)
{
	Prepared   *prepared = mem_alloc(sizeof(Prepared) + bytes.len);

	memcpy(prepared->key, bytes.data, bytes.len);
	prepared->key_len = bytes.len;
	prepared->text_at = bytes.len - key->text.len;
	prepared->nparams = key->nparams;
	prepared->table = table;
	prepared->number = ++table->last_number;
	prepared->refcount = 1;
	return prepared;
}

bool
prepared_fits(const Prepared *prepared, Slice settings)
{
	size_t		at = 2 + (size_t) prepared->nparams * 4 + 4;

	return slice_equals(slice_make(prepared->key + at, prepared->text_at - at), settings);
}

void
prepared_table_retire(PreparedTable *table, uint64_t number)
{
	Prepared   *prepared;
	Prepared   *next;

	HASH_ITER(hh, table->by_key, prepared, next)
	{
		if (prepared->number != number)
			continue;
		if (prepared->refcount == 0)
			prepared_free(prepared);
		else
		{
			HASH_DELETE(hh, table->by_key, prepared);
			prepared->is_retired = true;
		}
		return;
	}
}

bool
prepared_is_retired(const Prepared *prepared)
{
	return prepared->is_retired;
}

Prepared *
prepared_ref(Prepared *prepared)
{
	if (prepared->refcount++ == 0)
		prepared_leave_unnamed(prepared);
	return prepared;
}

/* What nobody names is kept for a while: the next client may prepare it again. */
void
prepared_unref(Prepared *prepared)
{
	PreparedTable *table;
	List	   *unnamed;

	if (prepared == NULL || --prepared->refcount > 0)
		return;
	if (prepared->is_retired)
	{
		mem_free(prepared);
		return;
	}
	table = prepared->table;
	unnamed = &table->unnamed_by_all;
	list_push_tail(unnamed, &prepared->node);
	table->kept_bytes += prepared->key_len;
	while (unnamed->count > PREPARED_KEEP || table->kept_bytes > PREPARED_KEEP_BYTES)
		prepared_free(list_entry(list_first(unnamed), Prepared, node));
}

static void
prepared_leave_unnamed(Prepared *prepared)
{
	list_remove(&prepared->table->unnamed_by_all, &prepared->node);
	prepared->table->kept_bytes -= prepared->key_len;
}

static void
prepared_free(Prepared *prepared)
{
	prepared_leave_unnamed(prepared);
	HASH_DELETE(hh, prepared->table->by_key, prepared);
	mem_free(prepared);
}

uint64_t
prepared_number(const Prepared *prepared)
{
	return prepared->number;
}

Slice
prepared_text(const Prepared *prepared)
{
	return slice_make(prepared->key + prepared->text_at, prepared->key_len - prepared->text_at);
}

uint16_t
prepared_nparams(const Prepared *prepared)
{
	return prepared->nparams;
}

Slice
prepared_param_types(const Prepared *prepared)
{
	return slice_make(prepared->key + 2, (size_t) prepared->nparams * 4);
}

Slice
prepared_server_name(uint64_t number, char buffer[PREPARED_NAME_SIZE])
{
	char	   *at = buffer + PREPARED_NAME_SIZE;

	/* once or twice a unit: printf would take longer than all the rest of it */
	*--at = '\0';
	do
		*--at = (char) ('0' + number % 10);
	while ((number /= 10) > 0);
	at -= strlen(PREPARED_NAME_PREFIX);
	memcpy(at, PREPARED_NAME_PREFIX, strlen(PREPARED_NAME_PREFIX));
	return slice_make(at, (size_t) (buffer + PREPARED_NAME_SIZE - 1 - at));
}

bool
prepared_is_server_name(Slice name)
{
	size_t		len = strlen(PREPARED_NAME_PREFIX);

	return name.len > len && memcmp(name.data, PREPARED_NAME_PREFIX, len) == 0;
}

/* ---------------------------------------------------------------- a client's names */

PreparedMap *
prepared_map_create(void)
{
	return mem_alloc(sizeof(PreparedMap));
}

void
prepared_map_destroy(PreparedMap *map)
{
	if (map == NULL)
		return;
	prepared_map_clear(map);
	prepared_unref(map->unnamed);
	mem_free(map);
}

static NamedStatement *
find_named(const PreparedMap *map, Slice name)
{
	NamedStatement *named = map->found_last;

	if (named && slice_equals(slice_make(named->name, named->name_len), name))
		return named;
	HASH_FIND(hh, map->by_name, name.data, name.len, named);
	if (named)
		((PreparedMap *) map)->found_last = named;
	return named;
}

Prepared *
prepared_map_find(const PreparedMap *map, Slice name)
{
	NamedStatement *named;

	if (name.len == 0)
		return map->unnamed;
	named = find_named(map, name);
	return named ? named->prepared : NULL;
}

void
prepared_map_put(PreparedMap *map, Slice name, Prepared *prepared)
{
	NamedStatement *named;

	if (name.len == 0)
	{
		prepared_unref(map->unnamed);
		map->unnamed = prepared;
		map->unnamed_description = (Description) {0, 0};
		return;
	}
	named = find_named(map, name);
	if (named)
	{
		prepared_unref(named->prepared);
		named->prepared = prepared;
		named->description = (Description) {0, 0};
		return;
	}
	named = mem_alloc(sizeof(NamedStatement) + name.len);
	named->name_len = name.len;
	memcpy(named->name, name.data, name.len);
	named->prepared = prepared;
	HASH_ADD(hh, map->by_name, name, name.len, named);
}

void
prepared_map_describe(PreparedMap *map, Slice name, uint64_t number, const Description *description)
{
	NamedStatement *named = NULL;
	const Prepared *prepared = map->unnamed;
	Description *told = &map->unnamed_description;

	if (name.len > 0)
	{
		named = find_named(map, name);
		prepared = named ? named->prepared : NULL;
		told = named ? &named->description : NULL;
	}
	if (prepared == NULL || prepared->number != number)
		return;					/* another statement has that name by now */
	if (description->params != 0)
		told->params = description->params;
	if (description->rows != 0)
		told->rows = description->rows;
	map->has_descriptions = true;
}

Description
prepared_map_description(const PreparedMap *map, Slice name)
{
	NamedStatement *named;

	if (name.len == 0)
		return map->unnamed_description;
	named = find_named(map, name);
	return named ? named->description : (Description) {0, 0};
}

bool
prepared_map_has_descriptions(const PreparedMap *map)
{
	return map->has_descriptions;
}

bool
prepared_map_is_placed(const PreparedMap *map, Slice name)
{
	NamedStatement *named = map->has_placed && name.len > 0 ? find_named(map, name) : NULL;

	return named && named->is_placed;
}

bool
prepared_map_has_placed(const PreparedMap *map)
{
	return map->has_placed;
}

void
prepared_map_remove_placed(PreparedMap *map)
{
	NamedStatement *named;
	NamedStatement *next;

	HASH_ITER(hh, map->by_name, named, next)
	{
		if (named->is_placed)
			remove_named(map, named);
	}
	map->has_placed = false;
}

bool
prepared_map_remove(PreparedMap *map, Slice name)
{
	NamedStatement *named;

	if (name.len == 0)
	{
		bool		had = map->unnamed != NULL;

		prepared_unref(map->unnamed);
		map->unnamed = NULL;
		return had;
	}
	named = find_named(map, name);
	if (named == NULL)
		return false;
	remove_named(map, named);
	return true;
}

static void
remove_named(PreparedMap *map, NamedStatement *named)
{
	HASH_DELETE(hh, map->by_name, named);
	map->found_last = NULL;
	prepared_unref(named->prepared);
	mem_free(named);
}

void
prepared_map_clear(PreparedMap *map)
{
	NamedStatement *named;
	NamedStatement *next;

	HASH_ITER(hh, map->by_name, named, next)
		remove_named(map, named);
	map->has_placed = false;
}

size_t
prepared_map_count(const PreparedMap *map)
{
	return HASH_COUNT(map->by_name) + (map->unnamed != NULL);
}

/* ---------------------------------------------------------------- the log of changes */

void
prepared_log_put(PreparedLog *log, PreparedMap *map, Slice name, Prepared *prepared)
{
	log_append(log, map, name);
	prepared_map_put(map, name, prepared);
}

void
prepared_log_place(PreparedLog *log, PreparedMap *map, Slice name)
{
	log_append(log, map, name);
	find_named(map, name)->is_placed = map->has_placed = true;
}

void
prepared_log_remove(PreparedLog *log, PreparedMap *map, Slice name)
{
	log_append(log, map, name);
	prepared_map_remove(map, name);
}

/* Backwards: a name may have changed more than once. */
void
prepared_log_undo(PreparedLog *log, PreparedMap *map, size_t keep)
{
	while (log->count > keep)
	{
		PreparedChange *change = &log->changes[--log->count];
		Slice		name = change->name ? slice_from_string(change->name) : slice_make("", 0);

		if (change->before)
		{
			prepared_map_put(map, name, change->before);
			if (name.len > 0)
				find_named(map, name)->is_placed = change->was_placed;
			prepared_map_describe(map, name, change->before->number, &change->described);
		}
		else
			prepared_map_remove(map, name);
		mem_free(change->name);
	}
	if (log->answered > keep)
		log->answered = keep;
}

void
prepared_log_clear(PreparedLog *log)
{
	while (log->count > 0)
	{
		PreparedChange *change = &log->changes[--log->count];

		prepared_unref(change->before);
		mem_free(change->name);
	}
	log->answered = 0;
}

void
prepared_log_release(PreparedLog *log)
{
	prepared_log_clear(log);
	mem_free(log->changes);
	memset(log, 0, sizeof(*log));
}

static void
log_append(PreparedLog *log, const PreparedMap *map, Slice name)
{
	Prepared   *before = prepared_map_find(map, name);
	PreparedChange *change;

	if (log->count == log->cap)
	{
		log->cap = log->cap ? log->cap * 2 : 4;
		log->changes = mem_realloc(log->changes, log->cap * sizeof(PreparedChange));
	}
	change = &log->changes[log->count++];
	change->name = name.len > 0 ? mem_strndup(name) : NULL;
	change->before = before ? prepared_ref(before) : NULL;
	change->described = prepared_map_description(map, name);
	change->was_placed = prepared_map_is_placed(map, name);
}
