/*-------------------------------------------------------------------------
 *
 * explain_route.c
 *	  EXPLAIN ROUTE [DATABASE] 'STATEMENT': where it would go, and why.
 *
 * Decided as for a client, by the facts of the database and what was learned
 * of the statement; of a session without hints, settings or a transaction.
 * Which of the replicas it is, or whether any has the session's floor, is known
 * only when it runs: SHOW CLIENTS and the metric routes_total tell of that.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "session/account.h"

static const ResultColumn columns[] = {
	{"database", RESULT_KEY},
	{"route", RESULT_TEXT},
	{"kind", RESULT_TEXT},
	{"rule", RESULT_TEXT},		/* that decided */
	{"name", RESULT_TEXT},		/* what it decided about */
	{"pin_reason", RESULT_TEXT},
};

const ResultShape explain_route_shape = RESULT_SHAPE(columns);

static void add_class(Result *result, const char *database, const StatementClass *class);
static bool may_go_to_replica(const StatementClass *class);
static void add_name(Result *result, const char *name);

void
explain_route(ConsoleRun *run, int worker, SessionContext *context)
{
	LIST_FOREACH(node, &context->databases)
	{
		const Database *database = list_entry(node, Database, node);

		if (run->name[0] != '\0' && strcmp(run->name, database->name) != 0)
			continue;
		if (statement_cache_facts(database->statements) == NULL)
			continue;
		run->tally.changed++;
		add_class(run->result, database->name,
				  statement_cache_get(database->statements, slice_from_string(run->value)));
	}
}

/* A database that nobody has come to yet has no facts: names are not known then. */
void
explain_routed(ConsoleRun *run)
{
	StatementClass class;

	if (run->tally.changed == 0)
	{
		classify_text(slice_from_string(run->value), NULL, &class);
		add_class(run->result, run->name, &class);
	}
	console_run_send(run);
}

static void
add_class(Result *result, const char *database, const StatementClass *class)
{
	result_begin_row(result);
	add_name(result, database);
	result_add_text(result, may_go_to_replica(class) ? "replica" : "primary");
	result_add_text(result, statement_kind_name(class->kind));
	result_add_text(result, class->flags & STATEMENT_HINT_PRIMARY ? "the hint in it" : class->why);
	add_name(result, class->detail);
	add_name(result, class->flags & STATEMENT_LEAVES_STATE ? class->pin_reason : "");
}

static bool
may_go_to_replica(const StatementClass *class)
{
	if (class->flags & STATEMENT_HINT_PRIMARY)
		return false;
	return (class->flags & STATEMENT_IS_READ) ||
		((class->flags & STATEMENT_NODE_LOCAL) && (class->flags & STATEMENT_HINT_REPLICA));
}

static void
add_name(Result *result, const char *name)
{
	if (name[0] != '\0')
		result_add_text(result, name);
	else
		result_add_null(result);
}
