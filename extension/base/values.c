/*-------------------------------------------------------------------------
 *
 * values.c
 *	  Short tuples of column values.
 *
 * The lock hash follows PostgreSQL's own rule for hash joins: the equality
 * operator belongs to a hash operator family, and the family's extended hash
 * functions for its two sides agree on values that the operator calls equal,
 * also across types (int4 = int8).  Without a hash family every tuple hashes
 * alike, so that a lock on one is a lock on all: slow, never wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/catcache.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/values.h"

typedef struct ValueSetEntry
{
	uint32		hash;
	int			index;			/* of the tuple in set->tuples */
	char		status;
} ValueSetEntry;

struct ValueSet
{
	const ValueShape *shape;	/* borrowed, outlives the set */
	MemoryContext context;		/* of tuples and their values */
	struct values_hash *index;
	Datum	   *tuples;			/* count * shape->n values, in order of arrival */
	int			count;
	int			capacity;
	const Datum *probe;			/* tuple looked for; stands for index -1 */
};

static bool value_set_entry_equal(ValueSet *set, int a, int b);

#define SH_PREFIX values
#define SH_ELEMENT_TYPE ValueSetEntry
#define SH_KEY_TYPE int
#define SH_KEY index
#define SH_HASH_KEY(tb, key) \
	value_image_hash(((ValueSet *) (tb)->private_data)->shape, \
					 ((ValueSet *) (tb)->private_data)->probe)
#define SH_EQUAL(tb, a, b) value_set_entry_equal((ValueSet *) (tb)->private_data, (a), (b))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static Oid	equality_hash_proc(Oid eqop, EqualitySide side);

ValueShape *
value_shape_create(int n, const Oid *types, const Oid *eqops, const Oid *collations,
				   EqualitySide side)
{
	ValueShape *shape = palloc0(sizeof(ValueShape));

	shape->n = n;
	shape->columns = palloc0(sizeof(ValueColumn) * n);
	for (int i = 0; i < n; i++)
	{
		ValueColumn *column = &shape->columns[i];
		Oid			proc = eqops ? equality_hash_proc(eqops[i], side) : InvalidOid;

		column->type = types[i];
		column->array_type = get_array_type(types[i]);
		column->collation = collations ? collations[i] : InvalidOid;
		if (!OidIsValid(column->collation))
			column->collation = get_typcollation(types[i]);
		get_typlenbyvalalign(types[i], &column->typlen, &column->typbyval,
							 &column->typalign);
		if (OidIsValid(proc))
			fmgr_info(proc, &column->hash);
	}
	return shape;
}

bool
value_read_slot(const AttrNumber *attnos, int n, TupleTableSlot *slot, Datum *values)
{
	for (int i = 0; i < n; i++)
	{
		bool		isnull;

		values[i] = slot_getattr(slot, attnos[i], &isnull);
		if (isnull)
			return false;
	}
	return true;
}

void
value_copy(const ValueShape *shape, const Datum *from, Datum *to)
{
	for (int i = 0; i < shape->n; i++)
	{
		const ValueColumn *column = &shape->columns[i];

		if (column->typlen == -1)
			to[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(from[i]));
		else
			to[i] = datumCopy(from[i], column->typbyval, column->typlen);
	}
}

bool
value_image_equal(const ValueShape *shape, const Datum *a, const Datum *b)
{
	for (int i = 0; i < shape->n; i++)
	{
		if (!datum_image_eq(a[i], b[i], shape->columns[i].typbyval,
							shape->columns[i].typlen))
			return false;
	}
	return true;
}

bool
value_rows_image_equal(HeapTuple a, HeapTuple b, TupleDesc desc)
{
	for (int attno = 1; attno <= desc->natts; attno++)
	{
		Form_pg_attribute form = TupleDescAttr(desc, attno - 1);
		bool		a_null;
		bool		b_null;
		Datum		a_value = heap_getattr(a, attno, desc, &a_null);
		Datum		b_value = heap_getattr(b, attno, desc, &b_null);

		if (a_null != b_null ||
			(!a_null && !datum_image_eq(a_value, b_value, form->attbyval, form->attlen)))
			return false;
	}
	return true;
}

