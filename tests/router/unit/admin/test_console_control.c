/*-------------------------------------------------------------------------
 *
 * test_console_control.c
 *	  Commands that change something: whom they reach, and what is left of one
 *	  whose sender has gone.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/admin/fixture.h"
#include "session/account.h"

static bool
is_paused(const char *database)
{
	bool		first = pool_set_is_paused(workers[0].pools, database);

	for (int i = 1; i < WORKERS; i++)
		assert_int_equal(pool_set_is_paused(workers[i].pools, database), first);
	return first;
}

/* Guards: PAUSE and RESUME reach every worker, and say what is so already. */
static void
pause_and_resume(void **state)
{
	assert_string_equal(ask("anna", "PAUSE"), "C(PAUSE)");
	assert_true(is_paused(NULL));
	assert_contains(ask("stan", "SHOW STATE"), "D(paused,yes)");
	assert_starts(ask("anna", "PAUSE"), "E(55000: the router is paused already");
	assert_starts(ask("anna", "RESUME mes"), "E(55000: database \"mes\" is not paused");
	assert_string_equal(ask("anna", "RESUME"), "C(RESUME)");
	assert_false(is_paused(NULL));
	assert_contains(ask("stan", "SHOW STATE"), "D(active,yes)");
	assert_starts(ask("anna", "RESUME"), "E(55000: the router is not paused");
}

/* Guards: a database goes by the name clients know it by, and is paused under the servers' name. */
static void
databases_go_by_their_names(void **state)
{
	assert_string_equal(ask("anna", "pause mes"), "C(PAUSE)");
	assert_true(is_paused("mes_on_server"));
	assert_false(is_paused("crm"));
	assert_false(is_paused(NULL));
	assert_starts(ask("anna", "PAUSE \"MES\""), "E(3D000: database \"MES\" does not exist");
	assert_starts(ask("anna", "PAUSE mes_on_server"), "E(3D000");
	assert_string_equal(ask("anna", "KILL crm"), "C(KILL)");
	assert_true(is_paused("crm"));
	assert_string_equal(ask("anna", "RESUME"), "C(RESUME)");
	assert_false(is_paused("mes_on_server") || is_paused("crm"));
}

/* Guards: a PAUSE whose sender goes before it is answered is taken back. */
static void
an_unanswered_pause_is_taken_back(void **state)
{
	ConsoleHook hook = console_hook(console);
	Answer		answer = {BUF_INIT, 0};

	hook.run(hook.console, "anna", slice_from_string("pause"), (ConsoleReply) {answer_take, &answer});
	hook.cancel(hook.console, &answer);
	gather_now();
	assert_non_null(gather_done);
	assert_true(is_paused(NULL));
	gather_now();
	assert_null(gather_done);
	assert_false(is_paused(NULL));
	assert_int_equal(answer.times, 0);
}

/* Guards: a PAUSE that waits is told when somebody else ends it. */
static void
a_pause_that_waits_hears_of_resume(void **state)
{
	ConsoleHook hook = console_hook(console);
	Answer		answer = {BUF_INIT, 0};
	void		(*pause_visit) (void *arg, int worker, SessionContext *context);
	void		(*pause_done) (void *arg);
	void	   *pause_arg;

	hook.run(hook.console, "anna", slice_from_string("pause"), (ConsoleReply) {answer_take, &answer});
	pause_visit = gather_visit;
	pause_done = gather_done;
	pause_arg = gather_arg;
	for (int i = 0; i < WORKERS; i++)
		pause_visit(pause_arg, i, &workers[i].context);
	((ConsoleRun *) pause_arg)->tally.pools.servers = 1;
	gather_done = NULL;
	pause_done(pause_arg);
	assert_int_equal(answer.times, 0);
	assert_string_equal(ask("boss", "RESUME"), "C(RESUME)");
	while (gather_done == NULL)
		turn_loop(loop);
	gather_now();
	assert_int_equal(answer.times, 1);
	assert_starts(buf_slice(&answer.text).data, "E(57014: PAUSE was ended by RESUME");
	buf_release(&answer.text);
}

