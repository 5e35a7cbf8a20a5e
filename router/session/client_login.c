/*-------------------------------------------------------------------------
 *
 * client_login.c
 *	  The proof of who it is.
 *
 *	  which method -> which secret -> the exchange (auth/method) -> client_welcome.c
 *
 * Unknown databases are told only to those who have proven who they are.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "scram/scram.h"

#define AUTH_MESSAGE_MAX 4096

static void login_begin_exchange(Client *client);
static void login_follow(Client *client, AuthStatus status, Slice out, const Error *error);
static void login_authenticated(Client *client, const char *keys);

void
client_login(Client *client)
{
	client_set_state(client, CLIENT_AUTH);
	client->auth_users = client->context->users ? user_table_ref(client->context->users) : NULL;
	login_begin_exchange(client);
}

size_t
client_login_on_data(Client *client, Slice data)
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
	login_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);
	return frame.total_len;
}

/* The user's entry in the table that this login looks at, or NULL. */
static const User *
login_find_user(const Client *client)
{
	return client->auth_users ? user_table_find(client->auth_users, slice_from_string(client->user)) : NULL;
}

static void
login_begin_exchange(Client *client)
{
	SessionContext *context = client->context;
	const UserTable *file = context->users;
	AuthRequestInfo info = {
		.method = context->config.auth_method,
		.user_name = client->user,
		.user = login_find_user(client),
		.mock_is_md5 = file && user_table_is_mostly_md5(file),
		.derive_always = file && user_table_has_plain(file),
		.mock_secret = context->mock_secret,
		.mock_secret_len = sizeof(context->mock_secret),
	};
	Buf			out = BUF_INIT;
	Error		error = {0};
	AuthStatus	status;

	client->auth = auth_exchange_create(&info);
	status = auth_exchange_begin(client->auth, &out, &error);
	login_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);
}

static void
login_follow(Client *client, AuthStatus status, Slice out, const Error *error)
{
	AuthExchange *auth = client->auth;

	client_write(client, out);
	if (status == AUTH_OK)
	{
		login_authenticated(client, auth_exchange_keys(auth));
		auth_exchange_destroy(auth);
		client->auth = NULL;
		user_table_unref(client->auth_users);
		client->auth_users = NULL;
	}
	else if (status == AUTH_FAILED)
	{
		client->context->stats.login_failures++;
		LOG_WARN("client_login_failed", LF_STR("user", client->user), LF_STR("database", client->database_name),
				 LF_STR("peer", client->peer.text), LF_STR("reason", auth_exchange_log_reason(auth)));
		client_fail(client, error);
	}
}

/*
 * Who it is is proven: now the database.  Servers are given the keys of the
 * proof, if it gave any away, else the secret that it was held against.
 */
static void
login_authenticated(Client *client, const char *keys)
{
	SessionContext *context = client->context;
	const User *user = login_find_user(client);
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
	if (keys && user && user->kind == SECRET_SCRAM)
		secret = keys;
	client->account = account_get(context, database, client->user, secret);
	client->account->clients++;
	client_set_state(client, CLIENT_WELCOME);
	client_welcome(client);
}
