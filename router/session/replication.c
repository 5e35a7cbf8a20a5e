/*-------------------------------------------------------------------------
 *
 * replication.c
 *	  Replication connections: a server of the client's own, and bytes in both
 *	  directions.
 *
 *	  startup packet with replication=... -> proven who it is (client_login.c)
 *	  -> the primary (or wait for one) -> a login there as the client, with what
 *	  the client asked for -> what the server reports, our cancel key,
 *	  ReadyForQuery -> bytes pass until one of the two goes
 *
 * A walsender speaks a language of its own and keeps state, so nothing is
 * pooled and nothing looked into but where messages end: an error of the
 * router's must not stand in the middle of one.  Physical replication is of no
 * database; logical replication is of one, as for other clients.
 *
 * It ends when its node is no longer the primary, and when the router drains:
 * receivers connect again.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <strings.h>

#include "backend/dedicated.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

#define MODE_DATABASE "database"
#define NO_DATABASE "replication"	/* what pg_hba.conf and receivers call it */

static bool parse_mode(Slice value, ReplicationMode *mode);
static void note_params(Client *client, const Startup *startup);
static bool passes_on(Slice name);
static void note_application(Client *client, const Startup *startup);
static void replication_begin(Client *client, int node);
static void on_ready(void *owner);
static void on_failed(void *owner, const Error *error);
static size_t on_server_data(void *owner, Slice data);
static void on_server_drained(void *owner);
static void on_server_lost(void *owner, const char *why);
static bool count_whole(Client *client, Slice data, size_t *used);

static const DedicatedEvents replication_events = {
	.on_ready = on_ready,
	.on_failed = on_failed,
	.server = {
		.on_data = on_server_data,
		.on_drained = on_server_drained,
		.on_lost = on_server_lost,
	},
};

struct Replication
{
	Buf			params;			/* of the startup packet, what is passed on: strings, names and values */
	int			nparams;
	char	   *secret;			/* owned, wiped; what the servers are shown; NULL: nothing */
	Dedicated  *dedicated;		/* owned; NULL: none yet */
};

/* ---------------------------------------------------------------- before the login */

bool
replication_note_startup(Client *client, const Startup *startup)
{
	Slice		value = startup_find_param(startup, "replication");
	Error		error = {0};

	if (value.data == NULL)
		return true;
	if (!parse_mode(value, &client->replication_mode))
	{
		error_set(&error, "22023", "invalid value for parameter \"replication\": \"%.*s\"",
				  (int) value.len, value.data);
		error_set_hint(&error, "Valid values are: \"false\", 0, \"true\", 1, \"database\".");
		client_fail(client, &error);
		return false;
	}
	if (client->replication_mode == REPLICATION_NO)
		return true;
	client->replication = mem_alloc(sizeof(Replication));
	note_params(client, startup);
	note_application(client, startup);
	return true;
}

/* The values PostgreSQL takes: "database", or what a boolean may be given as. */
static bool
parse_mode(Slice value, ReplicationMode *mode)
{
	static const struct
	{
		const char *word;
		size_t		least;		/* as short as that it is known */
		ReplicationMode mode;
	}			words[] = {
		{"true", 1, REPLICATION_PHYSICAL}, {"yes", 1, REPLICATION_PHYSICAL}, {"on", 2, REPLICATION_PHYSICAL},
		{"1", 1, REPLICATION_PHYSICAL}, {"false", 1, REPLICATION_NO}, {"no", 1, REPLICATION_NO},
		{"off", 2, REPLICATION_NO}, {"0", 1, REPLICATION_NO},
	};

	if (slice_equals_string(value, MODE_DATABASE))
	{
		*mode = REPLICATION_LOGICAL;
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (value.len < words[i].least || value.len > strlen(words[i].word) ||
			strncasecmp(words[i].word, value.data, value.len) != 0)
			continue;
		*mode = words[i].mode;
		return true;
	}
	return false;
}

/* They are the server's to judge, as in a session without the router. */
static void
note_params(Client *client, const Startup *startup)
{
	Replication *replication = client->replication;

	for (int i = 0; i < startup->nparams; i++)
	{
		Slice		name = startup->params[i].name;
		Slice		value = startup->params[i].value;

		if (!passes_on(name))
			continue;
		buf_append(&replication->params, slice_make(name.data, name.len + 1));
		buf_append(&replication->params, slice_make(value.data, value.len + 1));
		replication->nparams++;
	}
}

static bool
passes_on(Slice name)
{
	return !slice_equals_string(name, "user") && !slice_equals_string(name, "database") &&
		!slice_equals_string(name, "replication") && !(name.len >= 5 && memcmp(name.data, "_pq_.", 5) == 0);
}

/* For SHOW CLIENTS. */
static void
note_application(Client *client, const Startup *startup)
{
	Slice		application = startup_find_param(startup, "application_name");
	Settings   *empty = settings_empty(client->context->settings);

	if (application.data)
		client->settings = settings_with(empty, slice_from_string("application_name"), application);
	else
		client->settings = settings_ref(empty);
	settings_unref(empty);
}

/* ---------------------------------------------------------------- the login */

void
replication_login(Client *client, const char *secret)
{
	client->replication->secret = secret ? mem_strdup(secret) : NULL;
	client_set_state(client, CLIENT_WELCOME);
	replication_on_view(client);
}

