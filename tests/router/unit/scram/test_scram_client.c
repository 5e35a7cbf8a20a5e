/*
 * test_scram_client.c
 *	  The client's side of SCRAM against our own server's side, and against
 *	  servers that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scram/scram.h"

/* A whole exchange; both outcomes. */
static void
exchange(const char *client_password, const char *server_password, ScramStatus *client_status,
		 ScramStatus *server_status)
{
	ScramVerifier verifier;
	ScramClient *client = scram_client_create(client_password);
	ScramServer *server;
	Error		error;
	Buf			to_server = BUF_INIT;
	Buf			to_client = BUF_INIT;

	assert_true(scram_make_verifier(server_password, &verifier, &error));
	server = scram_server_create(&verifier, false);
	assert_true(scram_client_first(client, &to_server, &error));
	do
	{
		buf_clear(&to_client);
		*client_status = SCRAM_CONTINUE;
		*server_status = scram_server_step(server, buf_slice(&to_server), &to_client);
		if (*server_status != SCRAM_CONTINUE && *server_status != SCRAM_DONE)
			break;
		buf_clear(&to_server);
		*client_status = scram_client_step(client, buf_slice(&to_client), &to_server);
	} while (*server_status == SCRAM_CONTINUE && *client_status == SCRAM_CONTINUE);

	scram_client_destroy(client);
	scram_server_destroy(server);
	buf_release(&to_server);
	buf_release(&to_client);
}

static void
assert_login(const char *client_password, const char *server_password, bool expected)
{
	ScramStatus client_status;
	ScramStatus server_status;

	exchange(client_password, server_password, &client_status, &server_status);
	assert_int_equal(server_status, expected ? SCRAM_DONE : SCRAM_FAILED);
	assert_int_equal(client_status, expected ? SCRAM_DONE : SCRAM_CONTINUE);
}

static void
the_right_password_logs_in(void **state)
{
	static char longest[2000];

	memset(longest, 'x', sizeof(longest) - 1);
	assert_login("pencil", "pencil", true);
	assert_login("", "", true);
	assert_login("a,b=c\"d", "a,b=c\"d", true);
	assert_login(longest, longest, true);
}

static void
a_wrong_password_does_not(void **state)
{
	assert_login("pencil", "Pencil", false);
	assert_login("pencil", "pencil ", false);
	assert_login("", "x", false);
	assert_login("x", "", false);
}

/* SASLprep makes spellings of one password equal, as PostgreSQL does; what it
 * refuses is taken byte by byte. */
static void
passwords_are_prepared_as_postgres_does(void **state)
{
	assert_login("I\xc2\xadX", "IX", true);	/* soft hyphen */
	assert_login("a\xc2\xa0" "b", "a b", true);	/* no-break space */
	assert_login("\xe2\x84\xab", "\xc3\x85", true);	/* two signs for one letter */
	assert_login("u\xcc\x88", "\xc3\xbc", true);	/* combining and composed */
	assert_login("\xff\xfe", "\xff\xfe", true);	/* no UTF-8 at all */
	assert_login("\xff\xfe", "\xff\xfd", false);
	assert_login("tab\there", "tab\there", true);	/* prohibited */
}

/* What a client says to a first message made from its nonce. */
static ScramStatus
answer_to(const char *prefix, const char *suffix)
{
	ScramClient *client = scram_client_create("pencil");
	Error		error;
	Buf			first = BUF_INIT;
	Buf			reply = BUF_INIT;
	Buf			message = BUF_INIT;
	ScramStatus status;
	char	   *exact;

	assert_true(scram_client_first(client, &first, &error));
	assert_memory_equal(buf_slice(&first).data, "n,,n=,r=", 8);
	buf_append_string(&message, prefix);
	buf_append(&message, slice_skip(buf_slice(&first), 8));
	buf_append_string(&message, suffix);

	exact = mem_strndup(buf_slice(&message));
	status = scram_client_step(client, slice_from_string(exact), &reply);
	assert_int_equal(buf_len(&reply) > 0, status == SCRAM_CONTINUE);
	mem_free(exact);
	scram_client_destroy(client);
	buf_release(&first);
	buf_release(&reply);
	buf_release(&message);
	return status;
}

