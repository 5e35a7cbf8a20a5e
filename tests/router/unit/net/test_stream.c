/*-------------------------------------------------------------------------
 *
 * test_stream.c
 *	  The stream: what it shows, when, to whom; what it sends; how it ends.
 *
 * A stream is on one end of a socket pair, the test holds the other one and
 * runs the loop until what it waits for has happened (run_until).  A Peer
 * records what the stream tells its owner, and can be told what to do in the
 * callbacks.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "net/stream.h"

#define BIG (10 * 1024 * 1024)

typedef struct Owner Owner;

struct Owner
{
	Loop	   *loop;
	Stream	   *stream;
	int			fd;				/* the test's end */
	Buf			seen;			/* all that on_data consumed */
	int			shows;			/* calls of on_data */
	size_t		last_len;		/* what the last one was shown */
	size_t		take;			/* on_data consumes at most this much */
	size_t		want;			/* on_data takes nothing below this much */
	size_t		unit;			/* ... and only whole multiples of this; 0: any */
	int			connected;
	int			drained;
	int			closed;
	char		why[128];
	void		(*in_data) (Owner *owner);	/* what to do within on_data */
	void		(*in_drained) (Owner *owner);
	void		(*in_closed) (Owner *owner);
	Owner	   *other;
	bool		inside;			/* a call of the owner into the stream is running */
};

static size_t on_data(void *arg, Slice data);
static void on_drained(void *arg);
static void on_closed(void *arg, const char *why);
static void on_connected(void *arg);

static const StreamEvents events = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed
};

static size_t
on_data(void *arg, Slice data)
{
	Owner	   *owner = arg;
	size_t		used = data.len < owner->want ? 0 : data.len;

	assert_false(owner->inside);
	assert_true(data.len > 0);
	owner->shows++;
	owner->last_len = data.len;
	if (used > owner->take)
		used = owner->take;
	if (owner->unit > 0)
		used -= used % owner->unit;
	if (owner->in_data != NULL)
		owner->in_data(owner);

	/* Also after the stream was destroyed the bytes must be there. */
	buf_append(&owner->seen, slice_make(data.data, used));
	return used;
}

static void
on_drained(void *arg)
{
	Owner	   *owner = arg;

	assert_false(owner->inside);
	assert_false(stream_is_full(owner->stream));
	assert_true(stream_queued(owner->stream) < STREAM_LOW_WATER);
	owner->drained++;
	if (owner->in_drained != NULL)
		owner->in_drained(owner);
}

static void
on_closed(void *arg, const char *why)
{
	Owner	   *owner = arg;

	assert_false(owner->inside);
	owner->closed++;
	snprintf(owner->why, sizeof(owner->why), "%s", why);
	if (owner->in_closed != NULL)
		owner->in_closed(owner);
}

static void
on_connected(void *arg)
{
	Owner	   *owner = arg;

	assert_false(owner->inside);
	owner->connected++;
}

/* ---------------------------------------------------------------- helpers */

static void
open_pair(Owner *owner, Loop *loop)
{
	int			fds[2];

	*owner = (Owner) {.loop = loop, .take = SIZE_MAX};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	owner->fd = fds[1];
	owner->stream = stream_create(loop, fds[0], &events, owner);
}

static void
close_owner(Owner *owner)
{
	stream_destroy(owner->stream, STREAM_DROP);
	buf_release(&owner->seen);
	if (owner->fd >= 0)
		close(owner->fd);
}

typedef struct Turns
{
	Loop	   *loop;
	int			left;
} Turns;

static void
count_turn(void *arg)
{
	Turns	   *turns = arg;

	if (--turns->left > 0)
		loop_post(turns->loop, count_turn, turns);
	else
		loop_stop(turns->loop);
}

/* Let the loop turn a few times without waiting for anything. */
static void
run_turns(Loop *loop, int n)
{
	Turns		turns = {loop, n};

	loop_post(loop, count_turn, &turns);
	loop_run(loop);
}

#define run_until(loop, condition) \
	do { \
		uint64_t	until_us_ = clock_now_us() + 20 * US_PER_SEC; \
		while (!(condition)) \
		{ \
			assert_true(clock_now_us() < until_us_); \
			run_turns(loop, 1); \
		} \
	} while (0)

