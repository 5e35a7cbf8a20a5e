/*-------------------------------------------------------------------------
 *
 * router_internal.h
 *	  The process's struct, for router.c and what it is made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_ROUTER_INTERNAL_H
#define ROUTER_APP_ROUTER_INTERNAL_H

#include "app/router.h"
#include "app/worker.h"
#include "http/http_app.h"
#include "net/peer.h"
#include "net/sockets.h"
#include "topology/monitor.h"

/* Drawn atop drain.c. */
typedef enum RouterPhase
{
	PHASE_PREPARING,
	PHASE_SERVING,
	PHASE_GRACE,
	PHASE_DRAINING
} RouterPhase;

#define ROUTER_NSIGNALS 6

struct Router
{
	RouterStart start;
	RouterPhase phase;
	int			exit_code;
	Config	   *config;			/* a reference; the one in force */
	Config	   *first_config;	/* a reference: the monitor and its views point into it */
	int			generation;		/* part of cancel keys */
	Loop	   *loop;			/* owned, like all below; the main thread's */
	PoolTotals *totals;
	GlobalFloors *floors;
	Monitor    *monitor;
	MonitorNode *monitor_nodes; /* borrowed by the monitor, like the password */
	char	   *monitor_password;	/* NULL: none; the users may be read again */
	Worker	  **workers;
	int			nworkers;
	Sockets    *sockets;		/* NULL: it listens no more */
	TopologyView *view;			/* a reference; the latest seen by the main thread */
	ViewSlot	views;			/* the monitor's are put here */
	UserTable  *users;			/* a reference; may be NULL, like hba */
	Hba		   *hba;
	unsigned char mock_secret[32];

	HttpApp    *http;			/* NULL: off */
	int			clients;		/* atomic: admitted by all workers */
	int			fallback_reads; /* atomic: reads on the primary for want of a replica, in all workers */
	int			max_clients;	/* atomic: may be changed by a reload */
	uint64_t	phase_began_us; /* GRACE or DRAINING */
	uint64_t	grace_us;		/* how long GRACE may last */
	bool		still_busy;		/* while asking workers whether they are drained */
	LoopSignal *signals[ROUTER_NSIGNALS];
	LoopTimer  *drain_timer;	/* NULL until it drains */

	PeerDoor   *door;			/* NULL: none could be had */
	List		visitors;		/* of door.c */
	List		cancels;		/* of cancel_route.c, like the next three */
	int			cancels_abroad;
	int			cancels_this_second;
	uint64_t	cancels_second_us;
	PeerLink   *predecessor;	/* NULL: nobody, or it has gone */
	PeerLink   *successor;		/* who was offered our sockets, or has them */
	bool		has_successor;	/* it has them */
	LoopTimer  *prepare_timer;	/* NULL unless it takes over */
};

/* ---- reload.c ---- */
extern bool router_load_auth(const Config *config, UserTable **users, Hba **hba, Error *error);

/* Read the file again; a bad one keeps the old configuration and says so. */
extern bool router_reload(Router *router, Error *error);

/* Change one option in force, until the next reload: as if the file said so. */
extern bool router_set_option(Router *router, const char *name, const char *value, Error *error);

/* ---- windows.c: what looks at the running system ---- */
extern bool router_start_http(Router *router, Error *error);
extern void router_stop_http(Router *router);
extern Console *router_create_console(void *arg, Worker *worker);

/* ---- router.c ---- */
extern bool router_listen(Router *router, Error *error);
extern void router_begin_serving(Router *router);	/* a successor: now it is its turn */
extern void router_fail(Router *router, const char *reason);	/* it could not start after all */
extern bool router_has_usable_node(const Router *router);

/* ---- drain.c: in the main thread; fit to be posted there, with the router ---- */
extern void router_begin_drain(void *router);	/* as SIGTERM does, a second time at once */
extern void router_begin_drain_now(void *router);	/* the same without grace, as SIGINT does */
extern void router_drain_clients(void *router); /* refuse new connections, end when the last client has left */
extern void router_drain_servers(void *router); /* idle clients are told 57P01, others when their transaction ends */
extern void router_end(void *router);	/* at once, as SIGQUIT does */
extern void router_yield(Router *router);	/* a successor takes the connections */

/* ---- door.c ---- */
extern void door_open(Router *router);	/* also chooses the generation */
extern void door_close(Router *router);

/* ---- handover.c ---- */
extern bool handover_ask(Router *router, Error *error); /* for sockets; before any loop runs */
extern void handover_prepare(Router *router);
extern void handover_go(Router *router);
extern void handover_on_request(Router *router, PeerLink *link, const PeerPacket *packet);	/* takes the link */
extern void handover_done(Router *router);	/* we listen no more */
extern void handover_give_up(Router *router);	/* we end; who was offered the sockets may have them */
extern void handover_close(Router *router);
extern void handover_start_successor(void *router);

/* ---- cancel_route.c ---- */
extern bool cancel_route_request(void *router, const CancelRequest *request);	/* SessionHooks.on_cancel */
extern void cancel_route_visitor(Router *router, PeerLink *link, const PeerPacket *packet);	/* takes the link */
extern void cancel_route_close(Router *router);

#endif							/* ROUTER_APP_ROUTER_INTERNAL_H */
