/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Allocation that ends the process instead of answering NULL.
 *
 * Nobody above checks for NULL, so nobody can forget to.  The one line that
 * is logged before the end needs no memory itself: log.c writes from its
 * stack.  Why we end rather than limp: docs/decisions/0001-out-of-memory.md.
 *
 *-------------------------------------------------------------------------
 */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

static _Noreturn void
memory_exhausted(size_t size)
{
	LOG_ERROR("out_of_memory",
			  LF_INT("bytes", size > INT64_MAX ? INT64_MAX : (int64_t) size));
	abort();
}

void *
mem_alloc(size_t size)
{
	void	   *ptr = calloc(1, size == 0 ? 1 : size);

	if (ptr == NULL)
		memory_exhausted(size);
	return ptr;
}

void *
mem_realloc(void *ptr, size_t size)
{
	void	   *moved = realloc(ptr, size == 0 ? 1 : size);

	if (moved == NULL)
		memory_exhausted(size);
	return moved;
}

char *
mem_strdup(const char *string)
{
	return mem_strndup(slice_from_string(string));
}

char *
mem_strndup(Slice bytes)
{
	char	   *copy = mem_alloc(bytes.len + 1);

	if (bytes.len > 0)
		memcpy(copy, bytes.data, bytes.len);
	return copy;
}
