/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  A non-blocking byte stream.
 *
 * Reading.  The read event stays registered for the stream's life; one recv()
 * per wake-up goes into the loop's receive buffer, and what the owner leaves
 * is kept in the stream's own:
 *
 *	  loop's buffer:   | HEADROOM        | STREAM_READ_SIZE               |
 *	                          | kept     | received                       |
 *	                          ^ shown to the owner as one piece
 *
 * What was kept is put in front of what arrives, if it is as short as the
 * headroom (a piece of a message, mostly); a long one grows where it is.
 * Pausing costs nothing unless bytes arrive meanwhile: only then the read
 * event is taken out, until the stream is resumed.
 *
 * Writing.  The write event is registered only while the socket does not take
 * what is queued.
 *
 * Callbacks are made from events and from one task (on_turn), never from
 * within a call of the owner.  Any of them may destroy the stream: it is then
 * a shell (events is NULL) until the turn of the loop is over, and after each
 * callback that is looked at first.
 *
 *	  CONNECTING -> OPEN -> ENDED (the owner was told)
 *	      any of them -> FLUSHING (destroyed, sends the rest) -> GONE
 *
 *-------------------------------------------------------------------------
 */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "net/socket_io.h"
#include "net/sockets.h"
#include "net/stream_internal.h"

#define HEADROOM (8 * 1024)
#define READS_PER_TURN 4		/* then it is the other streams' turn */

static Stream *stream_alloc(Loop *loop, const StreamEvents *events, void *owner);
static void stream_open(Stream *stream, int fd);
static void on_connect_done(void *arg, int fd, const char *why);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_turn(void *arg);
static bool receive(Stream *stream);
static ssize_t receive_once(Stream *stream, bool *more);
static void show(Stream *stream, Slice data, bool is_kept);
static NOINLINE void keep_rest(Stream *stream, Slice data, size_t used, bool is_kept);
static void report_drained(Stream *stream);
static void enqueue(Stream *stream, Slice bytes);
static void send_with_queue(Stream *stream, Slice bytes);
static NOINLINE ssize_t send_both(int fd, Slice first, Slice second);

/* ------------------------------------------------------- create, destroy */

Stream *
stream_create(Loop *loop, int fd, const StreamEvents *events, void *owner)
{
	Stream	   *stream = stream_alloc(loop, events, owner);

	stream_open(stream, fd);
	return stream;
}

Stream *
stream_connect(Loop *loop, const char *host, int port, const StreamEvents *events, void *owner)
{
	Stream	   *stream = stream_alloc(loop, events, owner);

	stream->state = STATE_CONNECTING;
	stream->connector = connector_start(loop, host, port, on_connect_done, stream);
	return stream;
}

static Stream *
stream_alloc(Loop *loop, const StreamEvents *events, void *owner)
{
	Stream	   *stream = mem_alloc(sizeof(Stream));

	stream->loop = loop;
	stream->events = events;
	stream->owner = owner;
	stream->fd = -1;
	stream->turn.fn = on_turn;
	stream->turn.arg = stream;
	stream->at_end.fn = stream_dispose;
	stream->at_end.arg = stream;
	return stream;
}

static void
stream_open(Stream *stream, int fd)
{
	int			flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK) == 0)
		(void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	stream->fd = fd;
	stream->state = STATE_OPEN;
	event_assign(&stream->read_event, loop_event_base(stream->loop), fd,
				 EV_READ | EV_PERSIST, on_readable, stream);
	event_assign(&stream->write_event, loop_event_base(stream->loop), fd,
				 EV_WRITE | EV_PERSIST, on_writable, stream);
	if (!stream->is_paused)
		stream_watch_reading(stream, true);
}

static void
on_connect_done(void *arg, int fd, const char *why)
{
	Stream	   *stream = arg;

	stream->connector = NULL;
	if (fd < 0)
	{
		stream_report_end(stream, why);
		return;
	}
	socket_tune(fd);
	stream_open(stream, fd);
	if (stream->events->on_connected != NULL)
		stream->events->on_connected(stream->owner);
	if (stream->events != NULL && stream->state == STATE_OPEN && buf_len(&stream->queue) > 0)
	{
		stream_send_queue(stream);
		report_drained(stream);
	}
}

