/*-------------------------------------------------------------------------
 *
 * client_login.c
 *	  The proof of who it is.
 *
 *	  which method: auth_type, or the first line of auth_hba_file that fits
 *	  not in auth_file -> the secret is looked up (auth/auth_query)
 *	  peer -> the system is asked for the user's name (net/resolve)
 *	  the exchange (auth/method) -> client_welcome.c
 *
 * Whatever is waited for, the client's messages wait, too.  Errors are worded
 * as PostgreSQL words them and tell nothing of who exists; the log says more.
 * Unknown databases are told only to those who have proven who they are.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"

#define AUTH_MESSAGE_MAX 4096
#define CERTIFICATE_NAME_SIZE 256

static bool login_choose_method(Client *client);
static bool login_ask_hba(Client *client);
static void login_refuse_host(Client *client, const HbaAnswer *answer);
static bool login_is_encrypted(const Client *client);
static void login_look_up(Client *client);
static const char *login_auth_database(const Client *client);
static void login_on_answer(void *owner, UserTable *user);
static void login_on_lookup_failed(void *owner, const char *why);
static void login_find_out_name(Client *client);
static void login_ask_system(Client *client);
static void login_on_user(void *arg, const char *name);
static const User *login_find_user(const Client *client);
static void login_begin_exchange(Client *client, const char *proven_name);
static void login_follow(Client *client, AuthStatus status, Slice out, const Error *error);
static void login_fail(Client *client, const Error *error, const char *log_reason);
static void login_authenticated(Client *client, const char *keys);

void
client_login(Client *client)
{
	client_set_state(client, CLIENT_AUTH);
	if (!login_choose_method(client))
		return;
	client->login.users = client->context->users ? user_table_ref(client->context->users) : NULL;
	if (login_find_user(client) == NULL && client->context->auth_query &&
		auth_query_is_on(client->context->auth_query))
		login_look_up(client);
	else
		login_find_out_name(client);
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
	if (client->login.exchange == NULL || frame_parse(data, &frame) != FRAME_OK)
		return 0;
	status = auth_exchange_handle(client->login.exchange, frame.body, &out, &error);
	login_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);
	return frame.total_len;
}

/* ---------------------------------------------------------------- which method */

/* False: it is refused. */
static bool
login_choose_method(Client *client)
{
	client->login.method = client->context->config.auth_method;
	return client->login.method != AUTH_HBA || login_ask_hba(client);
}

static bool
login_ask_hba(Client *client)
{
	const PeerAddress *peer = &client->peer;
	HbaRequest	request = {
		.database = client->database_name,
		.user = client->user,
		.is_local = peer->is_unix,
		.is_tls = login_is_encrypted(client),
		.is_replication = client->replication_mode == REPLICATION_PHYSICAL,
		.ip_len = peer->ip_len,
	};
	HbaAnswer	answer;

	memcpy(request.ip, peer->ip, sizeof(request.ip));
	if (client->context->hba == NULL || !hba_find(client->context->hba, &request, &answer))
		login_refuse_host(client, NULL);
	else if (answer.method == AUTH_REJECT)
		login_refuse_host(client, &answer);
	else
	{
		client->login.method = answer.method;
		return true;
	}
	return false;
}

/* The words of PostgreSQL's auth.c; answer NULL: no line fits. */
static void
login_refuse_host(Client *client, const HbaAnswer *answer)
{
	char		host[ADDRESS_TEXT_SIZE];
	char		database[ERROR_MESSAGE_SIZE] = "";
	char		reason[64] = "no line of auth_hba_file fits";
	size_t		len = strlen(client->peer.text);
	bool		is_bracketed = client->peer.text[0] == '[' && len > 2;
	bool		is_replication = client->replication_mode == REPLICATION_PHYSICAL;
	const char *encryption = login_is_encrypted(client) ? "SSL encryption" : "no encryption";
	Error		error = {0};

	snprintf(host, sizeof(host), "%.*s", (int) (is_bracketed ? len - 2 : len), client->peer.text + is_bracketed);
	if (client->peer.is_unix)
		snprintf(host, sizeof(host), "[local]");
	if (!is_replication)
		snprintf(database, sizeof(database), ", database \"%s\"", client->database_name);
	if (answer)
	{
		error_set(&error, SQLSTATE_INVALID_AUTHORIZATION,
				  "pg_hba.conf rejects %sconnection for host \"%s\", user \"%s\"%s, %s",
				  is_replication ? "replication " : "", host, client->user, database, encryption);
		snprintf(reason, sizeof(reason), "rejected by line %d of auth_hba_file", answer->line);
	}
	else
		error_set(&error, SQLSTATE_INVALID_AUTHORIZATION,
				  "no pg_hba.conf entry for %shost \"%s\", user \"%s\"%s, %s",
				  is_replication ? "replication connection from " : "", host, client->user, database, encryption);
	login_fail(client, &error, reason);
}

static bool
login_is_encrypted(const Client *client)
{
	return stream_is_tls(client->stream);
}

/* ---------------------------------------------------------------- auth_query */

