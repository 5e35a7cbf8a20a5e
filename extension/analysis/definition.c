/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a board's definition says about dirty keys.
 *
 * Puts the pieces together: the key columns are looked up in the select list,
 * source_walk.c turns the query into aliases and links, equality_path.c finds
 * a path for each alias of each table, dirty_sql.c writes the queries.  Here
 * is also what can only be told when paths are known: no key table, no path,
 * options that name what is not there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "analysis/definition.h"
#include "analysis/dirty_sql.h"
#include "analysis/equality_key.h"
#include "analysis/equality_path.h"
#include "analysis/refusal.h"
#include "analysis/source_link.h"
#include "analysis/source_walk.h"

static void find_key(EqualityKey *key, Query *query, const DefinitionOptions *options);
static void check_key_is_plain(SourceTree *tree, const EqualityKey *key);
static void fill_outputs(Definition *definition, EqualityFinder *finder, SourceTree *tree, const List *key_tables);
static void fill_sources(Definition *definition, EqualityFinder *finder, const SourceTree *tree, const EqualityKey *key);
static void add_path_columns(Definition *definition);
static const char *why_output_is_not_plain(SourceTree *tree, SourceLevel *level, AttrNumber resno);
static void check_key_tables(const List *key_tables, const DefinitionOptions *options);
static void mark_key_tables(Definition *definition, const List *key_tables);

Definition *
definition_analyse(Query *query, const DefinitionOptions *options)
{
	Definition *definition = palloc0(sizeof(Definition));
	EqualityKey key;
	SourceTree *tree;
	EqualityFinder *finder;
	List	   *key_tables;

	tree = source_walk_query(query, options);
	find_key(&key, query, options);
	check_key_is_plain(tree, &key);
	finder = equality_scope_create_finder(tree, &key);
	key_tables = equality_key_find_tables(finder);
	check_key_tables(key_tables, options);

	definition->nkeys = key.n;
	definition->key_resnos = key.resnos;
	definition->key_types = key.types;
	definition->key_collations = key.collations;
	definition->key_eqops = key.eqops;
	fill_sources(definition, finder, tree, &key);
	fill_outputs(definition, finder, tree, key_tables);
	mark_key_tables(definition, key_tables);
	add_path_columns(definition);
	return definition;
}

SourceUse *
definition_find_source(const Definition *definition, Oid relid)
{
	for (int i = 0; i < definition->nsources; i++)
		if (definition->sources[i].relid == relid)
			return &definition->sources[i];
	return NULL;
}

/* ----- the key ----- */

static TargetEntry *
find_output(Query *query, const char *name, const char *board_name)
{
	TargetEntry *found = NULL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && tle->resname != NULL && strcmp(tle->resname, name) == 0)
			found = tle;
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("key column \"%s\" of board \"%s\" is not in the definition's select list",
						name, board_name),
				 errhint("Add it to the select list, or name the key by an output column's name.")));
	return found;
}

static void
find_key(EqualityKey *key, Query *query, const DefinitionOptions *options)
{
	int			n = list_length(options->key_names);

	key->n = 0;
	key->resnos = palloc(sizeof(AttrNumber) * n);
	key->types = palloc(sizeof(Oid) * n);
	key->collations = palloc(sizeof(Oid) * n);
	key->eqops = palloc(sizeof(Oid) * n);
	for (int i = 0; i < n; i++)
	{
		const char *name = list_nth(options->key_names, i);
		TargetEntry *tle = find_output(query, name, options->board_name);
		Oid			type = getBaseType(exprType((Node *) tle->expr));
		TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC);

		if (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->cmp_proc) || !OidIsValid(get_array_type(type)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of type %s cannot be part of a board's key",
							name, format_type_be(type)),
					 errdetail("A key's type must have an order and must not be an array."),
					 errhint("Take a column of a scalar type as the key.")));
		key->resnos[key->n] = tle->resno;
		key->types[key->n] = type;
		key->collations[key->n] = exprCollation((Node *) tle->expr);
		key->eqops[key->n] = entry->eq_opr;
		key->n++;
	}
}

