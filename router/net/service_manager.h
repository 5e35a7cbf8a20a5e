/*-------------------------------------------------------------------------
 *
 * service_manager.h
 *	  What systemd gives a service, and is told by it.
 *
 * Three environment variables (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES;
 * sd_listen_fds(3)) and a socket to send a few lines to (NOTIFY_SOCKET;
 * sd_notify(3)); a library is not needed for that.  Where there is no manager
 * everything here does nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_SERVICE_MANAGER_H
#define ROUTER_NET_SERVICE_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/sockets.h"

/*
 * Hand the listening sockets we were started with to sockets: those named
 * "http" for HTTP, all others for clients.  False: one of them is none.
 * Children will not be told of them again.
 */
extern bool service_manager_take_sockets(Sockets *sockets, Error *error) __attribute__((warn_unused_result));

extern void service_manager_tell_ready(void);
extern void service_manager_tell_reloading(void);	/* ready is told when it is done */
extern void service_manager_tell_stopping(void);
extern void service_manager_tell_successor(pid_t pid);	/* that process is the service now */

#endif							/* ROUTER_NET_SERVICE_MANAGER_H */
