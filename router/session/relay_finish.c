/*-------------------------------------------------------------------------
 *
 * relay_finish.c
 *	  Ends a unit: answered, to be run again, or with its server lost.
 *
 *	  all is answered, and
 *		the client is in the middle of a message -> the rest of it is taken first
 *		a cancel request is under way			 -> it is waited for: it is not to hit
 *													what runs there next
 *		the commit's position is not known		 -> it is asked for
 *		state that pins it may be gone			 -> its server is asked what is left
 *		a RESET left the server's own defaults	 -> it is given the session's
 *		else									 -> ReadyForQuery; what the unit did is
 *													noted; the server is given back
 *
 * A lost server ends a unit that may have had an effect with 08007, a
 * statement inside a transaction with 08006; nothing is sent twice:
 *
 *	  replies held				   -> run again on another node
 *	  only the position is missing -> ReadyForQuery; the floor waits for a sample
 *	  pinned, session pooling	   -> FATAL 08006: its state is gone
 *	  unit under way			   -> ERROR; the transaction is lost (transaction.c)
 *	  between units				   -> the transaction is lost; the next unit is told 08006,
 *									  COMMIT too: it must not be taken for one
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/build.h"

static size_t relay_on_data(void *owner, Slice data);
static void relay_on_drained(void *owner);
static void relay_on_lost(void *owner, const char *why);
static void relay_on_cancel_done(void *owner);
static void unit_note_settings(Client *client);
static bool has_reset(const Client *client);
static void unit_finish(Client *client);
static void unit_note_position(Client *client, char tx_status, uint64_t now_us);
static bool unit_may_pin(const Client *client);
static void unit_note_ddl(Client *client, char tx_status);
static void unit_note_state(Client *client);
static bool wants_state(const Client *client);
static void unit_note_pins_left(Client *client);
static void unit_count(Client *client, uint64_t now_us);
static void count_traffic(Client *client, uint64_t now_us);
static void unit_rerun(Client *client);
static void lose_server(Client *client, const char *why);
static bool lost_is_fatal(const Client *client);
static void fail_lost_session(Client *client, const char *why);
static void fail_lost_unit(Client *client, const char *why);
static bool lost_may_have_effect(const Client *client);
static void lost_end_transaction(Client *client);

const ServerEvents relay_server_events = {
	.on_data = relay_on_data,
	.on_drained = relay_on_drained,
	.on_lost = relay_on_lost,
	.on_cancel_done = relay_on_cancel_done,
};

void
relay_maybe_finish(Client *client)
{
	Relay	   *relay = &client->relay;

	if (!relay->is_answered || relay->feed_left > 0 || server_is_being_cancelled(client->server))
		return;
	if (relay->rerun == RERUN_NO && relay_wants_position(client) && !relay->position_asked &&
		server_tx_status(client->server) == 'I')
	{
		relay->is_answered = false;
		relay_send_position_query(client);
		return;
	}
	unit_note_settings(client);
	if (relay->rerun == RERUN_NO)
		unit_note_state(client);
	if (relay->rerun == RERUN_NO && wants_state(client))
	{
		relay->is_answered = false;
		relay_send_state_query(client);
		return;
	}
	if (has_reset(client) && relay_send_settings(client))
	{
		relay->is_answered = false;
		relay->tells_settings = true;
		return;
	}
	unit_finish(client);
}

static size_t
relay_on_data(void *owner, Slice data)
{
	Client	   *client = owner;
	Server	   *server = client->server;
	Stream	   *stream = client->stream;
	size_t		used = 0;
	size_t		step;

	stream_cork(stream);
	do
	{
		step = relay_take_replies(client, slice_skip(data, used));
		used += step;
		if (client->state == CLIENT_RUNNING && client->relay.is_checking && inflight_is_empty(&client->relay.inflight))
			relay_continue(client);
		if (client->state == CLIENT_RUNNING)
			relay_maybe_finish(client);
	} while (step > 0 && used < data.len && client->server == server && client->state != CLIENT_CLOSING);
	if (client->state == CLIENT_CLOSING)
		return data.len;
	if (client->server == server && client->state == CLIENT_RUNNING)
	{
		relay_send_locals(client);
		relay_settle_sync(client);
		relay_settle_copy(client);
	}
	stream_uncork(stream);
	if (client->server == server && stream_is_full(stream))
		stream_pause(server_stream(server));	/* client_on_drained resumes it */
	return used;
}

