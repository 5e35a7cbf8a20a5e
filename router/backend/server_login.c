/*-------------------------------------------------------------------------
 *
 * server_login.c
 *	  From a connection to a server that may be used.
 *
 * Follows PostgreSQL's documentation, "Message Flow: Start-up".
 *
 * With server_tls_sslmode SSLRequest comes first, and what is said in answer
 * to it in clear text is not believed beyond its one byte.
 *
 * The startup packet names user and database and nothing of a client's
 * wishes: those are applied later, by SET, so that a server can pass from
 * client to client.  On a replica the session is read-only from the start,
 * which no promotion changes.  On a primary commit positions are switched on;
 * a node without the extension takes that setting silently, so once logged
 * in we look for andon.enable_commit_lsn() and call it, and believe in the
 * reports only when it answered with one.  The look comes first because a
 * call that fails would write an error into the node's log at every login.
 * The query finds what it names whatever the role's search_path is.
 *
 * The node is not trusted: messages are bounded and checked, an unexpected one
 * ends the login.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/server_login.h"

#include <stdio.h>

#include "backend/server_internal.h"
#include "backend/server_proof.h"
#include "base/memory.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define MAX_LOGIN_MESSAGE (64 * 1024)
#define APPLICATION_NAME "andon-router"
#define COMMIT_LSN_SETTING "andon.report_commit_lsn"
#define COMMIT_LSN_PARAMETER "andon.commit_lsn"

#define FIND_QUERY \
	"SELECT 1 FROM pg_catalog.pg_proc p" \
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace" \
	" WHERE n.nspname OPERATOR(pg_catalog.=) 'andon'" \
	" AND p.proname OPERATOR(pg_catalog.=) 'enable_commit_lsn'" \
	" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')" \
	" AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
#define ENABLE_QUERY "SELECT andon.enable_commit_lsn()"

typedef enum LoginStep
{
	STEP_TLS_ASKED,				/* SSLRequest sent, one byte awaited */
	STEP_TLS_HANDSHAKE,
	STEP_AUTHENTICATION,		/* startup sent: the proof goes on */
	STEP_STARTING,				/* Ok seen, ReadyForQuery awaited */
	STEP_FINDING,				/* is the extension there? */
	STEP_ENABLING,				/* andon.enable_commit_lsn() called */
	STEP_CONNECT_QUERY
} LoginStep;

struct ServerLogin
{
	LoginStep	step;
	ServerProof *proof;			/* owned */
	char	   *connect_query;	/* owned; NULL: none */
	Buf			out;
	Buf			startup;		/* the client's own startup packet; empty: ours */
	bool		found_extension;
	bool		ended;			/* on_ready or on_failed was called */
	const ServerLoginEvents *events;
	void	   *owner;
};

static void begin_tls(Server *server);
static void send_startup(Server *server);
static size_t on_data(void *owner, Slice data);
static size_t handle_tls_answer(Server *server, Slice data);
static void on_lost(void *owner, const char *why);
static bool handle_message(Server *server, const Frame *frame);
static bool handle_Authentication(Server *server, Slice body);
static bool handle_ParameterStatus(Server *server, Slice body);
static bool handle_BackendKeyData(Server *server, Slice body);
static bool handle_ErrorResponse(Server *server, Slice body);
static bool handle_ReadyForQuery(Server *server, Slice body);
static void log_connect_query(const Server *server, const ErrorFields *fields);
static bool is_querying(const Server *server);
static bool is_trouble_sqlstate(const char *sqlstate);
static void send_out(Server *server);
static void send_query(Server *server, const char *text, LoginStep step);
static bool finish(Server *server);
static bool fail(Server *server, LoginFailure failure, const Error *error);
static bool fail_protocol(Server *server, const char *what);
static int	slice_width(Slice text);

static const ServerEvents login_events = {on_data, NULL, on_lost, NULL};

void
server_login_attach(Server *server, const char *password, const char *connect_query,
					const ServerLoginEvents *events, void *owner)
{
	const ProofPlan plan = {server->user, server->node_name, password, server->host[0] == '/'};
	ServerLogin *login = mem_alloc(sizeof(ServerLogin));

	login->proof = server_proof_create(&plan);
	login->connect_query = connect_query == NULL || connect_query[0] == '\0' ? NULL : mem_strdup(connect_query);
	login->events = events;
	login->owner = owner;
	server->login = login;
	server_hold(server, &login_events, server);
}

