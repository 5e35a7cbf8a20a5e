/*-------------------------------------------------------------------------
 *
 * client_startup.c
 *	  From the first packet to the first ReadyForQuery.
 *
 *	  SSLRequest, GSSENCRequest -> N           CancelRequest -> passed on, closed
 *	  StartupMessage -> authentication -> what the servers report -> ready
 *
 * What a server reports at login (server_version, TimeZone ...) depends on the
 * account and on the settings asked for.  The first login of a kind asks a
 * server; what it said is kept with the account as a Welcome, so that later
 * logins need no server and work while no primary is there.
 *
 * Unknown databases are told only to those who have proven who they are.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "session/params.h"
#include "wire/build.h"
#include "wire/message.h"
#include "wire/startup.h"

#define WELCOMES_MAX 32			/* per account; the oldest goes */
#define AUTH_MESSAGE_MAX 4096
#define WELCOME_MESSAGE_MAX (64 * 1024)	/* of what a server answers to SET */

/* What servers report to an account with these settings. */
typedef struct Welcome
{
	ListNode	node;			/* in account->welcomes */
	Settings   *settings;		/* a reference; without application_name */
	LexDefaults lex_defaults;
	Buf			messages;		/* ParameterStatus of each */
} Welcome;

static void startup_refuse(Client *client, const Startup *startup);
static void startup_begin_session(Client *client, const Startup *startup);
static void startup_negotiate_version(Client *client, const Startup *startup);
static bool startup_take_names(Client *client, const Startup *startup);
static bool startup_admit(Client *client);
static void auth_begin(Client *client);
static void auth_follow(Client *client, AuthStatus status, Slice out, const Error *error);
static void startup_authenticated(Client *client);
static void welcome_console(Client *client);
static int	welcome_choose_node(const Client *client);
static void welcome_ask(Client *client, Server *server);
static void welcome_learn(Client *client);
static Welcome *welcome_find(Account *account, const Settings *settings);
static void welcome_use(Client *client, const Welcome *welcome);
static void welcome_send(Client *client, Slice messages);
static bool welcome_handle(Client *client, const Frame *frame);
static void welcome_note_error(Client *client, const ErrorFields *fields);
static void welcome_end(Client *client);
static void welcome_avoid(Client *client, int node);
static void welcome_on_granted(void *owner, Server *server);
static void welcome_on_failed(void *owner, const Error *error);
static size_t welcome_on_data(void *owner, Slice data);
static void welcome_on_lost(void *owner, const char *why);
static void append_status(Buf *out, const char *name, const char *value);
static bool welcome_overrides(const char *name);

static const ServerEvents welcome_server_events = {
	.on_data = welcome_on_data,
	.on_lost = welcome_on_lost,
};

size_t
client_startup_on_data(Client *client, Slice data)
{
	Startup		startup;

	switch (startup_parse(data, &startup))
	{
		case STARTUP_PARTIAL:
			return 0;
		case STARTUP_MALFORMED:
			startup_refuse(client, &startup);
			return 0;
		case STARTUP_SSL:
		case STARTUP_GSSENC:
			client_write(client, slice_from_string("N"));
			break;
		case STARTUP_CANCEL:
			client->context->hooks.on_cancel(client->context->hooks.arg, startup.cancel_pid, startup.cancel_key);
			client_close(client);
			break;
		case STARTUP_SESSION:
			startup_begin_session(client, &startup);
			break;
	}
	return startup.total_len;
}

size_t
client_auth_on_data(Client *client, Slice data)
{
	Frame		frame;
	Buf			out = BUF_INIT;
	Error		error = {0};
	AuthStatus	status;

	switch (frame_peek(data, &frame))
	{
		case FRAME_PARTIAL:
			return 0;
		case FRAME_MALFORMED:
			client_fail_protocol(client, "invalid message length");
			return 0;
		case FRAME_OK:
			break;
	}
	if (frame.type != 'p' || frame.total_len > AUTH_MESSAGE_MAX)
	{
		client_fail_protocol(client, "expected password response, got message type %d", frame.type);
		return 0;
	}
	if (frame_parse(data, &frame) != FRAME_OK)
		return 0;
	status = auth_exchange_handle(client->auth, frame.body, &out, &error);
	auth_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);
	return frame.total_len;
}

