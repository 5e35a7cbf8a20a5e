/*-------------------------------------------------------------------------
 *
 * client.c
 *	  What every file of this folder may do to a session: move it to a state,
 *	  write to it, end its unit, end it.
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

#include "base/compiler.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

static void fail_retired(Client *client);
static void client_count_bytes(const Client *client);
static COLD void report_move(const Client *client, ClientState state);
static void client_free(void *arg);

/* Allowed moves, one bit per target state. */
#define TO(state) (1u << (state))
static const unsigned client_moves[] = {
	[CLIENT_STARTUP] = TO(CLIENT_AUTH) | TO(CLIENT_WELCOME) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_AUTH] = TO(CLIENT_WELCOME) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_WELCOME] = TO(CLIENT_READY) | TO(CLIENT_REPLICATING) | TO(CLIENT_CLOSING),
	[CLIENT_READY] = TO(CLIENT_READY) | TO(CLIENT_WAIT_VIEW) | TO(CLIENT_WAIT_SERVER) | TO(CLIENT_RUNNING) |
	TO(CLIENT_CONSOLE) | TO(CLIENT_CLOSING),
	[CLIENT_WAIT_VIEW] = TO(CLIENT_WAIT_SERVER) | TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_WAIT_SERVER] = TO(CLIENT_WAIT_VIEW) | TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_RUNNING] = TO(CLIENT_RUNNING) | TO(CLIENT_READY) | TO(CLIENT_WAIT_VIEW) | TO(CLIENT_WAIT_SERVER) | TO(CLIENT_CLOSING),
	[CLIENT_CONSOLE] = TO(CLIENT_READY) | TO(CLIENT_CLOSING),
	[CLIENT_REPLICATING] = TO(CLIENT_CLOSING),
	[CLIENT_CLOSING] = 0,
};

static const char *const replication_names[] = {
	[REPLICATION_NO] = "none", [REPLICATION_PHYSICAL] = "physical", [REPLICATION_LOGICAL] = "logical"
};

static const char *const client_state_names[] = {
#define CLIENT_STATE_NAME(symbol, name) [symbol] = name,
	CLIENT_STATES(CLIENT_STATE_NAME)
#undef CLIENT_STATE_NAME
};

/* "": it has given none, or not yet. */
static const char *
application_name(const Client *client)
{
	const char *name = client->settings ? settings_find(client->settings, "application_name") : NULL;

	return name ? name : "";
}

void
client_each(const SessionContext *context, void (*fn) (void *arg, const ClientStats *stats), void *arg)
{
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);
		const Relay *relay = &client->relay;
		ClientStats stats = {
			.id = client->id,
			.user = client->user ? client->user : "",
			.database = client->database_name ? client->database_name : "",
			.application_name = application_name(client),
			.replication = replication_names[client->replication_mode],
			.state = client->state,
			.peer = &client->peer,
			.connected_us = client->connected_us,
			.request_us = client->state == CLIENT_READY ? client->state_since_us : relay->begun_us,
			.waiting_since_us = client->state == CLIENT_WAIT_SERVER || client->state == CLIENT_WAIT_VIEW ?
			relay->waiting_since_us : 0,
			.stream = client->stream,
			.server_id = client->server ? server_id(client->server) : 0,
			.node = client->server ? server_node(client->server) : replication_node(client),
			.tx_status = client->transaction.status,
			.pin_reason = client->pin_reason,
			.wish = &client->wish,
			.floor = client->position.floor,
			.statements = client->prepared ? prepared_map_count(client->prepared) : 0,
		};

		fn(arg, &stats);
	}
}

void
client_find_rule(Client *client)
{
	const SessionConfig *config = &client->context->config;

	if (client->wish.is_set)
		return;
	client->wish = (RouteWish) {ROUTE_TARGET_AUTO};
	if (config->find_rule)
		client->wish.rule = config->find_rule(config->databases, &(RouteSubject) {
											  .database = client->database_name,
											  .user = client->user,
											  .application = application_name(client),
											  }, &client->wish.target);
}

void
client_reset_route(Client *client)
{
	client->wish.is_set = false;
	client_find_rule(client);
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
		report_move(client, state);
	client->state = state;
	if (client->server == NULL && (state == CLIENT_READY || state == CLIENT_CLOSING))
		client_release_fallback(client);
	client->state_since_us = loop_now_us(client->context->loop);
}

/* A bug of ours. */
static void
report_move(const Client *client, ClientState state)
{
	LOG_ERROR("client_state_invalid", LF_STR("from", client_state_name(client->state)),
			  LF_STR("to", client_state_name(state)));
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
client_fail_killed(Client *client, const char *command)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
	error_set_detail(&error, "%s was sent to the router's console.", command);
	client_fail(client, &error);
}

