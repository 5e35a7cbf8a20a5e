/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  Message boundaries.
 *
 * The length word is a signed 32-bit number that counts itself: what is below
 * 4 or negative cannot be a message, and there is no way to find the next one.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/frame.h"

#define LENGTH_WORD_SIZE 4

static uint32_t
get_u32(const char *at)
{
	const unsigned char *bytes = (const unsigned char *) at;

	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
		(uint32_t) bytes[2] << 8 | bytes[3];
}

FrameStatus
frame_peek(Slice data, Frame *frame)
{
	uint32_t	length;

	if (data.len < FRAME_HEADER_SIZE)
	{
		*frame = (Frame) {0};
		return FRAME_PARTIAL;
	}
	length = get_u32(data.data + 1);
	if (length < LENGTH_WORD_SIZE || length > INT32_MAX)
	{
		*frame = (Frame) {0};
		return FRAME_MALFORMED;
	}
	*frame = (Frame) {.type = data.data[0], .total_len = (size_t) length + 1};
	return FRAME_OK;
}

FrameStatus
frame_parse(Slice data, Frame *frame)
{
	FrameStatus status = frame_peek(data, frame);

	if (status != FRAME_OK)
		return status;
	if (frame->total_len > data.len)
		return FRAME_PARTIAL;
	frame->whole = slice_make(data.data, frame->total_len);
	frame->body = slice_skip(frame->whole, FRAME_HEADER_SIZE);
	return FRAME_OK;
}
