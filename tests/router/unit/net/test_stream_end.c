/*-------------------------------------------------------------------------
 *
 * test_stream_end.c
 *	  How a stream ends: by its owner, from wherever it is called, or by its peer.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#include <errno.h>
#include <sys/socket.h>

#define BIG (10 * 1024 * 1024)

/* ---------------------------------------------------------------- by the owner */

static void
destroy_other(Owner *owner)
{
	if (owner->other->stream != NULL)
		owner_drop(owner->other);
}

static void
write_and_destroy(Owner *owner)
{
	stream_write(owner->stream, slice_from_string("bye"));
	owner_flush(owner);
}

static void
an_owner_may_destroy_in_on_data(void **state)
{
	Owner	   *a = owner_open();

	a->take = 1;					/* something is left, too */
	a->in_data = owner_drop;
	peer_send(a, "abc");
	run_until(a->shows == 1);
	run_turns(10);
	assert_int_equal(a->shows, 1);
	assert_int_equal(a->closed, 0);
	owner_assert_seen(a, "a");
}

/* The same while what was left is shown again, from the stream's own buffer. */
static void
an_owner_may_destroy_when_the_rest_is_shown(void **state)
{
	Owner	   *a = owner_open();

	a->take = 1;
	a->in_data = owner_pause;
	peer_send(a, "abc");
	run_until(a->shows == 1);
	a->in_data = owner_drop;
	stream_resume(a->stream);
	run_until(a->shows == 2);
	run_turns(10);
	owner_assert_seen(a, "ab");
}

static void
an_owner_may_destroy_in_on_closed(void **state)
{
	Owner	   *a = owner_open();

	a->in_closed = owner_drop;
	peer_close(a);
	run_until(a->closed == 1);
	run_turns(10);
	assert_int_equal(a->closed, 1);
}

static void
an_owner_may_destroy_in_on_drained(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	char	   *bytes = make_pattern(STREAM_HIGH_WATER * 2);

	a->in_drained = owner_drop;
	owner_write(a, bytes, STREAM_HIGH_WATER * 2);
	run_until((peer_receive(a, &got), a->drained == 1));
	run_turns(10);
	assert_int_equal(a->closed, 0);
	buf_release(&got);
	free(bytes);
}

/* Both are readable in one turn; whoever is first ends the other one. */
static void
no_callback_comes_after_a_peer_destroyed_it(void **state)
{
	Owner	   *a = owner_open();
	Owner	   *b = owner_open();

	a->other = b;
	b->other = a;
	a->in_data = b->in_data = destroy_other;
	peer_send(a, "a");
	peer_send(b, "b");
	run_until(a->shows + b->shows > 0);
	run_turns(10);
	assert_int_equal(a->shows + b->shows, 1);
	assert_int_equal(a->closed + b->closed, 0);
}

/* The other's peer says its last word and leaves; only by writing does the stream learn of it. */
static void
other_is_left(Owner *owner)
{
	Owner	   *other = owner->other;

	peer_send(other, "quit");
	peer_close(other);
	owner_write(other, "late", 4);
}

/*
 * Used after it was freed, as the sanitizer told: a stream that its owner
 * destroys upon the last words of a peer that is gone took another turn.
 */
static void
nothing_is_due_for_a_destroyed_stream(void **state)
{
	Owner	   *a = owner_open();
	Owner	   *b = owner_open();

	a->other = b;
	a->in_data = other_is_left;
	b->in_data = owner_drop;
	peer_send(a, "x");
	run_until(b->stream == NULL);
	owner_assert_seen(b, "quit");
	a->in_data = NULL;
	run_turns(3);
	stream_pause(a->stream);
	stream_resume(a->stream);	/* asks for a turn: behind whoever still waits for one */
	peer_send(a, "y");
	run_until(a->shows == 2);
}

/* ---------------------------------------------------------------- by the peer */

