/*
 * main.c
 *	  andon-demo-load: the jewellery maker's working day in a few seconds.
 *
 * Operators move orders, partners create them, shop and CRM read, one client
 * listens; each is a thread with a connection of its own. Everything goes to
 * one address, which is Andon's router or, for comparison, a plain server.
 * A line a second tells how it goes; the counters are written as JSON.
 *
 * Exit status: 0 nothing was violated, 1 something was, 2 could not run or
 * was interrupted.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load/clock.h"
#include "load/listener.h"
#include "load/parties.h"

#define MAX_CLIENTS 256

/* One kind of client. How each speaks differs, as drivers do. */
typedef struct Party
{
	const char *user;
	void		(*run) (Client *client);
	int			count;
	double		think_ms;
	ClientProtocol protocol;
} Party;

enum PartyIndex
{
	PARTY_OPERATORS,
	PARTY_PARTNERS,
	PARTY_SHOP,
	PARTY_CRM,
	PARTY_COUNT
};

typedef struct Options
{
	const char *conninfo;
	const char *channel;
	const char *json_path;		/* NULL: not written */
	int			seconds;
	Party		parties[PARTY_COUNT];
} Options;

/* A client, its thread and what the thread runs. */
typedef struct Runner
{
	pthread_t	thread;
	Client		client;
	void		(*run) (Client *client);
} Runner;

typedef struct Load
{
	const Options *options;
	LoadStats	stats;
	Ledger	   *ledger;
	atomic_bool stop;
	atomic_bool writers_done;
	LoadConfig	config;
	Client		listener;
	pthread_t	listener_thread;
	Runner		runners[MAX_CLIENTS];
	int			runner_count;
} Load;

/* What the progress line of the last second has already told. */
typedef struct Progress
{
	long		changes;
	long		created;
	long		reads;
	long		checked;
	size_t		delays;
} Progress;

static volatile sig_atomic_t interrupted = 0;

static void parse_options(Options *options, int argc, char **argv);
static void parse_protocol(Options *options, const char *name);
static void usage(FILE *out);
static void on_signal(int signal_number);
static bool start_listener(Load *load);
static void start_clients(Load *load);
static void watch(Load *load, int64_t started_us);
static void print_progress(Load *load, int second, Progress *told);
static void stop_clients(Load *load);
static void report_waiting(const LedgerEntry *entry, void *arg);
static void *runner_main(void *arg);
static void *listener_main(void *arg);

int
main(int argc, char **argv)
{
	static Load load;
	Options		options = {
		.conninfo = "",
		.channel = "andon_mes_orders",
		.seconds = 20,
		.parties = {
			[PARTY_OPERATORS] = {"mes", operator_run, 4, 8, PROTOCOL_PREPARED},
			[PARTY_PARTNERS] = {"partner", partner_run, 2, 25, PROTOCOL_EXTENDED},
			[PARTY_SHOP] = {"shop", shop_run, 4, 4, PROTOCOL_SIMPLE},
			[PARTY_CRM] = {"crm", crm_run, 4, 4, PROTOCOL_PREPARED},
		}
	};
	int64_t		started_us;
	double		seconds;

	parse_options(&options, argc, argv);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);

	load.options = &options;
	stats_init(&load.stats);
	load.ledger = ledger_create();
	load.config = (LoadConfig) {options.conninfo, options.channel, &load.stats, load.ledger, &load.stop};
	if (load.ledger == NULL || !start_listener(&load))
		return 2;

	started_us = clock_now_us();
	start_clients(&load);
	watch(&load, started_us);
	seconds = (double) (clock_now_us() - started_us) / 1e6;
	stop_clients(&load);

	if (options.json_path != NULL && stats_write_json(&load.stats, seconds, options.json_path) != 0)
	{
		perror(options.json_path);
		return 2;
	}
	ledger_destroy(load.ledger);
	if (interrupted)
		return 2;
	return stats_violation_count(&load.stats) == 0 ? 0 : 1;
}

static void
parse_options(Options *options, int argc, char **argv)
{
	static const struct option LONG_OPTIONS[] = {
		{"conninfo", required_argument, NULL, 'd'},
		{"channel", required_argument, NULL, 'c'},
		{"json", required_argument, NULL, 'j'},
		{"seconds", required_argument, NULL, 's'},
		{"protocol", required_argument, NULL, 'M'},
		{"operators", required_argument, NULL, '0' + PARTY_OPERATORS},
		{"partners", required_argument, NULL, '0' + PARTY_PARTNERS},
		{"shop", required_argument, NULL, '0' + PARTY_SHOP},
		{"crm", required_argument, NULL, '0' + PARTY_CRM},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "d:c:j:s:M:h", LONG_OPTIONS, NULL)) != -1)
	{
		switch (option)
		{
			case 'd':
				options->conninfo = optarg;
				break;
			case 'c':
				options->channel = optarg;
				break;
			case 'j':
				options->json_path = optarg;
				break;
			case 's':
				options->seconds = atoi(optarg);
				break;
			case 'M':
				parse_protocol(options, optarg);
				break;
			case 'h':
				usage(stdout);
				exit(0);
			case '?':
				usage(stderr);
				exit(2);
			default:
				options->parties[option - '0'].count = atoi(optarg);
		}
	}
	for (int i = 0, total = 0; i < PARTY_COUNT; i++)
	{
		total += options->parties[i].count;
		if (options->seconds < 1 || options->parties[i].count < 0 || total > MAX_CLIENTS || optind < argc)
		{
			usage(stderr);
			exit(2);
		}
	}
}

