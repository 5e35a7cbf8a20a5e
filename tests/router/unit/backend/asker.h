/*-------------------------------------------------------------------------
 *
 * asker.h
 *	  One who asks a pool for a server, for tests with a FakeNode.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_ASKER_H
#define TESTS_ASKER_H

#include "router/unit/backend/fake_node.h"

typedef struct Asker
{
	PoolWaiter	waiter;			/* a test may set the deadline before asking */
	Server	   *server;
	int			granted;		/* 0: not yet; who is served later has a greater one */
	bool		failed;
	bool		lost;
	Error		error;
} Asker;

extern void asker_ask(Asker *asker, Pool *pool);
extern void asker_get(Asker *asker, Pool *pool, Loop *loop);	/* and wait until it is there */
extern void asker_give(Asker *asker, CheckinMode mode);

#endif							/* TESTS_ASKER_H */