static void
the_end_is_told_once_and_with_a_reason(void **state)
{
	Owner	   *a = owner_open();

	a->want = 100;				/* a half message is lost with the connection */
	peer_send(a, "half");
	peer_close(a);
	run_until(a->closed == 1);
	owner_write(a, "nobody reads this", 17);
	run_turns(10);
	assert_int_equal(a->closed, 1);
	assert_int_equal(a->shows, 1);
	assert_string_equal(a->why, "end of file");
}

/* Writing to a broken connection is told in a later turn, after what the peer
 * said last: a server that goes says why. */
static void
the_peers_last_words_are_shown_before_a_failed_write(void **state)
{
	Owner	   *a = owner_open();

	peer_send(a, "FATAL: going down");
	peer_close(a);
	owner_write(a, "query", 5);
	owner_write(a, "query", 5);
	assert_int_equal(a->closed, 0);
	run_until(a->closed == 1);
	owner_assert_seen(a, "FATAL: going down");
}

static void
a_failed_write_is_told_to_a_paused_stream(void **state)
{
	Owner	   *a = owner_open();

	stream_pause(a->stream);
	peer_close(a);
	owner_write(a, "query", 5);
	run_until(a->closed == 1);
	assert_string_equal(a->why, strerror(EPIPE));
}

/* ---------------------------------------------------------------- flush */

static void
destroying_with_flush_sends_the_queue(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	char	   *bytes = make_pattern(BIG);
	char		end;

	owner_write(a, bytes, BIG);
	owner_flush(a);
	peer_send(a, "not shown to anybody");
	run_until((peer_receive(a, &got), buf_len(&got) == BIG));
	assert_memory_equal(buf_slice(&got).data, bytes, BIG);
	run_until(recv(a->fd, &end, 1, 0) == 0);
	assert_int_equal(a->shows + a->closed + a->drained, 0);
	buf_release(&got);
	free(bytes);
}

/* Corked bytes are queued bytes. */
static void
destroying_with_flush_sends_what_is_corked(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;

	stream_cork(a->stream);
	a->in_data = write_and_destroy;
	peer_send(a, "quit");
	run_until(a->shows == 1);
	peer_receive(a, &got);
	assert_int_equal(buf_len(&got), 3);
	buf_release(&got);
}

static void
a_flush_nobody_reads_is_given_up(void **state)
{
	Owner	   *a = owner_open();
	char	   *bytes = make_pattern(BIG);
	char		byte;
	ssize_t		n = 1;

	owner_write(a, bytes, BIG);
	owner_flush(a);

	/* Nothing is read here: that the stream is gone shows by writing to it. */
	run_until((n = send(a->fd, "x", 1, MSG_NOSIGNAL)) < 0 && errno == EPIPE);
	while ((n = recv(a->fd, &byte, 1, 0)) > 0)
		;
	assert_int_equal(n, 0);
	free(bytes);
}

static void
a_flush_ends_with_the_loop(void **state)
{
	Owner	   *a = owner_open();
	char	   *bytes = make_pattern(BIG);

	owner_write(a, bytes, BIG);
	owner_flush(a);
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, owners_setup, owners_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_owner_may_destroy_in_on_data),
		TEST(an_owner_may_destroy_when_the_rest_is_shown),
		TEST(an_owner_may_destroy_in_on_closed),
		TEST(an_owner_may_destroy_in_on_drained),
		TEST(no_callback_comes_after_a_peer_destroyed_it),
		TEST(nothing_is_due_for_a_destroyed_stream),
		TEST(the_end_is_told_once_and_with_a_reason),
		TEST(the_peers_last_words_are_shown_before_a_failed_write),
		TEST(a_failed_write_is_told_to_a_paused_stream),
		TEST(destroying_with_flush_sends_the_queue),
		TEST(destroying_with_flush_sends_what_is_corked),
		TEST(a_flush_nobody_reads_is_given_up),
		TEST(a_flush_ends_with_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
