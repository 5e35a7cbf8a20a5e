/*-------------------------------------------------------------------------
 *
 * equality_path.c
 *	  From an alias of a source to the key, by the links in its scope.
 *
 * The scope of alias T is what holds whenever a row of T contributes to a row
 * of the board: T itself, the levels around it, the columns of the key (rows
 * with a NULL key are left out), all that follows from these by the rules of
 * the walk, and, since equality is strict, both aliases of every link used.
 * "Contributes" includes taking a row away: a row of T that matches in a LEFT
 * JOIN removes the null-extended one, which has the same left side; and what
 * a subquery loses agrees with what it gains in the columns that are its
 * outputs here (see SourceOutput).
 *
 * Inside the scope, equal columns form classes, one set of classes for each
 * kind of equality (operator family and collation): 'a' = 'A' as citext must
 * not be chained with an equality of text.  Then
 *	  - an alias that has a column in the class of each key column, of a type
 *		that serves as the key's, is an end of the path;
 *	  - alias A leads to table B if some column of A and some column of B are
 *		in one class.  All such pairs are compared: more pairs, fewer keys.
 *
 * All paths are shortest ones in graphs that depend on the scope alone, which
 * is what makes a transaction safe that changes several rows of one path: for
 * each key there is a changed row whose path leads over unchanged rows only.
 * Were two aliases each on the other's path, their scopes would be the same,
 * and distances in one graph cannot decrease both ways.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "analysis/equality_path.h"
#include "analysis/source_link.h"

/* Kind 0 knows no operator: columns that are one and the same column. */
#define KIND_IDENTITY 0

/* How a column is compared in one kind of equality; invalid if it is not. */
typedef struct ColumnTypes
{
	Oid			optype;
	Oid			valtype;
} ColumnTypes;

struct EqualityFinder
{
	const SourceTree *tree;
	const EqualityKey *key;
	int			ncolumns;
	SourceColumn *columns;
	int			nkinds;
	SourceEquality *kinds;
	ColumnTypes **types;		/* [kind][column] */
	int		   *key_columns;	/* per key column */
};

/* An alias's scope, and the classes of columns that are equal in it. */
typedef struct Scope
{
	Bitmapset  *nodes;
	int		  **classes;		/* [kind][column]: representative column */
} Scope;

static void prepare_columns(EqualityFinder *finder);
static void prepare_kinds(EqualityFinder *finder);
static void prepare_types(EqualityFinder *finder);
static void scope_open(EqualityFinder *finder, Scope *scope, const SourceAlias *alias);
static EqualityPath *search(EqualityFinder *finder, const Scope *scope, SourceAlias *start, bool over_static);

EqualityFinder *
equality_path_create_finder(const SourceTree *tree, const EqualityKey *key)
{
	EqualityFinder *finder = palloc0(sizeof(EqualityFinder));

	finder->tree = tree;
	finder->key = key;
	prepare_columns(finder);
	prepare_kinds(finder);
	prepare_types(finder);
	return finder;
}

/*
 * A path over static tables is second choice: their rows may no longer be
 * those the board was made of.
 */
EqualityPath *
equality_path_find(EqualityFinder *finder, SourceAlias *alias)
{
	EqualityPath *path;
	Scope		scope;

	scope_open(finder, &scope, alias);
	path = search(finder, &scope, alias, false);
	if (path == NULL && finder->tree->options->static_relids != NIL)
		path = search(finder, &scope, alias, true);
	return path;
}

/* ----- preparation: what does not depend on the scope ----- */

static bool
same_column(const SourceColumn *a, const SourceColumn *b)
{
	return a->alias == b->alias && a->attno == b->attno;
}

static int
find_column(const EqualityFinder *finder, const SourceColumn *column)
{
	for (int i = 0; i < finder->ncolumns; i++)
		if (same_column(&finder->columns[i], column))
			return i;
	return -1;
}

static int
add_column(EqualityFinder *finder, const SourceColumn *column)
{
	int			i = find_column(finder, column);

	if (i < 0)
	{
		i = finder->ncolumns++;
		finder->columns[i] = *column;
	}
	return i;
}

