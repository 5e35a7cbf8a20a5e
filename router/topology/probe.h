/*-------------------------------------------------------------------------
 *
 * probe.h
 *	  Keeps asking one node what it is.
 *
 * Holds the connection, opens it again after a loss, and tells the monitor of
 * each sample and of each change of health.  Health is a deadline: a node is
 * silent when a question has gone unanswered, or could not be asked, for
 * timeout_us; a plain refusal (nobody listens, "starting up") needs no waiting.
 *
 * A connection to an address that the host's name does not have any more is
 * given up for one to where the name leads now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_PROBE_H
#define ROUTER_TOPOLOGY_PROBE_H

#include "topology/pg_link.h"
#include "topology/sample.h"

typedef struct Probe Probe;

typedef struct ProbeEvents
{
	/* A question is about to be sent: its parameter, valid until it is, and NodeSample.asked. */
	const char *(*on_ask) (void *owner, int node, uint64_t *asked);
	void		(*on_sample) (void *owner, int node, const NodeSample *sample);
	void		(*on_lost) (void *owner, int node, const char *why);	/* the connection is; what was known of its
																		 * position no longer holds */
	void		(*on_silent) (void *owner, int node, const char *why);	/* it gives no answer; told with
																			 * each try, until on_sample */
} ProbeEvents;

typedef struct ProbeConfig
{
	PgLinkTarget target;		/* borrowed for the probe's life */
	uint64_t	timeout_us;
	uint64_t	name_ttl_us;	/* how often the host's name is looked up again; 0: never */
	int			node;			/* handed back in the events */
} ProbeConfig;

extern Probe *probe_create(Loop *loop, const ProbeConfig *config, const ProbeEvents *events, void *owner);
extern void probe_destroy(Probe *probe);	/* NULL is fine */

/* Where its last connection went to, as text; "": a unix socket, or none yet. */
extern const char *probe_address(const Probe *probe);

/*
 * Take a sample that begins after this call: at once, or when the one under
 * way is done, or when the connection is open.  Several calls are one.
 */
extern void probe_request(Probe *probe);

/* As probe_request(), and do not wait before connecting again. */
extern void probe_hurry(Probe *probe);

#endif							/* ROUTER_TOPOLOGY_PROBE_H */