/* The server takes bytes again: so may the client be read. */
static void
relay_on_drained(void *owner)
{
	Client	   *client = owner;

	if (client->stream && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

static void
relay_on_cancel_done(void *owner)
{
	Client	   *client = owner;

	if (client->state == CLIENT_RUNNING)
		relay_maybe_finish(client);
}

/* An error behind SET in the same unit has rolled it back, too. */
static void
unit_note_settings(Client *client)
{
	Relay	   *relay = &client->relay;

	if (relay->settings_due && !relay->saw_error)
	{
		transaction_apply_settings(client, relay->new_settings, relay->new_server_settings);
		if (relay->resets_route)
			client_reset_route(client);
	}
	relay->settings_due = false;
}

/*
 * RESET and DISCARD ALL went back to the server's defaults; the session's are
 * those of its startup packet.  The client is told of both.
 */
static bool
has_reset(const Client *client)
{
	StatementKind kind = client->relay.summary.kind;

	return (kind == STATEMENT_RESET || kind == STATEMENT_DISCARD_ALL ||
			(client->relay.summary.flags & STATEMENT_RESETS_ALL)) && !client->relay.saw_error;
}

/*
 * The unit is answered and its settings and state are noted: by
 * relay_maybe_finish(), and by lose_server() where no more can come.
 */
static void
unit_finish(Client *client)
{
	Relay	   *relay = &client->relay;
	char		tx_status = server_tx_status(client->server);
	uint64_t	now_us;

	if (relay->rerun != RERUN_NO)
	{
		client->context->stats.held_reruns++;
		unit_rerun(client);
		return;
	}
	if (relay->is_holding)
		relay_release_held(client);
	now_us = clock_now_us();
	unit_note_position(client, tx_status, now_us);	/* others must see the commit before its client knows of it */
	if (relay->ready_due)
	{
		char		message[BUILD_READY_SIZE];

		reported_tell(client);
		client_write(client, build_ready_in(message, transaction_status_after(client, tx_status)));
	}
	unit_note_ddl(client, tx_status);
	if (relay->state_answered)
		unit_note_pins_left(client);
	unit_count(client, now_us);
	transaction_follow(client, tx_status);
	if (tx_status == 'I' && client->pin_reason == NULL &&
		client->account->pool_mode == POOL_MODE_TRANSACTION)
		client_release_server(client, false);
	else if (stream_is_paused(server_stream(client->server)))
		stream_resume(server_stream(client->server));
	client_unit_done(client);
}

static void
unit_note_position(Client *client, char tx_status, uint64_t now_us)
{
	Relay	   *relay = &client->relay;
	const UnitSummary *summary = &relay->summary;
	const NodeIdentity *identity = server_identity(client->server);
	Lsn			lsn = relay->commit_lsn > relay->asked_lsn ? relay->commit_lsn : relay->asked_lsn;

	/* a unit that goes on after its commit may have read beyond it; not beyond what was asked behind it */
	bool		covers = relay->asked_lsn != 0 ||
		(!(summary->flags & STATEMENT_HAS_TRANSACTION) && summary->kind != STATEMENT_MULTI);

	if (lsn != 0 && client->context->config.consistency == CONSISTENCY_GLOBAL)
		global_floor_raise(client->account->database->floor, lsn, identity->timeline);
	if (lsn != 0 && covers && tx_status == 'I')
	{
		position_note_commit(&client->position, relay->node, identity, lsn);
		return;
	}
	if (lsn != 0)
		position_raise(&client->position, lsn, identity->timeline);
	if (!summary->only_prepares)
		position_note_read(&client->position, relay->node, identity, now_us);
}

/* What the session has changed in the catalog it must see changed. */
static void
unit_note_ddl(Client *client, char tx_status)
{
	client->ran_ddl |= (client->relay.summary.flags & STATEMENT_IS_DDL) != 0;
	if (!client->ran_ddl || tx_status != 'I')
		return;
	client->ran_ddl = false;
	client->ddl_lsn = client->position.floor;
	client->context->hooks.ask_facts(client->context->hooks.arg, client->account->database->server_name,
									 FACTS_AFTER_DDL);
}

/*
 * State that cannot be followed pins the session.  A statement that failed
 * has left nothing the client counts on; but whatever it did leave is nobody
 * else's.
 */
static void
unit_note_state(Client *client)
{
	Relay	   *relay = &client->relay;
	Transaction *transaction = &client->transaction;
	const UnitSummary *summary = &relay->summary;
	char		tx_status = server_tx_status(client->server);
	bool		committed;

	if (relay->state_noted)
		return;
	relay->state_noted = true;
	committed = relay->says_commit && !relay->saw_error;

	/* made under settings of this transaction alone: not to be used by others */
	if (transaction->sets_meaning && relay->parsed_there)
		client->needs_reset = true;
	if (summary->pin_reason && !relay->error_refused)
	{
		if (!unit_may_pin(client))
			client->needs_reset = true;
		else
		{
			client->pins |= summary->pins;
			transaction->has_pins |= tx_status != 'I' || transaction->status != 'I';
			if (!client->pin_reason)
				client->pin_reason = summary->pin_reason;
		}
	}
	client->pins_due |= (summary->flags & STATEMENT_ENDS_STATE) || (relay->saw_error && summary->pin_reason) ||
		(tx_status == 'I' && transaction->has_pins && !committed);
	if (client->pins == 0)
		client->pins_due = false;
}

static bool
unit_may_pin(const Client *client)
{
	const Relay *relay = &client->relay;
	const UnitSummary *summary = &relay->summary;

	if (relay->saw_error && summary->statements == 1 && summary->kind != STATEMENT_MULTI &&
		!prepared_map_has_placed(client->prepared))
		return false;
	return client->context->config.pin_sessions == PIN_SESSIONS_ALLOW || summary->pins != PIN_UNREAD;
}

static bool
wants_state(const Client *client)
{
	return client->pins_due && !client->relay.state_asked && pins_can_be_asked(client->pins) &&
		server_tx_status(client->server) == 'I' &&
		client->account->pool_mode == POOL_MODE_TRANSACTION;
}

/* The next one gets the server after a reset all the same. */
static void
unit_note_pins_left(Client *client)
{
	unsigned	left = client->pins & client->relay.pins_left;

	client->pins_due = false;
	if (left == client->pins)
		return;
	client->pins = left;
	client->pin_reason = pins_name(left);
	client->needs_reset = true;
}

static void
unit_count(Client *client, uint64_t now_us)
{
	SessionStats *stats = &client->context->stats;
	Relay	   *relay = &client->relay;
	RouteCounters *counters = &client->account->counters[relay->node];
	bool		is_read = (relay->summary.flags & STATEMENT_IS_READ) != 0;
	uint64_t	took_us = now_us - relay->begun_us;

	count_traffic(client, now_us);
	if (relay->summary.only_prepares)
		return;
	if (is_read)
		counters->reads++;
	else
		counters->writes++;
	histogram_add(!is_read ? &stats->write :
				  server_is_replica(client->server) ? &stats->read_replica : &stats->read_primary, took_us);
	stats->transactions += server_tx_status(client->server) == 'I';
}

/* A transaction of which nothing but its preparations was sent has not begun. */
static void
count_traffic(Client *client, uint64_t now_us)
{
	const Relay *relay = &client->relay;
	Traffic    *traffic = &client->account->database->traffic.now;

	traffic->queries++;
	traffic->query_us += now_us - relay->started_us;
	if (relay->outside_transaction || server_tx_status(client->server) != 'I')
		return;
	traffic->transactions++;
	traffic->transaction_us += now_us - client->transaction_since_us;
}

/* Plan the unit again, as if nothing of it had been sent. */
static void
unit_rerun(Client *client)
{
	Relay	   *relay = &client->relay;
	bool		is_usable = inflight_is_empty(&relay->inflight);
	bool		is_here = relay->rerun == RERUN_HERE;

	if (!is_here)
	{
		/* a deferred BEGIN went with it: that transaction is to be rolled back */
		client->needs_reset |= server_tx_status(client->server) != 'I';
		client_release_server(client, !is_usable);
	}

	if (relay->rerun == RERUN_OTHER_NODE)
		relay->excluded |= UINT64_C(1) << relay->node;
	else
		relay->to_primary = true;
	prepared_log_undo(&relay->names, client->prepared, 0);
	inflight_clear(&relay->inflight);
	buf_release(&relay->held);
	mem_free(relay->fatal_text);
	mem_free(relay->error_refused);
	relay->fatal_text = NULL;
	relay->error_refused = NULL;
	relay->rerun = RERUN_NO;
	relay->saw_error = relay->ready_due = relay->is_answered = false;
	relay->is_holding = relay->holds_plan = relay->position_asked = false;
	relay->commit_lsn = relay->asked_lsn = 0;
	relay->unnamed_there = relay->owes_sync = relay->awaits_copy = relay->has_executed = relay->parsed_there = false;
	relay->is_checking = false;
	relay->binds = 0;
	describe_log_clear(&relay->describes);
	relay->pass_left = 0;
	relay->waiting_since_us = clock_now_us();
	if (is_here)
		relay_start(client, client->server);
	else
		relay_plan_again(client);
}

/* ---------------------------------------------------------------- lost */

/* The server's last words say why, if it had any; the unit they were kept with may end on the way. */
static void
relay_on_lost(void *owner, const char *why)
{
	Client	   *client = owner;
	char	   *fatal_text = client->relay.fatal_text;

	client->relay.fatal_text = NULL;
	lose_server(client, fatal_text ? fatal_text : why);
	mem_free(fatal_text);
}

static void
lose_server(Client *client, const char *why)
{
	Relay	   *relay = &client->relay;
	Server	   *server = client->server;
	int			node = server_node(server);
	bool		is_running = client->state == CLIENT_RUNNING;

	client->context->hooks.report_suspicion(client->context->hooks.arg, node);
	LOG_WARN("server_lost", LF_STR("node", client->context->view->nodes[node].name),
			 LF_STR("user", client->user), LF_STR("reason", why));
	if (is_running && relay->rerun == RERUN_HERE && !lost_is_fatal(client))
	{
		relay->rerun = RERUN_PRIMARY;
		unit_rerun(client);
		return;
	}
	if (is_running && relay_may_rerun(client))
	{
		if (relay->rerun == RERUN_NO)
			relay->rerun = RERUN_OTHER_NODE;
		unit_rerun(client);
		return;
	}

	/* what was shown, or committed, is at that node up to now */
	if (is_running && !relay->summary.only_prepares)
		position_note_read(&client->position, node, server_identity(server), clock_now_us());
	if (is_running && relay->ready_due && relay->rerun != RERUN_HERE)
	{
		client->drop_left = relay->feed_left;
		if (relay->rerun == RERUN_NO)
		{
			unit_note_settings(client);
			unit_note_state(client);
		}
		unit_finish(client);
		is_running = false;
	}
	if (client->state == CLIENT_CLOSING || client->server != server)
		return;
	if (lost_is_fatal(client))
		fail_lost_session(client, why);
	else if (is_running)
		fail_lost_unit(client, why);
	else
	{
		client_release_server(client, true);
		client->transaction.loss_untold = client->transaction.status == 'T';
		transaction_lose(&client->transaction);
	}
}

static bool
lost_is_fatal(const Client *client)
{
	return client->pin_reason || client->relay.pass_left > 0 ||
		client->account->pool_mode == POOL_MODE_SESSION;
}

static void
fail_lost_session(Client *client, const char *why)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_CONNECTION_FAILURE, "the connection to the server was lost");
	error_set_detail(&error, "%s", why);
	client_release_server(client, true);
	client_fail(client, &error);
}