bool
client_fail_retired(Client *client)
{
	bool		is_due = client->server != NULL && client->context->config.server_fast_close &&
		client->transaction.status == 'I' && server_is_retired(client->server);

	if (is_due)
		fail_retired(client);
	return is_due;
}

static void
fail_retired(Client *client)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection: its server connection is to be replaced");
	error_set_hint(&error, "Connect again; the router's server_fast_close is on.");
	client_fail(client, &error);
}

bool
client_kill(SessionContext *context, uint64_t id)
{
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->id != id)
			continue;
		client_fail_killed(client, "KILL_CLIENT");
		return true;
	}
	return false;
}

/* The server does not follow the protocol, or is not as we left it: end both. */
void
client_fail_server(Client *client, const char *what)
{
	Error		error = {0};

	LOG_ERROR("server_protocol_violation", LF_STR("user", client->user), LF_STR("what", what),
			  LF_INT("node", server_node(client->server)));
	error_set(&error, SQLSTATE_PROTOCOL_VIOLATION, "the server broke the protocol: %s", what);
	client->relay.pass_left = 0;	/* of the message that is not shown */
	client_release_server(client, true);
	client_fail(client, &error);
}

void
client_close(Client *client)
{
	SessionContext *context = client->context;

	if (client->state == CLIENT_CLOSING)
		return;
	client_stop_waiting(client);
	if (client->server)
	{
		bool		is_running = client->state == CLIENT_RUNNING;

		/* a server asked for its welcome has not answered yet */
		bool		is_busy = is_running || client->state == CLIENT_WELCOME || client->transaction.status != 'I';

		if (is_running)
			pool_cancel_query(client->server);
		client_release_server(client, is_busy);
	}
	replication_end(client);
	client_count_bytes(client);
	client_set_state(client, CLIENT_CLOSING);
	stream_destroy(client->stream, STREAM_FLUSH);
	client->stream = NULL;
	list_remove(&context->clients, &client->node);
	context->stats.clients--;
	if (client->account)
		account_remove_client(client->account);
	if (client->is_admitted)
		context->hooks.release_client(context->hooks.arg);
	loop_later(context->loop, client_free, client);
}

/* What it has received and sent is its database's from now on: see traffic.c. */
static void
client_count_bytes(const Client *client)
{
	StreamStats stats;

	if (client->account == NULL)
		return;
	stream_stats(client->stream, &stats);
	client->account->database->traffic.now.received += stats.received_bytes;
	client->account->database->traffic.now.sent += stats.sent_bytes;
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
	if (prepared_map_has_placed(client->prepared))
		prepared_map_remove_placed(client->prepared);	/* they were there and nowhere else */
	mode = is_broken ? CHECKIN_CLOSE :
		client->pin_reason || client->needs_reset ||
		client->account->pool_mode == POOL_MODE_SESSION ? CHECKIN_RESET : CHECKIN_CLEAN;
	client->server = NULL;
	client->pin_reason = NULL;
	client->pins = 0;
	client->pins_due = client->needs_reset = false;
	client_release_fallback(client);
	if (stream_is_paused(server_stream(server)))
		stream_resume(server_stream(server));
	pool_checkin(server, mode);
}

void
client_release_fallback(Client *client)
{
	if (client->is_fallback)
		client->context->hooks.release_fallback(client->context->hooks.arg);
	client->is_fallback = false;
}

void
client_await_view(Client *client)
{
	SessionContext *context = client->context;

	if (!list_node_is_linked(&client->waiting_node))
		list_push_tail(&context->waiting, &client->waiting_node);
	session_context_await_view(context);
}

void
client_stop_waiting(Client *client)
{
	const ConsoleHook *hook = &client->context->console;

	if (list_node_is_linked(&client->waiting_node))
		list_remove(&client->context->waiting, &client->waiting_node);
	pool_cancel_wait(&client->waiter);
	if (client->login.resolution)
		resolve_cancel(client->login.resolution);
	client->login.resolution = NULL;
	auth_query_cancel(&client->login.lookup);
	if (client->console.is_waiting)
		hook->cancel(hook->console, client);
	client->console.is_waiting = false;
}

/* ---------------------------------------------------------------- units */

UnitContext
client_unit_context(const Client *client)
{
	return (UnitContext) {
		.statements = client->account->database->statements,
		.prepared = client->prepared,
		.unsafe_lexing = params_are_unsafe_to_lex(client->settings, &client->lex_defaults),
	};
}

