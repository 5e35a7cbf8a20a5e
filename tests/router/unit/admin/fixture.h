/*-------------------------------------------------------------------------
 *
 * fixture.h
 *	  A console over two workers that are one thread, for the console's tests.
 *
 * The workers' contexts are real; the source is not: a gather waits until the
 * test lets it happen (gather_now), reloads and shutdowns are counted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_ADMIN_FIXTURE_H
#define TESTS_ADMIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/console_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "router/unit/net/turns.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define WORKERS 2
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
static Worker workers[WORKERS];
static TopologyView *view;
static Console *console;

/* what the source was asked */
static void (*gather_visit) (void *arg, int worker, SessionContext *context);
static void (*gather_done) (void *arg);
static void *gather_arg;
static int	gathers;
static void (*reload_done) (void *arg, bool ok, const Error *error);
static void *reload_arg;
static int	shutdowns;
static ConsoleShutdown shutdown_when;
static char set_what[128];

static void
source_gather(void *arg, Loop *home, void (*visit) (void *visit_arg, int worker, SessionContext *context),
			  void (*done) (void *visit_arg), void *visit_arg)
{
	assert_ptr_equal(home, loop);
	gather_visit = visit;
	gather_done = done;
	gather_arg = visit_arg;
	gathers++;
}

static inline void
gather_now(void)
{
	void		(*done) (void *arg) = gather_done;

	assert_non_null(done);
	for (int i = 0; i < WORKERS; i++)
		gather_visit(gather_arg, i, &workers[i].context);
	gather_done = NULL;
	done(gather_arg);
}

static TopologyView *
source_view(void *arg)
{
	return topology_view_ref(view);
}

static void
source_each_setting(void *arg, void (*fn) (void *fn_arg, const ConsoleSetting *setting), void *fn_arg)
{
	fn(fn_arg, &(ConsoleSetting) {"listen_port", "6543", "6543", false});
	fn(fn_arg, &(ConsoleSetting) {"admin_users", "anna", NULL, true});
}

static void
source_reload(void *arg, Loop *home, void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg)
{
	assert_ptr_equal(home, loop);
	reload_done = done;
	reload_arg = done_arg;
}

static void
source_set(void *arg, Loop *home, const char *name, const char *value,
		   void (*done) (void *done_arg, bool ok, const Error *error), void *done_arg)
{
	snprintf(set_what, sizeof(set_what), "%s=%s", name, value);
	source_reload(arg, home, done, done_arg);
}

static void
source_shutdown(void *arg, ConsoleShutdown when)
{
	shutdowns++;
	shutdown_when = when;
}

static const char *
source_find_database(void *arg, const char *name)
{
	return strcmp(name, "mes") == 0 ? "mes_on_server" : strcmp(name, "crm") == 0 ? "crm" : NULL;
}

static void
source_each_database(void *arg, void (*fn) (void *fn_arg, const ConsoleDatabase *database), void *fn_arg)
{
	fn(fn_arg, &(ConsoleDatabase) {.name = "mes", .server_name = "mes_on_server", .force_user = "", .pool_size = 20, .pool_mode = "transaction"});
	fn(fn_arg, &(ConsoleDatabase) {.name = "*", .server_name = "", .force_user = "", .pool_size = 20, .pool_mode = "transaction"});
}

static void
source_each_user(void *arg, void (*fn) (void *fn_arg, const ConsoleUser *user), void *fn_arg)
{
	fn(fn_arg, &(ConsoleUser) {.name = "anna", .pool_size = -1, .reserve_pool_size = -1});
	fn(fn_arg, &(ConsoleUser) {.name = "shop", .pool_size = 3, .reserve_pool_size = 0, .pool_mode = "session", .max_connections = 9, .max_client_connections = 8});
}

static const ConsoleSource source = {
	.gather = source_gather,
	.view = source_view,
	.each_setting = source_each_setting,
	.find_database = source_find_database,
	.each_database = source_each_database,
	.each_user = source_each_user,
	.set = source_set,
	.reload = source_reload,
	.shutdown = source_shutdown,
	.version = "9.8.7",
};

static const char *
find_database(const void *databases, const char *name)
{
	return strcmp(name, "mes") == 0 ? "mes_on_server" : NULL;
}

static void
ask_facts(void *arg, const char *database, FactsAsk ask)
{
}

static inline void
make_view(void)
{
	const char *names[NODES] = {"north", "south", "west"};

	view = topology_view_create(NODES);
	view->primary = 0;
	for (int i = 0; i < NODES; i++)
	{
		NodeView   *node = &view->nodes[i];

		node->name = names[i];
		node->host = "10.0.0.1";
		node->port = 5432 + i;
		node->is_usable = i < 2;
		node->sampled_us = i < 2 ? clock_now_us() : 0;
		node->lsn = i < 2 ? UINT64_C(0x16B374D848) - (uint64_t) i * 100 : 0;
		node->identity.role = i == 0 ? NODE_PRIMARY : i == 1 ? NODE_REPLICA : NODE_UNKNOWN;
		node->identity.timeline = i < 2 ? 3 : 0;
		node->identity.system_id = i < 2 ? UINT64_C(7300000000000000001) : 0;
	}
	view->nodes[1].lag_bytes = 100;
	view->nodes[1].lag_us = 2500;
	snprintf(view->nodes[2].why, sizeof(view->nodes[2].why), "no answer within 1 s");
}

