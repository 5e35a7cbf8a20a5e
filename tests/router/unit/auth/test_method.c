/*
 * test_method.c
 *	  A client proves itself, message by message as on the wire; what it and
 *	  the log are told when it cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "auth/method.h"
#include "scram/scram.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"

#define BYTES(literal) slice_make(literal, sizeof(literal) - 1)
#define WRONG_PASSWORD "password authentication failed for user \"anna\""

static const unsigned char mock_secret[32] = "for tests";

/* What a whole login came to, and what was seen on the way. */
typedef struct Outcome
{
	AuthStatus	status;
	Error		error;
	char		log_reason[128];
	char		server_first[256];
	int			messages;		/* the server's */
	bool		client_is_sure; /* the client saw the server's signature */
} Outcome;

static AuthExchange *
begin(const User *user, AuthMethod method, bool derive_always)
{
	const AuthRequestInfo info = {
		.method = method,
		.user_name = "anna",
		.user = user,
		.mock_secret = mock_secret,
		.mock_secret_len = sizeof(mock_secret),
		.derive_always = derive_always,
	};

	return auth_exchange_create(&info);
}

/* Take the first message out of a buffer; it must be an AuthenticationXXX. */
static AuthRequest
take_request(Buf *from_server, Buf *keep)
{
	Frame		frame;
	AuthRequest request;

	buf_clear(keep);
	assert_int_equal(frame_parse(buf_slice(from_server), &frame), FRAME_OK);
	assert_int_equal(frame.type, 'R');
	buf_append(keep, frame.body);
	buf_consume(from_server, frame.total_len);
	assert_true(message_parse_auth(buf_slice(keep), &request));
	return request;
}

/* The body of the one 'p' message in a buffer. */
static Slice
password_body(const Buf *to_server)
{
	Frame		frame;

	assert_int_equal(frame_parse(buf_slice(to_server), &frame), FRAME_OK);
	assert_int_equal(frame.type, 'p');
	assert_int_equal(frame.total_len, buf_len(to_server));
	return frame.body;
}

static void
take_rest_of_login(AuthExchange *exchange, ScramClient *client, Buf *in, Outcome *outcome)
{
	Buf			out = BUF_INIT;
	Buf			body = BUF_INIT;
	Buf			reply = BUF_INIT;
	AuthRequest request = take_request(in, &body);

	assert_int_equal(request.kind, 11);
	snprintf(outcome->server_first, sizeof(outcome->server_first), "%.*s", (int) request.rest.len,
			 request.rest.data);
	assert_int_equal(scram_client_step(client, request.rest, &reply), SCRAM_CONTINUE);
	build_password(&out, buf_slice(&reply));
	outcome->status = auth_exchange_handle(exchange, password_body(&out), in, &outcome->error);
	if (outcome->status == AUTH_OK)
	{
		request = take_request(in, &body);
		assert_int_equal(request.kind, 12);
		outcome->client_is_sure = scram_client_step(client, request.rest, &reply) == SCRAM_DONE;
		assert_int_equal(take_request(in, &body).kind, 0);
		outcome->messages += 2;
	}
	assert_int_equal(buf_len(in), 0);
	buf_release(&out);
	buf_release(&body);
	buf_release(&reply);
}

