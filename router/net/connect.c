/*-------------------------------------------------------------------------
 *
 * connect.c
 *	  Opens a connection to a host, an address or a unix socket.
 *
 *	  name -> addresses (resolve) -> connect() to the first
 *	          in progress: wait until writable, read the socket's error
 *	          failed: the next address; none left: report the last failure
 *
 * Whatever the outcome it is reported by a task, never from within
 * connector_start(), so that callers have one path.
 *
 *-------------------------------------------------------------------------
 */
#include "net/connect.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/loop_internal.h"
#include "net/resolve.h"

struct Connector
{
	Loop	   *loop;
	ConnectorCallback fn;
	void	   *arg;
	Resolution *resolution;		/* not NULL while a name is looked up */
	struct addrinfo *addresses; /* owned; NULL for a unix socket */
	struct addrinfo *next;		/* in addresses: to be tried next */
	LoopWatch  *watch;			/* owned; on fd while connect() is in progress */
	int			fd;				/* owned; -1: none */
	const char *why;			/* of the last failure; static text */
	LoopTask	report;
};

static void start_unix(Connector *connector, const char *dir, int port);
static void on_resolved(void *arg, struct addrinfo *found, int gai_error);
static void try_next(Connector *connector);
static bool try_connect(Connector *connector, const struct sockaddr *address, socklen_t len);
static void on_progress(void *arg, bool readable, bool writable);
static void drop_descriptor(Connector *connector);
static void report(void *arg);

Connector *
connector_start(Loop *loop, const char *host, int port, ConnectorCallback fn, void *arg)
{
	Connector  *connector = mem_alloc(sizeof(Connector));

	connector->loop = loop;
	connector->fn = fn;
	connector->arg = arg;
	connector->fd = -1;
	connector->why = "no address";
	connector->report.fn = report;
	connector->report.arg = connector;

	if (host[0] == '/')
		start_unix(connector, host, port);
	else if ((connector->addresses = resolve_numeric(host, port)) != NULL)
	{
		connector->next = connector->addresses;
		try_next(connector);
	}
	else
	{
		connector->resolution = resolve_start(loop, host, port, on_resolved, connector);
		if (connector->resolution == NULL)
		{
			connector->why = "could not start a thread to look the name up";
			loop_next_turn(loop, &connector->report);
		}
	}
	return connector;
}

void
connector_cancel(Connector *connector)
{
	if (connector->resolution != NULL)
		resolve_cancel(connector->resolution);
	loop_next_turn_cancel(connector->loop, &connector->report);
	drop_descriptor(connector);
	if (connector->addresses != NULL)
		freeaddrinfo(connector->addresses);
	mem_free(connector);
}

static void
start_unix(Connector *connector, const char *dir, int port)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%d", dir, port);

	if (len < 0 || (size_t) len >= sizeof(address.sun_path))
	{
		connector->why = "the path of the unix socket is too long";
		loop_next_turn(connector->loop, &connector->report);
	}
	else if (!try_connect(connector, (struct sockaddr *) &address, sizeof(address)))
		loop_next_turn(connector->loop, &connector->report);
}

static void
on_resolved(void *arg, struct addrinfo *found, int gai_error)
{
	Connector  *connector = arg;

	connector->resolution = NULL;
	connector->addresses = connector->next = found;
	if (found == NULL)
		connector->why = gai_strerror(gai_error);
	try_next(connector);
}

static void
try_next(Connector *connector)
{
	while (connector->next != NULL)
	{
		const struct addrinfo *address = connector->next;

		connector->next = address->ai_next;
		if (try_connect(connector, address->ai_addr, address->ai_addrlen))
			return;
	}
	loop_next_turn(connector->loop, &connector->report);
}

/* True: connected, or in progress. */
static bool
try_connect(Connector *connector, const struct sockaddr *address, socklen_t len)
{
	connector->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connector->fd >= 0 && connect(connector->fd, address, len) == 0)
	{
		loop_next_turn(connector->loop, &connector->report);
		return true;
	}
	if (connector->fd >= 0 && errno == EINPROGRESS)
	{
		connector->watch = loop_watch_create(connector->loop, connector->fd, on_progress, connector);
		loop_watch_set(connector->watch, false, true);
		return true;
	}
	connector->why = strerror(errno);
	drop_descriptor(connector);
	return false;
}

static void
on_progress(void *arg, bool readable, bool writable)
{
	Connector  *connector = arg;
	int			error = 0;
	socklen_t	len = sizeof(error);

	if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	loop_watch_destroy(connector->watch);
	connector->watch = NULL;
	if (error == 0)
	{
		report(connector);
		return;
	}
	connector->why = strerror(error);
	drop_descriptor(connector);
	try_next(connector);
}

static void
drop_descriptor(Connector *connector)
{
	loop_watch_destroy(connector->watch);
	connector->watch = NULL;
	if (connector->fd >= 0)
		close(connector->fd);
	connector->fd = -1;
}

static void
report(void *arg)
{
	Connector  *connector = arg;
	ConnectorCallback fn = connector->fn;
	void	   *fn_arg = connector->arg;
	int			fd = connector->fd;
	const char *why = connector->why;

	connector->fd = -1;
	connector_cancel(connector);
	fn(fn_arg, fd, fd >= 0 ? NULL : why);
}
