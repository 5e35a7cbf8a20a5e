/*-------------------------------------------------------------------------
 *
 * relay_send.c
 *	  Sends messages of a client to its server, names of statements replaced.
 *
 * Messages pass as they are but for the names of prepared statements:
 *
 *	  Parse     the server has it: answered here; else sent under its number
 *	  Bind      its statement is not there: a Parse is sent in front; it is there
 *				and not what the client was told: 0A000
 *	  Close     of a statement: answered here, the server keeps it for others
 *
 * A statement without a name that nobody prepared lately is sent without one
 * if it is bound in the same unit: a one-off text costs the server no memory.  Names nobody prepared pass, so
 * that the server says what it says; those that look like the router's own, and
 * no name at all, do not: they would be somebody else's.  Statements that SQL
 * was to find are there by their own names (placed.c): about them all passes.
 *
 * A message the router refuses is replaced by one that fails there, so that
 * the transaction fails as it would have in PostgreSQL; relay_reply.c replaces
 * the error.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "wire/build.h"

#define REFUSED_STATEMENT "andon_refused"

static void pass_to_server(Client *client, Slice bytes);
static void send_Parse(Client *client, const Frame *frame);
static void send_Describe(Client *client, const Frame *frame);
static void send_Close(Client *client, const Frame *frame);
static void ask_to_refuse(Client *client, const ParseMessage *parse);
static void hold_for_stale_plan(Client *client);
static void refuse(Client *client, const char *sqlstate, const char *format,...) __attribute__((format(printf, 3, 4)));
static void refuse_unknown(Client *client, Slice name);
static bool is_taken_when_failed(const Client *client, Slice text);
static bool is_not_the_clients(const Client *client, Slice name);
static bool is_there_as_named(const Client *client, Slice name);
static void expect(Client *client, InFlightKind kind, uint64_t statement);

void
relay_to_server(Client *client, Slice bytes)
{
	relay_pass_gathered(client);
	stream_write(server_stream(client->server), bytes);
}

/* Bytes as the client sent them: what lies one behind the other in a whole unit leaves in one piece. */
static void
pass_to_server(Client *client, Slice bytes)
{
	Slice	   *gathered = &client->relay.gathered;

	if (!client->relay.gathers)
		relay_to_server(client, bytes);
	else if (gathered->len > 0 && gathered->data + gathered->len == bytes.data)
		gathered->len += bytes.len;
	else
	{
		relay_pass_gathered(client);
		*gathered = bytes;
	}
}

void
relay_pass_gathered(Client *client)
{
	Slice		gathered = client->relay.gathered;

	client->relay.gathered = slice_make(NULL, 0);
	stream_write(server_stream(client->server), gathered);
}

void
relay_pass_last(Client *client)
{
	stream_write_last(server_stream(client->server), client->relay.gathered);
	client->relay.gathered = slice_make(NULL, 0);
}

void
relay_send_message(Client *client, const Frame *frame)
{
	if (client->relay.summary.flags & STATEMENT_USES_PREPARED)
		relay_place_names(client, frame);
	switch (frame->type)
	{
		case 'P':
			send_Parse(client, frame);
			break;
		case 'B':
			relay_send_Bind(client, frame->body, frame->total_len);
			break;
		case 'D':
			send_Describe(client, frame);
			break;
		case 'C':
			send_Close(client, frame);
			break;
		case 'E':
			pass_to_server(client, frame->whole);
			expect(client, INFLIGHT_EXECUTE, 0);
			client->relay.has_executed = true;
			break;
		case 'Q':
			pass_to_server(client, frame->whole);
			expect(client, INFLIGHT_QUERY, 0);
			break;
		case 'F':
			pass_to_server(client, frame->whole);
			expect(client, INFLIGHT_FUNCTION, 0);
			break;
		case 'S':
			pass_to_server(client, frame->whole);
			expect(client, INFLIGHT_SYNC, 0);
			break;
		default:				/* Flush, COPY data */
			pass_to_server(client, frame->whole);
			break;
	}
}

void
relay_send_empty(Client *client, char type)
{
	Buf			out = BUF_INIT;

	build_empty(&out, type);
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
}

void
relay_send_sync(Client *client, InFlightAction action, InFlightPurpose purpose)
{
	Buf			out = BUF_INIT;

	build_sync(&out);
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_SYNC, action, purpose, 0);
}

