/*-------------------------------------------------------------------------
 *
 * slice.h
 *	  Borrowed bytes: a pointer and a length, owned by somebody else.
 *
 * A slice is valid as long as what it points into; every function that keeps
 * the bytes copies them and says so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_SLICE_H
#define ROUTER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct Slice
{
	const char *data;			/* may be NULL when len is 0 */
	size_t		len;
} Slice;

static inline Slice
slice_make(const char *data, size_t len)
{
	return (Slice) {data, len};
}

/* The bytes of a C string, without its terminator. */
static inline Slice
slice_from_string(const char *string)
{
	return (Slice) {string, strlen(string)};
}

static inline bool
slice_equals(Slice a, Slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool
slice_equals_string(Slice a, const char *string)
{
	return slice_equals(a, slice_from_string(string));
}

/* What is left after the first n bytes; n must not exceed len. */
static inline Slice
slice_skip(Slice a, size_t n)
{
	return n == 0 ? a : (Slice) {a.data + n, a.len - n};
}

#endif							/* ROUTER_BASE_SLICE_H */
