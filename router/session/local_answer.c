/*-------------------------------------------------------------------------
 *
 * local_answer.c
 *	  Units that the router answers itself.
 *
 *	  BEGIN              answered, sent with the first statement that follows
 *	  SET TRANSACTION    behind it the same
 *	  COMMIT, ROLLBACK   of a transaction that no server has heard of, or whose
 *						 server is gone
 *	  SET/SHOW andon.*   the session's own settings; a token (policy/token.h) may
 *						 have to wait for a view
 *	  DEALLOCATE         of statements that clients prepared by protocol
 *	  DISCARD ALL, RESET ALL   of a session that has no server and has set nothing
 *	  Sync, and Close of such statements, when there is nothing else
 *
 * Statements only when they are the only one of their unit; in either
 * protocol.  But BEGIN by the extended protocol may have others behind it in its
 * unit (pgjdbc sends it so): it is answered, and the rest planned without it.
 * A unit that ends with Flush is answered without ReadyForQuery; the Sync that
 * follows is a unit of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "policy/token.h"
#include "wire/build.h"

#define DEFERRED_MAX_BYTES 1024	/* of BEGIN and SET TRANSACTION */

/* What the statement answers. */
typedef struct LocalResult
{
	const char *tag;			/* of CommandComplete */
	const char *column;			/* NULL: no result set */
	char		value[128];		/* its only row */
	bool		clears_names;	/* of all prepared statements, where it is executed */
	const char *removes_name;	/* of one; NULL: none */
} LocalResult;

/* What has been seen of a unit of one statement. */
typedef struct PlainUnit
{
	bool		is_bound;
	bool		is_executed;
	Slice		statement;		/* once parsed, described or bound */
	Slice		portal;
} PlainUnit;

static bool is_plain_unit(const Client *client, Slice messages);
static size_t first_execution(Slice messages);
static bool is_plain_message(const Client *client, PlainUnit *unit, const Frame *frame);
static bool is_plain_target(const Client *client, PlainUnit *unit, char type, const TargetMessage *target);
static bool local_begin(Client *client, const StatementClass *class, Slice text, LocalResult *result);
static bool local_set_transaction(Client *client, const StatementClass *class, Slice text, LocalResult *result);
static void defer(Transaction *transaction, const StatementClass *class, Slice text);
static bool local_end(Client *client, const StatementClass *class, LocalResult *result);
static bool local_set(Client *client, const StatementClass *class, LocalResult *result, Error *error);
static void set_invalid(Error *error, const char *name, const char *value);
static bool local_show(Client *client, const StatementClass *class, LocalResult *result);
static bool local_take_token(Client *client, const char *value, Error *error);
static bool local_show_token(Client *client, LocalResult *result);
static bool local_deallocate(Client *client, const StatementClass *class, LocalResult *result, Error *error);
static bool local_discard(Client *client, LocalResult *result);
static bool local_reset_all(Client *client, LocalResult *result);
static NOINLINE bool local_close(Client *client);
static NOINLINE bool local_first_statement(Client *client);
static NOINLINE bool local_sole_statement(Client *client);
static bool local_statement(Client *client, const StatementClass *class, Slice text, LocalResult *result,
							Error *error);
static void local_send(Client *client, Slice messages, const LocalResult *result);
static void local_send_reply(Client *client, const Frame *frame, const LocalResult *result, Buf *out);
static const char *begin_tag(Slice text);

bool
local_answer_unit(Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	if (summary->only_prepares)
		return local_close(client);

	/* most units are reads: nothing to answer here */
	return summary->statements == 1 && summary->kind != STATEMENT_QUERY && local_sole_statement(client);
}

bool
local_answer_begin(Client *client)
{
	const UnitSummary *summary = &client->relay.summary;

	return summary->statements >= 2 && (summary->flags & STATEMENT_HAS_TRANSACTION) && local_first_statement(client);
}

static bool
local_first_statement(Client *client)
{
	UnitContext context = client_unit_context(client);
	Slice		head = buf_slice(&client->unit);
	const StatementClass *class;
	LocalResult result = {0};
	Slice		text;

	head.len = first_execution(head);
	class = unit_sole_statement(head, &context, &text);
	if (class == NULL || class->kind != STATEMENT_BEGIN || !is_plain_unit(client, head) ||
		!local_begin(client, class, text, &result))
		return false;
	local_send(client, head, &result);
	buf_consume(&client->unit, head.len);
	return true;
}

