/*-------------------------------------------------------------------------
 *
 * stream_internal.h
 *	  The stream's struct, and what its files call in each other.
 *
 *	  stream.c		reading, writing, reports
 *	  stream_tls.c	what lies between them and the socket when TLS does
 *	  stream_end.c	destroyed, flushing, gone
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_STREAM_INTERNAL_H
#define ROUTER_NET_STREAM_INTERNAL_H

#include <sys/types.h>

#include <event2/event_struct.h>

#include "base/buf.h"
#include "net/connect.h"
#include "net/loop_internal.h"
#include "net/stream.h"

#define GATHER_SIZE (16 * 1024) /* corked writes are copied together up to this size */

typedef enum StreamState
{
	STATE_CONNECTING,
	STATE_OPEN,
	STATE_ENDED,
	STATE_FLUSHING,
	STATE_GONE
} StreamState;

/* What each recv() and send() looks at comes first: three lines of cache, and libevent's. */
struct Stream
{
	Loop	   *loop;
	const StreamEvents *events; /* borrowed; NULL: destroyed by the owner */
	void	   *owner;
	int			fd;				/* owned; -1: not connected, or ended */
	StreamState state;
	int			cork;			/* depth */
	int			write_errno;	/* sending failed; to be reported */
	bool		is_paused;
	bool		is_reading;		/* read_event is registered */
	bool		is_waiting;		/* write_event is registered */
	bool		is_full;		/* passed the high water mark, on_drained is owed */
	bool		in_data;		/* on_data is running */
	bool		handed_over;	/* the owner changed while it ran */
	struct StreamTls *tls;		/* owned; NULL: not encrypted */
	StreamStats stats;
	Buf			unread;			/* what the owner left */
	Buf			queue;			/* not sent yet */
	struct event read_event;

	StreamEnd	end;			/* how the owner destroyed it */
	Connector  *connector;		/* owned; while connecting */
	LoopTimer  *flush_timer;	/* owned; while flushing */
	uint64_t	flush_end_us;	/* not for longer than that */
	LoopTask	turn;			/* runs on_turn() */
	LoopTask	at_end;			/* while flushing: the loop ends first */
	struct event write_event;
};

/* ---- stream.c ---- */
extern void stream_send_queue(Stream *stream);	/* as much as the socket takes */
extern void stream_send(Stream *stream, Slice bytes);	/* past TLS: to the socket, or queued */
extern void stream_watch_reading(Stream *stream, bool on);
extern void stream_watch_writing(Stream *stream, bool on);
extern void stream_write_failed(Stream *stream, int error);
extern void stream_report_end(Stream *stream, const char *why);
extern void stream_report_secured(Stream *stream);

/* ---- stream_tls.c ---- */
extern bool stream_tls_is_shaking(const Stream *stream);	/* the handshake is not over */
extern void stream_tls_continue(Stream *stream);	/* the handshake; the stream may have ended after it */

/* What on_data left when it asked for TLS is the peer's first word of it. */
extern bool stream_tls_takes_rest(Stream *stream, Slice rest);

/* As recv(); size bytes or all there is, so that less means the socket is empty. */
extern ssize_t stream_tls_receive(Stream *stream, char *into, size_t size);
extern bool stream_tls_has_more(const Stream *stream);	/* the last one was cut off by size */
extern const char *stream_tls_why(const Stream *stream);	/* NULL: TLS did not fail */
extern void stream_tls_write(Stream *stream, Slice bytes);
extern void stream_tls_uncork(Stream *stream);
extern void stream_tls_finish(Stream *stream);	/* encrypts what is left, says goodbye */
extern void stream_tls_free(Stream *stream);

/* ---- stream_end.c ---- */
extern void stream_flush_on(Stream *stream);
extern void stream_dispose(void *stream);	/* closes, and frees it at the end of the turn */
extern void stream_close_descriptor(Stream *stream);
extern void stream_discard_input(Stream *stream);

#endif							/* ROUTER_NET_STREAM_INTERNAL_H */