void
client_startup_release(Account *account)
{
	ListNode   *node;

	while ((node = list_pop_head(&account->welcomes)) != NULL)
	{
		Welcome    *welcome = list_entry(node, Welcome, node);

		settings_unref(welcome->settings);
		buf_release(&welcome->messages);
		mem_free(welcome);
	}
}

void
client_welcome_again(Client *client)
{
	int			node = welcome_choose_node(client);
	Server	   *server;

	if (node < 0)
	{
		client->relay.excluded = 0;
		if (!list_node_is_linked(&client->waiting_node))
			list_push_tail(&client->context->waiting, &client->waiting_node);
		return;
	}
	if (list_node_is_linked(&client->waiting_node))
		list_remove(&client->context->waiting, &client->waiting_node);
	client->relay.node = node;
	client->waiter.on_granted = welcome_on_granted;
	client->waiter.on_failed = welcome_on_failed;
	client->waiter.owner = client;
	client->waiter.deadline_us = 0; /* client_login_timeout ends it */
	server = pool_checkout(account_pool(client->context, client->account, node), &client->waiter);
	if (server)
		welcome_ask(client, server);
}

/* The primary, or any node that answers: all say the same. */
static int
welcome_choose_node(const Client *client)
{
	const TopologyView *view = client->context->view;
	uint64_t	excluded = client->relay.excluded;

	if (view->primary >= 0 && (excluded & (UINT64_C(1) << view->primary)) == 0)
		return view->primary;
	for (int i = 0; i < view->nnodes; i++)
	{
		if (view->nodes[i].is_usable && (excluded & (UINT64_C(1) << i)) == 0)
			return i;
	}
	return -1;
}

static void
startup_refuse(Client *client, const Startup *startup)
{
	Error		error = {0};

	if (startup->version != 0 && startup->version >> 16 != 3)
	{
		error_set(&error, SQLSTATE_FEATURE_NOT_SUPPORTED,
				  "unsupported frontend protocol %u.%u: the router supports 3.0",
				  startup->version >> 16, startup->version & 0xffff);
		client_fail(client, &error);
	}
	else
		client_fail_protocol(client, "invalid startup packet: %s", startup->why ? startup->why : "malformed");
}

static void
startup_begin_session(Client *client, const Startup *startup)
{
	Error		error = {0};

	startup_negotiate_version(client, startup);
	if (!startup_take_names(client, startup) || !startup_admit(client))
		return;
	client->settings = params_from_startup(client->context->settings, startup, &error);
	if (client->settings == NULL)
	{
		client_fail(client, &error);
		return;
	}
	client->startup_settings = settings_ref(client->settings);
	client->prepared = prepared_map_create();
	auth_begin(client);
}

