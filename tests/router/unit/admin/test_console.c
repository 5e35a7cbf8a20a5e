/*-------------------------------------------------------------------------
 *
 * test_console.c
 *	  The console's commands: who may use which, what they answer, and that
 *	  nobody is told who no longer waits.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/admin/fixture.h"
#include "session/account.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the gate */

static const char *
command_text(const ConsoleCommand *command)
{
	static char text[128];
	const char *arguments[] = {
		[CONSOLE_NO_ARGUMENT] = "",
		[CONSOLE_MAYBE_DATABASE] = "mes",
		[CONSOLE_DATABASE] = "mes",
		[CONSOLE_CLIENT] = "4711",
		[CONSOLE_SETTING] = "log_level = debug",
		[CONSOLE_STATEMENT] = "ROUTE mes 'SELECT 1'",
	};

	snprintf(text, sizeof(text), "%s %s %s;", command->verb, command->object ? command->object : "",
			 arguments[command->argument]);
	return text;
}

static void
admins_may_use_every_command(void **state)
{
	for (int i = 0; i < console_command_count(); i++)
	{
		const ConsoleCommand *command = console_command_at(i);
		const char *users[] = {"anna", "boss"};

		for (int u = 0; u < 2; u++)
		{
			const char *text = ask(users[u], command_text(command));

			/* what is so already, or of a client that is not there, is told so: nobody is refused */
			if (strncmp(text, "E(55000", 7) == 0 || strncmp(text, "E(42704: there is no client 4711", 32) == 0)
				continue;
			assert_starts(text, command->shape ? "T(" : "C(");
			assert_contains(text, command->verb);
		}
	}
	assert_int_equal(shutdowns, 6);
}

static void
stats_users_may_only_look(void **state)
{
	int			shown = 0;

	for (int i = 0; i < console_command_count(); i++)
	{
		const ConsoleCommand *command = console_command_at(i);
		const char *text = ask("stan", command_text(command));

		if (strcmp(command->verb, "SHOW") == 0 || strcmp(command->verb, "EXPLAIN") == 0)
		{
			assert_starts(text, "T(");
			shown++;
		}
		else
		{
			assert_starts(text, "E(42501: permission denied for console command ");
			assert_contains(text, "admin_users");
		}
	}
	assert_true(shown >= 19);
	assert_int_equal(shutdowns, 0);
}

static void
others_may_use_nothing(void **state)
{
	const char *others[] = {"", "ann", "annab", "Anna", "boss ", "anna, boss", ",", "stan\t"};

	for (size_t u = 0; u < sizeof(others) / sizeof(others[0]); u++)
	{
		ConsoleHook hook = console_hook(console);
		Error		error = {0};

		assert_false(hook.may_connect(hook.console, others[u], &error));
		assert_string_equal(error.sqlstate, "42501");
		assert_non_null(strstr(error.hint, "admin_users"));
		for (int i = 0; i < console_command_count(); i++)
			assert_starts(ask(others[u], command_text(console_command_at(i))), "E(42501: user ");
		assert_starts(ask(others[u], "select 1"), "E(42501: user ");
	}
	assert_int_equal(gathers + shutdowns, 0);
}

static void
empty_lists_mean_nobody(void **state)
{
	ConsoleHook hook = console_hook(console);
	Error		error = {0};

	assert_true(hook.may_connect(hook.console, "anna", &error));
	assert_true(hook.may_connect(hook.console, "stan", &error));
	console_set_users(console, "", NULL);
	assert_false(hook.may_connect(hook.console, "anna", &error));
	assert_non_null(strstr(error.hint, "are empty"));
	assert_false(hook.may_connect(hook.console, "", &error));
	assert_starts(ask("anna", "SHOW VERSION"), "E(42501");

	console_set_users(console, " , carl ,\tdora\t", NULL);
	assert_true(hook.may_connect(hook.console, "carl", &error));
	assert_true(hook.may_connect(hook.console, "dora", &error));
	assert_false(hook.may_connect(hook.console, "anna", &error));
}

/* ---------------------------------------------------------------- what is no command */

