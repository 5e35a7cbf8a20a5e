/*-------------------------------------------------------------------------
 *
 * client_internal.h
 *	  The session's struct, and what the files of this folder call in each other.
 *
 * Each file calls only those below it:
 *
 *	  client_events.c   client_cancel.c   context.c			what comes from outside
 *	  client_query.c	client_startup.c -> client_login.c	phases of a session
 *	  relay_finish.c	client_welcome.c	console_session.c	replication.c
 *	  relay_reply.c		relay_plan.c -> local_answer.c
 *	  relay_feed.c		relay_run.c -> relay_check.c -> relay_send.c -> relay_describe.c placed.c
 *	  relay_hold.c		reported.c	account.c	unit.c	transaction.c	prepared.c	params.c
 *	  client.c
 *
 * What comes up comes as an event: from a server to relay_finish.c (or to
 * client_welcome.c), by the table the session was given (server_events).  A
 * unit that is done leaves the session READY; its stream shows what follows to
 * client_query.c in a later turn.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_CLIENT_INTERNAL_H
#define ROUTER_SESSION_CLIENT_INTERNAL_H

#include "base/compiler.h"
#include "net/resolve.h"
#include "session/account.h"
#include "session/client.h"
#include "session/params.h"
#include "session/unit.h"
#include "wire/frame.h"
#include "wire/inflight.h"
#include "wire/message.h"
#include "wire/startup.h"

#define UNIT_MAX_BYTES (64 * 1024)	/* a longer unit goes to the primary and streams */
#define PARSE_MAX_BYTES (16 * 1024 * 1024)	/* a Parse message is assembled */
#define MESSAGE_MAX_BYTES (1024 * 1024 * 1024)	/* PostgreSQL's PQ_LARGE_MESSAGE_LIMIT */

#define SAVEPOINTS_FOLLOWED_MAX 1000

/* What there was at a savepoint. */
typedef struct Savepoint
{
	struct Savepoint *outer;	/* owned */
	Settings   *settings;		/* a reference */
	char		name[];
} Savepoint;

/* Where the session stands between units. */
typedef struct Transaction
{
	char		status;			/* what the client was told: 'I', 'T' or 'E' */
	bool		is_deferred;	/* BEGIN was answered and not sent yet */
	bool		is_lost;		/* failed, and no server knows of it: until ROLLBACK */
	bool		loss_untold;	/* that was between two units: the client has not heard of it yet */
	bool		is_read_only;	/* BEGIN ... READ ONLY, or SET TRANSACTION READ ONLY while it is deferred */
	bool		needs_primary;	/* it is serializable, or hinted so */
	bool		has_isolation;	/* it was begun at a level: the account's default does not count */
	bool		on_replica;		/* runs on a replica: only proven reads pass */
	bool		has_pins;		/* state that pins came inside */
	bool		has_settings;	/* a tracked SET was run inside */
	bool		sets_meaning;	/* SET LOCAL of what literals mean was run inside: nobody shares what it prepares */
	Buf			begin_texts;	/* the deferred BEGIN, and SET TRANSACTION behind it: each with its terminator */
	Savepoint  *savepoints;		/* owned, the last one first; NULL: none */
	int			nsavepoints;
	Settings   *settings;		/* at BEGIN; a reference while has_settings */
} Transaction;

typedef enum RerunTarget
{
	RERUN_NO,
	RERUN_OTHER_NODE,			/* recovery conflict or a lost replica */
	RERUN_PRIMARY,				/* the replica refused it or does not know the names yet */
	RERUN_HERE					/* the plan of what it prepares was stale there */
} RerunTarget;

/* A Describe of the client's that is under way: whose answer it will be. */
typedef struct DescribeAsked
{
	uint64_t	number;			/* of what the name was then */
	char	   *name;			/* owned; NULL: the unnamed statement */
} DescribeAsked;

/* Those of a unit; the label of its entry in the queue is the place here, from 1. */
typedef struct DescribeLog
{
	DescribeAsked *asked;		/* owned */
	uint32_t	count;
	uint32_t	cap;
} DescribeLog;