static void
give(const Owner *owner, const char *text)
{
	assert_int_equal(send(owner->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
assert_seen(const Owner *owner, const char *text)
{
	Slice		seen = buf_slice(&owner->seen);

	assert_int_equal(seen.len, strlen(text));
	assert_memory_equal(seen.data, text, seen.len);
}

/* What has arrived at the test's end, appended to into. */
static void
take(const Owner *owner, Buf *into)
{
	ssize_t		n;

	while ((n = recv(owner->fd, buf_reserve(into, 65536), 65536, 0)) > 0)
		buf_commit(into, (size_t) n);
}

static void
put(Owner *owner, const char *bytes, size_t len)
{
	owner->inside = true;
	stream_write(owner->stream, slice_make(bytes, len));
	owner->inside = false;
}

static char *
pattern(size_t len)
{
	char	   *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char) (i * 31 + i / 251);
	return bytes;
}

/* ---------------------------------------------------------------- reading */

static void
bytes_are_shown_and_consumed(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	give(&a, "hello");
	run_until(loop, a.shows == 1);
	assert_seen(&a, "hello");
	give(&a, "world");
	run_until(loop, a.shows == 2);
	assert_int_equal(a.last_len, 5);
	close_owner(&a);
	loop_destroy(loop);
}

/* What is left is shown again only with more behind it: no spinning. */
static void
a_partial_message_waits_for_more(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.want = 8;
	give(&a, "abc");
	run_until(loop, a.shows == 1);
	run_turns(loop, 50);
	assert_int_equal(a.shows, 1);
	give(&a, "def");
	run_until(loop, a.shows == 2);
	assert_int_equal(a.last_len, 6);
	give(&a, "gh");
	run_until(loop, a.shows == 3);
	assert_seen(&a, "abcdefgh");
	close_owner(&a);
	loop_destroy(loop);
}

static void
what_is_left_comes_first(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 3;
	give(&a, "abcde");
	run_until(loop, a.shows == 1);
	give(&a, "f");
	run_until(loop, a.shows == 2);
	assert_int_equal(a.last_len, 3);
	assert_seen(&a, "abcdef");
	close_owner(&a);
	loop_destroy(loop);
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
		run_turns(a->loop, 1);
	}
}

/* A message of 10 MB whose owner wants it whole, in pieces of odd sizes. */
static void
a_big_message_is_gathered(void **state)
{
	const size_t pieces[] = {1 << 20, 65536, 50021};
	char	   *bytes = pattern(BIG);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		Loop	   *loop = loop_create();
		Owner		a;

		open_pair(&a, loop);
		a.want = BIG;
		feed(&a, bytes, BIG, pieces[i]);
		run_until(loop, buf_len(&a.seen) > 0);
		assert_int_equal(buf_len(&a.seen), BIG);
		assert_memory_equal(buf_slice(&a.seen).data, bytes, BIG);
		close_owner(&a);
		loop_destroy(loop);
	}
	free(bytes);
}

/* Messages whose length is no divisor of anything, each left until it is whole. */
static void
nothing_is_lost_at_the_seams(void **state)
{
	const size_t sizes[] = {1, 7, 4099, 8191, 8192, 8193, 9001, 70001};
	const size_t len = 600 * 1000;
	char	   *bytes = pattern(len);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		Loop	   *loop = loop_create();
		Owner		a;

		open_pair(&a, loop);
		a.unit = sizes[i];
		feed(&a, bytes, len, 10007);
		run_until(loop, buf_len(&a.seen) == len - len % sizes[i]);
		assert_memory_equal(buf_slice(&a.seen).data, bytes, buf_len(&a.seen));
		close_owner(&a);
		loop_destroy(loop);
	}
	free(bytes);
}