/* A newer minor version, or protocol options: we speak 3.0 and know none. */
static void
startup_negotiate_version(Client *client, const Startup *startup)
{
	Slice		options[STARTUP_MAX_PARAMS];
	int			noptions = 0;
	Buf			out = BUF_INIT;

	for (int i = 0; i < startup->nparams; i++)
	{
		Slice		name = startup->params[i].name;

		if (name.len >= 5 && memcmp(name.data, "_pq_.", 5) == 0)
			options[noptions++] = name;
	}
	if ((startup->version & 0xffff) == 0 && noptions == 0)
		return;
	build_negotiate_version(&out, 0, options, noptions);
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

static bool
startup_take_names(Client *client, const Startup *startup)
{
	Slice		user = startup_find_param(startup, "user");
	Slice		database = startup_find_param(startup, "database");
	Error		error = {0};

	if (user.data == NULL || user.len == 0)
	{
		error_set(&error, SQLSTATE_INVALID_AUTHORIZATION,
				  "no PostgreSQL user name specified in startup packet");
		client_fail(client, &error);
		return false;
	}
	client->user = mem_strndup(user);
	client->database_name = mem_strndup(database.data && database.len > 0 ? database : user);
	client->is_console = strcmp(client->database_name, client->context->config.admin_database) == 0;
	return true;
}

static bool
startup_admit(Client *client)
{
	SessionContext *context = client->context;
	Error		error = {0};

	if (context->draining)
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "the router is shutting down");
	else if (!client->is_console && !context->hooks.admit_client(context->hooks.arg))
	{
		error_set(&error, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
		error_set_hint(&error, "The router's max_client_conn is reached.");
	}
	else
	{
		client->is_admitted = !client->is_console;
		return true;
	}
	client_fail(client, &error);
	return false;
}

static void
auth_begin(Client *client)
{
	SessionContext *context = client->context;
	const User *user = context->users ?
		user_table_find(context->users, slice_from_string(client->user)) : NULL;
	AuthRequestInfo info = {
		.method = context->config.auth_method,
		.user_name = client->user,
		.user = user,
		.derive_always = context->users && user_table_has_plain(context->users),
		.mock_secret = context->mock_secret,
		.mock_secret_len = sizeof(context->mock_secret),
	};
	Buf			out = BUF_INIT;
	Error		error = {0};
	AuthStatus	status;

	client_set_state(client, CLIENT_AUTH);
	client->auth_users = context->users ? user_table_ref(context->users) : NULL;
	client->auth = auth_exchange_create(&info);
	status = auth_exchange_begin(client->auth, &out, &error);
	auth_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);
}

static void
auth_follow(Client *client, AuthStatus status, Slice out, const Error *error)
{
	client_write(client, out);
	if (status == AUTH_OK)
	{
		auth_exchange_destroy(client->auth);
		client->auth = NULL;
		user_table_unref(client->auth_users);
		client->auth_users = NULL;
		startup_authenticated(client);
	}
	else if (status == AUTH_FAILED)
	{
		client->context->stats.login_failures++;
		LOG_WARN("client_login_failed", LF_STR("user", client->user), LF_STR("database", client->database_name),
				 LF_STR("peer", client->peer.text), LF_STR("reason", auth_exchange_log_reason(client->auth)));
		client_fail(client, error);
	}
}

/* Who it is is proven: now the database. */
static void
startup_authenticated(Client *client)
{
	SessionContext *context = client->context;
	const User *user = context->users ?
		user_table_find(context->users, slice_from_string(client->user)) : NULL;
	const char *secret = user && user->kind != SECRET_NONE ? user->secret : NULL;
	Database   *database;
	Error		error = {0};
	Welcome    *welcome;

	if (client->is_console)
	{
		welcome_console(client);
		return;
	}
	database = session_context_get_database(context, client->database_name);
	if (database == NULL)
	{
		error_set(&error, SQLSTATE_UNDEFINED_DATABASE, "database \"%s\" does not exist", client->database_name);
		error_set_hint(&error, "It is not in the [databases] section of the router's configuration.");
		client_fail(client, &error);
		return;
	}
	client->account = session_context_get_account(context, database, client->user, secret);
	client->account->clients++;
	client_set_state(client, CLIENT_WELCOME);
	welcome = welcome_find(client->account, client->settings);
	if (welcome)
		welcome_use(client, welcome);
	else
		client_welcome_again(client);
}

