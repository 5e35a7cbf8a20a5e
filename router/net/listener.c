/*-------------------------------------------------------------------------
 *
 * listener.c
 *	  Accepts connections on the sockets of one worker.
 *
 * Of a socket of its own a worker takes as many connections a turn as there
 * are; of one that all workers watch only one, so that those who were woken
 * too get their share.
 *
 * When the process has no descriptor left, accept() fails while the socket
 * stays readable.  The listener then turns away for a moment; the clients
 * wait in the backlog.
 *
 *-------------------------------------------------------------------------
 */
#include "net/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define ACCEPTS_PER_TURN 32
#define ACCEPTS_PER_TURN_SHARED 1
#define PAUSE_US (100 * US_PER_MS)

typedef struct Watched
{
	Listener   *listener;
	int			fd;				/* borrowed */
	bool		is_shared;
	bool		is_managed;		/* what waits in it may have come before it was tuned */
	LoopWatch  *watch;
} Watched;

struct Listener
{
	Loop	   *loop;
	ListenerCallback fn;
	void	   *arg;
	bool		is_gone;		/* destroyed while it accepts */
	LoopTimer  *pause;
	Watched    *watched;		/* owned */
	int			count;
};

static bool is_mine(const ListenSocket *socket, const ListenerConfig *config);
static void watch(Listener *listener, const ListenSocket *socket);
static void on_acceptable(void *arg, bool readable, bool writable);
static bool accept_one(Watched *watched);
static bool is_shortage(int error);
static void set_accepting(Listener *listener, bool on);
static void on_pause_over(void *arg);
static void listener_free(void *arg);

/* ---------------------------------------------------------------- accepting */

Listener *
listener_create(Loop *loop, const ListenerConfig *config, ListenerCallback fn, void *arg)
{
	Listener   *listener = mem_alloc(sizeof(Listener));

	listener->loop = loop;
	listener->fn = fn;
	listener->arg = arg;
	listener->pause = loop_timer_create(loop, on_pause_over, listener);
	listener->watched = mem_alloc(sizeof(Watched) * (size_t) (sockets_count(config->sockets) + 1));
	for (int i = 0; i < sockets_count(config->sockets); i++)
	{
		const ListenSocket *socket = sockets_get(config->sockets, i);

		if (is_mine(socket, config))
			watch(listener, socket);
	}
	return listener;
}

static bool
is_mine(const ListenSocket *socket, const ListenerConfig *config)
{
	return socket->use == SOCKET_CLIENTS &&
		(socket->kind != SOCKET_OWN || socket->share % config->nworkers == config->worker);
}

static void
watch(Listener *listener, const ListenSocket *socket)
{
	Watched    *watched = &listener->watched[listener->count++];

	watched->listener = listener;
	watched->fd = socket->fd;
	watched->is_shared = socket->kind != SOCKET_OWN;
	watched->is_managed = socket->kind == SOCKET_MANAGED;
	watched->watch = loop_watch_create(listener->loop, socket->fd, on_acceptable, watched);
	loop_watch_set(watched->watch, true, false);
}

void
listener_destroy(Listener *listener)
{
	if (listener == NULL)
		return;
	listener->is_gone = true;
	loop_timer_stop(listener->pause);
	for (int i = 0; i < listener->count; i++)
		loop_watch_destroy(listener->watched[i].watch);
	loop_later(listener->loop, listener_free, listener);
}

void
listener_take_rest(Listener *listener)
{
	for (int i = 0; i < listener->count && !listener->is_gone; i++)
	{
		while (!listener->watched[i].is_shared && !listener->is_gone && accept_one(&listener->watched[i]))
			;
	}
}

static void
listener_free(void *arg)
{
	Listener   *listener = arg;

	loop_timer_destroy(listener->pause);
	mem_free(listener->watched);
	mem_free(listener);
}

static void
on_acceptable(void *arg, bool readable, bool writable)
{
	Watched    *watched = arg;
	Listener   *listener = watched->listener;
	int			left = watched->is_shared ? ACCEPTS_PER_TURN_SHARED : ACCEPTS_PER_TURN;

	while (left-- > 0 && !listener->is_gone && accept_one(watched))
		;
}

/* False: there is none, or no room for it. */
static bool
accept_one(Watched *watched)
{
	Listener   *listener = watched->listener;
	struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
	socklen_t	len = sizeof(from);
	int			fd = accept4(watched->fd, (struct sockaddr *) &from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
	{
		PeerAddress peer;

		if (watched->is_managed)
			socket_tune(fd);
		address_describe(&peer, fd, &from);
		listener->fn(listener->arg, fd, &peer);
		return true;
	}
	if (is_shortage(errno))
	{
		LOG_WARN("listener_paused", LF_STR("reason", strerror(errno)));
		set_accepting(listener, false);
		loop_timer_start(listener->pause, PAUSE_US);
		return false;
	}

	/* Any other error is that of one connection, gone before we came. */
	return errno != EAGAIN;
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
set_accepting(Listener *listener, bool on)
{
	for (int i = 0; i < listener->count; i++)
		loop_watch_set(listener->watched[i].watch, on, false);
}

static void
on_pause_over(void *arg)
{
	set_accepting(arg, true);
}