/* The unit being planned or run. */
typedef struct Relay
{
	/* cleared from unit to unit, their memory kept */
	InFlight	inflight;
	PreparedLog names;			/* what the unit has done to the client's names */
	DescribeLog describes;

	/* zero when a unit begins */
	UnitSummary summary;
	uint64_t	begun_us;		/* its last byte came in */
	uint64_t	waiting_since_us;	/* it wants a server; anew when it is to run again */
	uint64_t	started_us;		/* it was sent */
	uint64_t	excluded;		/* nodes that failed it */
	bool		patience_over;
	bool		awaits_token;	/* SHOW or SET andon.floor: for a view that tells what it needs */
	bool		awaits_fallback;	/* for a place among the reads that run on the primary for want of a replica */

	/* running */
	bool		is_open;		/* more messages of the unit are forwarded as they come */
	bool		is_flushed;		/* Flush came, not Sync: no ReadyForQuery for the client yet */
	bool		closes_flushed; /* and nothing is executed: the router's own Sync ends it */
	bool		outside_transaction;	/* prepares while BEGIN is still deferred: not part of it */
	bool		is_copy_in;
	bool		is_holding;		/* replies are held: nothing of the unit has been shown yet */
	bool		holds_plan;		/* on the primary, and only until it is seen that no plan is stale */
	bool		parsed_there;	/* a statement under a number was prepared on its server */
	bool		has_executed;	/* an Execute of it was sent: the transaction may be another since */
	bool		owes_sync;		/* its Sync is kept back until it is known whether COPY begins */
	bool		awaits_copy;	/* COPY data lies unread until the server has answered what came before */
	bool		position_asked;	/* the position query was sent */
	bool		state_noted;	/* what it left behind is in client->pins */
	bool		state_asked;	/* the query for what is left was sent */
	bool		state_answered; /* pins_left says it */
	bool		settings_due;	/* new_settings are in force, if nothing fails behind the SET */
	bool		resets_route;	/* they are RESET ALL's, which takes SET andon.route back */
	bool		tells_settings; /* what the router's own SETs change is news to the client */
	bool		unnamed_there;	/* the client's unnamed statement is the server's too */
	bool		saw_error;
	bool		says_commit;	/* the last CommandComplete does */
	bool		says_rollback;	/* it does, of a COMMIT that failed, too */
	bool		ready_due;		/* ReadyForQuery waits for what follows */
	bool		is_answered;	/* all that was sent is answered */
	bool		cancel_asked;
	bool		cancel_due;		/* it would hit the router's own SETs: sent when they are done */
	bool		timed_out;		/* query_timeout has passed: cancelled once */
	bool		to_primary;		/* a replica refused it */
	RerunTarget rerun;			/* not NO: the rest of the replies is dropped, then it runs again */
	RouteReason reason;
	size_t		pass_left;		/* server -> client bytes of a message begun */
	size_t		feed_left;		/* client -> server bytes of a message begun */
	size_t		unread_end;		/* length of a long Query that ends the unit and has not been taken yet */
	Lsn			commit_lsn;		/* reported in this unit; 0: none */
	Lsn			asked_lsn;		/* answer of the position query */
	unsigned	pins_left;
	int			node;			/* where it was sent, or waits to be */
	Settings   *new_settings;	/* references: in force when the SET succeeds; or NULL: */
	Settings   *new_server_settings;	/* a RESET leaves the server with less than the session has */
	Error	   *error_refused;	/* owned, or NULL */
	char	   *savepoint;		/* owned: the name in a unit that is a SAVEPOINT, RELEASE or ROLLBACK TO; or NULL */
	char	   *fatal_text;		/* owned: the server's last words, or NULL */
	Buf			held;
	uint64_t	described_binds;	/* bit n: the nth Bind of the unit is described before it is executed */
	int			binds;			/* sent so far */
	bool		is_checking;	/* servers are asked to describe what it binds; the unit is sent then */
	Slice		bound_portal;	/* of the last Bind, while a whole unit is sent; in client->unit: */
	Slice		bound_name;		/* and its statement's name */
	bool		gathers;		/* a whole unit is sent: */
	Slice		gathered;		/* what of it passes as it is and has not been written yet; in client->unit */
} Relay;

/* What a session of the admin console has and no other. */
typedef struct ConsoleState
{
	Prepared   *portal;			/* a reference; NULL: none bound */
	bool		is_waiting;		/* the command at the head of the unit is with the console */
	bool		is_stepping;	/* the unit's messages are being handled further up the stack */
} ConsoleState;

/* What a replication connection has and no other: replication.c. */
typedef struct Replication Replication;

