/*-------------------------------------------------------------------------
 *
 * context.c
 *	  What the sessions of a worker share, and the clocks that watch them.
 *
 * Two timers serve all sessions: the sweep looks at every client's deadlines
 * a few times a second, and takes the view that nobody was woken for; the
 * patience timer runs only while units wait for a replica, whose deadlines are
 * milliseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "session/context.h"

#include "base/clock.h"
#include "session/client_internal.h"

#define SWEEP_INTERVAL_US (200 * US_PER_MS)
#define PATIENCE_INTERVAL_US (2 * US_PER_MS)

static void context_on_sweep(void *arg);
static void context_on_patience(void *arg);
static void sweep_client(Client *client, uint64_t now_us);
static void fail_idle(Client *client);
static bool sweep_stalled(Client *client, uint64_t now_us);
static void configure_auth_query(SessionContext *context);
static bool is_past(uint64_t since_us, uint64_t limit_us, uint64_t now_us);
static bool wait_is_over(Client *client, uint64_t now_us);
static void plan_waiting_again(SessionContext *context);

void
session_context_init(SessionContext *context)
{
	list_init(&context->clients);
	list_init(&context->waiting);
	list_init(&context->databases);
	list_init(&context->accounts);
	context->sweep = loop_timer_create(context->loop, context_on_sweep, context);
	context->patience = loop_timer_create(context->loop, context_on_patience, context);
	loop_timer_start(context->sweep, SWEEP_INTERVAL_US);
	configure_auth_query(context);
}

void
session_context_fini(SessionContext *context)
{
	LIST_FOREACH(client_node, &context->clients)
		client_fail_shutdown(list_entry(client_node, Client, node));
	account_free_all(context);
	loop_timer_destroy(context->sweep);
	loop_timer_destroy(context->patience);
	topology_view_unref(context->view);
	view_slot_fini(&context->views);
	user_table_unref(context->users);
	hba_unref(context->hba);
	names_release(&context->disabled);
}

void
session_context_set_view(SessionContext *context, TopologyView *view)
{
	topology_view_unref(context->view);
	context->view = view;		/* a unit that is planned below may exchange it */
	context->acted_view = view->number;
	pool_set_view(context->pools, context->view);
	if (context->auth_query)
		auth_query_set_view(context->auth_query, context->view);
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->replication && (client->state == CLIENT_WELCOME || client->state == CLIENT_REPLICATING))
			replication_on_view(client);
	}
	plan_waiting_again(context);
	if (list_is_empty(&context->waiting) && (context->auth_query == NULL || !auth_query_is_starved(context->auth_query)))
		view_slot_await_no_more(&context->views);
}

/* One that was published while somebody decided to wait is acted on in the next turn: nobody is woken for it. */
void
session_context_await_view(void *arg)
{
	SessionContext *context = arg;

	if (view_slot_await(&context->views))
		loop_post(context->loop, session_context_take_view, context);
}

void
session_context_take_view(void *arg)
{
	SessionContext *context = arg;
	TopologyView *view = view_slot_take(&context->views);

	/* one that somebody has looked at is news to the others */
	if (view == NULL && context->view->number != context->acted_view)
		view = topology_view_ref(context->view);
	if (view != NULL)
		session_context_set_view(context, view);
}

void
session_context_set_facts(SessionContext *context, Facts *facts)
{
	LIST_FOREACH(node, &context->databases)
	{
		Database   *database = list_entry(node, Database, node);

		if (strcmp(database->server_name, facts_database(facts)) == 0)
			statement_cache_set_facts(database->statements, facts);
	}
	LIST_FOREACH(node, &context->accounts)
	{
		Account    *account = list_entry(node, Account, node);

		if (strcmp(account->database->server_name, facts_database(facts)) == 0)
			account->is_serializable = false;
	}
	facts_unref(facts);
}

void
session_context_set_auth(SessionContext *context, UserTable *users, Hba *hba)
{
	user_table_unref(context->users);
	hba_unref(context->hba);
	context->users = users;
	context->hba = hba;
	configure_auth_query(context);
	account_configure_all(context);
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->account)
			client_find_rule(client);
	}
}

/* auth_user's own password is in auth_file, if it needs one. */
static void
configure_auth_query(SessionContext *context)
{
	const SessionConfig *config = &context->config;
	const User *user;

	if (context->auth_query == NULL)
		return;
	user = context->users ? user_table_find(context->users, slice_from_string(config->auth_user)) : NULL;
	auth_query_configure(context->auth_query, &(AuthQueryConfig) {
						 .user = config->auth_user,
						 .password = user && user->kind != SECRET_NONE ? user->secret : NULL,
						 .query = config->auth_query,
						 .keep_us = config->auth_query_keep_us,
						 .timeout_us = config->client_login_timeout_us,
						 });
}

void
session_context_drain(SessionContext *context)
{
	context->draining = true;
	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (client->state == CLIENT_STARTUP || client->state == CLIENT_AUTH ||
			client->state == CLIENT_WELCOME || client->state == CLIENT_REPLICATING || client->is_console ||
			(client->state == CLIENT_READY && client->transaction.status == 'I'))
			client_fail_shutdown(client);
	}
}

bool
session_context_is_drained(const SessionContext *context)
{
	LIST_FOREACH(node, &context->clients)
	{
		if (!list_entry(node, Client, node)->is_console)
			return false;		/* an operator who watches is not waited for */
	}
	return stream_flushing_count(context->loop) == 0;
}

