/*-------------------------------------------------------------------------
 *
 * server.c
 *	  One connection of the router to a node: its life and its memory.
 *
 * The stream's callbacks are passed on to whoever holds the server: the login
 * first, then the pool or the relay.  Nobody holds a closed one.
 *
 * What the server remembers for its holders are the parameters the node
 * reported, the settings applied, and which prepared statements exist there,
 * in order of use.
 *
 * State changes go through server_set_state(), which knows the allowed moves;
 * another one is a bug of ours, and serving on with a server in an unknown
 * state could give one client's results to another, so the process ends.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/server_internal.h"
#include "backend/server_login.h"
/* Numbers of statements are counted up: their low bits spread as they are. */
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned) *(const uint64_t *) (key))
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

/* PostgreSQL reports about a dozen; extensions may add to them. */
#define MAX_PARAMETERS 64
#define MAX_PARAMETER_LEN 4096

struct ServerStatement
{
	uint64_t	number;
	Description description;
	ListNode	node;			/* in statements_used */
	UT_hash_handle hh;
};

static const char *const state_names[] = {
#define SERVER_STATE_NAME(state, name) [state] = name,
	SERVER_STATES(SERVER_STATE_NAME)
#undef SERVER_STATE_NAME
};

#define TO(state) (1u << (state))

/* from a state, the states it may move to */
static const unsigned allowed_moves[] = {
	[SERVER_CONNECTING] = TO(SERVER_LOGIN) | TO(SERVER_CLOSED),
	[SERVER_LOGIN] = TO(SERVER_IDLE) | TO(SERVER_CLOSED),
	[SERVER_IDLE] = TO(SERVER_ACTIVE) | TO(SERVER_TESTING) | TO(SERVER_CLOSED),
	[SERVER_ACTIVE] = TO(SERVER_IDLE) | TO(SERVER_RESETTING) | TO(SERVER_CLOSED),
	[SERVER_RESETTING] = TO(SERVER_IDLE) | TO(SERVER_CLOSED),
	[SERVER_TESTING] = TO(SERVER_IDLE) | TO(SERVER_CLOSED),
	[SERVER_CLOSED] = 0,
};

static void server_free(void *arg);
static void on_connected(void *owner);
static size_t on_data(void *owner, Slice data);
static void on_drained(void *owner);
static void on_closed(void *owner, const char *why);
static void on_secured(void *owner);
static ServerParameter *find_parameter(const Server *server, Slice name);
static void note_hot_standby(Server *server, Slice value);

static const StreamEvents stream_events = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed,
	.on_secured = on_secured,
};

/* ---------------------------------------------------------------- life */

Server *
server_create(const ServerPlan *plan)
{
	Server	   *server = mem_alloc(sizeof(Server));

	server->id = plan->id;
	server->state = SERVER_CONNECTING;
	server->loop = plan->loop;
	server->node = plan->node;
	server->identity = plan->identity;
	server->node_name = mem_strdup(plan->node_name);
	server->host = mem_strdup(plan->host);
	server->port = plan->port;
	server->name = plan->name;
	server->database = plan->database;
	server->user = plan->user;
	server->tls = plan->host[0] == '/' ? NULL : tls_context_ref(plan->tls);
	server->max_statements = plan->max_statements > 0 ? plan->max_statements : 1;
	server->settings = settings_empty(plan->settings);
	server->reported = settings_empty(plan->settings);
	server->tx_status = 'I';
	list_init(&server->statements_used);
	server->connected_us = server->used_us = loop_now_us(plan->loop);
	if (plan->address != NULL)
		snprintf(server->address, sizeof(server->address), "%s", plan->address);
	server->stream = stream_connect(plan->loop, server_address(server), plan->port, &stream_events, server);
	return server;
}

const char *
server_address(const Server *server)
{
	return server->address[0] != '\0' ? server->address : server->host;
}

void
server_set_state(Server *server, ServerState state)
{
	if ((allowed_moves[server->state] & TO(state)) == 0)
	{
		LOG_ERROR("server_state_invalid", LF_STR("from", state_names[server->state]),
				  LF_STR("to", state_names[state]));
		abort();
	}
	server->state = state;
}

void
server_close(Server *server)
{
	Buf			farewell = BUF_INIT;

	if (server->state == SERVER_CLOSED)
		return;
	if (server->pid != 0 && !server->is_lost)
	{
		build_terminate(&farewell);
		stream_write(server->stream, buf_slice(&farewell));
		buf_release(&farewell);
	}
	server_set_state(server, SERVER_CLOSED);
	server_hold(server, NULL, NULL);
	stream_destroy(server->stream, STREAM_FLUSH);
	server->stream = NULL;
	server_login_destroy(server);
	settings_unref(server->settings);
	settings_unref(server->reported);
	server->settings = server->reported = NULL;
	loop_later(server->loop, server_free, server);
}