static inline void
worker_init(Worker *worker, int number)
{
	static const PoolConfig pool_config = {
		.limits.pool_size = 4,
		.max_prepared_statements = 10,
		.server_connect_timeout_us = WAIT_SECS * US_PER_SEC,
		.login_retry_us = WAIT_SECS * US_PER_SEC,
	};
	static const PoolSetHooks pool_hooks = {0};
	SessionContext *context = &worker->context;

	*worker = (Worker) {0};
	worker->settings = settings_pool_create();
	worker->prepared = prepared_table_create();
	worker->floors = global_floors_create();
	worker->pools = pool_set_create(loop, &pool_config, totals, worker->settings, &pool_hooks);
	context->loop = loop;
	context->pools = worker->pools;
	context->settings = worker->settings;
	context->prepared = worker->prepared;
	context->floors = worker->floors;
	context->view = topology_view_ref(view);
	context->worker = number;
	context->config.auth_method = AUTH_TRUST;
	context->config.admin_database = "andon";
	context->config.find_database = find_database;
	context->hooks.ask_facts = ask_facts;
	context->console = console_hook(console);
	session_context_init(context);
}

static inline int
setup(void **state)
{
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	gather_done = NULL;
	reload_done = NULL;
	gathers = shutdowns = 0;
	loop = loop_create();
	totals = pool_totals_create();
	make_view();
	console = console_create(&source, loop);
	console_set_users(console, "anna, boss", "stan");
	for (int i = 0; i < WORKERS; i++)
		worker_init(&workers[i], i);
	return 0;
}

static inline int
teardown(void **state)
{
	for (int i = 0; i < WORKERS; i++)
		session_context_fini(&workers[i].context);
	console_destroy(console);
	for (int i = 0; i < WORKERS; i++)
		pool_set_destroy(workers[i].pools);
	topology_view_unref(view);
	loop_destroy(loop);
	for (int i = 0; i < WORKERS; i++)
	{
		prepared_table_destroy(workers[i].prepared);
		global_floors_destroy(workers[i].floors);
		settings_pool_destroy(workers[i].settings);
	}
	pool_totals_destroy(totals);
	return 0;
}

/* ---------------------------------------------------------------- answers */

/* Messages as text: T(a,b) D(1,~) C(SHOW) E(42601: message | hint) Z I and so on; ~ is null. */
static inline void
print_values(Buf *text, char type, Slice body)
{
	Reader		reader = reader_make(body);
	uint16_t	count = read_u16(&reader);

	buf_printf(text, "%c(", type);
	for (uint16_t i = 0; i < count; i++)
	{
		Slice		value;
		uint32_t	len = 0;

		if (type == 'T')
		{
			value = read_string(&reader);
			read_bytes(&reader, 6);
			assert_int_equal(read_u32(&reader), 25);	/* text */
			read_bytes(&reader, 8);
		}
		else
		{
			len = read_u32(&reader);
			value = len == UINT32_MAX ? slice_from_string("~") : read_bytes(&reader, len);
		}
		buf_printf(text, "%s%.*s", i > 0 ? "," : "", (int) value.len, value.data);
	}
	assert_true(reader_at_end(&reader));
	buf_append_string(text, ")");
}

static inline void
print_messages(Buf *text, Slice messages)
{
	Frame		frame;

	for (; frame_parse(messages, &frame) == FRAME_OK; messages = slice_skip(messages, frame.total_len))
	{
		ErrorFields fields;

		if (buf_len(text) > 0)
			buf_append_string(text, " ");
		if (frame.type == 'T' || frame.type == 'D')
			print_values(text, frame.type, frame.body);
		else if (frame.type == 'C')
			buf_printf(text, "C(%s)", frame.body.data);
		else if (frame.type == 'E' && message_parse_error(frame.body, &fields))
			buf_printf(text, "E(%.*s: %.*s | %.*s)", (int) fields.sqlstate.len, fields.sqlstate.data,
					   (int) fields.message.len, fields.message.data, (int) fields.hint.len, fields.hint.data);
		else
			buf_printf(text, "%c", frame.type);
	}
	assert_int_equal(messages.len, 0);
}

typedef struct Answer
{
	Buf			text;
	int			times;
} Answer;

static void
answer_take(void *arg, Slice messages)
{
	Answer	   *answer = arg;

	answer->times++;
	print_messages(&answer->text, messages);
}

/* Run a command; a gather it starts happens at once. */
static inline const char *
ask(const char *user, const char *command)
{
	static char text[16384];
	ConsoleHook hook = console_hook(console);
	Answer		answer = {BUF_INIT, 0};

	hook.run(hook.console, user, slice_from_string(command), (ConsoleReply) {answer_take, &answer});
	for (int turns = 0; answer.times == 0 && !reload_done && turns < 1000; turns++)
	{
		if (gather_done)
			gather_now();
		else
			turn_loop(loop);
	}
	if (reload_done)
	{
		void		(*done) (void *, bool, const Error *) = reload_done;

		reload_done = NULL;
		done(reload_arg, true, NULL);
	}
	assert_int_equal(answer.times, 1);
	snprintf(text, sizeof(text), "%.*s", (int) buf_len(&answer.text), buf_slice(&answer.text).data);
	buf_release(&answer.text);
	return text;
}

#define assert_starts(text, prefix) \
	do { \
		const char *text_ = (text); \
		if (strncmp(text_, prefix, strlen(prefix)) != 0) \
			fail_msg("\"%s\" does not begin with \"%s\"", text_, prefix); \
	} while (0)
#define assert_contains(text, part) \
	do { \
		const char *text_ = (text); \
		if (strstr(text_, part) == NULL) \
			fail_msg("\"%s\" does not contain \"%s\"", text_, part); \
	} while (0)

#endif							/* TESTS_ADMIN_FIXTURE_H */