void
session_context_kill(SessionContext *context, const char *server_database)
{
	const SessionConfig *config = &context->config;

	LIST_FOREACH(node, &context->clients)
	{
		Client	   *client = list_entry(node, Client, node);
		const char *name = client->account ? client->account->database->server_name :
			client->database_name ? config->find_database(config->databases, client->database_name) : NULL;

		if (client->is_console || client->is_cancel)
			continue;
		if (server_database == NULL || (name && strcmp(name, server_database) == 0))
			client_fail_killed(client, "KILL");
	}
}

static void
context_on_sweep(void *arg)
{
	SessionContext *context = arg;
	uint64_t	now_us = clock_now_us();

	session_context_take_view(context);
	LIST_FOREACH(node, &context->clients)
		sweep_client(list_entry(node, Client, node), now_us);
	account_sweep(context);
	traffic_sweep(context, now_us);
	loop_timer_start(context->sweep, SWEEP_INTERVAL_US);
}

/* It may hold a server, which waits with it. */
static bool
sweep_stalled(Client *client, uint64_t now_us)
{
	StreamStats stats;
	Error		error = {0};

	if (!stream_is_full(client->stream))
	{
		client->taken_us = now_us;
		return false;
	}
	stream_stats(client->stream, &stats);
	if (stats.sent_bytes != client->taken_bytes)
	{
		client->taken_bytes = stats.sent_bytes;
		client->taken_us = now_us;
	}
	if (!is_past(client->taken_us, client->context->config.client_write_timeout_us, now_us))
		return false;
	error_set(&error, SQLSTATE_CONNECTION_FAILURE, "terminating connection: the client does not read");
	error_set_hint(&error, "The router's client_write_timeout has passed.");
	client_fail(client, &error);
	return true;
}

static void
sweep_client(Client *client, uint64_t now_us)
{
	const SessionConfig *config = &client->context->config;
	Error		error = {0};

	if (sweep_stalled(client, now_us))
		return;
	switch (client->state)
	{
		case CLIENT_STARTUP:
		case CLIENT_AUTH:
		case CLIENT_WELCOME:
			if (!is_past(client->connected_us, config->client_login_timeout_us, now_us))
				return;
			if (client->state == CLIENT_WELCOME || client->login.lookup.lookup)
				error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "no server answered within client_login_timeout");
			else
				error_set(&error, SQLSTATE_PROTOCOL_VIOLATION, "login took longer than client_login_timeout");
			client_fail(client, &error);
			break;
		case CLIENT_RUNNING:
			if (client->relay.timed_out ||
				!is_past(client->relay.begun_us, config->query_timeout_us, now_us))
				return;
			client->relay.timed_out = true;
			relay_cancel(client);
			break;
		case CLIENT_READY:
			if (client_fail_retired(client))
				return;
			if (client->transaction.status == 'I')
			{
				if (!client->is_console && is_past(client->state_since_us, config->client_idle_timeout_us, now_us))
					fail_idle(client);
				return;
			}
			if (!is_past(client->state_since_us, config->idle_transaction_timeout_us, now_us))
				return;
			error_set(&error, "25P03", "terminating connection due to idle-in-transaction timeout");
			error_set_hint(&error, "The router's idle_transaction_timeout has passed.");
			client_fail(client, &error);
			break;
		default:
			break;
	}
}

/* As PostgreSQL words its idle_session_timeout. */
static void
fail_idle(Client *client)
{
	Error		error = {0};

	error_set(&error, "57P05", "terminating connection due to idle-session timeout");
	error_set_hint(&error, "The router's client_idle_timeout has passed.");
	client_fail(client, &error);
}

static bool
is_past(uint64_t since_us, uint64_t limit_us, uint64_t now_us)
{
	return limit_us != 0 && now_us > since_us && now_us - since_us > limit_us;
}

/* Patience of waiting units is counted in milliseconds. */
static void
context_on_patience(void *arg)
{
	SessionContext *context = arg;
	uint64_t	now_us = clock_now_us();

	for (size_t n = context->waiting.count; n > 0 && !list_is_empty(&context->waiting); n--)
	{
		Client	   *client = list_entry(list_pop_head(&context->waiting), Client, waiting_node);

		if (wait_is_over(client, now_us))
			relay_plan_again(client);
		else
			list_push_tail(&context->waiting, &client->waiting_node);
	}
	if (!list_is_empty(&context->waiting))
		loop_timer_start(context->patience, PATIENCE_INTERVAL_US);
}

/* Who waits for a place among the reads on the primary has it then: nobody is planned in vain. */
static bool
wait_is_over(Client *client, uint64_t now_us)
{
	const SessionConfig *config = &client->context->config;
	uint64_t	waited_us = now_us - client->relay.waiting_since_us;

	if (client->state != CLIENT_WAIT_VIEW)
		return false;
	return (client->relay.awaits_fallback && relay_admit_fallback(client)) ||
		(!client->relay.patience_over && waited_us >= config->replica_wait_us) ||
		(config->query_wait_timeout_us != 0 && waited_us >= config->query_wait_timeout_us);
}

/* Each of those who wait now decides again; it may begin to wait again. */
static void
plan_waiting_again(SessionContext *context)
{
	for (size_t n = context->waiting.count; n > 0 && !list_is_empty(&context->waiting); n--)
	{
		Client	   *client = list_entry(list_pop_head(&context->waiting), Client, waiting_node);

		if (client->state == CLIENT_WELCOME)
			client_welcome_again(client);
		else
			relay_plan_again(client);
	}
}

