/*-------------------------------------------------------------------------
 *
 * test_import.c
 *	  PgBouncer's configuration becomes a router.ini: what is kept, what is told,
 *	  and that no secret is told.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"
#include "app/import.h"
#include "base/memory.h"

#define FOLDER "tests/router/unit/app/pgbouncer/"
#define DEBIANS_FILE "/etc/pgbouncer/pgbouncer.ini"

static char *out;
static char *notes;

static bool
import(const char *path)
{
	Buf			texts[2] = {BUF_INIT, BUF_INIT};
	bool		ok = import_pgbouncer(path, &texts[0], &texts[1]);

	mem_free(out);
	mem_free(notes);
	out = mem_strndup(buf_slice(&texts[0]));
	notes = mem_strndup(buf_slice(&texts[1]));
	buf_release(&texts[0]);
	buf_release(&texts[1]);
	return ok;
}

static int
teardown(void **state)
{
	mem_free(out);
	mem_free(notes);
	out = notes = NULL;
	return 0;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static Config *
result(void)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_parse(slice_from_string(out), "router.ini", &errors);

	if (config == NULL)
		fail_msg("%s\n%s", errors.items[0], out);
	return config;
}

/* Guards: what has an equal here keeps its value, with a unit where times need one. */
static void
a_typical_file(void **state)
{
	Config	   *config;

	assert_true(import(FOLDER "typical.ini"));
	config = result();
	assert_string_equal(config->listen_addr, "0.0.0.0");
	assert_int_equal(config->listen_port, 6432);
	assert_int_equal(config->auth_type, AUTH_SCRAM_SHA_256);
	assert_string_equal(config->auth_query, "SELECT usename, passwd FROM public.user_lookup($1)");
	assert_string_equal(config->monitor_user, "lookup");
	assert_string_equal(config->admin_database, "pgbouncer");
	assert_string_equal(config->admin_users, "anna, boss");
	assert_int_equal(config->pool_mode, POOL_MODE_TRANSACTION);
	assert_int_equal(config->max_client_conn, 2000);
	assert_int_equal(config->server_idle_timeout_us, UINT64_C(300000000));
	assert_int_equal(config->query_timeout_us, 0);
	assert_int_equal(config->query_wait_timeout_us, UINT64_C(120000000));
	assert_int_equal(config->max_prepared_statements, 100);
	assert_string_equal(config->client_tls_ciphers, "default");
	assert_has(out, "reserve_pool_timeout = 2500ms\n");
	assert_int_equal(config->nnodes, 2);
	assert_string_equal(config->nodes[0].host, "10.0.0.1");
	assert_int_equal(config->ndatabases, 3);
	assert_string_equal(config_find_database(config, "mes"), "mes_prod");
	assert_string_equal(config_find_database(config, "any_other"), "any_other");
	assert_has(out, "mes = dbname=mes_prod pool_size=30 reserve_pool_size=5\n");
	assert_has(out, "reporting = pool_mode=session max_user_connections=10\n");
	config_unref(config);
}

/* Guards: no port is opened that PgBouncer had not: two results on one host do not meet at HTTP's; and it is told. */
static void
no_port_of_http(void **state)
{
	Config	   *config;

	assert_true(import(FOLDER "typical.ini"));
	config = result();
	assert_int_equal(config->http_port, 0);
	assert_has(notes, "typical.ini: http_port is 0: PgBouncer has no such port");
	config_unref(config);
}

/* Guards: what has no equal is told with its line and what takes its place; secrets are kept, and told to nobody. */
static void
what_is_told(void **state)
{
	assert_true(import(FOLDER "typical.ini"));
	assert_has(notes, "typical.ini:31: ignore_startup_parameters is not converted: ");
	assert_has(notes, "typical.ini:32: logfile is not converted: the log goes to standard error");
	assert_has(notes, "typical.ini:33: tcp_keepalive is not converted: ");
	assert_has(notes, "typical.ini:4: the password of reports belongs into auth_file");
	assert_has(notes, "[nodes] has 2 servers: they must be one primary and its replicas");
	assert_null(strstr(notes, "s3cr3t"));
	assert_has(out, "; \"reporting\" \"s3cr3t-of-reports\"\n");
}

