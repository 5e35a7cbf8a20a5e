/*
 * test_scram_verifier.c
 *	  Stored, made and pretended verifiers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "scram/scram_internal.h"

/* What PostgreSQL stores for the password "pencil" and the salt of RFC 7677 */
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define SALT_66 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define VERIFIER "SCRAM-SHA-256$4096:" SALT "$" STORED ":" SERVER

static void
a_stored_verifier_is_what_the_password_gives(void **state)
{
	ScramVerifier stored;
	ScramVerifier derived;
	Error		error;

	assert_true(scram_parse_verifier(VERIFIER, &stored));
	assert_int_equal(stored.iterations, 4096);
	assert_int_equal(stored.salt_len, 16);

	derived = stored;
	memset(derived.stored_key, 0, SCRAM_KEY_SIZE);
	memset(derived.server_key, 0, SCRAM_KEY_SIZE);
	assert_true(scram_derive_keys("pencil", &derived, &error));
	assert_memory_equal(derived.stored_key, stored.stored_key, SCRAM_KEY_SIZE);
	assert_memory_equal(derived.server_key, stored.server_key, SCRAM_KEY_SIZE);
}

static void
damaged_verifiers_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"SCRAM-SHA-256",
		"SCRAM-SHA-256$",
		"SCRAM-SHA-512$4096:" SALT "$" STORED ":" SERVER,
		"scram-sha-256$4096:" SALT "$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:" SALT "$" STORED,
		"SCRAM-SHA-256$4096:" SALT ":" STORED ":" SERVER,
		"SCRAM-SHA-256$:" SALT "$" STORED ":" SERVER,
		"SCRAM-SHA-256$0:" SALT "$" STORED ":" SERVER,
		"SCRAM-SHA-256$-1:" SALT "$" STORED ":" SERVER,
		"SCRAM-SHA-256$1000001:" SALT "$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:!$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:" SALT "$AAAA:" SERVER,
		"SCRAM-SHA-256$4096:" SALT "$" STORED ":AAAA",
		"SCRAM-SHA-256$4096:" SALT "$" STORED ":" SERVER ":",
		"SCRAM-SHA-256$4096:" SALT "$" STORED ":" SERVER " ",
		"SCRAM-SHA-256$4096:" STORED STORED "$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gR==$" STORED ":" SERVER,
		"SCRAM-SHA-256$4096:" SALT_66 "$" STORED ":" SERVER,
	};
	ScramVerifier verifier;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		if (scram_parse_verifier(wrong[i], &verifier))
			fail_msg("accepts \"%s\"", wrong[i]);
	}
}

static void
made_verifiers_have_a_salt_of_their_own(void **state)
{
	ScramVerifier a;
	ScramVerifier b;
	Error		error;

	assert_true(scram_make_verifier("pencil", &a, &error));
	assert_true(scram_make_verifier("pencil", &b, &error));
	assert_int_equal(a.iterations, SCRAM_DEFAULT_ITERATIONS);
	assert_int_equal(a.salt_len, 16);
	assert_memory_not_equal(a.salt, b.salt, 16);
	assert_memory_not_equal(a.stored_key, b.stored_key, SCRAM_KEY_SIZE);
}

static void
mock_verifiers_are_stable_per_user_and_secret(void **state)
{
	static const uint8_t secret[32] = "one";
	static const uint8_t other_secret[32] = "two";
	ScramVerifier anna;
	ScramVerifier again;
	ScramVerifier bob;
	ScramVerifier elsewhere;

	scram_make_mock_verifier("anna", secret, 32, &anna);
	scram_make_mock_verifier("anna", secret, 32, &again);
	scram_make_mock_verifier("bob", secret, 32, &bob);
	scram_make_mock_verifier("anna", other_secret, 32, &elsewhere);
	assert_int_equal(anna.salt_len, 16);
	assert_int_equal(anna.iterations, SCRAM_DEFAULT_ITERATIONS);
	assert_memory_equal(anna.salt, again.salt, 16);
	assert_memory_not_equal(anna.salt, bob.salt, 16);
	assert_memory_not_equal(anna.salt, elsewhere.salt, 16);
	assert_memory_not_equal(anna.stored_key, anna.server_key, SCRAM_KEY_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stored_verifier_is_what_the_password_gives),
		cmocka_unit_test(damaged_verifiers_are_refused),
		cmocka_unit_test(made_verifiers_have_a_salt_of_their_own),
		cmocka_unit_test(mock_verifiers_are_stable_per_user_and_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
