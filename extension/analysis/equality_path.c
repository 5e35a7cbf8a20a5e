/*-------------------------------------------------------------------------
 *
 * equality_path.c
 *	  From an alias of a source to the key, by the links in its scope.
 *
 * Breadth first over tables: alias A leads to table B if some column of A and
 * some column of B are in one class of the scope.  All such pairs are
 * compared: more pairs, fewer keys.  The first alias that has the key ends the
 * path, so it has as few hops as possible.
 *
 * Where a row can come about in several ways (equality_scope.h) each of them
 * needs its path, and the keys are those that all of them lead to.
 *
 * All paths are shortest ones in graphs that depend on the scope alone, which
 * is what makes a transaction safe that changes several rows of one path: for
 * each key there is a changed row whose path leads over unchanged rows only.
 * Were two aliases each on the other's path, their scopes would be the same,
 * and distances in one graph cannot decrease both ways.  With several cases
 * this holds in each: every choice in the scope has been made there, and a key
 * has come about in one way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "utils/lsyscache.h"

#include "analysis/equality_key.h"
#include "analysis/equality_path.h"
#include "analysis/source_link.h"

static EqualityPath *search(const EqualityFinder *finder, const EqualityScope *scope,
							SourceAlias *start, bool over_static);

/*
 * A path over static tables is second choice: their rows may no longer be
 * those the board was made of.
 */
static EqualityPath *
find_in_case(const EqualityFinder *finder, SourceAlias *alias, Bitmapset *nodes)
{
	EqualityPath *path;
	EqualityScope scope;

	equality_scope_open(finder, &scope, nodes);
	path = search(finder, &scope, alias, false);
	if (path == NULL && finder->tree->options->static_relids != NIL)
		path = search(finder, &scope, alias, true);
	return path;
}

static bool
same_hop(const EqualityHop *a, const EqualityHop *b)
{
	bool		same = a->alias->relid == b->alias->relid && a->alias->only == b->alias->only &&
		a->nmatches == b->nmatches;

	for (int i = 0; same && i < a->nmatches; i++)
	{
		const EqualityMatch *x = &a->matches[i];
		const EqualityMatch *y = &b->matches[i];

		same = x->from_attno == y->from_attno && x->from_type == y->from_type &&
			x->attno == y->attno && x->type == y->type &&
			x->eqop == y->eqop && x->collation == y->collation;
	}
	return same;
}

static bool
same_path(const EqualityPath *a, const EqualityPath *b, int nkeys)
{
	if (a->nhops != b->nhops ||
		memcmp(a->key_attnos, b->key_attnos, sizeof(AttrNumber) * nkeys) != 0)
		return false;
	for (int i = 0; i < a->nhops; i++)
		if (!same_hop(&a->hops[i], &b->hops[i]))
			return false;
	return true;
}

static bool
path_is_known(const List *paths, const EqualityPath *path, int nkeys)
{
	ListCell   *lc;

	foreach(lc, paths)
		if (same_path(lfirst(lc), path, nkeys))
			return true;
	return false;
}

bool
equality_path_find(const EqualityFinder *finder, SourceAlias *alias, List **paths)
{
	ListCell   *lc;

	*paths = NIL;
	foreach(lc, equality_scope_list_cases(finder, alias))
	{
		EqualityPath *path = find_in_case(finder, alias, lfirst(lc));

		if (path == NULL)
			return false;
		if (!path_is_known(*paths, path, finder->key->n))
			*paths = lappend(*paths, path);
	}
	return true;
}

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
match_columns(const EqualityFinder *finder, const EqualityScope *scope, int x, int y, EqualityMatch *match)
{
	for (int kind = EQUALITY_KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
	{
		const EqualityTypes *from = &finder->types[kind][x];
		const EqualityTypes *to = &finder->types[kind][y];

		if (!equality_scope_has(scope, kind, x, y))
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

/*
 * The pairs of columns that link two aliases, as many as a tuple of values may
 * have; false if there is none.
 */
static bool
match_aliases(const EqualityFinder *finder, const EqualityScope *scope,
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
				hop->nmatches < INDEX_MAX_KEYS &&
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
expand(const EqualityFinder *finder, const EqualityScope *scope, List *steps, SearchStep *step, bool over_static)
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
search(const EqualityFinder *finder, const EqualityScope *scope, SourceAlias *start, bool over_static)
{
	List	   *steps = list_make1(new_step(start, NULL));

	for (int i = 0; i < list_length(steps); i++)
	{
		SearchStep *step = list_nth(steps, i);
		AttrNumber *key_attnos = equality_key_find_columns(finder, scope, step->alias);

		if (key_attnos != NULL)
			return build_path(step, key_attnos);
		steps = expand(finder, scope, steps, step, over_static);
	}
	return NULL;
}
