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
#include "topology/monitor.h"

struct Router
{
	Config	   *config;			/* a reference; the one in force */
	Config	   *first_config;	/* a reference: the monitor and its views point into it */
	uint32_t	generation;		/* part of cancel keys */
	Loop	   *loop;			/* owned, like all below; the main thread's */
	PoolTotals *totals;
	GlobalFloors *floors;
	Monitor    *monitor;
	MonitorNode *monitor_nodes; /* borrowed by the monitor, like the password */
	char	   *monitor_password;	/* NULL: none; the users may be read again */
	Worker	  **workers;
	int			nworkers;
	int			unix_fd;		/* -1: none */
	TopologyView *view;			/* a reference; the latest seen by the main thread */
	UserTable  *users;			/* a reference; may be NULL, like hba */
	Hba		   *hba;
	unsigned char mock_secret[32];

	HttpApp    *http;			/* NULL: off */
	int			clients;		/* atomic: admitted by all workers */
	int			fallback_reads; /* atomic: reads on the primary for want of a replica, in all workers */
	int			max_clients;	/* atomic: may be changed by a reload */
	int			signals;		/* SIGTERM and SIGINT so far */
	uint64_t	drain_began_us;
	bool		still_busy;		/* while asking workers whether they are drained */
	LoopSignal *on_term;
	LoopSignal *on_int;
	LoopSignal *on_hup;
	LoopTimer  *drain_timer;	/* NULL until it drains */
};

/* ---- reload.c ---- */
extern bool router_load_auth(const Config *config, UserTable **users, Hba **hba, Error *error);

/* Read the file again; a bad one keeps the old configuration and says so. */
extern bool router_reload(Router *router, Error *error);

/* ---- windows.c: what looks at the running system ---- */
extern bool router_start_http(Router *router, Error *error);
extern void router_stop_http(Router *router);
extern Console *router_create_console(void *arg, Worker *worker);

/* ---- drain.c ---- */
extern void router_begin_drain(void *router);	/* as SIGTERM does; in the main thread */

#endif							/* ROUTER_APP_ROUTER_INTERNAL_H */