typedef enum ReplicationMode
{
	REPLICATION_NO,
	REPLICATION_PHYSICAL,		/* replication=true: of no database */
	REPLICATION_LOGICAL			/* replication=database */
} ReplicationMode;

/* What there is only while it proves who it is; else zero. */
typedef struct Login
{
	AuthMethod	method;
	AuthExchange *exchange;		/* owned; NULL until its first message is known */
	UserTable  *users;			/* a reference; what exchange looks at, or NULL */
	Resolution *resolution;		/* the system is asked who it is; NULL: not, or answered */
	AuthQueryWaiter lookup;		/* its secret is asked for */
	bool		was_looked_up;	/* it was, or is */
} Login;

struct Client
{
	ListNode	node;			/* in context->clients */
	ListNode	waiting_node;	/* in context->waiting */
	SessionContext *context;	/* borrowed */
	Stream	   *stream;			/* owned */
	ClientState state;
	PeerAddress peer;
	uint64_t	connected_us;
	uint64_t	state_since_us;
	uint64_t	taken_us;		/* it last took bytes, or had few to take, as far as the sweep saw */
	uint64_t	taken_bytes;
	uint64_t	id;				/* SHOW CLIENTS, KILL_CLIENT; of this process, never used again */
	uint32_t	key_pid;
	char		key[CLIENT_KEY_LONG_SIZE];	/* of which key_len bytes are the client's */
	int			key_len;
	int			guesses;		/* wrong secrets with that number since: */
	uint64_t	guessed_since_us;

	/* after startup */
	char	   *user;			/* owned */
	char	   *database_name;	/* owned */
	bool		is_console;
	bool		is_admitted;	/* counted by hooks.admit_client */
	bool		is_fallback;	/* counted by hooks.admit_fallback: until the server is given back */
	bool		is_cancel;		/* has asked to cancel, waits for client_cancel_done() */
	Login		login;
	Account    *account;		/* borrowed; NULL before login and for the console */
	Settings   *startup_settings;	/* references */
	Settings   *settings;
	LexDefaults lex_defaults;	/* where it sets nothing itself */
	Settings   *told;			/* a reference: what servers report, as far as it was told; NULL before */
	PreparedMap *prepared;		/* owned */
	RouteWish	wish;			/* what SET andon.route or [routes] ask for */

	SessionPosition position;
	Transaction transaction;
	const char *pin_reason;		/* static; NULL: not pinned */
	unsigned	pins;			/* kinds of state that pin it (session/pins.h) */
	bool		pins_due;		/* some of it may be gone: ask when the transaction is over */
	bool		needs_reset;	/* not pinned, but nobody else may get its server as it is */
	uint64_t	transaction_since_us;	/* its first statement was sent */
	bool		ran_ddl;		/* in the transaction that runs */
	Lsn			ddl_lsn;		/* its last DDL: no replica before facts are past it; 0: none */
	size_t		drop_left;		/* bytes of a COPY message that nobody wants any more */
	bool		skip_to_sync;	/* an error was sent: drop messages up to Sync */
	Buf			unit;			/* messages of the unit, whole, as sent */
	Server	   *server;			/* checked out, or NULL */
	const ServerEvents *server_events;	/* static; who hears of it while it runs units */
	PoolWaiter	waiter;
	Relay		relay;
	ConsoleState console;
	ReplicationMode replication_mode;
	Replication *replication;	/* owned; NULL: REPLICATION_NO */
};

/* ---- client.c ---- */
extern void client_set_state(Client *client, ClientState state);

