/*-------------------------------------------------------------------------
 *
 * console.c
 *	  The admin console: who may use it, and the life of a command.
 *
 *	  console_run       parse, look up, the gate, the argument
 *		  -> begin      here
 *		  -> gather     visit() in each worker, one after the other: nobody else
 *						touches the run meanwhile
 *		  -> finish     here again; now or, for a reload, later; or another round,
 *						now or in a while: what PAUSE waits for is asked again
 *		  -> reply      through the session's ConsoleReply, unless it has gone
 *
 * A run is owned by its console until it has replied.  A session that ends
 * cancels its run, which goes on and then finds nobody to tell: what other
 * threads are filling cannot be freed under them.
 *
 * The gate is asked for every command, not at login only: a reload may have
 * taken the right away.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

/* How soon what a command waits for is looked at again. */
#define POLL_INTERVAL_US 10000

struct Console
{
	ConsoleSource source;
	Loop	   *home;			/* borrowed */
	char	   *admin_users;	/* owned, like stats_users; never NULL */
	char	   *stats_users;
	List		runs;			/* of ConsoleRun */
};

static void hook_run(void *arg, const char *user, Slice text, ConsoleReply reply);
static void hook_cancel(void *arg, void *reply_arg);
static void hook_describe(void *arg, Slice text, Buf *out);
static bool hook_may_connect(void *arg, const char *user, Error *error);
static bool check_user(const Console *console, const char *user, Error *error);
static bool check_command(const Console *console, const char *user, const ConsoleWords *words, Error *error);
static void set_unrecognized(const ConsoleWords *words, Error *error);
static ConsolePermission permission_of(const Console *console, const char *user);
static bool list_names(const char *list, const char *user);
static bool take_argument(ConsoleRun *run, const ConsoleWords *words, Error *error);
static char *unquote(Slice value, bool is_quoted);
static void run_command(ConsoleRun *run);
static void run_on_timer(void *arg);
static void run_visit(void *arg, int worker, SessionContext *context);
static void run_gathered(void *arg);
static void run_reply(ConsoleRun *run, Buf *messages);
static void run_free(ConsoleRun *run);

Console *
console_create(const ConsoleSource *source, Loop *home)
{
	Console    *console = mem_alloc(sizeof(Console));

	console->source = *source;
	console->home = home;
	list_init(&console->runs);
	console_set_users(console, NULL, NULL);
	return console;
}

void
console_destroy(Console *console)
{
	if (console == NULL)
		return;
	LIST_FOREACH(node, &console->runs)
		run_free(list_entry(node, ConsoleRun, node));
	mem_free(console->admin_users);
	mem_free(console->stats_users);
	mem_free(console);
}

void
console_set_users(Console *console, const char *admin_users, const char *stats_users)
{
	mem_free(console->admin_users);
	mem_free(console->stats_users);
	console->admin_users = mem_strdup(admin_users ? admin_users : "");
	console->stats_users = mem_strdup(stats_users ? stats_users : "");
}

ConsoleHook
console_hook(Console *console)
{
	return (ConsoleHook) {
		.run = hook_run,
		.cancel = hook_cancel,
		.describe = hook_describe,
		.may_connect = hook_may_connect,
		.console = console,
	};
}

const ConsoleSource *
console_source(const Console *console)
{
	return &console->source;
}

Loop *
console_home(const Console *console)
{
	return console->home;
}

void
console_run_send(ConsoleRun *run)
{
	Buf			out = BUF_INIT;

	if (!run->is_cancelled)
		result_write(run->result, run->command->verb, &out);
	run_reply(run, &out);
}

void
console_run_done(ConsoleRun *run)
{
	Buf			out = BUF_INIT;

	build_command_complete(&out, run->command->verb);
	run_reply(run, &out);
}

void
console_run_fail(ConsoleRun *run, const Error *error)
{
	Buf			out = BUF_INIT;

	build_error(&out, "ERROR", error);
	run_reply(run, &out);
}

/* ---------------------------------------------------------------- the hook */

