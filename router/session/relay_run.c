/*-------------------------------------------------------------------------
 *
 * relay_run.c
 *	  Sends a planned unit to its server.
 *
 *	  [settings that differ] [deferred BEGIN] [descriptions] the unit [Sync] [position query]
 *
 * All of it is gathered and leaves in one write, unless descriptions have to be
 * asked for first (relay_check.c).  What follows of a unit that is sent before
 * its end has come: relay_feed.c.
 *
 * A unit that may begin COPY FROM STDIN by the extended protocol is sent
 * without its Sync: during COPY the server would throw it away, and if the
 * COPY failed early it would not, and answer one ReadyForQuery more.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "wire/build.h"

#define BEGIN_PORTAL "andon_begin"
#define POSITION_QUERY "SELECT pg_catalog.pg_current_wal_insert_lsn()"

static NOINLINE bool send_difference(Client *client, Settings *there);
static void count_start(Client *client, bool was_held);
static NOINLINE void send_begin(Client *client);
static void send_deferred(Client *client, Slice text, int place);
static void send_unit(Client *client);
static void send_refused(Client *client);
static void send_end(Client *client);
static bool position_may_be_pipelined(const Client *client);

void
relay_start(Client *client, Server *server)
{
	Relay	   *relay = &client->relay;
	Stream	   *there = server_stream(server);
	Stream	   *back = client->stream;
	bool		was_held = client->server == server;

	/* who did not wait is sent at once */
	relay->started_us = client->state == CLIENT_READY ? relay->begun_us : clock_now_us();
	client->server = server;
	client_set_state(client, CLIENT_RUNNING);
	server_hold(server, client->server_events, client);
	histogram_add(&client->context->stats.wait, relay->started_us - relay->waiting_since_us);
	count_start(client, was_held);
	relay->node = server_node(server);
	relay->is_holding = server_is_replica(server) && !was_held && !relay->is_open;
	relay->outside_transaction = client->transaction.is_deferred && relay->summary.only_prepares;
	if (client->transaction.is_deferred && !relay->outside_transaction)
		client->transaction.on_replica = server_is_replica(server);

	stream_cork(there);
	stream_cork(back);
	if (!relay_send_settings(client))
		reported_tell(client);
	if (client->transaction.is_deferred && !relay->outside_transaction)
		send_begin(client);
	if (!relay_check_descriptions(client))
		send_unit(client);
	relay_send_locals(client);
	stream_uncork(back);
	stream_uncork(there);

	/* the rest of an open unit stayed unread while it waited for the server */
	if (relay->is_open && stream_is_paused(back))
		stream_resume(back);
}

static void
count_start(Client *client, bool was_held)
{
	const Relay *relay = &client->relay;
	Traffic    *traffic = &client->account->database->traffic.now;

	if (client->transaction.status == 'I' || client->transaction.is_deferred)
		client->transaction_since_us = relay->started_us;
	if (was_held)
		return;
	traffic->assignments++;
	traffic->wait_us += relay->started_us - relay->waiting_since_us;
}

void
relay_continue(Client *client)
{
	Relay	   *relay = &client->relay;
	Stream	   *there = server_stream(client->server);

	relay->is_checking = false;
	stream_cork(there);
	send_unit(client);
	relay_send_locals(client);
	stream_uncork(there);
	if (relay->cancel_due)
		relay_cancel(client);
}

bool
relay_send_settings(Client *client)
{
	Settings   *there = server_settings(client->server);

	return there != client->settings && server_tx_status(client->server) != 'E' && send_difference(client, there);
}

/* False: there is none. */
static bool
send_difference(Client *client, Settings *there)
{
	Buf			sql = BUF_INIT;
	Buf			out = BUF_INIT;
	bool		differs;

	settings_diff_sql(there, client->settings, &sql);
	differs = buf_len(&sql) > 0;
	if (differs)
	{
		build_query(&out, buf_slice(&sql));
		relay_to_server(client, buf_slice(&out));
		inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_SETTINGS, 0);
	}
	server_set_settings(client->server, client->settings);
	buf_release(&sql);
	buf_release(&out);
	return differs;
}

void
relay_settle_sync(Client *client)
{
	Relay	   *relay = &client->relay;

	if (!relay->owes_sync || inflight_is_empty(&relay->inflight) ||
		inflight_head(&relay->inflight)->kind != INFLIGHT_SYNC)
		return;
	relay->owes_sync = false;
	relay_send_empty(client, 'S');
}

/*
 * The unit is in the same write as the SETs in front of it: if the request hit
 * those, it would run with the settings of another session.
 */
void
relay_cancel(Client *client)
{
	Relay	   *relay = &client->relay;

	relay->cancel_asked = true;
	relay->cancel_due = relay->is_checking ||
		(!inflight_is_empty(&relay->inflight) &&
		 inflight_head(&relay->inflight)->purpose == INFLIGHT_SETTINGS);
	if (!relay->cancel_due)
		pool_cancel_query(client->server);
}

void
relay_send_position_query(Client *client)
{
	Buf			out = BUF_INIT;

	build_query(&out, slice_from_string(POSITION_QUERY));
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_POSITION, 0);
	client->relay.position_asked = true;
}