/* Follow a column down to tables; what is in the way is the reason. */
static const char *
why_column_is_not_plain(SourceTree *tree, const SourceColumn *column)
{
	const char *reason = NULL;
	ListCell   *lc;

	if (column->alias->kind == SOURCE_ALIAS_QUERY)
		return why_output_is_not_plain(tree, column->alias->inner, column->attno);
	foreach(lc, column->alias->arguments)
		if (reason == NULL)
			reason = why_column_is_not_plain(tree, lfirst(lc));
	return reason;
}

/* What a row changes must tell the key; a constant is the same for all rows. */
static const char *
not_a_constant(const SourceLevel *level)
{
	if (level->parent != NULL && level->parent->branches != NIL)
		return _("In a branch of a UNION it is a constant, not a column of a table. Give each branch's table a column that has it, such as channel text NOT NULL DEFAULT 'shop' CHECK (channel = 'shop'), and select that.");
	return _("It is a constant, not a column of a source table. The same in each row, it tells none from another: leave it out of the key.");
}

static bool
is_constant(Node *expr)
{
	return IsA(strip_implicit_coercions(expr), Const);
}

static const char *
why_branches_are_not_plain(SourceTree *tree, SourceLevel *level, AttrNumber resno)
{
	const char *reason = NULL;
	ListCell   *lc;

	foreach(lc, level->branches)
	{
		SourceColumn column = {lfirst(lc), resno};

		if (source_link_branch_converts(level, column.alias, resno))
			return _("Its type is not the same in all branches of a UNION. (A cast leaves a column plain only between types of one representation, as from varchar to text.) Give the columns one type with ALTER TABLE, or give one table a generated column of the other's type and select that.");
		if (reason == NULL)
			reason = why_column_is_not_plain(tree, &column);
	}
	return reason;
}

static const char *
why_virtual_is_not_plain(const SourceColumn *column)
{
	return psprintf(_("Column \"%s\" of table \"%s\" is a virtual generated column: no stored row has its value, unless it is made STORED."),
					get_attname(column->alias->relid, column->attno, false),
					get_rel_name(column->alias->relid));
}

static const char *
why_output_is_not_plain(SourceTree *tree, SourceLevel *level, AttrNumber resno)
{
	TargetEntry *tle = get_tle_by_resno(level->query->targetList, resno);
	const char *blocked = source_link_blocks_output(level, resno);
	SourceColumn column = {NULL, InvalidAttrNumber};

	if (level->branches == NIL && tle != NULL && is_constant((Node *) tle->expr))
		return not_a_constant(level);
	if (level->branches == NIL &&
		(tle == NULL || !source_link_resolve_column(tree, level, (Node *) tle->expr, &column)))
		return column.alias != NULL && column.alias->kind == SOURCE_ALIAS_TABLE ?
			why_virtual_is_not_plain(&column) :
			_("It is an expression, not a plain column of a source table.");
	if (blocked != NULL)
		return level->parent == NULL ? psprintf(_("In the definition %s."), blocked) :
			psprintf(_("In subquery \"%s\", where it comes from, %s."), level->output->name, blocked);
	if (level->branches != NIL)
		return why_branches_are_not_plain(tree, level, resno);
	return why_column_is_not_plain(tree, &column);
}

static void
check_key_is_plain(SourceTree *tree, const EqualityKey *key)
{
	for (int i = 0; i < key->n; i++)
	{
		const char *reason = why_output_is_not_plain(tree, tree->top, key->resnos[i]);

		if (reason != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" cannot be part of the key of board \"%s\"",
							(char *) list_nth(tree->options->key_names, i), tree->options->board_name),
					 errdetail("%s", reason),
					 errhint("The key must be plain columns of one source table, or of one in each branch of a UNION, or COALESCE of both sides of a FULL JOIN; and in GROUP BY, PARTITION BY and DISTINCT ON where the definition has them.")));
	}
}