void
stream_set_owner(Stream *stream, const StreamEvents *events, void *owner)
{
	stream->events = events;
	stream->owner = owner;
	stream->handed_over = true;
	if (stream->in_data || buf_len(&stream->unread) > 0)
		loop_next_turn(stream->loop, &stream->turn);
}

/* ---------------------------------------------------------------- reading */

void
stream_pause(Stream *stream)
{
	stream->is_paused = true;
}

void
stream_resume(Stream *stream)
{
	if (!stream->is_paused)
		return;
	stream->is_paused = false;
	if (stream->state != STATE_OPEN)
		return;
	stream_watch_reading(stream, true);
	if (stream->in_data || buf_len(&stream->unread) > 0 || stream->tls != NULL)
		loop_next_turn(stream->loop, &stream->turn);
}

bool
stream_is_paused(const Stream *stream)
{
	return stream->is_paused;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	Stream	   *stream = arg;

	if (stream->is_paused)
		stream_watch_reading(stream, false);
	else if (stream->tls != NULL && stream_tls_is_shaking(stream))
		stream_tls_continue(stream);
	else
		(void) receive(stream);
}

/* Show what has arrived, a few pieces at most; true: there was something. */
static bool
receive(Stream *stream)
{
	bool		more = true;
	bool		any = false;

	stream->handed_over = false;
	for (int i = 0; more && i < READS_PER_TURN; i++)
	{
		ssize_t		n = receive_once(stream, &more);

		if (n > 0)
			any = true;
		else if (n == 0)
			stream_report_end(stream, "end of file");
		else if (errno != EAGAIN && errno != EINTR)
			stream_report_end(stream, stream->tls != NULL ? stream_tls_why(stream) : strerror(errno));
		if (n <= 0 || stream->state != STATE_OPEN || stream->events == NULL ||
			stream->is_paused || stream->handed_over)
			break;
	}
	if (stream->tls != NULL && stream->state == STATE_OPEN && stream->events != NULL)
	{
		/* what is held there makes no socket readable */
		if (stream_tls_has_more(stream) && !stream->is_paused)
			loop_next_turn(stream->loop, &stream->turn);
	}
	return any;
}

/* One recv(), shown with what was kept in front; more: the socket may have more. */
static ssize_t
receive_once(Stream *stream, bool *more)
{
	size_t		kept = buf_len(&stream->unread);
	char	   *into;
	ssize_t		n;

	if (kept > HEADROOM)
		into = buf_reserve(&stream->unread, STREAM_READ_SIZE);
	else
		into = loop_scratch(stream->loop, HEADROOM + STREAM_READ_SIZE) + HEADROOM;

	if (stream->tls != NULL)
		n = stream_tls_receive(stream, into, STREAM_READ_SIZE);
	else
		n = socket_receive(stream->fd, into, STREAM_READ_SIZE);
	*more = n == STREAM_READ_SIZE;
	if (n <= 0)
		return n;
	if (stream->tls == NULL)	/* else the bytes of the wire are counted there */
		stream->stats.received_bytes += (uint64_t) n;

	if (kept > HEADROOM)
	{
		buf_commit(&stream->unread, (size_t) n);
		show(stream, buf_slice(&stream->unread), true);
	}
	else
	{
		if (kept > 0)
			memcpy(into - kept, buf_slice(&stream->unread).data, kept);
		show(stream, slice_make(into - kept, kept + (size_t) n), false);
	}
	return n;
}

/* Show data and keep what the owner leaves; is_kept: data lies in unread already. */
static void
show(Stream *stream, Slice data, bool is_kept)
{
	size_t		used;

	stream->in_data = true;
	used = stream->events->on_data(stream->owner, data);
	stream->in_data = false;
	if (stream->events == NULL)
		return;					/* unread is freed with the shell */
	if (used < data.len || stream->unread.cap > 0 || stream->tls != NULL)
		keep_rest(stream, data, used, is_kept);
}