static void
unknown_commands_say_where_help_is(void **state)
{
	const char *texts[] = {"SHOW", "SHOW NOTHING", "SHOW POOLS NOW", "PAUSED", "RELOAD now", "select 1", "show pools where 1", "\xff", "x'"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		const char *text = ask("anna", texts[i]);

		assert_starts(text, "E(42601: unrecognized console command");
		assert_contains(text, "SHOW HELP");
	}
	assert_contains(ask("anna", "show nothing"), "\"SHOW NOTHING\"");
	assert_contains(ask("anna", "select 1"), "takes no SQL");
	assert_contains(ask("anna", "begin"), "autocommit");

	/* what psql sends for \d */
	assert_contains(ask("anna", "SELECT n.nspname as \"Schema\",\n  c.relname as \"Name\" FROM pg_catalog.pg_class c;"),
					"\"SELECT N\"");
}

static void
one_command_at_a_time(void **state)
{
	assert_starts(ask("anna", "SHOW VERSION; SHOW NODES"), "E(0A000: the admin console takes one command at a time");
	assert_int_equal(gathers, 0);
}

static void
an_empty_command_is_answered(void **state)
{
	assert_string_equal(ask("anna", ""), "I");
	assert_string_equal(ask("stan", " ; -- nothing"), "I");
}

/* ---------------------------------------------------------------- answers */

static void
nodes_are_shown_in_the_view_s_order(void **state)
{
	const char *text = ask("stan", "show nodes");

	assert_starts(text, "T(node,host,port,address,weight,role,state,timeline,lsn,lag_bytes,lag_ms,system_id,sampled_ms_ago) "
				  "D(north,10.0.0.1,5432,~,1,primary,usable,3,16/B374D848,~,~,7300000000000000001,");
	assert_contains(text, " D(south,10.0.0.1,5433,~,1,replica,usable,3,16/B374D7E4,100,2,7300000000000000001,");
	assert_contains(text, " D(west,10.0.0.1,5434,~,1,unknown,no answer within 1 s,~,~,~,~,~,~) C(SHOW)");
}

static Account *
make_account(Worker *worker, const char *user)
{
	Database   *database = account_get_database(&worker->context, "mes");

	return account_get(&worker->context, database, user, NULL);
}

static void
routes_are_added_over_workers(void **state)
{
	make_account(&workers[0], "shop")->counters[0] = (RouteCounters) {1, 20};
	make_account(&workers[1], "shop")->counters[0] = (RouteCounters) {300, 4000};
	make_account(&workers[1], "crm")->counters[1] = (RouteCounters) {7, 0};
	assert_string_equal(ask("stan", "SHOW ROUTES"),
						"T(node,role,database,user,reads,writes)"
						" D(north,primary,mes,crm,0,0) D(north,primary,mes,shop,301,4020)"
						" D(south,replica,mes,crm,7,0) D(south,replica,mes,shop,0,0)"
						" D(west,unknown,mes,crm,0,0) D(west,unknown,mes,shop,0,0) C(SHOW)");
}

static void
pools_are_added_over_workers(void **state)
{
	account_pool(&workers[0].context, make_account(&workers[0], "shop"), 1);
	account_pool(&workers[1].context, make_account(&workers[1], "shop"), 1);
	account_pool(&workers[1].context, make_account(&workers[1], "shop"), 0);
	assert_string_equal(ask("stan", "SHOW POOLS"),
						"T(database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,sv_active,sv_active_cancel,"
						"sv_being_canceled,sv_idle,sv_used,sv_tested,sv_login,maxwait,maxwait_us,pool_mode,load_balance_hosts,node,role,total_server_assignment_count,total_wait_time,server_logins,server_login_failures,paused)"
						" D(mes,shop,0,0,0,0,0,0,0,0,0,0,0,0,0,transaction,~,north,primary,0,0,0,0,0)"
						" D(mes,shop,0,0,0,0,0,0,0,0,0,0,0,0,0,transaction,~,south,replica,0,0,0,0,0) C(SHOW)");
	assert_string_equal(ask("stan", "SHOW SERVERS"),
						"T(type,user,database,replication,state,addr,port,local_addr,local_port,connect_time,request_time,wait,wait_us,"
						"close_needed,ptr,link,remote_pid,tls,application_name,prepared_statements,id,node,role,tx_status,worker) C(SHOW)");
}

