/*-------------------------------------------------------------------------
 *
 * method.c
 *	  Proving a client to us.
 *
 *	  begin  -> AuthenticationSASL                    AWAIT_INITIAL
 *	  'p' SASLInitialResponse -> SASLContinue         AWAIT_RESPONSE
 *	  'p' SASLResponse -> SASLFinal, Ok               ENDED
 *
 * Whoever cannot be proven (unknown, no secret, an md5 one) goes through the
 * same steps with a mock verifier and fails at the end with PostgreSQL's words
 * for a wrong password.  A plain secret uses the salt its name would be given
 * if it were unknown, so not even the salts tell the two apart.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/method.h"

#include "base/memory.h"
#include "scram/scram.h"
#include "wire/build.h"
#include "wire/message.h"

typedef enum AuthStep
{
	NOT_BEGUN,
	AWAIT_INITIAL,
	AWAIT_RESPONSE,
	ENDED
} AuthStep;

/* AuthenticationXXX, "Message Formats" */
#define AUTH_KIND_OK 0
#define AUTH_KIND_SASL 10
#define AUTH_KIND_SASL_CONTINUE 11
#define AUTH_KIND_SASL_FINAL 12

/* The names of mechanisms end with an empty one. */
#define MECHANISMS SCRAM_MECHANISM "\0"

struct AuthExchange
{
	AuthRequestInfo info;
	char	   *user_name;		/* owned copy */
	AuthStep	step;
	ScramServer *scram;			/* owned; NULL before the first SASL data */
	const char *cannot;			/* why no password can be right; NULL: one can */
	const char *log_reason;
};

static AuthStatus handle_initial(AuthExchange *exchange, Slice body, Buf *out, Error *error);
static AuthStatus handle_response(AuthExchange *exchange, Slice data, Buf *out, Error *error);
static const char *why_not_provable(const User *user);
static bool start_scram(AuthExchange *exchange, Error *error);
static bool find_verifier(AuthExchange *exchange, ScramVerifier *verifier, Error *error);
static AuthStatus fail_protocol(AuthExchange *exchange, Error *error, const char *message);
static AuthStatus fail_password(AuthExchange *exchange, Error *error);

AuthExchange *
auth_exchange_create(const AuthRequestInfo *info)
{
	AuthExchange *exchange = mem_alloc(sizeof(AuthExchange));

	exchange->info = *info;
	exchange->user_name = mem_strdup(info->user_name);
	exchange->info.user_name = exchange->user_name;
	exchange->step = NOT_BEGUN;
	exchange->cannot = why_not_provable(info->user);
	exchange->log_reason = "";
	return exchange;
}

void
auth_exchange_destroy(AuthExchange *exchange)
{
	if (exchange == NULL)
		return;
	scram_server_destroy(exchange->scram);
	mem_free(exchange->user_name);
	mem_free(exchange);
}

AuthStatus
auth_exchange_begin(AuthExchange *exchange, Buf *out, Error *error)
{
	if (exchange->info.method == AUTH_TRUST)
	{
		exchange->step = ENDED;
		build_auth(out, AUTH_KIND_OK, slice_make(NULL, 0));
		return AUTH_OK;
	}
	exchange->step = AWAIT_INITIAL;
	build_auth(out, AUTH_KIND_SASL, slice_make(MECHANISMS, sizeof(MECHANISMS)));
	return AUTH_CONTINUE;
}

AuthStatus
auth_exchange_handle(AuthExchange *exchange, Slice body, Buf *out, Error *error)
{
	switch (exchange->step)
	{
		case AWAIT_INITIAL:
			return handle_initial(exchange, body, out, error);
		case AWAIT_RESPONSE:
			return handle_response(exchange, body, out, error);
		default:
			return fail_protocol(exchange, error, "unexpected password message");
	}
}

const char *
auth_exchange_log_reason(const AuthExchange *exchange)
{
	return exchange->log_reason;
}

