/*-------------------------------------------------------------------------
 *
 * relay_plan.c
 *	  Plans a unit: which server runs it, or what it waits for.
 *
 *	  answered here?  -> done, or a token's needs are not known -> context->waiting
 *	  server held     -> sent on it (transaction, pinned session)
 *	  else            -> route_decide(): a node      -> a server of its pool, maybe after a wait
 *										 a probe     -> context->waiting, planned again on the next view
 *										 no node yet -> the same, without asking for a probe
 *
 * Patience for a replica to catch up is replica_wait, for anything at all it
 * is query_wait_timeout; both are counted from the unit's last byte, or from
 * when it turned out that it has to run again.
 *
 *	  READY -> WAIT_VIEW <-> WAIT_SERVER -> RUNNING -> (run again) -> WAIT_VIEW ...
 *				  |				  |
 *				  +- refused -----+-> READY
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/memory.h"
#include "session/params.h"

#define PATIENCE_TICK_US (2 * US_PER_MS)

static void plan_unit(Client *client);
static void refuse(Client *client, const Error *error);
static void plan_settings(Client *client);
static void plan_savepoint(Client *client);
static void plan_reset_among(Client *client);
static void plan_reset_all(Client *client);
static void plan_on_held_server(Client *client);
static bool may_run_on_replica(const Client *client);
static COLD void refuse_lost(Client *client);
static COLD bool refuse_pin(Client *client);
static COLD void refuse_cancelled(Client *client);
static COLD void refuse_query_wait(Client *client);
static COLD void refuse_replica(Client *client);
static COLD void refuse_hiding(Client *client);
static void plan_new_settings(Client *client, const StatementClass *class);
static void plan_at(Client *client, uint64_t now_us);
static void plan_decide(Client *client, uint64_t now_us, RouteDecision *decision);
static bool plan_admit_fallback(Client *client, RouteReason reason);
static void plan_use_node(Client *client, const RouteDecision *decision);
static void plan_wait_for_view(Client *client, bool wants_probe);
static void plan_on_granted(void *owner, Server *server);
static void plan_on_failed(void *owner, const Error *error);
static bool query_wait_is_over(const Client *client, uint64_t now_us);

static inline bool
is_fallback(RouteReason reason)
{
	return reason == ROUTE_FALLBACK_WAIT || reason == ROUTE_FALLBACK_UNFLUSHED ||
		reason == ROUTE_FALLBACK_NO_REPLICA;
}

void
relay_plan_unit(Client *client)
{
	view_slot_refresh(&client->context->views, &client->context->view);
	client->relay.begun_us = client->relay.waiting_since_us = loop_now_us(client->context->loop);
	plan_unit(client);
}

/* From the beginning: it has not been sent anywhere. */
static void
plan_unit(Client *client)
{
	Relay	   *relay = &client->relay;
	UnitContext context = client_unit_context(client);

	unit_summarize(buf_slice(&client->unit), &context, &relay->summary);
	if (!relay->is_open && local_answer_begin(client))
		unit_summarize(buf_slice(&client->unit), &context, &relay->summary);
	if (!relay->is_open && local_answer_unit(client))
		return;
	if (relay->awaits_token)
	{
		plan_wait_for_view(client, true);
		return;
	}

	/* after Flush the unit goes on, unless nothing has happened that it could go on with */
	if (relay->is_flushed && relay->summary.only_prepares)
		relay->closes_flushed = true;
	else if (relay->is_flushed)
		relay->is_open = true;
	if (relay->is_open)
	{
		relay->summary.only_prepares = false;
		if (relay->summary.has_session_command)
			unit_pin(&relay->summary, PIN_OTHER, "session command in a unit sent in parts");
	}

	if (client->transaction.is_lost)
	{
		refuse_lost(client);
		return;
	}
	client->transaction.sets_meaning |= (relay->summary.flags & STATEMENT_LOCAL_MEANING) != 0;
	if (relay->summary.flags & STATEMENT_NEEDS_UNKNOWN)
		client->context->hooks.ask_facts(client->context->hooks.arg, client->account->database->server_name,
										 FACTS_REFRESH);
	plan_settings(client);
	if (relay_refuses_pin(client) && refuse_pin(client))
		return;
	if (client->server)
		plan_on_held_server(client);
	else
		plan_at(client, relay->begun_us);
}

