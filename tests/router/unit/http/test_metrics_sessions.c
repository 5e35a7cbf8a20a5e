/*-------------------------------------------------------------------------
 *
 * test_metrics_sessions.c
 *	  What /metrics tells of sessions, pools and nodes: numbers of all workers
 *	  together, nothing of users, and the names the contract promises.
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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "http/metrics_sessions.h"
#include "session/account.h"

#define NODES 3

typedef struct Worker
{
	SettingsPool *settings;
	PreparedTable *prepared;
	GlobalFloors *floors;
	PoolSet    *pools;
	SessionContext context;
} Worker;

static Loop *loop;
static PoolTotals *totals;
static TopologyView *view;
static Worker workers[2];
static MetricsSessions metrics;
static char *rendered;

static const char *
find_database(const void *databases, const char *name)
{
	return name;
}

static void
ask_facts(void *arg, const char *database, FactsAsk ask)
{
}

static void
make_view(void)
{
	view = topology_view_create(NODES);
	view->primary = 0;
	view->nodes[0] = (NodeView) {.name = "north", .identity = {.role = NODE_PRIMARY, .timeline = 2},
	.is_usable = true, .lsn = 1000, .sampled_us = 5000000};
	view->nodes[1] = (NodeView) {.name = "so\"uth", .identity = {.role = NODE_REPLICA, .timeline = 2},
	.is_usable = true, .lsn = 900, .lag_bytes = 100, .lag_us = 1250, .sampled_us = 5999999};
	view->nodes[2] = (NodeView) {.name = "west"};
}

static void
worker_init(Worker *worker)
{
	static const PoolConfig config = {.limits.pool_size = 4};
	static const PoolSetHooks hooks = {0};

	*worker = (Worker) {0};
	worker->settings = settings_pool_create();
	worker->prepared = prepared_table_create();
	worker->floors = global_floors_create();
	worker->pools = pool_set_create(loop, &config, totals, worker->settings, &hooks);
	worker->context.loop = loop;
	worker->context.pools = worker->pools;
	worker->context.settings = worker->settings;
	worker->context.prepared = worker->prepared;
	worker->context.floors = worker->floors;
	worker->context.view = topology_view_ref(view);
	worker->context.config.find_database = find_database;
	worker->context.hooks.ask_facts = ask_facts;
	session_context_init(&worker->context);
}

static int
setup(void **state)
{
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	loop = loop_create();
	totals = pool_totals_create();
	make_view();
	memset(&metrics, 0, sizeof(metrics));
	for (int i = 0; i < 2; i++)
		worker_init(&workers[i]);
	return 0;
}

static int
teardown(void **state)
{
	for (int i = 0; i < 2; i++)
	{
		session_context_fini(&workers[i].context);
		pool_set_destroy(workers[i].pools);
	}
	loop_destroy(loop);
	for (int i = 0; i < 2; i++)
	{
		prepared_table_destroy(workers[i].prepared);
		global_floors_destroy(workers[i].floors);
		settings_pool_destroy(workers[i].settings);
	}
	topology_view_unref(view);
	pool_totals_destroy(totals);
	mem_free(rendered);
	rendered = NULL;
	return 0;
}

static Account *
make_account(int worker, const char *user)
{
	SessionContext *context = &workers[worker].context;

	return account_get(context, account_get_database(context, "secret_db"), user, NULL);
}

static const char *
render(void)
{
	const MetricsMoment moment = {view, "1.2.3", 6000000};
	Buf			text = BUF_INIT;

	for (int i = 0; i < 2; i++)
		metrics_sessions_add(&metrics, &workers[i].context);
	metrics_sessions_render(&metrics, &moment, &text);
	mem_free(rendered);
	rendered = mem_strndup(buf_slice(&text));
	buf_release(&text);
	return rendered;
}

/* The text has that line. */
static void
assert_line(const char *text, const char *line)
{
	char		whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (strstr(text, whole) == NULL)
		fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void
an_idle_router_shows_zeros(void **state)
{
	const char *text = render();

	assert_line(text, "andon_router_build_info{version=\"1.2.3\"} 1");
	assert_line(text, "andon_router_clients{state=\"idle\"} 0");
	assert_line(text, "andon_router_units_total 0");
	assert_line(text, "andon_router_routes_total{reason=\"least_loaded\"} 0");
	assert_line(text, "andon_router_unit_seconds_count{route=\"write\"} 0");
	assert_line(text, "andon_router_node_reads_total{node=\"west\"} 0");
}

static void
workers_are_added_up(void **state)
{
	SessionStats *first = &workers[0].context.stats;
	SessionStats *second = &workers[1].context.stats;
	const char *text;

	first->units = 10;
	second->units = 5;
	first->lost_floors = 1;
	second->transactions = 3;
	first->routes[ROUTE_WRITE] = 1;
	second->routes[ROUTE_WRITE] = 2;
	histogram_add(&first->write, 50);
	histogram_add(&second->write, 2000000);
	histogram_add(&second->wait, 700);
	make_account(0, "anna")->counters[1] = (RouteCounters) {5, 0};
	make_account(1, "anna")->counters[1] = (RouteCounters) {6, 1};
	make_account(1, "boris")->counters[1] = (RouteCounters) {7, 0};
	text = render();

	assert_line(text, "andon_router_units_total 15");
	assert_line(text, "andon_router_lost_floors_total 1");
	assert_line(text, "andon_router_transactions_total 3");
	assert_line(text, "andon_router_routes_total{reason=\"write\"} 3");
	assert_line(text, "andon_router_unit_seconds_bucket{route=\"write\",le=\"5e-05\"} 1");
	assert_line(text, "andon_router_unit_seconds_bucket{route=\"write\",le=\"+Inf\"} 2");
	assert_line(text, "andon_router_unit_seconds_sum{route=\"write\"} 2.000050");
	assert_line(text, "andon_router_unit_wait_seconds_count 1");
	assert_line(text, "andon_router_node_reads_total{node=\"so\\\"uth\"} 18");
	assert_line(text, "andon_router_node_writes_total{node=\"so\\\"uth\"} 1");
	assert_line(text, "andon_router_node_reads_total{node=\"north\"} 0");
}

static void
never_told_server(void *owner, Server *server)
{
	fail();
}

static void
never_told_error(void *owner, const Error *error)
{
	fail();
}

/* The loop does not turn here: who asks for a server waits for it. */
static void
pools_are_summed_per_node(void **state)
{
	PoolWaiter	waiters[3] = {{.on_granted = never_told_server, .on_failed = never_told_error}};
	const int	worker_of[] = {0, 1, 1};

	for (int i = 0; i < 3; i++)
	{
		Account    *account = make_account(worker_of[i], i == 2 ? "boris" : "anna");

		waiters[i] = waiters[0];
		assert_null(pool_checkout(account_pool(&workers[worker_of[i]].context, account, 1), &waiters[i]));
	}
	render();
	for (int i = 0; i < 3; i++)
		pool_cancel_wait(&waiters[i]);
	assert_line(rendered, "andon_router_node_waiting_clients{node=\"so\\\"uth\"} 3");
	assert_line(rendered, "andon_router_node_waiting_clients{node=\"north\"} 0");
}

static void
servers_are_shown_by_state(void **state)
{
	metrics.nodes[0].servers_active = 3;
	metrics.nodes[0].servers_resetting = 1;
	metrics.nodes[0].wait_total_us = 1500000;
	render();
	assert_line(rendered, "andon_router_servers{node=\"north\",state=\"active\"} 3");
	assert_line(rendered, "andon_router_servers{node=\"north\",state=\"resetting\"} 1");
	assert_line(rendered, "andon_router_servers{node=\"so\\\"uth\",state=\"idle\"} 0");
	assert_line(rendered, "andon_router_node_wait_seconds_total{node=\"north\"} 1.500000");
}

static void
clients_are_counted_by_state(void **state)
{
	const PeerAddress address = {.text = "unix", .is_unix = true, .is_loopback = true};
	int			fds[3][2];

	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
		client_accept(&workers[i % 2].context, fds[i][1], &address);
	}
	metrics.clients[CLIENT_WAIT_VIEW] = 2;
	metrics.clients_pinned = 1;
	render();
	for (int i = 0; i < 3; i++)
		close(fds[i][0]);
	assert_line(rendered, "andon_router_clients{state=\"startup\"} 3");
	assert_line(rendered, "andon_router_clients{state=\"wait_replica\"} 2");
	assert_line(rendered, "andon_router_clients_pinned 1");
	assert_null(strstr(rendered, "closing"));
}

