/*-------------------------------------------------------------------------
 *
 * stream_owner.c
 *	  Owners of streams, and the loop they live in.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWNERS_MAX 8

static Loop *turning;
static Owner owners[OWNERS_MAX];
static int	nowners;

/* ---------------------------------------------------------------- events */

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
on_connected(void *arg)
{
	Owner	   *owner = arg;

	assert_false(owner->inside);
	owner->connected++;
}

static void
on_secured(void *arg)
{
	Owner	   *owner = arg;

	assert_false(owner->inside);
	owner->secured++;
	if (owner->in_secured != NULL)
		owner->in_secured(owner);
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

static const StreamEvents events = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_secured = on_secured,
	.on_drained = on_drained,
	.on_closed = on_closed
};

/* ---------------------------------------------------------------- owners */

int
owners_setup(void **state)
{
	turning = loop_create();
	nowners = 0;
	return 0;
}

/* Flushes that nobody reads end with the loop; the leak checker is the judge. */
int
owners_teardown(void **state)
{
	for (int i = 0; i < nowners; i++)
		stream_destroy(owners[i].stream, STREAM_DROP);
	loop_destroy(turning);
	for (int i = 0; i < nowners; i++)
	{
		peer_close(&owners[i]);
		buf_release(&owners[i].seen);
	}
	return 0;
}

Owner *
owner_without_stream(void)
{
	Owner	   *owner = &owners[nowners++];

	assert_true(nowners <= OWNERS_MAX);
	*owner = (Owner) {.take = SIZE_MAX, .fd = -1};
	return owner;
}

Owner *
owner_open(void)
{
	Owner	   *owner = owner_without_stream();
	int			fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	owner->fd = fds[1];
	owner->stream = stream_create(turning, fds[0], &events, owner);
	return owner;
}

Owner *
owner_connect(const char *host, int port)
{
	Owner	   *owner = owner_without_stream();

	owner->inside = true;
	owner->stream = stream_connect(turning, host, port, &events, owner);
	owner->inside = false;
	return owner;
}

void
owner_write(Owner *owner, const char *bytes, size_t len)
{
	owner->inside = true;
	stream_write(owner->stream, slice_make(bytes, len));
	owner->inside = false;
}

void
owner_start_tls(Owner *owner, const StreamTlsPlan *plan)
{
	owner->inside = true;
	stream_start_tls(owner->stream, plan);
	owner->inside = false;
}

void
owner_hand_over(Owner *owner)
{
	stream_set_owner(owner->stream, &events, owner->other);
	owner->other->stream = owner->stream;
	owner->stream = NULL;
}

void
owner_assert_seen(const Owner *owner, const char *text)
{
	Slice		seen = buf_slice(&owner->seen);

	assert_int_equal(seen.len, strlen(text));
	assert_memory_equal(seen.data, text, seen.len);
}

void
owner_pause(Owner *owner)
{
	stream_pause(owner->stream);
}

void
owner_drop(Owner *owner)
{
	stream_destroy(owner->stream, STREAM_DROP);
	owner->stream = NULL;
}

void
owner_flush(Owner *owner)
{
	stream_destroy(owner->stream, STREAM_FLUSH);
	owner->stream = NULL;
}

/* ---------------------------------------------------------------- the other end */

void
peer_send(const Owner *owner, const char *text)
{
	assert_int_equal(send(owner->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
peer_receive(const Owner *owner, Buf *into)
{
	ssize_t		n;

	while ((n = recv(owner->fd, buf_reserve(into, 65536), 65536, 0)) > 0)
		buf_commit(into, (size_t) n);
}

void
peer_close(Owner *owner)
{
	if (owner->fd >= 0)
		close(owner->fd);
	owner->fd = -1;
}

/* ---------------------------------------------------------------- the loop */

static void
count_turn(void *arg)
{
	int		   *left = arg;

	if (--*left > 0)
		loop_post(turning, count_turn, left);
	else
		loop_stop(turning);
}

void
run_turns(int n)
{
	loop_post(turning, count_turn, &n);
	loop_run(turning);
}

char *
make_pattern(size_t len)
{
	char	   *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char) (i * 31 + i / 251);
	return bytes;
}
