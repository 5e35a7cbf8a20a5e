/*-------------------------------------------------------------------------
 *
 * utf8.c
 *	  Telling well-formed UTF-8 from other bytes.
 *
 * The second byte carries the limits that rule out overlong forms, surrogates
 * and code points above U+10FFFF (RFC 3629, section 4); the others are plain
 * continuation bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "base/utf8.h"

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Length by first byte, and the range its second byte must be in. */
static size_t
sequence_of(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	*high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;

	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		return 2;
	if (first >= 0xE0 && first <= 0xEF)
		return 3;
	if (first >= 0xF0 && first <= 0xF4)
		return 4;
	return 0;
}

size_t
utf8_char_len(Slice bytes)
{
	const unsigned char *data = (const unsigned char *) bytes.data;
	unsigned char low;
	unsigned char high;
	size_t		len;

	if (bytes.len == 0)
		return 0;
	len = sequence_of(data[0], &low, &high);
	if (len > bytes.len)
		return 0;
	if (len > 1 && (data[1] < low || data[1] > high))
		return 0;
	for (size_t i = 2; i < len; i++)
	{
		if (!is_continuation(data[i]))
			return 0;
	}
	return len;
}

size_t
utf8_trim_len(Slice bytes)
{
	unsigned char low;
	unsigned char high;

	for (size_t back = 1; back <= 3 && back <= bytes.len; back++)
	{
		unsigned char byte = (unsigned char) bytes.data[bytes.len - back];

		if (sequence_of(byte, &low, &high) > back)
			return bytes.len - back;
		if (!is_continuation(byte))
			break;
	}
	return bytes.len;
}
