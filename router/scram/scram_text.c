/*-------------------------------------------------------------------------
 *
 * scram_text.c
 *	  The text form of SCRAM messages: attributes, base64, nonces.
 *
 * A message is "a=value,b=value" (RFC 5802, section 7).  Values end at the
 * next comma; none may follow the last one.  Base64 must be in its canonical
 * form (section 3), which libpgcommon's decoder does not insist on: no two
 * texts stand for the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <postgres_fe.h>

#include <common/base64.h>

#include "scram/scram_internal.h"

#define RAW_NONCE_SIZE 18		/* as PostgreSQL: 24 characters of base64 */
#define MAX_ITERATION_DIGITS 7

bool
scram_message_is_sane(Slice message)
{
	return message.len > 0 && message.len <= SCRAM_MESSAGE_MAX &&
		memchr(message.data, '\0', message.len) == NULL;
}

bool
scram_read_any(Slice *rest, char *name, Slice *value)
{
	const char *comma;

	if (rest->len < 2 || rest->data[1] != '=')
		return false;
	*name = rest->data[0];
	if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')))
		return false;

	*value = slice_skip(*rest, 2);
	comma = value->len == 0 ? NULL : memchr(value->data, ',', value->len);
	if (comma == NULL)
	{
		*rest = slice_skip(*rest, rest->len);
		return true;
	}
	value->len = (size_t) (comma - value->data);
	*rest = slice_skip(*rest, value->len + 3);
	return rest->len > 0;
}

bool
scram_read_attribute(Slice *rest, char name, Slice *value)
{
	char		found;

	return scram_read_any(rest, &found, value) && found == name;
}

/* Printable ASCII but the comma, which ends a value. */
bool
scram_nonce_is_valid(Slice nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
	{
		if (nonce.data[i] < 0x21 || nonce.data[i] > 0x7E || nonce.data[i] == ',')
			return false;
	}
	return nonce.len > 0;
}

bool
scram_read_iterations(Slice text, int *iterations)
{
	int			value = 0;

	if (text.len == 0 || text.len > MAX_ITERATION_DIGITS)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (text.data[i] - '0');
	}
	*iterations = value;
	return value >= 1 && value <= SCRAM_MAX_ITERATIONS;
}

int
scram_decode_base64(Slice text, uint8_t *out, int size)
{
	Buf			again = BUF_INIT;
	bool		is_canonical;
	int			len;

	if (text.len == 0 || text.len > SCRAM_MESSAGE_MAX)
		return -1;
	len = pg_b64_decode(text.data, (int) text.len, (void *) out, size);
	if (len < 0)
		return -1;
	scram_append_base64(&again, out, len);
	is_canonical = slice_equals(buf_slice(&again), text);
	scram_wipe(&again);
	return is_canonical ? len : -1;
}

void
scram_append_base64(Buf *out, const uint8_t *bytes, int len)
{
	int			room = pg_b64_enc_len(len);
	int			used = pg_b64_encode((const void *) bytes, len, buf_reserve(out, (size_t) room), room);

	if (used > 0)				/* the room suffices: nothing else can fail */
		buf_commit(out, (size_t) used);
}

bool
scram_append_nonce(Buf *out)
{
	uint8_t		raw[RAW_NONCE_SIZE];

	if (!scram_random_bytes(raw, sizeof(raw)))
		return false;
	scram_append_base64(out, raw, sizeof(raw));
	return true;
}
