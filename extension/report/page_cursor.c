/*-------------------------------------------------------------------------
 *
 * page_cursor.c
 *	  Cursors of andon.page(): a place in a board's order as short text.
 *
 * Behind the base64url:
 *
 *	  byte 0		CURSOR_FORMAT
 *	  bytes 1-4		CRC-32C of all that follows, most significant byte first
 *	  bytes 5-8		the number of the order
 *	  per value		length + 1 in 7-bit groups, lowest first, the high bit set
 *					in all but the last; 0 for NULL; then the bytes
 *
 * Reading trusts nothing: a client may have sent it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "port/pg_crc32c.h"

#include "base/compat.h"
#include "report/page_cursor.h"

#define CURSOR_FORMAT	1
#define CURSOR_CRC		1		/* offsets */
#define CURSOR_ORDER	5
#define CURSOR_VALUES	9

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void append_length(StringInfo buf, uint32 length);
static bool read_length(StringInfo buf, uint32 *length);
static bool read_value(StringInfo buf, char **text);
static uint32 checksum(const StringInfoData *buf);
static void put_uint32(char *at, uint32 value);
static uint32 get_uint32(const char *at);
static char *encode(const StringInfoData *buf);
static bool decode(const char *text, StringInfo buf);
pg_noreturn static void raise_invalid(void);

char *
page_cursor_format(uint32 order, int n, char *const *texts)
{
	StringInfoData buf;
	char	   *result;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, CURSOR_VALUES);
	buf.data[0] = CURSOR_FORMAT;
	put_uint32(buf.data + CURSOR_ORDER, order);
	for (int i = 0; i < n; i++)
	{
		size_t		length = texts[i] ? strlen(texts[i]) : 0;

		append_length(&buf, texts[i] ? (uint32) length + 1 : 0);
		if (length > 0)
			appendBinaryStringInfo(&buf, texts[i], (int) length);
	}
	put_uint32(buf.data + CURSOR_CRC, checksum(&buf));
	result = encode(&buf);
	pfree(buf.data);
	return result;
}

void
page_cursor_parse(const char *cursor, uint32 order, int n, char **texts)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (!decode(cursor, &buf) || buf.len < CURSOR_VALUES || buf.data[0] != CURSOR_FORMAT ||
		get_uint32(buf.data + CURSOR_CRC) != checksum(&buf))
		raise_invalid();
	if (get_uint32(buf.data + CURSOR_ORDER) != order)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the cursor belongs to another board, or to another order of this board"),
				 errhint("Start again at the first page, with NULL.")));
	buf.cursor = CURSOR_VALUES;
	for (int i = 0; i < n; i++)
		if (!read_value(&buf, &texts[i]))
			raise_invalid();
	if (buf.cursor != buf.len)
		raise_invalid();
}

static void
append_length(StringInfo buf, uint32 length)
{
	while (length > 0x7f)
	{
		appendStringInfoChar(buf, (char) (0x80 | (length & 0x7f)));
		length >>= 7;
	}
	appendStringInfoChar(buf, (char) length);
}

static bool
read_length(StringInfo buf, uint32 *length)
{
	*length = 0;
	for (int shift = 0; shift <= 28 && buf->cursor < buf->len; shift += 7)
	{
		uint8		byte = (uint8) buf->data[buf->cursor++];

		*length |= (uint32) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return true;
	}
	return false;
}

static bool
read_value(StringInfo buf, char **text)
{
	uint32		length;

	*text = NULL;
	if (!read_length(buf, &length))
		return false;
	if (length == 0)
		return true;
	length--;
	if (length > (uint32) (buf->len - buf->cursor) ||
		!pg_verifymbstr(buf->data + buf->cursor, (int) length, true))
		return false;
	*text = pnstrdup(buf->data + buf->cursor, length);
	buf->cursor += (int) length;
	return true;
}

static uint32
checksum(const StringInfoData *buf)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, buf->data + CURSOR_ORDER, buf->len - CURSOR_ORDER);
	FIN_CRC32C(crc);
	return crc;
}

static void
put_uint32(char *at, uint32 value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char) (value >> (24 - 8 * i));
}

static uint32
get_uint32(const char *at)
{
	uint32		value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | (uint8) at[i];
	return value;
}

static char *
encode(const StringInfoData *buf)
{
	char	   *result = palloc((Size) buf->len / 3 * 4 + 5);
	char	   *out = result;
	uint32		bits = 0;
	int			nbits = 0;

	for (int i = 0; i < buf->len; i++)
	{
		bits = bits << 8 | (uint8) buf->data[i];
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*out++ = alphabet[(bits >> (nbits - 6)) & 0x3f];
	}
	if (nbits > 0)
		*out++ = alphabet[(bits << (6 - nbits)) & 0x3f];
	*out = '\0';
	return result;
}

/* False if a character is none of ours, or if bits are left over that are not 0. */
static bool
decode(const char *text, StringInfo buf)
{
	uint32		bits = 0;
	int			nbits = 0;

	for (; *text; text++)
	{
		const char *found = strchr(alphabet, *text);

		if (found == NULL)
			return false;
		bits = bits << 6 | (uint32) (found - alphabet);
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			appendStringInfoChar(buf, (char) (bits >> nbits));
		}
	}
	return nbits < 6 && (bits & ((1u << nbits) - 1)) == 0;
}

static void
raise_invalid(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid cursor"),
			 errdetail("It is not one that andon.page() has given, or it has been changed on its way."),
			 errhint("Pass the cursor of the last row of a page as it is, or NULL for the first page.")));
}
