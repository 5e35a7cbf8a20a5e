/*-------------------------------------------------------------------------
 *
 * test_stream_write.c
 *	  The stream sends what is written: at once or together, and it says when it
 *	  is full and when no longer.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#define BIG (10 * 1024 * 1024)

static void
a_write_is_sent_at_once(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	StreamStats stats;

	owner_write(a, "hello", 5);
	assert_int_equal(stream_queued(a->stream), 0);
	peer_receive(a, &got);				/* the loop has not run */
	assert_int_equal(buf_len(&got), 5);
	stream_stats(a->stream, &stats);
	assert_int_equal(stats.sent_bytes, 5);
	buf_release(&got);
}

static void
corked_writes_leave_together(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;

	stream_cork(a->stream);
	stream_cork(a->stream);
	owner_write(a, "one ", 4);
	owner_write(a, "two ", 4);
	stream_uncork(a->stream);
	peer_receive(a, &got);
	assert_int_equal(buf_len(&got), 0);
	assert_int_equal(stream_queued(a->stream), 8);
	stream_uncork(a->stream);
	peer_receive(a, &got);
	assert_int_equal(buf_len(&got), 8);
	assert_memory_equal(buf_slice(&got).data, "one two ", 8);
	buf_release(&got);
}

/* Long pieces are not copied into the gathered ones, but keep their place. */
static void
corked_writes_of_all_lengths_keep_their_order(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	char	   *bytes = make_pattern(2 * 1000 * 1000);
	size_t		sent = 0;

	for (size_t n = 1; sent + n < 2 * 1000 * 1000; n = n * 3 % 50021 + 1)
	{
		stream_cork(a->stream);
		for (int i = 0; i < 3 && sent + n < 2 * 1000 * 1000; i++)
		{
			owner_write(a, bytes + sent, n);
			sent += n;
		}
		stream_uncork(a->stream);
		peer_receive(a, &got);
	}
	while (buf_len(&got) < sent)
	{
		run_turns(1);
		peer_receive(a, &got);
	}
	assert_int_equal(buf_len(&got), sent);
	assert_memory_equal(buf_slice(&got).data, bytes, sent);
	buf_release(&got);
	free(bytes);
}

static void
a_slow_reader_fills_the_queue_and_drains_it(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	char	   *bytes = make_pattern(BIG);
	size_t		sent = 0;

	while (sent < BIG)
	{
		size_t		n = BIG - sent < 30011 ? BIG - sent : 30011;

		if (stream_is_full(a->stream))
		{
			int			before = a->drained;

			assert_true(stream_queued(a->stream) <= STREAM_HIGH_WATER + 30011);
			run_turns(3);
			assert_int_equal(a->drained, before);	/* nobody has read */
			run_until((peer_receive(a, &got), a->drained == before + 1));
		}
		owner_write(a, bytes + sent, n);
		sent += n;
	}
	run_until((peer_receive(a, &got), buf_len(&got) == BIG));
	assert_true(a->drained > 3);
	assert_memory_equal(buf_slice(&got).data, bytes, BIG);
	assert_int_equal(stream_queued(a->stream), 0);
	buf_release(&got);
	free(bytes);
}

/* Full while corked, and all of it taken by the socket at once: who stopped
 * feeding when it was full must still be told. */
static void
drained_is_told_whenever_it_was_full(void **state)
{
	Owner	   *a = owner_open();
	Buf			got = BUF_INIT;
	char	   *bytes = make_pattern(STREAM_HIGH_WATER * 2);

	owner_write(a, bytes, STREAM_HIGH_WATER * 2);
	assert_true(stream_is_full(a->stream));
	stream_cork(a->stream);
	owner_write(a, "x", 1);
	run_until((peer_receive(a, &got), a->drained == 1));
	stream_uncork(a->stream);
	run_until((peer_receive(a, &got), buf_len(&got) == STREAM_HIGH_WATER * 2 + 1));
	buf_release(&got);
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, owners_setup, owners_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_is_sent_at_once),
		TEST(corked_writes_leave_together),
		TEST(corked_writes_of_all_lengths_keep_their_order),
		TEST(a_slow_reader_fills_the_queue_and_drains_it),
		TEST(drained_is_told_whenever_it_was_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
