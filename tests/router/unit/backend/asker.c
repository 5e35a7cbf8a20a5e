#include "router/unit/backend/asker.h"

static size_t
on_data(void *owner, Slice data)
{
	return data.len;
}

static void
on_lost(void *owner, const char *why)
{
	((Asker *) owner)->lost = true;
}

static int	grants;			/* so far, to all askers */

static const ServerEvents holder = {on_data, NULL, on_lost, NULL};

static void
on_granted(void *owner, Server *server)
{
	Asker	   *asker = owner;

	asker->server = server;
	asker->granted = ++grants;
	server_hold(server, &holder, asker);
}

static void
on_failed(void *owner, const Error *error)
{
	((Asker *) owner)->failed = true;
	((Asker *) owner)->error = *error;
}

void
asker_ask(Asker *asker, Pool *pool)
{
	uint64_t	deadline_us = asker->waiter.deadline_us;
	Server	   *server;

	*asker = (Asker) {.waiter = {.on_granted = on_granted, .on_failed = on_failed, .owner = asker,
	.deadline_us = deadline_us}};
	server = pool_checkout(pool, &asker->waiter);
	if (server != NULL)
		on_granted(asker, server);
}

void
asker_get(Asker *asker, Pool *pool, Loop *loop)
{
	asker_ask(asker, pool);
	wait_until(loop, asker->granted || asker->failed);
	if (asker->failed)
		fail_msg("%s", asker->error.message);
}

void
asker_give(Asker *asker, CheckinMode mode)
{
	pool_checkin(asker->server, mode);
	asker->server = NULL;
}
