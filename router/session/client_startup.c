/*-------------------------------------------------------------------------
 *
 * client_startup.c
 *	  From the first packet to the proof of who it is.
 *
 *	  SSLRequest, GSSENCRequest -> N           CancelRequest -> passed on, closed
 *	  StartupMessage -> authentication -> client_welcome.c
 *
 * Unknown databases are told only to those who have proven who they are.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"
#include "wire/startup.h"

#define AUTH_MESSAGE_MAX 4096

static void startup_refuse(Client *client, const Startup *startup);
static void startup_begin_session(Client *client, const Startup *startup);
static void startup_negotiate_version(Client *client, const Startup *startup);
static bool startup_take_names(Client *client, const Startup *startup);
static bool startup_admit(Client *client);
static void auth_begin(Client *client);
static void auth_follow(Client *client, AuthStatus status, Slice out, const Error *error);
static void startup_authenticated(Client *client);

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

	if (!client_peek_frame(client, data, &frame))
		return 0;
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

	if (client->is_console)
	{
		client_welcome_console(client);
		return;
	}
	database = account_get_database(context, client->database_name);
	if (database == NULL)
	{
		error_set(&error, SQLSTATE_UNDEFINED_DATABASE, "database \"%s\" does not exist", client->database_name);
		error_set_hint(&error, "It is not in the [databases] section of the router's configuration.");
		client_fail(client, &error);
		return;
	}
	client->account = account_get(context, database, client->user, secret);
	client->account->clients++;
	client_set_state(client, CLIENT_WELCOME);
	client_welcome(client);
}
