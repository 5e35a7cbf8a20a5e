/*-------------------------------------------------------------------------
 *
 * pool_pause.c
 *	  What an operator does to pools: PAUSE, RESUME, RECONNECT.
 *
 * A paused pool has no idle server and opens none: those nobody holds are
 * closed at once, those in use when they are given back.  Who asks for one
 * waits in the queue as ever, until RESUME or its own deadline.  So a paused
 * pool is quiet when its last server has been given back, and being paused
 * costs the checkout nothing: it finds no idle server.
 *
 * Which databases are paused the set remembers by name, for pools that are
 * made meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/pool_internal.h"

static bool is_of(const Pool *pool, const char *database);
static void close_free_servers(Pool *pool);
static void retire_servers(List *servers);

bool
pool_set_pause(PoolSet *set, const char *database)
{
	bool		is_new = database != NULL ? names_add(&set->paused, database) : !set->is_paused;

	set->is_paused |= database == NULL;
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		if (!is_of(pool, database))
			continue;
		pool->is_paused = true;
		close_free_servers(pool);
	}
	return is_new;
}

/* Resuming all resumes each that was paused by name, too. */
bool
pool_set_resume(PoolSet *set, const char *database)
{
	bool		was_paused = database != NULL ? names_remove(&set->paused, database) :
		set->is_paused || set->paused.count > 0;

	if (database == NULL)
	{
		set->is_paused = false;
		names_release(&set->paused);
	}
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		pool->is_paused = pool_set_is_paused(set, pool->database);
		if (!pool->is_paused)
			pool_schedule(pool);
	}
	return was_paused;
}

bool
pool_set_is_paused(const PoolSet *set, const char *database)
{
	return set->is_paused || (database != NULL && names_has(&set->paused, database));
}

void
pool_set_reconnect(PoolSet *set, const char *database)
{
	for (Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		if (!is_of(pool, database))
			continue;
		close_free_servers(pool);
		retire_servers(&pool->active);
		retire_servers(&pool->parked);
	}
}

void
pool_set_count(const PoolSet *set, const char *database, PoolCount *count)
{
	for (const Pool *pool = set->pools; pool != NULL; pool = pool->hh.next)
	{
		const List *lists[] = {&pool->connecting, &pool->idle, &pool->active, &pool->resetting, &pool->parked};

		if (!is_of(pool, database))
			continue;
		count->servers += pool_server_count(pool);
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		{
			LIST_FOREACH(node, lists[i])
				count->retired += list_entry(node, Server, pool_node)->is_stale;
		}
	}
}

static bool
is_of(const Pool *pool, const char *database)
{
	return database == NULL || strcmp(pool->database, database) == 0;
}

/* Those nobody holds. */
static void
close_free_servers(Pool *pool)
{
	List	   *lists[] = {&pool->idle, &pool->connecting, &pool->resetting};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
	{
		while (!list_is_empty(lists[i]))
			pool_drop(list_entry(list_first(lists[i]), Server, pool_node), DROP_ROUTINE, "asked to close");
	}
}

static void
retire_servers(List *servers)
{
	LIST_FOREACH(node, servers)
		list_entry(node, Server, pool_node)->is_stale = true;
}
