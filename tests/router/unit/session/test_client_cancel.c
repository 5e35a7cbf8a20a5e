/*-------------------------------------------------------------------------
 *
 * test_client_cancel.c
 *	  Cancel requests, and what is cancelled without one.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static void
cancel_while_it_runs(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES ('hang')");
	wait_until(loop, north.hanging == 1);
	say_cancel(&t);
	wait_until(loop, north.fake.cancels == 1);
	assert_int_equal(north.fake.cancel_pid, 1001);
	pg_wake(&north, true);
	hears(&t, "E:57014 Z:I");
	say_cancel(&t);				/* nothing runs: nothing happens */
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	assert_int_equal(north.fake.cancels, 1);
	hang_up(&t);
}

static void
cancel_while_it_waits(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SET andon.floor = '7:1:0/9000'|Q SELECT 1");
	hears(&t, "C:SET Z:I");
	say_cancel(&t);
	hears(&t, "E:57014 Z:I");
	session_context_set_view(&context, view_without_primary());
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|H");
	hears(&t, "");
	say_cancel(&t);
	hears(&t, "E:57014");
	say(&t, "S|Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&t, "Z:I C:BEGIN Z:T");
	say_cancel(&t);
	hears(&t, "E:57014 Z:E");
	say(&t, "Q ROLLBACK");
	hears(&t, "C:ROLLBACK Z:I");
	assert_int_equal(north.fake.cancels, 0);
	hang_up(&t);
}

/* Guards: a cancel request does not hit the SETs in front of the unit, which would run all the same. */
static void
cancel_waits_for_the_settings(void **state)
{
	Talker		t;

	log_in(&t);
	north.go_on = true;
	say(&t, "Q SET application_name = 'hang'|Q SELECT 1");
	hears(&t, "C:SET Z:I");
	catch_up();
	wait_until(loop, south.hanging == 1);
	say_cancel(&t);
	turn_loop(loop);
	assert_int_equal(south.fake.cancels, 0);
	pg_wake(&south, false);
	wait_until(loop, south.fake.cancels == 1);
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: who waits for the end of his request does not have his next statement cancelled. */
static void
a_request_ends_when_it_was_acted_on(void **state)
{
	Talker		t;
	Talker		asks;

	log_in(&t);
	say(&t, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	hold_cancels = true;
	ask_to_cancel(&asks, &t);
	wait_until(loop, held_cancel != NULL);
	listen_to(&asks);
	assert_false(asks.is_closed);
	let_cancel_act();
	is_closed(&asks);
	say(&t, "Q SELECT 1");
	hears(&t, "T D:north C:SELECT 1 Z:T");
	assert_int_equal(north.fake.cancels, 0);
	hang_up(&asks);
	hang_up(&t);
}

static void
a_wrong_key_cancels_nothing(void **state)
{
	Talker		t;
	Talker		wrong;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES ('hang')");
	wait_until(loop, north.hanging == 1);
	wrong = t;
	wrong.key[0]++;
	say_cancel(&wrong);
	assert_int_equal(north.fake.cancels, 0);
	pg_wake(&north, false);
	hears(&t, "C:INSERT 0 1 Z:I");
	hang_up(&t);
}

/* Guards: who speaks 3.2 gets a long key, of which all counts; nobody else does. */
static void
keys_are_as_long_as_the_protocol_says(void **state)
{
	static const struct
	{
		uint32_t	minor;
		const char *heard;
		size_t		key_len;
	}			cases[] = {
		{0, "R ", 4}, {1, "R ", 4}, {2, "R ", 32}, {3, "v R ", 32}, {9999, "v R ", 32},
	};
	char		heard[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Talker		t;
		Talker		wrong;

		connect_talker(&t);
		say_startup_of(&t, cases[i].minor, NULL, NULL);
		snprintf(heard, sizeof(heard), "%sS:server_version=15.20 S:application_name= " WELCOME_REST, cases[i].heard);
		hears(&t, heard);
		assert_int_equal(t.key_len, cases[i].key_len);

		say(&t, "Q INSERT INTO t VALUES ('hang')");
		wait_until(loop, north.hanging == (int) i + 1);
		wrong = t;
		wrong.key[t.key_len - 1]++;
		say_cancel(&wrong);
		wrong = t;
		wrong.key_len = t.key_len == 4 ? 32 : 4;
		say_cancel(&wrong);
		wrong.key_len = sizeof(wrong.key);
		say_cancel(&wrong);
		assert_int_equal(north.fake.cancels, i);
		say_cancel(&t);
		wait_until(loop, north.fake.cancels == (int) i + 1);
		pg_wake(&north, true);
		hears(&t, "E:57014 Z:I");
		hang_up(&t);
	}
}

static Client *
client_of(const Talker *talker)
{
	LIST_FOREACH(node, &context.clients)
	{
		Client	   *client = list_entry(node, Client, node);

		if (memcmp(client->key, talker->key, talker->key_len) == 0)
			return client;
	}
	fail();
	return NULL;
}

/* Requests with its key come so often, or with another secret. */
static void
try_key(const Talker *whose, int times)
{
	for (int i = 0; i < times; i++)
		client_cancel(&context, whose->pid, slice_make(whose->key, whose->key_len));
}

static void
guess(const Talker *whose, int times)
{
	Talker		wrong = *whose;

	wrong.key[0]++;
	try_key(&wrong, times);
}

/* Logs in by protocol 3.minor and runs what ends only by a cancel request. */
static void
log_in_and_hang(Talker *t, uint32_t minor)
{
	int			hanging = north.hanging;

	connect_talker(t);
	say_startup_of(t, minor, NULL, NULL);
	hears(t, "R S:server_version=15.20 S:application_name= " WELCOME_REST);
	say(t, "Q INSERT INTO t VALUES ('hang')");
	wait_until(loop, north.hanging == hanging + 1);
}

/* Guards: a secret of 32 bits is not found by trying: after so many, none is looked at until the window is over. */
static void
who_guesses_is_not_heard(void **state)
{
	Talker		t;

	log_in_and_hang(&t, 0);
	guess(&t, 99);
	say_cancel(&t);
	assert_true(client_of(&t)->relay.cancel_asked);
	client_of(&t)->relay.cancel_asked = false;

	guess(&t, 1);
	assert_int_equal(context.stats.cancel_guesses, 100);
	say_cancel(&t);
	assert_false(client_of(&t)->relay.cancel_asked);
	assert_int_equal(context.stats.cancel_requests, 2);

	client_of(&t)->guessed_since_us -= 10 * US_PER_SEC;
	say_cancel(&t);
	assert_true(client_of(&t)->relay.cancel_asked);
	wait_until(loop, north.fake.cancels > 0);
	pg_wake(&north, true);
	hears(&t, "E:57014 Z:I");
	hang_up(&t);
}

/*
 * Guards: guessing at one session, from whatever address, shuts no other: not one whose number is the same by
 * chance, and a request that is right for one is no guess at the other.
 */
static void
guesses_do_not_shut_others(void **state)
{
	Talker		guessed;
	Talker		same;
	Talker		other;

	log_in_and_hang(&guessed, 0);
	log_in_and_hang(&same, 0);
	log_in_and_hang(&other, 0);
	guess(&guessed, 100);
	client_of(&same)->key_pid = same.pid = guessed.pid;
	say_cancel(&guessed);
	assert_false(client_of(&guessed)->relay.cancel_asked);
	client_of(&guessed)->guesses = 0;
	try_key(&same, 100);
	try_key(&other, 100);
	assert_true(client_of(&same)->relay.cancel_asked);
	assert_true(client_of(&other)->relay.cancel_asked);
	assert_int_equal(context.stats.cancel_guesses, 101);
	say_cancel(&guessed);
	assert_true(client_of(&guessed)->relay.cancel_asked);
	hang_up(&guessed);
	hang_up(&same);
	hang_up(&other);
}

/* Guards: a secret of 256 bits is not guessed at any rate, so who has one is heard whatever others try. */
static void
long_keys_are_always_heard(void **state)
{
	Talker		t;

	log_in_and_hang(&t, 2);
	guess(&t, 200);
	assert_int_equal(context.stats.cancel_guesses, 200);
	say_cancel(&t);
	assert_true(client_of(&t)->relay.cancel_asked);
	hang_up(&t);
}

static void
who_leaves_cancels_what_runs(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q INSERT INTO t VALUES ('hang')");
	wait_until(loop, north.hanging == 1);
	hang_up(&t);
	wait_until(loop, north.fake.cancels == 1 && context.stats.clients == 0);
}

/* Guards: who reads nothing does not hold a server for ever, unless that is wanted. */
static void
who_does_not_read_is_cut_off(void **state)
{
	Talker		t;
	Stream	   *stream;

	log_in(&t);
	stream = list_entry(list_first(&context.clients), Client, node)->stream;
	say(&t, "Q INSERT INTO t VALUES ('big')|Q SELECT 'big' FOR UPDATE|Q SELECT 'big' FOR UPDATE|Q SELECT 'hang' FOR UPDATE");
	wait_until(loop, stream_is_full(stream));
	turn_loop(loop);
	assert_int_equal(context.stats.clients, 1);
	context.config.client_write_timeout_us = 1;
	wait_until(loop, context.stats.clients == 0);
	assert_int_equal(context.stats.errors_raised, 1);
	hang_up(&t);
}

static void
query_timeout_cancels(void **state)
{
	Talker		t;

	log_in(&t);
	context.config.query_timeout_us = SWEEP_IS_QUICK;
	say(&t, "Q INSERT INTO t VALUES ('hang')");
	wait_until(loop, north.fake.cancels == 1);
	pg_wake(&north, true);
	hears(&t, "E:57014 Z:I");
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cancel_while_it_runs),
		TEST(cancel_while_it_waits),
		TEST(cancel_waits_for_the_settings),
		TEST(a_request_ends_when_it_was_acted_on),
		TEST(a_wrong_key_cancels_nothing),
		TEST(keys_are_as_long_as_the_protocol_says),
		TEST(who_guesses_is_not_heard),
		TEST(guesses_do_not_shut_others),
		TEST(long_keys_are_always_heard),
		TEST(who_leaves_cancels_what_runs),
		TEST(who_does_not_read_is_cut_off),
		TEST(query_timeout_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
