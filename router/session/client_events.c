/*-------------------------------------------------------------------------
 *
 * client_events.c
 *	  What comes to a session from outside: it is accepted, sends bytes, reads,
 *	  goes away.
 *
 * The top of this folder: bytes go to the phase the session is in.  What a
 * session's servers say goes to relay_finish.c (client->server_events).
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "backend/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "scram/scram.h"

/* Bytes a client may send before it is let in, beyond what its login asks for. */
#define AHEAD_OF_LOGIN_MAX (16 * 1024)

#define ID_WORKER_BITS 8			/* of Client.id; those above count */

static size_t client_on_data(void *owner, Slice data);
static void client_on_drained(void *owner);
static void client_on_closed(void *owner, const char *why);
static bool client_make_key(Client *client);

static const StreamEvents client_stream_events = {
	.on_data = client_on_data,
	.on_drained = client_on_drained,
	.on_closed = client_on_closed,
};

void
client_accept(SessionContext *context, int fd, const PeerAddress *peer)
{
	Client	   *client = mem_alloc(sizeof(Client));

	client->context = context;
	client->id = ++context->next_client << ID_WORKER_BITS | (uint64_t) context->worker;
	client->peer = *peer;
	client->connected_us = client->state_since_us = loop_now_us(context->loop);
	client->state = CLIENT_STARTUP;
	client->transaction.status = 'I';
	position_init(&client->position);
	inflight_init(&client->relay.inflight);
	client->server_events = &relay_server_events;
	client->stream = stream_create(context->loop, fd, &client_stream_events, client);
	list_push_tail(&context->clients, &client->node);
	context->stats.clients++;
	if (!client_make_key(client))
		client_close(client);
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
			state == CLIENT_AUTH ? client_login_on_data(client, rest) :
			state == CLIENT_WELCOME ? 0 :
			state == CLIENT_REPLICATING ? replication_on_data(client, rest) :
			client_query_on_data(client, rest);
		if (client->state == CLIENT_CLOSING)
			return data.len;
		used += step;
	} while (step > 0 && used < data.len);

	/* what ends the wait resumes it; until then no more than this is kept */
	if (data.len - used > AHEAD_OF_LOGIN_MAX &&
		(client->state == CLIENT_WELCOME || (client->state == CLIENT_AUTH && client->login.exchange == NULL)))
		stream_pause(client->stream);
	return used;
}

/* The client reads again: so may its server be read, and what it asked meanwhile. */
static void
client_on_drained(void *owner)
{
	Client	   *client = owner;

	if (client->state == CLIENT_REPLICATING)
		replication_on_drained(client);
	if (client->server && stream_is_paused(server_stream(client->server)))
		stream_resume(server_stream(client->server));
	if (client->state == CLIENT_READY && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

static void
client_on_closed(void *owner, const char *why)
{
	Client	   *client = owner;

	if (client->state == CLIENT_STARTUP && stream_is_tls(client->stream) && strcmp(why, "end of file") != 0)
		LOG_INFO("client_tls_failed", LF_STR("peer", client->peer.text), LF_STR("reason", why));
	LOG_DEBUG("client_gone", LF_STR("user", client->user), LF_STR("peer", client->peer.text),
			  LF_STR("reason", why));
	client_close(client);
}

static bool
client_make_key(Client *client)
{
	SessionContext *context = client->context;
	struct
	{
		uint32_t	pid;
		char		key[sizeof(client->key)];
	}			random;

	if (!scram_random_bytes(&random, sizeof(random)))
		return false;
	memcpy(client->key, random.key, sizeof(client->key));
	client->key_len = CLIENT_KEY_SIZE;
	client->key_pid = cancel_pid_make(random.pid, context->generation, context->worker);
	return true;
}