bool
relay_send_Bind(Client *client, Slice body, size_t total_len)
{
	BindMessage bind;
	Prepared   *prepared;
	char		name[PREPARED_NAME_SIZE];
	Slice		there;
	uint64_t	number = 0;
	Buf			out = BUF_INIT;
	size_t		unread_len = total_len - FRAME_HEADER_SIZE - body.len;
	Relay	   *relay = &client->relay;
	int			place = relay->binds++;
	bool		is_described = place < 64 && (relay->described_binds >> place & 1);

	if (!message_parse_bind_head(body, &bind))
		return false;			/* seen to be readable before it came here */
	relay->bound_portal = bind.portal;
	relay->bound_name = relay->is_open ? slice_make(NULL, 0) : bind.statement;
	prepared = client_find_prepared(client, bind.statement);
	there = bind.statement;
	if (prepared && !is_there_as_named(client, bind.statement))
	{
		number = prepared_number(prepared);
		if (!server_has_statement(client->server, number))
			relay_prepare_there(client, prepared, INFLIGHT_SWALLOW);
		else if (!is_described && relay_is_changed(client, bind.statement, number))
		{
			/* the rows would not be what the client takes them for */
			bool		is_first = relay->error_refused == NULL;

			refuse(client, SQLSTATE_FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
			if (is_first)
				relay->error_refused->routine = "RevalidateCachedQuery";	/* pgjdbc prepares anew by it */
			prepared_table_retire(client->context->prepared, number);
			return false;
		}
		else if (relay->binds == 1 && !relay->has_executed)
			hold_for_stale_plan(client);
		there = prepared_server_name(number, name);
	}
	else if (is_not_the_clients(client, bind.statement))
	{
		refuse_unknown(client, bind.statement);
		return false;
	}
	build_bind_head(&out, bind.portal, there, bind.rest.len + unread_len);
	relay_to_server(client, buf_slice(&out));
	pass_to_server(client, bind.rest);
	buf_release(&out);
	expect(client, INFLIGHT_BIND, number);
	client->account->database->traffic.now.binds++;
	return true;
}

/* A Bind of a statement that no server has. */
void
relay_send_failing_bind(Client *client)
{
	Buf			out = BUF_INIT;
	size_t		mark = build_begin(&out, 'B');

	buf_append(&out, slice_make("", 1));
	buf_append(&out, slice_make(REFUSED_STATEMENT, sizeof(REFUSED_STATEMENT)));
	buf_append(&out, slice_make("\0\0\0\0\0\0", 6));	/* no formats, parameters, formats */
	build_end(&out, mark);
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_BIND, INFLIGHT_REFUSE, INFLIGHT_CLIENT, 0);
}

void
relay_send_failing_query(Client *client)
{
	Buf			out = BUF_INIT;

	build_query(&out, slice_from_string("refused by andon-router"));
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&client->relay.inflight, INFLIGHT_QUERY, INFLIGHT_REFUSE, INFLIGHT_CLIENT, 0);
}

void
relay_refuse_on_replica(Client *client)
{
	Relay	   *relay = &client->relay;
	const UnitSummary *summary = &relay->summary;
	const char *why = summary->pin_reason ? summary->pin_reason : summary->why;

	if (relay->error_refused)
		return;
	relay->error_refused = mem_alloc(sizeof(Error));
	if (client->transaction.status == 'E' && !(summary->flags & STATEMENT_HAS_TRANSACTION))
	{
		relay_set_in_failed_transaction(relay->error_refused);
		return;
	}
	error_set(relay->error_refused, SQLSTATE_READ_ONLY_TRANSACTION,
			  "cannot execute this statement in a read-only transaction on a replica");
	error_set_detail(relay->error_refused, "Reason: %s.", why ? why : "not proven to be a read");
	error_set_hint(relay->error_refused, "Begin the transaction without READ ONLY, or with the comment"
				   " /* andon:primary */ in front of BEGIN, to run it on the primary.");
}

/* In PostgreSQL's words. */
void
relay_set_in_failed_transaction(Error *error)
{
	error_set(error, SQLSTATE_IN_FAILED_TRANSACTION,
			  "current transaction is aborted, commands ignored until end of transaction block");
}

/* What could not be read may be anything, and most of it pins nothing: it is let pass. */
bool
relay_refuses_pin(const Client *client)
{
	const SessionConfig *config = &client->context->config;

	return config->pin_sessions == PIN_SESSIONS_REFUSE && config->pool_mode == POOL_MODE_TRANSACTION &&
		(client->relay.summary.pins & ~(unsigned) PIN_UNREAD) != 0 && client->pin_reason == NULL;
}