static void
welcome_console(Client *client)
{
	SessionContext *context = client->context;
	Buf			out = BUF_INIT;
	Error		error = {0};

	if (!context->console.may_connect(context->console.console, client->user, &error))
	{
		client_fail(client, &error);
		return;
	}
	append_status(&out, "server_version", "15.0");
	append_status(&out, "server_encoding", "UTF8");
	append_status(&out, "client_encoding", "UTF8");
	append_status(&out, "DateStyle", "ISO, MDY");
	append_status(&out, "TimeZone", "UTC");
	append_status(&out, "integer_datetimes", "on");
	append_status(&out, "standard_conforming_strings", "on");
	client_set_state(client, CLIENT_WELCOME);
	welcome_send(client, buf_slice(&out));
	buf_release(&out);
}

/* A server was had: make its settings the client's, so that it reports them. */
static void
welcome_ask(Client *client, Server *server)
{
	Buf			sql = BUF_INIT;

	client->server = server;
	server_hold(server, &welcome_server_events, client);
	settings_diff_sql(server_settings(server), client->settings, &sql);
	if (buf_len(&sql) == 0)
		welcome_learn(client);
	else
	{
		Buf			out = BUF_INIT;

		build_query(&out, buf_slice(&sql));
		stream_write(server_stream(server), buf_slice(&out));
		buf_release(&out);
	}
	buf_release(&sql);
}

/* The server is as the client wants it: keep what it reports. */
static void
welcome_learn(Client *client)
{
	Server	   *server = client->server;
	Account    *account = client->account;
	Welcome    *welcome = mem_alloc(sizeof(Welcome));

	session_context_note_login(client->context, account);
	server_set_settings(server, client->settings);
	welcome->settings = settings_without(client->settings, slice_from_string("application_name"));
	welcome->lex_defaults = params_lex_defaults(server_find_parameter(server, "standard_conforming_strings"),
												server_find_parameter(server, "client_encoding"));
	buf_init(&welcome->messages);
	for (int i = 0; i < server_parameter_count(server); i++)
	{
		const char *name;
		const char *value;

		server_parameter_item(server, i, &name, &value);
		if (!welcome_overrides(name))
			append_status(&welcome->messages, name, value);
	}
	client_release_server(client, false);

	if (account->welcomes.count >= WELCOMES_MAX)
	{
		Welcome    *oldest = list_entry(list_pop_head(&account->welcomes), Welcome, node);

		settings_unref(oldest->settings);
		buf_release(&oldest->messages);
		mem_free(oldest);
	}
	list_push_tail(&account->welcomes, &welcome->node);
	welcome_use(client, welcome);
}

static void
welcome_use(Client *client, const Welcome *welcome)
{
	client->lex_defaults = welcome->lex_defaults;
	welcome_send(client, buf_slice(&welcome->messages));
}

static Welcome *
welcome_find(Account *account, const Settings *settings)
{
	Settings   *plain = settings_without((Settings *) settings, slice_from_string("application_name"));
	Welcome    *found = NULL;

	LIST_FOREACH(node, &account->welcomes)
	{
		Welcome    *welcome = list_entry(node, Welcome, node);

		if (welcome->settings == plain)
			found = welcome;
	}
	settings_unref(plain);
	return found;
}

static void
welcome_send(Client *client, Slice messages)
{
	const char *application = settings_find(client->settings, "application_name");
	Buf			out = BUF_INIT;

	buf_append(&out, messages);
	append_status(&out, "application_name", application ? application : "");
	append_status(&out, "in_hot_standby", "off");
	append_status(&out, "default_transaction_read_only", "off");
	build_backend_key(&out, client->key_pid, slice_make(client->key, CLIENT_KEY_SIZE));
	build_ready(&out, 'I');
	client->context->stats.logins++;
	LOG_DEBUG("client_login", LF_STR("user", client->user), LF_STR("database", client->database_name),
			  LF_STR("peer", client->peer.text));
	client_write(client, buf_slice(&out));
	buf_release(&out);
	relay_reset(&client->relay);
	client_set_state(client, CLIENT_READY);

	/* what the client sent meanwhile is looked at again */
	stream_pause(client->stream);
	stream_resume(client->stream);
}