static void
one_stream_does_not_keep_the_loop(void **state)
{
	Loop	   *loop = loop_create();
	Owner		busy;
	Owner		quiet;
	char	   *bytes = pattern(1 << 20);
	int			size = 4 << 20;

	open_pair(&busy, loop);
	open_pair(&quiet, loop);
	(void) setsockopt(busy.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	while (send(busy.fd, bytes, 1 << 20, MSG_NOSIGNAL) > 0)
		;
	give(&quiet, "x");
	run_until(loop, quiet.shows == 1);
	assert_true(busy.shows <= 8);
	close_owner(&busy);
	close_owner(&quiet);
	loop_destroy(loop);
	free(bytes);
}

/* ---------------------------------------------------------------- pause, resume */

static void
pause_now(Owner *owner)
{
	stream_pause(owner->stream);
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

static void
nothing_is_shown_while_paused_and_nothing_is_lost(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 2;
	a.in_data = pause_now;
	give(&a, "abc");
	run_until(loop, a.shows == 1);
	give(&a, "def");
	run_turns(loop, 20);
	assert_int_equal(a.shows, 1);
	assert_true(stream_is_paused(a.stream));

	a.in_data = NULL;
	a.take = SIZE_MAX;
	stream_resume(a.stream);
	run_until(loop, buf_len(&a.seen) == 6);
	assert_seen(&a, "abcdef");
	close_owner(&a);
	loop_destroy(loop);
}

/* The rest is shown again after a resume although nothing more arrives. */
static void
resume_shows_the_rest(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 1;
	a.in_data = pause_now;
	give(&a, "ab");
	run_until(loop, a.shows == 1);
	a.in_data = NULL;
	a.inside = true;
	stream_resume(a.stream);
	a.inside = false;
	run_until(loop, a.shows == 2);
	assert_seen(&a, "ab");
	close_owner(&a);
	loop_destroy(loop);
}

static void
resume_within_on_data_shows_the_rest_once(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 1;
	a.in_data = pause_and_resume;
	give(&a, "abc");
	run_until(loop, a.shows == 2);
	run_turns(loop, 20);
	assert_int_equal(a.shows, 2);
	assert_seen(&a, "ab");
	close_owner(&a);
	loop_destroy(loop);
}

static void
the_end_is_seen_after_the_resume(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	stream_pause(a.stream);
	give(&a, "last words");
	close(a.fd);
	a.fd = -1;
	run_turns(loop, 20);
	assert_int_equal(a.shows + a.closed, 0);
	stream_resume(a.stream);
	run_until(loop, a.closed == 1);
	assert_seen(&a, "last words");
	assert_string_equal(a.why, "end of file");
	close_owner(&a);
	loop_destroy(loop);
}

/* ---------------------------------------------------------------- owners */

static void
hand_over(Owner *owner)
{
	stream_set_owner(owner->stream, &events, owner->other);
	owner->other->stream = owner->stream;
	owner->stream = NULL;
}

/* A server is given back while bytes are unread: the next owner is shown them. */
static void
the_new_owner_is_shown_what_is_unread(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Owner		b = {.loop = loop, .take = SIZE_MAX, .fd = -1};

	open_pair(&a, loop);
	a.take = 2;
	a.other = &b;
	a.in_data = hand_over;
	give(&a, "abcd");
	run_until(loop, b.shows == 1);
	assert_int_equal(a.shows, 1);
	assert_seen(&a, "ab");
	assert_seen(&b, "cd");
	give(&a, "ef");
	run_until(loop, b.shows == 2);
	assert_seen(&b, "cdef");
	close_owner(&b);
	close_owner(&a);
	loop_destroy(loop);
}

/* More than one read is waiting: all that follows goes to the new owner. */
static void
handing_over_ends_the_old_owners_reading(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Owner		b = {.loop = loop, .take = SIZE_MAX, .fd = -1};
	char	   *bytes = pattern(150 * 1000);

	open_pair(&a, loop);
	a.other = &b;
	a.in_data = hand_over;
	assert_int_equal(send(a.fd, bytes, 150 * 1000, 0), 150 * 1000);
	run_until(loop, buf_len(&a.seen) + buf_len(&b.seen) == 150 * 1000);
	assert_int_equal(a.shows, 1);
	assert_memory_equal(buf_slice(&b.seen).data, bytes + buf_len(&a.seen), buf_len(&b.seen));
	close_owner(&b);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

/* ---------------------------------------------------------------- writing */

static void
a_write_is_sent_at_once(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	StreamStats stats;

	open_pair(&a, loop);
	put(&a, "hello", 5);
	assert_int_equal(stream_queued(a.stream), 0);
	take(&a, &got);				/* the loop has not run */
	assert_int_equal(buf_len(&got), 5);
	stream_stats(a.stream, &stats);
	assert_int_equal(stats.sent_bytes, 5);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
}

static void
corked_writes_leave_together(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;

	open_pair(&a, loop);
	stream_cork(a.stream);
	stream_cork(a.stream);
	put(&a, "one ", 4);
	put(&a, "two ", 4);
	stream_uncork(a.stream);
	take(&a, &got);
	assert_int_equal(buf_len(&got), 0);
	assert_int_equal(stream_queued(a.stream), 8);
	stream_uncork(a.stream);
	take(&a, &got);
	assert_int_equal(buf_len(&got), 8);
	assert_memory_equal(buf_slice(&got).data, "one two ", 8);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
}

/* Long pieces are not copied into the gathered ones, but keep their place. */
static void
corked_writes_of_all_lengths_keep_their_order(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	char	   *bytes = pattern(2 * 1000 * 1000);
	size_t		sent = 0;

	open_pair(&a, loop);
	for (size_t n = 1; sent + n < 2 * 1000 * 1000; n = n * 3 % 50021 + 1)
	{
		stream_cork(a.stream);
		for (int i = 0; i < 3 && sent + n < 2 * 1000 * 1000; i++)
		{
			put(&a, bytes + sent, n);
			sent += n;
		}
		stream_uncork(a.stream);
		take(&a, &got);
	}
	while (buf_len(&got) < sent)
	{
		run_turns(loop, 1);
		take(&a, &got);
	}
	assert_int_equal(buf_len(&got), sent);
	assert_memory_equal(buf_slice(&got).data, bytes, sent);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

static void
a_slow_reader_fills_the_queue_and_drains_it(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	char	   *bytes = pattern(BIG);
	size_t		sent = 0;

	open_pair(&a, loop);
	while (sent < BIG)
	{
		size_t		n = BIG - sent < 30011 ? BIG - sent : 30011;

		if (stream_is_full(a.stream))
		{
			int			before = a.drained;

			assert_true(stream_queued(a.stream) <= STREAM_HIGH_WATER + 30011);
			run_turns(loop, 3);
			assert_int_equal(a.drained, before);	/* nobody has read */
			run_until(loop, (take(&a, &got), a.drained == before + 1));
		}
		put(&a, bytes + sent, n);
		sent += n;
	}
	run_until(loop, (take(&a, &got), buf_len(&got) == BIG));
	assert_true(a.drained > 3);
	assert_memory_equal(buf_slice(&got).data, bytes, BIG);
	assert_int_equal(stream_queued(a.stream), 0);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

/* Full while corked, and all of it taken by the socket at once: who stopped
 * feeding when it was full must still be told. */
static void
drained_is_told_whenever_it_was_full(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	char	   *bytes = pattern(STREAM_HIGH_WATER * 2);

	open_pair(&a, loop);
	put(&a, bytes, STREAM_HIGH_WATER * 2);
	assert_true(stream_is_full(a.stream));
	stream_cork(a.stream);
	put(&a, "x", 1);
	run_until(loop, (take(&a, &got), a.drained == 1));
	stream_uncork(a.stream);
	run_until(loop, (take(&a, &got), buf_len(&got) == STREAM_HIGH_WATER * 2 + 1));
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

/* ---------------------------------------------------------------- ending */

static void
destroy_own(Owner *owner)
{
	stream_destroy(owner->stream, STREAM_DROP);
	owner->stream = NULL;
}

static void
destroy_other(Owner *owner)
{
	if (owner->other->stream != NULL)
		destroy_own(owner->other);
}

static void
write_and_destroy(Owner *owner)
{
	stream_write(owner->stream, slice_from_string("bye"));
	stream_destroy(owner->stream, STREAM_FLUSH);
	owner->stream = NULL;
}

static void
an_owner_may_destroy_in_on_data(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 1;					/* something is left, too */
	a.in_data = destroy_own;
	give(&a, "abc");
	run_until(loop, a.shows == 1);
	run_turns(loop, 10);
	assert_int_equal(a.shows, 1);
	assert_int_equal(a.closed, 0);
	assert_seen(&a, "a");
	close_owner(&a);
	loop_destroy(loop);
}

/* The same while what was left is shown again, from the stream's own buffer. */
static void
an_owner_may_destroy_when_the_rest_is_shown(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.take = 1;
	a.in_data = pause_now;
	give(&a, "abc");
	run_until(loop, a.shows == 1);
	a.in_data = destroy_own;
	stream_resume(a.stream);
	run_until(loop, a.shows == 2);
	run_turns(loop, 10);
	assert_seen(&a, "ab");
	close_owner(&a);
	loop_destroy(loop);
}

static void
an_owner_may_destroy_in_on_closed(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.in_closed = destroy_own;
	close(a.fd);
	a.fd = -1;
	run_until(loop, a.closed == 1);
	run_turns(loop, 10);
	assert_int_equal(a.closed, 1);
	close_owner(&a);
	loop_destroy(loop);
}

static void
an_owner_may_destroy_in_on_drained(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	char	   *bytes = pattern(STREAM_HIGH_WATER * 2);

	open_pair(&a, loop);
	a.in_drained = destroy_own;
	put(&a, bytes, STREAM_HIGH_WATER * 2);
	run_until(loop, (take(&a, &got), a.drained == 1));
	run_turns(loop, 10);
	assert_int_equal(a.closed, 0);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

/* Both are readable in one turn; whoever is first ends the other one. */
static void
no_callback_comes_after_a_peer_destroyed_it(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Owner		b;

	open_pair(&a, loop);
	open_pair(&b, loop);
	a.other = &b;
	b.other = &a;
	a.in_data = b.in_data = destroy_other;
	give(&a, "a");
	give(&b, "b");
	run_until(loop, a.shows + b.shows > 0);
	run_turns(loop, 10);
	assert_int_equal(a.shows + b.shows, 1);
	assert_int_equal(a.closed + b.closed, 0);
	close_owner(&a);
	close_owner(&b);
	loop_destroy(loop);
}

static void
the_end_is_told_once_and_with_a_reason(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	a.want = 100;				/* a half message is lost with the connection */
	give(&a, "half");
	close(a.fd);
	a.fd = -1;
	run_until(loop, a.closed == 1);
	put(&a, "nobody reads this", 17);
	run_turns(loop, 10);
	assert_int_equal(a.closed, 1);
	assert_int_equal(a.shows, 1);
	assert_string_equal(a.why, "end of file");
	close_owner(&a);
	loop_destroy(loop);
}

/* Writing to a broken connection is told in a later turn, after what the peer
 * said last: a server that goes says why. */
static void
the_peers_last_words_are_shown_before_a_failed_write(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	give(&a, "FATAL: going down");
	close(a.fd);
	a.fd = -1;
	put(&a, "query", 5);
	put(&a, "query", 5);
	assert_int_equal(a.closed, 0);
	run_until(loop, a.closed == 1);
	assert_seen(&a, "FATAL: going down");
	close_owner(&a);
	loop_destroy(loop);
}

static void
a_failed_write_is_told_to_a_paused_stream(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;

	open_pair(&a, loop);
	stream_pause(a.stream);
	close(a.fd);
	a.fd = -1;
	put(&a, "query", 5);
	run_until(loop, a.closed == 1);
	assert_string_equal(a.why, strerror(EPIPE));
	close_owner(&a);
	loop_destroy(loop);
}

static void
destroying_with_flush_sends_the_queue(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;
	char	   *bytes = pattern(BIG);
	char		end;

	open_pair(&a, loop);
	put(&a, bytes, BIG);
	stream_destroy(a.stream, STREAM_FLUSH);
	a.stream = NULL;
	give(&a, "not shown to anybody");
	run_until(loop, (take(&a, &got), buf_len(&got) == BIG));
	assert_memory_equal(buf_slice(&got).data, bytes, BIG);
	run_until(loop, recv(a.fd, &end, 1, 0) == 0);
	assert_int_equal(a.shows + a.closed + a.drained, 0);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

static void
a_flush_nobody_reads_is_given_up(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	char	   *bytes = pattern(BIG);
	char		byte;
	ssize_t		n = 1;

	open_pair(&a, loop);
	put(&a, bytes, BIG);
	stream_destroy(a.stream, STREAM_FLUSH);
	a.stream = NULL;

	/* Nothing is read here: that the stream is gone shows by writing to it. */
	run_until(loop, (n = send(a.fd, "x", 1, MSG_NOSIGNAL)) < 0 && errno == EPIPE);
	while ((n = recv(a.fd, &byte, 1, 0)) > 0)
		;
	assert_int_equal(n, 0);
	close_owner(&a);
	loop_destroy(loop);
	free(bytes);
}

/* The other's peer says its last word and leaves; only by writing does the stream learn of it. */
static void
other_is_left(Owner *owner)
{
	Owner	   *other = owner->other;

	give(other, "quit");
	close(other->fd);
	other->fd = -1;
	put(other, "late", 4);
}

/*
 * Used after it was freed, as the sanitizer told: a stream that its owner
 * destroys upon the last words of a peer that is gone took another turn.
 */
static void
nothing_is_due_for_a_destroyed_stream(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Owner		b;

	open_pair(&a, loop);
	open_pair(&b, loop);
	a.other = &b;
	a.in_data = other_is_left;
	b.in_data = destroy_own;
	give(&a, "x");
	run_until(loop, b.stream == NULL);
	assert_seen(&b, "quit");
	a.in_data = NULL;
	run_turns(loop, 3);
	stream_pause(a.stream);
	stream_resume(a.stream);	/* asks for a turn: behind whoever still waits for one */
	give(&a, "y");
	run_until(loop, a.shows == 2);
	close_owner(&a);
	close_owner(&b);
	loop_destroy(loop);
}

static void
a_flush_ends_with_the_loop(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	char	   *bytes = pattern(BIG);

	open_pair(&a, loop);
	put(&a, bytes, BIG);
	stream_destroy(a.stream, STREAM_FLUSH);
	a.stream = NULL;
	loop_destroy(loop);			/* the leak checker is the judge */
	close_owner(&a);
	free(bytes);
}

/* Corked bytes are queued bytes. */
static void
destroying_with_flush_sends_what_is_corked(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a;
	Buf			got = BUF_INIT;

	open_pair(&a, loop);
	stream_cork(a.stream);
	a.in_data = write_and_destroy;
	give(&a, "quit");
	run_until(loop, a.shows == 1);
	take(&a, &got);
	assert_int_equal(buf_len(&got), 3);
	buf_release(&got);
	close_owner(&a);
	loop_destroy(loop);
}

/* ---------------------------------------------------------------- TCP */

static int
listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	len = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void
connects_to(const char *host)
{
	Loop	   *loop = loop_create();
	Owner		a = {.loop = loop, .take = SIZE_MAX, .fd = -1};
	int			port;
	int			listening = listen_somewhere(&port);
	char		text[16];

	a.inside = true;
	a.stream = stream_connect(loop, host, port, &events, &a);
	a.inside = false;
	put(&a, "early", 5);		/* sent when it is connected */
	run_until(loop, a.connected + a.closed == 1);
	assert_int_equal(a.connected, 1);
	a.fd = accept(listening, NULL, NULL);
	assert_int_equal(recv(a.fd, text, sizeof(text), 0), 5);
	give(&a, "hello");
	run_until(loop, a.shows == 1);
	assert_seen(&a, "hello");
	close_owner(&a);
	close(listening);
	loop_destroy(loop);
}

static void
connects_to_an_address(void **state)
{
	connects_to("127.0.0.1");
}

/* localhost may be ::1 first, where nobody listens: the next address is tried. */
static void
connects_to_a_name(void **state)
{
	connects_to("localhost");
}

static void
refused(const char *host, int port)
{
	Loop	   *loop = loop_create();
	Owner		a = {.loop = loop, .take = SIZE_MAX, .fd = -1};

	a.inside = true;
	a.stream = stream_connect(loop, host, port, &events, &a);
	a.inside = false;
	assert_int_equal(a.closed, 0);
	run_until(loop, a.closed == 1);
	assert_int_equal(a.connected, 0);
	assert_true(strlen(a.why) > 0);
	close_owner(&a);
	loop_destroy(loop);
}

static void
a_failed_connect_is_told_later(void **state)
{
	int			port;
	int			listening = listen_somewhere(&port);

	close(listening);
	refused("127.0.0.1", port);
	refused("localhost", port);
	refused("/nonexistent", port);
	refused("/a-directory-with-a-name-that-is-longer-than-what-the-system-takes-for-"
			"the-path-of-a-unix-socket-by-far-and-then-some", port);
	refused("no such host", port);
}

static void
connecting_can_be_given_up(void **state)
{
	const char *hosts[] = {"127.0.0.1", "localhost", "/nonexistent", "no such host"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		Loop	   *loop = loop_create();
		Owner		a = {.loop = loop, .take = SIZE_MAX, .fd = -1};
		int			port;
		int			listening = listen_somewhere(&port);

		a.stream = stream_connect(loop, hosts[i], port, &events, &a);
		stream_destroy(a.stream, i % 2 == 0 ? STREAM_FLUSH : STREAM_DROP);
		a.stream = NULL;
		run_turns(loop, 10);
		assert_int_equal(a.connected + a.closed, 0);
		close(listening);
		loop_destroy(loop);
	}
}

/* The peer resets the connection: told with the system's words, no signal. */
static void
a_reset_is_told(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a = {.loop = loop, .take = SIZE_MAX, .fd = -1};
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int			port;
	int			listening = listen_somewhere(&port);

	a.stream = stream_connect(loop, "127.0.0.1", port, &events, &a);
	run_until(loop, a.connected == 1);
	a.fd = accept(listening, NULL, NULL);
	assert_int_equal(setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(a.fd);
	a.fd = -1;
	run_until(loop, a.closed == 1);
	assert_string_equal(a.why, strerror(ECONNRESET));
	close_owner(&a);
	close(listening);
	loop_destroy(loop);
}

/* Bytes we did not read must not turn our close into a reset that takes our
 * last words from the peer. */
static void
a_clean_end_is_not_a_reset(void **state)
{
	Loop	   *loop = loop_create();
	Owner		a = {.loop = loop, .take = SIZE_MAX, .fd = -1};
	int			port;
	int			listening = listen_somewhere(&port);
	char		text[16];

	a.stream = stream_connect(loop, "127.0.0.1", port, &events, &a);
	run_until(loop, a.connected == 1);
	a.fd = accept(listening, NULL, NULL);
	stream_pause(a.stream);
	give(&a, "something that is never read");
	put(&a, "FATAL", 5);
	stream_destroy(a.stream, STREAM_FLUSH);
	a.stream = NULL;
	run_turns(loop, 2);
	assert_int_equal(recv(a.fd, text, sizeof(text), 0), 5);
	assert_int_equal(recv(a.fd, text, sizeof(text), 0), 0);
	close_owner(&a);
	close(listening);
	loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_shown_and_consumed),
		cmocka_unit_test(a_partial_message_waits_for_more),
		cmocka_unit_test(what_is_left_comes_first),
		cmocka_unit_test(a_big_message_is_gathered),
		cmocka_unit_test(nothing_is_lost_at_the_seams),
		cmocka_unit_test(one_stream_does_not_keep_the_loop),
		cmocka_unit_test(nothing_is_shown_while_paused_and_nothing_is_lost),
		cmocka_unit_test(resume_shows_the_rest),
		cmocka_unit_test(resume_within_on_data_shows_the_rest_once),
		cmocka_unit_test(the_end_is_seen_after_the_resume),
		cmocka_unit_test(the_new_owner_is_shown_what_is_unread),
		cmocka_unit_test(handing_over_ends_the_old_owners_reading),
		cmocka_unit_test(a_write_is_sent_at_once),
		cmocka_unit_test(corked_writes_leave_together),
		cmocka_unit_test(corked_writes_of_all_lengths_keep_their_order),
		cmocka_unit_test(a_slow_reader_fills_the_queue_and_drains_it),
		cmocka_unit_test(drained_is_told_whenever_it_was_full),
		cmocka_unit_test(an_owner_may_destroy_in_on_data),
		cmocka_unit_test(an_owner_may_destroy_when_the_rest_is_shown),
		cmocka_unit_test(an_owner_may_destroy_in_on_closed),
		cmocka_unit_test(an_owner_may_destroy_in_on_drained),
		cmocka_unit_test(no_callback_comes_after_a_peer_destroyed_it),
		cmocka_unit_test(the_end_is_told_once_and_with_a_reason),
		cmocka_unit_test(the_peers_last_words_are_shown_before_a_failed_write),
		cmocka_unit_test(a_failed_write_is_told_to_a_paused_stream),
		cmocka_unit_test(destroying_with_flush_sends_the_queue),
		cmocka_unit_test(a_flush_nobody_reads_is_given_up),
		cmocka_unit_test(a_flush_ends_with_the_loop),
		cmocka_unit_test(destroying_with_flush_sends_what_is_corked),
		cmocka_unit_test(nothing_is_due_for_a_destroyed_stream),
		cmocka_unit_test(connects_to_an_address),
		cmocka_unit_test(connects_to_a_name),
		cmocka_unit_test(a_failed_connect_is_told_later),
		cmocka_unit_test(connecting_can_be_given_up),
		cmocka_unit_test(a_reset_is_told),
		cmocka_unit_test(a_clean_end_is_not_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