static void
first_messages_of_servers_are_checked(void **state)
{
	assert_int_equal(answer_to("r=", "x,s=c2FsdA==,i=1"), SCRAM_CONTINUE);
	assert_int_equal(answer_to("r=", "x,s=c2FsdA==,i=4096"), SCRAM_CONTINUE);

	assert_int_equal(answer_to("r=", ",s=c2FsdA==,i=4096"), SCRAM_MALFORMED);	/* our nonce alone */
	assert_int_equal(answer_to("r=x", ",s=c2FsdA==,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(answer_to("m=ext,r=", "x,s=c2FsdA==,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(answer_to("r=", "x,s=,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(answer_to("r=", "x,s=c2Fs!A==,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(answer_to("r=", "x,i=4096,s=c2FsdA=="), SCRAM_MALFORMED);
	assert_int_equal(answer_to("r=", "x,s=c2FsdA=="), SCRAM_MALFORMED);
	assert_int_equal(answer_to("r=", "x,s=c2FsdA==,i=4096,x=y"), SCRAM_MALFORMED);
	assert_int_equal(answer_to("e=other-error,r=", ""), SCRAM_MALFORMED);
	assert_int_equal(answer_to("", ""), SCRAM_MALFORMED);
}

/* Guards: SCRAM_MESSAGE_MAX is for the server's messages too. */
static void
nonces_are_bounded(void **state)
{
	static const size_t lengths[] = {900, 1024, 60 * 1024};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		const char *rest = ",s=c2FsdA==,i=1";
		char	   *suffix = mem_alloc(lengths[i] + strlen(rest) + 1);

		memset(suffix, 'x', lengths[i]);
		strcpy(suffix + lengths[i], rest);
		assert_int_equal(answer_to("r=", suffix), lengths[i] < 1000 ? SCRAM_CONTINUE : SCRAM_MALFORMED);
		mem_free(suffix);
	}
}

/* The number comes from the peer and the time would be ours. */
static void
iterations_are_bounded(void **state)
{
	static const char *const wrong[] = {
		"0", "-1", "+4096", "4096 ", "", "x", "0x10", "1000001", "2147483647", "4294967297",
		"99999999999999999999"
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		char		suffix[100] = "x,s=c2FsdA==,i=";

		if (answer_to("r=", strcat(suffix, wrong[i])) != SCRAM_MALFORMED)
			fail_msg("i=%s", wrong[i]);
	}
}

/* A server that let us in without knowing the password is not the server. */
static void
the_server_must_prove_itself(void **state)
{
	static const struct
	{
		const char *message;
		ScramStatus expected;
	}			cases[] = {
		{"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SCRAM_FAILED},
		{"e=invalid-proof", SCRAM_FAILED},
		{"v=AAAA", SCRAM_MALFORMED},
		{"v=", SCRAM_MALFORMED},
		{"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,x=y", SCRAM_MALFORMED},
		{"x=y", SCRAM_MALFORMED},
		{"", SCRAM_MALFORMED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ScramClient *client = scram_client_create("pencil");
		Error		error;
		Buf			out = BUF_INIT;
		Buf			first = BUF_INIT;

		assert_true(scram_client_first(client, &out, &error));
		buf_append_string(&first, "r=");
		buf_append(&first, slice_skip(buf_slice(&out), 8));
		buf_append_string(&first, "x,s=c2FsdA==,i=1");
		assert_int_equal(scram_client_step(client, buf_slice(&first), &out), SCRAM_CONTINUE);
		assert_int_equal(scram_client_step(client, slice_from_string(cases[i].message), &out),
						 cases[i].expected);
		assert_int_equal(scram_client_step(client, slice_from_string(cases[i].message), &out),
						 SCRAM_MALFORMED);
		scram_client_destroy(client);
		buf_release(&out);
		buf_release(&first);
	}
	scram_client_destroy(NULL);
}

static void
a_server_that_speaks_first_is_refused(void **state)
{
	ScramClient *client = scram_client_create("pencil");
	Buf			out = BUF_INIT;

	assert_int_equal(scram_client_step(client, slice_from_string("r=x,s=c2FsdA==,i=1"), &out),
					 SCRAM_MALFORMED);
	scram_client_destroy(client);
	buf_release(&out);
}

/* Whatever is changed on the way, nobody is logged in. */
static void
tampered_messages_log_nobody_in(void **state)
{
	unsigned int seed = 11;
	ScramVerifier verifier;
	Error		error;

	verifier = (ScramVerifier) {.iterations = 1, .salt = "salt", .salt_len = 4};
	assert_true(scram_derive_keys("pencil", &verifier, &error));
	for (int round = 0; round < 2000; round++)
	{
		ScramClient *client = scram_client_create("pencil");
		ScramServer *server = scram_server_create(&verifier, false);
		Buf			message = BUF_INIT;
		Buf			reply = BUF_INIT;
		ScramStatus status = SCRAM_CONTINUE;
		int			victim = round % 4;

		assert_true(scram_client_first(client, &message, &error));
		for (int i = 0; i < 4 && status == SCRAM_CONTINUE; i++)
		{
			/* In the first message only the nonce counts: names are ignored. */
			size_t		from = i == 0 ? 8 : 0;
			Slice		text = buf_slice(&message);

			if (i == victim)
			{
				char	   *byte = (char *) text.data + from +
					(size_t) rand_r(&seed) % (text.len - from);

				*byte = (char) (*byte ^ (1 << rand_r(&seed) % 7));
			}
			buf_clear(&reply);
			if (i % 2 == 0)
				status = scram_server_step(server, text, &reply);
			else
				status = scram_client_step(client, text, &reply);
			if (i == 2 && status == SCRAM_DONE)
			{
				if (victim < 3)
					fail_msg("round %d: the server was fooled", round);
				status = SCRAM_CONTINUE;	/* its signature is on the way */
			}
			buf_clear(&message);
			buf_append(&message, buf_slice(&reply));
		}
		if (status == SCRAM_DONE)
			fail_msg("round %d: the client was fooled", round);
		scram_client_destroy(client);
		scram_server_destroy(server);
		buf_release(&message);
		buf_release(&reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_logs_in),
		cmocka_unit_test(a_wrong_password_does_not),
		cmocka_unit_test(passwords_are_prepared_as_postgres_does),
		cmocka_unit_test(first_messages_of_servers_are_checked),
		cmocka_unit_test(nonces_are_bounded),
		cmocka_unit_test(iterations_are_bounded),
		cmocka_unit_test(the_server_must_prove_itself),
		cmocka_unit_test(a_server_that_speaks_first_is_refused),
		cmocka_unit_test(tampered_messages_log_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
