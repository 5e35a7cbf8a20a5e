/*-------------------------------------------------------------------------
 *
 * test_stream.c
 *	  The stream shows its owner what arrives: all of it, in order, when asked.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#include <errno.h>
#include <sys/socket.h>

#define BIG (10 * 1024 * 1024)

/* ---------------------------------------------------------------- reading */

static void
bytes_are_shown_and_consumed(void **state)
{
	Owner	   *a = owner_open();

	peer_send(a, "hello");
	run_until(a->shows == 1);
	owner_assert_seen(a, "hello");
	peer_send(a, "world");
	run_until(a->shows == 2);
	assert_int_equal(a->last_len, 5);
}

/* What is left is shown again only with more behind it: no spinning. */
static void
a_partial_message_waits_for_more(void **state)
{
	Owner	   *a = owner_open();

	a->want = 8;
	peer_send(a, "abc");
	run_until(a->shows == 1);
	run_turns(50);
	assert_int_equal(a->shows, 1);
	peer_send(a, "def");
	run_until(a->shows == 2);
	assert_int_equal(a->last_len, 6);
	peer_send(a, "gh");
	run_until(a->shows == 3);
	owner_assert_seen(a, "abcdefgh");
}

static void
what_is_left_comes_first(void **state)
{
	Owner	   *a = owner_open();

	a->take = 3;
	peer_send(a, "abcde");
	run_until(a->shows == 1);
	peer_send(a, "f");
	run_until(a->shows == 2);
	assert_int_equal(a->last_len, 3);
	owner_assert_seen(a, "abcdef");
}

static void
feed(Owner *a, const char *bytes, size_t len, size_t piece)
{
	size_t		sent = 0;

	while (sent < len)
	{
		size_t		n = len - sent < piece ? len - sent : piece;
		ssize_t		done = send(a->fd, bytes + sent, n, MSG_NOSIGNAL);

		if (done > 0)
			sent += (size_t) done;
		else
			assert_int_equal(errno, EAGAIN);
		run_turns(1);
	}
}

/* A message of 10 MB whose owner wants it whole, in pieces of odd sizes. */
static void
a_big_message_is_gathered(void **state)
{
	const size_t pieces[] = {1 << 20, 65536, 50021};
	char	   *bytes = make_pattern(BIG);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		Owner	   *a = owner_open();

		a->want = BIG;
		feed(a, bytes, BIG, pieces[i]);
		run_until(buf_len(&a->seen) > 0);
		assert_int_equal(buf_len(&a->seen), BIG);
		assert_memory_equal(buf_slice(&a->seen).data, bytes, BIG);
	}
	free(bytes);
}

/* Messages whose length is no divisor of anything, each left until it is whole. */
static void
nothing_is_lost_at_the_seams(void **state)
{
	const size_t sizes[] = {1, 7, 4099, 8191, 8192, 8193, 9001, 70001};
	const size_t len = 600 * 1000;
	char	   *bytes = make_pattern(len);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		Owner	   *a = owner_open();

		a->unit = sizes[i];
		feed(a, bytes, len, 10007);
		run_until(buf_len(&a->seen) == len - len % sizes[i]);
		assert_memory_equal(buf_slice(&a->seen).data, bytes, buf_len(&a->seen));
	}
	free(bytes);
}

