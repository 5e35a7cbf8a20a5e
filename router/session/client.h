/*-------------------------------------------------------------------------
 *
 * client.h
 *	  A session: one connection of a client, from accept to close.
 *
 *	  STARTUP -> AUTH -> WELCOME -> READY <-> WAIT_VIEW -> WAIT_SERVER -> RUNNING -> READY
 *	                                READY <-> CONSOLE
 *	  any state -> CLOSING
 *
 * client_events.c takes what comes from outside, client_cancel.c requests to
 * cancel; client_startup.c takes what comes before the first query,
 * client_query.c makes units of messages; relay_*.c plans and runs a unit;
 * local_answer.c answers what needs no server; client.c ends units and
 * sessions.  client_internal.h draws who calls whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_CLIENT_H
#define ROUTER_SESSION_CLIENT_H

#include "net/address.h"
#include "net/stream.h"
#include "session/context.h"

typedef struct Client Client;

#define CLIENT_STATES(X) \
	X(CLIENT_STARTUP, "startup") \
	X(CLIENT_AUTH, "auth") \
	X(CLIENT_WELCOME, "welcome") \
	X(CLIENT_READY, "idle") \
	X(CLIENT_WAIT_VIEW, "wait_replica") \
	X(CLIENT_WAIT_SERVER, "wait_server") \
	X(CLIENT_RUNNING, "active") \
	X(CLIENT_CONSOLE, "console") \
	X(CLIENT_REPLICATING, "replication") \
	X(CLIENT_CLOSING, "closing")

typedef enum ClientState
{
#define CLIENT_STATE_ENUM(symbol, name) symbol,
	CLIENT_STATES(CLIENT_STATE_ENUM)
#undef CLIENT_STATE_ENUM
} ClientState;

/* A connection was accepted; fd becomes the session's. */
extern void client_accept(SessionContext *context, int fd, const PeerAddress *peer);

/* ---- client_cancel.c ---- */

/* Cancel what the client with that key runs, if it is of this worker. */
extern void client_cancel(SessionContext *context, uint32_t pid, Slice key);

/*
 * The request of this worker's connection with that key has been acted on: its
 * end tells the sender, whose next statement must not come before.
 */
extern void client_cancel_done(SessionContext *context, uint32_t sender_pid, const char *sender_key);


/* End the session of that id (ClientStats), if it is of this worker: 57P01. */
extern bool client_kill(SessionContext *context, uint64_t id);

typedef struct ClientStats
{
	uint64_t	id;
	const char *user;			/* "" before login */
	const char *database;
	const char *application_name;
	const char *replication;	/* "none", "logical", "physical" */
	ClientState state;
	const PeerAddress *peer;
	const Stream *stream;		/* borrowed for the call */
	uint64_t	connected_us;
	uint64_t	request_us;		/* its last unit came, or was answered; 0: none yet */
	uint64_t	waiting_since_us;	/* for a server; 0: it does not */
	uint64_t	server_id;		/* of the server it holds; 0: none */
	int			node;			/* of the server it holds; -1: none */
	char		tx_status;
	const char *pin_reason;		/* NULL: not pinned */
	const RouteWish *wish;		/* borrowed for the call */
	Lsn			floor;
	uint64_t	statements;		/* prepared */
} ClientStats;

extern void client_each(const SessionContext *context, void (*fn) (void *arg, const ClientStats *stats),
						void *arg);
extern const char *client_state_name(ClientState state);

#endif							/* ROUTER_SESSION_CLIENT_H */
