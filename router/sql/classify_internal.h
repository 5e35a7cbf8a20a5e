/*-------------------------------------------------------------------------
 *
 * classify_internal.h
 *	  How the parts of the classifier work together.
 *
 *	  classify.c			text -> parse tree -> one walk per statement -> StatementClass
 *	  classify_utility.c	which kind of statement it is, and what it leaves behind
 *	  classify_setting.c	SET, RESET, SHOW and the options of transactions
 *	  classify_walk.c		the queries: every node of them must be known
 *	  classify_compat.c		nodes that only later parsers make
 *	  classify_names.c		what the names in them stand for, by facts
 *	  classify_lists.c		what is known by name
 *
 * A Walk collects the worst that was found in one statement.  Nobody but these
 * files sees PostgreSQL's structs; base/list.h cannot be included beside them,
 * both call their list List.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_CLASSIFY_INTERNAL_H
#define ROUTER_SQL_CLASSIFY_INTERNAL_H

#include "sql/classify_compat.h"	/* before all others: it brings PostgreSQL's headers */

#include "sql/classify.h"
#include "sql/facts.h"

/* What a statement is, from best to worst; the worst part of it decides. */
typedef enum Verdict
{
	VERDICT_READ,
	VERDICT_NODE_LOCAL,
	VERDICT_UNKNOWN,			/* would be a read if a name were known as harmless */
	VERDICT_PRIMARY,
	VERDICT_TOO_DEEP
} Verdict;

/* Names of CTEs that are in sight: the first visible ones of a WITH, then those around it. */
typedef struct WalkScope
{
	const List *ctes;
	int			visible;
	const struct WalkScope *outer;
} WalkScope;

typedef struct Walk
{
	const Facts *facts;			/* may be NULL: every name is unknown */
	StatementClass *result;
	Verdict		verdict;
	int			depth;
	const WalkScope *scope;		/* on the stack of a caller */
	bool		is_executed;	/* false below EXPLAIN: nothing is left behind */
	bool		has_types;		/* values of any type the database may define: implicit casts count */
	ClassifyPreparedName tell_name; /* NULL: nobody wants to know */
	void	   *tell_arg;
} Walk;

/* ---- classify.c: what was found ---- */

/* The statement is at best this, because of a rule (static) and a name (may be NULL). */
extern void walk_lower(Walk *walk, Verdict verdict, const char *why, const char *name);

/* It leaves state of that kind (PIN_...) behind that must stay with the session; reason is static. */
extern void walk_pin(Walk *walk, unsigned kind, const char *reason);
extern void walk_flag(Walk *walk, unsigned flags);
extern void walk_prepared_name(Walk *walk, const char *name);	/* of a prepared statement that it is about */
extern void walk_local_setting(Walk *walk, const char *name);	/* set up to the end of the transaction */

/* Copy a name or value, cut to the room there is; false when it had to be cut. */
extern bool walk_copy_name(char *to, size_t size, const char *from);

/* ---- classify_walk.c ---- */
extern void walk_node(Walk *walk, const Node *node);	/* NULL is fine */
extern void walk_list(Walk *walk, const List *list);

/* Keep a switch over nodes a table: one line a type. */
#define WALK_FIELD(type, field) walk_node(walk, (const Node *) ((const type *) node)->field)
#define WALK_LIST(type, field) walk_list(walk, ((const type *) node)->field)
#define WALK_NODE(type) case T_##type: walk_##type(walk, (const type *) node); break

/* ---- classify_compat.c ---- */
extern bool walk_later_node(Walk *walk, const Node *node);	/* false: none that is known */

/* ---- classify_names.c ---- */
extern const char *walk_last_name(const List *names);	/* of a qualified name; "" if there is none */
extern bool walk_is_temporary(const RangeVar *relation);
extern void walk_relation(Walk *walk, const RangeVar *relation);
extern void walk_function_name(Walk *walk, const FuncCall *call);	/* not its arguments */
extern void walk_type_name(Walk *walk, const char *name);
extern void walk_operator(Walk *walk, const char *name);
extern void walk_attribute(Walk *walk, const char *name);	/* b of a.b */

/* ---- classify_utility.c ---- */
extern void walk_statement(Walk *walk, const Node *statement);

/* ---- classify_setting.c ---- */
extern bool walk_set_config(Walk *walk, const SelectStmt *select);	/* it is that and no more */
extern void walk_VariableSetStmt(Walk *walk, const VariableSetStmt *statement);
extern void walk_VariableShowStmt(Walk *walk, const VariableShowStmt *statement);
extern bool walk_transaction_options(Walk *walk, const List *options);	/* false: one was not understood */

#endif							/* ROUTER_SQL_CLASSIFY_INTERNAL_H */