/* ---------------------------------------------------------------- the unit */

/*
 * In the extended protocol and without Sync: if it fails, so does what follows.
 * By a portal with a name, which the client does not take for its own.
 * A unit that only prepares does not begin the transaction: it would hold a
 * server before there is anything to run.
 */
static void
send_begin(Client *client)
{
	Slice		texts = buf_slice(&client->transaction.begin_texts);
	int			place = 0;

	while (texts.len > 0)
	{
		Slice		text = slice_make(texts.data, strnlen(texts.data, texts.len));

		send_deferred(client, text, place++);
		texts = slice_skip(texts, text.len + 1);
	}
}

/* A portal lasts as long as its transaction: each has its own. */
static void
send_deferred(Client *client, Slice text, int place)
{
	InFlight   *inflight = &client->relay.inflight;
	Slice		none = {"", 0};
	char		name[sizeof(BEGIN_PORTAL) + 12];
	Slice		portal;
	Buf			out = BUF_INIT;

	snprintf(name, sizeof(name), place == 0 ? BEGIN_PORTAL : BEGIN_PORTAL "_%d", place);
	portal = slice_from_string(name);
	build_parse(&out, none, text, 0, none);
	build_bind_head(&out, portal, none, 6);
	buf_append(&out, slice_make("\0\0\0\0\0\0", 6));	/* no formats, parameters, formats */
	build_execute(&out, portal, 0);
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(inflight, INFLIGHT_PARSE, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
	inflight_push(inflight, INFLIGHT_BIND, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
	inflight_push(inflight, INFLIGHT_EXECUTE, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
}

static void
send_unit(Client *client)
{
	Relay	   *relay = &client->relay;
	Slice		messages = buf_slice(&client->unit);
	Frame		frame;

	if (relay->error_refused)
	{
		send_refused(client);
		return;
	}
	relay->gathers = true;
	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		if (frame.type == 'S' && relay->summary.has_copy_in)
		{
			relay->owes_sync = true;
			inflight_push(&relay->inflight, INFLIGHT_SYNC, INFLIGHT_FORWARD, INFLIGHT_CLIENT, 0);
			relay_send_empty(client, 'H');
		}
		else
			relay_send_message(client, &frame);
		messages = slice_skip(messages, frame.total_len);
	}
	relay->gathers = false;
	relay->bound_name = slice_make(NULL, 0);
	if (relay->is_open || relay->closes_flushed)
		send_end(client);
	else if (position_may_be_pipelined(client))
		relay_send_position_query(client);
	else
		relay_pass_last(client);
	if (relay->is_open)
		buf_release(&client->unit);
}

/* The whole unit is refused: something that fails takes its place. */
static void
send_refused(Client *client)
{
	if (client->relay.summary.is_simple)
		relay_send_failing_query(client);
	else
	{
		relay_send_failing_bind(client);
		send_end(client);
	}
}

/* What makes the server answer: the client's Sync, ours, or Flush where its Sync will follow. */
static void
send_end(Client *client)
{
	const Relay *relay = &client->relay;

	if (relay->is_open)
		relay_send_empty(client, 'H');
	else if (relay->closes_flushed)
		relay_send_sync(client, INFLIGHT_SWALLOW, INFLIGHT_RESYNC);
	else
		relay_send_sync(client, INFLIGHT_FORWARD, INFLIGHT_CLIENT);
}

/*
 * Without the extension the commit's position has to be asked for.  Behind
 * the unit in the same write, unless it may turn into COPY, where the server
 * would take the query for data, or leave a transaction open, whose first
 * query it would be.
 */
static bool
position_may_be_pipelined(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if (!relay_wants_position(client) || summary->has_copy_in ||
		(summary->flags & (STATEMENT_UNPARSED | STATEMENT_HAS_TRANSACTION | STATEMENT_CHAIN)))
		return false;
	if (client->transaction.status != 'I' && summary->kind != STATEMENT_COMMIT &&
		summary->kind != STATEMENT_TWO_PHASE)
		return false;
	return summary->kind == STATEMENT_QUERY || summary->kind == STATEMENT_COMMIT ||
		summary->kind == STATEMENT_TWO_PHASE;
}

void
relay_send_state_query(Client *client)
{
	Buf			sql = BUF_INIT;
	Buf			out = BUF_INIT;

	pins_build_query(client->pins, &sql);
	build_query(&out, buf_slice(&sql));
	relay_to_server(client, buf_slice(&out));
	buf_release(&sql);
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_STATE, 0);
	client->relay.state_asked = true;
}

bool
relay_wants_position(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if ((summary->flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL)) || client->relay.error_refused ||
		!consistency_has_floor(client->context->config.consistency) || server_is_replica(client->server))
		return false;
	if (unit_looks_at_nothing(summary) && summary->kind != STATEMENT_ROLLBACK)
		return false;			/* it commits nothing, nor ends what may have */
	return !server_reports_commit_lsn(client->server) || summary->kind == STATEMENT_TWO_PHASE;
}