Prepared *
client_prepare(Client *client, const ParseMessage *parse, bool *is_new)
{
	PreparedKey key = {
		.text = parse->text,
		.nparams = parse->nparams,
		.param_types = parse->param_types,
		.settings = settings_plan_text(client->settings),
	};

	if (!client->transaction.sets_meaning)
		return prepared_get(client->context->prepared, &key, is_new);
	*is_new = true;
	return prepared_make_private(client->context->prepared, &key);
}

Prepared *
client_find_prepared(Client *client, Slice name)
{
	Prepared   *prepared = prepared_map_find(client->prepared, name);
	Slice		settings = settings_plan_text(client->settings);
	Description described;
	ParseMessage parse;
	bool		is_new;

	if (prepared == NULL || (prepared_fits(prepared, settings) &&
							 (!prepared_is_retired(prepared) || client->transaction.sets_meaning)))
		return prepared;
	parse = (ParseMessage) {
		.text = prepared_text(prepared),
		.nparams = prepared_nparams(prepared),
		.param_types = prepared_param_types(prepared),
	};
	prepared = client_prepare(client, &parse, &is_new);
	described = prepared_map_description(client->prepared, name);
	prepared_map_put(client->prepared, name, prepared);
	prepared_map_describe(client->prepared, name, prepared_number(prepared), &described);
	return prepared;
}

bool
client_may_prepare(const Client *client, Slice name)
{
	uint64_t	limit = client->context->config.max_client_statements;

	return name.len == 0 || limit == 0 || prepared_map_count(client->prepared) < limit;
}

void
client_unit_done(Client *client)
{
	bool		is_flushed = client->relay.closes_flushed || client->relay.is_flushed;
	bool		had_error = client->relay.closes_flushed && client->relay.saw_error;

	client_reset_relay(client);
	buf_release(&client->unit);
	if (client->state == CLIENT_CLOSING)
		return;
	client_set_state(client, CLIENT_READY);
	if (had_error)
		client->skip_to_sync = true;
	if (client->context->draining && client->transaction.status == 'I' && !is_flushed)
	{
		client_fail_shutdown(client);
		return;
	}
	if (!is_flushed && client_fail_retired(client))
		return;
	if (stream_is_paused(client->stream))
		stream_resume(client->stream);
}

void
client_refuse_unit(Client *client, const Error *error)
{
	Buf			out = BUF_INIT;

	client->context->stats.errors_raised++;
	LOG_INFO("unit_refused", LF_STR("user", client->user), LF_STR("sqlstate", error->sqlstate),
			 LF_STR("reason", error->message));
	build_error(&out, "ERROR", error);
	client_write(client, buf_slice(&out));
	buf_release(&out);
	transaction_lose(&client->transaction);
	client_end_refused(client);
	client_unit_done(client);
}

void
client_end_refused(Client *client)
{
	const Relay *relay = &client->relay;

	if (relay->unread_end > 0)
		client->drop_left = relay->unread_end;
	else if (relay->is_open || relay->is_flushed || relay->closes_flushed)
	{
		client->skip_to_sync = true;
		return;
	}
	client_write_ready(client);
}

void
client_write_ready(Client *client)
{
	Buf			out = BUF_INIT;

	build_ready(&out, client->transaction.status);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

void
client_reset_relay(Client *client)
{
	Relay	   *relay = &client->relay;

	settings_unref(relay->new_settings);
	settings_unref(relay->new_server_settings);
	mem_free(relay->error_refused);
	mem_free(relay->fatal_text);
	mem_free(relay->savepoint);
	buf_release(&relay->held);
	inflight_clear(&relay->inflight);
	prepared_log_clear(&relay->names);
	describe_log_clear(&relay->describes);
	memset(&relay->summary, 0, sizeof(*relay) - offsetof(Relay, summary));
}

void
client_reset_login(Client *client)
{
	auth_exchange_destroy(client->login.exchange);
	user_table_unref(client->login.users);
	client->login = (Login) {0};
}

static void
client_free(void *arg)
{
	Client	   *client = arg;

	client_reset_relay(client);
	inflight_release(&client->relay.inflight);
	prepared_log_release(&client->relay.names);
	mem_free(client->relay.describes.asked);
	transaction_reset(&client->transaction);
	client_reset_login(client);
	prepared_unref(client->console.portal);
	prepared_map_destroy(client->prepared);
	settings_unref(client->settings);
	settings_unref(client->startup_settings);
	settings_unref(client->told);
	buf_release(&client->unit);
	mem_free(client->user);
	mem_free(client->database_name);
	mem_free(client);
}
