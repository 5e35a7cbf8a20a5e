/*-------------------------------------------------------------------------
 *
 * client.c
 *	  The life of a session: accepted, fed with bytes, closed.
 *
 * A closing session frees itself in a later turn of the loop: whoever called
 * client_fail() or client_close() may still stand on it, sees CLIENT_CLOSING
 * and returns.  What it held is given back at once: its server is closed when
 * it was in the middle of something, reset when it was only pinned.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "scram/scram.h"
#include "wire/build.h"

#define KEY_WORKER_MASK 0xff

static size_t client_on_data(void *owner, Slice data);
static void client_on_drained(void *owner);
static void client_on_closed(void *owner, const char *why);
static bool client_make_key(Client *client);
static void client_free(void *arg);

static const StreamEvents client_stream_events = {
	.on_data = client_on_data,
	.on_drained = client_on_drained,
	.on_closed = client_on_closed,
};

/* Allowed moves, one bit per target state. */
#define TO(state) (1u << (state))
static const unsigned client_moves[] = {
	[CLIENT_STARTUP] = TO(CLIENT_AUTH) | TO(CLIENT_WELCOME) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_AUTH] = TO(CLIENT_WELCOME) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_WELCOME] = TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_READY] = TO(CLIENT_READY) | TO(CLIENT_WAIT_VIEW) | TO(CLIENT_WAIT_SERVER) | TO(CLIENT_RUNNING) |
	TO(CLIENT_CONSOLE) | TO(CLIENT_CLOSING),
	[CLIENT_WAIT_VIEW] = TO(CLIENT_WAIT_SERVER) | TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_WAIT_SERVER] = TO(CLIENT_WAIT_VIEW) | TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_RUNNING] = TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_WAIT_VIEW) | TO(CLIENT_WAIT_SERVER) | TO(CLIENT_CLOSING),
	[CLIENT_CONSOLE] = TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_CLOSING] = 0,
};

static const char *const client_state_names[] = {
#define CLIENT_STATE_NAME(symbol, name) [symbol] = name,
	CLIENT_STATES(CLIENT_STATE_NAME)
#undef CLIENT_STATE_NAME
};

void
client_accept(SessionContext *context, int fd, const PeerAddress *peer)
{
	Client	   *client = mem_alloc(sizeof(Client));

	client->context = context;
	client->peer = *peer;
	client->connected_us = client->state_since_us = loop_now_us(context->loop);
	client->state = CLIENT_STARTUP;
	client->transaction.status = 'I';
	client->route = 'a';
	position_init(&client->position);
	inflight_init(&client->relay.inflight);
	client->stream = stream_create(context->loop, fd, &client_stream_events, client);
	list_push_tail(&context->clients, &client->node);
	context->stats.clients++;
	if (!client_make_key(client))
		client_close(client);
}

int
client_key_worker(uint32_t pid)
{
	return (int) (pid & KEY_WORKER_MASK);
}

void
client_cancel(SessionContext *context, uint32_t pid, Slice key)
{
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->key_pid != pid || !slice_equals(slice_make(client->key, CLIENT_KEY_SIZE), key))
			continue;
		if (client->state == CLIENT_RUNNING && client->server)
			relay_cancel(client);
		else if (client->state == CLIENT_WAIT_SERVER || client->state == CLIENT_WAIT_VIEW)
		{
			Error		error = {0};

			error_set(&error, SQLSTATE_QUERY_CANCELED, "canceling statement due to user request");
			relay_plan_cancel(client);
			client_refuse_unit(client, &error);
		}
		else if (client->state == CLIENT_CONSOLE)
		{
			Error		error = {0};

			error_set(&error, SQLSTATE_QUERY_CANCELED, "canceling command due to user request");
			console_session_cancel(client);
			client_refuse_unit(client, &error);
		}
		return;
	}
}

void
client_each(const SessionContext *context, void (*fn) (void *arg, const ClientStats *stats), void *arg)
{
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);
		const char *application = client->settings ? settings_find(client->settings, "application_name") : NULL;
		ClientStats stats = {
			.user = client->user ? client->user : "",
			.database = client->database_name ? client->database_name : "",
			.application_name = application ? application : "",
			.state = client->state,
			.peer = &client->peer,
			.connected_us = client->connected_us,
			.node = client->server ? server_node(client->server) : -1,
			.tx_status = client->transaction.status,
			.pin_reason = client->pin_reason,
			.floor = client->position.floor,
			.statements = client->prepared ? prepared_map_count(client->prepared) : 0,
		};

		fn(arg, &stats);
	}
}

const char *
client_state_name(ClientState state)
{
	return client_state_names[state];
}

void
client_set_state(Client *client, ClientState state)
{
	if ((client_moves[client->state] & TO(state)) == 0)
		LOG_ERROR("client_state_invalid", LF_STR("from", client_state_name(client->state)),
				  LF_STR("to", client_state_name(state)));
	client->state = state;
	client->state_since_us = loop_now_us(client->context->loop);
}

