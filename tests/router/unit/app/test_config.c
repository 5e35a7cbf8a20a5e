/*-------------------------------------------------------------------------
 *
 * test_config.c
 *	  What router.ini says, and what of it holds for whom.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/app/config_text.h"

/* ---------------------------------------------------------------- options */

static void
defaults(void **state)
{
	Config	   *config = parse(BASE);

	assert_string_equal(config->listen_addr, "127.0.0.1");
	assert_int_equal(config->listen_port, 6543);
	assert_int_equal(config->pool_mode, POOL_MODE_TRANSACTION);
	assert_int_equal(config->consistency, CONSISTENCY_SESSION);
	assert_int_equal(config->auth_type, AUTH_SCRAM_SHA_256);
	assert_int_equal(config->replica_wait_us, 50000);
	assert_int_equal(config->max_replica_lag_bytes, 0);
	assert_int_equal(config->query_timeout_us, 0);
	assert_int_equal(config->http_port, 8543);
	assert_int_equal(config->nnodes, 1);
	assert_string_equal(config->nodes[0].name, "north");
	assert_string_equal(config->nodes[0].host, "10.0.0.1");
	assert_int_equal(config->nodes[0].port, 5432);
	config_unref(config);
}

static void
everything(void **state)
{
	Config	   *config = parse("\xEF\xBB\xBF[router]\r\n"
							   "  listen_addr = 10.0.0.9, ::1   ; both\r\n"
							   "# a comment\n"
							   "; another\n"
							   "pool_mode=session\n"
							   "consistency = eventual\n"
							   "auth_type = trust\n"
							   "replica_wait = 0\n"
							   "max_replica_lag = 90 s\n"
							   "max_replica_lag_bytes = 16MB\n"
							   "query_timeout = 1min\n"
							   "log_format = text\n"
							   "log_level = debug\n"
							   "http_port = 0\n"
							   "auth_file = /etc/users\n"
							   "[nodes]\n"
							   "n-1.x = port=5433 host='/run/my pg'\n"
							   "n-2 = host=::1\n"
							   "[databases]\n"
							   "shop = dbname='the mes'\n"
							   "mes\n"
							   "* =\n");

	assert_string_equal(config->listen_addr, "10.0.0.9, ::1");
	assert_int_equal(config->pool_mode, POOL_MODE_SESSION);
	assert_int_equal(config->consistency, CONSISTENCY_EVENTUAL);
	assert_int_equal(config->auth_type, AUTH_TRUST);
	assert_int_equal(config->replica_wait_us, 0);
	assert_int_equal(config->max_replica_lag_us, 90000000);
	assert_int_equal(config->max_replica_lag_bytes, 16 * 1024 * 1024);
	assert_int_equal(config->query_timeout_us, 60000000);
	assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->http_port, 0);
	assert_string_equal(config->auth_file, "/etc/users");
	assert_string_equal(config->nodes[0].name, "n-1.x");
	assert_string_equal(config->nodes[0].host, "/run/my pg");
	assert_int_equal(config->nodes[0].port, 5433);
	assert_string_equal(config->nodes[1].host, "::1");
	assert_string_equal(config_find_database(config, "shop"), "the mes");
	assert_string_equal(config_find_database(config, "mes"), "mes");
	assert_string_equal(config_find_database(config, "else"), "else");
	config_unref(config);
}

static void
relative_paths_begin_at_the_file(void **state)
{
	Config	   *config = parse(BASE);
	Config	   *here;
	ConfigErrors errors = CONFIG_ERRORS_INIT;

	assert_string_equal(config->auth_file, "etc/users.txt");
	config_unref(config);
	here = config_parse(slice_from_string(BASE), "router.ini", &errors);
	assert_string_equal(here->auth_file, "users.txt");
	config_unref(here);
}

static void
lists(void **state)
{
	assert_true(config_list_has("ann, bob ,carl", "ann"));
	assert_true(config_list_has("ann, bob ,carl", "bob"));
	assert_true(config_list_has("ann, bob ,carl", "carl"));
	assert_false(config_list_has("ann, bob ,carl", "bo"));
	assert_false(config_list_has("", ""));
	assert_false(config_list_has(" , ", ""));
	assert_true(slice_equals_string(config_list_item("a, , b", 1), "b"));
	assert_int_equal(config_list_item("a, , b", 2).len, 0);
}

/* ---------------------------------------------------------------- databases, users, routes */

static void
databases(void **state)
{
	Config	   *any = parse(BASE);
	Config	   *some = parse(BASE "[databases]\nshop = dbname=mes\n");
	Config	   *one = parse(BASE "[databases]\n* = dbname=mes\n");

	assert_string_equal(config_find_database(any, "x"), "x");
	assert_string_equal(config_find_database(some, "shop"), "mes");
	assert_null(config_find_database(some, "mes"));
	assert_string_equal(config_find_database(one, "x"), "mes");
	config_unref(any);
	config_unref(some);
	config_unref(one);
}

/* Guards: the line of the database, else *, else the option, else the monitor's database. */
static void
where_auth_query_is_run(void **state)
{
	Config	   *config = parse(BASE "monitor_database = watch\n"
							   "[databases]\n* = auth_dbname=any\nmes =\nshop = dbname=s auth_dbname=own\n");
	Config	   *second = parse(BASE "auth_dbname = all\n[databases]\nmes =\nshop = auth_dbname=own\n");

	assert_string_equal(config_find_auth_database(config, "mes"), "watch");
	assert_string_equal(config_find_auth_database(config, "shop"), "own");
	assert_string_equal(config_find_auth_database(config, "made up"), "any");
	assert_string_equal(config_find_auth_database(second, "mes"), "all");
	assert_string_equal(config_find_auth_database(second, "shop"), "own");
	assert_string_equal(config_find_auth_database(second, "made up"), "all");
	config_unref(config);
	config_unref(second);
}

