/*-------------------------------------------------------------------------
 *
 * names.c
 *	  A small set of names.
 *
 *-------------------------------------------------------------------------
 */
#include "base/names.h"

#include <string.h>

#include "base/memory.h"

static int	find(const Names *names, const char *name);

bool
names_has(const Names *names, const char *name)
{
	return find(names, name) >= 0;
}

bool
names_add(Names *names, const char *name)
{
	if (find(names, name) >= 0)
		return false;
	names->items = mem_realloc(names->items, (size_t) (names->count + 1) * sizeof(char *));
	names->items[names->count++] = mem_strdup(name);
	return true;
}

bool
names_remove(Names *names, const char *name)
{
	int			i = find(names, name);

	if (i < 0)
		return false;
	mem_free(names->items[i]);
	names->items[i] = names->items[--names->count];
	return true;
}

void
names_release(Names *names)
{
	for (int i = 0; i < names->count; i++)
		mem_free(names->items[i]);
	mem_free(names->items);
	*names = (Names) {0};
}

static int
find(const Names *names, const char *name)
{
	for (int i = 0; i < names->count; i++)
	{
		if (strcmp(names->items[i], name) == 0)
			return i;
	}
	return -1;
}
