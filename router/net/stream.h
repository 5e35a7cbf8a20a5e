/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  A non-blocking byte stream: one connection, to a client or a server.
 *
 * Reading: all connections of a loop share one receive buffer.  on_data is
 * shown everything that is unread and returns how much it consumed; what it
 * leaves is kept (copied out of the shared buffer) and shown again, with more
 * behind it, when more arrives.  A stream with nothing unread owns no buffer.
 * While reading is paused nothing is shown; after stream_resume() what was
 * left is shown again in the next turn of the loop, also if nothing arrives.
 *
 * Writing: stream_write() sends at once when nothing is queued and queues
 * what the socket does not take; it never fails, a broken connection is
 * reported through on_closed in a later turn.  Several writes in one callback
 * are gathered between stream_cork() and stream_uncork().  When the queue
 * passes STREAM_HIGH_WATER stream_is_full() says so and the caller stops
 * feeding it; on_drained tells when it is below STREAM_LOW_WATER again.
 *
 * Ending: on_closed is called once, on end of file or error, never from
 * within a call of the owner; the stream is then silent and waits to be
 * destroyed.  stream_destroy() may be called in any callback; no callback
 * comes after it.  With STREAM_FLUSH queued bytes are still sent before the
 * descriptor is closed, unless the peer takes none for a second.
 *
 * Encryption: stream_start_tls() turns a connected stream into an encrypted
 * one; nothing else changes for its owner.  What is written before the
 * handshake is over waits for it.  When the handshake fails on_closed says why.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_STREAM_H
#define ROUTER_NET_STREAM_H

#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/loop.h"

#define STREAM_READ_SIZE (64 * 1024)
#define STREAM_HIGH_WATER (256 * 1024)
#define STREAM_LOW_WATER (64 * 1024)
#define STREAM_TLS_TEXT_SIZE 64

typedef struct Stream Stream;

typedef struct StreamEvents
{
	void		(*on_connected) (void *owner);	/* after stream_connect(); may be NULL */
	size_t		(*on_data) (void *owner, Slice data);
	void		(*on_drained) (void *owner);	/* may be NULL */
	void		(*on_closed) (void *owner, const char *why);	/* why: "end of file" or the system's words */
	void		(*on_secured) (void *owner);	/* after stream_start_tls(); may be NULL */
} StreamEvents;

typedef enum StreamEnd
{
	STREAM_FLUSH,
	STREAM_DROP
} StreamEnd;

/* Take over a connected descriptor; it is made non-blocking.  TCP: see socket_tune(). */
extern Stream *stream_create(Loop *loop, int fd, const StreamEvents *events, void *owner);

/* Begin to connect; host may be a name, an address, or a directory of unix
 * sockets (begins with '/').  Failure is reported through on_closed. */
extern Stream *stream_connect(Loop *loop, const char *host, int port,
							  const StreamEvents *events, void *owner);
extern void stream_destroy(Stream *stream, StreamEnd end);	/* NULL is fine */

/* Streams of the loop that were destroyed and still send their rest. */
extern int	stream_flushing_count(Loop *loop);

/* Change who is told; the new owner is shown unread bytes in the next turn. */
extern void stream_set_owner(Stream *stream, const StreamEvents *events, void *owner);

extern void stream_write(Stream *stream, Slice bytes);
extern void stream_write_last(Stream *stream, Slice bytes);	/* corked: sent now with what was gathered, uncopied */
extern void stream_cork(Stream *stream);
extern void stream_uncork(Stream *stream);	/* sends what was gathered */
extern size_t stream_queued(const Stream *stream);
extern bool stream_is_full(const Stream *stream);
extern void stream_pause(Stream *stream);
extern void stream_resume(Stream *stream);
extern bool stream_is_paused(const Stream *stream);
extern Loop *stream_loop(const Stream *stream);

/* What to encrypt with. */
typedef struct StreamTlsPlan
{
	struct TlsContext *context; /* the stream takes its own reference */
	const char *host;			/* whom we connected to; NULL: we accepted */
	bool		needs_alpn;		/* the peer began without asking (libpq's sslnegotiation=direct) */
} StreamTlsPlan;

/*
 * Encrypt from here on.  Within on_data, what that call leaves is the first of
 * the peer's handshake: who asked the peer, and was not told to expect it,
 * makes sure that nothing is left, for it would be in clear text.
 */
extern void stream_start_tls(Stream *stream, const StreamTlsPlan *plan);
extern bool stream_is_tls(const Stream *stream);	/* begun, perhaps not done */

/* "TLSv1.3/TLS_AES_256_GCM_SHA384"; empty: in clear text */
extern void stream_describe_tls(const Stream *stream, char *out, size_t size);

/* Who the peer's certificate says it is, if one was demanded and verified. */
extern bool stream_peer_name(const Stream *stream, char *out, size_t size);

typedef struct StreamStats
{
	uint64_t	received_bytes;
	uint64_t	sent_bytes;
} StreamStats;

extern void stream_stats(const Stream *stream, StreamStats *stats);
extern void stream_describe_local(const Stream *stream, PeerAddress *local);	/* as address_describe_local() */

#endif							/* ROUTER_NET_STREAM_H */
