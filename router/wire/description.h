/*-------------------------------------------------------------------------
 *
 * description.h
 *	  What a client has been told that a statement takes and gives.
 *
 * Two numbers stand for a ParameterDescription and a RowDescription, so that
 * they can be compared later without being kept.  As for PostgreSQL's "cached
 * plan must not change result type", a column is its name, type, length and
 * modifier: not where it comes from, nor the format it is sent in.
 *
 * Pure.  Two descriptions that differ have different numbers but for one chance
 * in 2^64.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_DESCRIPTION_H
#define ROUTER_WIRE_DESCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct Description
{
	uint64_t	params;			/* 0: not known */
	uint64_t	rows;			/* the same; a number of its own for NoData */
} Description;

/* The body of 't', or of 'T' or 'n'; 0: it cannot be read. */
extern uint64_t description_of_params(Slice body);
extern uint64_t description_of_rows(char type, Slice body);

static inline bool
description_is_known(const Description *description)
{
	return description->params != 0 || description->rows != 0;
}

/* Is something known of both, and not the same? */
extern bool description_differs(const Description *a, const Description *b);

/* Is all that is known of one known of the other? */
extern bool description_is_covered(const Description *one, const Description *other);

#endif							/* ROUTER_WIRE_DESCRIPTION_H */
