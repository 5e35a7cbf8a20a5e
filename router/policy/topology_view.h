/*-------------------------------------------------------------------------
 *
 * topology_view.h
 *	  What is known of the nodes at one moment: an immutable snapshot.
 *
 * Made by topology/monitor, handed to every worker through a slot of its own
 * (view_slot.h).  A view is reference counted; whoever keeps it takes a
 * reference.  Times are clock_now_us().  A sample is as old as the moment its
 * query was sent (sampled_us): what a session read before that moment is
 * covered by the sample's LSN.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_TOPOLOGY_VIEW_H
#define ROUTER_POLICY_TOPOLOGY_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#define TOPOLOGY_MAX_NODES 64

typedef uint64_t Lsn;

typedef enum NodeRole
{
	NODE_UNKNOWN,
	NODE_PRIMARY,
	NODE_REPLICA
} NodeRole;

/* What must not have changed for two samples to be of the same server life. */
typedef struct NodeIdentity
{
	uint64_t	system_id;
	int64_t		postmaster_start_us;	/* the server's own clock; only compared */
	NodeRole	role;
	uint32_t	timeline;
} NodeIdentity;

#define NODE_ADDRESS_SIZE 64

typedef struct NodeView
{
	const char *name;			/* as configured; lives as long as the view */
	const char *host;
	int			port;
	char		address[NODE_ADDRESS_SIZE]; /* that the samples come from, if host is no unix socket; "": not known */
	NodeIdentity identity;
	bool		is_usable;		/* answers in time, belongs to this cluster, may get work */
	uint64_t	usable_since_us;	/* 0: for as long as it is watched */
	unsigned	weight;			/* its share of the reads, beside the others'; 0: none */
	Lsn			lsn;			/* primary: insert LSN; replica: replay LSN; 0: not known */
	Lsn			visible_lsn;	/* covers what could be read there at that sample; a primary's is <= lsn, a
								 * replica's is lsn */
	Lsn			flush_lsn;		/* primary: replicas are sent what is before it; else 0 */
	uint64_t	unflushed_us;	/* primary: for so long flush_lsn has stood with WAL behind it; 0: it has not */
	uint64_t	sampled_us;		/* when the query of that sample was sent; 0: never */
	uint64_t	lag_bytes;		/* replicas: behind the primary's last known insert LSN */
	uint64_t	lag_us;			/* replicas: 0 when caught up */
	uint64_t	shown_us;		/* what was read there before, in this life, the primary shows */
	uint64_t	hidden_us;		/* for so long the primary has hidden something that can be read there; 0: not
								 * known to */
	char		why[96];		/* not usable: the reason */
} NodeView;

typedef struct TopologyView
{
	int			refcount;		/* atomic; use topology_view_ref/unref */
	uint64_t	number;			/* grows with each view */
	uint64_t	state;			/* grows when more than positions and times has changed */
	uint64_t	system_id;		/* of the cluster; 0: not known yet */
	int			primary;		/* index of the one primary, or -1 */
	uint32_t	former_timeline;	/* the last primary's before its own; 0: not known */
	Lsn			fork_lsn;		/* where the two part: what is beyond it on the former is lost; 0: not known */
	bool		has_synchronous;	/* synchronous replication is configured on the primary: it may hide
									 * what replicas show (topology/ahead.h) */
	uint64_t	shown_us;		/* then: what was read on any replica before, the primary shows */
	int			nnodes;
	NodeView	nodes[];
} TopologyView;

extern TopologyView *topology_view_create(int nnodes);	/* one reference; nodes zeroed but for a weight of 1 */
extern TopologyView *topology_view_copy(const TopologyView *view);
extern TopologyView *topology_view_ref(TopologyView *view);
extern void topology_view_unref(TopologyView *view);	/* NULL is fine */

/* Has nothing changed but positions and times?  Then nobody but who waits for those has anything to do. */
extern bool topology_view_is_alike(const TopologyView *view, const TopologyView *before);
extern bool node_identity_equals(const NodeIdentity *a, const NodeIdentity *b);
extern const char *node_role_name(NodeRole role);

#endif							/* ROUTER_POLICY_TOPOLOGY_VIEW_H */
