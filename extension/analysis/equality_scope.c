/*-------------------------------------------------------------------------
 *
 * equality_scope.c
 *	  Which columns are equal whenever a row of an alias contributes.
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
 * kind of equality (operator families and collation): 'a' = 'A' as citext must
 * not be chained with an equality of text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "analysis/equality_scope.h"

/* Ways in which a row can come about: of five FULL JOINs, each with its own key */
#define EQUALITY_MAX_CASES 64

static void prepare_columns(EqualityFinder *finder);
static void prepare_kinds(EqualityFinder *finder);
static void prepare_types(EqualityFinder *finder);

EqualityFinder *
equality_scope_create_finder(const SourceTree *tree, const EqualityKey *key)
{
	EqualityFinder *finder = palloc0(sizeof(EqualityFinder));

	finder->tree = tree;
	finder->key = key;
	prepare_columns(finder);
	prepare_kinds(finder);
	prepare_types(finder);
	return finder;
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
	for (int kind = EQUALITY_KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
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
	finder->nkinds = EQUALITY_KIND_IDENTITY + 1;
	foreach(lc, finder->tree->links)
	{
		SourceLink *link = lfirst(lc);

		if (find_kind(finder, &link->equality) < 0)
			finder->kinds[finder->nkinds++] = link->equality;
	}
}

bool
equality_scope_kind_has_operator(const SourceEquality *kind, Oid eqop)
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

	if (kind == EQUALITY_KIND_IDENTITY || output->group_ops == NIL)
		return true;
	if (output->group_collation != finder->kinds[kind].collation)
		return false;
	foreach(lc, output->group_ops)
		if (!equality_scope_kind_has_operator(&finder->kinds[kind], lfirst_oid(lc)))
			return false;
	return true;
}

static void
note_types(EqualityTypes *types, Oid optype, Oid valtype)
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
	EqualityTypes *types = finder->types[kind];
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

	finder->types = palloc(sizeof(EqualityTypes *) * finder->nkinds);
	for (int kind = 0; kind < finder->nkinds; kind++)
		finder->types[kind] = palloc0(sizeof(EqualityTypes) * finder->ncolumns);
	foreach(lc, finder->tree->links)
	{
		SourceLink *link = lfirst(lc);
		EqualityTypes *types = finder->types[find_kind(finder, &link->equality)];

		note_types(&types[find_column(finder, &link->left.column)],
				   link->left.optype, link->left.valtype);
		note_types(&types[find_column(finder, &link->right.column)],
				   link->right.optype, link->right.valtype);
	}
	for (int kind = EQUALITY_KIND_IDENTITY + 1; kind < finder->nkinds; kind++)
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
	foreach(lc, tree->nulls)
		if (same_column(lfirst(lc), column))
			nodes = bms_add_member(nodes, tree->never_node);
	foreach(lc, tree->outputs)
	{
		SourceOutput *output = lfirst(lc);

		if (same_column(&output->outer, column) &&
			(!output->is_option || bms_is_member(output->guard, nodes)))
			nodes = force_column(tree, nodes, &output->inner);
	}
	return nodes;
}

/* Rows with a NULL key are left out. */
static Bitmapset *
force_key(const EqualityFinder *finder, Bitmapset *nodes)
{
	for (int i = 0; i < finder->key->n; i++)
		nodes = force_column(finder->tree, nodes, &finder->columns[finder->key_columns[i]]);
	return nodes;
}

static Bitmapset *
close_with_links(const EqualityFinder *finder, Bitmapset *nodes)
{
	const SourceTree *tree = finder->tree;
	int			before;

	do
	{
		ListCell   *lc;

		before = bms_num_members(nodes);
		nodes = source_tree_close_scope(tree, force_key(finder, nodes));
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

/* A choice that is to be made and for which nodes have no option yet, or NULL. */
static SourceChoice *
find_open_choice(const SourceTree *tree, const Bitmapset *nodes)
{
	ListCell   *lc;

	foreach(lc, tree->choices)
	{
		SourceChoice *choice = lfirst(lc);

		if (bms_is_member(choice->when, nodes) && !bms_overlap(choice->options, nodes))
			return choice;
	}
	return NULL;
}

static List *
add_cases(const EqualityFinder *finder, List *cases, Bitmapset *nodes)
{
	SourceChoice *choice;
	int			option = -1;

	nodes = close_with_links(finder, nodes);
	if (bms_is_member(finder->tree->never_node, nodes))
		return cases;
	choice = find_open_choice(finder->tree, nodes);
	if (choice == NULL)
		cases = lappend(cases, nodes);
	if (list_length(cases) > EQUALITY_MAX_CASES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the definition combines too many UNIONs or FULL JOINs"),
				 errdetail("A row can come about in more than %d ways.", EQUALITY_MAX_CASES),
				 errhint("Make a board of each part.")));
	while (choice != NULL && (option = bms_next_member(choice->options, option)) >= 0)
		cases = add_cases(finder, cases, bms_add_member(bms_copy(nodes), option));
	return cases;
}

List *
equality_scope_list_cases(const EqualityFinder *finder, const SourceAlias *alias)
{
	Bitmapset  *nodes = bms_make_singleton(finder->tree->top->output->node);

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
	return add_cases(finder, NIL, nodes);
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

void
equality_scope_open(const EqualityFinder *finder, EqualityScope *scope, Bitmapset *nodes)
{
	ListCell   *lc;

	scope->nodes = nodes;
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
				bms_is_member(output->guard, scope->nodes) &&
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

bool
equality_scope_has(const EqualityScope *scope, int kind, int a, int b)
{
	return class_of(scope->classes[kind], a) == class_of(scope->classes[kind], b);
}
