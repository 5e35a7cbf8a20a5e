/*-------------------------------------------------------------------------
 *
 * test_config.c
 *	  router.ini: what it may say, what is told about what it may not.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "app/config.h"
#include "app/config_options.h"
#include "app/ini.h"
#include "base/memory.h"

/* The least that is a configuration, in five lines. */
#define BASE "[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_file = users.txt\n"

static Config *
parse_all(const char *text, ConfigErrors *errors)
{
	return config_parse(slice_from_string(text), "etc/router.ini", errors);
}

/* Must be right. */
static Config *
parse(const char *text)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = parse_all(text, &errors);

	if (config == NULL)
		fail_msg("%s", errors.items[0]);
	assert_int_equal(errors.count, 0);
	return config;
}

/* Must be wrong in exactly these ways; NULL ends them. */
static void
assert_errors(const char *text, const char *const *wanted)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = parse_all(text, &errors);

	assert_null(config);
	for (int i = 0; i < errors.count || wanted[i] != NULL; i++)
	{
		if (i >= errors.count)
			fail_msg("not told: %s", wanted[i]);
		if (wanted[i] == NULL)
			fail_msg("told as well: %s", errors.items[i]);
		assert_string_equal(errors.items[i], wanted[i]);
	}
	config_errors_release(&errors);
}

#define ERRORS(text, ...) assert_errors(text, (const char *const[]) {__VA_ARGS__, NULL})

/* ---------------------------------------------------------------- right */

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

/* ---------------------------------------------------------------- wrong */

static void
all_errors_at_once(void **state)
{
	ERRORS("x = 1\n"
		   "y = 2\n"
		   "[rooter]\n"
		   "z = 3\n"
		   "[router]\n"
		   "listen_prot = 1\n"
		   "listen_port = 70000\n"
		   "consistency = strict\n"
		   "replica_wait = 50\n"
		   "replica_wait = 60ms\n"
		   "qwertz = 1\n"
		   "workers\n"
		   "workers = 3\n"
		   "[nodes]\n"
		   "north = port=1\n",
		   "etc/router.ini:1: \"x\" stands before any section; begin with [router]",
		   "etc/router.ini:3: unknown section [rooter]; did you mean [router]?",
		   "etc/router.ini:6: unknown option \"listen_prot\"; did you mean \"listen_port\"?",
		   "etc/router.ini:7: listen_port = 70000: must be a whole number, 1 to 65535",
		   "etc/router.ini:8: consistency = strict: must be one of: session, global, eventual, primary",
		   "etc/router.ini:9: replica_wait = 50: has no unit: write 50ms or 50s, for example",
		   "etc/router.ini:10: replica_wait is set twice, first in line 9",
		   "etc/router.ini:11: unknown option \"qwertz\"",
		   "etc/router.ini:12: workers has no value: write workers = ...",
		   "etc/router.ini:13: workers is set twice, first in line 12",
		   "etc/router.ini:15: node north has no host: write north = host=10.0.0.1 port=5432",
		   "etc/router.ini: there is no node: add one under [nodes], for example north = host=10.0.0.1 port=5432",
		   "etc/router.ini: auth_type = scram-sha-256 needs auth_file, the file with users and secrets");
}

static void
values_out_of_range(void **state)
{
	ERRORS(BASE
		   "workers = 0\n"
		   "max_client_conn = -1\n"
		   "default_pool_size = 1e3\n"
		   "max_prepared_statements = 99999999999999999999\n"
		   "client_login_timeout = 0\n"
		   "query_timeout = 99999999999999999d\n"
		   "max_replica_lag_bytes = 3 parsecs\n"
		   "probe_timeout = \n",
		   "etc/router.ini:5: workers = 0: must be a whole number, 1 to 64",
		   "etc/router.ini:6: max_client_conn = -1: must be a whole number, 1 to 1000000",
		   "etc/router.ini:7: default_pool_size = 1e3: must be a whole number, 1 to 10000",
		   "etc/router.ini:8: max_prepared_statements = 99999999999999999999: must be a whole number, 1 to 100000",
		   "etc/router.ini:9: client_login_timeout = 0: must be a time with its unit (us, ms, s, min, h, d), 10ms to 1h",
		   "etc/router.ini:10: query_timeout = 99999999999999999d: must be a time with its unit (us, ms, s, min, h, d), 0 or 1ms to 365d",
		   "etc/router.ini:11: max_replica_lag_bytes = 3 parsecs: must be a size with its unit (B, kB, MB, GB), 0 or 1B to 1024GB",
		   "etc/router.ini:12: probe_timeout = : must be a time with its unit (us, ms, s, min, h, d), 50ms to 1h");
}