/* Guards: DISABLE and ENABLE reach every worker. */
static void
disable_and_enable(void **state)
{
	assert_string_equal(ask("anna", "DISABLE mes"), "C(DISABLE)");
	for (int i = 0; i < WORKERS; i++)
		assert_true(names_has(&workers[i].context.disabled, "mes"));
	assert_starts(ask("anna", "DISABLE mes"), "E(55000");
	assert_contains(ask("stan", "SHOW DATABASES"), "D(mes,");
	assert_string_equal(ask("anna", "ENABLE mes"), "C(ENABLE)");
	assert_false(names_has(&workers[1].context.disabled, "mes"));
	assert_starts(ask("anna", "ENABLE mes"), "E(55000");
	assert_starts(ask("anna", "DISABLE"), "E(42601: syntax: DISABLE DATABASE");
}

/* Guards: SET passes name and value on, quotes taken off; a driver's own settings are taken and forgotten. */
static void
set_takes_any_value(void **state)
{
	assert_string_equal(ask("anna", "SET query_timeout = '10s'"), "C(SET)");
	assert_string_equal(set_what, "query_timeout=10s");
	assert_string_equal(ask("anna", "set reset_query to 'it''s; so'"), "C(SET)");
	assert_string_equal(set_what, "reset_query=it's; so");
	assert_starts(ask("stan", "SET query_timeout = '10s'"), "E(42501");
	set_what[0] = '\0';
	assert_string_equal(ask("stan", "SET client_encoding TO 'UTF8'"), "C(SET)");
	assert_string_equal(ask("stan", "set extra_float_digits = 3"), "C(SET)");
	assert_string_equal(set_what, "");
	assert_starts(ask("anna", "SET nonsense"), "E(42601: syntax: SET OPTION = VALUE");
}

/* Guards: commands of PgBouncer that make no sense here say why, and only to who may use the console. */
static void
what_makes_no_sense_says_why(void **state)
{
	const char *commands[] = {"SHOW FDS", "SHOW PEERS", "SHOW PEER_POOLS", "SHOW DNS_HOSTS", "SHOW DNS_ZONES", "SUSPEND"};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		char		expected[64];

		snprintf(expected, sizeof(expected), "E(0A000: the router has no %s | ", commands[i]);
		assert_starts(ask("anna", commands[i]), expected);
		assert_starts(ask("nobody", commands[i]), "E(42501");
	}
}

/* Guards: what waits for servers to be closed answers at once when none is to be closed. */
static void
reconnect_and_wait_close(void **state)
{
	assert_string_equal(ask("anna", "RECONNECT"), "C(RECONNECT)");
	assert_string_equal(ask("anna", "RECONNECT mes"), "C(RECONNECT)");
	assert_string_equal(ask("anna", "WAIT_CLOSE"), "C(WAIT_CLOSE)");
	assert_starts(ask("anna", "WAIT_CLOSE nosuch"), "E(3D000");
	assert_starts(ask("anna", "KILL_CLIENT 1"), "E(42704");
	assert_starts(ask("anna", "KILL_CLIENT one"), "E(42601: syntax: KILL_CLIENT ID");
}

/* Guards: averages are of the last whole period, rates of workers added, times divided by what took them. */
static void
averages_are_of_the_last_period(void **state)
{
	const char *text;

	for (int i = 0; i < WORKERS; i++)
	{
		Database   *database = account_get_database(&workers[i].context, "mes");
		SessionContext *context = &workers[i].context;

		context->config.stats_period_us = 10 * US_PER_SEC;
		traffic_sweep(context, 1000000);
		database->traffic.now = (Traffic) {.transactions = 20, .queries = 40, .query_us = 40 * 100 * (1 + (uint64_t) i)};
		traffic_sweep(context, 1000000 + 9999999);
		traffic_sweep(context, 1000000 + 10000000);
		database->traffic.now.queries += 1000;
	}
	text = ask("stan", "SHOW STATS_AVERAGES");
	assert_contains(text, "D(mes,4,8,0,0,0,0,150,0,0,0,0)");
	text = ask("stan", "SHOW STATS_TOTALS");
	assert_contains(text, "D(mes,40,2080,0,0,0,0,12000,0,0,0,0)");
	text = ask("stan", "SHOW TOTALS");
	assert_contains(text, "D(avg_query_time,150)");
	assert_contains(text, "D(total_query_count,2080)");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pause_and_resume),
		TEST(databases_go_by_their_names),
		TEST(an_unanswered_pause_is_taken_back),
		TEST(a_pause_that_waits_hears_of_resume),
		TEST(disable_and_enable),
		TEST(set_takes_any_value),
		TEST(what_makes_no_sense_says_why),
		TEST(reconnect_and_wait_close),
		TEST(averages_are_of_the_last_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
