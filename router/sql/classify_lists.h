/*-------------------------------------------------------------------------
 *
 * classify_lists.h
 *	  What is known by name of PostgreSQL's own functions and relations.
 *
 * The catalog says volatile of functions that only cannot be folded (random),
 * and stable of some that do have an effect.  These tables, reviewed by hand,
 * say which is which.  They never make a user's function harmless: a name
 * counts as PostgreSQL's own only if the facts know no other volatile one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_CLASSIFY_LISTS_H
#define ROUTER_SQL_CLASSIFY_LISTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum FunctionRuleKind
{
	FUNCTION_RULE_HARMLESS,		/* volatile, but without effect and the same everywhere */
	FUNCTION_RULE_NODE_LOCAL,	/* without effect, about the node or the connection */
	FUNCTION_RULE_DENIED,		/* has an effect, or needs the primary; so do all that follow */
	FUNCTION_RULE_PINS,			/* leaves session state behind */
	FUNCTION_RULE_LOCKS,		/* takes an advisory lock of the session */
	FUNCTION_RULE_UNLOCKS		/* gives one back */
} FunctionRuleKind;

typedef struct FunctionRule
{
	const char *name;
	FunctionRuleKind kind;
	const char *why;			/* PINS, LOCKS: the state that is left */
} FunctionRule;

/* The rule for a function of that name, or NULL: its volatility decides. */
extern const FunctionRule *classify_find_function_rule(const char *name);

/* The table itself, in the order of names, for those who check or print it. */
extern const FunctionRule *classify_function_rules(size_t *count);

/* A system view that tells of the node rather than of the database. */
extern bool classify_is_node_local_relation(const char *name);

/* A setting whose value is a list of names, each of which SET quotes. */
extern bool classify_is_name_list_setting(const char *name);

/* What a setting has to do with statements that are prepared under it. */
typedef enum SettingUse
{
	SETTING_OF_NO_PLAN,			/* they are the same under any value */
	SETTING_OF_PLANS,			/* another value, maybe another plan */
	SETTING_DECIDES_MEANING		/* a name or a literal in the text may be read as something else */
} SettingUse;

extern SettingUse classify_setting_use(const char *name);

/* A setting that no SET can be trusted to bring to another server. */
extern bool classify_is_pinning_setting(const char *name);

/* SET TRANSACTION by another name, in lower case. */
extern bool classify_is_transaction_setting(const char *name);

#endif							/* ROUTER_SQL_CLASSIFY_LISTS_H */
