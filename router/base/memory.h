/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  Allocation that does not return NULL.
 *
 * Whatever a peer can make large is bounded before it is allocated; what is
 * left are small objects.  When not even these can be had, the process logs
 * and aborts: a supervisor restarts it in a known state.
 * (docs/decisions/0001-out-of-memory.md)
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_MEMORY_H
#define ROUTER_BASE_MEMORY_H

#include <stdlib.h>

#include "base/slice.h"

extern void *mem_alloc(size_t size);	/* zeroed */
extern void *mem_realloc(void *ptr, size_t size);
extern char *mem_strdup(const char *string);
extern char *mem_strndup(Slice bytes);	/* adds a terminator */

/* NULL is fine, and often what it is. */
static inline void
mem_free(void *ptr)
{
	if (ptr != NULL)
		free(ptr);
}

#endif							/* ROUTER_BASE_MEMORY_H */
