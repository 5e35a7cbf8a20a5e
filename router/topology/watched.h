/*-------------------------------------------------------------------------
 *
 * watched.h
 *	  One node, as far as its own words go, from sample to sample.
 *
 * The monitor has one for each node and tells it what its probe tells: a
 * sample, a connection that was lost, silence.  What must not outlive a life of
 * the node is forgotten here; what its words mean beside the others' is
 * decided in roles.h, and the verdict kept here again, with the moment since
 * which the node is usable.
 *
 * Pure: no sockets, clock, globals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_WATCHED_H
#define ROUTER_TOPOLOGY_WATCHED_H

#include "topology/lag.h"
#include "topology/primary_wal.h"
#include "topology/roles.h"
#include "topology/sample.h"

/* Zeroed but for verdict = VERDICT_SILENT: nothing is known. */
typedef struct Watched
{
	RolesNode	said;
	NodeSample	sample;			/* the last one */
	PrimaryWal	wal;			/* zeroed while it is not a primary */
	uint32_t	replica_timeline;	/* when it was last seen as a replica over this connection; 0: it was not */
	bool		was_heard;		/* answered or failed once */
	RolesVerdict verdict;		/* the last one told */
	uint64_t	usable_since_us;	/* 0: it was when the first roles were decided */
	NodeIdentity told;			/* when the last verdict was told */
	char		silence[96];	/* why it does not answer */
} Watched;

/* True: it is not what it was at the sample before, a sign of trouble. */
extern bool watched_note_sample(Watched *watched, const NodeSample *sample);

/* It may have been restarted, and then answers older than before. */
extern void watched_note_lost(Watched *watched);

/* False: that was known already. */
extern bool watched_note_silence(Watched *watched, const char *why);

/* True: the verdict, or who the node is, is not what was told last.  now_us 0: these are the first roles. */
extern bool watched_note_verdict(Watched *watched, RolesVerdict verdict, uint64_t now_us);

/* All of the view that comes from the node; history is the primary's. */
extern void watched_fill_view(const Watched *watched, const LagHistory *history, NodeView *node);

#endif							/* ROUTER_TOPOLOGY_WATCHED_H */
