/*-------------------------------------------------------------------------
 *
 * name_watch.c
 *	  Looks a host name up again and again.
 *
 * The next look begins interval_us after the last one has ended, so a slow
 * name server is never asked twice at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/name_watch.h"

#include <string.h>

#include "base/memory.h"
#include "net/resolve.h"

struct NameWatch
{
	Loop	   *loop;			/* borrowed */
	const char *host;			/* borrowed */
	int			port;
	uint64_t	interval_us;
	const NameWatchEvents *events;
	void	   *owner;
	LoopTimer  *timer;			/* owned */
	Resolution *resolution;		/* not NULL while it looks */
};

static void on_timer(void *arg);
static void on_resolved(void *arg, struct addrinfo *found, int gai_error);
static bool has_address(const struct addrinfo *found, const char *address);

NameWatch *
name_watch_create(Loop *loop, const char *host, int port, uint64_t interval_us,
				  const NameWatchEvents *events, void *owner)
{
	NameWatch  *watch;
	struct addrinfo *numeric = host[0] == '/' ? NULL : resolve_numeric(host, port);

	if (numeric != NULL)
		freeaddrinfo(numeric);
	if (interval_us == 0 || host[0] == '/' || numeric != NULL)
		return NULL;
	watch = mem_alloc(sizeof(NameWatch));
	watch->loop = loop;
	watch->host = host;
	watch->port = port;
	watch->interval_us = interval_us;
	watch->events = events;
	watch->owner = owner;
	watch->timer = loop_timer_create(loop, on_timer, watch);
	loop_timer_start(watch->timer, interval_us);
	return watch;
}

void
name_watch_destroy(NameWatch *watch)
{
	if (watch == NULL)
		return;
	if (watch->resolution != NULL)
		resolve_cancel(watch->resolution);
	loop_timer_destroy(watch->timer);
	mem_free(watch);
}

static void
on_timer(void *arg)
{
	NameWatch  *watch = arg;

	watch->resolution = resolve_start(watch->loop, watch->host, watch->port, on_resolved, watch);
	if (watch->resolution == NULL)
		loop_timer_start(watch->timer, watch->interval_us);
}

static void
on_resolved(void *arg, struct addrinfo *found, int gai_error)
{
	NameWatch  *watch = arg;
	const char *address = watch->events->address(watch->owner);
	bool		is_moved = found != NULL && *address != '\0' && !has_address(found, address);

	watch->resolution = NULL;
	if (found != NULL)
		freeaddrinfo(found);
	loop_timer_start(watch->timer, watch->interval_us);
	if (is_moved)
		watch->events->on_moved(watch->owner);
}

/* What cannot be compared is not taken for another. */
static bool
has_address(const struct addrinfo *found, const char *address)
{
	char		text[NI_MAXHOST];

	for (; found != NULL; found = found->ai_next)
	{
		if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0 ||
			strcmp(text, address) == 0)
			return true;
	}
	return false;
}