void
server_login_set_startup(Server *server, const char *const *names_and_values)
{
	build_startup(&server->login->startup, names_and_values);
}

void
server_login_begin(Server *server)
{
	server_set_state(server, SERVER_LOGIN);
	if (server->tls == NULL)
		send_startup(server);
	else if (tls_context_is_direct(server->tls))
		begin_tls(server);
	else
	{
		server->login->step = STEP_TLS_ASKED;
		build_ssl_request(&server->login->out);
		send_out(server);
	}
}

static void
begin_tls(Server *server)
{
	StreamTlsPlan plan = {
		.context = server->tls,
		.host = server->host,
		.needs_alpn = tls_context_is_direct(server->tls),
	};

	server->login->step = STEP_TLS_HANDSHAKE;
	stream_start_tls(server->stream, &plan);
}

void
server_login_secured(Server *server)
{
	if (server->login != NULL && !server->login->ended)
		send_startup(server);
}

static void
send_startup(Server *server)
{
	const char *params[] = {
		"user", server->user,
		"database", server->database,
		"application_name", APPLICATION_NAME,
		server_is_replica(server) ? "default_transaction_read_only" : COMMIT_LSN_SETTING, "on",
		NULL
	};

	server->login->step = STEP_AUTHENTICATION;
	if (buf_len(&server->login->startup) > 0)
		buf_append(&server->login->out, buf_slice(&server->login->startup));
	else
		build_startup(&server->login->out, params);
	send_out(server);
}

void
server_login_give_up(Server *server)
{
	Error		error;

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW,
			  "node \"%s\" (%s port %d) did not let us log in in time",
			  server->node_name, server->host, server->port);
	fail(server, LOGIN_NODE_TROUBLE, &error);
}

void
server_login_destroy(Server *server)
{
	ServerLogin *login = server->login;

	if (login == NULL)
		return;
	server_proof_destroy(login->proof);
	mem_free(login->connect_query);
	buf_release(&login->out);
	buf_release(&login->startup);
	mem_free(login);
	server->login = NULL;
}

/* ---------------------------------------------------------------- stream */

static size_t
on_data(void *owner, Slice data)
{
	Server	   *server = owner;
	size_t		used = 0;

	if (server->login != NULL && server->login->step == STEP_TLS_ASKED)
		return handle_tls_answer(server, data);

	/* whoever is told of the end may close the server, and its login with it */
	while (server->login != NULL && !server->login->ended)
	{
		Frame		frame;
		FrameStatus status = frame_peek(slice_skip(data, used), &frame);

		if (status == FRAME_OK && frame.total_len > MAX_LOGIN_MESSAGE)
			status = FRAME_MALFORMED;
		if (status == FRAME_OK)
			status = frame_parse(slice_skip(data, used), &frame);
		if (status == FRAME_PARTIAL)
			return used;
		if (status == FRAME_MALFORMED)
		{
			fail_protocol(server, "a message of impossible length");
			return used;
		}
		used += frame.total_len;
		if (!handle_message(server, &frame))
			return used;
	}
	return used;
}

static void
on_lost(void *owner, const char *why)
{
	Server	   *server = owner;

	/* what TLS itself objects to, a certificate for one, does not pass by waiting */
	bool		is_refused = server->login->step == STEP_TLS_HANDSHAKE && strncmp(why, "TLS: ", 5) == 0;
	Error		error;

	if (server->state == SERVER_CONNECTING)
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "cannot connect to node \"%s\" (%s port %d): %s",
				  server->node_name, server->host, server->port, why);
	else if (server->login->step == STEP_TLS_HANDSHAKE)
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "no encrypted connection to node \"%s\" (%s port %d): %s%s",
				  server->node_name, server->host, server->port, why,
				  is_refused || !tls_context_is_direct(server->tls) ? "" :
				  " (is it older than PostgreSQL 17? Then set server_tls_negotiation to postgres)");
	else
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "node \"%s\" (%s port %d) closed the connection during login: %s",
				  server->node_name, server->host, server->port, why);
	fail(server, is_refused ? LOGIN_REFUSED : LOGIN_NODE_TROUBLE, &error);
}