static Outcome
login(const User *user, const char *password, bool derive_always)
{
	Outcome		outcome = {.messages = 2};
	AuthExchange *exchange = begin(user, AUTH_SCRAM_SHA_256, derive_always);
	ScramClient *client = scram_client_create(password);
	Buf			in = BUF_INIT;
	Buf			out = BUF_INIT;
	Buf			body = BUF_INIT;
	Buf			first = BUF_INIT;
	AuthRequest request;

	assert_int_equal(auth_exchange_begin(exchange, &in, &outcome.error), AUTH_CONTINUE);
	request = take_request(&in, &body);
	assert_int_equal(request.kind, 10);
	assert_true(message_offers_mechanism(request.rest, SCRAM_MECHANISM));
	assert_false(message_offers_mechanism(request.rest, "SCRAM-SHA-256-PLUS"));

	assert_true(scram_client_first(client, &first, &outcome.error));
	build_sasl_initial(&out, SCRAM_MECHANISM, buf_slice(&first));
	assert_int_equal(auth_exchange_handle(exchange, password_body(&out), &in, &outcome.error),
					 AUTH_CONTINUE);
	take_rest_of_login(exchange, client, &in, &outcome);
	snprintf(outcome.log_reason, sizeof(outcome.log_reason), "%s", auth_exchange_log_reason(exchange));

	scram_client_destroy(client);
	auth_exchange_destroy(exchange);
	buf_release(&in);
	buf_release(&out);
	buf_release(&body);
	buf_release(&first);
	return outcome;
}

/* The part of the server's first message that is not random. */
static const char *
salt_of(const Outcome *outcome)
{
	return strstr(outcome->server_first, ",s=");
}

static const User plain = {"anna", "pencil", SECRET_PLAIN};
static const User scram = {"anna", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
SECRET_SCRAM};
static const User md5 = {"anna", "md50123456789abcdef0123456789abcdef", SECRET_MD5};
static const User none = {"anna", "", SECRET_NONE};

static void
the_right_password_logs_in(void **state)
{
	const User *const users[] = {&plain, &scram};

	for (int i = 0; i < 4; i++)
	{
		Outcome		outcome = login(users[i / 2], "pencil", i % 2 == 1);

		assert_int_equal(outcome.status, AUTH_OK);
		assert_true(outcome.client_is_sure);
		assert_string_equal(outcome.log_reason, "");
	}
}

/* The client is told one thing, the log another. */
static void
everybody_else_fails_alike(void **state)
{
	static const struct
	{
		const User *user;
		const char *log_reason;
	}			cases[] = {
		{&plain, "wrong password"},
		{&scram, "wrong password"},
		{NULL, "the user is not in auth_file, nor found by auth_query"},
		{&none, "the user has no secret in auth_file, or its password has expired"},
		{&md5, "the user's secret is md5; scram-sha-256 needs a plain or SCRAM-SHA-256 one"},
	};

	for (int i = 0; i < 10; i++)
	{
		Outcome		outcome = login(cases[i / 2].user, "Pencil", i % 2 == 1);

		assert_int_equal(outcome.status, AUTH_FAILED);
		assert_string_equal(outcome.error.sqlstate, "28P01");
		assert_string_equal(outcome.error.message, WRONG_PASSWORD);
		assert_string_equal(outcome.error.detail, "");
		assert_string_equal(outcome.error.hint, "");
		assert_int_equal(outcome.messages, 2);
		assert_string_equal(outcome.log_reason, cases[i / 2].log_reason);
	}
}

/* An empty secret, and a stored md5 given as the password, open nothing. */
static void
unprovable_secrets_match_no_password(void **state)
{
	assert_int_equal(login(&none, "", false).status, AUTH_FAILED);
	assert_int_equal(login(&md5, md5.secret, false).status, AUTH_FAILED);
	assert_int_equal(login(&scram, scram.secret, false).status, AUTH_FAILED);
	assert_int_equal(login(NULL, "", false).status, AUTH_FAILED);
}