/* True: that is all; who holds a server has it fail there. */
static bool
refuse_pin(Client *client)
{
	Error		error;

	relay_refuse_pin(client);
	if (client->server)
		return false;
	error = *client->relay.error_refused;
	client_refuse_unit(client, &error);
	return true;
}

/* On the view that is there: a newer one posts to the loop (the schedule atop policy/view_slot.h). */
void
relay_plan_again(Client *client)
{
	plan_at(client, clock_now_us());
}

static void
plan_at(Client *client, uint64_t now_us)
{
	RouteDecision decision;

	if (list_node_is_linked(&client->waiting_node))
		list_remove(&client->context->waiting, &client->waiting_node);
	client->relay.awaits_fallback = false;
	if (client->relay.cancel_asked)
	{
		refuse_cancelled(client);
		return;
	}
	if (query_wait_is_over(client, now_us))
	{
		refuse_query_wait(client);
		return;
	}
	if (client->relay.awaits_token)
	{
		client->relay.awaits_token = false;
		client->relay.patience_over = now_us - client->relay.waiting_since_us >= client->context->config.replica_wait_us;
		plan_unit(client);
		return;
	}

	plan_decide(client, now_us, &decision);
	switch (decision.action)
	{
		case ROUTE_NODE:
			if (plan_admit_fallback(client, decision.reason))
				plan_use_node(client, &decision);
			else
				plan_wait_for_view(client, false);
			break;
		case ROUTE_PROBE:
			plan_wait_for_view(client, true);
			break;
		case ROUTE_WAIT:
			/* no primary: then any replica will do, also one that failed it before */
			client->relay.excluded = 0;
			plan_wait_for_view(client, false);
			break;
		case ROUTE_REFUSE:
			if (decision.reason == ROUTE_PRIMARY_HIDES)
				refuse_hiding(client);
			else
				refuse_replica(client);
			break;
	}
}

/* What the first unit after the loss is told, and what those are that follow. */
static void
refuse_lost(Client *client)
{
	const UnitSummary *summary = &client->relay.summary;
	bool		is_commit = summary->kind == STATEMENT_COMMIT && !(summary->flags & STATEMENT_CHAIN);
	Error		error = {0};

	if (!client->transaction.loss_untold)
		relay_set_in_failed_transaction(&error);
	else
	{
		error_set(&error, SQLSTATE_CONNECTION_FAILURE, "the connection to the server was lost inside the transaction");
		error_set_hint(&error, is_commit ? "It was rolled back: run the transaction again." :
					   "Send ROLLBACK and run the transaction again.");
		client->transaction.loss_untold = false;
		if (is_commit)
			transaction_end(client, false);
	}
	client_refuse_unit(client, &error);
}

/* Who holds a server has it fail there, too: the transaction is one. */
static void
refuse(Client *client, const Error *error)
{
	if (client->server == NULL)
	{
		client_refuse_unit(client, error);
		return;
	}
	client->relay.cancel_asked = false; /* nothing there is to be cancelled */
	client->relay.error_refused = mem_alloc(sizeof(Error));
	*client->relay.error_refused = *error;
	relay_start(client, client->server);
}

static void
refuse_cancelled(Client *client)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_QUERY_CANCELED, client->relay.timed_out ?
			  "canceling statement due to the router's query_timeout" :
			  "canceling statement due to user request");
	refuse(client, &error);
}

static void
refuse_query_wait(Client *client)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, client->relay.awaits_token ?
			  "the nodes did not tell within query_wait_timeout what andon.floor has to cover" :
			  "no server could take the statement within query_wait_timeout");
	error_set_hint(&error, client->context->view->primary < 0 ?
				   "There is no primary at the moment; try again." : "Try again.");
	refuse(client, &error);
}

