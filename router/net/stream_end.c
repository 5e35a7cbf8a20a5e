/*-------------------------------------------------------------------------
 *
 * stream_end.c
 *	  How a stream ends: destroyed by its owner, perhaps sending the rest.
 *
 * The owner has left when stream_destroy() returns.  What is queued is sent
 * for a while longer, then the descriptor is closed; the memory stays until
 * the callbacks of the turn are done, since one of them may stand on it.
 *
 *-------------------------------------------------------------------------
 */
#include "net/stream_internal.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define FLUSH_STALL_US US_PER_SEC	/* the peer reads nothing */
#define FLUSH_MAX_US (30 * US_PER_SEC)
#define DISCARD_SIZE (8 * 1024)
#define DISCARDS_MAX 32

static void begin_flush(Stream *stream);
static void stream_free(void *arg);

void
stream_destroy(Stream *stream, StreamEnd end)
{
	if (stream == NULL)
		return;
	stream->events = NULL;
	stream->owner = NULL;
	stream->end = end;
	if (end == STREAM_FLUSH && stream->tls != NULL && stream->state == STATE_OPEN)
		stream_tls_finish(stream);
	loop_next_turn_cancel(stream->loop, &stream->turn);
	if (end == STREAM_FLUSH && stream->state == STATE_OPEN && buf_len(&stream->queue) > 0)
		begin_flush(stream);
	else
		stream_dispose(stream);
}

/* The owner has left; send the queue for a while longer. */
static void
begin_flush(Stream *stream)
{
	stream->state = STATE_FLUSHING;
	stream_watch_reading(stream, false);
	if (!stream->is_waiting)
		stream_send_queue(stream);
	loop_next_turn_cancel(stream->loop, &stream->turn);
	if (buf_len(&stream->queue) == 0)
	{
		stream_dispose(stream);
		return;
	}
	(*loop_flushing(stream->loop))++;
	stream->flush_timer = loop_timer_create(stream->loop, stream_dispose, stream);
	stream->flush_end_us = loop_now_us(stream->loop) + FLUSH_MAX_US;
	loop_timer_start(stream->flush_timer, FLUSH_STALL_US);
	loop_at_end(stream->loop, &stream->at_end);
}

int
stream_flushing_count(Loop *loop)
{
	return *loop_flushing(loop);
}

/* It has taken some: a slow reader shall have all of it. */
void
stream_flush_on(Stream *stream)
{
	if (loop_now_us(stream->loop) < stream->flush_end_us)
		loop_timer_start(stream->flush_timer, FLUSH_STALL_US);
}

/* Close and free; the memory stays until the callbacks of this turn are done. */
void
stream_dispose(void *arg)
{
	Stream	   *stream = arg;

	loop_at_end_cancel(stream->loop, &stream->at_end);
	if (stream->flush_timer != NULL)
		(*loop_flushing(stream->loop))--;
	if (stream->connector != NULL)
		connector_cancel(stream->connector);
	stream->connector = NULL;
	if (stream->end == STREAM_FLUSH)
		stream_discard_input(stream);
	stream_close_descriptor(stream);
	stream->state = STATE_GONE;
	loop_later(stream->loop, stream_free, stream);
}

void
stream_close_descriptor(Stream *stream)
{
	if (stream->fd < 0)
		return;
	stream_watch_reading(stream, false);
	stream_watch_writing(stream, false);

	close(stream->fd);
	stream->fd = -1;
}

/*
 * Closing with bytes unread resets the connection, and a reset can overtake
 * the last words we sent.  So what is there is taken in.  Not into the loop's
 * buffer: the owner may still look at it.
 */
void
stream_discard_input(Stream *stream)
{
	char		sink[DISCARD_SIZE];

	for (int i = 0; stream->fd >= 0 && i < DISCARDS_MAX; i++)
		if (recv(stream->fd, sink, sizeof(sink), 0) < (ssize_t) sizeof(sink))
			break;
}

static void
stream_free(void *arg)
{
	Stream	   *stream = arg;

	loop_next_turn_cancel(stream->loop, &stream->turn); /* asked for by the callback that destroyed it */
	loop_timer_destroy(stream->flush_timer);
	stream_tls_free(stream);
	buf_release(&stream->unread);
	buf_release(&stream->queue);
	mem_free(stream);
}
