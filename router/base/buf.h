/*-------------------------------------------------------------------------
 *
 * buf.h
 *	  A growable byte queue: appended at the end, consumed at the start.
 *
 *	  data      start          end            cap
 *	   |  consumed  |  unread bytes  |  room   |
 *
 * buf_sane() states the invariant.  An empty buffer owns no memory after
 * buf_release(), so an idle connection costs nothing.  Memory that cannot be
 * had ends the process (see memory.h): callers bound what they append.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_BUF_H
#define ROUTER_BASE_BUF_H

#include <stdint.h>

#include "base/slice.h"

#define BUF_BLOCK_SIZE 512		/* what a buffer begins with */

typedef struct Buf
{
	char	   *data;			/* owned; NULL when cap is 0 */
	size_t		start;
	size_t		end;
	size_t		cap;
} Buf;

#define BUF_INIT {NULL, 0, 0, 0}

extern bool buf_sane(const Buf *buf);
extern void buf_init(Buf *buf);
extern void buf_free(Buf *buf);	/* buf_release() of one that has memory */

/* Make room for at least n more bytes; returns where to write them. */
extern char *buf_reserve(Buf *buf, size_t n);
extern void buf_append_slowly(Buf *buf, Slice bytes);	/* buf_append() where there is no room */

/* A thread that used buffers ends: give back the blocks it keeps for its next ones. */
extern void buf_end_thread(void);
extern void buf_append_string(Buf *buf, const char *string);	/* without terminator */
extern void buf_append_u8(Buf *buf, uint8_t value);
extern void buf_append_u16(Buf *buf, uint16_t value);	/* network byte order */
extern void buf_append_u32(Buf *buf, uint32_t value);	/* network byte order */
extern void buf_printf(Buf *buf, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void buf_consume(Buf *buf, size_t n);

/* Free the memory; the buffer stays usable. */
static inline void
buf_release(Buf *buf)
{
	if (buf->cap > 0)
		buf_free(buf);
}

/* Forget the bytes, keep the memory. */
static inline void
buf_clear(Buf *buf)
{
	buf->start = buf->end = 0;
}

/* n of the reserved bytes were written. */
static inline void
buf_commit(Buf *buf, size_t n)
{
	buf->end += n;
}

/* The bytes must not lie in this buffer. */
static inline void
buf_append(Buf *buf, Slice bytes)
{
	if (bytes.len == 0)
		return;
	if (bytes.len > buf->cap - buf->end)
	{
		buf_append_slowly(buf, bytes);
		return;
	}
	memcpy(buf->data + buf->end, bytes.data, bytes.len);
	buf->end += bytes.len;
}

static inline Slice
buf_slice(const Buf *buf)
{
	return (Slice) {buf->data == NULL ? NULL : buf->data + buf->start, buf->end - buf->start};
}

static inline size_t
buf_len(const Buf *buf)
{
	return buf->end - buf->start;
}

#endif							/* ROUTER_BASE_BUF_H */