static void
hook_run(void *arg, const char *user, Slice text, ConsoleReply reply)
{
	Console    *console = arg;
	ConsoleRun *run = mem_alloc(sizeof(ConsoleRun));
	ConsoleWords words;
	Error		error = {0};

	run->console = console;
	run->reply = reply;
	list_push_tail(&console->runs, &run->node);
	console_parse(text, &words);
	run->command = console_command_find(&words);
	if (words.is_plain && words.count == 0)
	{
		Buf			out = BUF_INIT;

		build_empty(&out, 'I');
		run_reply(run, &out);
		return;
	}
	if (!check_command(console, user, &words, &error) || !take_argument(run, &words, &error))
	{
		console_run_fail(run, &error);
		return;
	}
	if (run->command->permission == CONSOLE_ADMIN)
		LOG_INFO("console_command", LF_STR("user", user), LF_STR("command", run->command->verb),
				 LF_STR("object", run->command->object ? run->command->object : run->name));
	run_command(run);
}

static void
hook_cancel(void *arg, void *reply_arg)
{
	Console    *console = arg;

	LIST_FOREACH(node, &console->runs)
	{
		ConsoleRun *run = list_entry(node, ConsoleRun, node);

		if (run->reply.arg == reply_arg)
			run->is_cancelled = true;
	}
}

static void
hook_describe(void *arg, Slice text, Buf *out)
{
	const ConsoleCommand *command;
	ConsoleWords words;

	console_parse(text, &words);
	command = console_command_find(&words);
	if (command && command->shape && !words.has_more)
		result_write_description(command->shape, out);
	else
		build_empty(out, 'n');
}

static bool
hook_may_connect(void *arg, const char *user, Error *error)
{
	return check_user(arg, user, error);
}

/* ---------------------------------------------------------------- the gate */

static bool
check_user(const Console *console, const char *user, Error *error)
{
	if (permission_of(console, user) != CONSOLE_NOBODY)
		return true;
	error_set(error, SQLSTATE_INSUFFICIENT_PRIVILEGE, "user \"%s\" may not use the admin console", user);
	if (console->admin_users[0] == '\0' && console->stats_users[0] == '\0')
		error_set_hint(error, "Nobody may: admin_users and stats_users are empty in the router's"
					   " configuration. Name the user in one of them and reload (SIGHUP).");
	else
		error_set_hint(error, "Name the user in admin_users (all commands) or stats_users (SHOW only)"
					   " of the router's configuration and reload.");
	return false;
}

static bool
check_command(const Console *console, const char *user, const ConsoleWords *words, Error *error)
{
	const ConsoleCommand *command = console_command_find(words);

	if (!check_user(console, user, error))
		return false;
	if (command == NULL)
		set_unrecognized(words, error);
	else if (words->has_more)
		error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED, "the admin console takes one command at a time");
	else if (permission_of(console, user) < command->permission)
	{
		error_set(error, SQLSTATE_INSUFFICIENT_PRIVILEGE, "permission denied for console command %s", command->verb);
		error_set_hint(error, "It takes a user named in admin_users; stats_users may use SHOW.");
	}
	else if (command->refusal)
	{
		error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED, "the router has no %s%s%s", command->verb,
				  command->object ? " " : "", command->object ? command->object : "");
		error_set_hint(error, "%s", command->refusal);
	}
	else
		return true;
	return false;
}

static bool
take_argument(ConsoleRun *run, const ConsoleWords *words, Error *error)
{
	const ConsoleCommand *command = run->command;
	Slice		value;
	bool		is_quoted;
	bool		ok = true;

	switch (command->argument)
	{
		case CONSOLE_NO_ARGUMENT:
			break;
		case CONSOLE_MAYBE_DATABASE:
			ok = (words->is_plain && words->count == 1) || console_parse_name(words->argument, run->name);
			break;
		case CONSOLE_DATABASE:
			ok = console_parse_name(words->argument, run->name);
			break;
		case CONSOLE_CLIENT:
			ok = console_parse_number(words->argument, &run->client_id);
			break;
		case CONSOLE_SETTING:
			ok = console_parse_setting(words->argument, run->name, &value, &is_quoted);
			if (ok)
				run->value = unquote(value, is_quoted);
			break;
		case CONSOLE_STATEMENT:
			ok = console_parse_route(words->argument, &run->route);
			if (ok)
				run->value = unquote(run->route.statement, true);
			break;
	}
	if (!ok)
	{
		error_set(error, SQLSTATE_SYNTAX_ERROR, "syntax: %s %s", command->verb,
				  console_argument_text(command->argument));
		error_set_hint(error, "Names that are not made of letters, digits, \"_\", \"-\" and \".\" stand in double quotes.");
	}
	return ok;
}

