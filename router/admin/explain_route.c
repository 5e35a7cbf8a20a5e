/*-------------------------------------------------------------------------
 *
 * explain_route.c
 *	  EXPLAIN ROUTE [DATABASE [USER [APPLICATION]]] 'STATEMENT': where it would
 *	  go, and why.
 *
 * Decided as for a client of that user and application_name, by [routes], the
 * facts of the database and what was learned of the statement and the user; of
 * a session without SET andon.route or a transaction.  Which of the replicas it is, or
 * whether any has the session's floor, is known only when it runs: SHOW CLIENTS
 * and the metric routes_total tell of that.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <stdio.h>

#include "session/account.h"

static const ResultColumn columns[] = {
	{"database", RESULT_KEY},
	{"route", RESULT_ORDER},	/* of workers that differ the one counts that has learned: primary */
	{"kind", RESULT_TEXT},
	{"rule", RESULT_TEXT},		/* that decided */
	{"name", RESULT_TEXT},		/* what it decided about */
	{"pin_reason", RESULT_TEXT},
};

const ResultShape explain_route_shape = RESULT_SHAPE(columns);

#define RULE_SIZE 128

static bool is_serializable(const ConsoleRun *run, SessionContext *context, const Database *database);
static void find_wish(ConsoleRun *run, const SessionConfig *config, const char *database);
static void add_class(ConsoleRun *run, const char *database, const StatementClass *class, bool serializable);
static void add_name(Result *result, const char *name);

void
explain_route(ConsoleRun *run, int worker, SessionContext *context)
{
	if (run->tally.changed == 0)
		find_wish(run, &context->config, run->route.database);
	LIST_FOREACH(node, &context->databases)
	{
		const Database *database = list_entry(node, Database, node);

		if (run->route.database[0] != '\0' && strcmp(run->route.database, database->name) != 0)
			continue;
		if (statement_cache_facts(database->statements) == NULL)
			continue;
		run->tally.changed++;
		find_wish(run, &context->config, database->name);
		add_class(run, database->name, statement_cache_get(database->statements, slice_from_string(run->value)),
				  is_serializable(run, context, database));
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
		add_class(run, run->route.database, &class, false);
	}
	console_run_send(run);
}

static bool
is_serializable(const ConsoleRun *run, SessionContext *context, const Database *database)
{
	LIST_FOREACH(node, &context->accounts)
	{
		const Account *account = list_entry(node, Account, node);

		if (account->database == database && strcmp(account->user, run->route.user) == 0)
			return account->is_serializable;
	}
	return false;
}

/* The name is copied: the configuration is the worker's. */
static void
find_wish(ConsoleRun *run, const SessionConfig *config, const char *database)
{
	const RouteSubject subject = {database, run->route.user, run->route.application};
	const char *rule;

	run->wish = (RouteWish) {ROUTE_TARGET_AUTO};
	rule = config->find_rule ? config->find_rule(config->databases, &subject, &run->wish.target) : NULL;
	snprintf(run->rule, sizeof(run->rule), "%s", rule ? rule : "");
	run->wish.rule = run->rule;
}

static void
add_class(ConsoleRun *run, const char *database, const StatementClass *class, bool serializable)
{
	Result	   *result = run->result;
	bool		allows_replica = route_target_allows_replica(class->flags, run->wish.target);
	char		rule[RULE_SIZE];

	if (allows_replica && serializable)
		snprintf(rule, sizeof(rule), "default_transaction_isolation of the user is serializable");
	else
		route_target_explain(class, &run->wish, rule, sizeof(rule));
	result_begin_row(result);
	add_name(result, database);
	result_add_text(result, allows_replica && !serializable ? "replica" : "primary");
	result_add_text(result, statement_kind_name(class->kind));
	result_add_text(result, rule);
	add_name(result, class->detail);
	add_name(result, class->flags & STATEMENT_LEAVES_STATE ? class->pin_reason : "");
}

static void
add_name(Result *result, const char *name)
{
	if (name[0] != '\0')
		result_add_text(result, name);
	else
		result_add_null(result);
}
