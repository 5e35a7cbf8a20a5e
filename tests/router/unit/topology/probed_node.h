/*-------------------------------------------------------------------------
 *
 * probed_node.h
 *	  A node that says what the test wants.
 *
 * It speaks as much of PostgreSQL's protocol as a probe needs, in the test's
 * loop.  The test fills in what it shall say, before probed_node_open() or at any
 * time after it: the next answer says so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_ROUTER_UNIT_TOPOLOGY_PROBED_NODE_H
#define TESTS_ROUTER_UNIT_TOPOLOGY_PROBED_NODE_H

#include "base/list.h"
#include "net/listener.h"

typedef struct ProbedNode
{
	Loop	   *loop;
	Listener   *listener;
	Sockets    *sockets;
	int			port;
	const char *address;		/* NULL: 127.0.0.1 */
	List		connections;	/* of ProbedConnection */
	bool		is_frozen;		/* takes connections and answers nothing */

	/* what it says */
	uint64_t	system_id;
	uint64_t	start_us;
	bool		in_recovery;
	uint32_t	timeline;
	uint32_t	lsn;
	uint32_t	unflushed;		/* bytes before lsn that it has not flushed */
	uint32_t	ended;			/* transactions, beside number 3 */
	bool		runs;			/* of a primary: number 3 runs, or its commit is hidden */
	bool		shows;			/* of a replica: that it is committed */
	uint32_t	began;			/* a primary: where it stopped replaying; 0: it did not replay */
	bool		has_synchronous;
	int			probes;			/* how often it was asked */
} ProbedNode;

extern void probed_node_open(ProbedNode *fake);	/* listens, at fake->port if that is set */
extern void probed_node_freeze(ProbedNode *fake, bool on);
extern void probed_node_drop_all(ProbedNode *fake);	/* its connections; it takes new ones */
extern void probed_node_kill(ProbedNode *fake);

#endif							/* TESTS_ROUTER_UNIT_TOPOLOGY_PROBED_NODE_H */