/* Guards: what is said of a user stands beside what the workers count; of others only what holds for all. */
static void
users_with_what_is_said_of_them(void **state)
{
	make_account(&workers[0], "shop")->clients = 2;
	account_pool(&workers[1].context, make_account(&workers[1], "crm"), 1);
	assert_string_equal(ask("stan", "SHOW USERS"),
						"T(name,pool_size,reserve_pool_size,pool_mode,max_user_connections,current_connections,"
						"max_user_client_connections,current_client_connections)"
						" D(anna,~,~,~,0,0,0,0) D(crm,~,~,~,0,0,0,0) D(shop,3,0,session,9,0,8,2) C(SHOW)");
}

static void
never_granted(void *owner, Server *server)
{
	fail();
}

static void
never_failed(void *owner, const Error *error)
{
	fail();
}

/* A node that takes connections and says nothing keeps a server logging in and its client waiting. */
static void
servers_and_waiting_clients(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	address_len = sizeof(address);
	int			mute = socket(AF_INET, SOCK_STREAM, 0);
	PoolWaiter	waiter = {.on_granted = never_granted, .on_failed = never_failed};
	char		row[128];
	const char *text;

	assert_int_equal(bind(mute, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(mute, 5), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *) &address, &address_len), 0);
	view->nodes[0].host = "127.0.0.1";
	view->nodes[0].port = ntohs(address.sin_port);
	pool_set_view(workers[1].pools, view);
	assert_null(pool_checkout(account_pool(&workers[1].context, make_account(&workers[1], "shop"), 0), &waiter));

	while (strstr(ask("stan", "SHOW SERVERS"), " D(S,") == NULL)
		turn_loop(loop);
	text = ask("stan", "SHOW POOLS");
	assert_contains(text, " D(mes,shop,0,1,0,0,0,0,0,0,0,0,1,");
	text = ask("stan", "SHOW SERVERS");
	snprintf(row, sizeof(row), ",127.0.0.1,%d,", view->nodes[0].port);
	assert_contains(text, " D(S,shop,mes,");
	assert_contains(text, row);
	assert_contains(text, ",0,0,0,S1,,0,,,0,1,north,primary,");
	pool_cancel_wait(&waiter);
	close(mute);
}

static void
what_the_process_is(void **state)
{
	const char *text;

	assert_string_equal(ask("stan", "SHOW VERSION"), "T(version) D(andon-router 9.8.7) C(SHOW)");
	assert_string_equal(ask("stan", "SHOW CONFIG"),
						"T(key,value,default,changeable) D(listen_port,6543,6543,no) D(admin_users,anna,~,yes) C(SHOW)");
	text = ask("stan", "SHOW HELP");
	assert_starts(text, "T(command,argument,allowed_to,description) D(SHOW HELP,,admin_users, stats_users,");
	for (int i = 0; i < console_command_count(); i++)
		assert_contains(text, console_command_at(i)->help);
	assert_contains(text, "D(RELOAD,,admin_users,");
}

/* Guards: the reference that is committed is what the table says. */
static void
the_reference_is_current(void **state)
{
	FILE	   *file = fopen("docs/reference/console.md", "re");
	Buf			wanted = BUF_INIT;
	Buf			text = BUF_INIT;

	assert_non_null(file);
	buf_commit(&text, fread(buf_reserve(&text, 100000), 1, 100000, file));
	fclose(file);
	console_write_reference(&wanted);
	if (!slice_equals(buf_slice(&text), buf_slice(&wanted)))
		fail_msg("docs/reference/console.md is out of date: renew it with andon-router --dump-reference console");
	buf_release(&wanted);
	buf_release(&text);
}

static void
a_description_is_what_the_command_gives(void **state)
{
	ConsoleHook hook = console_hook(console);

	for (int i = 0; i < console_command_count(); i++)
	{
		const ConsoleCommand *command = console_command_at(i);
		Buf			described = BUF_INIT;
		Buf			text = BUF_INIT;

		hook.describe(hook.console, slice_from_string(command_text(command)), &described);
		print_messages(&text, buf_slice(&described));
		buf_append_u8(&text, 0);
		assert_starts(command->shape ? ask("anna", command_text(command)) : "n", buf_slice(&text).data);
		buf_release(&described);
		buf_release(&text);
	}
}