void
replication_on_view(Client *client)
{
	SessionContext *context = client->context;
	Replication *replication = client->replication;
	int			primary = context->view->primary;
	Error		error = {0};

	if (replication->dedicated == NULL)
	{
		if (primary >= 0)
			replication_begin(client, primary);
		return;
	}
	if (primary < 0 || primary == server_node(dedicated_server(replication->dedicated)))
		return;
	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection: another node has become the primary");
	client_fail(client, &error);
}

static void
replication_begin(Client *client, int node)
{
	Replication *replication = client->replication;
	bool		is_logical = client->replication_mode == REPLICATION_LOGICAL;
	const char *database = is_logical ? client->account->database->server_name : NO_DATABASE;
	const char *user = is_logical ? client->account->server_user : client->user;
	const char *startup[2 * STARTUP_MAX_PARAMS + 7] = {
		"user", user, "database", database, "replication", is_logical ? MODE_DATABASE : "true",
	};
	const char *at = buf_slice(&replication->params).data;

	for (int i = 0; i < 2 * replication->nparams; i++)
	{
		startup[6 + i] = at;
		at += strlen(at) + 1;
	}
	replication->dedicated = dedicated_create(client->context->pools, &(DedicatedPlan) {
											  .node = node,
											  .database = database,
											  .user = user,
											  .password = replication->secret,
											  .startup = startup,
											  }, &replication_events, client);
}

/* It goes on as if the client had connected there itself, but for the cancel key. */
static void
on_ready(void *owner)
{
	Client	   *client = owner;
	Server	   *server = dedicated_server(client->replication->dedicated);
	Buf			out = BUF_INIT;

	for (int i = 0; i < server_parameter_count(server); i++)
	{
		const char *name;
		const char *value;

		server_parameter_item(server, i, &name, &value);
		build_parameter_status(&out, slice_from_string(name), slice_from_string(value));
	}
	build_backend_key(&out, client->key_pid, slice_make(client->key, (size_t) client->key_len));
	build_ready(&out, 'I');
	client->context->stats.logins++;
	LOG_INFO("replication_started", LF_STR("user", client->user), LF_STR("database", client->database_name),
			 LF_STR("peer", client->peer.text), LF_INT("node", server_node(server)));
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client_set_state(client, CLIENT_REPLICATING);

	/* what the client sent meanwhile is looked at again */
	stream_pause(client->stream);
	stream_resume(client->stream);
}

static void
on_failed(void *owner, const Error *error)
{
	client_fail(owner, error);
}

/* ---------------------------------------------------------------- bytes */

size_t
replication_on_data(Client *client, Slice data)
{
	Stream	   *there = server_stream(dedicated_server(client->replication->dedicated));

	stream_write(there, data);
	if (stream_is_full(there))
		stream_pause(client->stream);	/* on_server_drained() resumes it */
	return data.len;
}

void
replication_on_drained(Client *client)
{
	Stream	   *there = server_stream(dedicated_server(client->replication->dedicated));

	if (stream_is_paused(there))
		stream_resume(there);
}

static void
on_server_drained(void *owner)
{
	Client	   *client = owner;

	if (stream_is_paused(client->stream))
		stream_resume(client->stream);
}

static size_t
on_server_data(void *owner, Slice data)
{
	Client	   *client = owner;
	Server	   *server = dedicated_server(client->replication->dedicated);
	size_t		used;

	if (!count_whole(client, data, &used))
	{
		LOG_ERROR("server_protocol_violation", LF_STR("user", client->user), LF_STR("what", "invalid message length"),
				  LF_INT("node", server_node(server)));
		client_fail_protocol(client, "the server broke the protocol: invalid message length");
		return data.len;
	}
	client_write(client, slice_make(data.data, used));
	if (stream_is_full(client->stream))
		stream_pause(server_stream(server));	/* replication_on_drained() resumes it */
	return used;
}

/* All but the head of a message that has not come whole; notes how much of the last one is to come. */
static bool
count_whole(Client *client, Slice data, size_t *used)
{
	size_t	   *left = &client->relay.pass_left;
	FrameStatus status;
	size_t		step;
	Frame		frame;

	for (*used = 0; *used < data.len;)
	{
		if (*left == 0)
		{
			status = frame_peek(slice_skip(data, *used), &frame);
			if (status != FRAME_OK)
				return status == FRAME_PARTIAL;
			*left = frame.total_len;
		}
		step = *left < data.len - *used ? *left : data.len - *used;
		*used += step;
		*left -= step;
	}
	return true;
}

/* What there was to say the server has said itself. */
static void
on_server_lost(void *owner, const char *why)
{
	Client	   *client = owner;

	LOG_INFO("replication_ended", LF_STR("user", client->user), LF_STR("database", client->database_name),
			 LF_STR("peer", client->peer.text), LF_STR("reason", why));
	client_close(client);
}

/* ---------------------------------------------------------------- the end */

int
replication_node(const Client *client)
{
	const Replication *replication = client->replication;

	return replication && replication->dedicated ? server_node(dedicated_server(replication->dedicated)) : -1;
}

void
replication_cancel(Client *client)
{
	dedicated_cancel(client->replication->dedicated);
}

void
replication_end(Client *client)
{
	Replication *replication = client->replication;

	if (replication == NULL)
		return;
	dedicated_destroy(replication->dedicated);
	if (replication->secret)
		explicit_bzero(replication->secret, strlen(replication->secret));
	mem_free(replication->secret);
	buf_release(&replication->params);
	mem_free(replication);
	client->replication = NULL;
}