void
client_fail(Client *client, const Error *error)
{
	Buf			out = BUF_INIT;

	if (client->state == CLIENT_CLOSING)
		return;
	client->context->stats.errors_raised++;
	LOG_INFO("client_failed", LF_STR("user", client->user), LF_STR("database", client->database_name),
			 LF_STR("peer", client->peer.text), LF_STR("sqlstate", error->sqlstate),
			 LF_STR("reason", error->message));
	if (client->relay.pass_left == 0)	/* in the middle of a message nothing can be said */
	{
		build_error(&out, "FATAL", error);
		client_write(client, buf_slice(&out));
		buf_release(&out);
	}
	client_close(client);
}

void
client_fail_protocol(Client *client, const char *format,...)
{
	Error		error = {0};
	char		message[ERROR_MESSAGE_SIZE];
	va_list		args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	error_set(&error, SQLSTATE_PROTOCOL_VIOLATION, "%s", message);
	client_fail(client, &error);
}

void
client_fail_shutdown(Client *client)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection: the router is shutting down");
	client_fail(client, &error);
}

void
client_close(Client *client)
{
	SessionContext *context = client->context;

	if (client->state == CLIENT_CLOSING)
		return;
	relay_plan_cancel(client);
	console_session_cancel(client);
	if (client->server)
	{
		bool		is_running = client->state == CLIENT_RUNNING;

		/* a server asked for its welcome has not answered yet */
		bool		is_busy = is_running || client->state == CLIENT_WELCOME || client->transaction.status != 'I';

		if (is_running)
			pool_cancel_query(client->server);
		client_release_server(client, is_busy);
	}
	client_set_state(client, CLIENT_CLOSING);
	stream_destroy(client->stream, STREAM_FLUSH);
	client->stream = NULL;
	list_remove(&context->clients, &client->node);
	context->stats.clients--;
	if (client->account)
		client->account->clients--;
	if (client->is_admitted)
		context->hooks.release_client(context->hooks.arg);
	loop_later(context->loop, client_free, client);
}

void
client_write(Client *client, Slice bytes)
{
	if (client->stream && bytes.len > 0)
		stream_write(client->stream, bytes);
}

void
client_release_server(Client *client, bool is_broken)
{
	Server	   *server = client->server;
	CheckinMode mode;

	if (server == NULL)
		return;
	mode = is_broken ? CHECKIN_CLOSE :
		client->pin_reason || client->needs_reset ||
		client->context->config.pool_mode == POOL_MODE_SESSION ? CHECKIN_RESET : CHECKIN_CLEAN;
	client->server = NULL;
	client->pin_reason = NULL;
	client->needs_reset = false;
	if (stream_is_paused(server_stream(server)))
		stream_resume(server_stream(server));
	pool_checkin(server, mode);
}

static size_t
client_on_data(void *owner, Slice data)
{
	Client	   *client = owner;
	size_t		used = 0;
	size_t		step;

	/* each phase consumes what is its own; a phase that ends hands on */
	do
	{
		ClientState state = client->state;
		Slice		rest = slice_skip(data, used);

		step = state == CLIENT_STARTUP ? client_startup_on_data(client, rest) :
			state == CLIENT_AUTH ? client_auth_on_data(client, rest) :
			state == CLIENT_WELCOME ? 0 :
			client_query_on_data(client, rest);
		if (client->state == CLIENT_CLOSING)
			return data.len;
		used += step;
	} while (step > 0 && used < data.len);
	return used;
}

/* The client reads again: so may its server be read, and what it asked meanwhile. */
static void
client_on_drained(void *owner)
{
	Client	   *client = owner;

	if (client->server && stream_is_paused(server_stream(client->server)))
		stream_resume(server_stream(client->server));
	if (client->state == CLIENT_READY && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

static void
client_on_closed(void *owner, const char *why)
{
	Client	   *client = owner;

	LOG_DEBUG("client_gone", LF_STR("user", client->user), LF_STR("peer", client->peer.text),
			  LF_STR("reason", why));
	client_close(client);
}

/*
 * The process number of a cancel key is random but for its low byte, which
 * names the worker, and the byte above it, which names the process generation.
 */
static bool
client_make_key(Client *client)
{
	SessionContext *context = client->context;
	uint32_t	random;

	if (!scram_random_bytes(&random, sizeof(random)) ||
		!scram_random_bytes(client->key, CLIENT_KEY_SIZE))
		return false;
	client->key_pid = (random & 0x7fff0000) | ((context->generation & 0xff) << 8) |
		((uint32_t) context->worker & KEY_WORKER_MASK);
	return true;
}

static void
client_free(void *arg)
{
	Client	   *client = arg;

	relay_reset(&client->relay);
	inflight_release(&client->relay.inflight);
	prepared_log_release(&client->relay.names);
	transaction_reset(&client->transaction);
	auth_exchange_destroy(client->auth);
	user_table_unref(client->auth_users);
	console_session_release(client);
	prepared_map_destroy(client->prepared);
	settings_unref(client->settings);
	settings_unref(client->startup_settings);
	buf_release(&client->unit);
	mem_free(client->user);
	mem_free(client->database_name);
	mem_free(client);
}
