/*-------------------------------------------------------------------------
 *
 * names.h
 *	  A small set of names, such as the databases that are paused.
 *
 * A plain value, zeroed before first use; names are copied.  Looking one up
 * walks the list: it is for a handful.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_NAMES_H
#define ROUTER_BASE_NAMES_H

#include <stdbool.h>

typedef struct Names
{
	char	  **items;			/* owned */
	int			count;
} Names;

extern bool names_has(const Names *names, const char *name);
extern bool names_add(Names *names, const char *name);	/* false: it is there already */
extern bool names_remove(Names *names, const char *name);	/* false: it is not there */
extern void names_release(Names *names);	/* empty afterwards */

#endif							/* ROUTER_BASE_NAMES_H */