static void
one_stream_does_not_keep_the_loop(void **state)
{
	Owner	   *busy = owner_open();
	Owner	   *quiet = owner_open();
	char	   *bytes = make_pattern(1 << 20);
	int			size = 4 << 20;

	(void) setsockopt(busy->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	while (send(busy->fd, bytes, 1 << 20, MSG_NOSIGNAL) > 0)
		;
	peer_send(quiet, "x");
	run_until(quiet->shows == 1);
	assert_true(busy->shows <= 8);
	free(bytes);
}

/* ---------------------------------------------------------------- pause, resume */

static void
nothing_is_shown_while_paused_and_nothing_is_lost(void **state)
{
	Owner	   *a = owner_open();

	a->take = 2;
	a->in_data = owner_pause;
	peer_send(a, "abc");
	run_until(a->shows == 1);
	peer_send(a, "def");
	run_turns(20);
	assert_int_equal(a->shows, 1);
	assert_true(stream_is_paused(a->stream));

	a->in_data = NULL;
	a->take = SIZE_MAX;
	stream_resume(a->stream);
	run_until(buf_len(&a->seen) == 6);
	owner_assert_seen(a, "abcdef");
}

static void
pause_and_resume(Owner *owner)
{
	if (owner->shows > 1)
		return;
	owner->inside = true;
	stream_pause(owner->stream);
	stream_resume(owner->stream);
	owner->inside = false;
}

/* The rest is shown again after a resume although nothing more arrives. */
static void
resume_shows_the_rest(void **state)
{
	Owner	   *a = owner_open();

	a->take = 1;
	a->in_data = owner_pause;
	peer_send(a, "ab");
	run_until(a->shows == 1);
	a->in_data = NULL;
	a->inside = true;
	stream_resume(a->stream);
	a->inside = false;
	run_until(a->shows == 2);
	owner_assert_seen(a, "ab");
}

static void
resume_within_on_data_shows_the_rest_once(void **state)
{
	Owner	   *a = owner_open();

	a->take = 1;
	a->in_data = pause_and_resume;
	peer_send(a, "abc");
	run_until(a->shows == 2);
	run_turns(20);
	assert_int_equal(a->shows, 2);
	owner_assert_seen(a, "ab");
}

static void
the_end_is_seen_after_the_resume(void **state)
{
	Owner	   *a = owner_open();

	stream_pause(a->stream);
	peer_send(a, "last words");
	peer_close(a);
	run_turns(20);
	assert_int_equal(a->shows + a->closed, 0);
	stream_resume(a->stream);
	run_until(a->closed == 1);
	owner_assert_seen(a, "last words");
	assert_string_equal(a->why, "end of file");
}

/* ---------------------------------------------------------------- owners */

/* A server is given back while bytes are unread: the next owner is shown them. */
static void
the_new_owner_is_shown_what_is_unread(void **state)
{
	Owner	   *a = owner_open();
	Owner	   *b = owner_without_stream();

	a->take = 2;
	a->other = b;
	a->in_data = owner_hand_over;
	peer_send(a, "abcd");
	run_until(b->shows == 1);
	assert_int_equal(a->shows, 1);
	owner_assert_seen(a, "ab");
	owner_assert_seen(b, "cd");
	peer_send(a, "ef");
	run_until(b->shows == 2);
	owner_assert_seen(b, "cdef");
}

/* More than one read is waiting: all that follows goes to the new owner. */
static void
handing_over_ends_the_old_owners_reading(void **state)
{
	Owner	   *a = owner_open();
	Owner	   *b = owner_without_stream();
	char	   *bytes = make_pattern(150 * 1000);

	a->other = b;
	a->in_data = owner_hand_over;
	assert_int_equal(send(a->fd, bytes, 150 * 1000, 0), 150 * 1000);
	run_until(buf_len(&a->seen) + buf_len(&b->seen) == 150 * 1000);
	assert_int_equal(a->shows, 1);
	assert_memory_equal(buf_slice(&b->seen).data, bytes + buf_len(&a->seen), buf_len(&b->seen));
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, owners_setup, owners_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_are_shown_and_consumed),
		TEST(a_partial_message_waits_for_more),
		TEST(what_is_left_comes_first),
		TEST(a_big_message_is_gathered),
		TEST(nothing_is_lost_at_the_seams),
		TEST(one_stream_does_not_keep_the_loop),
		TEST(nothing_is_shown_while_paused_and_nothing_is_lost),
		TEST(resume_shows_the_rest),
		TEST(resume_within_on_data_shows_the_rest_once),
		TEST(the_end_is_seen_after_the_resume),
		TEST(the_new_owner_is_shown_what_is_unread),
		TEST(handing_over_ends_the_old_owners_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