/* How many bytes there are up to and with the first Execute, if another statement is bound or parsed next; else 0. */
static size_t
first_execution(Slice messages)
{
	Slice		rest = messages;
	Frame		frame;

	while (frame_parse(rest, &frame) == FRAME_OK && strchr("PBD", frame.type))
		rest = slice_skip(rest, frame.total_len);
	if (frame_parse(rest, &frame) != FRAME_OK || frame.type != 'E')
		return 0;
	rest = slice_skip(rest, frame.total_len);
	if (frame_parse(rest, &frame) != FRAME_OK || (frame.type != 'P' && frame.type != 'B'))
		return 0;
	return (size_t) (rest.data - messages.data);
}

static bool
local_sole_statement(Client *client)
{
	Relay	   *relay = &client->relay;
	UnitContext context = client_unit_context(client);
	Slice		text;
	const StatementClass *class;
	LocalResult result = {0};
	Error		error = {0};

	class = unit_sole_statement(buf_slice(&client->unit), &context, &text);
	if (class == NULL || !is_plain_unit(client, buf_slice(&client->unit)))
		return false;
	if (local_statement(client, class, text, &result, &error))
	{
		local_send(client, buf_slice(&client->unit), &result);
		client_unit_done(client);
		return true;
	}
	if (error.message[0] == '\0')
		return false;
	if (client->server)
	{
		/* the error has to fail the transaction there, too */
		relay->error_refused = mem_alloc(sizeof(Error));
		*relay->error_refused = error;
		return false;
	}
	client_refuse_unit(client, &error);
	return true;
}

static bool
local_statement(Client *client, const StatementClass *class, Slice text, LocalResult *result, Error *error)
{
	if (class->kind == STATEMENT_COMMIT || class->kind == STATEMENT_ROLLBACK)
		return local_end(client, class, result);
	if (client->transaction.status == 'E')
		return false;			/* nothing else succeeds */
	switch (class->kind)
	{
		case STATEMENT_BEGIN:
			return local_begin(client, class, text, result);
		case STATEMENT_SET_TRANSACTION:
			return local_set_transaction(client, class, text, result);
		case STATEMENT_SET:
		case STATEMENT_RESET:
			return strcmp(class->set_name, "all") == 0 ? local_reset_all(client, result) :
				local_set(client, class, result, error);
		case STATEMENT_SHOW:
			return local_show(client, class, result);
		case STATEMENT_DEALLOCATE:
			return local_deallocate(client, class, result, error);
		case STATEMENT_DISCARD_ALL:
			return local_discard(client, result);
		default:
			return false;
	}
}

/* Sync alone, and Close of statements that no server is asked about. */
static bool
local_close(Client *client)
{
	Slice		messages = buf_slice(&client->unit);
	LocalResult none = {0};
	Frame		frame;
	TargetMessage target;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		if (frame.type != 'S' &&
			!(frame.type == 'C' && message_parse_target(frame.body, &target) && target.kind == 'S' &&
			  (client->pin_reason == NULL || prepared_map_find(client->prepared, target.name)) &&
			  !prepared_map_is_placed(client->prepared, target.name)))
			return false;
		messages = slice_skip(messages, frame.total_len);
	}
	local_send(client, buf_slice(&client->unit), &none);
	client_unit_done(client);
	return true;
}

/*
 * Parse, Bind, Execute of the one statement, described or closed by its own
 * names: what goes beyond (a name that is taken, or not there) is the server's
 * to answer.
 */
static bool
is_plain_unit(const Client *client, Slice messages)
{
	PlainUnit	unit = {0};
	Frame		frame;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		if (!is_plain_message(client, &unit, &frame))
			return false;
		messages = slice_skip(messages, frame.total_len);
	}
	return true;
}

static bool
is_plain_message(const Client *client, PlainUnit *unit, const Frame *frame)
{
	ParseMessage parse;
	BindMessage bind;
	TargetMessage target;
	ExecuteMessage execute;
	bool		is_named = unit->statement.data != NULL;

	switch (frame->type)
	{
		case 'P':
			if (is_named || !message_parse_parse(frame->body, &parse) ||
				(parse.statement.len > 0 && prepared_map_find(client->prepared, parse.statement)) ||
				!client_may_prepare(client, parse.statement))
				return false;
			unit->statement = parse.statement;
			return true;
		case 'B':
			if (unit->is_bound || !message_parse_bind_head(frame->body, &bind) ||
				(is_named && !slice_equals(unit->statement, bind.statement)))
				return false;
			unit->is_bound = true;
			unit->statement = bind.statement;
			unit->portal = bind.portal;
			return true;
		case 'E':
			unit->is_executed = true;
			return unit->is_bound && message_parse_execute(frame->body, &execute) &&
				slice_equals(unit->portal, execute.portal);
		case 'D':
		case 'C':
			return message_parse_target(frame->body, &target) && is_plain_target(client, unit, frame->type, &target);
		default:
			return true;
	}
}