/* What is not known has no sample, rather than a zero that looks healthy. */
static void
nodes_as_the_view_has_them(void **state)
{
	render();
	assert_line(rendered, "andon_router_node_info{node=\"north\",role=\"primary\"} 1");
	assert_line(rendered, "andon_router_node_info{node=\"west\",role=\"unknown\"} 1");
	assert_line(rendered, "andon_router_node_usable{node=\"north\"} 1");
	assert_line(rendered, "andon_router_node_usable{node=\"west\"} 0");
	assert_line(rendered, "andon_router_node_timeline{node=\"north\"} 2");
	assert_line(rendered, "andon_router_node_lag_bytes{node=\"so\\\"uth\"} 100");
	assert_line(rendered, "andon_router_node_lag_seconds{node=\"so\\\"uth\"} 0.001250");
	assert_line(rendered, "andon_router_node_sample_age_seconds{node=\"north\"} 1.000000");
	assert_null(strstr(rendered, "andon_router_node_lag_bytes{node=\"north\"}"));
	assert_null(strstr(rendered, "andon_router_node_lag_bytes{node=\"west\"}"));
	assert_null(strstr(rendered, "andon_router_node_sample_age_seconds{node=\"west\"}"));
}

static void
nothing_of_users_is_told(void **state)
{
	make_account(0, "secret_user")->counters[0] = (RouteCounters) {1, 1};
	account_pool(&workers[0].context, make_account(0, "secret_user"), 0);
	assert_null(strstr(render(), "secret"));
}

