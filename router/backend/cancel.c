/*-------------------------------------------------------------------------
 *
 * cancel.c
 *	  Carries one CancelRequest to a node.
 *
 * Connect, write the 16 (or more) bytes, wait for the end of the connection.
 * The node sends nothing; bytes it does send are dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/cancel.h"

#include "base/buf.h"
#include "base/memory.h"
#include "net/stream.h"
#include "wire/build.h"

struct Cancel
{
	Loop	   *loop;			/* borrowed */
	Stream	   *stream;			/* owned */
	LoopTimer  *timer;			/* owned */
	Buf			request;
	bool		is_sent;
	CancelCallback fn;			/* NULL: nobody waits */
	void	   *arg;
};

static void cancel_finish(Cancel *cancel, CancelOutcome outcome);
static void cancel_free(void *arg);
static void on_connected(void *owner);
static size_t on_data(void *owner, Slice data);
static void on_closed(void *owner, const char *why);
static void on_timeout(void *arg);

static const StreamEvents cancel_events = {on_connected, on_data, NULL, on_closed};

Cancel *
cancel_create(Loop *loop, const CancelTarget *target, CancelCallback fn, void *arg)
{
	Cancel	   *cancel = mem_alloc(sizeof(Cancel));

	cancel->loop = loop;
	cancel->fn = fn;
	cancel->arg = arg;
	build_cancel(&cancel->request, target->pid, target->key);
	cancel->timer = loop_timer_create(loop, on_timeout, cancel);
	loop_timer_start(cancel->timer, target->timeout_us);
	cancel->stream = stream_connect(loop, target->host, target->port, &cancel_events, cancel);
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
	mem_free(cancel);
}

static void
on_connected(void *owner)
{
	Cancel	   *cancel = owner;

	stream_write(cancel->stream, buf_slice(&cancel->request));
	cancel->is_sent = true;
}

static size_t
on_data(void *owner, Slice data)
{
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