static void
keep_rest(Stream *stream, Slice data, size_t used, bool is_kept)
{
	if (stream->tls != NULL && stream_tls_takes_rest(stream, slice_skip(data, used)))
		used = data.len;

	if (is_kept)
		buf_consume(&stream->unread, used);
	else
	{
		buf_clear(&stream->unread);
		buf_append(&stream->unread, slice_skip(data, used));
	}
	if (buf_len(&stream->unread) == 0 && stream->unread.cap > 0)
		buf_release(&stream->unread);
}

/* ---------------------------------------------------------------- writing */

void
stream_cork(Stream *stream)
{
	stream->cork++;
}

void
stream_uncork(Stream *stream)
{
	stream->cork--;
	if (stream->tls != NULL)
		stream_tls_uncork(stream);
	else if (stream->cork == 0 && buf_len(&stream->queue) > 0 && !stream->is_waiting &&
		stream->state == STATE_OPEN)
		stream_send_queue(stream);
}

void
stream_write(Stream *stream, Slice bytes)
{
	bool		can_gather = stream->cork > 0 &&
		buf_len(&stream->queue) + bytes.len <= GATHER_SIZE;

	if (bytes.len == 0 || stream->state == STATE_ENDED || stream->write_errno != 0)
		return;
	if (stream->tls != NULL)
		stream_tls_write(stream, bytes);
	else if (can_gather || stream->is_waiting || stream->state == STATE_CONNECTING)
		enqueue(stream, bytes);
	else
		send_with_queue(stream, bytes);
}

void
stream_write_last(Stream *stream, Slice bytes)
{
	if (stream->tls != NULL || stream->state != STATE_OPEN)
		stream_write(stream, bytes);
	else if (bytes.len > 0)
		stream_send(stream, bytes);
}

size_t
stream_queued(const Stream *stream)
{
	return buf_len(&stream->queue);
}

bool
stream_is_full(const Stream *stream)
{
	return stream->is_full;
}

void
stream_send_queue(Stream *stream)
{
	send_with_queue(stream, slice_make(NULL, 0));
}

void
stream_send(Stream *stream, Slice bytes)
{
	if (stream->state == STATE_ENDED || stream->write_errno != 0)
		return;
	if (stream->is_waiting)
		enqueue(stream, bytes);
	else
		send_with_queue(stream, bytes);
}

static void
enqueue(Stream *stream, Slice bytes)
{
	buf_append(&stream->queue, bytes);
	if (buf_len(&stream->queue) > STREAM_HIGH_WATER)
		stream->is_full = true;
}

/* Send the queue and bytes in one call; what is not taken is queued and waits. */
static void
send_with_queue(Stream *stream, Slice bytes)
{
	Slice		queued = buf_slice(&stream->queue);
	ssize_t		n;
	size_t		sent;

	if (queued.len == 0)
		n = socket_send(stream->fd, bytes);
	else if (bytes.len == 0)
		n = socket_send(stream->fd, queued);
	else
		n = send_both(stream->fd, queued, bytes);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
	{
		stream_write_failed(stream, errno);
		return;
	}

	sent = n > 0 ? (size_t) n : 0;
	stream->stats.sent_bytes += sent;
	if (sent == queued.len + bytes.len && !stream->is_waiting && !stream->is_full)
	{
		buf_release(&stream->queue);	/* all was taken, as mostly */
		return;
	}
	if (sent < queued.len)
		buf_consume(&stream->queue, sent);
	else
	{
		bytes = slice_skip(bytes, sent - queued.len);
		buf_clear(&stream->queue);
	}
	if (bytes.len > 0)
		enqueue(stream, bytes);
	else if (buf_len(&stream->queue) == 0 && stream->queue.cap > 0)
		buf_release(&stream->queue);

	stream_watch_writing(stream, buf_len(&stream->queue) > 0);
	if (stream->is_full && buf_len(&stream->queue) < STREAM_LOW_WATER)
		loop_next_turn(stream->loop, &stream->turn);
}