/*
 * One byte, and nothing behind it: that would be in clear text, and anybody's.
 * The same goes for the words of an error sent instead (CVE-2024-10977): they
 * are not repeated.
 */
static size_t
handle_tls_answer(Server *server, Slice data)
{
	ServerLogin *login = server->login;
	Error		error;

	if (login->ended)
		return data.len;
	if (data.len > 1 && data.data[0] != 'E')
		fail_protocol(server, "bytes in clear text behind its answer to SSLRequest");
	else if (data.data[0] == 'S')
		begin_tls(server);
	else if (data.data[0] == 'N' && tls_context_mode(server->tls) < TLS_MODE_REQUIRE)
		send_startup(server);
	else if (data.data[0] == 'N')
	{
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "node \"%s\" (%s port %d) does not offer TLS, "
				  "which server_tls_sslmode demands", server->node_name, server->host, server->port);
		error_set_hint(&error, "Set ssl = on there, or server_tls_sslmode to prefer.");
		fail(server, LOGIN_NODE_TROUBLE, &error);
	}
	else if (data.data[0] == 'E')
	{
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "node \"%s\" (%s port %d) answered with an error "
				  "before the connection was encrypted", server->node_name, server->host, server->port);
		error_set_hint(&error, "The node's log says which.");
		fail(server, LOGIN_NODE_TROUBLE, &error);
	}
	else
		fail_protocol(server, "an unknown answer to SSLRequest");
	return data.len;
}

/* ---------------------------------------------------------------- messages */

/* False: the login has ended, one way or the other. */
static bool
handle_message(Server *server, const Frame *frame)
{
	switch (frame->type)
	{
		case 'R':
			return handle_Authentication(server, frame->body);
		case 'S':
			return handle_ParameterStatus(server, frame->body);
		case 'K':
			return handle_BackendKeyData(server, frame->body);
		case 'E':
			return handle_ErrorResponse(server, frame->body);
		case 'Z':
			return handle_ReadyForQuery(server, frame->body);
		case 'N':
			return true;
		case 'D':
			if (server->login->step == STEP_FINDING)
				server->login->found_extension = true;
			/* FALLTHROUGH */
		case 'T':
		case 'C':
		case 'I':
			return is_querying(server) ? true : fail_protocol(server, "an answer to nothing");
		default:
			return fail_protocol(server, "an unexpected message");
	}
}

static bool
handle_Authentication(Server *server, Slice body)
{
	ServerLogin *login = server->login;
	Error		error;

	switch (server_proof_step(login->proof, body, &login->out, &error))
	{
		case PROOF_CONTINUE:
			send_out(server);
			return true;
		case PROOF_DONE:
			login->step = STEP_STARTING;
			return true;
		case PROOF_REFUSED:
			return fail(server, LOGIN_REFUSED, &error);
		case PROOF_PROTOCOL:
			break;
	}
	return fail_protocol(server, error.message);
}

static bool
handle_ParameterStatus(Server *server, Slice body)
{
	Slice		name;
	Slice		value;

	if (server->login->step < STEP_STARTING || !message_parse_parameter_status(body, &name, &value))
		return fail_protocol(server, "a malformed ParameterStatus");
	if (server->login->step == STEP_ENABLING && slice_equals_string(name, COMMIT_LSN_PARAMETER))
		server->reports_commit_lsn = true;
	server_note_parameter(server, name, value);
	return true;
}

static bool
handle_BackendKeyData(Server *server, Slice body)
{
	Slice		key;

	if (server->login->step != STEP_STARTING ||
		!message_parse_backend_key(body, &server->pid, &key) || key.len > SERVER_KEY_MAX)
		return fail_protocol(server, "a malformed BackendKeyData");
	memcpy(server->key, key.data, key.len);
	server->key_len = (int) key.len;
	return true;
}

/*
 * While logging in an error is the end.  An error of our own two queries only
 * means that commit positions are not reported, one of connect_query is logged;
 * ReadyForQuery follows.
 */
