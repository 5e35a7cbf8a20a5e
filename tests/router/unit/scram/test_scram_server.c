/*
 * test_scram_server.c
 *	  The server's side of SCRAM: the vector of RFC 7677, then everything a
 *	  client can do wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "scram/scram_internal.h"

/* RFC 7677, section 3: user "user", password "pencil" */
#define RFC_SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define RFC_CLIENT_FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define RFC_SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_NONCE "rOprNGfwEbeRWgbNEkqO" RFC_SERVER_NONCE
#define RFC_SERVER_FIRST "r=" RFC_NONCE ",s=" RFC_SALT ",i=4096"
#define RFC_PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define RFC_CLIENT_FINAL "c=biws,r=" RFC_NONCE ",p=" RFC_PROOF
#define RFC_SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static ScramVerifier rfc_verifier;

static int
make_rfc_verifier(void **state)
{
	Error		error;

	rfc_verifier.iterations = 4096;
	rfc_verifier.salt_len = scram_decode_base64(slice_from_string(RFC_SALT), rfc_verifier.salt,
												sizeof(rfc_verifier.salt));
	return scram_derive_keys("pencil", &rfc_verifier, &error) ? 0 : -1;
}

/* One step, fed from memory of exactly the message's size. */
static ScramStatus
step(ScramServer *scram, const char *message, Buf *out)
{
	size_t		len = strlen(message);
	char	   *exact = malloc(len > 0 ? len : 1);
	ScramStatus status;

	memcpy(exact, message, len);
	buf_clear(out);
	status = scram_server_step(scram, slice_make(exact, len), out);
	free(exact);
	return status;
}

/* What comes of the two messages, one after the other; out holds the last answer. */
static ScramStatus
exchange(const char *first, const char *final, bool is_mock, Buf *out)
{
	ScramServer *scram = scram_server_create_with_nonce(&rfc_verifier, is_mock, RFC_SERVER_NONCE);
	ScramStatus status = step(scram, first, out);

	if (status == SCRAM_CONTINUE && final != NULL)
		status = step(scram, final, out);
	scram_server_destroy(scram);
	return status;
}

static void
the_rfc_vector_is_answered_to_the_letter(void **state)
{
	Buf			out = BUF_INIT;
	ScramServer *scram = scram_server_create_with_nonce(&rfc_verifier, false, RFC_SERVER_NONCE);

	assert_int_equal(step(scram, RFC_CLIENT_FIRST, &out), SCRAM_CONTINUE);
	assert_true(slice_equals_string(buf_slice(&out), RFC_SERVER_FIRST));
	assert_int_equal(step(scram, RFC_CLIENT_FINAL, &out), SCRAM_DONE);
	assert_true(slice_equals_string(buf_slice(&out), RFC_SERVER_FINAL));

	/* It is over: the same proof again is no login. */
	assert_int_equal(step(scram, RFC_CLIENT_FINAL, &out), SCRAM_MALFORMED);
	assert_int_equal(buf_len(&out), 0);
	scram_server_destroy(scram);
	buf_release(&out);
}

static void
a_mock_fails_with_the_right_proof_too(void **state)
{
	Buf			out = BUF_INIT;

	assert_int_equal(exchange(RFC_CLIENT_FIRST, NULL, true, &out), SCRAM_CONTINUE);
	assert_true(slice_equals_string(buf_slice(&out), RFC_SERVER_FIRST));
	assert_int_equal(exchange(RFC_CLIENT_FIRST, RFC_CLIENT_FINAL, true, &out), SCRAM_FAILED);
	assert_int_equal(buf_len(&out), 0);
	buf_release(&out);
}

static void
first_messages(void **state)
{
	static const struct
	{
		const char *message;
		ScramStatus expected;
	}			cases[] = {
		{"n,,n=,r=abc", SCRAM_CONTINUE},	/* libpq leaves the name out */
		{"y,,n=,r=abc", SCRAM_CONTINUE},
		{"n,,n=user,r=abc,x=ext,y=", SCRAM_CONTINUE},
		{"n,,n=user,r=!~", SCRAM_CONTINUE},
		{"p=tls-server-end-point,,n=,r=abc", SCRAM_MALFORMED},
		{"n,a=other,n=,r=abc", SCRAM_MALFORMED},
		{"n,n=,r=abc", SCRAM_MALFORMED},
		{"x,,n=,r=abc", SCRAM_MALFORMED},
		{"n,,m=ext,n=,r=abc", SCRAM_MALFORMED},
		{"n,,r=abc,n=", SCRAM_MALFORMED},
		{"n,,n=,r=", SCRAM_MALFORMED},
		{"n,,n=,r=abc,", SCRAM_MALFORMED},
		{"n,,n=,r=abc,x", SCRAM_MALFORMED},
		{"n,,n=,r=abc,1=x", SCRAM_MALFORMED},
		{"n,,n=,r=a c", SCRAM_MALFORMED},
		{"n,,n=,r=a\x7f", SCRAM_MALFORMED},
		{"n,,n=,r=a\xc3\xbc", SCRAM_MALFORMED},
		{"n,,n=", SCRAM_MALFORMED},
		{"n,,n", SCRAM_MALFORMED},
		{"n,,", SCRAM_MALFORMED},
		{"n,", SCRAM_MALFORMED},
		{"n", SCRAM_MALFORMED},
		{"", SCRAM_MALFORMED},
	};
	Buf			out = BUF_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (exchange(cases[i].message, NULL, false, &out) != cases[i].expected)
			fail_msg("\"%s\"", cases[i].message);
		assert_int_equal(buf_len(&out) > 0, cases[i].expected == SCRAM_CONTINUE);
	}
	buf_release(&out);
}