static void
nodes_and_databases(void **state)
{
	ERRORS(BASE "[nodes]\n"
		   "north = host=10.0.0.9\n"
		   "east = host=10.0.0.1 port=5432\n"
		   "so uth = host=a\n"
		   "west = host=b port=0\n"
		   "a = host=c user=x\n"
		   "b = host=d weight=3000\n"
		   "c = host=e 5432\n"
		   "d = host='e\n"
		   "[databases]\n"
		   "andon =\n"
		   "x = host=a\n"
		   "x = dbname=y\n"
		   "y = dbname=\n"
		   "z = pool=3\n"
		   "w = auth_dbname=a auth_dbname=b\n",
		   "etc/router.ini:6: node north is there twice, first in line 2",
		   "etc/router.ini:8: \"so uth\" is no name for a node: letters, digits, \"_\", \"-\" and \".\", at most 63",
		   "etc/router.ini:9: port=0: must be a whole number, 1 to 65535",
		   "etc/router.ini:10: a node has no user: users and passwords are in auth_file",
		   "etc/router.ini:11: weight=3000: must be a whole number, 0 to 1000",
		   "etc/router.ini:12: expected words of the form key=value",
		   "etc/router.ini:13: a quote is not closed",
		   "etc/router.ini:16: a database has no host: servers are listed in [nodes]",
		   "etc/router.ini:17: database x is there twice, first in line 16",
		   "etc/router.ini:18: dbname must be given once and not be empty",
		   "etc/router.ini:19: unknown \"pool\"; a database has dbname, user, pool_mode, pool_size, min_pool_size, reserve_pool_size, "
		   "max_db_connections, max_db_client_connections, connect_query, auth_dbname",
		   "etc/router.ini:20: auth_dbname must be given once and not be empty",
		   "etc/router.ini:7: node east is at the same host and port as north",
		   "etc/router.ini:15: database andon is the router's console; choose another admin_database to reach it");
}

static void
the_whole(void **state)
{
	ERRORS(BASE "listen_addr =\nprobe_interval = 1s\nprobe_timeout = 500ms\nmonitor_user =\n",
		   "etc/router.ini: there is nothing to listen on: set listen_addr or unix_socket_dir",
		   "etc/router.ini: probe_timeout must not be shorter than probe_interval",
		   "etc/router.ini: monitor_user and monitor_database must not be empty");
}

