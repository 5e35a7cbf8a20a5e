/*-------------------------------------------------------------------------
 *
 * show_pools.c
 *	  SHOW POOLS and ROUTES: where work goes.
 *
 * Columns with the meaning they have in PgBouncer have its names, and come
 * first, in its order.  A pool is of a node here, so cl_active counts clients
 * that hold a server of it; idle clients belong to no pool and are seen in SHOW
 * CLIENTS.  Who sends a cancel request is in none either: it finds the session
 * it names in whatever worker, and is let go when the request has been sent on
 * its way, not when the node has answered.  load_balance_hosts is about lists
 * of hosts, and a pool has one.  The database is the one clients
 * name: two names for one database have pools of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include "session/account.h"

static const ResultColumn pool_columns[] = {
	{"database", RESULT_KEY},
	{"user", RESULT_KEY},
	{"cl_active", RESULT_SUM},
	{"cl_waiting", RESULT_SUM},
	{"cl_active_cancel_req", RESULT_SUM},	/* 0 */
	{"cl_waiting_cancel_req", RESULT_SUM},	/* 0 */
	{"sv_active", RESULT_SUM},
	{"sv_active_cancel", RESULT_SUM},	/* cancel requests on their way */
	{"sv_being_canceled", RESULT_SUM},	/* servers they are for, not in sv_active */
	{"sv_idle", RESULT_SUM},
	{"sv_used", RESULT_SUM},	/* idle, to be checked before use */
	{"sv_tested", RESULT_SUM},	/* being reset */
	{"sv_login", RESULT_SUM},
	{"maxwait", RESULT_MAX_SECONDS},
	{"maxwait_us", RESULT_MAX_MICROSECONDS},
	{"pool_mode", RESULT_TEXT},
	{"load_balance_hosts", RESULT_TEXT},	/* null */
	{"node", RESULT_KEY},
	{"role", RESULT_TEXT},
	{"total_server_assignment_count", RESULT_SUM},
	{"total_wait_time", RESULT_SUM},	/* microseconds */
	{"server_logins", RESULT_SUM},
	{"server_login_failures", RESULT_SUM},
	{"paused", RESULT_TEXT},
};

static const ResultColumn route_columns[] = {
	{"node", RESULT_KEY},
	{"role", RESULT_TEXT},
	{"database", RESULT_KEY},
	{"user", RESULT_KEY},
	{"reads", RESULT_SUM},
	{"writes", RESULT_SUM},
};

const ResultShape show_pools_shape = RESULT_SHAPE(pool_columns);
const ResultShape show_routes_shape = RESULT_SHAPE(route_columns);

/* What the visitors of one worker add to, and where from. */
typedef struct Visit
{
	Result	   *result;
	const SessionContext *context;
} Visit;

static void add_pool(void *arg, const Pool *pool);
static PoolMode find_pool_mode(const SessionContext *context, const PoolStats *stats);
static void add_account(Result *result, const SessionContext *context, const Account *account);

void
show_pools(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = {run->result, context};

	pool_set_each_pool(context->pools, add_pool, &visit);
}

void
show_routes(ConsoleRun *run, int worker, SessionContext *context)
{
	LIST_FOREACH(node, &context->accounts)
		add_account(run->result, context, list_entry(node, Account, node));
}

static void
add_pool(void *arg, const Pool *pool)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	PoolStats	stats;

	pool_stats(pool, &stats);
	result_begin_row(result);
	result_add_text(result, stats.name);
	result_add_text(result, stats.user);
	result_add_number(result, (uint64_t) stats.active);
	result_add_number(result, (uint64_t) stats.waiting);
	result_add_number(result, 0);
	result_add_number(result, 0);
	result_add_number(result, (uint64_t) (stats.active - stats.cancelled));
	result_add_number(result, (uint64_t) stats.cancels);
	result_add_number(result, (uint64_t) stats.cancelled);
	result_add_number(result, (uint64_t) (stats.idle - stats.unchecked));
	result_add_number(result, (uint64_t) stats.unchecked);
	result_add_number(result, (uint64_t) stats.resetting);
	result_add_number(result, (uint64_t) stats.connecting);
	result_add_number(result, stats.oldest_wait_us);
	result_add_number(result, stats.oldest_wait_us);
	result_add_text(result, find_pool_mode(visit->context, &stats) == POOL_MODE_SESSION ? "session" : "transaction");
	result_add_null(result);
	show_node_name(result, visit->context, stats.node);
	show_node_role(result, visit->context, stats.node);
	result_add_number(result, stats.checkouts);
	result_add_number(result, stats.wait_total_us);
	result_add_number(result, stats.logins);
	result_add_number(result, stats.login_failures);
	result_add_number(result, pool_set_is_paused(visit->context->pools, stats.database));
}

/* The pool's own server connections have no account: what auth_query uses. */
static PoolMode
find_pool_mode(const SessionContext *context, const PoolStats *stats)
{
	LIST_FOREACH(node, &context->accounts)
	{
		const Account *account = list_entry(node, Account, node);

		if (strcmp(account->database->name, stats->name) == 0 && strcmp(account->user, stats->user) == 0)
			return account->pool_mode;
	}
	return context->config.pool_mode;
}

static void
add_account(Result *result, const SessionContext *context, const Account *account)
{
	for (int i = 0; i < context->view->nnodes; i++)
	{
		result_begin_row(result);
		show_node_name(result, context, i);
		show_node_role(result, context, i);
		result_add_text(result, account->database->name);
		result_add_text(result, account->user);
		result_add_number(result, account->counters[i].reads);
		result_add_number(result, account->counters[i].writes);
	}
}