static void
server_free(void *arg)
{
	Server	   *server = arg;

	server_forget_statements(server);
	for (int i = 0; i < server->nparameters; i++)
	{
		mem_free(server->parameters[i].name);
		mem_free(server->parameters[i].value);
	}
	mem_free(server->parameters);
	mem_free(server->node_name);
	mem_free(server->host);
	tls_context_unref(server->tls);
	mem_free(server);
}

const char *
server_state_name(ServerState state)
{
	return state_names[state];
}

void
server_log(const Server *server, bool is_trouble, const char *event, const char *reason)
{
	LOG_AT(is_trouble ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, event,
		   LF_STR("node", server->node_name),
		   LF_STR("database", server->database),
		   LF_STR("user", server->user),
		   LF_INT("pid", server->pid),
		   LF_STR("state", state_names[server->state]),
		   LF_STR("reason", reason));
}

/* ---------------------------------------------------------------- holder */

bool
server_is_being_cancelled(const Server *server)
{
	return server->cancel != NULL;
}

void
server_hold(Server *server, const ServerEvents *events, void *owner)
{
	server->events = events;
	server->owner = owner;
}

static void
on_connected(void *owner)
{
	server_login_begin(owner);
}

static void
on_secured(void *owner)
{
	server_login_secured(owner);
}

/*
 * A holder that gives the server back from inside on_data has seen
 * ReadyForQuery; what lies behind it (a ParameterStatus, a notice) is shown to
 * the next one at once.
 */
static size_t
on_data(void *owner, Slice data)
{
	Server	   *server = owner;
	const ServerEvents *holder;
	size_t		used = 0;

	server->unread = 0;
	do
	{
		holder = server->events;
		if (holder == NULL)
			return data.len;
		used += holder->on_data(server->owner, slice_skip(data, used));
	} while (server->events != holder && used < data.len);
	server->unread = data.len - used;
	return used;
}

static void
on_drained(void *owner)
{
	Server	   *server = owner;

	if (server->events != NULL && server->events->on_drained != NULL)
		server->events->on_drained(server->owner);
}

static void
on_closed(void *owner, const char *why)
{
	server_lose(owner, why);
}

void
server_lose(Server *server, const char *why)
{
	server->is_lost = server->is_stale = true;
	if (server->events != NULL)
		server->events->on_lost(server->owner, why);
}

/* ---------------------------------------------------------------- facts */

Stream *
server_stream(Server *server)
{
	return server->stream;
}

int
server_node(const Server *server)
{
	return server->node;
}

const NodeIdentity *
server_identity(const Server *server)
{
	return &server->identity;
}

bool
server_is_replica(const Server *server)
{
	return server->identity.role == NODE_REPLICA;
}

bool
server_reports_commit_lsn(const Server *server)
{
	return server->reports_commit_lsn;
}

bool
server_is_retired(const Server *server)
{
	return server->is_stale;
}

uint64_t
server_id(const Server *server)
{
	return server->id;
}

ServerState
server_state(const Server *server)
{
	return server->state;
}

char
server_tx_status(const Server *server)
{
	return server->tx_status;
}

void
server_set_tx_status(Server *server, char tx_status)
{
	server->tx_status = tx_status;
}

Settings *
server_settings(Server *server)
{
	return server->settings;
}

void
server_set_settings(Server *server, Settings *settings)
{
	Settings   *old = server->settings;

	server->settings = settings_ref(settings);
	settings_unref(old);
}

void
server_stats(const Server *server, ServerStats *stats)
{
	*stats = (ServerStats) {
		.id = server->id,
		.state = server->state,
		.node = server->node,
		.address = server_address(server),
		.port = server->port,
		.name = server->name,
		.database = server->database,
		.user = server->user,
		.pid = server->pid,
		.connected_us = server->connected_us,
		.used_us = server->used_us,
		.statements = server->statements_used.count,
		.tx_status = server->tx_status,
		.is_retired = server->is_stale,
		.stream = server->stream,
	};
}

/* ------------------------------------------------------------ parameters */