static bool
is_plain_target(const Client *client, PlainUnit *unit, char type, const TargetMessage *target)
{
	if (target->kind == 'P')
		return unit->is_bound && slice_equals(unit->portal, target->name) && (type == 'D' || unit->is_executed);
	if (type == 'C')
		return unit->is_executed;
	if (unit->statement.data != NULL)
		return slice_equals(unit->statement, target->name);
	unit->statement = target->name;
	return prepared_map_find(client->prepared, target->name) != NULL;
}

static bool
local_begin(Client *client, const StatementClass *class, Slice text, LocalResult *result)
{
	Transaction *transaction = &client->transaction;

	if (client->server || transaction->status != 'I' ||
		client->account->pool_mode == POOL_MODE_SESSION)
		return false;
	result->tag = begin_tag(text);
	if (result->tag == NULL)
		return false;
	transaction->status = 'T';
	transaction->is_deferred = true;
	defer(transaction, class, text);
	return true;
}

/* Before anything has run it cannot fail; SET transaction_isolation can, it takes any word. */
static bool
local_set_transaction(Client *client, const StatementClass *class, Slice text, LocalResult *result)
{
	if (!client->transaction.is_deferred || class->set_name[0] != '\0' ||
		buf_len(&client->transaction.begin_texts) + text.len > DEFERRED_MAX_BYTES)
		return false;
	defer(&client->transaction, class, text);
	result->tag = "SET";
	return true;
}

static void
defer(Transaction *transaction, const StatementClass *class, Slice text)
{
	buf_append(&transaction->begin_texts, text);
	buf_append_u8(&transaction->begin_texts, '\0');
	if (class->flags & (STATEMENT_READ_ONLY | STATEMENT_READ_WRITE))
		transaction->is_read_only = (class->flags & STATEMENT_READ_ONLY) != 0;
	transaction->needs_primary |= (class->flags & (STATEMENT_SERIALIZABLE | STATEMENT_HINT_PRIMARY)) != 0;
	transaction->has_isolation |= (class->flags & STATEMENT_OTHER_ISOLATION) != 0;
}

static bool
local_end(Client *client, const StatementClass *class, LocalResult *result)
{
	Transaction *transaction = &client->transaction;

	/* AND CHAIN begins another one, which a server has to run */
	if ((!transaction->is_deferred && !transaction->is_lost) || (class->flags & STATEMENT_CHAIN))
		return false;

	/* who has not heard that it is lost would take the answer to COMMIT for one */
	if (transaction->loss_untold && class->kind == STATEMENT_COMMIT)
		return false;
	result->tag = class->kind == STATEMENT_COMMIT && !transaction->is_lost ? "COMMIT" : "ROLLBACK";
	transaction_end(client, false);
	return true;
}

static bool
local_set(Client *client, const StatementClass *class, LocalResult *result, Error *error)
{
	const char *value = class->kind == STATEMENT_SET ? class->set_value : "auto";

	if (strcmp(class->set_name, "andon.floor") == 0)
	{
		/* a floor is never lowered: RESET leaves it */
		if (class->kind == STATEMENT_SET && !local_take_token(client, value, error))
			return false;
	}
	else if (strcmp(class->set_name, "andon.route") == 0)
	{
		RouteTarget target;

		if (!route_target_parse(value, &target))
		{
			set_invalid(error, class->set_name, value);
			error_set_hint(error, "Available values: auto, primary, replica.");
			return false;
		}
		if (class->kind == STATEMENT_SET)
			client->wish = (RouteWish) {.target = target, .is_set = true};
		else
			client_reset_route(client);
	}
	else if (strcmp(class->set_name, "andon.report_commit_lsn") == 0)
	{
		error_set(error, "55P02", "parameter \"%s\" cannot be changed", class->set_name);
		error_set_hint(error, "The router learns by it where the session's commits lie.");
		return false;
	}
	else
		return false;
	result->tag = class->kind == STATEMENT_SET ? "SET" : "RESET";
	return true;
}

/* Messages are logged, details are not. */
static void
set_invalid(Error *error, const char *name, const char *value)
{
	error_set(error, "22023", "invalid value for parameter \"%s\"", name);
	error_set_detail(error, "The value is \"%s\".", value);
}

static bool
local_show(Client *client, const StatementClass *class, LocalResult *result)
{
	if (strcmp(class->set_name, "andon.floor") == 0)
	{
		if (!local_show_token(client, result))
			return false;
	}
	else if (strcmp(class->set_name, "andon.route") == 0)
	{
		result->column = "andon.route";
		snprintf(result->value, sizeof(result->value), "%s", route_target_names[client->wish.target]);
	}
	else
		return false;
	result->tag = "SHOW";
	return true;
}