/* Guards: each auth_type is told what it cannot do without. */
static void
what_authentication_needs(void **state)
{
	Config	   *config;

	ERRORS("[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_type = hba\n",
		   "etc/router.ini: auth_type = hba needs auth_hba_file, in the format of pg_hba.conf");
	ERRORS("[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_type = peer\n",
		   "etc/router.ini: auth_type = peer needs unix_socket_dir: only there the system tells who a client is");
	ERRORS("[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_type = md5\n",
		   "etc/router.ini: auth_type = md5 needs auth_file, the file with users and secrets");
	ERRORS(BASE "auth_query = SELECT 1\n",
		   "etc/router.ini: auth_query has no $1, which stands for the user's name");

	config = parse("[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_user = lookup\nauth_hba_file = hba.conf\n");
	assert_string_equal(config->auth_hba_file, "etc/hba.conf");
	assert_non_null(strstr(config->auth_query, "valuntil"));
	config_unref(config);
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

/* inih would cut these silently. */
static void
too_long(void **state)
{
	Buf			text = BUF_INIT;

	buf_append_string(&text, "[rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr]\n[router\n[router] x\n" BASE "admin_users = ");
	for (int i = 0; i < INI_LINE_LEN_MAX; i++)
		buf_append_u8(&text, 'u');
	buf_append_string(&text, "\n= 3\nworkers = 2");
	buf_append_u8(&text, 0);
	ERRORS(text.data,
		   "etc/router.ini:1: the name of the section is too long: 61 bytes, at most 49 are allowed",
		   "etc/router.ini:2: the section has no closing \"]\"",
		   "etc/router.ini:3: there is more on the line than the section",
		   "etc/router.ini:8: the line is too long: 4014 bytes, at most 4000 are allowed",
		   "etc/router.ini:9: a name is missing before the value");
	buf_release(&text);
}

static void
longest_line_fits(void **state)
{
	Buf			text = BUF_INIT;
	Config	   *config;

	buf_append_string(&text, BASE "admin_users = ");
	for (int i = 0; i < INI_LINE_LEN_MAX - 14; i++)
		buf_append_u8(&text, 'u');
	buf_append_string(&text, "\nworkers = 3");
	buf_append_u8(&text, 0);
	config = parse(text.data);
	assert_int_equal(strlen(config->admin_users), INI_LINE_LEN_MAX - 14);
	assert_int_equal(config->workers, 3);
	config_unref(config);
	buf_release(&text);
}

static void
not_a_text_file(void **state)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;

	assert_null(config_parse(slice_make("\177ELF\0\1\2\n[router]\n", 18), "x", &errors));
	assert_string_equal(errors.items[0], "x:1: the line has a NUL byte; is this a text file?");
	config_errors_release(&errors);
	assert_null(config_load("/nowhere/router.ini", &errors));
	assert_string_equal(errors.items[0], "/nowhere/router.ini: cannot be read: No such file or directory");
	config_errors_release(&errors);
}

/* A folder opens like a file; thousands of errors are cut short. */
static void
errors_are_bounded(void **state)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Buf			text = BUF_INIT;

	assert_null(config_load("/", &errors));
	assert_int_equal(errors.count, 1);
	config_errors_release(&errors);
	buf_append_string(&text, "[router]\n");
	for (int i = 0; i < 1000; i++)
		buf_append_string(&text, "nonsense = 1\n");
	assert_null(config_parse(buf_slice(&text), "x", &errors));
	assert_int_equal(errors.count, 101);
	assert_string_equal(errors.items[100], "x: and more errors");
	config_errors_release(&errors);
	buf_release(&text);
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

/* ---------------------------------------------------------------- databases and users */

static const char *
terminated(Buf *buf)
{
	buf_append_u8(buf, 0);
	return buf_slice(buf).data;
}

#define WORDS BASE "default_pool_size = 20\nmax_user_connections = 7\nmin_pool_size = 1\n" \
	"[databases]\nshop = dbname=mes pool_size=5 reserve_pool_size=2 min_pool_size=0 max_db_connections=9 " \
	"pool_mode=session connect_query='SELECT ''x''' max_db_client_connections=3\n" \
	"as_bob = dbname=mes user=bob\n* =\n" \
	"[users]\nbob = pool_size=3 pool_mode=transaction max_user_connections=0 max_user_client_connections=4\n" \
	"[routes]\nreporting = application='grafana *' target=replica\nbooking = user=cash* database=sho? target=primary\n" \
	"plain = user=cashier target=auto\nrest = database=* target=replica\n"

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

static void
wrong_routes(void **state)
{
	static const char *const wanted[] = {
		"etc/router.ini:6: route a has no target: write target=primary, target=replica or target=auto",
		"etc/router.ini:7: route b says of no session: write application=, user= or database= and a pattern; * fits all",
		"etc/router.ini:8: target=standby: must be one of: auto, primary, replica",
		"etc/router.ini:9: unknown \"app\"; a route has target, application, user, database",
		"etc/router.ini:10: route a is there twice, first in line 6",
		"etc/router.ini:11: user must be given once and not be empty",
		NULL
	};

	assert_errors(BASE "[routes]\na = user=x\nb = target=primary\nc = user=x target=standby\n"
				  "d = app=x target=auto\na = user=y target=auto\ne = user= target=auto\n", wanted);
}

