/*-------------------------------------------------------------------------
 *
 * global_floor.c
 *	  The highest commit any session of a database made through this process.
 *
 * A floor is an LSN and its timeline, which belong together: after a failover
 * commits of the new timeline lie below what was lost of the old one.  Hence a
 * lock and not an atomic; it is held for some comparisons.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/global_floor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"

struct GlobalFloor
{
	ListNode	node;			/* in GlobalFloors.floors */
	const GlobalFloors *floors; /* borrowed */
	char	   *database;		/* owned */
	pthread_mutex_t lock;
	SessionPosition position;	/* as if all sessions were one; under lock */
	uint64_t	begun_us;		/* with the primary's sample of then; 0: not yet; under lock */
};

struct GlobalFloors
{
	pthread_mutex_t lock;
	List		floors;			/* under lock; they only grow */
	_Atomic uint64_t anew_us;	/* who has begun before then has to begin anew */
};

GlobalFloors *
global_floors_create(void)
{
	GlobalFloors *floors = mem_alloc(sizeof(GlobalFloors));

	pthread_mutex_init(&floors->lock, NULL);
	list_init(&floors->floors);
	return floors;
}

void
global_floors_destroy(GlobalFloors *floors)
{
	if (floors == NULL)
		return;
	while (!list_is_empty(&floors->floors))
	{
		GlobalFloor *floor = list_entry(list_pop_head(&floors->floors), GlobalFloor, node);

		pthread_mutex_destroy(&floor->lock);
		mem_free(floor->database);
		mem_free(floor);
	}
	pthread_mutex_destroy(&floors->lock);
	mem_free(floors);
}

GlobalFloor *
global_floors_get(GlobalFloors *floors, const char *database)
{
	GlobalFloor *found = NULL;

	pthread_mutex_lock(&floors->lock);
	LIST_FOREACH(node, &floors->floors)
	{
		GlobalFloor *floor = list_entry(node, GlobalFloor, node);

		if (strcmp(floor->database, database) == 0)
			found = floor;
	}
	if (found == NULL)
	{
		found = mem_alloc(sizeof(GlobalFloor));
		found->database = mem_strdup(database);
		pthread_mutex_init(&found->lock, NULL);
		found->floors = floors;
		position_init(&found->position);
		list_push_tail(&floors->floors, &found->node);
	}
	pthread_mutex_unlock(&floors->lock);
	return found;
}

void
global_floors_begin_anew(GlobalFloors *floors, uint64_t now_us)
{
	uint64_t	before = floors->anew_us;

	while (before < now_us && !atomic_compare_exchange_weak(&floors->anew_us, &before, now_us))
		;
}

void
global_floor_raise(GlobalFloor *floor, Lsn lsn, uint32_t timeline)
{
	pthread_mutex_lock(&floor->lock);
	position_raise_commit(&floor->position, lsn, timeline);
	pthread_mutex_unlock(&floor->lock);
}

bool
global_floor_apply(GlobalFloor *floor, const TopologyView *view, SessionPosition *session)
{
	const NodeView *primary = view->primary >= 0 ? &view->nodes[view->primary] : NULL;
	uint64_t	anew_us = floor->floors->anew_us;
	bool		is_known;

	position_reset_lost(session, view); /* before it takes over a later timeline */
	pthread_mutex_lock(&floor->lock);
	if (floor->begun_us <= anew_us && primary && primary->visible_lsn != 0 && primary->sampled_us > anew_us)
	{
		position_raise(&floor->position, primary->visible_lsn, primary->identity.timeline);
		floor->begun_us = primary->sampled_us;
	}
	is_known = floor->begun_us > anew_us || primary == NULL;
	position_reset_lost(&floor->position, view);
	position_raise(session, floor->position.floor, floor->position.floor_timeline);
	pthread_mutex_unlock(&floor->lock);
	return is_known;
}