static void
refuse_replica(Client *client)
{
	Error		error = {0};

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "no replica can serve the session now");
	error_set_hint(&error, "Replicas are away or have not caught up with what the session"
				   " has seen; try again, or SET andon.route = 'auto'.");
	client_refuse_unit(client, &error);
}

/* Nothing has been sent: the whole transaction can be run again. */
static void
refuse_hiding(Client *client)
{
	Error		error = {0};

	client->context->stats.hidden_refusals++;
	error_set(&error, SQLSTATE_SERIALIZATION_FAILURE, "the primary does not show yet what the session has read on a replica");
	error_set_detail(&error, "A commit that the replica shows still waits on the primary for a synchronous standby.");
	error_set_hint(&error, "Run the transaction again.");
	client_refuse_unit(client, &error);
}

/* SET and RESET of followed settings are followed; of others they pin. */
static void
plan_settings(Client *client)
{
	Relay	   *relay = &client->relay;
	UnitContext context;
	const StatementClass *class;
	Slice		text;
	bool		is_all;

	plan_savepoint(client);
	if (relay->summary.flags & STATEMENT_RESETS_ALL)
		plan_reset_among(client);
	if (relay->is_open || !(relay->summary.kind == STATEMENT_SET || relay->summary.kind == STATEMENT_RESET ||
							(relay->summary.flags & STATEMENT_SET_CONFIG)))
		return;
	context = client_unit_context(client);
	class = unit_sole_statement(buf_slice(&client->unit), &context, &text);
	is_all = class && class->kind == STATEMENT_RESET && strcmp(class->set_name, "all") == 0;
	if (class == NULL || !(is_all || params_is_followed(class->set_name)) ||
		settings_count(client->settings) >= PARAMS_FOLLOWED_MAX)
	{
		unit_pin(&relay->summary, PIN_OTHER, "session setting");
		return;
	}
	relay->summary.pin_reason = NULL;
	relay->summary.pins = 0;
	if (is_all)
		plan_reset_all(client);
	else
		plan_new_settings(client, class);
}

/* What pools of drivers send between two users: SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL */
static void
plan_reset_among(Client *client)
{
	UnitSummary *summary = &client->relay.summary;

	if (client->relay.is_open || summary->statements != 1 || (summary->pins & PIN_OTHER) ||
		(summary->flags & STATEMENT_HAS_TRANSACTION))
		unit_pin(summary, PIN_OTHER, "RESET ALL among several statements");
	else
		plan_reset_all(client);
}

static void
plan_reset_all(Client *client)
{
	client->relay.new_settings = settings_ref(client->startup_settings);
	client->relay.new_server_settings = settings_empty(client->context->settings);
	client->relay.resets_route = true;
}

/*
 * A savepoint that is the only statement of its unit is followed: settings go
 * back to it with ROLLBACK TO (transaction.c).  Where savepoints, or the end of
 * the transaction, stand among others it is not known what the settings are.
 */
static void
plan_savepoint(Client *client)
{
	Relay	   *relay = &client->relay;
	UnitSummary *summary = &relay->summary;
	const StatementClass *class = NULL;
	Slice		text;

	if (client->transaction.status != 'I' && !relay->is_open && summary->kind == STATEMENT_SAVEPOINT)
	{
		UnitContext context = client_unit_context(client);

		class = unit_sole_statement(buf_slice(&client->unit), &context, &text);
	}
	if (class)
	{
		relay->savepoint = mem_strdup(class->set_name);
		if (!(summary->flags & STATEMENT_ROLLBACK_TO) || transaction_has_savepoint(&client->transaction, relay->savepoint))
			return;
	}
	else if (!(summary->flags & STATEMENT_ROLLBACK_TO) &&
			 !((summary->flags & STATEMENT_HAS_TRANSACTION) &&
			   (summary->statements > 1 || summary->kind == STATEMENT_MULTI)))
		return;
	if (client->transaction.has_settings)
		unit_pin(summary, PIN_OTHER, "SET in a transaction whose course is not known");
}