/* The server is gone while the unit ran and its fate is not known. */
static void
fail_lost_unit(Client *client, const char *why)
{
	Relay	   *relay = &client->relay;
	bool		may_have_effect = lost_may_have_effect(client);
	Error		error = {0};
	Buf			out = BUF_INIT;

	error_set(&error, may_have_effect ? SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN : SQLSTATE_CONNECTION_FAILURE,
			  "the connection to the server was lost while it ran the statement");
	error_set_detail(&error, "%s", why);
	error_set_hint(&error, may_have_effect ? "Whether it took effect is not known: check before you send it again." :
				   client->transaction.status != 'I' ? "Send ROLLBACK and run the transaction again." : "Send it again.");
	client->context->stats.errors_raised++;
	build_error(&out, "ERROR", &error);
	client_release_server(client, true);
	lost_end_transaction(client);
	prepared_log_undo(&relay->names, client->prepared, relay->is_holding ? 0 : relay->names.answered);
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client->drop_left = relay->feed_left;
	client_end_refused(client);
	client_unit_done(client);
}

/* What had not begun to commit has no effect. */
static bool
lost_may_have_effect(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if ((summary->flags & STATEMENT_IS_READ) || summary->only_prepares)
		return false;
	switch (client->transaction.status)
	{
		case 'I':
			return summary->kind != STATEMENT_ROLLBACK;
		case 'T':
			return summary->kind == STATEMENT_COMMIT || summary->kind == STATEMENT_TWO_PHASE ||
				(summary->flags & STATEMENT_HAS_TRANSACTION) != 0;
		default:
			return false;
	}
}

/* COMMIT and ROLLBACK end it, whether the server got them or not. */
static void
lost_end_transaction(Client *client)
{
	StatementKind kind = client->relay.summary.kind;
	bool		is_end = kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK || kind == STATEMENT_TWO_PHASE;

	if (is_end && !(client->relay.summary.flags & STATEMENT_CHAIN))
		transaction_end(client, kind != STATEMENT_ROLLBACK && client->transaction.status != 'E');
	else
		transaction_lose(&client->transaction);
}
