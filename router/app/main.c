/*-------------------------------------------------------------------------
 *
 * main.c
 *	  andon-router: options, and then the router.
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/console.h"
#include "app/config.h"
#include "app/import.h"
#include "app/router.h"
#include "base/log.h"
#include "sql/classify.h"

typedef enum Task
{
	TASK_RUN,
	TASK_CHECK_CONFIG,
	TASK_PRINT_CONFIG,
	TASK_EXPLAIN_ROUTE
} Task;

enum
{
	OPTION_CHECK_CONFIG = 256,
	OPTION_PRINT_CONFIG,
	OPTION_EXPLAIN_ROUTE,
	OPTION_DUMP_REFERENCE,
	OPTION_IMPORT
};

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"takeover", optional_argument, NULL, 'R'},
	{"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
	{"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
	{"explain-route", required_argument, NULL, OPTION_EXPLAIN_ROUTE},
	{"import", required_argument, NULL, OPTION_IMPORT},
	{"dump-reference", required_argument, NULL, OPTION_DUMP_REFERENCE},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};

static const char help_text[] =
"andon-router routes PostgreSQL clients: reads to replicas, writes to the primary.\n"
"\n"
"Usage: andon-router -c router.ini\n"
"\n"
"  -c, --config FILE         configuration (see docs/reference/config.md)\n"
"  -R, --takeover[=PID]      take the place of the router that runs, or start as usual\n"
"                            if none does\n"
"      --check-config        read the configuration and the files it names, say what\n"
"                            is wrong, and end\n"
"      --print-config        print the configuration in force, secrets masked\n"
"      --explain-route SQL   say where a statement would go and why, knowing no\n"
"                            database: names are unknown and lead to the primary\n"
"      --import FILE         convert a PgBouncer configuration: router.ini to standard\n"
"                            output, what could not be converted to standard error\n"
"  -V, --version             print the version\n"
"  -h, --help                print this\n"
"\n"
"SIGHUP reads the configuration again; SIGTERM, after drain_grace, and SIGINT end when\n"
"the last transaction has, a second one or SIGQUIT at once; SIGUSR2 when a new process\n"
"has taken over.\n";

static int	run_router(const RouterStart *start);
static bool parse_pid(const char *text, pid_t *pid);
static bool may_run(void);
static int	explain_route(const char *sql);
static int	import_file(const char *path);
static int	dump_reference(const char *form);
static void print_buf(FILE *file, Buf *buf);

int
main(int argc, char **argv)
{
	const char *path = NULL;
	const char *sql = NULL;
	Task		task = TASK_RUN;
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	RouterStart start = {.program = argv[0]};
	Config	   *config;
	Error		error = {0};
	int			code = 0;
	int			c;

	while ((c = getopt_long(argc, argv, "c:RVh", options, NULL)) != -1)
	{
		switch (c)
		{
			case 'c':
				path = optarg;
				break;
			case 'R':
				start.takes_over = true;
				if (optarg != NULL && !parse_pid(optarg, &start.predecessor))
				{
					fprintf(stderr, "andon-router: \"%s\" is no process number\n", optarg);
					return 2;
				}
				break;
			case 'V':
				printf("andon-router %s\n", ANDON_VERSION);
				return 0;
			case 'h':
				fputs(help_text, stdout);
				return 0;
			case OPTION_CHECK_CONFIG:
				task = TASK_CHECK_CONFIG;
				break;
			case OPTION_PRINT_CONFIG:
				task = TASK_PRINT_CONFIG;
				break;
			case OPTION_EXPLAIN_ROUTE:
				task = TASK_EXPLAIN_ROUTE;
				sql = optarg;
				break;
			case OPTION_IMPORT:
				return import_file(optarg);
			case OPTION_DUMP_REFERENCE:
				return dump_reference(optarg);
			default:
				fputs("Try \"andon-router --help\".\n", stderr);
				return 2;
		}
	}
	if (task == TASK_EXPLAIN_ROUTE)
		return explain_route(sql);
	if (path == NULL || optind < argc)
	{
		fprintf(stderr, "andon-router: %s\nTry \"andon-router --help\".\n",
				path == NULL ? "no configuration file: give it with -c" : "unexpected argument");
		return 2;
	}
	config = config_load(path, &errors);
	if (config == NULL)
	{
		for (int i = 0; i < errors.count; i++)
			fprintf(stderr, "%s\n", errors.items[i]);
		config_errors_release(&errors);
		return 2;
	}
	start.config = config;
	if (task == TASK_RUN)
		return run_router(&start);
	if (task == TASK_PRINT_CONFIG)
	{
		Buf			out = BUF_INIT;

		config_print(config, &out);
		print_buf(stdout, &out);
	}
	else if (router_check_files(config, &error))
		printf("%s: the configuration is good\n", path);
	else
	{
		fprintf(stderr, "%s: %s\n", path, error.message);
		code = 2;
	}
	config_unref(config);
	return code;
}

static int
run_router(const RouterStart *start)
{
	Error		error = {0};
	Router	   *router;
	int			code = 1;

	if (!may_run())
	{
		config_unref(start->config);
		return 2;
	}
	log_configure(start->config->log_level, start->config->log_format);
	router = router_create(start, &error);
	if (router == NULL)
	{
		LOG_ERROR("start_failed", LF_STR("reason", error.message));
		return 1;
	}
	if (router_start(router, &error))
		code = router_run(router);
	else
		LOG_ERROR("start_failed", LF_STR("reason", error.message));
	router_destroy(router);
	return code;
}

static bool
parse_pid(const char *text, pid_t *pid)
{
	char	   *end;
	long		number = strtol(text, &end, 10);

	*pid = (pid_t) number;
	return *text != '\0' && *end == '\0' && number > 0 && number <= INT32_MAX;
}

static bool
may_run(void)
{
	if (geteuid() == 0)
		fputs("andon-router: refuses to run as root: start it as an ordinary user\n", stderr);
	else if (!classify_check_parser())
		fputs("andon-router: the SQL parser is not of the version it was built with: install andon-router again\n", stderr);
	else
		return true;
	return false;
}

/* Without a database nothing is known of names; the form of a statement is. */
static int
explain_route(const char *sql)
{
	const RouteWish wish = {ROUTE_TARGET_AUTO};
	StatementClass class;
	char		rule[128];

	if (!classify_check_parser())
		return 2;
	classify_text(slice_from_string(sql), NULL, &class);
	route_target_explain(&class, &wish, rule, sizeof(rule));
	printf("route: %s\nkind: %s\nrule: %s%s%s%s\n",
		   route_target_allows_replica(class.flags, ROUTE_TARGET_AUTO) ? "replica" : "primary",
		   statement_kind_name(class.kind), rule,
		   class.detail[0] ? " (" : "", class.detail, class.detail[0] ? ")" : "");
	if (class.flags & STATEMENT_LEAVES_STATE)
		printf("pins the session: %s\n", class.pin_reason);
	return 0;
}

/* What docs/reference/ and etc/router.ini are generated from. */
static int
dump_reference(const char *form)
{
	Buf			out = BUF_INIT;

	if (strcmp(form, "markdown") == 0)
		config_write_markdown(&out);
	else if (strcmp(form, "sample") == 0)
		config_write_sample(&out);
	else if (strcmp(form, "console") == 0)
		console_write_reference(&out);
	else if (strcmp(form, "pgbouncer") == 0)
		import_write_reference(&out);
	else
	{
		fputs("andon-router: --dump-reference takes markdown, sample, console or pgbouncer\n", stderr);
		return 2;
	}
	print_buf(stdout, &out);
	return 0;
}

static int
import_file(const char *path)
{
	Buf			out = BUF_INIT;
	Buf			notes = BUF_INIT;
	bool		ok = import_pgbouncer(path, &out, &notes);

	print_buf(stderr, &notes);
	print_buf(stdout, &out);
	return ok ? 0 : 2;
}

static void
print_buf(FILE *file, Buf *buf)
{
	Slice		text = buf_slice(buf);

	if (text.len > 0)
		fwrite(text.data, 1, text.len, file);
	buf_release(buf);
}