/* Guards: what is printed reads back as the same, and a reload takes these sections over. */
static void
words_survive_print_and_reload(void **state)
{
	Config	   *config = parse(WORDS);
	Config	   *merged = config_merge_reload(config, config);
	Buf			printed[2] = {BUF_INIT, BUF_INIT};
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *again;

	config_print(config, &printed[0]);
	again = config_parse(slice_from_string(terminated(&printed[0])), "router.ini", &errors);
	assert_non_null(again);
	config_print(again, &printed[1]);
	assert_string_equal(buf_slice(&printed[0]).data, terminated(&printed[1]));
	buf_clear(&printed[1]);
	config_print(merged, &printed[1]);
	assert_string_equal(buf_slice(&printed[0]).data, terminated(&printed[1]));
	assert_non_null(strstr(buf_slice(&printed[0]).data, "\nbob = pool_mode=transaction pool_size=3 "));
	for (int i = 0; i < 2; i++)
		buf_release(&printed[i]);
	config_unref(again);
	config_unref(merged);
	config_unref(config);
}

static void
wrong_words(void **state)
{
	static const char *const wanted[] = {
		"etc/router.ini:6: pool_size=0: must be a whole number, 1 to 10000",
		"etc/router.ini:7: pool_mode=statement: must be one of: transaction, session",
		"etc/router.ini:8: pool_size must be given once",
		"etc/router.ini:9: a database has no password here: passwords are in auth_file",
		"etc/router.ini:11: unknown \"min_pool_size\"; a user has pool_mode, pool_size, reserve_pool_size, "
		"max_user_connections, max_user_client_connections",
		"etc/router.ini:12: user a is there twice, first in line 11",
		NULL
	};

	assert_errors(BASE "[databases]\na = pool_size=0\nb = pool_mode=statement\nc = pool_size=1 pool_size=2\n"
				  "d = password=x\n[users]\na = min_pool_size=1\na =\n", wanted);
}

/* ---------------------------------------------------------------- views */

/* What is printed reads back as the same. */
static void
print_reads_back(void **state)
{
	Config	   *config = parse(BASE "query_timeout = 90s\nreplica_wait = 0\nmax_replica_lag_bytes = 1536kB\n"
							   "[nodes]\nsouth = host='/a b''c' port=7\n[databases]\nx = dbname='y z'\n*=\n");
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Buf			first = BUF_INIT;
	Buf			second = BUF_INIT;
	Config	   *again;

	config_print(config, &first);
	again = config_parse(buf_slice(&first), "router.ini", &errors);
	assert_non_null(again);
	config_print(again, &second);
	assert_string_equal(terminated(&first), terminated(&second));
	assert_int_equal(config_reload_check(config, again, tell, NULL), 0);
	assert_string_equal(config_find_database(again, "x"), "y z");
	assert_non_null(strstr(first.data, "\nquery_timeout = 90s\n"));
	assert_non_null(strstr(first.data, "\nsouth = host='/a b''c' port=7\n"));
	buf_release(&first);
	buf_release(&second);
	config_unref(again);
	config_unref(config);
}

static void
count_item(void *arg, const ConfigItem *item)
{
	assert_true(strlen(item->doc) > 0);
	++*(int *) arg;
}

static void
each_item(void **state)
{
	Config	   *config = parse(BASE);
	int			items = 0;

	config_each_item(config, count_item, &items);
	assert_int_equal(items, config_option_count + 2);
	config_unref(config);
}