static void
check_key_tables(const List *key_tables, const DefinitionOptions *options)
{
	ListCell   *lc;

	if (key_tables == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the key columns of board \"%s\" do not come from one table", options->board_name),
				 errdetail("A key is made of columns of one source, or of columns that are always equal to them."),
				 errhint("Take the key from the table that has one row for each row of the board.")));
	foreach(lc, key_tables)
	{
		const SourceAlias *table = lfirst(lc);

		if (table->is_static)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("table \"%s\" cannot be static", get_rel_name(table->relid)),
					 errdetail("The key of board \"%s\" comes from it.", options->board_name)));
	}
}

static void
mark_key_tables(Definition *definition, const List *key_tables)
{
	ListCell   *lc;

	definition->key_relid = ((SourceAlias *) linitial(key_tables))->relid;
	foreach(lc, key_tables)
	{
		Oid			relid = ((SourceAlias *) lfirst(lc))->relid;

		definition_find_source(definition, relid)->is_key_table = true;
		if (relid != definition->key_relid)
			definition->key_relid = InvalidOid;
	}
}

/* ----- columns that are shown as they are ----- */

/* The column of alias that an output column of the definition shows, or none. */
static AttrNumber
shown_column(SourceTree *tree, AttrNumber resno, const SourceAlias *alias)
{
	SourceLevel *level = tree->top;

	for (;;)
	{
		TargetEntry *tle = get_tle_by_resno(level->query->targetList, resno);
		SourceColumn column;

		if (tle == NULL || level->query->setOperations != NULL ||
			!source_link_resolve_column(tree, level, (Node *) tle->expr, &column))
			return InvalidAttrNumber;
		if (column.alias->kind == SOURCE_ALIAS_TABLE)
			return column.alias == alias && column.attno > 0 ? column.attno : InvalidAttrNumber;
		if (column.alias->kind != SOURCE_ALIAS_QUERY)
			return InvalidAttrNumber;
		level = column.alias->inner;
		resno = column.attno;
	}
}

/* Of a key that is in one alias only; else there is no row whose columns are shown. */
static void
fill_outputs(Definition *definition, EqualityFinder *finder, SourceTree *tree, const List *key_tables)
{
	SourceAlias *alias = linitial(key_tables);
	List	   *paths = NIL;
	ListCell   *lc;

	definition->output_attnos = palloc0(sizeof(AttrNumber) * list_length(tree->top->query->targetList));
	if (list_length(key_tables) == 1 && equality_path_find(finder, alias, &paths) &&
		list_length(paths) == 1 && ((EqualityPath *) linitial(paths))->nhops == 0)
		definition->key_attnos = ((EqualityPath *) linitial(paths))->key_attnos;
	foreach(lc, definition->key_attnos ? tree->top->query->targetList : NIL)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			definition->output_attnos[tle->resno - 1] = shown_column(tree, tle->resno, alias);
	}
}

/* ----- why there is no path ----- */

static bool
any_branch_converts(const SourceLevel *level, AttrNumber resno)
{
	ListCell   *lc;

	foreach(lc, level->branches)
		if (source_link_branch_converts(level, lfirst(lc), resno))
			return true;
	return false;
}

/* A link to an output column of level that cannot be followed inward. */
static const char *
blocked_link(const SourceTree *tree, const SourceLevel *level)
{
	ListCell   *lc;

	foreach(lc, tree->links)
	{
		SourceLink *link = lfirst(lc);
		SourceColumn *column = link->left.column.alias == level->output ? &link->left.column :
			&link->right.column;
		const char *blocked;

		if (column->alias != level->output)
			continue;
		blocked = source_link_blocks_output(level, column->attno);
		if (blocked == NULL && any_branch_converts(level, column->attno))
			blocked = _("its type is not the same in all branches of the UNION");
		if (blocked != NULL)
			return psprintf(_("It is tied to the key only by column \"%s\" of subquery \"%s\", and there %s."),
							get_tle_by_resno(level->query->targetList, column->attno)->resname,
							level->output->name, blocked);
	}
	return NULL;
}

