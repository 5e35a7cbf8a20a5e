/*-------------------------------------------------------------------------
 *
 * method.c
 *	  Proving a client to us.
 *
 *	  begin  -> AuthenticationMD5Password             AWAIT_MD5
 *	  'p' PasswordMessage -> Ok                       ENDED
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
	AWAIT_MD5,
	AWAIT_INITIAL,
	AWAIT_RESPONSE,
	ENDED
} AuthStep;

/* AuthenticationXXX, "Message Formats" */
#define AUTH_KIND_OK 0
#define AUTH_KIND_MD5 5
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
	bool		uses_md5;
	uint8_t		md5_salt[4];
	char		keys[SCRAM_KEYS_TEXT_SIZE]; /* empty: none were proven */
	ScramServer *scram;			/* owned; NULL before the first SASL data */
	const char *cannot;			/* why no password can be right; NULL: one can */
	const char *log_reason;
};

static AuthStatus begin_md5(AuthExchange *exchange, Buf *out, Error *error);
static AuthStatus judge_name(AuthExchange *exchange, Buf *out, Error *error);
static AuthStatus handle_md5(AuthExchange *exchange, Slice body, Buf *out, Error *error);
static AuthStatus handle_initial(AuthExchange *exchange, Slice body, Buf *out, Error *error);
static AuthStatus handle_response(AuthExchange *exchange, Slice data, Buf *out, Error *error);
static bool asks_for_md5(const AuthRequestInfo *info);
static const char *why_not_provable(const User *user, bool uses_md5);
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
	exchange->uses_md5 = asks_for_md5(info);
	exchange->cannot = why_not_provable(info->user, exchange->uses_md5);
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
	explicit_bzero(exchange, sizeof(*exchange));
	mem_free(exchange);
}

AuthStatus
auth_exchange_begin(AuthExchange *exchange, Buf *out, Error *error)
{
	AuthMethod	method = exchange->info.method;

	if (method == AUTH_TRUST)
	{
		exchange->step = ENDED;
		build_auth(out, AUTH_KIND_OK, slice_make(NULL, 0));
		return AUTH_OK;
	}
	if (method == AUTH_PEER || method == AUTH_CERT)
		return judge_name(exchange, out, error);
	if (exchange->uses_md5)
		return begin_md5(exchange, out, error);
	exchange->step = AWAIT_INITIAL;
	build_auth(out, AUTH_KIND_SASL, slice_make(MECHANISMS, sizeof(MECHANISMS)));
	return AUTH_CONTINUE;
}

AuthStatus
auth_exchange_handle(AuthExchange *exchange, Slice body, Buf *out, Error *error)
{
	switch (exchange->step)
	{
		case AWAIT_MD5:
			return handle_md5(exchange, body, out, error);
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

const char *
auth_exchange_keys(const AuthExchange *exchange)
{
	return exchange->keys[0] != '\0' ? exchange->keys : NULL;
}

/* ---------------------------------------------------------------- peer, cert */

static AuthStatus
judge_name(AuthExchange *exchange, Buf *out, Error *error)
{
	const char *proven = exchange->info.proven_name;
	bool		is_peer = exchange->info.method == AUTH_PEER;

	exchange->step = ENDED;
	exchange->info.proven_name = NULL;
	if (proven != NULL && strcmp(proven, exchange->user_name) == 0)
	{
		build_auth(out, AUTH_KIND_OK, slice_make(NULL, 0));
		return AUTH_OK;
	}
	exchange->log_reason = is_peer ? "the user of the system has another name, or is not known" :
		"the client's certificate has another name, or there is none";
	error_set(error, SQLSTATE_INVALID_AUTHORIZATION, "%s authentication failed for user \"%s\"",
			  is_peer ? "Peer" : "certificate", exchange->user_name);
	return AUTH_FAILED;
}

/* ---------------------------------------------------------------- md5 */

static AuthStatus
begin_md5(AuthExchange *exchange, Buf *out, Error *error)
{
	exchange->step = AWAIT_MD5;
	if (!scram_random_bytes(exchange->md5_salt, sizeof(exchange->md5_salt)))
	{
		exchange->step = ENDED;
		exchange->log_reason = "no random numbers";
		error_set(error, SQLSTATE_INTERNAL_ERROR, "could not generate random salt");
		return AUTH_FAILED;
	}
	build_auth(out, AUTH_KIND_MD5, slice_make((const char *) exchange->md5_salt, sizeof(exchange->md5_salt)));
	return AUTH_CONTINUE;
}

/* Who cannot be proven is held against a secret too, for the time that takes. */
static AuthStatus
handle_md5(AuthExchange *exchange, Slice body, Buf *out, Error *error)
{
	const User *user = exchange->info.user;
	const char *secret = exchange->cannot == NULL ? user->secret : exchange->user_name;
	bool		is_right;

	if (body.len == 0 || memchr(body.data, '\0', body.len) != body.data + body.len - 1)
		return fail_protocol(exchange, error, "invalid password message");
	is_right = md5_response_is_right(secret, exchange->user_name, exchange->md5_salt,
									 slice_make(body.data, body.len - 1));
	if (!is_right || exchange->cannot != NULL)
		return fail_password(exchange, error);
	exchange->step = ENDED;
	build_auth(out, AUTH_KIND_OK, slice_make(NULL, 0));
	return AUTH_OK;
}

/* ---------------------------------------------------------------- SCRAM */

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
		if (!scram_server_keys(exchange->scram, exchange->keys))
			exchange->keys[0] = '\0';
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

static bool
asks_for_md5(const AuthRequestInfo *info)
{
	if (info->method != AUTH_MD5)
		return false;
	if (info->user == NULL || info->user->kind == SECRET_NONE)
		return info->mock_is_md5;
	return info->user->kind != SECRET_SCRAM;
}

static const char *
why_not_provable(const User *user, bool uses_md5)
{
	if (user == NULL)
		return "the user is not in auth_file, nor found by auth_query";
	if (user->kind == SECRET_NONE)
		return "the user has no secret in auth_file, or its password has expired";
	if (user->kind == SECRET_MD5 && !uses_md5)
		return "the user's secret is md5; scram-sha-256 needs a plain or SCRAM-SHA-256 one";
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
