/*-------------------------------------------------------------------------
 *
 * equality_key.c
 *	  Which aliases have the key, and which of them are the key tables.
 *
 * An alias has the key if it has, for each key column, a column that is equal
 * to it in the scope, by the equality that the key's own type has, and of a
 * type whose values are the key's, byte for byte.  Where only the equality
 * holds (integer against bigint, citext against text) the path has to go over
 * a table that has the key's own column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "analysis/equality_key.h"
#include "analysis/source_link.h"

/* Can a value of this column, equal to key column i by kind, stand for it? */
static bool
serves_as_key(const EqualityFinder *finder, int kind, int column, int i)
{
	const EqualityKey *key = finder->key;
	const SourceColumn *source = &finder->columns[column];
	Oid			type = getBaseType(get_atttype(source->alias->relid, source->attno));

	if (kind != EQUALITY_KIND_IDENTITY &&
		(!equality_scope_kind_has_operator(&finder->kinds[kind], key->eqops[i]) ||
		 finder->kinds[kind].collation != source_link_equality_collation(key->collations[i])))
		return false;
	return IsBinaryCoercible(type, key->types[i]);
}

static AttrNumber
find_key_column(const EqualityFinder *finder, const EqualityScope *scope, const SourceAlias *alias, int i)
{
	for (int kind = 0; kind < finder->nkinds; kind++)
		for (int column = 0; column < finder->ncolumns; column++)
			if (finder->columns[column].alias == alias &&
				equality_scope_has(scope, kind, column, finder->key_columns[i]) &&
				serves_as_key(finder, kind, column, i))
				return finder->columns[column].attno;
	return InvalidAttrNumber;
}

/* The columns of alias that are the key, or NULL if it does not have it. */
AttrNumber *
equality_key_find_columns(const EqualityFinder *finder, const EqualityScope *scope, const SourceAlias *alias)
{
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * finder->key->n);

	for (int i = 0; i < finder->key->n; i++)
	{
		attnos[i] = find_key_column(finder, scope, alias, i);
		if (attnos[i] == InvalidAttrNumber)
			return NULL;
	}
	return attnos;
}

static bool
index_is_unique_on(Oid indexid, const AttrNumber *attnos, int n)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	Form_pg_index index;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	index = (Form_pg_index) GETSTRUCT(tuple);
	result = index->indisunique && index->indimmediate && index->indisvalid &&
		index->indnkeyatts == n &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
		heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
	for (int i = 0; result && i < n; i++)
	{
		bool		found = false;

		for (int j = 0; j < n; j++)
			found |= index->indkey.values[j] == attnos[i];
		result = found;
	}
	ReleaseSysCache(tuple);
	return result;
}

static bool
columns_are_unique(Oid relid, const AttrNumber *attnos, int n)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *indexes = RelationGetIndexList(rel);
	bool		result = false;
	ListCell   *lc;

	foreach(lc, indexes)
		result |= index_is_unique_on(lfirst_oid(lc), attnos, n);
	list_free(indexes);
	table_close(rel, NoLock);
	return result;
}

/* Does the query name the key by columns of this alias? */
static bool
is_named_by_key(const EqualityFinder *finder, const EqualityScope *scope, const SourceAlias *alias)
{
	for (int i = 0; i < finder->key->n; i++)
	{
		bool		named = false;

		for (int column = 0; column < finder->ncolumns; column++)
			named |= finder->columns[column].alias == alias &&
				equality_scope_has(scope, EQUALITY_KIND_IDENTITY, column, finder->key_columns[i]);
		if (!named)
			return false;
	}
	return true;
}

/*
 * Preferred: the table the query names the key by, if the key is unique in
 * it; then another where it is unique; then the one that is named.
 */
static SourceAlias *
find_table_of_case(const EqualityFinder *finder, const EqualityScope *scope)
{
	SourceAlias *best = NULL;
	int			best_rank = 0;
	ListCell   *lc;

	foreach(lc, finder->tree->aliases)
	{
		SourceAlias *alias = lfirst(lc);
		AttrNumber *attnos;
		int			rank = 1;

		if (alias->kind != SOURCE_ALIAS_TABLE || !bms_is_member(alias->node, scope->nodes))
			continue;
		attnos = equality_key_find_columns(finder, scope, alias);
		if (attnos == NULL)
			continue;
		if (columns_are_unique(alias->relid, attnos, finder->key->n))
			rank += 2;
		if (is_named_by_key(finder, scope, alias))
			rank += 1;
		if (rank > best_rank)
		{
			best = alias;
			best_rank = rank;
		}
	}
	return best;
}

List *
equality_key_find_tables(const EqualityFinder *finder)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, equality_scope_list_cases(finder, NULL))
	{
		EqualityScope scope;
		SourceAlias *table;

		equality_scope_open(finder, &scope, lfirst(lc));
		table = find_table_of_case(finder, &scope);
		if (table == NULL)
			return NIL;
		tables = list_append_unique_ptr(tables, table);
	}
	return tables;
}
