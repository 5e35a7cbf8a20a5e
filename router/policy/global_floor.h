/*-------------------------------------------------------------------------
 *
 * global_floor.h
 *	  The highest commit any session of a database made through this process.
 *
 * For consistency = global: no session reads below what any other session of
 * the router was told is committed.  A commit raises the floor before its
 * client is told; a session takes it over before each read.  Tokens
 * (SET andon.floor) do not enter it.  It begins at what is visible on the
 * primary when the first session asks: an earlier process may have told of
 * that.  What other routers, or clients past the router, commit is not in it.
 *
 * Workers whose sessions ask for no such thing raise nothing, so that it costs
 * nothing there.  One that comes to ask for it, after a reload, has all floors
 * begin anew, with a sample of the primary begun later.
 *
 * The table lives as long as the process, a floor as long as the table; both
 * may be used by any thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_GLOBAL_FLOOR_H
#define ROUTER_POLICY_GLOBAL_FLOOR_H

#include "policy/consistency.h"

typedef struct GlobalFloors GlobalFloors;
typedef struct GlobalFloor GlobalFloor;

extern GlobalFloors *global_floors_create(void);
extern void global_floors_destroy(GlobalFloors *floors);	/* NULL is fine */

/* Until now_us sessions may have been told of commits that raised nothing. */
extern void global_floors_begin_anew(GlobalFloors *floors, uint64_t now_us);

/* That of a database, by its name on the servers; made when it is not there. */
extern GlobalFloor *global_floors_get(GlobalFloors *floors, const char *database);

/* A session has committed at lsn, on the primary of that timeline. */
extern void global_floor_raise(GlobalFloor *floor, Lsn lsn, uint32_t timeline);

/* The session reads no lower than this from now on; false: it is not known before a later sample of the primary. */
extern bool global_floor_apply(GlobalFloor *floor, const TopologyView *view, SessionPosition *session);

#endif							/* ROUTER_POLICY_GLOBAL_FLOOR_H */