/* ---------------------------------------------------------------- the contract */

static char *
read_contract(void)
{
	static char text[32768];
	FILE	   *file = fopen("contract/metrics.md", "r");
	size_t		len;

	if (file == NULL)
		fail_msg("run from the top of the source tree: contract/metrics.md cannot be opened");
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	return text;
}

/* Each family rendered is a row of the contract, with its type; and no row is without a family. */
static void
the_contract_lists_what_is_rendered(void **state)
{
	const char *contract = read_contract();
	const char *text = render();
	int			families = 0;
	int			rows = 0;

	for (const char *at = strstr(text, "# TYPE "); at; at = strstr(at + 1, "# TYPE "))
	{
		char		name[128];
		char		type[32];
		char		row[256];

		assert_int_equal(sscanf(at, "# TYPE %127s %31s", name, type), 2);
		snprintf(row, sizeof(row), "\n| `%s` | %s |", name, type);
		if (strstr(contract, row) == NULL)
			fail_msg("contract/metrics.md has no row \"%s\"", row + 1);
		families++;
	}
	for (const char *at = strstr(contract, "\n| `andon_router_"); at; at = strstr(at + 1, "\n| `andon_router_"))
		rows++;
	assert_true(families > 20);
	assert_int_equal(rows, families);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_idle_router_shows_zeros),
		TEST(workers_are_added_up),
		TEST(pools_are_summed_per_node),
		TEST(servers_are_shown_by_state),
		TEST(clients_are_counted_by_state),
		TEST(nodes_as_the_view_has_them),
		TEST(nothing_of_users_is_told),
		TEST(the_contract_lists_what_is_rendered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