static void
welcome_on_granted(void *owner, Server *server)
{
	welcome_ask(owner, server);
}

/* Another node may let it in; when none does, the next view may know of one. */
static void
welcome_on_failed(void *owner, const Error *error)
{
	Client	   *client = owner;

	if (client->waiter.failure == POOL_NODE_LOST)
		welcome_avoid(client, client->relay.node);
	else
		client_fail(client, error);
}

static size_t
welcome_on_data(void *owner, Slice data)
{
	Client	   *client = owner;
	Server	   *server = client->server;
	size_t		used = 0;
	Frame		frame;

	while (client->server == server)
	{
		Slice		rest = slice_skip(data, used);
		FrameStatus status = frame_peek(rest, &frame);

		if (status == FRAME_OK && frame.total_len <= WELCOME_MESSAGE_MAX)
			status = frame_parse(rest, &frame);
		else if (status == FRAME_OK)
			status = FRAME_MALFORMED;
		if (status == FRAME_PARTIAL)
			break;
		if (status == FRAME_MALFORMED || !welcome_handle(client, &frame))
		{
			relay_server_broke(client, "unexpected message at login");
			return data.len;
		}
		used += frame.total_len;
	}
	return used;
}

/* False: no answer to SET looks like that. */
static bool
welcome_handle(Client *client, const Frame *frame)
{
	ErrorFields fields;
	Slice		name;
	Slice		value;

	switch (frame->type)
	{
		case 'S':
			if (!message_parse_parameter_status(frame->body, &name, &value))
				return false;
			server_note_parameter(client->server, name, value);
			return true;
		case 'E':
			if (!message_parse_error(frame->body, &fields))
				return false;
			welcome_note_error(client, &fields);
			return true;
		case 'Z':
			welcome_end(client);
			return true;
		default:
			return frame->type == 'C' || frame->type == 'N';
	}
}

/* The server does not take a setting; it is told to the client when the server is ready again. */
static void
welcome_note_error(Client *client, const ErrorFields *fields)
{
	Relay	   *relay = &client->relay;
	char		sqlstate[6] = SQLSTATE_INTERNAL_ERROR;

	if (relay->error_refused)
		return;
	if (fields->sqlstate.len == 5)
		memcpy(sqlstate, fields->sqlstate.data, 5);
	relay->error_refused = mem_alloc(sizeof(Error));
	error_set(relay->error_refused, sqlstate, "%.*s", (int) fields->message.len, fields->message.data);
}

static void
welcome_end(Client *client)
{
	if (client->relay.error_refused == NULL)
	{
		welcome_learn(client);
		return;
	}
	client_release_server(client, false);	/* a query that failed has set nothing */
	client_fail(client, client->relay.error_refused);
}

static void
welcome_on_lost(void *owner, const char *why)
{
	Client	   *client = owner;
	int			node = server_node(client->server);

	LOG_WARN("server_lost_at_welcome", LF_STR("user", client->user), LF_STR("reason", why));
	client_release_server(client, true);
	mem_free(client->relay.error_refused);
	client->relay.error_refused = NULL;
	welcome_avoid(client, node);
}

/* Ask another node, or wait for the next view when all have been asked. */
static void
welcome_avoid(Client *client, int node)
{
	client->relay.excluded |= UINT64_C(1) << node;
	client_welcome_again(client);
}

static void
append_status(Buf *out, const char *name, const char *value)
{
	build_parameter_status(out, slice_from_string(name), slice_from_string(value));
}

/* What the router says itself: of the session, never of one node. */
static bool
welcome_overrides(const char *name)
{
	return strcmp(name, "application_name") == 0 || strcmp(name, "in_hot_standby") == 0 ||
		strcmp(name, "default_transaction_read_only") == 0 || strncmp(name, "andon.", 6) == 0;
}