/* From outside a user with a plain secret looks like one that does not exist. */
static void
salts_do_not_tell_who_exists(void **state)
{
	Outcome		known = login(&plain, "Pencil", false);
	Outcome		again = login(&plain, "pencil", false);
	Outcome		unknown = login(NULL, "pencil", false);
	Outcome		stored = login(&scram, "pencil", false);

	assert_string_equal(salt_of(&known), salt_of(&again));
	assert_string_equal(salt_of(&known), salt_of(&unknown));
	assert_string_equal(salt_of(&stored), ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
}

static void
trust_asks_nothing(void **state)
{
	const User *const users[] = {&plain, NULL};

	for (int i = 0; i < 2; i++)
	{
		AuthExchange *exchange = begin(users[i], AUTH_TRUST, false);
		Buf			in = BUF_INIT;
		Error		error;

		assert_int_equal(auth_exchange_begin(exchange, &in, &error), AUTH_OK);
		assert_int_equal(buf_len(&in), 9);
		assert_memory_equal(buf_slice(&in).data, "R\0\0\0\x08\0\0\0\0", 9);
		assert_int_equal(auth_exchange_handle(exchange, BYTES("x"), &in, &error), AUTH_FAILED);
		auth_exchange_destroy(exchange);
		buf_release(&in);
	}
	auth_exchange_destroy(NULL);
}

/* RFC 4422: a client may wait for an empty challenge before it speaks. */
static void
the_first_data_may_come_late(void **state)
{
	Outcome		outcome = {0};
	AuthExchange *exchange = begin(&scram, AUTH_SCRAM_SHA_256, false);
	ScramClient *client = scram_client_create("pencil");
	Buf			in = BUF_INIT;
	Buf			body = BUF_INIT;
	Buf			first = BUF_INIT;
	AuthRequest request;

	assert_int_equal(auth_exchange_begin(exchange, &in, &outcome.error), AUTH_CONTINUE);
	take_request(&in, &body);
	assert_int_equal(auth_exchange_handle(exchange, BYTES("SCRAM-SHA-256\0\xff\xff\xff\xff"), &in,
										  &outcome.error), AUTH_CONTINUE);
	request = take_request(&in, &body);
	assert_int_equal(request.kind, 11);
	assert_int_equal(request.rest.len, 0);

	assert_true(scram_client_first(client, &first, &outcome.error));
	assert_int_equal(auth_exchange_handle(exchange, buf_slice(&first), &in, &outcome.error), AUTH_CONTINUE);
	take_rest_of_login(exchange, client, &in, &outcome);
	assert_int_equal(outcome.status, AUTH_OK);
	assert_true(outcome.client_is_sure);

	scram_client_destroy(client);
	auth_exchange_destroy(exchange);
	buf_release(&in);
	buf_release(&body);
	buf_release(&first);
}

static void
broken_messages_are_protocol_errors(void **state)
{
	const struct
	{
		Slice		body;
		const char *message;
	}			cases[] = {
		{BYTES(""), "invalid SASLInitialResponse message"},
		{BYTES("pencil\0"), "invalid SASLInitialResponse message"},
		{BYTES("SCRAM-SHA-256\0\0\0\0\xffn,,n=,r=abc"), "invalid SASLInitialResponse message"},
		{BYTES("SCRAM-SHA-256-PLUS\0\0\0\0\x0bn,,n=,r=abc"),
		"client selected an invalid SASL authentication mechanism"},
		{BYTES("\0\0\0\0\x0bn,,n=,r=abc"), "client selected an invalid SASL authentication mechanism"},
		{BYTES("SCRAM-SHA-256\0\0\0\0\0"), "malformed SCRAM message"},
		{BYTES("SCRAM-SHA-256\0\0\0\0\4what"), "malformed SCRAM message"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		AuthExchange *exchange = begin(&scram, AUTH_SCRAM_SHA_256, false);
		Buf			in = BUF_INIT;
		Error		error;

		assert_int_equal(auth_exchange_begin(exchange, &in, &error), AUTH_CONTINUE);
		buf_clear(&in);
		assert_int_equal(auth_exchange_handle(exchange, cases[i].body, &in, &error), AUTH_FAILED);
		assert_string_equal(error.sqlstate, "08P01");
		assert_string_equal(error.message, cases[i].message);
		assert_int_equal(buf_len(&in), 0);

		/* There is no second try. */
		assert_int_equal(auth_exchange_handle(exchange, BYTES("SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abc"),
											  &in, &error), AUTH_FAILED);
		assert_int_equal(buf_len(&in), 0);
		auth_exchange_destroy(exchange);
		buf_release(&in);
	}
}

/* Guards: a proof against a verifier yields keys that log in where it is stored; a wrong one yields none. */
static void
a_proof_gives_keys_away(void **state)
{
	for (int i = 0; i < 2; i++)
	{
		AuthExchange *exchange = begin(&scram, AUTH_SCRAM_SHA_256, false);
		ScramClient *client = scram_client_create(i == 0 ? "pencil" : "Pencil");
		Outcome		outcome = {0};
		Buf			in = BUF_INIT;
		Buf			out = BUF_INIT;
		Buf			body = BUF_INIT;
		Buf			first = BUF_INIT;

		auth_exchange_begin(exchange, &in, &outcome.error);
		take_request(&in, &body);
		assert_true(scram_client_first(client, &first, &outcome.error));
		build_sasl_initial(&out, SCRAM_MECHANISM, buf_slice(&first));
		auth_exchange_handle(exchange, password_body(&out), &in, &outcome.error);
		assert_null(auth_exchange_keys(exchange));
		take_rest_of_login(exchange, client, &in, &outcome);
		assert_int_equal(outcome.status, i == 0 ? AUTH_OK : AUTH_FAILED);
		assert_int_equal(auth_exchange_keys(exchange) != NULL, i == 0);
		if (i == 0)
		{
			assert_true(scram_keys_fit(auth_exchange_keys(exchange), scram.secret));
			assert_false(scram_keys_fit(scram.secret, scram.secret));
			assert_false(scram_keys_fit("pencil", scram.secret));
			assert_false(scram_keys_fit(auth_exchange_keys(exchange), "pencil"));
		}
		scram_client_destroy(client);
		auth_exchange_destroy(exchange);
		buf_release(&in);
		buf_release(&out);
		buf_release(&body);
		buf_release(&first);
	}
}

/* One login with AUTH_MD5; password NULL: the response is the text of garbage. */
static AuthStatus
login_md5(const User *user, const char *password, bool mock_is_md5, Error *error)
{
	const AuthRequestInfo info = {
		.method = AUTH_MD5,
		.user_name = "anna",
		.user = user,
		.mock_secret = mock_secret,
		.mock_secret_len = sizeof(mock_secret),
		.mock_is_md5 = mock_is_md5,
	};
	AuthExchange *exchange = auth_exchange_create(&info);
	AuthStatus	status;
	AuthRequest request;
	Buf			in = BUF_INIT;
	Buf			body = BUF_INIT;
	char		response[MD5_TEXT_SIZE];

	assert_int_equal(auth_exchange_begin(exchange, &in, error), AUTH_CONTINUE);
	request = take_request(&in, &body);
	assert_int_equal(request.kind, 5);
	assert_int_equal(request.rest.len, 4);
	assert_true(md5_make_response(password ? password : "x", "anna", (const uint8_t *) request.rest.data, response));
	status = auth_exchange_handle(exchange, slice_make(response, password ? strlen(response) + 1 : 10), &in, error);
	if (status == AUTH_OK)
		assert_int_equal(take_request(&in, &body).kind, 0);
	assert_int_equal(buf_len(&in), 0);
	assert_null(auth_exchange_keys(exchange));

	/* there is no second try */
	assert_int_equal(auth_exchange_handle(exchange, slice_make(response, 1), &in, error), AUTH_FAILED);
	auth_exchange_destroy(exchange);
	buf_release(&in);
	buf_release(&body);
	return status;
}

static const User hashed = {"anna", "md5984c3e9256f24b08e5b849d2265593b2", SECRET_MD5};	/* "pencil" */

static void
md5_takes_passwords_and_hashes(void **state)
{
	Error		error;

	assert_int_equal(login_md5(&plain, "pencil", false, &error), AUTH_OK);
	assert_int_equal(login_md5(&hashed, "pencil", false, &error), AUTH_OK);
	assert_int_equal(login_md5(&plain, "Pencil", false, &error), AUTH_FAILED);
	assert_int_equal(login_md5(&hashed, "Pencil", false, &error), AUTH_FAILED);
	assert_int_equal(login_md5(&hashed, NULL, false, &error), AUTH_FAILED);
	assert_int_equal(login_md5(NULL, "anna", true, &error), AUTH_FAILED);	/* nor the name it is held against */
	assert_int_equal(login_md5(&none, "", true, &error), AUTH_FAILED);
}

/* Guards: with md5 a stored verifier is proven by SCRAM, and unknown users are asked what the table's are. */
static void
md5_asks_for_scram_where_it_must(void **state)
{
	const struct
	{
		const User *user;
		bool		mock_is_md5;
	}			cases[] = {{&scram, true}, {NULL, false}, {&none, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const AuthRequestInfo info = {
			.method = AUTH_MD5,
			.user_name = "anna",
			.user = cases[i].user,
			.mock_secret = mock_secret,
			.mock_secret_len = sizeof(mock_secret),
			.mock_is_md5 = cases[i].mock_is_md5,
		};
		AuthExchange *exchange = auth_exchange_create(&info);
		Buf			in = BUF_INIT;
		Buf			body = BUF_INIT;
		Error		error;

		assert_int_equal(auth_exchange_begin(exchange, &in, &error), AUTH_CONTINUE);
		assert_int_equal(take_request(&in, &body).kind, 10);
		auth_exchange_destroy(exchange);
		buf_release(&in);
		buf_release(&body);
	}
}

/* Guards: peer and certificates let in under the proven name only, in PostgreSQL's words. */
static void
a_proven_name_must_be_the_users(void **state)
{
	static const struct
	{
		AuthMethod	method;
		const char *proven;
		const char *message;	/* NULL: let in */
	}			cases[] = {
		{AUTH_PEER, "anna", NULL},
		{AUTH_PEER, "bob", "Peer authentication failed for user \"anna\""},
		{AUTH_PEER, NULL, "Peer authentication failed for user \"anna\""},
		{AUTH_CERT, "anna", NULL},
		{AUTH_CERT, "ann", "certificate authentication failed for user \"anna\""},
		{AUTH_CERT, NULL, "certificate authentication failed for user \"anna\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const AuthRequestInfo info = {
			.method = cases[i].method,.user_name = "anna",.proven_name = cases[i].proven
		};
		AuthExchange *exchange = auth_exchange_create(&info);
		Buf			in = BUF_INIT;
		Buf			body = BUF_INIT;
		Error		error;
		AuthStatus	status = auth_exchange_begin(exchange, &in, &error);

		assert_int_equal(status, cases[i].message == NULL ? AUTH_OK : AUTH_FAILED);
		if (cases[i].message == NULL)
			assert_int_equal(take_request(&in, &body).kind, 0);
		else
		{
			assert_string_equal(error.sqlstate, "28000");
			assert_string_equal(error.message, cases[i].message);
			assert_int_equal(buf_len(&in), 0);
		}
		auth_exchange_destroy(exchange);
		buf_release(&in);
		buf_release(&body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_gives_keys_away),
		cmocka_unit_test(md5_takes_passwords_and_hashes),
		cmocka_unit_test(md5_asks_for_scram_where_it_must),
		cmocka_unit_test(a_proven_name_must_be_the_users),
		cmocka_unit_test(the_right_password_logs_in),
		cmocka_unit_test(everybody_else_fails_alike),
		cmocka_unit_test(unprovable_secrets_match_no_password),
		cmocka_unit_test(salts_do_not_tell_who_exists),
		cmocka_unit_test(trust_asks_nothing),
		cmocka_unit_test(the_first_data_may_come_late),
		cmocka_unit_test(broken_messages_are_protocol_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