static bool
handle_ErrorResponse(Server *server, Slice body)
{
	ErrorFields fields;
	char		sqlstate[6];
	Error		error;

	if (!message_parse_error(body, &fields))
		return fail_protocol(server, "a malformed ErrorResponse");
	if (is_querying(server) && !slice_equals_string(fields.severity, "FATAL") &&
		!slice_equals_string(fields.severity, "PANIC"))
	{
		if (server->login->step == STEP_CONNECT_QUERY)
			log_connect_query(server, &fields);
		return true;
	}
	snprintf(sqlstate, sizeof(sqlstate), "%.*s", slice_width(fields.sqlstate), fields.sqlstate.data);
	if (strlen(sqlstate) != 5)
		memcpy(sqlstate, SQLSTATE_CONNECTION_FAILURE, sizeof(sqlstate));
	error_set(&error, sqlstate, "%.*s", slice_width(fields.message), fields.message.data);
	if (fields.detail.len > 0)
		error_set_detail(&error, "%.*s", slice_width(fields.detail), fields.detail.data);
	if (fields.hint.len > 0)
		error_set_hint(&error, "%.*s", slice_width(fields.hint), fields.hint.data);
	return fail(server, is_trouble_sqlstate(sqlstate) ? LOGIN_NODE_TROUBLE : LOGIN_REFUSED, &error);
}

static void
log_connect_query(const Server *server, const ErrorFields *fields)
{
	char		reason[ERROR_MESSAGE_SIZE];

	snprintf(reason, sizeof(reason), "%.*s", slice_width(fields->message), fields->message.data);
	server_log(server, true, "connect_query_failed", reason);
}

static bool
handle_ReadyForQuery(Server *server, Slice body)
{
	ServerLogin *login = server->login;
	char		tx_status;

	if (login->step < STEP_STARTING || !message_parse_ready(body, &tx_status) || tx_status != 'I')
		return fail_protocol(server, "an unexpected ReadyForQuery");
	if (buf_len(&login->startup) > 0)
		return finish(server);
	if (login->step == STEP_STARTING && !server_is_replica(server))
		send_query(server, FIND_QUERY, STEP_FINDING);
	else if (login->step == STEP_FINDING && login->found_extension)
		send_query(server, ENABLE_QUERY, STEP_ENABLING);
	else if (login->step != STEP_CONNECT_QUERY && login->connect_query != NULL)
		send_query(server, login->connect_query, STEP_CONNECT_QUERY);
	else
		return finish(server);
	return true;
}

static bool
is_querying(const Server *server)
{
	return server->login->step >= STEP_FINDING;
}

/* Connection exceptions, operator intervention, system error: about the node, not about us. */
static bool
is_trouble_sqlstate(const char *sqlstate)
{
	return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57P", 3) == 0 ||
		strncmp(sqlstate, "58", 2) == 0 || strncmp(sqlstate, "XX", 2) == 0;
}

/* ---------------------------------------------------------------- sending */

static void
send_out(Server *server)
{
	Buf		   *out = &server->login->out;

	stream_write(server->stream, buf_slice(out));
	explicit_bzero(out->data + out->start, buf_len(out));
	buf_clear(out);
}

static void
send_query(Server *server, const char *text, LoginStep step)
{
	build_query(&server->login->out, slice_from_string(text));
	server->login->step = step;
	send_out(server);
}

/* ---------------------------------------------------------------- the end */

static bool
finish(Server *server)
{
	ServerLogin *login = server->login;
	Error		error;

	if (server->is_stale)
	{
		error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "node \"%s\" (%s port %d) has just changed its role",
				  server->node_name, server->host, server->port);
		return fail(server, LOGIN_NODE_TROUBLE, &error);
	}
	login->ended = true;
	login->events->on_ready(login->owner, server);
	return false;
}

static bool
fail(Server *server, LoginFailure failure, const Error *error)
{
	ServerLogin *login = server->login;

	login->ended = true;
	login->events->on_failed(login->owner, server, failure, error);
	return false;
}

static bool
fail_protocol(Server *server, const char *what)
{
	Error		error;

	error_set(&error, SQLSTATE_PROTOCOL_VIOLATION, "node \"%s\" (%s port %d) sent %s during login",
			  server->node_name, server->host, server->port, what);
	error_set_hint(&error, "Is a PostgreSQL server listening there?");
	return fail(server, LOGIN_NODE_TROUBLE, &error);
}

/* For "%.*s": what an Error can hold is short. */
static int
slice_width(Slice text)
{
	return text.len < ERROR_MESSAGE_SIZE ? (int) text.len : ERROR_MESSAGE_SIZE;
}