static void
refuse_without_path(const SourceTree *tree, const SourceAlias *alias)
{
	const char *reason;

	for (const SourceLevel *level = alias->level; level != NULL; level = level->parent)
	{
		const char *blocked = blocked_link(tree, level);

		if (level->use == SOURCE_LEVEL_IN_VALUE)
			refusal_no_path(alias->relid, alias->name,
							_("It stands in NOT IN, ALL, or an IN that need not be true, where one NULL changes the answer for every row."),
							_("Write NOT EXISTS or EXISTS with the equality inside, or declare the columns on both sides NOT NULL."));
		if (blocked != NULL)
			refusal_no_path(alias->relid, alias->name, blocked,
							_("Move the condition into the subquery, with LATERAL where it stands in FROM."));
	}
	reason = _("No chain of equalities between plain columns that hold for each of its rows leads there. Conditions under OR, NOT or CASE do not count, nor does the ON of an outer join for the side that is kept.");
	if (tree->virtual_column.alias != NULL)
		reason = psprintf("%s %s", reason, why_virtual_is_not_plain(&tree->virtual_column));
	refusal_no_path(alias->relid, alias->name, reason, NULL);
}

/* ----- sources and paths ----- */

static void
fill_hop(PathHop *hop, const EqualityHop *from)
{
	int			n = from->nmatches;

	hop->relid = from->alias->relid;
	hop->alias = from->alias->name;
	hop->nmatch = n;
	hop->match_attnos = palloc(sizeof(AttrNumber) * n);
	hop->match_types = palloc(sizeof(Oid) * n);
	hop->match_eqops = palloc(sizeof(Oid) * n);
	hop->match_collations = palloc(sizeof(Oid) * n);
	hop->carried_types = palloc(sizeof(Oid) * n);
	for (int i = 0; i < n; i++)
	{
		hop->match_attnos[i] = from->matches[i].attno;
		hop->match_types[i] = from->matches[i].type;
		hop->match_eqops[i] = from->matches[i].eqop;
		hop->match_collations[i] = from->matches[i].collation;
		hop->carried_types[i] = from->matches[i].from_type;
	}
}

/* The columns that alias number i of the path (0: where it starts) hands on. */
static void
fill_carried(const EqualityPath *path, const EqualityKey *key, int i, int *n, AttrNumber **attnos, Oid **types)
{
	bool		is_last = i == path->nhops;

	*n = is_last ? key->n : path->hops[i].nmatches;
	*attnos = palloc(sizeof(AttrNumber) * *n);
	*types = palloc(sizeof(Oid) * *n);
	for (int j = 0; j < *n; j++)
	{
		(*attnos)[j] = is_last ? path->key_attnos[j] : path->hops[i].matches[j].from_attno;
		(*types)[j] = is_last ? key->types[j] : path->hops[i].matches[j].from_type;
	}
}

/* Does the hop match by the very columns it hands on? */
static bool
hop_only_converts(const PathHop *hop)
{
	return hop->nmatch == hop->nout &&
		memcmp(hop->match_attnos, hop->out_attnos, sizeof(AttrNumber) * hop->nout) == 0;
}