/* Guards: quotes, includes, several hosts, sockets, and lines that make no sense. */
static void
an_odd_file(void **state)
{
	Config	   *config;

	assert_true(import(FOLDER "odd.ini"));
	config = result();
	assert_string_equal(config_find_database(config, "odd-name"), "a b'c");
	assert_has(out, "connect_query='SELECT ''x'''");
	assert_has(out, "; \"crm\" \"pa ss'word\"\n");
	assert_int_equal(config->nnodes, 4);
	assert_string_equal(config->nodes[0].name, "db.example-5433");
	assert_string_equal(config->nodes[3].host, "/var/run/postgresql");
	assert_int_equal(config->pool_mode, POOL_MODE_TRANSACTION);
	assert_int_equal(config->auth_type, AUTH_HBA);
	assert_string_equal(config->listen_addr, "*");
	assert_string_equal(config->unix_socket_dir, "");
	assert_has(out, "stats_period = 30s\n");
	assert_int_equal(config->listen_port, 6432);
	config_unref(config);

	assert_has(notes, "odd.ini:3: /nowhere/at/all.ini cannot be read");
	assert_has(notes, "odd.ini:6: a name with such characters");
	assert_has(notes, "odd.ini:7: load_balance_hosts is not converted: reads are spread");
	assert_has(notes, "odd.ini:7: auth_user is not converted: the option of [router] holds for all");
	assert_has(notes, "odd.ini:7: client_encoding is not converted: set it by ALTER DATABASE");
	assert_has(notes, "odd.ini:9: the connection string of broken is not understood");
	assert_has(notes, "odd.ini:10: the line is not understood");
	assert_has(notes, "odd.ini:11: [peers] is not converted");
	assert_has(notes, "odd.ini:13: section [moons] is not known");
	assert_has(notes, "odd.ini:16: listen_port is not converted: the router's allows other values");
	assert_has(notes, "odd.ini:19: auth_ident_file is not converted: ");
	assert_has(notes, "odd.ini:20: pool_mode = statement is transaction here");
	assert_has(notes, "odd.ini:21: server_lifetime is not converted: it is no number of seconds");
	assert_has(notes, "odd.ini:23: frobnicate is not converted: it is not known");
	assert_has(notes, "odd.ini:25: pool_mode is there twice");
	assert_null(strstr(notes, "pa ss"));
	assert_null(strstr(notes, "hush"));
}

/* Guards: a file that cannot be read is an error, not an empty configuration. */
static void
no_file(void **state)
{
	assert_false(import("/nowhere/at/all.ini"));
	assert_has(notes, "cannot be read");
	assert_string_equal(out, "");
}

/* Guards: the file Debian's package comes with, where it is installed. */
static void
debians_sample(void **state)
{
	if (access(DEBIANS_FILE, R_OK) != 0)
		skip();
	assert_true(import(DEBIANS_FILE));
	config_unref(result());
}

/* Guards: each option of PgBouncer is taken, or told of with the reason. */
static void
every_option(void **state)
{
	assert_true(import(FOLDER "every_option.ini"));
	assert_null(strstr(notes, "it is not known"));
	assert_null(strstr(notes, "allows other values"));
	assert_has(out, "server_round_robin = on\n");
	assert_has(out, "server_fast_close = on\n");
	config_unref(result());
}

/* Guards: also what the sample shows behind a semicolon is known. */
static void
debians_comments(void **state)
{
	char		path[] = "/tmp/andon-import-XXXXXX";
	char		line[1000];
	FILE	   *sample = fopen(DEBIANS_FILE, "r");
	FILE	   *bare = fdopen(mkstemp(path), "w");
	bool		is_of_options = false;

	assert_non_null(bare);
	while (sample != NULL && fgets(line, sizeof(line), sample) != NULL)
	{
		is_of_options = line[0] == '[' ? strncmp(line, "[pgbouncer]", 11) == 0 : is_of_options;
		fputs(is_of_options && line[0] == ';' && line[1] >= 'a' && line[1] <= 'z' ? line + 1 : line, bare);
	}
	fclose(bare);
	if (sample != NULL)
	{
		fclose(sample);
		(void) import(path);
		assert_null(strstr(notes, "it is not known"));
	}
	unlink(path);
	if (sample == NULL)
		skip();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_typical_file),
		TEST(no_port_of_http),
		TEST(what_is_told),
		TEST(an_odd_file),
		TEST(no_file),
		TEST(debians_sample),
		TEST(every_option),
		TEST(debians_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