static ssize_t
send_both(int fd, Slice first, Slice second)
{
	struct iovec parts[2] = {
		{.iov_base = (void *) first.data, .iov_len = first.len},
		{.iov_base = (void *) second.data, .iov_len = second.len}
	};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Silent from here on; the owner hears of it when what has arrived was shown. */
void
stream_write_failed(Stream *stream, int error)
{
	stream->write_errno = error;
	buf_release(&stream->queue);
	stream_watch_writing(stream, false);
	if (stream->state == STATE_OPEN)
		loop_next_turn(stream->loop, &stream->turn);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	Stream	   *stream = arg;

	stream_send_queue(stream);
	if (stream->state == STATE_FLUSHING)
	{
		if (buf_len(&stream->queue) == 0)
			stream_dispose(stream);
		else
			stream_flush_on(stream);
	}
	else
		report_drained(stream);
}

/* ---------------------------------------------------------------- reports */

/* What calls of the owner left to be told, each in its turn. */
static void
on_turn(void *arg)
{
	Stream	   *stream = arg;

	if (stream->state != STATE_OPEN)
		return;
	if (stream->write_errno != 0)
	{
		/* A server that goes says why: show that before the end. */
		if (!stream->is_paused && !(stream->tls != NULL && stream_tls_is_shaking(stream)) && receive(stream))
		{
			if (stream->state == STATE_OPEN)	/* its owner may have destroyed it */
				loop_next_turn(stream->loop, &stream->turn);
		}
		else if (stream->state == STATE_OPEN && stream->events != NULL)
			stream_report_end(stream, strerror(stream->write_errno));
		return;
	}
	if (stream->tls != NULL && stream_tls_is_shaking(stream))
	{
		if (!stream->is_paused)
			stream_tls_continue(stream);
		return;
	}
	report_drained(stream);
	if (stream->events != NULL && !stream->is_paused && buf_len(&stream->unread) > 0)
		show(stream, buf_slice(&stream->unread), true);
	if (stream->tls != NULL && stream->state == STATE_OPEN && stream->events != NULL && !stream->is_paused &&
		!stream_tls_is_shaking(stream) && stream_tls_has_more(stream))
		(void) receive(stream);
}

void
stream_report_secured(Stream *stream)
{
	if (stream->events->on_secured != NULL)
		stream->events->on_secured(stream->owner);
}

static void
report_drained(Stream *stream)
{
	if (!stream->is_full || buf_len(&stream->queue) >= STREAM_LOW_WATER ||
		stream->write_errno != 0)
		return;
	stream->is_full = false;
	if (stream->events->on_drained != NULL)
		stream->events->on_drained(stream->owner);
}

void
stream_report_end(Stream *stream, const char *why)
{
	loop_next_turn_cancel(stream->loop, &stream->turn);
	stream_close_descriptor(stream);
	buf_release(&stream->queue);
	stream->state = STATE_ENDED;
	stream->events->on_closed(stream->owner, why);
}

/* ---------------------------------------------------------------- the rest */

void
stream_watch_reading(Stream *stream, bool on)
{
	if (stream->is_reading == on)
		return;
	stream->is_reading = on;
	if (on)
		event_add(&stream->read_event, NULL);
	else
		event_del(&stream->read_event);
}

void
stream_watch_writing(Stream *stream, bool on)
{
	if (stream->is_waiting == on)
		return;
	stream->is_waiting = on;
	if (on)
		event_add(&stream->write_event, NULL);
	else
		event_del(&stream->write_event);
}

Loop *
stream_loop(const Stream *stream)
{
	return stream->loop;
}

void
stream_stats(const Stream *stream, StreamStats *stats)
{
	*stats = stream->stats;
}

void
stream_describe_local(const Stream *stream, PeerAddress *local)
{
	address_describe_local(local, stream->fd);
}
