/*-------------------------------------------------------------------------
 *
 * source_tree.c
 *	  A definition as levels, aliases, links and scope rules.
 *
 * Only what builds and reads the tree without looking at a Query: numbers for
 * nodes, lists of what is known about them, and the closure of a set of nodes
 * under the rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "analysis/source_tree.h"

/* A CTE that is used twice is walked twice: keep nested doubling bounded. */
#define SOURCE_TREE_MAX_ALIASES 1000

int
source_tree_add_node(SourceTree *tree)
{
	return tree->nnodes++;
}

SourceAlias *
source_tree_add_alias(SourceTree *tree, SourceAliasKind kind, const char *name, SourceLevel *level)
{
	SourceAlias *alias = palloc0(sizeof(SourceAlias));

	alias->kind = kind;
	alias->name = name;
	alias->level = level;
	alias->node = source_tree_add_node(tree);
	tree->aliases = lappend(tree->aliases, alias);
	if (list_length(tree->aliases) > SOURCE_TREE_MAX_ALIASES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the definition has too many sources"),
				 errdetail("Views and common table expressions are counted each time they are used; at most %d entries of FROM are analysed.",
						   SOURCE_TREE_MAX_ALIASES)));
	return alias;
}

void
source_tree_add_rule(SourceTree *tree, Bitmapset *any_of, Bitmapset *and_any_of, Bitmapset *then)
{
	ScopeRule  *rule = palloc(sizeof(ScopeRule));

	rule->any_of = any_of;
	rule->and_any_of = and_any_of;
	rule->then = then;
	tree->rules = lappend(tree->rules, rule);
}

void
source_tree_add_choice(SourceTree *tree, int when, Bitmapset *options)
{
	SourceChoice *choice = palloc(sizeof(SourceChoice));

	choice->when = when;
	choice->options = options;
	tree->choices = lappend(tree->choices, choice);
}

static bool
rule_applies(const ScopeRule *rule, const Bitmapset *nodes)
{
	return !bms_is_subset(rule->then, nodes) && bms_overlap(rule->any_of, nodes) &&
		(rule->and_any_of == NULL || bms_overlap(rule->and_any_of, nodes));
}

Bitmapset *
source_tree_close_scope(const SourceTree *tree, Bitmapset *nodes)
{
	bool		grown = true;

	while (grown)
	{
		ListCell   *lc;

		grown = false;
		foreach(lc, tree->rules)
		{
			ScopeRule  *rule = lfirst(lc);

			if (rule_applies(rule, nodes))
			{
				nodes = bms_add_members(nodes, rule->then);
				grown = true;
			}
		}
	}
	return nodes;
}
