/*-------------------------------------------------------------------------
 *
 * talk.c
 *	  The scripted client, and the world its session lives in.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

Loop *loop;
uint64_t wal;
PgNode north;
PgNode south;
SettingsPool *settings;
PreparedTable *prepared;
static GlobalFloors *floors;
PoolTotals *totals;
PoolSet *pools;
PoolConfig pool_config;
SessionContext context;
int	probes;				/* asked for */
int	suspicions;
int	admitted;
bool hold_cancels;
CancelRequest *held_cancel;

/* ---------------------------------------------------------------- hooks */

/* As with workers of their own: the request comes to the statement's in another turn. */
static void
act_on_cancel(void *arg)
{
	CancelRequest *request = arg;

	client_cancel(&context, request->pid, request->key);
	client_cancel_done(&context, request->sender_pid, request->sender_key);
	mem_free(request);
}

static bool
hook_on_cancel(void *arg, const CancelRequest *request)
{
	CancelRequest *copy = mem_alloc(sizeof(CancelRequest) + request->key.len);

	*copy = *request;
	copy->key = slice_make(memcpy(copy + 1, request->key.data, request->key.len), request->key.len);
	if (hold_cancels)
		held_cancel = copy;
	else
		loop_later(loop, act_on_cancel, copy);
	return true;
}

void
let_cancel_act(void)
{
	act_on_cancel(held_cancel);
	held_cancel = NULL;
}

void
notify_all(void)
{
	Buf			out = BUF_INIT;
	size_t		mark = build_begin(&out, 'A');

	buf_append_u32(&out, 7);
	buf_append(&out, slice_make("c\0hello", 8));
	build_end(&out, mark);
	fake_node_send(&north.fake, &out);
}

static void
hook_request_probe(void *arg)
{
	probes++;
}

static void
hook_report_suspicion(void *arg, int node)
{
	suspicions++;
}

static void
hook_facts(void *arg, const char *database, FactsAsk ask)
{
}

static bool
hook_admit(void *arg)
{
	admitted++;
	return true;
}

static void
hook_release(void *arg)
{
	admitted--;
}

static const char *
find_database(const void *databases, const char *name)
{
	return strcmp(name, "mes") == 0 ? "mes" : NULL;
}

/* ---------------------------------------------------------------- the cluster */

/* A view of the nodes as they are now. */
TopologyView *
make_view(void)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&north.fake, &south.fake}, NODES);

	view->primary = 0;
	view->nodes[0].lsn = view->nodes[0].visible_lsn = view->nodes[0].flush_lsn = wal;
	view->nodes[1].lsn = view->nodes[1].visible_lsn = south.replayed;
	return view;
}

TopologyView *
view_without_primary(void)
{
	TopologyView *view = make_view();

	view->primary = -1;
	view->nodes[0].identity.role = NODE_UNKNOWN;
	view->nodes[0].is_usable = false;
	return view;
}

void
show_view(void)
{
	session_context_set_view(&context, make_view());
}

/* The replica has replayed everything, and the monitor has seen it. */
void
catch_up(void)
{
	south.replayed = wal;
	show_view();
}

void
show_facts(Lsn position)
{
	static const char *const stable[] = {"now", "lower"};
	Facts	   *facts = facts_create("mes");

	facts_add_relation(facts, slice_from_string("t"), RELATION_PLAIN);
	facts_add_type(facts, slice_from_string("text"), NAME_SAFE);
	facts_add_type(facts, slice_from_string("int4"), NAME_SAFE);
	facts_add_operator(facts, slice_from_string("="), NAME_SAFE);
	for (size_t i = 0; i < sizeof(stable) / sizeof(stable[0]); i++)
		facts_add_function(facts, slice_from_string(stable[i]), 0, 1, FUNCTION_STABLE);
	facts_set_position(facts, position);
	session_context_set_facts(&context, facts);
}

int
setup_talk(void **state)
{
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	probes = suspicions = admitted = 0;
	hold_cancels = false;
	wal = 0x1000;
	loop = loop_create();
	pg_node_init(&north, loop, "north", false, &wal);
	pg_node_init(&south, loop, "south", true, &wal);
	settings = settings_pool_create();
	prepared = prepared_table_create();
	floors = global_floors_create();
	totals = pool_totals_create();
	pool_config = (PoolConfig) {
		.limits.pool_size = 4,
		.server_connect_timeout_us = LONG_US,
		.server_reset_timeout_us = LONG_US,
		.login_retry_us = LONG_US,
		.max_prepared_statements = 10,
	};
	pools = pool_set_create(loop, &pool_config, totals, settings, &(PoolSetHooks) {NULL, NULL, NULL});
	memset(&context, 0, sizeof(context));
	context.loop = loop;
	context.pools = pools;
	context.settings = settings;
	context.prepared = prepared;
	context.floors = floors;
	context.config = (SessionConfig) {
		.auth_method = AUTH_TRUST,
		.replica_wait_us = NEVER_US,
		.query_wait_timeout_us = NEVER_US,
		.admin_database = "andon",
		.find_database = find_database,
	};
	context.hooks = (SessionHooks) {
		.on_cancel = hook_on_cancel,
		.request_probe = hook_request_probe,
		.report_suspicion = hook_report_suspicion,
		.ask_facts = hook_facts,
		.admit_client = hook_admit,
		.release_client = hook_release,
	};
	context.view = make_view();
	session_context_init(&context);
	pool_set_view(pools, context.view);
	return 0;
}

