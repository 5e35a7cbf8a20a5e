/*-------------------------------------------------------------------------
 *
 * hash.h
 *	  uthash with our allocation.
 *
 * uthash ends the process when malloc() fails; ours logs first (memory.h), so
 * its own way out is never taken.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_HASH_H
#define ROUTER_BASE_HASH_H

#include <stdlib.h>

#include "base/memory.h"

#define uthash_malloc(size) mem_alloc(size)
#define uthash_free(ptr, size) mem_free(ptr)
#define uthash_fatal(message) abort()
#include <uthash.h>

#endif							/* ROUTER_BASE_HASH_H */
