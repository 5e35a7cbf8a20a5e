/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Message boundaries of the PostgreSQL protocol, version 3.
 *
 *	  | type (1) | length (4, counts itself) | body (length - 4) |
 *
 * (PostgreSQL documentation, "Message Formats".)  Nothing here trusts a
 * length: a caller says how long a message may be.
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
	Slice		body;			/* only after frame_parse() */
	Slice		whole;			/* only after frame_parse() */
} Frame;

/* Read type and total length; the body need not be there yet. */
extern FrameStatus frame_peek(Slice data, Frame *frame);

/* Read a message that is wholly there. */
extern FrameStatus frame_parse(Slice data, Frame *frame);

#endif							/* ROUTER_WIRE_FRAME_H */
