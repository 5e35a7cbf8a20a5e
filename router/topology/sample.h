/*-------------------------------------------------------------------------
 *
 * sample.h
 *	  What a node says of itself when it is asked: the questions, the answers.
 *
 * Two statements: one after connecting, for what cannot change while the
 * connection lives (a restart ends it), and one that is asked again and again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_SAMPLE_H
#define ROUTER_TOPOLOGY_SAMPLE_H

#include "libpq-fe.h"

#include "base/error.h"
#include "policy/topology_view.h"

typedef struct NodeSample
{
	NodeIdentity identity;
	Lsn			lsn;			/* insert or replay, as in NodeView */
	Lsn			flush_lsn;		/* of a primary: replicas are sent what is before it; else 0 */
	Lsn			began_lsn;		/* of a primary: where the replay it began with ended; 0: there was none */
	uint64_t	ended;			/* of a primary: grows with each end of a transaction that has a number; else 0 */
	uint64_t	xmax;			/* of its snapshot; a replica has replayed the end of that before it */
	uint64_t	next_xid;		/* of a primary: to be given next; else xmax */
	const char *running;		/* of its snapshot, "3,5,8"; as long as the answer lives */
	const char *committed;		/* of a replica: those of the parameter that it shows as committed; likewise */
	uint64_t	asked;			/* filled by the probe: what its owner said the question was about */
	bool		has_synchronous;	/* synchronous_standby_names is set there */
	uint64_t	replay_age_us;	/* replicas: by the clocks of both servers; 0: replayed all it received */
	uint64_t	sampled_us;		/* filled by the probe: when the question was sent */
	uint64_t	segment_bytes;	/* wal_segment_size */
} NodeSample;

extern const char sample_hello_sql[];	/* -> system id, start, segment size */
extern const char sample_probe_sql[];	/* $1: transaction numbers, {3,5,8} -> the rest */

/*
 * Where the last record ends, given where the next one will begin.  The insert
 * position has passed the header of the page by then, a replica's replay
 * position has not: without this a replica of an idle primary could seem to be
 * some bytes behind for ever.
 */
extern Lsn	sample_record_end(Lsn insert_lsn, uint64_t segment_bytes);

/* Take an answer; what it says is set in the sample, the rest is left. */
extern bool sample_parse_hello(const PGresult *result, NodeSample *sample, Error *error)
			__attribute__((warn_unused_result));
extern bool sample_parse_probe(const PGresult *result, NodeSample *sample, Error *error)
			__attribute__((warn_unused_result));

#endif							/* ROUTER_TOPOLOGY_SAMPLE_H */
