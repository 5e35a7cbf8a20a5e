/*-------------------------------------------------------------------------
 *
 * client_welcome.c
 *	  What a session is told before its first ReadyForQuery.
 *
 * What a server reports at login (server_version, TimeZone ...) depends on the
 * account and on the settings asked for.  The first login of a kind asks a
 * server; what it said is kept with the account as a Welcome, so that later
 * logins need no server and work while no primary is there.
 *
 *	  known ---------------------------------------------------> READY
 *	  not known -> a node's server -> SET what was asked for --> kept, READY
 *				   | none, or lost: another node, the next view
 *				   | the server does not take a setting: FATAL
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

#define WELCOMES_MAX 32			/* per account; the oldest goes */
#define WELCOME_MESSAGE_MAX (64 * 1024)	/* of what a server answers to SET */

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
static bool welcome_overrides(const char *name);
static void append_status(Buf *out, const char *name, const char *value);

static const ServerEvents welcome_server_events = {
	.on_data = welcome_on_data,
	.on_lost = welcome_on_lost,
};

void
client_welcome(Client *client)
{
	Welcome    *welcome = welcome_find(client->account, client->settings);

	if (welcome)
		welcome_use(client, welcome);
	else
		client_welcome_again(client);
}

void
client_welcome_again(Client *client)
{
	int			node = welcome_choose_node(client);
	Server	   *server;

	if (node < 0)
	{
		client->relay.excluded = 0;
		client_await_view(client);
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

void
client_welcome_console(Client *client)
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

	account_note_login(client->context, account);
	server_set_settings(server, client->settings);
	welcome->settings = settings_without(client->settings, slice_from_string("application_name"));
	welcome->lex_defaults = params_lex_defaults(server_find_parameter(server, "standard_conforming_strings"),
												server_find_parameter(server, "client_encoding"));
	welcome->reported = settings_ref(server_reported(server));
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
		account_free_welcome(list_entry(list_pop_head(&account->welcomes), Welcome, node));
	list_push_tail(&account->welcomes, &welcome->node);
	welcome_use(client, welcome);
}

static void
welcome_use(Client *client, const Welcome *welcome)
{
	client->lex_defaults = welcome->lex_defaults;
	client->told = settings_ref(welcome->reported);
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
	build_backend_key(&out, client->key_pid, slice_make(client->key, (size_t) client->key_len));
	build_ready(&out, 'I');
	client->context->stats.logins++;
	LOG_DEBUG("client_login", LF_STR("user", client->user), LF_STR("database", client->database_name),
			  LF_STR("peer", client->peer.text));
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client_reset_relay(client);
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
			client_fail_server(client, "unexpected message at login");
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
