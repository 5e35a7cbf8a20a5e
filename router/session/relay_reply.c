/*-------------------------------------------------------------------------
 *
 * relay_reply.c
 *	  Passes a server's replies to the client.
 *
 * Runs of messages that pass unchanged are written as they stand in the
 * receive buffer; a long row passes in pieces.  Kept from the client: answers
 * to what the router sent itself, the commit position, what is about one node.
 *
 * Replies of a replica are held until the first of them shows a result (row,
 * COPY, CommandComplete).  If an error comes instead that another node may
 * not give, the unit is run there and the client never knows:
 *
 *	  25006 0A000 55000			 the primary, and remembered of the statement
 *	  0A000, SERIALIZABLE		 the primary, and remembered of the account: it is so by default
 *	  42P01 42703 42883 3F000	 the primary: DDL not replayed yet
 *	  40001 40P01				 recovery conflict: another replica, then the primary
 *	  connection lost			 another node
 *
 * What the client hears of a unit, whatever it is sent as:
 *
 *	  held -> (result) -> passed -> ReadyForQuery -> relay_finish.c
 *	  held -> (error of the list) -> dropped up to ReadyForQuery -> run again
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "wire/build.h"

#define REPLY_MAX_BYTES (1024 * 1024)	/* of a message the router must read whole */
#define ERROR_HEAD_BYTES 1024	/* of a longer error: severity and SQLSTATE are in there */

/* The stretch of the receive buffer that is to be passed on in one piece. */
typedef struct ReplyRun
{
	Client	   *client;
	const char *start;
	size_t		len;
} ReplyRun;

static size_t reply_take_message(Client *client, ReplyRun *run, Slice data);
static NOINLINE bool reply_begin_piece(Client *client, Frame *frame, Slice data);
static bool reply_may_pass_in_pieces(const Frame *frame, Slice data);
static void handle_reply(Client *client, ReplyRun *run, const Frame *frame);
static NOINLINE void handle_ParameterStatus(Client *client, ReplyRun *run, const Frame *frame);
static NOINLINE void handle_NotificationResponse(Client *client, ReplyRun *run, const Frame *frame);
static NOINLINE void handle_ErrorResponse(Client *client, ReplyRun *run, const Frame *frame);
static NOINLINE void handle_ReadyForQuery(Client *client, const Frame *frame);
static void note_CommandComplete(Client *client, Slice body);
static NOINLINE void note_CopyInResponse(Client *client);
static void handle_result(Client *client, ReplyRun *run, const Frame *frame);
static NOINLINE void release_if_shown(Client *client, ReplyRun *run, char type, InFlightKind kind);
static NOINLINE void handle_own_result(Client *client, const InFlightEntry *entry, const Frame *frame);
static RerunTarget rerun_target(const Client *client, const ErrorFields *fields);
static void learn_from_refusal(const Client *client, const ErrorFields *fields);
static bool refuses_serializable(const ErrorFields *fields);
static inline void run_pass(ReplyRun *run, Slice bytes);
static void run_emit(ReplyRun *run, Slice bytes);
static void run_flush(ReplyRun *run);
static void skip_entry(void *arg, const InFlightEntry *entry);
static bool is_stale_plan(const InFlightEntry *entry, const ErrorFields *fields);
static void fail_settings(Client *client, const ErrorFields *fields);
static void heal_statement(Client *client, const InFlightEntry *entry, const ErrorFields *fields);
static inline bool says(Slice body, const char *tag);
static NOINLINE void note_discarded(Client *client, bool discards_all);

size_t
relay_take_replies(Client *client, Slice data)
{
	Relay	   *relay = &client->relay;
	Server	   *server = client->server;
	bool		was_answered = relay->is_answered;
	ReplyRun	run = {client, data.data, 0};
	size_t		used = 0;

	while (used < data.len && client->server == server && (was_answered || !relay->is_answered))
	{
		Slice		rest = slice_skip(data, used);
		size_t		step;

		if (relay->pass_left > 0)
		{
			step = rest.len < relay->pass_left ? rest.len : relay->pass_left;
			relay->pass_left -= step;
			run_pass(&run, slice_make(rest.data, step));
		}
		else
			step = reply_take_message(client, &run, rest);
		if (step == 0)
			break;
		used += step;
	}
	if (client->server == server)
		run_flush(&run);
	return used;
}

