/*-------------------------------------------------------------------------
 *
 * values.h
 *	  Short tuples of column values: keys, link values, starts of paths.
 *
 * A ValueShape says what the values of a tuple are (types, storage) and how
 * they are hashed for locks; a tuple itself is a bare array of shape->n
 * Datums, never NULL.  Two tuples are the same when their images are: equal
 * values with different bytes (citext, 1.0 and 1.00) are different tuples and
 * have the same lock hash.  Callers own the memory; value_copy() copies into
 * the current context.
 *
 * ValueSet is a set of tuples of one shape, for mapping and for locks.  It
 * copies what it keeps into the context it was created in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_VALUES_H
#define ANDON_BASE_VALUES_H

#include "postgres.h"

#include "access/attnum.h"
#include "executor/tuptable.h"
#include "fmgr.h"

typedef struct ValueColumn
{
	Oid			type;
	Oid			array_type;
	Oid			collation;		/* for the lock hash */
	int16		typlen;
	bool		typbyval;
	char		typalign;
	FmgrInfo	hash;			/* extended hash function; fn_oid is invalid
								 * if the equality has no hash class */
} ValueColumn;

typedef struct ValueShape
{
	int			n;
	ValueColumn *columns;
} ValueShape;

/* Which side of an equality operator the values stand on. */
typedef enum EqualitySide
{
	EQUALITY_LEFT,
	EQUALITY_RIGHT
} EqualitySide;

/*
 * Describes tuples of these types, in the current context.  eqops may be NULL:
 * such tuples are never locked.
 */
extern ValueShape *value_shape_create(int n, const Oid *types, const Oid *eqops,
									  const Oid *collations, EqualitySide side);

/* Reads attnos off the slot; false if one of them is NULL. */
extern bool value_read_slot(const AttrNumber *attnos, int n, TupleTableSlot *slot,
							Datum *values);

/* Copies values into the current context, detoasted. */
extern void value_copy(const ValueShape *shape, const Datum *from, Datum *to);

extern bool value_image_equal(const ValueShape *shape, const Datum *a, const Datum *b);

/* The same of whole rows, NULLs included. */
extern bool value_rows_image_equal(HeapTuple a, HeapTuple b, TupleDesc desc);

extern uint32 value_image_hash(const ValueShape *shape, const Datum *values);

/* Hash by the equality operators: equal values, equal hash. */
extern uint64 value_lock_hash(const ValueShape *shape, const Datum *values);

typedef struct ValueSet ValueSet;

extern ValueSet *value_set_create(const ValueShape *shape);

/* Adds a copy of the tuple; false if it was there. */
extern bool value_set_add(ValueSet *set, const Datum *values);
extern bool value_set_contains(ValueSet *set, const Datum *values);
extern int	value_set_count(const ValueSet *set);

/* The i-th tuple, in order of arrival. */
extern const Datum *value_set_get(const ValueSet *set, int i);
extern const ValueShape *value_set_shape(const ValueSet *set);

/*
 * One array Datum per column, in arrays[], holding tuples first ..
 * first + count - 1: the parameters of "match = ANY($1)".
 */
extern void value_set_build_arrays(const ValueSet *set, int first, int count,
								   Datum *arrays);

#endif							/* ANDON_BASE_VALUES_H */