/* The one exit: tell the client why (FATAL) and close. */
extern COLD void client_fail(Client *client, const Error *error);
extern COLD void client_fail_protocol(Client *client, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void client_fail_shutdown(Client *client);	/* 57P01 */
extern void client_fail_killed(Client *client, const char *command);	/* the same, by a command of the console */

/* Its first message.  False: it is not all there to be looked at, or the session was failed. */
static inline bool
client_peek_frame(Client *client, Slice data, Frame *frame)
{
	FrameStatus status = frame_peek(data, frame);

	if (status == FRAME_MALFORMED)
		client_fail_protocol(client, "invalid message length");
	return status == FRAME_OK;
}

/* server_fast_close: it is in no transaction and keeps a server that is to be closed; false: not so. */
extern bool client_fail_retired(Client *client);
extern COLD void client_fail_server(Client *client, const char *what);	/* its server broke the protocol: ends both */
extern void client_close(Client *client);

extern void client_write(Client *client, Slice bytes);
extern void client_write_ready(Client *client);

/* It joins context->waiting: it decides again on the next view. */
extern void client_await_view(Client *client);

/* Whatever it waits for, a view, a server, the console or its name, it waits no longer. */
extern void client_stop_waiting(Client *client);

/* What [routes] ask for it: after its login, and when its application_name or the rules are others. */
extern void client_find_rule(Client *client);

/* SET andon.route is taken back: the rule counts again. */
extern void client_reset_route(Client *client);

/* Give the server back as the session's state demands; no-op without one. */
extern void client_release_server(Client *client, bool is_broken);

/* It no longer runs a read on the primary for want of a replica; no-op if it did not. */
extern void client_release_fallback(Client *client);

extern UnitContext client_unit_context(const Client *client);

/* The shared statement of a Parse; a reference. */
extern Prepared *client_prepare(Client *client, const ParseMessage *parse, bool *is_new);

/*
 * The client's statement of that name, borrowed; NULL: it has none.  Settings it
 * was prepared under may be others now, or its plan may have been out of date
 * somewhere: then it is as if prepared anew, but for what the client was told of
 * it (relay_check.c).
 */
extern Prepared *client_find_prepared(Client *client, Slice name);

/* May it have one more of that name? */
extern bool client_may_prepare(const Client *client, Slice name);

/* The unit is over: ready for the next one, or drained. */
extern void client_unit_done(Client *client);

/* Answer the unit with an error that leaves the session in order.  Only
 * before anything of it has been sent to a server. */
extern COLD void client_refuse_unit(Client *client, const Error *error);

/* The error of a unit was sent: ReadyForQuery follows, or all up to Sync is dropped. */
extern void client_end_refused(Client *client);

extern void client_reset_relay(Client *client); /* forget the unit, free what it held */
extern void client_reset_login(Client *client); /* the same with the login */

/* ---- client_startup.c ---- */
extern size_t client_startup_on_data(Client *client, Slice data);

/* ---- client_login.c ---- */
extern void client_login(Client *client);	/* it has said who it is: have it proven */
extern size_t client_login_on_data(Client *client, Slice data);

/* ---- client_welcome.c ---- */
extern void client_welcome(Client *client); /* who it is is proven: tell it what servers report */
extern void client_welcome_console(Client *client);
extern void client_welcome_again(Client *client);	/* a new view: maybe a node answers now */

/* ---- client_query.c ---- */
extern size_t client_query_on_data(Client *client, Slice data);

/* ---- local_answer.c ---- */

/* Answer the unit without a server if that can be done; true: answered.  False
 * and relay.awaits_token: it will be, on a later view. */
extern bool local_answer_unit(Client *client);
/* Its first statement is BEGIN and was answered: the unit is now what came behind it. */
extern bool local_answer_begin(Client *client);

/* ---- console_session.c ---- */
extern void console_session_run_unit(Client *client);

/* ---- replication.c ---- */

/* Is it a replication connection?  False: the session was failed. */
extern bool replication_note_startup(Client *client, const Startup *startup);

/* Who it is is proven; servers are shown the secret (copied; NULL: none). */
extern void replication_login(Client *client, const char *secret);
extern void replication_on_view(Client *client);	/* its login is over, its node may be primary no more */
extern size_t replication_on_data(Client *client, Slice data);
extern void replication_on_drained(Client *client);
extern void replication_cancel(Client *client);
extern int	replication_node(const Client *client); /* -1: none */
extern void replication_end(Client *client);	/* no-op without one */

/* ---- transaction.c ---- */
extern void transaction_reset(Transaction *transaction);

/* It failed and no server knows of it; no-op between transactions. */
extern void transaction_lose(Transaction *transaction);

/* It is over; settings are put back if it was rolled back. */
extern void transaction_end(Client *client, bool committed);

/* ReadyForQuery came: follow the status. */
extern void transaction_follow(Client *client, char status);

/* What the client is told when the server says status. */
extern char transaction_status_after(const Client *client, char status);

/* A tracked SET succeeded. */
extern void transaction_apply_settings(Client *client, Settings *settings, Settings *server_settings);

extern bool transaction_has_savepoint(const Transaction *transaction, const char *name);

/* DISCARD ALL succeeded on its server: session and server are as after login. */
extern void transaction_note_discard(Client *client);

/* ---- relay_plan.c ---- */
extern void relay_plan_unit(Client *client);	/* the unit is complete, or must be sent open */
extern void relay_plan_again(Client *client);	/* a new view, patience is over, or it runs again */

/* Give a read a place on the primary for want of a replica; false: none is free. */
extern bool relay_admit_fallback(Client *client);

/* ---- relay_run.c ---- */
extern void relay_start(Client *client, Server *server);
extern bool relay_send_settings(Client *client);	/* the session's, where the server has others; true: sent */
extern void relay_continue(Client *client); /* what it waited for before it sent the unit is answered */
extern void relay_settle_sync(Client *client);	/* send the Sync that was kept back, if its turn has come */
extern void relay_cancel(Client *client);	/* what runs */
extern void relay_send_position_query(Client *client);
extern void relay_send_state_query(Client *client);
extern bool relay_wants_position(const Client *client);	/* its commit's position is not reported */

/* ---- relay_feed.c ---- */
extern size_t relay_feed(Client *client, Slice data);	/* messages of an open unit, COPY data */
extern void relay_settle_copy(Client *client);	/* read on, if it is known what the COPY data is for */

/* ---- relay_check.c ---- */

/* Ask for what has to be known before the unit is sent; false: nothing. */
extern bool relay_check_descriptions(Client *client);

/* ---- relay_describe.c ---- */
extern bool relay_is_changed(const Client *client, Slice name, uint64_t number);	/* not what the client was told */
extern void relay_expect_description(Client *client, const TargetMessage *target);	/* a Describe was sent */
extern void relay_note_description(Client *client, const InFlightEntry *entry, const Frame *frame);
extern void describe_log_clear(DescribeLog *log);	/* forgets, keeps the memory */

/* ---- placed.c ---- */
extern void relay_place_names(Client *client, const Frame *frame);	/* which SQL in that message is about */

/* ---- relay_send.c ---- */
extern void relay_prepare_there(Client *client, Prepared *prepared, InFlightAction action);
extern void relay_to_server(Client *client, Slice bytes);
extern void relay_pass_gathered(Client *client);	/* writes what relay.gathered holds back */
extern void relay_pass_last(Client *client);	/* the same at the end of what goes to the server now */
extern void relay_send_message(Client *client, const Frame *frame);
extern void relay_send_empty(Client *client, char type); /* Sync or Flush; whoever wants an answer notes it in relay.inflight */
extern void relay_send_sync(Client *client, InFlightAction action, InFlightPurpose purpose);

/* The beginning of a Bind; total_len is the whole message's.  False: it was
 * refused, the rest of it is not to be sent. */
extern bool relay_send_Bind(Client *client, Slice body, size_t total_len);

/* In place of a message or a whole unit: something that fails there.  The
 * client gets error_refused. */
extern void relay_send_failing_bind(Client *client);
extern void relay_send_failing_query(Client *client);
extern void relay_refuse_on_replica(Client *client);	/* sets error_refused */
extern void relay_set_in_failed_transaction(Error *error);
extern bool relay_refuses_pin(const Client *client);	/* the unit would pin, and that is not allowed */
extern void relay_refuse_pin(Client *client);	/* sets error_refused */

/* ---- relay_hold.c ---- */
extern void relay_to_client(Client *client, Slice bytes);
extern void relay_release_held(Client *client);
extern void relay_send_locals(Client *client);	/* local answers that are due */
extern bool relay_may_rerun(const Client *client);	/* nothing of it has been shown, and it has no effect */

/* ---- reported.c ---- */
extern void reported_note_told(Client *client, Slice name, Slice value);	/* a ParameterStatus is passed to it */
extern void reported_tell(Client *client);	/* where its server reports something else than it was told */

/* ---- relay_reply.c ---- */

/* Up to the end of the unit (relay.is_answered); the rest stays. */
extern size_t relay_take_replies(Client *client, Slice data);

/* ---- relay_finish.c ---- */
extern const ServerEvents relay_server_events;
extern void relay_maybe_finish(Client *client); /* all is answered; is it also over? */

#endif							/* ROUTER_SESSION_CLIENT_INTERNAL_H */