static size_t
reply_take_message(Client *client, ReplyRun *run, Slice data)
{
	Relay	   *relay = &client->relay;
	Frame		frame;

	if (inflight_is_local(&relay->inflight))
	{
		run_flush(run);
		relay_send_locals(client);
	}
	switch (frame_peek(data, &frame))
	{
		case FRAME_PARTIAL:
			return 0;
		case FRAME_MALFORMED:
			client_fail_server(client, "invalid message length");
			return 0;
		case FRAME_OK:
			break;
	}
	if (!frame_complete(data, &frame) && !reply_begin_piece(client, &frame, data))
		return 0;
	handle_reply(client, run, &frame);
	return frame.whole.len;
}

/* What is there of a message that may pass as it comes; false: it may not, or is soon complete. */
static bool
reply_begin_piece(Client *client, Frame *frame, Slice data)
{
	Relay	   *relay = &client->relay;

	if (!reply_may_pass_in_pieces(frame, data) ||
		(!inflight_is_empty(&relay->inflight) && inflight_head(&relay->inflight)->action == INFLIGHT_SWALLOW))
	{
		if (frame->total_len > REPLY_MAX_BYTES && frame->type != 'E')
			client_fail_server(client, "message too long");
		return false;
	}
	if (frame->total_len <= STREAM_READ_SIZE)
		return false;
	frame->whole = data;
	frame->body = slice_skip(data, FRAME_HEADER_SIZE);
	relay->pass_left = frame->total_len - data.len;
	return true;
}

/*
 * Rows, COPY data, their descriptions, function results, notices: nothing to
 * read in them.  An error quotes values of the user's: of a long one the
 * beginning is read.
 */
static bool
reply_may_pass_in_pieces(const Frame *frame, Slice data)
{
	if (frame->type == 'E')
		return frame->total_len > REPLY_MAX_BYTES && data.len >= ERROR_HEAD_BYTES;
	return strchr("DdTVN", frame->type) != NULL;
}

static void
handle_reply(Client *client, ReplyRun *run, const Frame *frame)
{
	switch (frame->type)
	{
		case 'S':
			handle_ParameterStatus(client, run, frame);
			return;
		case 'N':
			run_pass(run, frame->whole);
			return;
		case 'A':
			handle_NotificationResponse(client, run, frame);
			return;
		case 'E':
			handle_ErrorResponse(client, run, frame);
			return;
		case 'Z':
			handle_ReadyForQuery(client, frame);
			return;
		case 'C':
			note_CommandComplete(client, frame->body);
			break;
		case 'G':
			note_CopyInResponse(client);
			break;
		default:
			break;
	}
	handle_result(client, run, frame);
}

static void
handle_ParameterStatus(Client *client, ReplyRun *run, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	Slice		name;
	Slice		value;
	Lsn			lsn;
	bool		is_kept;

	if (!message_parse_parameter_status(frame->body, &name, &value))
	{
		client_fail_server(client, "invalid ParameterStatus");
		return;
	}
	if (slice_equals_string(name, "andon.commit_lsn"))
	{
		if (message_parse_lsn(value, &lsn) && lsn > relay->commit_lsn)
			relay->commit_lsn = lsn;
		return;
	}
	is_kept = server_note_parameter(client->server, name, value);
	if (slice_equals_string(name, "in_hot_standby") || slice_equals_string(name, "default_transaction_read_only"))
		return;

	/* what the router's own SETs change the client knows already */
	if (!relay->tells_settings && !inflight_is_empty(&relay->inflight) && inflight_head(&relay->inflight)->action == INFLIGHT_SWALLOW)
		return;
	if (is_kept)
		reported_note_told(client, name, value);
	run_pass(run, frame->whole);
}

