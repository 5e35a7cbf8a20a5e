/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Message boundaries of the PostgreSQL protocol, version 3.
 *
 *	  | type (1) | length (4, counts itself) | body (length - 4) |
 *
 * (PostgreSQL documentation, "Message Formats".)  Nothing here trusts a
 * length: a caller says how long a message may be.  In a header, since each
 * message is looked at more than once on its way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_FRAME_H
#define ROUTER_WIRE_FRAME_H

#include <stdint.h>

#include "base/slice.h"

#define FRAME_HEADER_SIZE 5

typedef enum FrameStatus
{
	FRAME_OK,
	FRAME_PARTIAL,				/* more bytes are needed */
	FRAME_MALFORMED				/* the length cannot be right */
} FrameStatus;

typedef struct Frame
{
	char		type;
	size_t		total_len;		/* type byte and length word included */
	Slice		body;			/* set only when it is wholly there */
	Slice		whole;			/* the same */
} Frame;

#define FRAME_LENGTH_WORD_SIZE 4

/*
 * Read type and total length; the body need not be there yet.  What is below 4
 * or negative cannot be a length, and there is no way to find the next message.
 */
static inline FrameStatus
frame_peek(Slice data, Frame *frame)
{
	const unsigned char *bytes = (const unsigned char *) data.data;
	uint32_t	length;

	if (data.len < FRAME_HEADER_SIZE)
		return FRAME_PARTIAL;
	length = (uint32_t) bytes[1] << 24 | (uint32_t) bytes[2] << 16 | (uint32_t) bytes[3] << 8 | bytes[4];
	if (length < FRAME_LENGTH_WORD_SIZE || length > INT32_MAX)
		return FRAME_MALFORMED;
	frame->type = data.data[0];
	frame->total_len = (size_t) length + 1;
	return FRAME_OK;
}

/* The same message, peeked at before: false: it is not wholly there. */
static inline bool
frame_complete(Slice data, Frame *frame)
{
	if (frame->total_len > data.len)
		return false;
	frame->whole = slice_make(data.data, frame->total_len);
	frame->body = slice_skip(frame->whole, FRAME_HEADER_SIZE);
	return true;
}

/* Read a message that is wholly there. */
static inline FrameStatus
frame_parse(Slice data, Frame *frame)
{
	FrameStatus status = frame_peek(data, frame);

	return status == FRAME_OK && !frame_complete(data, frame) ? FRAME_PARTIAL : status;
}

#endif							/* ROUTER_WIRE_FRAME_H */