static void
login_look_up(Client *client)
{
	AuthQueryWaiter *waiter = &client->login.lookup;
	const char *database = login_auth_database(client);

	waiter->on_answer = login_on_answer;
	waiter->on_failed = login_on_lookup_failed;
	waiter->owner = client;
	client->login.was_looked_up = true;
	auth_query_ask(client->context->auth_query, database, client->user, waiter);
}

/* Never one that the client has made up. */
static const char *
login_auth_database(const Client *client)
{
	const SessionConfig *config = &client->context->config;

	return config->find_auth_database(config->databases, client->database_name);
}

static void
login_on_answer(void *owner, UserTable *user)
{
	Client	   *client = owner;

	if (client->state != CLIENT_AUTH)
		return;
	user_table_unref(client->login.users);
	client->login.users = user_table_ref(user);
	login_find_out_name(client);
}

/* All whose secrets are looked up are told the same, whether there is such a user or not. */
static void
login_on_lookup_failed(void *owner, const char *why)
{
	Client	   *client = owner;
	Error		error = {0};

	if (client->state != CLIENT_AUTH)
		return;
	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "the router could not look up the user");
	error_set_hint(&error, "Try again; the router's log says why.");
	login_fail(client, &error, why);
}

/* ---------------------------------------------------------------- peer, cert */

static void
login_find_out_name(Client *client)
{
	char		name[CERTIFICATE_NAME_SIZE];

	if (client->login.method == AUTH_PEER)
		login_ask_system(client);
	else
		login_begin_exchange(client, stream_peer_name(client->stream, name, sizeof(name)) ? name : NULL);
}

static void
login_ask_system(Client *client)
{
	Resolution *resolution = NULL;

	if (client->peer.has_uid)
		resolution = resolve_user_start(client->context->loop, client->peer.uid, login_on_user, client);
	client->login.resolution = resolution;
	if (resolution == NULL)
		login_begin_exchange(client, NULL);
}

static void
login_on_user(void *arg, const char *name)
{
	Client	   *client = arg;

	client->login.resolution = NULL;
	login_begin_exchange(client, name);
}

/* ---------------------------------------------------------------- the exchange */

/* The user's entry in the table that this login looks at, or NULL. */
static const User *
login_find_user(const Client *client)
{
	return client->login.users ? user_table_find(client->login.users, slice_from_string(client->user)) : NULL;
}

static void
login_begin_exchange(Client *client, const char *proven_name)
{
	SessionContext *context = client->context;
	const UserTable *file = context->users;
	bool		is_mostly_md5 = client->login.was_looked_up ? auth_query_is_mostly_md5(context->auth_query) :
		file && user_table_is_mostly_md5(file);
	AuthRequestInfo info = {
		.method = client->login.method,
		.user_name = client->user,
		.user = login_find_user(client),
		.proven_name = proven_name,
		.mock_is_md5 = is_mostly_md5,
		.derive_always = file && user_table_has_plain(file),
		.mock_secret = context->mock_secret,
		.mock_secret_len = sizeof(context->mock_secret),
	};
	Buf			out = BUF_INIT;
	Error		error = {0};
	AuthStatus	status;

	client->login.exchange = auth_exchange_create(&info);
	status = auth_exchange_begin(client->login.exchange, &out, &error);
	login_follow(client, status, buf_slice(&out), &error);
	buf_release(&out);

	/* what the client sent meanwhile is looked at again */
	if (client->state == CLIENT_AUTH)
	{
		stream_pause(client->stream);
		stream_resume(client->stream);
	}
}

static void
login_follow(Client *client, AuthStatus status, Slice out, const Error *error)
{
	AuthExchange *exchange = client->login.exchange;

	if (status == AUTH_OK)
	{
		/* the welcome, mostly known, goes with it in one packet */
		stream_cork(client->stream);
		client_write(client, out);
		login_authenticated(client, auth_exchange_keys(exchange));
		client_reset_login(client);
		if (client->stream)
			stream_uncork(client->stream);
		return;
	}
	client_write(client, out);
	if (status == AUTH_FAILED)
	{
		if (client->login.was_looked_up)
			auth_query_forget(client->context->auth_query, login_auth_database(client), client->user);
		login_fail(client, error, auth_exchange_log_reason(exchange));
	}
}

static void
login_fail(Client *client, const Error *error, const char *log_reason)
{
	client->context->stats.login_failures++;
	LOG_WARN("client_login_failed", LF_STR("user", client->user), LF_STR("database", client->database_name),
			 LF_STR("peer", client->peer.text), LF_STR("reason", log_reason));
	client_fail(client, error);
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
	Account    *account;
	Error		error = {0};

	if (client->is_console)
	{
		client_welcome_console(client);
		return;
	}
	if (keys && user && user->kind == SECRET_SCRAM)
		secret = keys;
	if (client->replication_mode == REPLICATION_PHYSICAL)
	{
		replication_login(client, secret);
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
	secret = account_server_secret(context, client->database_name, client->user, secret);
	account = account_get(context, database, client->user, secret);
	if (!account_admit(context, account, &error))
	{
		client_fail(client, &error);
		return;
	}
	client->account = account;
	if (client->replication)
	{
		replication_login(client, secret);
		return;
	}
	client_find_rule(client);
	client_set_state(client, CLIENT_WELCOME);
	client_welcome(client);
}