/* Who was told of a change may have to see it: the floor follows what the primary had. */
static void
handle_NotificationResponse(Client *client, ReplyRun *run, const Frame *frame)
{
	position_note_read(&client->position, server_node(client->server), server_identity(client->server),
					   clock_now_us());
	run_pass(run, frame->whole);
}

static void
handle_ErrorResponse(Client *client, ReplyRun *run, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	ErrorFields fields;
	InFlightStep step;

	if (!(relay->pass_left > 0 ? message_parse_error_head(frame->body, &fields) :
		  message_parse_error(frame->body, &fields)))
	{
		client_fail_server(client, "invalid ErrorResponse");
		return;
	}
	if (slice_equals_string(fields.severity, "FATAL") || slice_equals_string(fields.severity, "PANIC"))
	{
		/* the connection ends here: relay_on_lost says what it means for the unit */
		mem_free(relay->fatal_text);
		relay->fatal_text = mem_strndup(fields.message);
		if (relay->pass_left > 0)
			client_fail_server(client, "message too long");
		return;
	}
	step = inflight_handle_error(&relay->inflight, skip_entry, client);
	if (step.verdict != INFLIGHT_UNEXPECTED && step.entry->purpose == INFLIGHT_SETTINGS)
	{
		fail_settings(client, &fields);
		return;
	}
	if (step.verdict == INFLIGHT_UNEXPECTED || (relay->pass_left > 0 && step.verdict != INFLIGHT_PASS))
	{
		client_fail_server(client, "error outside of a statement of the client");
		return;
	}
	if (step.verdict == INFLIGHT_DROP)
		return;

	relay->saw_error = true;
	relay->is_copy_in = relay->is_checking = false;
	heal_statement(client, step.entry, &fields);
	prepared_log_undo(&relay->names, client->prepared, relay->names.answered);
	if (is_stale_plan(step.entry, &fields) && relay->is_holding && relay->rerun == RERUN_NO)
		relay->rerun = relay->holds_plan ? RERUN_HERE : RERUN_PRIMARY;
	else
		relay->rerun = rerun_target(client, &fields);
	if (relay->rerun != RERUN_NO)
		buf_clear(&relay->held);
	else if (step.verdict == INFLIGHT_REPLACE_ERROR)
	{
		Buf			out = BUF_INIT;

		build_error(&out, "ERROR", relay->error_refused);
		run_emit(run, buf_slice(&out));
		buf_release(&out);
	}
	else
		run_pass(run, frame->whole);

	/* nothing asks for the end any more: the error skipped the Query behind a failed BEGIN */
	if (inflight_is_empty(&relay->inflight) && !relay->is_open)
		relay_send_sync(client, INFLIGHT_FORWARD, INFLIGHT_CLIENT);
}

/* What another server took, this one does not: the session cannot be what it was. */
static void
fail_settings(Client *client, const ErrorFields *fields)
{
	char		sqlstate[6];
	Error		error = {0};

	snprintf(sqlstate, sizeof(sqlstate), "%.*s", (int) fields->sqlstate.len, fields->sqlstate.data);
	error_set(&error, sqlstate, "a server does not take the session's settings: %.*s",
			  (int) fields->message.len, fields->message.data);
	client_release_server(client, true);
	client_fail(client, &error);
}

/* What a statement that succeeded has done to session and server. */
static void
note_CommandComplete(Client *client, Slice body)
{
	Relay	   *relay = &client->relay;

	if (inflight_is_empty(&relay->inflight) || inflight_head(&relay->inflight)->action != INFLIGHT_FORWARD)
		return;
	relay->says_commit = says(body, "COMMIT");
	relay->says_rollback = says(body, "ROLLBACK");
	relay->settings_due = relay->new_settings != NULL && !relay->saw_error;
	if (says(body, "DISCARD ALL") || says(body, "DEALLOCATE ALL"))
		note_discarded(client, says(body, "DISCARD ALL"));
}