void
relay_refuse_pin(Client *client)
{
	Relay	   *relay = &client->relay;

	if (relay->error_refused)
		return;
	relay->error_refused = mem_alloc(sizeof(Error));
	error_set(relay->error_refused, SQLSTATE_FEATURE_NOT_SUPPORTED,
			  "session state is not allowed here: %s", relay->summary.pin_reason);
	error_set_detail(relay->error_refused, "It would keep a server for this session alone.");
	error_set_hint(relay->error_refused, "What ends with the transaction is allowed (SET LOCAL, ON COMMIT DROP,"
				   " pg_advisory_xact_lock()); else set pin_sessions = allow, or connect to the server.");
}

static void
send_Parse(Client *client, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	Traffic    *traffic = &client->account->database->traffic.now;
	ParseMessage parse;
	Prepared   *prepared;
	bool		is_new;
	bool		is_placed;

	if (!message_parse_parse(frame->body, &parse))
		return;					/* seen to be readable before it came here */
	if (!client_may_prepare(client, parse.statement))
	{
		refuse(client, SQLSTATE_LIMIT_EXCEEDED, "the session has too many prepared statements");
		error_set_hint(relay->error_refused, "Close those that are not needed, or raise max_client_prepared_statements.");
		return;
	}
	if (server_tx_status(client->server) == 'E' && !relay->has_executed && !is_taken_when_failed(client, parse.text))
	{
		ask_to_refuse(client, &parse);
		return;
	}
	is_placed = prepared_map_is_placed(client->prepared, parse.statement);
	if (parse.statement.len > 0 && !is_placed && prepared_map_find(client->prepared, parse.statement))
	{
		refuse(client, SQLSTATE_DUPLICATE_PSTATEMENT, "prepared statement \"%.*s\" already exists",
			   (int) parse.statement.len, parse.statement.data);
		return;
	}
	traffic->client_parses++;
	prepared = client_prepare(client, &parse, &is_new);
	prepared_log_put(&relay->names, client->prepared, parse.statement, prepared);
	if (parse.statement.len == 0)
		relay->unnamed_there = is_new && !relay->summary.only_prepares;

	if (is_placed || (parse.statement.len == 0 && relay->unnamed_there))
	{
		pass_to_server(client, frame->whole);
		expect(client, INFLIGHT_PARSE, 0);
		traffic->server_parses++;
	}
	else if (server_has_statement(client->server, prepared_number(prepared)))
	{
		inflight_push(&relay->inflight, INFLIGHT_PARSE, INFLIGHT_LOCAL, INFLIGHT_CLIENT, 0);
		hold_for_stale_plan(client);
	}
	else
		relay_prepare_there(client, prepared, INFLIGHT_FORWARD);
}

/*
 * In a failed transaction: the server may have it already, and has to say all
 * the same that it does not take it, or that it cannot be parsed.
 */
static void
ask_to_refuse(Client *client, const ParseMessage *parse)
{
	Buf			out = BUF_INIT;

	build_parse(&out, slice_from_string(REFUSED_STATEMENT), parse->text, parse->nparams, parse->param_types);
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	expect(client, INFLIGHT_PARSE, 0);
}

/*
 * What the server has under its number can be out of date, though the client has
 * prepared it since.  Outside a transaction the unit is run again then with
 * another number, and nobody sees it: see is_stale_plan() in relay_reply.c.
 */
static void
hold_for_stale_plan(Client *client)
{
	Relay	   *relay = &client->relay;

	if (relay->is_holding || relay->is_open || server_is_replica(client->server) ||
		client->transaction.status != 'I' || server_tx_status(client->server) != 'I')
		return;
	relay->is_holding = relay->holds_plan = true;
}

static void
send_Describe(Client *client, const Frame *frame)
{
	TargetMessage target;
	Prepared   *prepared;
	char		name[PREPARED_NAME_SIZE];
	uint64_t	number;
	Buf			out = BUF_INIT;

	if (!message_parse_target(frame->body, &target))
		return;					/* seen to be readable before it came here */
	prepared = target.kind == 'S' ? client_find_prepared(client, target.name) : NULL;
	if (prepared && !is_there_as_named(client, target.name))
	{
		number = prepared_number(prepared);
		if (!server_has_statement(client->server, number))
			relay_prepare_there(client, prepared, INFLIGHT_SWALLOW);
		build_target(&out, 'D', 'S', prepared_server_name(number, name));
		relay_to_server(client, buf_slice(&out));
		buf_release(&out);
		expect(client, INFLIGHT_DESCRIBE, number);
		relay_expect_description(client, &target);
	}
	else if (target.kind == 'S' && is_not_the_clients(client, target.name))
		refuse_unknown(client, target.name);
	else
	{
		pass_to_server(client, frame->whole);
		expect(client, INFLIGHT_DESCRIBE, 0);
		relay_expect_description(client, &target);
	}
}