/* The settings in force when it has succeeded; RESET goes back to the startup packet's. */
static void
plan_new_settings(Client *client, const StatementClass *class)
{
	Relay	   *relay = &client->relay;
	Slice		name = slice_from_string(class->set_name);
	const char *startup_value = settings_find(client->startup_settings, class->set_name);

	if (class->kind == STATEMENT_SET || (class->flags & STATEMENT_SET_CONFIG))
	{
		relay->new_settings = settings_with(client->settings, name, slice_from_string(class->set_value));
		relay->new_server_settings = settings_ref(relay->new_settings);
		return;
	}
	relay->new_server_settings = settings_without(client->settings, name);
	relay->new_settings = startup_value ?
		settings_with(client->settings, name, slice_from_string(startup_value)) :
		settings_ref(relay->new_server_settings);
}

/* A transaction on a replica runs proven reads only; all else as it comes. */
static void
plan_on_held_server(Client *client)
{
	if (client->transaction.on_replica && !unit_is_allowed_on_replica(&client->relay.summary))
		relay_refuse_on_replica(client);
	relay_start(client, client->server);
}

/* Is the unit proven to be a read, and may it be one here? */
static bool
may_run_on_replica(const Client *client)
{
	const UnitSummary *summary = &client->relay.summary;
	const Transaction *transaction = &client->transaction;
	const Facts *facts = statement_cache_facts(client->account->database->statements);
	RouteTarget target = client->wish.target;
	bool		begins_read_only = transaction->is_deferred && transaction->is_read_only && !transaction->needs_primary;
	bool		is_harmless = summary->only_prepares ||
		(begins_read_only && (summary->kind == STATEMENT_SET_LOCAL || summary->kind == STATEMENT_SAVEPOINT));

	if (client->account->pool_mode == POOL_MODE_SESSION && target != ROUTE_TARGET_REPLICA)
		return false;

	/*
	 * A write is prepared where it will run, but not while BEGIN is deferred: a
	 * program that waits for that answer (pgbench -M prepared) cannot go on with
	 * its other clients, whose transactions may hold all the primary's servers.
	 */
	if ((summary->prepares_write && !transaction->is_deferred) ||
		summary->pin_reason || client->relay.is_open || client->relay.to_primary ||
		!route_target_allows_replica(summary->flags | (is_harmless ? STATEMENT_IS_READ : 0), target))
		return false;

	/* its own DDL is not among the facts yet */
	if (client->ddl_lsn != 0 && (facts == NULL || facts_position(facts) < client->ddl_lsn))
		return false;

	/* where the catalog is not known yet, what follows in the transaction would be refused */
	if (begins_read_only && facts == NULL && target != ROUTE_TARGET_REPLICA && !summary->only_prepares)
		return false;
	return transaction->status == 'I' ||
		(transaction->is_deferred && (begins_read_only || summary->only_prepares));
}

static void
plan_decide(Client *client, uint64_t now_us, RouteDecision *decision)
{
	SessionContext *context = client->context;
	Relay	   *relay = &client->relay;
	int			load[TOPOLOGY_MAX_NODES];
	Lsn			lost = position_take_lost(&client->position, context->view);

	relay->patience_over = now_us - relay->waiting_since_us >= context->config.replica_wait_us;
	if (context->config.consistency == CONSISTENCY_GLOBAL &&
		!global_floor_apply(client->account->database->floor, context->view, &client->position))
	{
		*decision = (RouteDecision) {ROUTE_PROBE, -1, ROUTE_UNCOVERED};
		return;
	}
	for (int i = 0; i < context->view->nnodes; i++)
		load[i] = pool_set_load(context->pools, i);
	*decision = route_decide(&(RouteInput) {
							 .view = context->view,
							 .position = &client->position,
							 .consistency = context->config.consistency,
							 .is_read = may_run_on_replica(client),
							 .is_serializable = client->account->is_serializable && !client->transaction.has_isolation,
							 .looks_at_nothing = unit_looks_at_nothing(&relay->summary),
							 .insists_on_replica = client->wish.target == ROUTE_TARGET_REPLICA &&
							 client->transaction.is_deferred,
							 .patience_over = relay->patience_over,
							 .patience_us = context->config.replica_wait_us,
							 .asked_us = relay->waiting_since_us,
							 .excluded = relay->excluded,
							 .load = load,
							 .turn = client->key_pid >> 16,
							 .slow_start_us = context->config.slow_start_us,
							 .max_lag_us = context->config.max_replica_lag_us,
							 .max_lag_bytes = context->config.max_replica_lag_bytes,
							 });
	relay->reason = decision->reason;
	if (lost > 0)
	{
		context->stats.lost_floors++;
		LOG_WARN("floor_beyond_new_primary", LF_STR("user", client->user),
				 LF_INT("bytes_lost", lost),
				 LF_STR("meaning", "an acknowledged write may be lost"));
	}
}

