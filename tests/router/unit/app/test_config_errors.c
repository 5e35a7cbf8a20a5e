/*-------------------------------------------------------------------------
 *
 * test_config_errors.c
 *	  What is told about a router.ini that is wrong: all of it, with line and way out.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/app/config_text.h"

#include "app/ini.h"

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

static void
the_whole(void **state)
{
	ERRORS(BASE "listen_addr =\nprobe_interval = 1s\nprobe_timeout = 500ms\nmonitor_user =\n",
		   "etc/router.ini: there is nothing to listen on: set listen_addr or unix_socket_dir",
		   "etc/router.ini: probe_timeout must not be shorter than probe_interval",
		   "etc/router.ini: monitor_user and monitor_database must not be empty");
}

/* Guards: each auth_type, and direct TLS, is told what it cannot do without. */
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
	ERRORS(BASE "server_tls_negotiation = direct\n",
		   "etc/router.ini: server_tls_negotiation = direct needs server_tls_sslmode = require: "
		   "there is no asking, and no going on without");
	ERRORS(BASE "auth_query = SELECT 1\n",
		   "etc/router.ini: auth_query has no $1, which stands for the user's name");

	config = parse("[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_user = lookup\nauth_hba_file = hba.conf\n");
	assert_string_equal(config->auth_hba_file, "etc/hba.conf");
	assert_non_null(strstr(config->auth_query, "valuntil"));
	config_unref(config);
}

/* ---------------------------------------------------------------- not a configuration at all */

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_errors_at_once),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(nodes_and_databases),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(wrong_routes),
		cmocka_unit_test(the_whole),
		cmocka_unit_test(what_authentication_needs),
		cmocka_unit_test(too_long),
		cmocka_unit_test(longest_line_fits),
		cmocka_unit_test(not_a_text_file),
		cmocka_unit_test(errors_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
