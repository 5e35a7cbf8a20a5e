/*-------------------------------------------------------------------------
 *
 * description.c
 *	  Numbers that stand for descriptions of statements.
 *
 * A field of a RowDescription (PostgreSQL documentation, "Message Formats"):
 *
 *	  name \0 | table (4) | column (2) | type (4) | length (2) | modifier (4) | format (2)
 *				 not counted			   counted								not counted
 *
 *-------------------------------------------------------------------------
 */
#include "wire/description.h"

#include <string.h>

#include <xxhash.h>

#define ORIGIN_SIZE 6			/* table and column */
#define TYPE_SIZE 10			/* type, length, modifier */
#define FORMAT_SIZE 2
#define NO_DATA 1

static uint64_t known(uint64_t hash);

uint64_t
description_of_params(Slice body)
{
	return known(XXH3_64bits(body.data, body.len));
}

uint64_t
description_of_rows(char type, Slice body)
{
	uint64_t	hash;
	Slice		rest;

	if (type == 'n')
		return NO_DATA;
	if (body.len < 2)
		return 0;
	hash = XXH3_64bits(body.data, 2);
	rest = slice_skip(body, 2);
	while (rest.len > 0)
	{
		const char *end = memchr(rest.data, '\0', rest.len);
		size_t		name_len = end ? (size_t) (end - rest.data) + 1 : rest.len;

		if (end == NULL || rest.len - name_len < ORIGIN_SIZE + TYPE_SIZE + FORMAT_SIZE)
			return 0;
		hash = XXH3_64bits_withSeed(rest.data, name_len, hash);
		hash = XXH3_64bits_withSeed(rest.data + name_len + ORIGIN_SIZE, TYPE_SIZE, hash);
		rest = slice_skip(rest, name_len + ORIGIN_SIZE + TYPE_SIZE + FORMAT_SIZE);
	}
	return known(hash);
}

static uint64_t
known(uint64_t hash)
{
	return hash <= NO_DATA ? NO_DATA + 1 : hash;
}

bool
description_differs(const Description *a, const Description *b)
{
	return (a->params != 0 && b->params != 0 && a->params != b->params) ||
		(a->rows != 0 && b->rows != 0 && a->rows != b->rows);
}

bool
description_is_covered(const Description *one, const Description *other)
{
	return (one->params == 0 || other->params != 0) && (one->rows == 0 || other->rows != 0);
}