/*
 * Reads that run on the primary for want of a replica are counted: a lost
 * replica must not take the primary along.  False: too many run, the client
 * waits for a place or a replica.  Where there is one node, no replica is missed.
 */
static bool
plan_admit_fallback(Client *client, RouteReason reason)
{
	if (!is_fallback(reason))
		client_release_fallback(client);
	else
		client->relay.awaits_fallback = !relay_admit_fallback(client);
	return !client->relay.awaits_fallback;
}

bool
relay_admit_fallback(Client *client)
{
	SessionContext *context = client->context;
	int			max = context->config.max_fallback_reads;

	if (max == 0 || context->view->nnodes == 1 || client->is_fallback)
		return true;
	client->is_fallback = context->hooks.admit_fallback(context->hooks.arg, max);
	return client->is_fallback;
}

static void
plan_use_node(Client *client, const RouteDecision *decision)
{
	SessionContext *context = client->context;
	uint64_t	wait_us = context->config.query_wait_timeout_us;
	Pool	   *pool = account_pool(context, client->account, decision->node);
	Server	   *server;

	context->stats.routes[decision->reason]++;
	context->stats.fallback_reads += is_fallback(decision->reason);
	client->relay.node = decision->node;
	client->waiter.on_granted = plan_on_granted;
	client->waiter.on_failed = plan_on_failed;
	client->waiter.owner = client;
	client->waiter.deadline_us = wait_us ? client->relay.waiting_since_us + wait_us : 0;
	server = pool_checkout(pool, &client->waiter);
	if (server)
		relay_start(client, server);
	else
		client_set_state(client, CLIENT_WAIT_SERVER);
}

static void
plan_wait_for_view(Client *client, bool wants_probe)
{
	SessionContext *context = client->context;

	if (client->state != CLIENT_WAIT_VIEW)
	{
		client_set_state(client, CLIENT_WAIT_VIEW);
		context->stats.probe_waits += wants_probe;
	}
	client_await_view(client);
	if (wants_probe)
		context->hooks.request_probe(context->hooks.arg);
	if (!loop_timer_is_running(context->patience))
		loop_timer_start(context->patience, PATIENCE_TICK_US);
}

static void
plan_on_granted(void *owner, Server *server)
{
	relay_start(owner, server);
}

static void
plan_on_failed(void *owner, const Error *error)
{
	Client	   *client = owner;
	const TopologyView *view = client->context->view;
	int			node = client->relay.node;

	/* a replica that lets nobody in: others may; a primary that is gone: wait for one */
	if (node != view->primary && may_run_on_replica(client))
	{
		client->relay.excluded |= UINT64_C(1) << node;
		relay_plan_again(client);
	}
	else if (client->waiter.failure == POOL_NODE_LOST)
		plan_wait_for_view(client, false);
	else
		client_refuse_unit(client, error);
}

static bool
query_wait_is_over(const Client *client, uint64_t now_us)
{
	uint64_t	limit_us = client->context->config.query_wait_timeout_us;

	return limit_us != 0 && now_us - client->relay.waiting_since_us >= limit_us;
}