uint32
value_image_hash(const ValueShape *shape, const Datum *values)
{
	uint32		hash = 0;

	for (int i = 0; i < shape->n; i++)
		hash = hash_combine(hash, datum_image_hash(values[i], shape->columns[i].typbyval,
												   shape->columns[i].typlen));
	return hash;
}

uint64
value_lock_hash(const ValueShape *shape, const Datum *values)
{
	uint64		hash = 0;

	for (int i = 0; i < shape->n; i++)
	{
		ValueColumn *column = &shape->columns[i];
		uint64		part = 0;

		if (OidIsValid(column->hash.fn_oid))
			part = DatumGetUInt64(FunctionCall2Coll(&column->hash, column->collation,
													values[i], UInt64GetDatum(0)));
		hash = hash_combine64(hash, part);
	}
	return hash;
}

ValueSet *
value_set_create(const ValueShape *shape)
{
	ValueSet   *set = palloc0(sizeof(ValueSet));

	set->shape = shape;
	set->context = CurrentMemoryContext;
	set->index = values_create(CurrentMemoryContext, 16, set);
	set->capacity = 16;
	set->tuples = palloc(sizeof(Datum) * set->capacity * shape->n);
	return set;
}

bool
value_set_add(ValueSet *set, const Datum *values)
{
	bool		found;
	ValueSetEntry *entry;
	MemoryContext old;

	set->probe = values;
	entry = values_insert(set->index, -1, &found);
	if (found)
		return false;

	old = MemoryContextSwitchTo(set->context);
	if (set->count == set->capacity)
	{
		set->capacity *= 2;
		set->tuples = repalloc_huge(set->tuples,
									sizeof(Datum) * set->capacity * set->shape->n);
	}
	value_copy(set->shape, values, set->tuples + (Size) set->count * set->shape->n);
	MemoryContextSwitchTo(old);
	entry->index = set->count++;
	return true;
}

bool
value_set_contains(ValueSet *set, const Datum *values)
{
	set->probe = values;
	return values_lookup(set->index, -1) != NULL;
}

int
value_set_count(const ValueSet *set)
{
	return set->count;
}

const Datum *
value_set_get(const ValueSet *set, int i)
{
	Assert(i >= 0 && i < set->count);
	return set->tuples + (Size) i * set->shape->n;
}

const ValueShape *
value_set_shape(const ValueSet *set)
{
	return set->shape;
}

void
value_set_build_arrays(const ValueSet *set, int first, int count, Datum *arrays)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int c = 0; c < set->shape->n; c++)
	{
		const ValueColumn *column = &set->shape->columns[c];

		for (int i = 0; i < count; i++)
			elements[i] = value_set_get(set, first + i)[c];
		arrays[c] = PointerGetDatum(construct_array(elements, count, column->type,
													column->typlen, column->typbyval,
													column->typalign));
	}
	pfree(elements);
}

/* Index -1 stands for the tuple being looked for. */
static bool
value_set_entry_equal(ValueSet *set, int a, int b)
{
	const Datum *left = a < 0 ? set->probe : value_set_get(set, a);
	const Datum *right = b < 0 ? set->probe : value_set_get(set, b);

	return value_image_equal(set->shape, left, right);
}

/* The extended hash function for one side of an equality operator, if any. */
static Oid
equality_hash_proc(Oid eqop, EqualitySide side)
{
	CatCList   *list = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(eqop));
	Oid			result = InvalidOid;

	for (int i = 0; i < list->n_members && !OidIsValid(result); i++)
	{
		Form_pg_amop amop = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);
		Oid			type;

		if (amop->amopmethod != HASH_AM_OID || amop->amopstrategy != HTEqualStrategyNumber)
			continue;
		type = side == EQUALITY_LEFT ? amop->amoplefttype : amop->amoprighttype;
		result = get_opfamily_proc(amop->amopfamily, type, type, HASHEXTENDED_PROC);
	}
	ReleaseSysCacheList(list);
	return result;
}