/* A name that the client did not prepare by protocol may be PREPAREd on a pinned server, and placed ones are there. */
static void
send_Close(Client *client, const Frame *frame)
{
	TargetMessage target;

	if (!message_parse_target(frame->body, &target))
		return;					/* seen to be readable before it came here */
	if (target.kind == 'S' && !prepared_map_is_placed(client->prepared, target.name) &&
		(client->pin_reason == NULL || prepared_is_server_name(target.name) ||
		 prepared_map_find(client->prepared, target.name)))
	{
		prepared_log_remove(&client->relay.names, client->prepared, target.name);
		inflight_push(&client->relay.inflight, INFLIGHT_CLOSE, INFLIGHT_LOCAL, INFLIGHT_CLIENT, 0);
		return;
	}
	pass_to_server(client, frame->whole);
	expect(client, INFLIGHT_CLOSE, 0);
}

/* Only the first refusal of a unit is answered: the server skips what follows. */
static void
refuse(Client *client, const char *sqlstate, const char *format,...)
{
	Relay	   *relay = &client->relay;

	if (relay->error_refused == NULL)
	{
		char		message[ERROR_MESSAGE_SIZE];
		va_list		args;

		va_start(args, format);
		vsnprintf(message, sizeof(message), format, args);
		va_end(args);
		relay->error_refused = mem_alloc(sizeof(Error));
		error_set(relay->error_refused, sqlstate, "%s", message);
	}
	relay_send_failing_bind(client);
}

/* Parse it there under its number; the least recently used one makes room. */
void
relay_prepare_there(Client *client, Prepared *prepared, InFlightAction action)
{
	InFlight   *inflight = &client->relay.inflight;
	char		name[PREPARED_NAME_SIZE];
	Buf			out = BUF_INIT;
	uint64_t	number = prepared_number(prepared);
	uint64_t	evicted = server_add_statement(client->server, number);

	if (evicted)
	{
		build_target(&out, 'C', 'S', prepared_server_name(evicted, name));
		inflight_push(inflight, INFLIGHT_CLOSE, INFLIGHT_SWALLOW, INFLIGHT_CLIENT, evicted);
	}
	build_parse(&out, prepared_server_name(number, name), prepared_text(prepared),
				prepared_nparams(prepared), prepared_param_types(prepared));
	inflight_push(inflight, INFLIGHT_PARSE, action, INFLIGHT_CLIENT, number);
	client->relay.parsed_there = true;
	client->account->database->traffic.now.server_parses++;
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
}

static void
refuse_unknown(Client *client, Slice name)
{
	if (name.len > 0)
		refuse(client, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement \"%.*s\" does not exist",
			   (int) name.len, name.data);
	else
		refuse(client, SQLSTATE_UNDEFINED_PSTATEMENT, "unnamed prepared statement does not exist");
}

/* Does PostgreSQL prepare it in a failed transaction, as far as is known? It does what ends one, and nothing at all. */
static bool
is_taken_when_failed(const Client *client, Slice text)
{
	UnitContext context = client_unit_context(client);
	StatementKind kind;

	if (context.unsafe_lexing)
		return true;
	kind = statement_cache_get(context.statements, text)->kind;
	return kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK || kind == STATEMENT_SAVEPOINT ||
		kind == STATEMENT_TWO_PHASE || kind == STATEMENT_EMPTY;
}

/* On the server it would be somebody else's: what the router has prepared, or a one-off text. */
static bool
is_not_the_clients(const Client *client, Slice name)
{
	return prepared_is_server_name(name) || (name.len == 0 && !client->relay.unnamed_there);
}

static bool
is_there_as_named(const Client *client, Slice name)
{
	return name.len == 0 ? client->relay.unnamed_there : prepared_map_is_placed(client->prepared, name);
}

static void
expect(Client *client, InFlightKind kind, uint64_t statement)
{
	inflight_push(&client->relay.inflight, kind, INFLIGHT_FORWARD, INFLIGHT_CLIENT, statement);
}