/* The body is that tag and its terminator. */
static inline bool
says(Slice body, const char *tag)
{
	return slice_equals(body, slice_make(tag, strlen(tag) + 1));
}

static void
note_discarded(Client *client, bool discards_all)
{
	server_forget_statements(client->server);
	prepared_map_clear(client->prepared);
	if (discards_all)
		transaction_note_discard(client);
}

/*
 * From here on the client sends.  In the extended protocol the Sync that ends
 * the unit is the one behind CopyDone; one that was sent before is thrown away
 * by the server.
 */
static void
note_CopyInResponse(Client *client)
{
	Relay	   *relay = &client->relay;

	if (!inflight_is_empty(&relay->inflight) && inflight_head(&relay->inflight)->kind == INFLIGHT_EXECUTE)
	{
		inflight_drop_tail_sync(&relay->inflight);
		relay->owes_sync = false;
		relay->is_open = true;
	}
	relay->is_copy_in = true;
	if (client->stream && stream_is_paused(client->stream))
		stream_resume(client->stream);
}

/* Part of an answer. */
static void
handle_result(Client *client, ReplyRun *run, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	InFlightStep step = inflight_handle(&relay->inflight, frame->type);

	if (step.verdict == INFLIGHT_UNEXPECTED)
	{
		client_fail_server(client, "unexpected message");
		return;
	}
	if (step.entry->kind == INFLIGHT_DESCRIBE)
		relay_note_description(client, step.entry, frame);
	if (step.completed && step.entry->kind == INFLIGHT_PARSE &&
		(step.verdict == INFLIGHT_PASS || step.entry->purpose == INFLIGHT_PLACE))
		relay->names.answered++;
	if (step.verdict == INFLIGHT_DROP)
	{
		handle_own_result(client, step.entry, frame);
		return;
	}
	if (relay->is_holding)
		release_if_shown(client, run, frame->type, step.entry->kind);
	run_pass(run, frame->whole);
}

/* After a result the unit cannot be run elsewhere. */
static void
release_if_shown(Client *client, ReplyRun *run, char type, InFlightKind kind)
{
	if (strchr("DdVHIsCG", type) == NULL && !(client->relay.holds_plan && kind == INFLIGHT_BIND))
		return;
	run_flush(run);
	relay_release_held(client);
}

/* What the router asked for itself. */
static void
handle_own_result(Client *client, const InFlightEntry *entry, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	Slice		value;

	if (frame->type != 'D' || !message_parse_first_column(frame->body, &value))
		return;
	if (entry->purpose == INFLIGHT_POSITION)
		message_parse_lsn(value, &relay->asked_lsn);
	else if (entry->purpose == INFLIGHT_STATE)
		relay->state_answered = pins_parse_answer(value, &relay->pins_left);
}

static void
handle_ReadyForQuery(Client *client, const Frame *frame)
{
	Relay	   *relay = &client->relay;
	char		tx_status;
	InFlightStep step;

	if (!message_parse_ready(frame->body, &tx_status))
	{
		client_fail_server(client, "invalid ReadyForQuery");
		return;
	}
	step = inflight_handle(&relay->inflight, 'Z');
	if (step.verdict == INFLIGHT_UNEXPECTED)
	{
		client_fail_server(client, "unexpected ReadyForQuery");
		return;
	}
	server_set_tx_status(client->server, tx_status);
	if (relay->cancel_due && !relay->is_answered)
		relay_cancel(client);
	if (step.verdict == INFLIGHT_PASS)
		relay->ready_due = true;
	relay->is_answered = inflight_is_empty(&relay->inflight) && !relay->is_open;
}

