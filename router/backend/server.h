/*-------------------------------------------------------------------------
 *
 * server.h
 *	  One connection of the router to a node.
 *
 * A server belongs to its pool for life.  While it is checked out its holder
 * (session/relay, or the pool itself while it resets it) is told through
 * ServerEvents and writes to it; while idle the pool listens.  The server
 * keeps what must outlive the holder: settings applied, statements prepared,
 * transaction status, cancel key.
 *
 *	  CONNECTING -> LOGIN -> IDLE <-> ACTIVE -> RESETTING -> IDLE
 *							 IDLE -> TESTING -> IDLE
 *	       any state ------------------------------------> CLOSED
 *
 * Pool servers of replicas log in with default_transaction_read_only=on; one
 * that reports in_hot_standby=off is retired, and so is a primary's that reports
 * on.  At login on a primary andon.enable_commit_lsn() is called if it is there;
 * its ParameterStatus answer sets reports_commit_lsn.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_SERVER_H
#define ROUTER_BACKEND_SERVER_H

#include "backend/settings.h"
#include "base/list.h"
#include "net/stream.h"
#include "policy/topology_view.h"
#include "wire/description.h"

#define SERVER_KEY_MAX 256

typedef struct Server Server;
typedef struct Pool Pool;

/* state, name in SHOW SERVERS */
#define SERVER_STATES(X) \
	X(SERVER_CONNECTING, "connecting")	/* TCP connect under way */ \
	X(SERVER_LOGIN, "login")	/* startup, authentication, enable_commit_lsn */ \
	X(SERVER_IDLE, "idle")		/* in the pool */ \
	X(SERVER_ACTIVE, "active")	/* checked out */ \
	X(SERVER_RESETTING, "resetting")	/* DISCARD ALL under way */ \
	X(SERVER_TESTING, "tested")	/* server_check_query under way */ \
	X(SERVER_CLOSED, "closed")	/* waits to be freed */

typedef enum ServerState
{
#define SERVER_STATE_MEMBER(state, name) state,
	SERVER_STATES(SERVER_STATE_MEMBER)
#undef SERVER_STATE_MEMBER
} ServerState;

typedef struct ServerEvents
{
	size_t		(*on_data) (void *owner, Slice data);	/* as StreamEvents.on_data */
	void		(*on_drained) (void *owner);
	void		(*on_lost) (void *owner, const char *why);	/* the server is gone: the holder must still
															 * pool_checkin() it */
	void		(*on_cancel_done) (void *owner);	/* server_is_being_cancelled() is over; may be NULL */
} ServerEvents;

/* ---- for the holder ---- */
extern void server_hold(Server *server, const ServerEvents *events, void *owner);
extern Stream *server_stream(Server *server);	/* to write, cork, pause; borrowed */
extern int	server_node(const Server *server);	/* index in the topology view */
extern const NodeIdentity *server_identity(const Server *server);	/* of the node when it logged in */
extern bool server_is_replica(const Server *server);
extern bool server_is_retired(const Server *server);	/* will be closed when it is given back */
extern bool server_reports_commit_lsn(const Server *server);
extern uint64_t server_id(const Server *server);	/* no other of the process has or had it */
extern ServerState server_state(const Server *server);
extern bool server_is_being_cancelled(const Server *server);	/* a request is under way: it may hit what runs next */
extern char server_tx_status(const Server *server);	/* 'I', 'T', 'E' as of the last ReadyForQuery */
extern void server_set_tx_status(Server *server, char tx_status);	/* the holder parses ReadyForQuery */

/* The holder saw a ParameterStatus (in_hot_standby is acted on here); false: not kept, too long or one too many. */
extern bool server_note_parameter(Server *server, Slice name, Slice value);
extern const char *server_find_parameter(const Server *server, const char *name);	/* as reported; NULL */
extern int	server_parameter_count(const Server *server);

/* The last values of those that are the session's: nothing of one node (server_version,
 * in_hot_standby), nor of the router (application_name).  Borrowed until the next report. */
extern Settings *server_reported(const Server *server);
extern bool server_follows_parameter(Slice name);
extern void server_parameter_item(const Server *server, int i, const char **name, const char **value);

/* Settings applied (by SET sent through it); owned by the server. */
extern Settings *server_settings(Server *server);
extern void server_set_settings(Server *server, Settings *settings);	/* takes its own reference */

/*
 * Prepared statements there, by number (session/prepared names them
 * "andon_<number>").  Adding beyond the limit answers the least recently used
 * one, to be closed by the caller before the new one is used; 0: none.
 */
extern bool server_has_statement(Server *server, uint64_t number);	/* marks it used */
extern uint64_t server_add_statement(Server *server, uint64_t number);
extern void server_restore_statement(Server *server, uint64_t number); /* it is there after all, evicts nothing */

/* How the server described it since it was prepared there; what is not known of one leaves what was. */
extern void server_note_description(Server *server, uint64_t number, const Description *description);
extern Description server_find_description(const Server *server, uint64_t number);
extern void server_remove_statement(Server *server, uint64_t number);
extern void server_forget_statements(Server *server);	/* after DISCARD ALL, DEALLOCATE ALL */

/* ---- for windows on the running system ---- */
typedef struct ServerStats
{
	uint64_t	id;
	ServerState state;
	int			node;
	const char *address;		/* where it is connected to */
	int			port;
	const char *name;			/* the database as the configuration names it; of its pool */
	const char *database;
	const char *user;
	uint32_t	pid;			/* of the backend; 0 before login */
	uint64_t	connected_us;
	uint64_t	used_us;		/* last checked out or in */
	uint64_t	statements;		/* prepared there */
	bool		is_retired;		/* closed when it is given back */
	char		tx_status;
	const Stream *stream;		/* borrowed; NULL: closed */
} ServerStats;

extern void server_stats(const Server *server, ServerStats *stats);
extern const char *server_state_name(ServerState state);

#endif							/* ROUTER_BACKEND_SERVER_H */