static bool
local_take_token(Client *client, const char *value, Error *error)
{
	switch (token_take(&client->position, client->context->view, value, clock_now_us()))
	{
		case TOKEN_DONE:
			return true;
		case TOKEN_NOT_YET:
			client->relay.awaits_token = true;
			return false;
		case TOKEN_MALFORMED:
			set_invalid(error, "andon.floor", value);
			error_set_hint(error, "Give what SHOW andon.floor prints: system identifier, timeline and LSN,"
						   " such as '7391826340912345678:1:0/16B3748'.");
			return false;
		case TOKEN_FOREIGN:
			set_invalid(error, "andon.floor", value);
			error_set_hint(error, "It is of another cluster: the first part is its system identifier.");
			return false;
	}
	return false;
}

static bool
local_show_token(Client *client, LocalResult *result)
{
	result->column = "andon.floor";
	client->relay.awaits_token = token_show(&client->position, client->context->view, result->value) == TOKEN_NOT_YET;
	return !client->relay.awaits_token;
}

/* Statements prepared by SQL live on a pinned server, which answers for them. */
static bool
local_deallocate(Client *client, const StatementClass *class, LocalResult *result, Error *error)
{
	Slice		name = slice_from_string(class->set_name);

	result->tag = name.len > 0 ? "DEALLOCATE" : "DEALLOCATE ALL";
	if (prepared_map_is_placed(client->prepared, name))
		return false;
	if (name.len > 0 && prepared_map_find(client->prepared, name))
	{
		result->removes_name = class->set_name;
		return true;
	}
	if (prepared_is_server_name(name))
		return error_set(error, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement \"%s\" does not exist",
						 class->set_name);
	if (name.len > 0 || client->pin_reason)
		return false;
	result->clears_names = true;
	return true;
}

static bool
local_discard(Client *client, LocalResult *result)
{
	if (!local_reset_all(client, result))
		return false;
	result->clears_names = true;
	result->tag = "DISCARD ALL";
	return true;
}

/* When nothing was set: else a server reports what changes. */
static bool
local_reset_all(Client *client, LocalResult *result)
{
	if (client->server || client->transaction.status != 'I' || client->settings != client->startup_settings)
		return false;
	client_reset_route(client);
	result->tag = "RESET";
	return true;
}

/* One reply per message of the unit, in order. */
static void
local_send(Client *client, Slice messages, const LocalResult *result)
{
	Buf			out = BUF_INIT;
	Frame		frame;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		local_send_reply(client, &frame, result, &out);
		messages = slice_skip(messages, frame.total_len);
	}
	client_write(client, buf_slice(&out));
	buf_release(&out);
}

static void
local_send_reply(Client *client, const Frame *frame, const LocalResult *result, Buf *out)
{
	const char *values[] = {result->value};
	TargetMessage target;
	ParseMessage parse;
	bool		is_new;

	switch (frame->type)
	{
		case 'P':
			if (message_parse_parse(frame->body, &parse))
				prepared_map_put(client->prepared, parse.statement, client_prepare(client, &parse, &is_new));
			build_empty(out, '1');
			break;
		case 'B':
			build_empty(out, '2');
			break;
		case 'C':
			if (message_parse_target(frame->body, &target) && target.kind == 'S')
				prepared_map_remove(client->prepared, target.name);
			build_empty(out, '3');
			break;
		case 'D':
			if (message_parse_target(frame->body, &target) && target.kind == 'S')
			{
				size_t		mark = build_begin(out, 't');

				buf_append_u16(out, 0);
				build_end(out, mark);
			}
			if (result->column)
				build_text_row_description(out, &result->column, 1);
			else
				build_empty(out, 'n');
			break;
		case 'Q':
			if (result->column)
				build_text_row_description(out, &result->column, 1);
			/* FALLTHROUGH */
		case 'E':
			if (result->clears_names)
				prepared_map_clear(client->prepared);
			if (result->removes_name)
				prepared_map_remove(client->prepared, slice_from_string(result->removes_name));
			if (result->column)
				build_text_row(out, values, 1);
			build_command_complete(out, result->tag);
			if (frame->type == 'E')
				break;
			/* FALLTHROUGH */
		case 'S':
			build_ready(out, client->transaction.status);
			break;
	}
}

/* The command tag of a BEGIN, by its first word; NULL: a comment hides it. */
static const char *
begin_tag(Slice text)
{
	size_t		i = 0;

	while (i < text.len && isspace((unsigned char) text.data[i]))
		i++;
	if (i < text.len && (text.data[i] == 'b' || text.data[i] == 'B'))
		return "BEGIN";
	if (i < text.len && (text.data[i] == 's' || text.data[i] == 'S'))
		return "START TRANSACTION";
	return NULL;
}
