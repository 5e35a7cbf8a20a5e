/*-------------------------------------------------------------------------
 *
 * position.c
 *	  A place in the feed: <epoch>-<tick>, or <epoch>-<tick>-<offset>.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/position.h"

static bool parse_number(const char **at, uint64 *number);

char *
position_format(const FeedPosition *position)
{
	if (position->offset == 0)
		return psprintf(UINT64_FORMAT "-" UINT64_FORMAT, position->epoch, position->tick);
	return psprintf(UINT64_FORMAT "-" UINT64_FORMAT "-" UINT64_FORMAT, position->epoch,
					position->tick, position->offset);
}

bool
position_parse(const char *text, FeedPosition *position)
{
	position->offset = 0;
	if (!parse_number(&text, &position->epoch) || *text++ != '-' ||
		!parse_number(&text, &position->tick))
		return false;
	if (*text == '-')
	{
		text++;
		if (!parse_number(&text, &position->offset))
			return false;
	}
	return *text == '\0';
}

/* From 1 to the greatest bigint. */
static bool
parse_number(const char **at, uint64 *number)
{
	const char *c = *at;

	*number = 0;
	if (*c == '0')
		return false;
	for (; *c >= '0' && *c <= '9'; c++)
	{
		uint64		digit = *c - '0';

		if (*number > (PG_INT64_MAX - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	*at = c;
	return *number > 0;
}
