/*
 * client.h
 *	  One client of the database: a thread's connection and how it is used.
 *
 * This is the page to read for how an application talks to Andon: as to
 * PostgreSQL. There is nothing here about primaries, replicas or floors. What
 * an application must do anyway is done here once, for all clients of the
 * load: transactions that lost a race (40001, 40P01) are run again, other
 * errors are counted and printed, a lost connection is opened again.
 *
 * A Client belongs to the thread that runs it. Config, stats and ledger are
 * borrowed from main and outlive it.
 */
#ifndef DEMO_LOAD_CLIENT_H
#define DEMO_LOAD_CLIENT_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/ledger.h"
#include "load/stats.h"

/* How statements are sent; as pgbench -M names them. */
typedef enum ClientProtocol
{
	PROTOCOL_SIMPLE,			/* values written into the text, one Query message */
	PROTOCOL_EXTENDED,			/* unnamed statement, values apart */
	PROTOCOL_PREPARED			/* named statement, parsed once per connection */
} ClientProtocol;

/* Filled by main before the threads start, read-only then. */
typedef struct LoadConfig
{
	const char *conninfo;		/* libpq's; the user is added per client */
	const char *channel;		/* of the board */
	LoadStats  *stats;
	Ledger	   *ledger;
	atomic_bool *stop;			/* set by main: finish what you are at, then return */
} LoadConfig;

/* A statement of the load. Static: its address is its identity. */
typedef struct Statement
{
	const char *name;			/* also the name it is prepared under */
	const char *sql;			/* at most CLIENT_MAX_PARAMS parameters, $1 to $9 */
} Statement;

#define CLIENT_MAX_PARAMS 9
#define CLIENT_MAX_PREPARED 32

/* Values of one call, as text. Zero-initialise, then params_add_*. */
typedef struct Params
{
	int			count;
	const char *values[CLIENT_MAX_PARAMS];	/* borrowed, or into numbers */
	char		numbers[CLIENT_MAX_PARAMS][24];
} Params;

typedef struct Client
{
	const LoadConfig *config;
	const char *user;			/* shop, crm, mes or partner */
	int			number;			/* of its kind, from 0 */
	int			kind_count;		/* how many of its kind there are */
	ClientProtocol protocol;
	double		think_ms;		/* mean pause between two actions */

	PGconn	   *conn;			/* owned; NULL when closed, which libpq takes as bad */
	char		label[32];		/* user and number; also application_name */
	char		sqlstate[6];	/* of the last failed statement */
	bool		in_transaction;
	unsigned	seed;
	const Statement *prepared[CLIENT_MAX_PREPARED];
	int			prepared_count;
} Client;

typedef enum TransactionOutcome
{
	TRANSACTION_COMMIT,			/* the body is done: commit */
	TRANSACTION_ROLLBACK,		/* nothing to do after all */
	TRANSACTION_FAILED			/* a statement failed */
} TransactionOutcome;

/* The statements of a transaction. Runs again from the start on a lost race. */
typedef TransactionOutcome (*TransactionBody) (Client *client, void *arg);

extern void params_add_int(Params *params, int64_t value);
extern void params_add_text(Params *params, const char *value);

/* Connects; on failure says why on stderr and counts an error. */
extern bool client_open(Client *client);
extern void client_close(Client *client);

/*
 * Runs a statement. The result is the caller's to PQclear; NULL when it
 * failed, which has been counted, or is left to client_run_transaction when
 * it can be run again.
 */
extern PGresult *client_execute(Client *client, const Statement *statement, const Params *params);

/* The same for a statement whose result is of no interest. */
extern bool client_perform(Client *client, const Statement *statement, const Params *params);

/*
 * Runs body in a transaction, again on a lost race. True when it committed;
 * *committed_us is then when the reply to COMMIT was read.
 */
extern bool client_run_transaction(Client *client, TransactionBody body, void *arg,
								   int64_t *committed_us);

/*
 * Read-your-writes: reads the order, in autocommit, from the source and from
 * the board, and checks that both show at least the status just committed.
 */
extern void client_check_order(Client *client, int64_t order_id, OrderStatus written,
							   int64_t committed_us);

/* Enters a committed move of an order, for the listener to find. */
extern void client_note_commit(Client *client, int64_t order_id, OrderStatus status,
							   int64_t committed_us);

/*
 * Waits for about think_ms, and connects again if the connection was lost.
 * False when the load is over.
 */
extern bool client_think(Client *client);

/* An even draw from 0 to below - 1, and one from [0, 1). */
extern int64_t client_draw(Client *client, int64_t below);
extern double client_draw_fraction(Client *client);

#endif							/* DEMO_LOAD_CLIENT_H */