static AuthStatus
handle_initial(AuthExchange *exchange, Slice body, Buf *out, Error *error)
{
	SaslInitialMessage message;

	if (!message_parse_sasl_initial(body, &message))
		return fail_protocol(exchange, error, "invalid SASLInitialResponse message");
	if (!slice_equals_string(message.mechanism, SCRAM_MECHANISM))
		return fail_protocol(exchange, error,
							 "client selected an invalid SASL authentication mechanism");
	exchange->step = AWAIT_RESPONSE;
	if (message.data.data != NULL)
		return handle_response(exchange, message.data, out, error);

	/* A client may hold its first data back: ask for it with an empty challenge. */
	build_auth(out, AUTH_KIND_SASL_CONTINUE, slice_make(NULL, 0));
	return AUTH_CONTINUE;
}

static AuthStatus
handle_response(AuthExchange *exchange, Slice data, Buf *out, Error *error)
{
	Buf			reply = BUF_INIT;
	ScramStatus status;

	if (exchange->scram == NULL && !start_scram(exchange, error))
		return AUTH_FAILED;
	status = scram_server_step(exchange->scram, data, &reply);
	if (status == SCRAM_CONTINUE)
		build_auth(out, AUTH_KIND_SASL_CONTINUE, buf_slice(&reply));
	if (status == SCRAM_DONE)
	{
		build_auth(out, AUTH_KIND_SASL_FINAL, buf_slice(&reply));
		build_auth(out, AUTH_KIND_OK, slice_make(NULL, 0));
		exchange->step = ENDED;
	}
	buf_release(&reply);

	switch (status)
	{
		case SCRAM_CONTINUE:
			return AUTH_CONTINUE;
		case SCRAM_DONE:
			return AUTH_OK;
		case SCRAM_MALFORMED:
			return fail_protocol(exchange, error, "malformed SCRAM message");
		default:
			return fail_password(exchange, error);
	}
}

static const char *
why_not_provable(const User *user)
{
	if (user == NULL)
		return "the user is not in auth_file";
	if (user->kind == SECRET_NONE)
		return "the user has no secret in auth_file";
	if (user->kind == SECRET_MD5)
		return "the secret in auth_file is md5; scram-sha-256 needs a plain or SCRAM-SHA-256 one";
	return NULL;
}

static bool
start_scram(AuthExchange *exchange, Error *error)
{
	ScramVerifier verifier;

	if (!find_verifier(exchange, &verifier, error))
	{
		exchange->step = ENDED;
		exchange->log_reason = "keys could not be derived";
		return false;
	}
	exchange->scram = scram_server_create(&verifier, exchange->cannot != NULL);
	explicit_bzero(&verifier, sizeof(verifier));
	return true;
}

/*
 * The verifier to hold the client against.  Each path makes the mock verifier,
 * and each derives keys once if some user's path has to.
 */
static bool
find_verifier(AuthExchange *exchange, ScramVerifier *verifier, Error *error)
{
	const AuthRequestInfo *info = &exchange->info;
	const User *user = info->user;
	ScramVerifier mock;

	scram_make_mock_verifier(info->user_name, info->mock_secret, info->mock_secret_len, &mock);
	*verifier = mock;
	if (user != NULL && user->kind == SECRET_PLAIN)
		return scram_derive_keys(user->secret, verifier, error);
	if (info->derive_always && !scram_derive_keys(info->user_name, &mock, error))
		return false;
	if (user != NULL && user->kind == SECRET_SCRAM && !scram_parse_verifier(user->secret, verifier))
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "the secret of the user cannot be read");
	return true;
}

static AuthStatus
fail_protocol(AuthExchange *exchange, Error *error, const char *message)
{
	exchange->step = ENDED;
	exchange->log_reason = message;
	error_set(error, SQLSTATE_PROTOCOL_VIOLATION, "%s", message);
	return AUTH_FAILED;
}

static AuthStatus
fail_password(AuthExchange *exchange, Error *error)
{
	exchange->step = ENDED;
	exchange->log_reason = exchange->cannot != NULL ? exchange->cannot : "wrong password";
	error_set(error, SQLSTATE_INVALID_PASSWORD, "password authentication failed for user \"%s\"",
			  exchange->user_name);
	return AUTH_FAILED;
}
