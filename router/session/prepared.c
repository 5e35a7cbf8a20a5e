/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Shared prepared statements, and the names clients give them.
 *
 * Both tables are uthash tables.  A shared statement is found by the hash of
 * its types and text, which are kept in one block behind it, so that the
 * comparison is one memcmp.
 *
 *-------------------------------------------------------------------------
 */
#include "session/prepared.h"

#include <stdio.h>

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
	uint16_t	nparams;
	size_t		key_len;
	char		key[];			/* number of types (2 bytes), types (4 bytes each), text */
};

struct PreparedTable
{
	Prepared   *by_key;
	List		unnamed_by_all; /* of Prepared that nobody names any more; oldest first */
	Buf			scratch;		/* the key looked for */
	uint64_t	last_number;
};

static void prepared_free(Prepared *prepared);

typedef struct NamedStatement
{
	UT_hash_handle hh;
	Prepared   *prepared;		/* a reference */
	size_t		name_len;
	char		name[];
} NamedStatement;

struct PreparedMap
{
	NamedStatement *by_name;
	Prepared   *unnamed;		/* a reference, or NULL: most statements have no name */
};

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
prepared_get(PreparedTable *table, Slice text, uint16_t nparams, Slice param_types, bool *is_new)
{
	Prepared   *prepared;
	Slice		key;

	buf_clear(&table->scratch);
	buf_append_u16(&table->scratch, nparams);
	buf_append(&table->scratch, param_types);
	buf_append(&table->scratch, text);
	key = buf_slice(&table->scratch);

	HASH_FIND(hh, table->by_key, key.data, key.len, prepared);
	*is_new = prepared == NULL;
	if (prepared)
		return prepared_ref(prepared);

	prepared = mem_alloc(sizeof(Prepared) + key.len);
	memcpy(prepared->key, key.data, key.len);
	prepared->key_len = key.len;
	prepared->nparams = nparams;
	prepared->table = table;
	prepared->number = ++table->last_number;
	prepared->refcount = 1;
	HASH_ADD(hh, table->by_key, key, prepared->key_len, prepared);
	return prepared;
}

Prepared *
prepared_ref(Prepared *prepared)
{
	if (prepared->refcount++ == 0)
		list_remove(&prepared->table->unnamed_by_all, &prepared->node);
	return prepared;
}

/* What nobody names is kept for a while: the next client may prepare it again. */
void
prepared_unref(Prepared *prepared)
{
	List	   *unnamed;

	if (prepared == NULL || --prepared->refcount > 0)
		return;
	unnamed = &prepared->table->unnamed_by_all;
	list_push_tail(unnamed, &prepared->node);
	if (unnamed->count > PREPARED_KEEP)
		prepared_free(list_entry(list_first(unnamed), Prepared, node));
}

static void
prepared_free(Prepared *prepared)
{
	list_remove(&prepared->table->unnamed_by_all, &prepared->node);
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
	size_t		types_end = 2 + (size_t) prepared->nparams * 4;

	return slice_make(prepared->key + types_end, prepared->key_len - types_end);
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
	int			len = snprintf(buffer, PREPARED_NAME_SIZE, PREPARED_NAME_PREFIX "%llu",
							   (unsigned long long) number);

	return slice_make(buffer, (size_t) len);
}

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
	mem_free(map);
}

Prepared *
prepared_map_find(const PreparedMap *map, Slice name)
{
	NamedStatement *named;

	if (name.len == 0)
		return map->unnamed;
	HASH_FIND(hh, map->by_name, name.data, name.len, named);
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
		return;
	}
	HASH_FIND(hh, map->by_name, name.data, name.len, named);
	if (named)
	{
		prepared_unref(named->prepared);
		named->prepared = prepared;
		return;
	}
	named = mem_alloc(sizeof(NamedStatement) + name.len);
	named->name_len = name.len;
	memcpy(named->name, name.data, name.len);
	named->prepared = prepared;
	HASH_ADD(hh, map->by_name, name, name.len, named);
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
	HASH_FIND(hh, map->by_name, name.data, name.len, named);
	if (named == NULL)
		return false;
	HASH_DELETE(hh, map->by_name, named);
	prepared_unref(named->prepared);
	mem_free(named);
	return true;
}

void
prepared_map_clear(PreparedMap *map)
{
	NamedStatement *named;
	NamedStatement *next;

	HASH_ITER(hh, map->by_name, named, next)
	{
		HASH_DELETE(hh, map->by_name, named);
		prepared_unref(named->prepared);
		mem_free(named);
	}
	prepared_unref(map->unnamed);
	map->unnamed = NULL;
}

size_t
prepared_map_count(const PreparedMap *map)
{
	return HASH_COUNT(map->by_name) + (map->unnamed != NULL);
}