static char *
unquote(Slice value, bool is_quoted)
{
	char	   *text = mem_strndup(value);
	char	   *to = text;

	for (const char *from = text; *from != '\0'; from++)
	{
		*to++ = *from;
		if (is_quoted && from[0] == '\'' && from[1] == '\'')
			from++;
	}
	*to = '\0';
	return text;
}

static void
set_unrecognized(const ConsoleWords *words, Error *error)
{
	static const char *const transaction_verbs[] = {"BEGIN", "START", "COMMIT", "ROLLBACK", "END", "ABORT"};
	const char *first = words->word[0];
	bool		is_sql = strcmp(first, "SHOW") != 0;

	if (words->count == 0)
		error_set(error, SQLSTATE_SYNTAX_ERROR, "unrecognized console command");
	else
		error_set(error, SQLSTATE_SYNTAX_ERROR, "unrecognized console command \"%s%s%s\"", first,
				  words->count > 1 ? " " : "", words->word[1]);
	error_set_hint(error, is_sql ? "This is the router's admin console, not a database: it takes no SQL."
				   " SHOW HELP lists its commands." : "SHOW HELP lists the commands.");
	for (size_t i = 0; i < sizeof(transaction_verbs) / sizeof(transaction_verbs[0]); i++)
	{
		if (strcmp(first, transaction_verbs[i]) == 0)
			error_set_hint(error, "The admin console has no transactions: set the driver to autocommit."
						   " SHOW HELP lists the commands.");
	}
}

static ConsolePermission
permission_of(const Console *console, const char *user)
{
	return list_names(console->admin_users, user) ? CONSOLE_ADMIN :
		list_names(console->stats_users, user) ? CONSOLE_STATS : CONSOLE_NOBODY;
}

/* Is the user one of a comma-separated list? */
static bool
list_names(const char *list, const char *user)
{
	size_t		user_len = strlen(user);

	while (*list != '\0')
	{
		size_t		len;

		list += strspn(list, ", \t");
		len = strcspn(list, ",");
		for (const char *next = list + len; len > 0 && (next[-1] == ' ' || next[-1] == '\t'); next--)
			len--;
		if (len > 0 && len == user_len && memcmp(list, user, len) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* ---------------------------------------------------------------- running */

static void
run_command(ConsoleRun *run)
{
	const ConsoleCommand *command = run->command;

	if (command->shape)
		run->result = result_create(command->shape);
	if (command->begin && !command->begin(run))
		return;
	run->finish = command->finish;
	if (command->visit)
		console_run_gather(run, command->visit, command->finish);
	else
		run_gathered(run);
}

void
console_run_gather(ConsoleRun *run, void (*visit) (ConsoleRun *run, int worker, SessionContext *context),
				   void (*finish) (ConsoleRun *run))
{
	const ConsoleSource *source = &run->console->source;

	run->visit = visit;
	run->finish = finish;
	run->tally = (ConsoleTally) {0};
	source->gather(source->arg, run->console->home, run_visit, run_gathered, run);
}

void
console_run_gather_later(ConsoleRun *run, void (*visit) (ConsoleRun *run, int worker, SessionContext *context),
						 void (*finish) (ConsoleRun *run))
{
	run->visit = visit;
	run->finish = finish;
	if (run->timer == NULL)
		run->timer = loop_timer_create(run->console->home, run_on_timer, run);
	loop_timer_start(run->timer, POLL_INTERVAL_US);
}

static void
run_on_timer(void *arg)
{
	ConsoleRun *run = arg;

	console_run_gather(run, run->visit, run->finish);
}

/* In a worker's thread: touches nothing of the run but its result and its tally. */
static void
run_visit(void *arg, int worker, SessionContext *context)
{
	ConsoleRun *run = arg;

	run->visit(run, worker, context);
}

static void
run_gathered(void *arg)
{
	ConsoleRun *run = arg;

	if (run->finish)
		run->finish(run);
	else if (run->result)
		console_run_send(run);
	else
		console_run_done(run);
}

/* The session may send its next command from within the reply: the run is gone by then. */
static void
run_reply(ConsoleRun *run, Buf *messages)
{
	ConsoleReply reply = run->reply;
	bool		is_wanted = !run->is_cancelled;

	list_remove(&run->console->runs, &run->node);
	run_free(run);
	if (is_wanted)
		reply.done(reply.arg, buf_slice(messages));
	buf_release(messages);
}

static void
run_free(ConsoleRun *run)
{
	result_destroy(run->result);
	loop_timer_destroy(run->timer);
	mem_free(run->value);
	mem_free(run->database);
	mem_free(run);
}
