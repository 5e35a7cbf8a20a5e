/*-------------------------------------------------------------------------
 *
 * stream_tls.c
 *	  A stream that is encrypted.
 *
 *	  reading:  socket -> [early] -> OpenSSL -> on_data
 *	  writing:  stream_write() -> [plain] -> OpenSSL -> queue -> socket
 *
 * early: what was read before TLS was asked for and belongs to it.  plain:
 * what was written before the handshake was over, or is gathered while the
 * stream is corked.  The queue holds what the socket did not take, encrypted
 * from here on, so all that stream.h says of it holds as before.
 *
 * OpenSSL reads ahead: it may hold more than was asked of it when the socket
 * is empty.  Whoever stops reading before it has said that it wants more
 * (stream_tls_has_more) goes on in a turn of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "net/stream_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "net/socket_io.h"
#include "net/tls.h"

typedef struct StreamTls
{
	Tls		   *session;		/* owned */
	bool		is_shaking;		/* the handshake is not over */
	bool		is_new;			/* asked for within the on_data that runs */
	bool		needs_alpn;
	Buf			early;
	Buf			plain;
} StreamTls;

static ssize_t receive_raw(void *arg, char *into, size_t size);
static void send_raw(void *arg, Slice bytes);
static void encrypt(Stream *stream, Slice bytes);
static void encrypt_plain(Stream *stream);
static void finish_handshake(Stream *stream);
static void give_up(Stream *stream, const char *why);

void
stream_start_tls(Stream *stream, const StreamTlsPlan *plan)
{
	StreamTls  *tls = mem_alloc(sizeof(StreamTls));
	TlsTransport transport = {receive_raw, send_raw, stream};

	if (buf_len(&stream->queue) > 0 && !stream->is_waiting)
		stream_send_queue(stream);
	tls->is_shaking = true;
	tls->is_new = stream->in_data;
	tls->needs_alpn = plan->needs_alpn;
	tls->session = tls_create(plan->context, plan->host, &transport);
	if (!stream->in_data)
	{
		tls->early = stream->unread;
		buf_init(&stream->unread);
	}
	stream->tls = tls;
	stream->handed_over = true; /* what is read from now on is read otherwise */
	loop_next_turn(stream->loop, &stream->turn);
}

bool
stream_is_tls(const Stream *stream)
{
	return stream->tls != NULL;
}

void
stream_describe_tls(const Stream *stream, char *out, size_t size)
{
	out[0] = '\0';
	if (stream->tls != NULL)
		tls_describe(stream->tls->session, out, size);
}

bool
stream_peer_name(const Stream *stream, char *out, size_t size)
{
	return stream->tls != NULL && tls_peer_name(stream->tls->session, out, size);
}

void
stream_tls_free(Stream *stream)
{
	StreamTls  *tls = stream->tls;

	if (tls == NULL)
		return;
	tls_destroy(tls->session);
	buf_release(&tls->early);
	buf_release(&tls->plain);
	mem_free(tls);
	stream->tls = NULL;
}

/* ---------------------------------------------------------------- handshake */

bool
stream_tls_is_shaking(const Stream *stream)
{
	return stream->tls->is_shaking;
}

void
stream_tls_continue(Stream *stream)
{
	switch (tls_shake_hands(stream->tls->session))
	{
		case TLS_WANTS_INPUT:
			break;
		case TLS_FAILED:
			give_up(stream, tls_why(stream->tls->session));
			break;
		case TLS_DONE:
			if (stream->tls->needs_alpn && !tls_has_alpn(stream->tls->session))
				give_up(stream, "TLS without SSLRequest needs ALPN \"postgresql\"");
			else
				finish_handshake(stream);
			break;
	}
}

static void
finish_handshake(Stream *stream)
{
	stream->tls->is_shaking = false;
	if (stream->cork == 0)
		encrypt_plain(stream);
	loop_next_turn(stream->loop, &stream->turn);	/* the first words may have come along */
	stream_report_secured(stream);
}

/* The alert that tells the peer why has been sent; unread bytes would make the system take it back. */
static void
give_up(Stream *stream, const char *why)
{
	stream_discard_input(stream);
	stream_report_end(stream, why);
}

bool
stream_tls_takes_rest(Stream *stream, Slice rest)
{
	StreamTls  *tls = stream->tls;

	if (!tls->is_new)
		return false;
	tls->is_new = false;
	buf_append(&tls->early, rest);
	return true;
}

/* ---------------------------------------------------------------- reading */

ssize_t
stream_tls_receive(Stream *stream, char *into, size_t size)
{
	return tls_read(stream->tls->session, into, size);
}

bool
stream_tls_has_more(const Stream *stream)
{
	return tls_has_more(stream->tls->session);
}

const char *
stream_tls_why(const Stream *stream)
{
	return tls_why(stream->tls->session);
}

static ssize_t
receive_raw(void *arg, char *into, size_t size)
{
	Stream	   *stream = arg;
	Buf		   *early = &stream->tls->early;
	size_t		len = buf_len(early);
	ssize_t		n;

	if (len == 0)
		n = socket_receive(stream->fd, into, size);
	else
	{
		n = (ssize_t) (len < size ? len : size);
		memcpy(into, buf_slice(early).data, (size_t) n);
		buf_consume(early, (size_t) n);
		if (buf_len(early) == 0)
			buf_release(early);
	}
	if (n > 0)
		stream->stats.received_bytes += (uint64_t) n;
	return n;
}

/* ---------------------------------------------------------------- writing */

void
stream_tls_write(Stream *stream, Slice bytes)
{
	StreamTls  *tls = stream->tls;

	if (tls->is_shaking || (stream->cork > 0 && buf_len(&tls->plain) + bytes.len <= GATHER_SIZE))
		buf_append(&tls->plain, bytes);
	else
	{
		encrypt_plain(stream);
		encrypt(stream, bytes);
	}
}

void
stream_tls_uncork(Stream *stream)
{
	if (stream->cork == 0 && stream->state == STATE_OPEN && !stream->tls->is_shaking)
		encrypt_plain(stream);
}

/* What was written before the handshake was over may never be sent in clear text. */
void
stream_tls_finish(Stream *stream)
{
	if (stream->tls->is_shaking || stream->write_errno != 0)
		return;
	encrypt_plain(stream);
	tls_say_goodbye(stream->tls->session);
}

static void
encrypt_plain(Stream *stream)
{
	Buf			plain = stream->tls->plain;

	if (buf_len(&plain) == 0)
		return;
	buf_init(&stream->tls->plain);
	encrypt(stream, buf_slice(&plain));
	explicit_bzero(plain.data, plain.cap);
	buf_release(&plain);
}

static void
encrypt(Stream *stream, Slice bytes)
{
	if (stream->write_errno == 0 && !tls_write(stream->tls->session, bytes))
		stream_write_failed(stream, EPROTO);
}

static void
send_raw(void *arg, Slice bytes)
{
	stream_send(arg, bytes);
}
