/*-------------------------------------------------------------------------
 *
 * talk.h
 *	  Conversations: real sessions between a scripted client and two fake
 *	  PostgreSQL servers, north (primary) and south (replica).
 *
 * What a client says is written as messages with bars between them, - is the
 * empty name:
 *
 *	  Q text   P name text   B name [portal]   D S name   D P portal   E [portal]
 *	  C S name   S   H   d bytes   c   f   X
 *
 * What it hears, and what a node was sent (fake_pg.h), is compared whole: each
 * hears() and was_sent() covers all since the last one.  Heard messages are:
 *
 *	  1 2 3 n t T s I  C:tag  D:value  Z:status  E:sqlstate  FATAL:sqlstate
 *	  S:name=value  A:channel  G H d:bytes c  N
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include "router/unit/session/fake_pg.h"

#include "session/client.h"
#include "session/client_internal.h"
#include "session/context.h"

#define LONG_US (WAIT_SECS * US_PER_SEC)
#define NEVER_US (3600 * US_PER_SEC)
#define SWEEP_IS_QUICK 1		/* microseconds: any sweep finds it passed */
#define NODES 2

typedef struct Talker
{
	int			fd;
	Buf			in;				/* received, not rendered yet */
	Buf			heard;			/* rendered, not compared yet */
	char		detail[64];		/* of the last error heard; "": it had none */
	size_t		error_bytes;	/* length of its message */
	bool		is_closed;		/* the session ended the connection */
	uint32_t	pid;			/* of its cancel key */
	char		key[256];
	size_t		key_len;
} Talker;

/* The world of the test that runs: made by setup_talk(). */
extern Loop *loop;
extern uint64_t wal;
extern PgNode north;
extern PgNode south;
extern SettingsPool *settings;
extern PreparedTable *prepared;
extern PoolTotals *totals;
extern PoolSet *pools;
extern PoolConfig pool_config;
extern SessionContext context;
extern int	probes;				/* asked for */
extern int	suspicions;
extern int	admitted;
extern bool hold_cancels;		/* requests wait for let_cancel_act() */
extern CancelRequest *held_cancel;	/* the one that does; NULL: none */

/* ---- the cluster ---- */
extern int setup_talk(void **state);
extern int teardown_talk(void **state);
/* A view of the nodes as they are now. */
extern TopologyView *make_view(void);
extern TopologyView *view_without_primary(void);
extern void show_view(void);
/* The replica has replayed everything, and the monitor has seen it. */
extern void catch_up(void);
extern void show_facts(Lsn position);
extern void let_cancel_act(void);
/* Who listens on channel c of the primary is told; so is everybody else there. */
extern void notify_all(void);

/* ---- hearing ---- */
/* Let everybody act, and take what has come. */
extern void listen_to(Talker *talker);
extern const char *heard_text(Talker *talker);
/* All it has heard since the last time, once that is there. */
extern void hears_(Talker *talker, const char *expected, const char *file, int line);
#define hears(talker, expected) hears_(talker, expected, __FILE__, __LINE__)
/* All that a node has been sent since the last time. */
extern void was_sent_(PgNode *node, const char *expected, const char *file, int line);
#define was_sent(node, expected) was_sent_(node, expected, __FILE__, __LINE__)
extern void is_closed(Talker *talker);

/* ---- saying ---- */
extern void say(Talker *talker, const char *script);
extern void say_bytes(Talker *talker, Slice bytes);

/* ---- coming and going ---- */
#define WELCOME_REST "S:in_hot_standby=off S:default_transaction_read_only=off K Z:I"
extern void connect_talker(Talker *talker);
extern void say_startup(Talker *talker, const char *name, const char *value);
/* The same by protocol 3.minor. */
extern void say_startup_of(Talker *talker, uint32_t minor, const char *name, const char *value);
extern void log_in(Talker *talker);
/* A session with a startup parameter of its own, or NULL. */
extern void log_in_with(Talker *talker, const char *name, const char *value);
extern void hang_up(Talker *talker);

/* Ask to cancel what that client runs, on a connection of its own; it ends once the request was acted on. */
extern void ask_to_cancel(Talker *talker, const Talker *whose);
extern void say_cancel(const Talker *whose);	/* the same, and waits for that end */

#endif							/* TESTS_TALK_H */
