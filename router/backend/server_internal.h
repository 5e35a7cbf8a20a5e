/*-------------------------------------------------------------------------
 *
 * server_internal.h
 *	  What the files of backend/ see of a server; nobody else includes it.
 *
 * Who writes what: server.c writes state, holder, parameters, statements;
 * server_login.c the fields of the login and what the node answers there;
 * pool.c everything from pool on down.
 *
 * A server is freed in two steps: server_close() makes it CLOSED and silent
 * at once, the memory goes at the end of the loop's turn, so that a callback
 * never returns into a freed server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_SERVER_INTERNAL_H
#define ROUTER_BACKEND_SERVER_INTERNAL_H

#include "backend/server.h"
#include "base/buf.h"
#include "base/error.h"
#include "net/tls.h"

typedef struct ServerLogin ServerLogin;
typedef struct ServerStatement ServerStatement;

typedef struct ServerParameter
{
	char	   *name;			/* owned */
	char	   *value;			/* owned */
} ServerParameter;

/* What a server is made for; the strings are borrowed for its life (from the
 * pool, or the view for the time of server_create()). */
typedef struct ServerPlan
{
	Loop	   *loop;
	SettingsPool *settings;
	uint64_t	id;
	int			node;
	NodeIdentity identity;
	const char *node_name;		/* copied */
	const char *host;			/* copied */
	const char *address;		/* copied; where to connect; NULL or "": to host */
	int			port;
	const char *name;
	const char *database;
	const char *user;
	int			max_statements;
	TlsContext *tls;			/* NULL: in clear text; the server takes a reference */
} ServerPlan;

struct Server
{
	uint64_t	id;
	ServerState state;			/* written by server_set_state() only */
	Loop	   *loop;			/* borrowed */
	Stream	   *stream;			/* owned; NULL once closed */
	size_t		unread;			/* bytes the last on_data left */

	/* who is told; events is NULL when nobody holds it */
	const ServerEvents *events;
	void	   *owner;

	/* where it is connected and as whom */
	int			node;
	NodeIdentity identity;
	char	   *node_name;		/* owned */
	char	   *host;			/* owned */
	char		address[NODE_ADDRESS_SIZE]; /* "": that of host */
	int			port;
	const char *name;			/* borrowed from the pool, like these */
	const char *database;		/* borrowed from the pool */
	const char *user;			/* borrowed from the pool */
	TlsContext *tls;			/* a reference; NULL: none is asked for */

	/* what the node told */
	uint32_t	pid;
	uint8_t		key[SERVER_KEY_MAX];
	int			key_len;
	char		tx_status;
	bool		reports_commit_lsn;
	bool		is_stale;		/* not to be used again; close it when it is given back */
	bool		is_lost;		/* the connection has ended */
	ServerParameter *parameters;	/* owned array */
	int			nparameters;
	Settings   *reported;		/* a reference; those of them that server_follows_parameter() */

	/* what we did to it */
	Settings   *settings;		/* a reference */
	ServerStatement *statements;	/* hash table by number */
	List		statements_used;	/* of the same; least recently used first */
	int			max_statements;

	ServerLogin *login;			/* owned; NULL outside CONNECTING and LOGIN */

	/* the pool's */
	Pool	   *pool;			/* borrowed; outlives the server */
	ListNode	pool_node;		/* in the list of its state */
	struct PendingCancel *cancel;	/* a request under way for it; NULL: none */
	bool		is_parked;		/* given back, but waits for the cancel request */
	int			parked_mode;	/* CheckinMode, while parked */
	int			ready_awaited;	/* ReadyForQuery still to come while RESETTING or TESTING */
	uint64_t	connected_us;
	uint64_t	used_us;
	uint64_t	answered_us;	/* its login or a check, if nobody had it since; else 0 */
	uint64_t	deadline_us;	/* of the login or the reset; 0: none */
};

/* Starts to connect; server_login_attach() says what for. */
extern Server *server_create(const ServerPlan *plan);
extern void server_set_state(Server *server, ServerState state);

/* Where it was connected to, for stream_connect(). */
extern const char *server_address(const Server *server);

/* Silent from now on, freed at the end of this turn of the loop. */
extern void server_close(Server *server);
extern void server_lose(Server *server, const char *why);	/* its connection has ended, or is of no use: the holder is told */

/* One line about this server: a warning when it is trouble, else for debugging. */
extern void server_log(const Server *server, bool is_trouble, const char *event, const char *reason);

#endif							/* ROUTER_BACKEND_SERVER_INTERNAL_H */
