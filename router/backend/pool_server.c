/*-------------------------------------------------------------------------
 *
 * pool_server.c
 *	  Servers while the pool itself holds them.
 *
 * That is while they log in, while they are idle or wait for a cancel
 * request, while they are asked whether they are still there, and while
 * DISCARD ALL makes them clean for the next client.  A node
 * may tell an idle connection three things: a parameter has changed, a
 * notice, and that it ends; anything else means that we are out of step with
 * it, and the server is closed.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>

#include "backend/pool_internal.h"
#include "base/memory.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define MAX_IDLE_MESSAGE (64 * 1024)

static void on_login_ready(void *owner, Server *server);
static void on_login_failed(void *owner, Server *server, LoginFailure failure, const Error *error);
static void add_query(Server *server, Buf *out, const char *text);
static void send_queries(Server *server, Buf *out);
static size_t on_data(void *owner, Slice data);
static void on_lost(void *owner, const char *why);
static bool handle_message(Server *server, const Frame *frame);
static bool handle_ParameterStatus(Server *server, Slice body);
static bool handle_ErrorResponse(Server *server, Slice body);
static bool handle_ReadyForQuery(Server *server, Slice body);
static bool drop(Server *server, const char *reason);
static void on_cancel_done(void *arg, CancelOutcome outcome);

static const ServerLoginEvents login_events = {on_login_ready, on_login_failed};
static const ServerEvents held_events = {on_data, NULL, on_lost, NULL};

/* ---------------------------------------------------------------- login */

/* The caller has a slot for it. */
void
pool_server_open(Pool *pool, const NodeView *node)
{
	PoolSet    *set = pool->set;
	ServerPlan	plan = {
		.loop = set->loop,
		.settings = set->settings,
		.id = pool_totals_next_server(set->totals),
		.node = pool->node,
		.identity = node->identity,
		.node_name = node->name,
		.host = node->host,
		.address = node->address,
		.port = node->port,
		.name = pool->name,
		.database = pool->database,
		.user = pool->user,
		.max_statements = set->config.max_prepared_statements,
		.tls = set->config.server_tls,
	};
	Server	   *server = server_create(&plan);

	server->pool = pool;
	server->deadline_us = loop_now_us(set->loop) + set->config.server_connect_timeout_us;
	list_push_tail(&pool->connecting, &server->pool_node);
	server_login_attach(server, pool->password, pool->limits.connect_query, &login_events, pool);
	pool_set_wake(set, server->deadline_us);
}

static void
on_login_ready(void *owner, Server *server)
{
	server_login_destroy(server);
	pool_note_login(server);
	pool_make_idle(server);
	server_log(server, false, "server_ready", "");
}

static void
on_login_failed(void *owner, Server *server, LoginFailure failure, const Error *error)
{
	pool_note_login_failure(server, failure, error);
}

/* ---------------------------------------------------------------- held */

void
pool_server_watch(Server *server)
{
	server_hold(server, &held_events, server);
}

/* A transaction left open is rolled back first: DISCARD ALL is not allowed in one. */
void
pool_server_reset(Server *server)
{
	const char *query = server->pool->set->config.reset_query;
	Buf			out = BUF_INIT;

	pool_begin_reset(server, SERVER_RESETTING);
	if (server->tx_status != 'I')
		add_query(server, &out, "ROLLBACK");
	if (query != NULL && query[0] != '\0')
		add_query(server, &out, query);
	add_query(server, &out, "DISCARD ALL");
	send_queries(server, &out);
}

/* Is it still there?  Whatever it answers is good, but an error. */
void
pool_server_check(Server *server)
{
	Buf			out = BUF_INIT;

	pool_begin_reset(server, SERVER_TESTING);
	add_query(server, &out, server->pool->set->config.check_query);
	send_queries(server, &out);
}

static void
add_query(Server *server, Buf *out, const char *text)
{
	build_query(out, slice_from_string(text));
	server->ready_awaited++;
}

static void
send_queries(Server *server, Buf *out)
{
	PoolSet    *set = server->pool->set;

	stream_write(server->stream, buf_slice(out));
	buf_release(out);
	server->deadline_us = loop_now_us(set->loop) + set->config.server_reset_timeout_us;
	pool_set_wake(set, server->deadline_us);
}

static size_t
on_data(void *owner, Slice data)
{
	Server	   *server = owner;
	size_t		used = 0;

	for (;;)
	{
		Frame		frame;
		FrameStatus status = frame_peek(slice_skip(data, used), &frame);

		if (status == FRAME_OK && frame.total_len > MAX_IDLE_MESSAGE)
			status = FRAME_MALFORMED;
		if (status == FRAME_OK)
			status = frame_parse(slice_skip(data, used), &frame);
		if (status == FRAME_PARTIAL)
			return used;
		if (status == FRAME_MALFORMED)
		{
			drop(server, "a message of impossible length");
			return data.len;
		}
		used += frame.total_len;
		if (!handle_message(server, &frame))
			return data.len;
	}
}