int
teardown_talk(void **state)
{
	session_context_fini(&context);
	pool_set_destroy(pools);
	turn_loop(loop);
	pg_node_fini(&north);
	pg_node_fini(&south);
	loop_destroy(loop);
	prepared_table_destroy(prepared);
	global_floors_destroy(floors);
	settings_pool_destroy(settings);
	pool_totals_destroy(totals);
	return 0;
}

/* ---------------------------------------------------------------- hearing */

/* Let everybody act, and take what has come. */
void
listen_to(Talker *talker)
{
	char		bytes[65536];
	ssize_t		n;

	turn_loop(loop);
	while (talker->fd >= 0 && (n = recv(talker->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
	{
		buf_append(&talker->in, slice_make(bytes, (size_t) n));
		if (n == 0)
		{
			talker->is_closed = true;
			close(talker->fd);
			talker->fd = -1;
		}
	}
	if (talker->fd >= 0 && errno == ECONNRESET)
		talker->is_closed = true;
}

static void
render_value(Buf *out, Slice value)
{
	if (value.len > 200)
		buf_printf(out, "D:%zu*%c", value.len, value.data[0]);
	else
		buf_printf(out, "D:%.*s", (int) value.len, value.data);
}

static void
render_message(Talker *talker, const Frame *frame)
{
	Buf		   *out = &talker->heard;
	ErrorFields fields;
	Slice		name;
	Slice		value;
	char		status;

	switch (frame->type)
	{
		case 'E':
			assert_true(message_parse_error(frame->body, &fields));
			buf_printf(out, "%s:%.*s", slice_equals_string(fields.severity, "FATAL") ? "FATAL" : "E",
					   (int) fields.sqlstate.len, fields.sqlstate.data);
			talker->error_bytes = fields.message.len;
			snprintf(talker->detail, sizeof(talker->detail), "%.*s", (int) fields.detail.len, fields.detail.data);
			break;
		case 'Z':
			assert_true(message_parse_ready(frame->body, &status));
			buf_printf(out, "Z:%c", status);
			break;
		case 'C':
			assert_int_equal(frame->body.data[frame->body.len - 1], '\0');
			buf_printf(out, "C:%s", frame->body.data);
			break;
		case 'D':
			assert_true(message_parse_first_column(frame->body, &value));
			render_value(out, value);
			break;
		case 'S':
			assert_true(message_parse_parameter_status(frame->body, &name, &value));
			buf_printf(out, "S:%.*s=%.*s", (int) name.len, name.data, (int) value.len, value.data);
			break;
		case 'K':
			assert_true(message_parse_backend_key(frame->body, &talker->pid, &value));
			assert_in_range(value.len, 4, sizeof(talker->key));
			memcpy(talker->key, value.data, value.len);
			talker->key_len = value.len;
			buf_printf(out, "K");
			break;
		case 'A':
			buf_printf(out, "A:%s", frame->body.data + 4);
			break;
		case 'd':
			buf_printf(out, "d:%.*s", (int) frame->body.len, frame->body.data);
			break;
		default:
			buf_printf(out, "%c", frame->type);
	}
	buf_append_u8(out, ' ');
}

const char *
heard_text(Talker *talker)
{
	Frame		frame;
	size_t		len;

	while (frame_parse(buf_slice(&talker->in), &frame) == FRAME_OK)
	{
		render_message(talker, &frame);
		buf_consume(&talker->in, frame.total_len);
	}
	len = buf_len(&talker->heard);
	buf_append_u8(&talker->heard, 0);
	talker->heard.end--;
	return len > 0 ? talker->heard.data + talker->heard.start : "";
}

static bool
text_is(const char *text, const char *expected)
{
	size_t		len = strlen(text);

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\n'))
		len--;
	return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

/* All it has heard since the last time, once that is there. */
void
hears_(Talker *talker, const char *expected, const char *file, int line)
{
	uint64_t	until = clock_now_us() + WAIT_SECS * US_PER_SEC;

	listen_to(talker);
	while (!text_is(heard_text(talker), expected) && clock_now_us() < until &&
		   strlen(heard_text(talker)) <= strlen(expected))
		listen_to(talker);
	if (!text_is(heard_text(talker), expected))
	{
		print_error("%s:%d\n  expected: %s\n  heard:    %s%s\n", file, line, expected,
					heard_text(talker), talker->is_closed ? "(closed)" : "");
		fail();
	}
	buf_clear(&talker->heard);
}

/* All that a node has been sent since the last time. */
void
was_sent_(PgNode *node, const char *expected, const char *file, int line)
{
	const char *log;

	buf_append_u8(&node->log, 0);
	node->log.end--;
	log = node->log.data + node->log.start;
	if (!text_is(log, expected))
	{
		print_error("%s:%d\n  expected: %s\n  %s was sent: %s\n", file, line, expected, node->name, log);
		fail();
	}
	buf_clear(&node->log);
}

void
is_closed(Talker *talker)
{
	uint64_t	until = clock_now_us() + WAIT_SECS * US_PER_SEC;

	while (!talker->is_closed && clock_now_us() < until)
		listen_to(talker);
	assert_true(talker->is_closed);
}

/* ---------------------------------------------------------------- saying */

void
say_bytes(Talker *talker, Slice bytes)
{
	while (bytes.len > 0)
	{
		ssize_t		n = send(talker->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			bytes = slice_skip(bytes, (size_t) n);
		else if (errno == EAGAIN)
			turn_loop(loop);
		else
			fail_msg("send: %s", strerror(errno));
	}
}

/* A name of the script. */
static Slice
script_name(const char *word)
{
	return slice_from_string(strcmp(word, "-") == 0 ? "" : word);
}

static void
script_message(Buf *out, char *text)
{
	char	   *rest = text[0] != '\0' && text[1] == ' ' ? text + 2 : text + 1;
	char	   *second = strchr(rest, ' ');
	Slice		none = {"", 0};
	size_t		mark;

	if (second != NULL && strchr("PBDC", text[0]) != NULL)
		*second++ = '\0';
	switch (text[0])
	{
		case 'Q':
			build_query(out, slice_from_string(rest));
			break;
		case 'P':
			build_parse(out, script_name(rest), slice_from_string(second), 0, none);
			break;
		case 'B':
			build_bind_head(out, script_name(second != NULL ? second : "-"), script_name(rest), 6);
			buf_append(out, slice_make("\0\0\0\0\0\0", 6));
			break;
		case 'D':
		case 'C':
			build_target(out, text[0], rest[0], script_name(second));
			break;
		case 'E':
			build_execute(out, script_name(*rest != '\0' ? rest : "-"), 0);
			break;
		case 'd':
			mark = build_begin(out, 'd');
			buf_append_string(out, rest);
			build_end(out, mark);
			break;
		case 'f':
			build_copy_fail(out, "given up");
			break;
		default:
			build_empty(out, text[0]);	/* S H c X */
	}
}

void
say(Talker *talker, const char *script)
{
	char	   *copy = mem_strdup(script);
	char	   *at = copy;
	Buf			out = BUF_INIT;

	while (at != NULL)
	{
		char	   *bar = strchr(at, '|');

		if (bar != NULL)
			*bar++ = '\0';
		if (*at != '\0')
			script_message(&out, at);
		at = bar;
	}
	say_bytes(talker, buf_slice(&out));
	buf_release(&out);
	mem_free(copy);
}

/* ---------------------------------------------------------------- coming and going */

void
connect_talker(Talker *talker)
{
	static const PeerAddress peer = {.text = "test"};
	int			fds[2];

	memset(talker, 0, sizeof(*talker));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	talker->fd = fds[0];
	client_accept(&context, fds[1], &peer);
}

void
say_startup(Talker *talker, const char *name, const char *value)
{
	say_startup_of(talker, 0, name, value);
}

void
say_startup_of(Talker *talker, uint32_t minor, const char *name, const char *value)
{
	const char *params[] = {"user", "app", "database", "mes", name, value, NULL};
	Buf			out = BUF_INIT;

	build_startup(&out, params);
	out.data[out.start + 6] = (char) (minor >> 8);	/* behind the length and the major version */
	out.data[out.start + 7] = (char) minor;
	say_bytes(talker, buf_slice(&out));
	buf_release(&out);
}

/* A session with a startup parameter of its own, or NULL. */
void
log_in_with(Talker *talker, const char *name, const char *value)
{
	connect_talker(talker);
	say_startup(talker, name, value);
	hears(talker, "R S:server_version=15.20 S:application_name= " WELCOME_REST);
}

void
log_in(Talker *talker)
{
	log_in_with(talker, NULL, NULL);
	show_facts(wal);
	buf_clear(&north.log);
}

void
hang_up(Talker *talker)
{
	if (talker->fd >= 0)
		close(talker->fd);
	talker->fd = -1;
	buf_release(&talker->in);
	buf_release(&talker->heard);
	turn_loop(loop);
}

void
ask_to_cancel(Talker *talker, const Talker *whose)
{
	Buf			out = BUF_INIT;

	connect_talker(talker);
	build_cancel(&out, whose->pid, slice_make(whose->key, whose->key_len));
	say_bytes(talker, buf_slice(&out));
	buf_release(&out);
}

void
say_cancel(const Talker *whose)
{
	Talker		talker;

	ask_to_cancel(&talker, whose);
	is_closed(&talker);
	hang_up(&talker);
}