static PoolLimits
limits_of(const Config *config, const char *name, const char *user)
{
	PoolConfig	pool;
	PoolLimits	limits;

	config_fill_pool(config, &pool);
	limits = pool.limits;
	pool.find_limits(pool.limits_arg, name, user, &limits);
	return limits;
}

/* Guards: the user's word holds before the database's, that before the option. */
static void
limits_of_databases_and_users(void **state)
{
	Config	   *config = parse(WORDS);
	PoolLimits	limits = limits_of(config, "shop", "ann");

	assert_int_equal(limits.pool_size, 5);
	assert_int_equal(limits.reserve_pool_size, 2);
	assert_int_equal(limits.min_pool_size, 0);
	assert_int_equal(limits.max_db_connections, 9);
	assert_int_equal(limits.max_user_connections, 7);
	assert_string_equal(limits.connect_query, "SELECT 'x'");
	limits = limits_of(config, "shop", "bob");
	assert_int_equal(limits.pool_size, 3);
	assert_int_equal(limits.max_user_connections, 0);
	limits = limits_of(config, "else", "ann");
	assert_int_equal(limits.pool_size, 20);
	assert_int_equal(limits.min_pool_size, 1);
	assert_int_equal(limits.max_db_connections, 0);
	config_unref(config);
}

static void
accounts_of_databases_and_users(void **state)
{
	Config	   *config = parse(WORDS);
	AccountConfig account;

	config_find_account(config, "shop", "ann", &account);
	assert_int_equal(account.pool_mode, POOL_MODE_SESSION);
	assert_int_equal(account.max_db_clients, 3);
	assert_int_equal(account.max_user_clients, 0);
	assert_null(account.server_user);
	assert_false(account.has_minimum);
	config_find_account(config, "shop", "bob", &account);
	assert_int_equal(account.pool_mode, POOL_MODE_TRANSACTION);
	assert_int_equal(account.max_user_clients, 4);
	config_find_account(config, "as_bob", "ann", &account);
	assert_string_equal(account.server_user, "bob");
	assert_true(account.has_minimum);
	config_unref(config);
}

/* Guards: the first line of which all words fit counts; what a line does not say fits everybody. */
static void
rules_of_routes(void **state)
{
	static const struct
	{
		RouteSubject subject;
		const char *rule;
		RouteTarget target;
	}			cases[] = {
		{{"shop", "cashier", "grafana 9"}, "reporting", ROUTE_TARGET_REPLICA},
		{{"shop", "cashier", "grafana"}, "booking", ROUTE_TARGET_PRIMARY},
		{{"shop2", "cashier", ""}, "plain", ROUTE_TARGET_AUTO},
		{{"shop", "ann", ""}, "rest", ROUTE_TARGET_REPLICA},
		{{"shop", "Cashier", ""}, "rest", ROUTE_TARGET_REPLICA},
	};
	Config	   *config = parse(WORDS);
	Config	   *none = parse(BASE);
	RouteTarget target = ROUTE_TARGET_AUTO;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_string_equal(config_find_rule(config, &cases[i].subject, &target), cases[i].rule);
		assert_int_equal(target, cases[i].target);
	}
	assert_null(config_find_rule(none, &cases[0].subject, &target));
	config_unref(none);
	config_unref(config);
}

/* ---------------------------------------------------------------- reload */

static char told[256];

static void
tell(void *arg, const char *name)
{
	strcat(strcat(told, name), " ");
}

static void
reload(void **state)
{
	Config	   *running = parse(BASE);
	Config	   *loaded = parse("[nodes]\nnorth = host=10.0.0.2\n[router]\nauth_file = u\nlisten_port = 1\n"
							   "query_timeout = 3s\nmonitor_user = m\n[databases]\na =\n");
	Config	   *merged;

	told[0] = '\0';
	assert_int_equal(config_reload_check(running, running, tell, NULL), 0);
	assert_int_equal(config_reload_check(running, loaded, tell, NULL), 3);
	assert_string_equal(told, "listen_port monitor_user [nodes] ");
	merged = config_merge_reload(running, loaded);
	assert_int_equal(config_reload_check(running, merged, tell, NULL), 0);
	assert_int_equal(merged->listen_port, 6543);
	assert_string_equal(merged->monitor_user, "postgres");
	assert_string_equal(merged->nodes[0].host, "10.0.0.1");
	assert_int_equal(merged->query_timeout_us, 3000000);
	assert_string_equal(merged->auth_file, "etc/u");
	assert_null(config_find_database(merged, "b"));
	config_unref(config_ref(merged));
	config_unref(merged);
	config_unref(loaded);
	config_unref(running);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(relative_paths_begin_at_the_file),
		cmocka_unit_test(lists),
		cmocka_unit_test(databases),
		cmocka_unit_test(where_auth_query_is_run),
		cmocka_unit_test(limits_of_databases_and_users),
		cmocka_unit_test(accounts_of_databases_and_users),
		cmocka_unit_test(rules_of_routes),
		cmocka_unit_test(reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