static void
final_messages(void **state)
{
	static const struct
	{
		const char *message;
		ScramStatus expected;
	}			cases[] = {
		{RFC_CLIENT_FINAL, SCRAM_DONE},
		/* an extension is part of what is signed, so this proof is not for it */
		{"c=biws,r=" RFC_NONCE ",x=ext,p=" RFC_PROOF, SCRAM_FAILED},
		{"c=biws,r=" RFC_NONCE ",p=DHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", SCRAM_FAILED},
		{"c=biws,r=" RFC_NONCE ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SCRAM_FAILED},
		{"c=eSws,r=" RFC_NONCE ",p=" RFC_PROOF, SCRAM_MALFORMED},
		{"c=,r=" RFC_NONCE ",p=" RFC_PROOF, SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE "x,p=" RFC_PROOF, SCRAM_MALFORMED},
		{"c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" RFC_PROOF, SCRAM_MALFORMED},
		{"c=biws,r=,p=" RFC_PROOF, SCRAM_MALFORMED},
		{"r=" RFC_NONCE ",c=biws,p=" RFC_PROOF, SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE, SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE ",p=", SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE ",p=AAAA", SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE ",p=!!!!", SCRAM_MALFORMED},
		{"c=biws,r=" RFC_NONCE ",p=AAAA" RFC_PROOF, SCRAM_MALFORMED},
		{RFC_CLIENT_FINAL ",x=y", SCRAM_MALFORMED},
		{RFC_CLIENT_FINAL ",", SCRAM_MALFORMED},
		{"c=biws", SCRAM_MALFORMED},
		{"", SCRAM_MALFORMED},
	};
	Buf			out = BUF_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (exchange(RFC_CLIENT_FIRST, cases[i].message, false, &out) != cases[i].expected)
			fail_msg("\"%s\"", cases[i].message);
		assert_int_equal(buf_len(&out) > 0, cases[i].expected == SCRAM_DONE);
	}
	buf_release(&out);
}

static void
too_long_messages_and_zero_bytes_are_refused(void **state)
{
	static char message[SCRAM_MESSAGE_MAX + 2] = "n,,n=,r=";
	ScramServer *scram;
	Buf			out = BUF_INIT;

	memset(message + 8, 'r', sizeof(message) - 9);
	assert_int_equal(exchange(message, NULL, false, &out), SCRAM_MALFORMED);
	message[SCRAM_MESSAGE_MAX] = '\0';
	assert_int_equal(exchange(message, NULL, false, &out), SCRAM_CONTINUE);

	scram = scram_server_create(&rfc_verifier, false);
	assert_int_equal(scram_server_step(scram, slice_make("n,,n=\0,r=abc", 12), &out), SCRAM_MALFORMED);
	assert_int_equal(step(scram, "n,,n=,r=abc", &out), SCRAM_MALFORMED);
	scram_server_destroy(scram);
	scram_server_destroy(NULL);
	buf_release(&out);
}

static void
nonces_are_not_repeated(void **state)
{
	Buf			outs[2] = {BUF_INIT, BUF_INIT};

	for (int i = 0; i < 2; i++)
	{
		ScramServer *scram = scram_server_create(&rfc_verifier, false);

		assert_int_equal(step(scram, RFC_CLIENT_FIRST, &outs[i]), SCRAM_CONTINUE);
		scram_server_destroy(scram);
	}
	assert_false(slice_equals(buf_slice(&outs[0]), buf_slice(&outs[1])));
	buf_release(&outs[0]);
	buf_release(&outs[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_vector_is_answered_to_the_letter),
		cmocka_unit_test(a_mock_fails_with_the_right_proof_too),
		cmocka_unit_test(first_messages),
		cmocka_unit_test(final_messages),
		cmocka_unit_test(too_long_messages_and_zero_bytes_are_refused),
		cmocka_unit_test(nonces_are_not_repeated),
	};

	return cmocka_run_group_tests(tests, make_rfc_verifier, NULL);
}