/* A row that cannot be read back, or that breaks the reference's tables. */
static void
table_is_sound(void **state)
{
	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];

		assert_ptr_equal(config_find_option(option->name), option);
		assert_null(strchr(option->doc, '|'));
		assert_true(option->doc[strlen(option->doc) - 1] != '.');
		if (option->type == OPTION_INT)
			assert_true(option->max <= INT32_MAX);
	}
}

/* The sample is a configuration, and its commented options are the defaults. */
static void
sample_is_valid(void **state)
{
	Buf			sample = BUF_INIT;
	Buf			open = BUF_INIT;
	Buf			printed[2] = {BUF_INIT, BUF_INIT};
	Config	   *config;
	const char *nodes;

	config_write_sample(&sample);
	nodes = strstr(terminated(&sample), "\n[nodes]");
	for (const char *at = sample.data; *at != '\0'; at++)
	{
		if ((at == sample.data || at[-1] == '\n') && at[0] == ';' && at[1] >= 'a' && at[1] <= 'z' && at < nodes)
			continue;			/* of [router]: what other sections have are examples */
		buf_append_u8(&open, (uint8_t) *at);
	}
	buf_append_u8(&open, 0);
	config = parse(sample.data);
	config_print(config, &printed[0]);
	config_unref(config);
	config = parse(open.data);
	config_print(config, &printed[1]);
	config_unref(config);
	assert_string_equal(terminated(&printed[0]), terminated(&printed[1]));
	buf_release(&sample);
	buf_release(&open);
	buf_release(&printed[0]);
	buf_release(&printed[1]);
}

static void
assert_file_is(const char *path, Buf *wanted)
{
	FILE	   *file = fopen(path, "re");
	Buf			text = BUF_INIT;

	if (file == NULL)
		fail_msg("%s cannot be read", path);
	buf_commit(&text, fread(buf_reserve(&text, 100000), 1, 100000, file));
	fclose(file);
	if (strstr(terminated(&text), terminated(wanted)) == NULL)
		fail_msg("%s is out of date: renew it with andon-router --dump-reference", path);
	buf_release(&text);
	buf_release(wanted);
}

/* The committed files are what the table says; the working directory is the top of the tree. */
static void
files_are_current(void **state)
{
	Buf			sample = BUF_INIT;
	Buf			markdown = BUF_INIT;

	config_write_sample(&sample);
	config_write_markdown(&markdown);
	assert_file_is("etc/router.ini", &sample);
	assert_file_is("docs/reference/config.md", &markdown);
}

static void
minimal_file_is_valid(void **state)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_load("etc/router-minimal.ini", &errors);

	if (config == NULL)
		fail_msg("%s", errors.items[0]);
	config_unref(config);
}

static void
nearest(void **state)
{
	const char *const names[] = {"pool_mode", "workers", "log_level", NULL};

	assert_string_equal(config_nearest("pool_moed", names), "pool_mode");
	assert_string_equal(config_nearest("worker", names), "workers");
	assert_string_equal(config_nearest("loglevel", names), "log_level");
	assert_null(config_nearest("lanes", names));
	assert_null(config_nearest("", names));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(relative_paths_begin_at_the_file),
		cmocka_unit_test(databases),
		cmocka_unit_test(lists),
		cmocka_unit_test(all_errors_at_once),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(nodes_and_databases),
		cmocka_unit_test(the_whole),
		cmocka_unit_test(what_authentication_needs),
		cmocka_unit_test(where_auth_query_is_run),
		cmocka_unit_test(too_long),
		cmocka_unit_test(longest_line_fits),
		cmocka_unit_test(not_a_text_file),
		cmocka_unit_test(errors_are_bounded),
		cmocka_unit_test(reload), cmocka_unit_test(limits_of_databases_and_users),
		cmocka_unit_test(accounts_of_databases_and_users), cmocka_unit_test(words_survive_print_and_reload),
		cmocka_unit_test(rules_of_routes), cmocka_unit_test(wrong_routes),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(print_reads_back),
		cmocka_unit_test(each_item),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(sample_is_valid),
		cmocka_unit_test(files_are_current),
		cmocka_unit_test(minimal_file_is_valid),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