static void
parse_protocol(Options *options, const char *name)
{
	static const char *const NAMES[] = {"simple", "extended", "prepared"};

	if (strcmp(name, "mixed") == 0)
		return;
	for (int protocol = PROTOCOL_SIMPLE; protocol <= PROTOCOL_PREPARED; protocol++)
	{
		if (strcmp(name, NAMES[protocol]) != 0)
			continue;
		for (int i = 0; i < PARTY_COUNT; i++)
			options->parties[i].protocol = (ClientProtocol) protocol;
		return;
	}
	usage(stderr);
	exit(2);
}

static void
usage(FILE *out)
{
	fputs("usage: andon-demo-load [option ...]\n"
		  "  -d, --conninfo=STRING   where to connect, without the user (libpq's defaults)\n"
		  "  -c, --channel=NAME      channel of the board (andon_mes_orders)\n"
		  "  -s, --seconds=N         how long, at least 1 (20)\n"
		  "  -M, --protocol=WORD     simple, extended, prepared or mixed (mixed)\n"
		  "  -j, --json=FILE         write the counters there\n"
		  "      --operators=N --partners=N --shop=N --crm=N\n"
		  "                          clients of each kind (4, 2, 4, 4), 256 in all\n",
		  out);
}

static void
on_signal(int signal_number)
{
	(void) signal_number;
	interrupted = 1;
}

static bool
start_listener(Load *load)
{
	load->listener = (Client) {
		.config = &load->config,.user = "mes",.number = MAX_CLIENTS,.kind_count = 1
	};
	if (!listener_open(&load->listener))
		return false;
	return pthread_create(&load->listener_thread, NULL, listener_main, load) == 0;
}

static void
start_clients(Load *load)
{
	for (int i = 0; i < PARTY_COUNT; i++)
	{
		const Party *party = &load->options->parties[i];

		for (int number = 0; number < party->count; number++)
		{
			Runner	   *runner = &load->runners[load->runner_count];

			runner->run = party->run;
			runner->client = (Client) {
				.config = &load->config,
				.user = party->user,
				.number = number,
				.kind_count = party->count,
				.protocol = party->protocol,
				.think_ms = party->think_ms,
				.seed = 1000u * (unsigned) i + (unsigned) number
			};
			if (pthread_create(&runner->thread, NULL, runner_main, runner) == 0)
				load->runner_count++;
			else
				load->stats.errors++;
		}
	}
}

/* Tells how it goes, once a second, until time is up or we are interrupted. */
static void
watch(Load *load, int64_t started_us)
{
	Progress	told = {0};

	for (int second = 1; second <= load->options->seconds && !interrupted; second++)
	{
		int64_t		left_us = started_us + second * (int64_t) 1000000 - clock_now_us();

		if (left_us > 0)
			nanosleep(&(struct timespec) {left_us / 1000000, left_us % 1000000 * 1000}, NULL);
		print_progress(load, second, &told);
	}
}

static void
print_progress(Load *load, int second, Progress *told)
{
	LoadStats  *stats = &load->stats;
	Progress	now = {
		stats->status_changes, stats->orders_created, stats->reads,
		stats->ryw_checked, stats_delay_count(stats)
	};

	if (second % 20 == 1)
		printf("%5s %8s %8s %8s %10s %6s %11s %8s %11s\n", "sec", "changes", "created", "reads",
			   "read back", "stale", "notify p50", "p99 ms", "violations");
	printf("%5d %8ld %8ld %8ld %10ld %6ld %11.1f %8.1f %11ld\n", second,
		   now.changes - told->changes, now.created - told->created, now.reads - told->reads,
		   now.checked - told->checked, (long) stats->ryw_violations,
		   stats_delay_quantile_ms(stats, told->delays, 0.50),
		   stats_delay_quantile_ms(stats, told->delays, 0.99), stats_violation_count(stats));
	fflush(stdout);
	*told = now;
}

/* Writers first: the listener waits for what they committed last. */
static void
stop_clients(Load *load)
{
	atomic_store(&load->stop, true);
	for (int i = 0; i < load->runner_count; i++)
		pthread_join(load->runners[i].thread, NULL);
	atomic_store(&load->writers_done, true);
	pthread_join(load->listener_thread, NULL);
	ledger_visit_waiting(load->ledger, report_waiting, &load->stats);
}

static void
report_waiting(const LedgerEntry *entry, void *arg)
{
	LoadStats  *stats = arg;

	if (entry->committed_us != 0)
	{
		stats->notifications_lost++;
		stats_print_violation(stats, "order %lld was committed as %s and never announced",
							  (long long) entry->order_id, order_status_name(entry->status));
	}
	else
	{
		stats->notifications_unknown++;
		stats_print_violation(stats, "order %lld was announced as %s, which no client committed",
							  (long long) entry->order_id, order_status_name(entry->status));
	}
}

static void *
runner_main(void *arg)
{
	Runner	   *runner = arg;

	runner->run(&runner->client);
	return NULL;
}

static void *
listener_main(void *arg)
{
	Load	   *load = arg;

	listener_run(&load->listener, &load->writers_done);
	return NULL;
}
