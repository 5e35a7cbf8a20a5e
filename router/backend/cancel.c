/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  Carries one CancelRequest to a node.
 *
 * Connect, write the 16 (or more) bytes, wait for the end of the connection.
 * The node sends nothing; bytes it does send are dropped.  A server that was
 * reached by TLS gets its cancel requests by TLS, since a key that was read on
 * the way is of use to others.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/cancel.h"

#include "base/buf.h"
#include "base/memory.h"
#include "net/stream.h"
#include "net/tls.h"
#include "wire/build.h"

struct Cancel
{
	Loop	   *loop;			/* borrowed */
	Stream	   *stream;			/* owned */
	LoopTimer  *timer;			/* owned */
	Buf			request;
	TlsContext *tls;			/* a reference, or NULL */
	char	   *host;			/* owned */
	bool		is_tls_asked;	/* the answer to SSLRequest is awaited */
	bool		is_sent;
	CancelCallback fn;			/* NULL: nobody waits */
	void	   *arg;
};

static void cancel_finish(Cancel *cancel, CancelOutcome outcome);
static void cancel_free(void *arg);
static void send_request(Cancel *cancel);
static void on_connected(void *owner);
static size_t on_data(void *owner, Slice data);
static void on_closed(void *owner, const char *why);
static void begin_tls(Cancel *cancel);
static void on_secured(void *owner);
static void on_timeout(void *arg);

static const StreamEvents cancel_events = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_closed = on_closed,
	.on_secured = on_secured,
};

Cancel *
cancel_create(Loop *loop, const CancelTarget *target, CancelCallback fn, void *arg)
{
	Cancel	   *cancel = mem_alloc(sizeof(Cancel));

	cancel->loop = loop;
	cancel->fn = fn;
	cancel->arg = arg;
	cancel->tls = tls_context_ref(target->tls);
	cancel->host = mem_strdup(target->host);
	build_cancel(&cancel->request, target->pid, target->key);
	cancel->timer = loop_timer_create(loop, on_timeout, cancel);
	loop_timer_start(cancel->timer, target->timeout_us);
	cancel->stream = stream_connect(loop, target->address, target->port, &cancel_events, cancel);
	return cancel;
}

void
cancel_destroy(Cancel *cancel)
{
	if (cancel == NULL)
		return;
	cancel->fn = NULL;
	cancel_finish(cancel, CANCEL_UNKNOWN);
}

/* The one end. */
static void
cancel_finish(Cancel *cancel, CancelOutcome outcome)
{
	stream_destroy(cancel->stream, STREAM_DROP);
	cancel->stream = NULL;
	loop_timer_stop(cancel->timer);
	loop_later(cancel->loop, cancel_free, cancel);
	if (cancel->fn != NULL)
		cancel->fn(cancel->arg, outcome);
}

static void
cancel_free(void *arg)
{
	Cancel	   *cancel = arg;

	loop_timer_destroy(cancel->timer);
	buf_release(&cancel->request);
	tls_context_unref(cancel->tls);
	mem_free(cancel->host);
	mem_free(cancel);
}

static void
on_connected(void *owner)
{
	Cancel	   *cancel = owner;
	Buf			question = BUF_INIT;

	if (cancel->tls == NULL)
		send_request(cancel);
	else if (tls_context_is_direct(cancel->tls))
		begin_tls(cancel);
	else
	{
		build_ssl_request(&question);
		stream_write(cancel->stream, buf_slice(&question));
		buf_release(&question);
		cancel->is_tls_asked = true;
	}
}

static void
begin_tls(Cancel *cancel)
{
	StreamTlsPlan plan = {
		.context = cancel->tls,
		.host = cancel->host,
		.needs_alpn = tls_context_is_direct(cancel->tls),
	};

	stream_start_tls(cancel->stream, &plan);
}

static void
on_secured(void *owner)
{
	send_request(owner);
}

static void
send_request(Cancel *cancel)
{
	stream_write(cancel->stream, buf_slice(&cancel->request));
	cancel->is_sent = true;
}

static size_t
on_data(void *owner, Slice data)
{
	Cancel	   *cancel = owner;

	if (!cancel->is_tls_asked)
		return data.len;
	cancel->is_tls_asked = false;
	if (data.len == 1 && data.data[0] == 'S')
		begin_tls(cancel);
	else if (data.len == 1 && data.data[0] == 'N' && tls_context_mode(cancel->tls) < TLS_MODE_REQUIRE)
		send_request(cancel);
	else
		cancel_finish(cancel, CANCEL_NOT_SENT);
	return data.len;
}

static void
on_closed(void *owner, const char *why)
{
	Cancel	   *cancel = owner;

	cancel_finish(cancel, cancel->is_sent ? CANCEL_CARRIED_OUT : CANCEL_NOT_SENT);
}

static void
on_timeout(void *arg)
{
	Cancel	   *cancel = arg;

	cancel_finish(cancel, cancel->is_sent ? CANCEL_UNKNOWN : CANCEL_NOT_SENT);
}