static void
prepare_columns(EqualityFinder *finder)
{
	const SourceTree *tree = finder->tree;
	int			most = 2 * (list_length(tree->links) + list_length(tree->outputs)) + finder->key->n;
	ListCell   *lc;

	finder->columns = palloc(sizeof(SourceColumn) * most);
	finder->key_columns = palloc(sizeof(int) * finder->key->n);
	for (int i = 0; i < finder->key->n; i++)
	{
		SourceColumn column = {tree->top->output, finder->key->resnos[i]};

		finder->key_columns[i] = add_column(finder, &column);
	}
	foreach(lc, tree->links)
	{
		SourceLink *link = lfirst(lc);

		add_column(finder, &link->left.column);
		add_column(finder, &link->right.column);
	}
	foreach(lc, tree->outputs)
	{
		SourceOutput *output = lfirst(lc);

		add_column(finder, &output->outer);
		add_column(finder, &output->inner);
	}
}

static int
find_kind(const EqualityFinder *finder, const SourceEquality *equality)
{
	for (int kind = KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
	{
		const SourceEquality *known = &finder->kinds[kind];

		if (known->is_btree == equality->is_btree && known->collation == equality->collation &&
			equal(known->families, equality->families))
			return kind;
	}
	return -1;
}

static void
prepare_kinds(EqualityFinder *finder)
{
	ListCell   *lc;

	finder->kinds = palloc0(sizeof(SourceEquality) * (list_length(finder->tree->links) + 1));
	finder->nkinds = KIND_IDENTITY + 1;
	foreach(lc, finder->tree->links)
	{
		SourceLink *link = lfirst(lc);

		if (find_kind(finder, &link->equality) < 0)
			finder->kinds[finder->nkinds++] = link->equality;
	}
}

static bool
operator_is_of_kind(const SourceEquality *kind, Oid eqop)
{
	ListCell   *lc;

	foreach(lc, kind->families)
		if (op_in_opfamily(eqop, lfirst_oid(lc)))
			return true;
	return false;
}

/*
 * Is the column the same inside and outside, as far as this kind of equality
 * can see?  Grouping shows one value of several equal ones: that must be
 * equal by the same rule.
 */
static bool
output_fits_kind(const EqualityFinder *finder, const SourceOutput *output, int kind)
{
	ListCell   *lc;

	if (kind == KIND_IDENTITY || output->group_ops == NIL)
		return true;
	if (output->group_collation != finder->kinds[kind].collation)
		return false;
	foreach(lc, output->group_ops)
		if (!operator_is_of_kind(&finder->kinds[kind], lfirst_oid(lc)))
			return false;
	return true;
}

static void
note_types(ColumnTypes *types, Oid optype, Oid valtype)
{
	if (!OidIsValid(types->optype))
	{
		types->optype = optype;
		types->valtype = valtype;
	}
}

/* A column without a link of its own is compared as what it stands for. */
static bool
spread_types(EqualityFinder *finder, int kind)
{
	ColumnTypes *types = finder->types[kind];
	bool		changed = false;
	ListCell   *lc;

	foreach(lc, finder->tree->outputs)
	{
		SourceOutput *output = lfirst(lc);
		int			outer = find_column(finder, &output->outer);
		int			inner = find_column(finder, &output->inner);

		if (OidIsValid(types[outer].optype) == OidIsValid(types[inner].optype) ||
			!output_fits_kind(finder, output, kind))
			continue;
		note_types(&types[outer], types[inner].optype, types[inner].valtype);
		note_types(&types[inner], types[outer].optype, types[outer].valtype);
		changed = true;
	}
	return changed;
}

static void
prepare_types(EqualityFinder *finder)
{
	ListCell   *lc;

	finder->types = palloc(sizeof(ColumnTypes *) * finder->nkinds);
	for (int kind = 0; kind < finder->nkinds; kind++)
		finder->types[kind] = palloc0(sizeof(ColumnTypes) * finder->ncolumns);
	foreach(lc, finder->tree->links)
	{
		SourceLink *link = lfirst(lc);
		ColumnTypes *types = finder->types[find_kind(finder, &link->equality)];

		note_types(&types[find_column(finder, &link->left.column)],
				   link->left.optype, link->left.valtype);
		note_types(&types[find_column(finder, &link->right.column)],
				   link->right.optype, link->right.valtype);
	}
	for (int kind = KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
		while (spread_types(finder, kind))
			;
}

/* ----- scope ----- */

/* The column is not NULL, so its alias has a row; the same inside a subquery. */
static Bitmapset *
force_column(const SourceTree *tree, Bitmapset *nodes, const SourceColumn *column)
{
	ListCell   *lc;

	nodes = bms_add_member(nodes, column->alias->node);
	foreach(lc, tree->outputs)
	{
		SourceOutput *output = lfirst(lc);

		if (same_column(&output->outer, column))
			return force_column(tree, nodes, &output->inner);
	}
	return nodes;
}

static Bitmapset *
close_with_links(const SourceTree *tree, Bitmapset *nodes)
{
	int			before;

	do
	{
		ListCell   *lc;

		before = bms_num_members(nodes);
		nodes = source_walk_close_scope(tree, nodes);
		foreach(lc, tree->links)
		{
			SourceLink *link = lfirst(lc);

			if (!bms_is_member(link->guard, nodes))
				continue;
			nodes = force_column(tree, nodes, &link->left.column);
			nodes = force_column(tree, nodes, &link->right.column);
		}
	} while (bms_num_members(nodes) != before);
	return nodes;
}

/* What surely holds for a row of alias; NULL: for any row of the result. */
static Bitmapset *
scope_nodes(const EqualityFinder *finder, const SourceAlias *alias)
{
	const SourceTree *tree = finder->tree;
	Bitmapset  *nodes = bms_make_singleton(tree->top->output->node);

	if (alias != NULL)
	{
		nodes = bms_add_member(nodes, alias->node);
		nodes = bms_add_member(nodes, alias->level->root_node);
		for (const SourceLevel *level = alias->level; level != NULL; level = level->parent)
		{
			nodes = bms_add_member(nodes, level->output->node);
			nodes = bms_add_members(nodes, level->place);
		}
	}
	for (int i = 0; i < finder->key->n; i++)
		nodes = force_column(tree, nodes, &finder->columns[finder->key_columns[i]]);
	return close_with_links(tree, nodes);
}

static int
class_of(const int *classes, int column)
{
	while (classes[column] != column)
		column = classes[column];
	return column;
}

static void
unite(const EqualityFinder *finder, int *classes, const SourceColumn *a, const SourceColumn *b)
{
	int			class_a = class_of(classes, find_column(finder, a));
	int			class_b = class_of(classes, find_column(finder, b));

	classes[Max(class_a, class_b)] = Min(class_a, class_b);
}

static void
scope_open(EqualityFinder *finder, Scope *scope, const SourceAlias *alias)
{
	ListCell   *lc;

	scope->nodes = scope_nodes(finder, alias);
	scope->classes = palloc(sizeof(int *) * finder->nkinds);
	for (int kind = 0; kind < finder->nkinds; kind++)
	{
		int		   *classes = palloc(sizeof(int) * finder->ncolumns);

		for (int i = 0; i < finder->ncolumns; i++)
			classes[i] = i;
		foreach(lc, finder->tree->outputs)
		{
			SourceOutput *output = lfirst(lc);

			if (bms_is_member(output->outer.alias->node, scope->nodes) &&
				bms_is_member(output->level->root_node, scope->nodes) &&
				output_fits_kind(finder, output, kind))
				unite(finder, classes, &output->outer, &output->inner);
		}
		scope->classes[kind] = classes;
	}
	foreach(lc, finder->tree->links)
	{
		SourceLink *link = lfirst(lc);

		if (bms_is_member(link->guard, scope->nodes))
			unite(finder, scope->classes[find_kind(finder, &link->equality)],
				  &link->left.column, &link->right.column);
	}
}

static bool
are_equal(const Scope *scope, int kind, int a, int b)
{
	return class_of(scope->classes[kind], a) == class_of(scope->classes[kind], b);
}

/* ----- the end of a path ----- */

/* Can a value of this column, equal to key column i by kind, stand for it? */
static bool
serves_as_key(const EqualityFinder *finder, int kind, int column, int i)
{
	const EqualityKey *key = finder->key;
	const SourceColumn *source = &finder->columns[column];
	Oid			type = getBaseType(get_atttype(source->alias->relid, source->attno));

	if (kind != KIND_IDENTITY &&
		(!operator_is_of_kind(&finder->kinds[kind], key->eqops[i]) ||
		 finder->kinds[kind].collation != source_link_equality_collation(key->collations[i])))
		return false;
	return IsBinaryCoercible(type, key->types[i]);
}

static AttrNumber
find_key_column(const EqualityFinder *finder, const Scope *scope, const SourceAlias *alias, int i)
{
	for (int kind = 0; kind < finder->nkinds; kind++)
		for (int column = 0; column < finder->ncolumns; column++)
			if (finder->columns[column].alias == alias &&
				are_equal(scope, kind, column, finder->key_columns[i]) &&
				serves_as_key(finder, kind, column, i))
				return finder->columns[column].attno;
	return InvalidAttrNumber;
}

/* The columns of alias that are the key, or NULL if it does not have it. */
static AttrNumber *
find_key_columns(const EqualityFinder *finder, const Scope *scope, const SourceAlias *alias)
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
is_named_by_key(const EqualityFinder *finder, const Scope *scope, const SourceAlias *alias)
{
	for (int i = 0; i < finder->key->n; i++)
	{
		bool		named = false;

		for (int column = 0; column < finder->ncolumns; column++)
			named |= finder->columns[column].alias == alias &&
				are_equal(scope, KIND_IDENTITY, column, finder->key_columns[i]);
		if (!named)
			return false;
	}
	return true;
}

/*
 * Preferred: the table the query names the key by, if the key is unique in
 * it; then another where it is unique; then the one that is named.
 */
SourceAlias *
equality_path_find_key_alias(EqualityFinder *finder)
{
	SourceAlias *best = NULL;
	int			best_rank = 0;
	Scope		scope;
	ListCell   *lc;

	scope_open(finder, &scope, NULL);
	foreach(lc, finder->tree->aliases)
	{
		SourceAlias *alias = lfirst(lc);
		AttrNumber *attnos;
		int			rank = 1;

		if (alias->kind != SOURCE_ALIAS_TABLE || !bms_is_member(alias->node, scope.nodes))
			continue;
		attnos = find_key_columns(finder, &scope, alias);
		if (attnos == NULL)
			continue;
		if (columns_are_unique(alias->relid, attnos, finder->key->n))
			rank += 2;
		if (is_named_by_key(finder, &scope, alias))
			rank += 1;
		if (rank > best_rank)
		{
			best = alias;
			best_rank = rank;
		}
	}
	return best;
}

/* ----- the search ----- */

/* The operator "column as y = value as x" of a kind, or InvalidOid. */
static Oid
find_operator(const SourceEquality *kind, Oid y_type, Oid x_type)
{
	StrategyNumber strategy = kind->is_btree ? BTEqualStrategyNumber : HTEqualStrategyNumber;
	ListCell   *lc;

	foreach(lc, kind->families)
	{
		Oid			opno = get_opfamily_member(lfirst_oid(lc), y_type, x_type, strategy);

		if (OidIsValid(opno))
			return opno;
	}
	return InvalidOid;
}

/* The column's own collation where it means the same: its indexes have it. */
static Oid
match_collation(const SourceColumn *column, Oid collation)
{
	Oid			own;
	Oid			type;
	int32		typmod;

	if (!OidIsValid(collation))
		return InvalidOid;
	get_atttypetypmodcoll(column->alias->relid, column->attno, &type, &typmod, &own);
	if (OidIsValid(own) && source_link_equality_collation(own) == collation)
		return own;
	return collation;
}

/* Is there a way to compare column y of the hop with column x before it? */
static bool
match_columns(const EqualityFinder *finder, const Scope *scope, int x, int y, EqualityMatch *match)
{
	for (int kind = KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
	{
		const ColumnTypes *from = &finder->types[kind][x];
		const ColumnTypes *to = &finder->types[kind][y];

		if (!are_equal(scope, kind, x, y))
			continue;
		match->eqop = find_operator(&finder->kinds[kind], to->optype, from->optype);
		if (!OidIsValid(match->eqop))
			continue;
		match->from_attno = finder->columns[x].attno;
		match->from_type = from->valtype;
		match->attno = finder->columns[y].attno;
		match->type = to->valtype;
		match->collation = match_collation(&finder->columns[y], finder->kinds[kind].collation);
		return true;
	}
	return false;
}

static bool
already_matched(const EqualityHop *hop, AttrNumber attno)
{
	for (int i = 0; i < hop->nmatches; i++)
		if (hop->matches[i].attno == attno)
			return true;
	return false;
}

/* All pairs of columns that link two aliases; false if there is none. */
static bool
match_aliases(const EqualityFinder *finder, const Scope *scope,
			  const SourceAlias *from, SourceAlias *to, EqualityHop *hop)
{
	hop->alias = to;
	hop->nmatches = 0;
	hop->matches = palloc(sizeof(EqualityMatch) * finder->ncolumns);
	for (int y = 0; y < finder->ncolumns; y++)
	{
		if (finder->columns[y].alias != to)
			continue;
		for (int x = 0; x < finder->ncolumns; x++)
			if (finder->columns[x].alias == from &&
				!already_matched(hop, finder->columns[y].attno) &&
				match_columns(finder, scope, x, y, &hop->matches[hop->nmatches]))
				hop->nmatches++;
	}
	return hop->nmatches > 0;
}

/* One alias that has been reached. */
typedef struct SearchStep
{
	SourceAlias *alias;
	struct SearchStep *before;	/* NULL at the start */
	EqualityHop hop;			/* from the alias before to this one */
	int			depth;
} SearchStep;

static EqualityPath *
build_path(SearchStep *last, AttrNumber *key_attnos)
{
	EqualityPath *path = palloc0(sizeof(EqualityPath));

	path->nhops = last->depth;
	path->hops = palloc(sizeof(EqualityHop) * Max(last->depth, 1));
	path->key_attnos = key_attnos;
	for (SearchStep *step = last; step->before != NULL; step = step->before)
		path->hops[step->depth - 1] = step->hop;
	while (last->before != NULL)
		last = last->before;
	path->alias = last->alias;
	return path;
}

static bool
is_reached(const List *steps, const SourceAlias *alias)
{
	ListCell   *lc;

	foreach(lc, steps)
		if (((SearchStep *) lfirst(lc))->alias == alias)
			return true;
	return false;
}

static SearchStep *
new_step(SourceAlias *alias, SearchStep *before)
{
	SearchStep *step = palloc0(sizeof(SearchStep));

	step->alias = alias;
	step->before = before;
	step->depth = before ? before->depth + 1 : 0;
	return step;
}

/* Append to steps every table that step leads to and that is new. */
static List *
expand(EqualityFinder *finder, const Scope *scope, List *steps, SearchStep *step, bool over_static)
{
	ListCell   *lc;

	foreach(lc, finder->tree->aliases)
	{
		SourceAlias *alias = lfirst(lc);
		EqualityHop hop;
		SearchStep *next;

		if (alias->kind != SOURCE_ALIAS_TABLE || (alias->is_static && !over_static) ||
			!bms_is_member(alias->node, scope->nodes) || is_reached(steps, alias) ||
			!match_aliases(finder, scope, step->alias, alias, &hop))
			continue;
		next = new_step(alias, step);
		next->hop = hop;
		steps = lappend(steps, next);
	}
	return steps;
}

/* Breadth first: steps is the queue and the set of what has been reached. */
static EqualityPath *
search(EqualityFinder *finder, const Scope *scope, SourceAlias *start, bool over_static)
{
	List	   *steps = list_make1(new_step(start, NULL));

	for (int i = 0; i < list_length(steps); i++)
	{
		SearchStep *step = list_nth(steps, i);
		AttrNumber *key_attnos = find_key_columns(finder, scope, step->alias);

		if (key_attnos != NULL)
			return build_path(step, key_attnos);
		steps = expand(finder, scope, steps, step, over_static);
	}
	return NULL;
}
