/*-------------------------------------------------------------------------
 *
 * client_startup.c
 *	  From the first packet to who it says it is.
 *
 *	  SSLRequest -> S, handshake; or N         CancelRequest -> passed on, closed
 *	  GSSENCRequest -> N                       a TLS handshake unasked -> goes on
 *	  StartupMessage -> client_login.c
 *
 * What comes in clear text behind an SSLRequest could be anybody's: whoever
 * sends it is refused (CVE-2021-23214, CVE-2021-23222).  Clients of the unix
 * socket need no TLS and get none.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"
#include "wire/build.h"
#include "wire/startup.h"

#define TLS_HANDSHAKE_RECORD 0x16	/* no length of a startup packet begins so */

static void startup_answer_ssl(Client *client, bool has_rest);
static void startup_begin_tls(Client *client, bool was_asked);
static bool startup_offers_tls(const Client *client);
static bool startup_check_tls(Client *client);
static void startup_refuse(Client *client, const Startup *startup);
static void startup_begin_session(Client *client, const Startup *startup);
static void startup_negotiate_version(Client *client, const Startup *startup);
static void startup_cancel(Client *client, const Startup *startup);
static bool startup_take_names(Client *client, const Startup *startup);
static bool startup_admit(Client *client);

size_t
client_startup_on_data(Client *client, Slice data)
{
	Startup		startup;

	if (client->is_cancel)
		return data.len;		/* nothing more is expected of it */
	if (data.data[0] == TLS_HANDSHAKE_RECORD && startup_offers_tls(client))
	{
		startup_begin_tls(client, false);
		return 0;				/* what is there is part of the handshake */
	}
	switch (startup_parse(data, &startup))
	{
		case STARTUP_PARTIAL:
			return 0;
		case STARTUP_MALFORMED:
			startup_refuse(client, &startup);
			return 0;
		case STARTUP_SSL:
			startup_answer_ssl(client, data.len > startup.total_len);
			break;
		case STARTUP_GSSENC:
			client_write(client, slice_from_string("N"));
			break;
		case STARTUP_CANCEL:
			startup_cancel(client, &startup);
			break;
		case STARTUP_SESSION:
			startup_begin_session(client, &startup);
			break;
	}
	return startup.total_len;
}

/* The connection stays open until the request has been acted on. */
static void
startup_cancel(Client *client, const Startup *startup)
{
	const SessionHooks *hooks = &client->context->hooks;
	CancelRequest request = {.pid = startup->cancel_pid, .key = startup->cancel_key, .sender_pid = client->key_pid};

	memcpy(request.sender_key, client->key, sizeof(request.sender_key));
	client->is_cancel = true;
	client->context->stats.cancel_requests++;
	if (!hooks->on_cancel(hooks->arg, &request))
		client_close(client);
}

static void
startup_answer_ssl(Client *client, bool has_rest)
{
	Error		error = {0};

	if (!startup_offers_tls(client))
		client_write(client, slice_from_string("N"));
	else if (has_rest)
	{
		error_set(&error, SQLSTATE_PROTOCOL_VIOLATION, "received unencrypted data after SSL request");
		error_set_detail(&error, "This could be either a client-software bug or evidence of an attempted "
						 "man-in-the-middle attack.");
		client_fail(client, &error);
	}
	else
	{
		client_write(client, slice_from_string("S"));
		startup_begin_tls(client, true);
	}
}

static void
startup_begin_tls(Client *client, bool was_asked)
{
	StreamTlsPlan plan = {.context = client->context->config.client_tls, .needs_alpn = !was_asked};

	stream_start_tls(client->stream, &plan);
}

static bool
startup_offers_tls(const Client *client)
{
	return client->context->config.client_tls != NULL && !client->peer.is_unix && !stream_is_tls(client->stream);
}

static bool
startup_check_tls(Client *client)
{
	Error		error = {0};

	if (tls_context_mode(client->context->config.client_tls) < TLS_MODE_REQUIRE || client->peer.is_unix ||
		stream_is_tls(client->stream))
		return true;
	error_set(&error, SQLSTATE_INVALID_AUTHORIZATION, "the router takes encrypted connections only");
	error_set_hint(&error, "Connect with sslmode=require or a stricter one.");
	client_fail(client, &error);
	return false;
}

static void
startup_refuse(Client *client, const Startup *startup)
{
	Error		error = {0};

	if (startup->version != 0 && startup->version >> 16 != 3)
	{
		error_set(&error, SQLSTATE_FEATURE_NOT_SUPPORTED,
				  "unsupported frontend protocol %u.%u: the router supports 3.0 to 3.2",
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
	if (!startup_check_tls(client) || !replication_note_startup(client, startup) ||
		!startup_take_names(client, startup) || !startup_admit(client))
		return;
	if (client->replication)
	{
		if (client->is_console)
			client_fail_protocol(client, "the admin console takes no replication connections");
		else
			client_login(client);
		return;
	}
	client->settings = params_from_startup(client->context->settings, startup, &error);
	if (client->settings == NULL)
	{
		client_fail(client, &error);
		return;
	}
	client->startup_settings = settings_ref(client->settings);
	client->prepared = prepared_map_create();
	client_login(client);
}

/*
 * A client of a newer minor version than ours, or with protocol options, of
 * which we know none, is told what we speak before anything else.  3.1 does not
 * exist, but is taken for what it says, as PostgreSQL 18 does.
 */
static void
startup_negotiate_version(Client *client, const Startup *startup)
{
	uint32_t	minor = startup->version & 0xffff;
	Slice		options[STARTUP_MAX_PARAMS];
	int			noptions = 0;
	Buf			out = BUF_INIT;

	for (int i = 0; i < startup->nparams; i++)
	{
		Slice		name = startup->params[i].name;

		if (name.len >= 5 && memcmp(name.data, "_pq_.", 5) == 0)
			options[noptions++] = name;
	}
	if (startup->version >= STARTUP_VERSION_3_2)
		client->key_len = CLIENT_KEY_LONG_SIZE;
	if (minor <= STARTUP_MINOR_MAX && noptions == 0)
		return;
	build_negotiate_version(&out, minor < STARTUP_MINOR_MAX ? minor : STARTUP_MINOR_MAX, options, noptions);
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
	if (client->replication_mode == REPLICATION_PHYSICAL)
		database = slice_from_string("replication");	/* it is of none */
	client->database_name = mem_strndup(database.data && database.len > 0 ? database : user);
	client->is_console = client->replication_mode != REPLICATION_PHYSICAL &&
		strcmp(client->database_name, client->context->config.admin_database) == 0;
	return true;
}

static bool
startup_admit(Client *client)
{
	SessionContext *context = client->context;
	Error		error = {0};

	if (context->draining)
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "the router is shutting down");
	else if (!client->is_console && names_has(&context->disabled, client->database_name))
	{
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "database \"%s\" is disabled", client->database_name);
		error_set_hint(&error, "An operator has sent DISABLE to the router's console.");
	}
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