/* ---------------------------------------------------------------- commands that take time */

static void
a_reload_answers_when_it_is_done(void **state)
{
	ConsoleHook hook = console_hook(console);
	Answer		answer = {BUF_INIT, 0};
	Error		error = {0};

	hook.run(hook.console, "anna", slice_from_string("reload"), (ConsoleReply) {answer_take, &answer});
	assert_int_equal(answer.times, 0);
	error_set(&error, SQLSTATE_CONFIG_FILE_ERROR, "router.ini:3: unknown key");
	error_set_hint(&error, "Nothing was changed.");
	reload_done(reload_arg, false, &error);
	assert_int_equal(answer.times, 1);
	assert_true(slice_equals_string(buf_slice(&answer.text), "E(F0000: router.ini:3: unknown key | Nothing was changed.)"));
	buf_release(&answer.text);
	reload_done = NULL;
	assert_string_equal(ask("anna", "RELOAD"), "C(RELOAD)");
}

static void
shutdown_comes_in_three_kinds(void **state)
{
	assert_string_equal(ask("anna", "SHUTDOWN"), "C(SHUTDOWN)");
	assert_int_equal(shutdowns, 1);
	assert_int_equal(shutdown_when, CONSOLE_SHUTDOWN_NOW);
	assert_string_equal(ask("anna", "SHUTDOWN WAIT_FOR_SERVERS"), "C(SHUTDOWN)");
	assert_int_equal(shutdowns, 2);
	assert_int_equal(shutdown_when, CONSOLE_SHUTDOWN_SERVERS);
	assert_string_equal(ask("anna", "SHUTDOWN WAIT_FOR_CLIENTS"), "C(SHUTDOWN)");
	assert_int_equal(shutdown_when, CONSOLE_SHUTDOWN_CLIENTS);
}

static void
nobody_is_told_who_has_gone(void **state)
{
	ConsoleHook hook = console_hook(console);
	Answer		gone = {BUF_INIT, 0};
	Answer		other = {BUF_INIT, 0};

	hook.run(hook.console, "anna", slice_from_string("show stats"), (ConsoleReply) {answer_take, &gone});
	hook.run(hook.console, "anna", slice_from_string("reload"), (ConsoleReply) {answer_take, &other});
	hook.cancel(hook.console, &gone);
	hook.cancel(hook.console, &hook);	/* waits for nothing */
	gather_now();
	reload_done(reload_arg, true, NULL);
	assert_int_equal(gone.times, 0);
	assert_int_equal(other.times, 1);
	buf_release(&other.text);
}

/* The process ends while a command gathers: nothing is leaked, nobody called. */
static void
a_console_ends_with_commands_under_way(void **state)
{
	Console    *ending = console_create(&source, loop);
	ConsoleHook hook = console_hook(ending);
	Answer		answer = {BUF_INIT, 0};

	console_set_users(ending, NULL, "stan");
	hook.run(hook.console, "stan", slice_from_string("show pools"), (ConsoleReply) {answer_take, &answer});
	assert_int_equal(gathers, 1);
	console_destroy(ending);
	assert_int_equal(answer.times, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(admins_may_use_every_command),
		TEST(stats_users_may_only_look),
		TEST(others_may_use_nothing),
		TEST(empty_lists_mean_nobody),
		TEST(unknown_commands_say_where_help_is),
		TEST(one_command_at_a_time),
		TEST(an_empty_command_is_answered),
		TEST(nodes_are_shown_in_the_view_s_order),
		TEST(routes_are_added_over_workers),
		TEST(pools_are_added_over_workers),
		TEST(users_with_what_is_said_of_them),
		TEST(servers_and_waiting_clients),
		TEST(what_the_process_is),
		TEST(the_reference_is_current),
		TEST(a_description_is_what_the_command_gives),
		TEST(a_reload_answers_when_it_is_done),
		TEST(shutdown_comes_in_three_kinds),
		TEST(nobody_is_told_who_has_gone),
		TEST(a_console_ends_with_commands_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