/* What a replica's error means; see the head of this file. */
static RerunTarget
rerun_target(const Client *client, const ErrorFields *fields)
{
	static const char *const not_here[] = {"25006", "0A000", "55000"};
	static const char *const not_yet_here[] = {"42P01", "42703", "42883", "3F000"};
	static const char *const conflict[] = {"40001", "40P01"};

	if (!relay_may_rerun(client) || client->relay.rerun != RERUN_NO)
		return client->relay.rerun;
	for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
	{
		if (slice_equals_string(fields->sqlstate, not_here[i]))
		{
			learn_from_refusal(client, fields);
			return RERUN_PRIMARY;
		}
	}
	for (size_t i = 0; i < sizeof(not_yet_here) / sizeof(not_yet_here[0]); i++)
	{
		if (slice_equals_string(fields->sqlstate, not_yet_here[i]))
			return RERUN_PRIMARY;
	}
	for (size_t i = 0; i < sizeof(conflict) / sizeof(conflict[0]); i++)
	{
		if (slice_equals_string(fields->sqlstate, conflict[i]))
			return client->relay.excluded ? RERUN_PRIMARY : RERUN_OTHER_NODE;
	}
	return RERUN_NO;
}

/* Whose transactions are SERIALIZABLE by default says nothing about the statement: others may run it there. */
static void
learn_from_refusal(const Client *client, const ErrorFields *fields)
{
	UnitContext context = client_unit_context(client);

	if (refuses_serializable(fields))
		client->account->is_serializable = true;
	else
		unit_learn_primary(buf_slice(&client->unit), &context);
}

/* "cannot use serializable mode in a hot standby", whatever the language: one that was asked for never comes to a replica. */
static bool
refuses_serializable(const ErrorFields *fields)
{
	return slice_equals_string(fields->routine, "GetSerializableTransactionSnapshot");
}

static inline void
run_pass(ReplyRun *run, Slice bytes)
{
	if (run->start + run->len != bytes.data)
	{
		run_flush(run);
		run->start = bytes.data;
	}
	run->len += bytes.len;
}

/* Bytes that do not stand in the receive buffer. */
static void
run_emit(ReplyRun *run, Slice bytes)
{
	run_pass(run, bytes);
	run_flush(run);
}

static void
run_flush(ReplyRun *run)
{
	if (run->len > 0)
		relay_to_client(run->client, slice_make(run->start, run->len));
	run->len = 0;
}

/*
 * What the server skipped has not happened there, though it was noted when it
 * was sent: a statement is not prepared, an evicted one not closed.
 */
static void
skip_entry(void *arg, const InFlightEntry *entry)
{
	Client	   *client = arg;

	if (entry->statement != 0 && entry->kind == INFLIGHT_PARSE)
		server_remove_statement(client->server, entry->statement);
	else if (entry->statement != 0 && entry->kind == INFLIGHT_CLOSE)
		server_restore_statement(client->server, entry->statement);
}

/* "cached plan must not change result type": its table has changed since it was prepared there. */
static bool
is_stale_plan(const InFlightEntry *entry, const ErrorFields *fields)
{
	return entry->statement != 0 && (entry->kind == INFLIGHT_BIND || entry->kind == INFLIGHT_DESCRIBE) &&
		slice_equals_string(fields->sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) && !refuses_serializable(fields);
}

/*
 * A statement is there or not against what we thought: something that cannot
 * be seen (DEALLOCATE ALL inside of DO) has been done.  The next use is right.
 * A stale plan gets another number, in the same unit if that still can be run
 * again; who was told of other columns has the error all the same (relay_check.c).
 */
static void
heal_statement(Client *client, const InFlightEntry *entry, const ErrorFields *fields)
{
	if (entry->statement == 0)
		return;
	if (entry->kind == INFLIGHT_PARSE && slice_equals_string(fields->sqlstate, SQLSTATE_DUPLICATE_PSTATEMENT))
		server_restore_statement(client->server, entry->statement);
	else if (entry->kind != INFLIGHT_PARSE && slice_equals_string(fields->sqlstate, SQLSTATE_UNDEFINED_PSTATEMENT))
		server_remove_statement(client->server, entry->statement);
	else if (is_stale_plan(entry, fields))
		prepared_table_retire(client->context->prepared, entry->statement);
}
