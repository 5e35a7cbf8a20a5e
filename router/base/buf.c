/*-------------------------------------------------------------------------
 *
 * buf.c
 *	  The growable byte queue.
 *
 * Room is found in this order: after the last byte; by sliding the unread
 * bytes to the front, when at least as many were consumed (so each byte is
 * moved at most once per byte read); by doubling into new memory, to which
 * only the unread bytes are copied.
 *
 * A buffer begins with a block of BUF_BLOCK_SIZE, which is enough for most of
 * what is built, sent and released again within one statement.  Each thread
 * keeps the blocks it has released last for its next buffers, so that such a
 * buffer costs no call of malloc().  Not under AddressSanitizer, which is to
 * see who uses a block after its release.
 *
 *-------------------------------------------------------------------------
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/memory.h"

#define STOCK_BLOCKS 16

/* Blocks this thread has released. */
typedef struct Stock
{
	int			count;
	char	   *blocks[STOCK_BLOCKS];
} Stock;

static _Thread_local Stock stock;

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define STOCK_KEPT 0
#else
#define STOCK_KEPT STOCK_BLOCKS
#endif

static NOINLINE void buf_make_room(Buf *buf, size_t n);
static void buf_slide(Buf *buf);
static void buf_grow(Buf *buf, size_t n);
static char *block_take(void);
static void block_give(char *block, size_t size);

bool
buf_sane(const Buf *buf)
{
	if (buf->cap == 0)
		return buf->data == NULL && buf->start == 0 && buf->end == 0;
	return buf->data != NULL && buf->start <= buf->end && buf->end <= buf->cap;
}

void
buf_init(Buf *buf)
{
	*buf = (Buf) BUF_INIT;
}

void
buf_free(Buf *buf)
{
	block_give(buf->data, buf->cap);
	buf_init(buf);
}

void
buf_end_thread(void)
{
	while (stock.count > 0)
		mem_free(stock.blocks[--stock.count]);
}

char *
buf_reserve(Buf *buf, size_t n)
{
	if (buf->cap == 0 && n <= BUF_BLOCK_SIZE)
		*buf = (Buf) {block_take(), 0, 0, BUF_BLOCK_SIZE};
	else if (buf->cap == 0 || n > buf->cap - buf->end)
		buf_make_room(buf, n);
	return buf->data + buf->end;
}

void
buf_append_slowly(Buf *buf, Slice bytes)
{
	memcpy(buf_reserve(buf, bytes.len), bytes.data, bytes.len);
	buf_commit(buf, bytes.len);
}

void
buf_append_string(Buf *buf, const char *string)
{
	buf_append(buf, slice_from_string(string));
}

void
buf_append_u8(Buf *buf, uint8_t value)
{
	const char	byte = (char) value;

	buf_append(buf, slice_make(&byte, 1));
}

void
buf_append_u16(Buf *buf, uint16_t value)
{
	const char	bytes[2] = {(char) (value >> 8), (char) value};

	buf_append(buf, slice_make(bytes, sizeof(bytes)));
}

void
buf_append_u32(Buf *buf, uint32_t value)
{
	const char	bytes[4] = {(char) (value >> 24), (char) (value >> 16),
	(char) (value >> 8), (char) value};

	buf_append(buf, slice_make(bytes, sizeof(bytes)));
}

void
buf_printf(Buf *buf, const char *format,...)
{
	va_list		args;
	va_list		again;
	size_t		room;
	int			written;

	va_start(args, format);
	va_copy(again, args);
	buf_reserve(buf, 1);
	room = buf->cap - buf->end;
	written = vsnprintf(buf->data + buf->end, room, format, args);
	if (written > 0 && (size_t) written >= room)
		written = vsnprintf(buf_reserve(buf, (size_t) written + 1),
							(size_t) written + 1, format, again);
	if (written > 0)
		buf_commit(buf, (size_t) written);
	va_end(again);
	va_end(args);
}

void
buf_consume(Buf *buf, size_t n)
{
	buf->start += n;
	if (buf->start == buf->end)
		buf_clear(buf);
}

static void
buf_make_room(Buf *buf, size_t n)
{
	size_t		len = buf_len(buf);

	if (buf->start >= len && n <= buf->cap - len)
		buf_slide(buf);
	else
		buf_grow(buf, n);
}

/* Move the unread bytes to the front. */
static void
buf_slide(Buf *buf)
{
	size_t		len = buf_len(buf);

	memmove(buf->data, buf->data + buf->start, len);
	buf->start = 0;
	buf->end = len;
}

/* Move the unread bytes to new memory with room for n more. */
static void
buf_grow(Buf *buf, size_t n)
{
	size_t		len = buf_len(buf);
	size_t		cap = buf->cap < BUF_BLOCK_SIZE ? BUF_BLOCK_SIZE : buf->cap;
	char	   *data;

	if (n > SIZE_MAX / 2 - len)
		mem_alloc(PTRDIFF_MAX);	/* cannot be had: does not return */
	while (cap - len < n)
		cap *= 2;

	data = cap == BUF_BLOCK_SIZE ? block_take() : mem_realloc(NULL, cap);	/* not zeroed, unlike mem_alloc() */
	if (len > 0)
		memcpy(data, buf->data + buf->start, len);
	if (buf->cap > 0)
		block_give(buf->data, buf->cap);
	*buf = (Buf) {data, 0, len, cap};
}

static char *
block_take(void)
{
	return stock.count > 0 ? stock.blocks[--stock.count] : mem_realloc(NULL, BUF_BLOCK_SIZE);
}

static void
block_give(char *block, size_t size)
{
	if (size == BUF_BLOCK_SIZE && stock.count < STOCK_KEPT)
		stock.blocks[stock.count++] = block;
	else
		mem_free(block);
}