static void
on_lost(void *owner, const char *why)
{
	drop(owner, why);
}

/* False: the server is closed. */
static bool
handle_message(Server *server, const Frame *frame)
{
	bool		is_asked = server->state == SERVER_RESETTING || server->state == SERVER_TESTING;

	switch (frame->type)
	{
		case 'S':
			return handle_ParameterStatus(server, frame->body);
		case 'N':
			return true;
		case 'E':
			return handle_ErrorResponse(server, frame->body);
		case 'Z':
			return is_asked ? handle_ReadyForQuery(server, frame->body) :
				drop(server, "ReadyForQuery nobody asked for");
		case 'T':
		case 'D':
		case 'C':
		case 'I':
		case 'A':				/* what arrived before UNLISTEN took effect */
			return is_asked ? true : drop(server, "a message nobody asked for");
		default:
			return drop(server, "a message nobody asked for");
	}
}

static bool
handle_ParameterStatus(Server *server, Slice body)
{
	Slice		name;
	Slice		value;

	if (!message_parse_parameter_status(body, &name, &value))
		return drop(server, "a malformed ParameterStatus");
	server_note_parameter(server, name, value);
	if (server->is_stale && server->state == SERVER_IDLE)
		return drop(server, "the node has changed its role");
	return true;
}

static bool
handle_ErrorResponse(Server *server, Slice body)
{
	ErrorFields fields;
	char		reason[ERROR_MESSAGE_SIZE];
	int			width;

	if (!message_parse_error(body, &fields))
		return drop(server, "a malformed ErrorResponse");
	width = fields.message.len < sizeof(reason) ? (int) fields.message.len : (int) sizeof(reason) - 1;
	snprintf(reason, sizeof(reason), "%.*s", width, fields.message.data);
	return drop(server, reason);
}

static bool
handle_ReadyForQuery(Server *server, Slice body)
{
	Settings   *empty;

	if (!message_parse_ready(body, &server->tx_status))
		return drop(server, "a malformed ReadyForQuery");
	if (--server->ready_awaited > 0)
		return true;
	if (server->tx_status != 'I')
		return drop(server, "in a transaction after a reset or a check");
	if (server->is_stale)
		return drop(server, "the node has changed its role");
	if (server->state == SERVER_TESTING)
	{
		pool_make_idle(server);
		return true;
	}
	empty = settings_empty(server->pool->set->settings);
	server_set_settings(server, empty);
	settings_unref(empty);
	server_forget_statements(server);
	pool_make_idle(server);
	return true;
}

static bool
drop(Server *server, const char *reason)
{
	pool_drop(server, DROP_TROUBLE, reason);
	return false;
}

/* ---------------------------------------------------------------- cancel */

void
pool_cancel_query(Server *server)
{
	PoolSet    *set = server->pool->set;
	PendingCancel *pending;
	CancelTarget target = {
		.host = server->host,
		.address = server_address(server),
		.port = server->port,
		.pid = server->pid,
		.key = slice_make((const char *) server->key, (size_t) server->key_len),
		.timeout_us = set->config.server_connect_timeout_us,
		.tls = server->stream != NULL && stream_is_tls(server->stream) ? server->tls : NULL,
	};

	/* one under way already has the same effect; without a key there is no way */
	if (server->cancel != NULL || server->key_len == 0 || server->state == SERVER_CLOSED)
		return;
	pending = mem_alloc(sizeof(PendingCancel));
	pending->set = set;
	pending->pool = server->pool;
	pending->server = server;
	server->cancel = pending;
	list_push_tail(&set->cancels, &pending->node);
	pending->cancel = cancel_create(set->loop, &target, on_cancel_done, pending);
}

static void
on_cancel_done(void *arg, CancelOutcome outcome)
{
	PendingCancel *pending = arg;
	Server	   *server = pending->server;

	list_remove(&pending->set->cancels, &pending->node);
	mem_free(pending);
	if (server == NULL)
		return;
	server->cancel = NULL;

	/* it may hit whatever runs there next: nobody is to run there */
	if (outcome == CANCEL_UNKNOWN)
		server->is_stale = true;
	if (server->is_parked)
		pool_server_unpark(server);
	else if (server->events != NULL && server->events->on_cancel_done != NULL)
		server->events->on_cancel_done(server->owner);
}