static void
fill_path(DirtyPath *path, const EqualityPath *from, const EqualityKey *key)
{
	path->alias = from->alias->name;
	path->nhops = from->nhops;
	path->hops = palloc0(sizeof(PathHop) * Max(from->nhops, 1));
	fill_carried(from, key, 0, &path->nstart, &path->start_attnos, &path->start_types);
	for (int i = 0; i < from->nhops; i++)
	{
		PathHop    *hop = &path->hops[i];

		fill_hop(hop, &from->hops[i]);
		fill_carried(from, key, i + 1, &hop->nout, &hop->out_attnos, &hop->out_types);
		hop->sql = dirty_sql_build_hop(hop, from->hops[i].alias->only);
		if (from->hops[i].alias->is_static)
			path->note = psprintf(_("leads over static table %s as it is when a change is mapped"),
								  quote_identifier(get_rel_name(hop->relid)));
		else if (i == from->nhops - 1 && hop_only_converts(hop))
			path->note = psprintf(_("looks each key up in %s, since the types compared differ"),
								  quote_identifier(get_rel_name(hop->relid)));
	}
}

static SourceUse *
use_of_table(Definition *definition, SourceAlias *alias)
{
	SourceUse  *use = definition_find_source(definition, alias->relid);

	if (use == NULL)
	{
		use = &definition->sources[definition->nsources++];
		use->relid = alias->relid;
		use->is_static = alias->is_static;
	}
	use->uses_whole_row |= alias->uses_whole_row;
	use->used_attnos = bms_add_members(use->used_attnos, alias->used_attnos);
	return use;
}

static void
add_paths(SourceUse *use, const List *paths, Oid owner, const EqualityKey *key)
{
	int			n = use->npaths + list_length(paths);
	ListCell   *lc;

	use->paths = use->paths ? repalloc(use->paths, sizeof(DirtyPath) * n) : palloc(sizeof(DirtyPath) * n);
	memset(use->paths + use->npaths, 0, sizeof(DirtyPath) * list_length(paths));
	foreach(lc, paths)
	{
		EqualityPath *path = lfirst(lc);

		for (int i = 0; i < path->nhops; i++)
			refusal_check_hop(path->hops[i].alias->relid, owner);
		fill_path(&use->paths[use->npaths++], path, key);
	}
}

static void
fill_sources(Definition *definition, EqualityFinder *finder, const SourceTree *tree, const EqualityKey *key)
{
	int			most = list_length(tree->aliases);
	ListCell   *lc;

	definition->sources = palloc0(sizeof(SourceUse) * most);
	foreach(lc, tree->aliases)
	{
		SourceAlias *alias = lfirst(lc);
		SourceUse  *use;
		List	   *paths;

		if (alias->kind != SOURCE_ALIAS_TABLE)
			continue;
		use = use_of_table(definition, alias);
		if (alias->is_static)
			continue;
		if (!equality_path_find(finder, alias, &paths))
			refuse_without_path(tree, alias);
		add_paths(use, paths, tree->options->owner, key);
	}
	foreach(lc, tree->options->static_relids)
		if (definition_find_source(definition, lfirst_oid(lc)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("static table \"%s\" is not a source of board \"%s\"",
							get_rel_name(lfirst_oid(lc)), tree->options->board_name),
					 errhint("Name in options => {\"static\": [...]} only tables that the definition uses.")));
}

static void
use_columns(Definition *definition, Oid relid, const AttrNumber *attnos, int n)
{
	SourceUse  *use = definition_find_source(definition, relid);

	for (int i = 0; i < n; i++)
		use->used_attnos = bms_add_member(use->used_attnos, attnos[i] - FirstLowInvalidHeapAttributeNumber);
}

/* A column that a path reads counts as used, also where the query does not name it. */
static void
add_path_columns(Definition *definition)
{
	for (int i = 0; i < definition->nsources; i++)
	{
		SourceUse  *use = &definition->sources[i];

		for (int j = 0; j < use->npaths; j++)
		{
			DirtyPath  *path = &use->paths[j];

			use_columns(definition, use->relid, path->start_attnos, path->nstart);
			for (int h = 0; h < path->nhops; h++)
			{
				PathHop    *hop = &path->hops[h];

				use_columns(definition, hop->relid, hop->match_attnos, hop->nmatch);
				use_columns(definition, hop->relid, hop->out_attnos, hop->nout);
			}
		}
	}
}