bool
server_note_parameter(Server *server, Slice name, Slice value)
{
	ServerParameter *parameter = find_parameter(server, name);

	if (slice_equals_string(name, "in_hot_standby"))
		note_hot_standby(server, value);

	/* a commit's position is an event, not a property of the connection */
	if (slice_equals_string(name, "andon.commit_lsn"))
		return false;
	if (name.len > MAX_PARAMETER_LEN || value.len > MAX_PARAMETER_LEN ||
		(parameter == NULL && server->nparameters == MAX_PARAMETERS))
		return false;
	if (server_follows_parameter(name))
	{
		Settings   *old = server->reported;

		server->reported = settings_with(old, name, value);
		settings_unref(old);
	}
	if (parameter != NULL)
	{
		mem_free(parameter->value);
		parameter->value = mem_strndup(value);
		return true;
	}
	server->parameters = mem_realloc(server->parameters,
									 (size_t) (server->nparameters + 1) * sizeof(ServerParameter));
	server->parameters[server->nparameters++] =
		(ServerParameter) {mem_strndup(name), mem_strndup(value)};
	return true;
}

bool
server_follows_parameter(Slice name)
{
	static const char *const others[] = {"application_name", "default_transaction_read_only", "in_hot_standby", "server_version"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (slice_equals_string(name, others[i]))
			return false;
	}
	return name.len < 6 || memcmp(name.data, "andon.", 6) != 0;
}

Settings *
server_reported(const Server *server)
{
	return server->reported;
}

/*
 * A replica that became a primary, or a primary that is none: what the session
 * is reading there is still consistent, but nobody gets this server again.
 */
static void
note_hot_standby(Server *server, Slice value)
{
	bool		is_standby = slice_equals_string(value, "on");

	if (is_standby != server_is_replica(server) && !server->is_stale)
	{
		server->is_stale = true;
		server_log(server, true, "server_role_changed", is_standby ? "is a replica now" : "is a primary now");
	}
}

const char *
server_find_parameter(const Server *server, const char *name)
{
	ServerParameter *parameter = find_parameter(server, slice_from_string(name));

	return parameter == NULL ? NULL : parameter->value;
}

int
server_parameter_count(const Server *server)
{
	return server->nparameters;
}

void
server_parameter_item(const Server *server, int i, const char **name, const char **value)
{
	*name = server->parameters[i].name;
	*value = server->parameters[i].value;
}

static ServerParameter *
find_parameter(const Server *server, Slice name)
{
	for (int i = 0; i < server->nparameters; i++)
	{
		if (slice_equals_string(name, server->parameters[i].name))
			return &server->parameters[i];
	}
	return NULL;
}

/* ------------------------------------------------------------ statements */

bool
server_has_statement(Server *server, uint64_t number)
{
	ServerStatement *statement;

	HASH_FIND(hh, server->statements, &number, sizeof(number), statement);
	if (statement == NULL)
		return false;
	list_remove(&server->statements_used, &statement->node);
	list_push_tail(&server->statements_used, &statement->node);
	return true;
}

uint64_t
server_add_statement(Server *server, uint64_t number)
{
	uint64_t	evicted = 0;

	if (server_has_statement(server, number))
		return 0;
	if (server->statements_used.count >= (size_t) server->max_statements)
	{
		ServerStatement *oldest = list_entry(list_first(&server->statements_used), ServerStatement, node);

		evicted = oldest->number;
		server_remove_statement(server, evicted);
	}
	server_restore_statement(server, number);
	return evicted;
}

void
server_restore_statement(Server *server, uint64_t number)
{
	ServerStatement *statement;

	if (server_has_statement(server, number))
		return;
	statement = mem_alloc(sizeof(ServerStatement));
	statement->number = number;
	HASH_ADD(hh, server->statements, number, sizeof(statement->number), statement);
	list_push_tail(&server->statements_used, &statement->node);
}

void
server_remove_statement(Server *server, uint64_t number)
{
	ServerStatement *statement;

	HASH_FIND(hh, server->statements, &number, sizeof(number), statement);
	if (statement == NULL)
		return;
	HASH_DEL(server->statements, statement);
	list_remove(&server->statements_used, &statement->node);
	mem_free(statement);
}

void
server_note_description(Server *server, uint64_t number, const Description *description)
{
	ServerStatement *statement;

	HASH_FIND(hh, server->statements, &number, sizeof(number), statement);
	if (statement == NULL)
		return;
	if (description->params != 0)
		statement->description.params = description->params;
	if (description->rows != 0)
		statement->description.rows = description->rows;
}

Description
server_find_description(const Server *server, uint64_t number)
{
	ServerStatement *statement;

	HASH_FIND(hh, server->statements, &number, sizeof(number), statement);
	return statement ? statement->description : (Description) {0, 0};
}

void
server_forget_statements(Server *server)
{
	HASH_CLEAR(hh, server->statements);
	while (!list_is_empty(&server->statements_used))
		mem_free(list_entry(list_pop_head(&server->statements_used), ServerStatement, node));
}
