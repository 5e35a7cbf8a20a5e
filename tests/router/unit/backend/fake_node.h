/*-------------------------------------------------------------------------
 *
 * fake_node.h
 *	  A PostgreSQL node as the backend's tests need it, in the test's loop.
 *
 * It listens on a loopback port, logs clients in by trust, clear text, md5 or
 * SCRAM, answers the few queries backend/ sends, writes down what it was asked,
 * and misbehaves on demand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_FAKE_NODE_H
#define TESTS_FAKE_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/pool.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/listener.h"
#include "net/stream.h"
#include "router/unit/net/turns.h"
#include "scram/scram.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/startup.h"

typedef enum FakeAuth
{
	FAKE_TRUST,
	FAKE_CLEAR_TEXT,
	FAKE_MD5,
	FAKE_SCRAM,
	FAKE_SCRAM_UNPROVEN,		/* says Ok without proving that it knows the password */
	FAKE_UNKNOWN
} FakeAuth;

typedef struct FakeConnection FakeConnection;

typedef struct FakeNode
{
	Loop	   *loop;
	Listener   *listener;
	Sockets    *sockets;
	int			port;
	List		connections;
	Buf			queries;		/* texts, each followed by a newline */

	/* what comes after the login, for tests that need more than the queries of
	 * backend/; NULL: fake_answer_query().  As StreamEvents.on_data. */
	size_t		(*on_messages) (FakeConnection *connection, Slice data);
	void		(*on_gone) (FakeConnection *connection);	/* frees connection->backend */

	/* how it behaves */
	FakeAuth	auth;
	const char *password;
	const ScramVerifier *verifier;	/* of SCRAM; NULL: a new one per login, of password */
	const Error *refuse;		/* an error instead of a login; NULL: none */
	bool		is_standby;
	const char *conforming_strings; /* reported at login; NULL: not */
	bool		has_extension;
	bool		extension_fails;	/* enable_commit_lsn() raises an error */
	bool		is_mute;		/* takes connections and says nothing */
	size_t		long_nonce;		/* bytes that SCRAM's nonce has more than it should */
	bool		hold_replies;	/* queries are noted, not answered */
	bool		hold_cancels;	/* the connection of a cancel request stays open */
	Slice		greeting;		/* sent instead of any answer to the startup packet */

	/* what happened */
	int			accepted;
	int			startups;
	int			logins;
	int			terminated;
	int			cancels;
	uint32_t	cancel_pid;
	char		application[64];
	char		read_only[16];
	char		report_lsn[16];
	char		startup[256];	/* the last one's parameters: name=value, spaces between */
} FakeNode;

struct FakeConnection
{
	ListNode	node;
	FakeNode   *fake;
	Stream	   *stream;
	void	   *backend;		/* what on_messages keeps */
	bool		is_started;
	bool		is_in;			/* logged in */
	bool		is_cancel;
	bool		is_walsender;
	ScramServer *scram;
	uint32_t	pid;
};

/* ---- a node ---- */
extern void fake_node_init(FakeNode *fake, Loop *loop);
extern void fake_node_fini(FakeNode *fake);
extern void fake_listen(FakeNode *fake);
extern void fake_stop_listening(FakeNode *fake);	/* who comes is refused */
/* Ends all its connections, as a crash would. */
extern void fake_node_crash(FakeNode *fake);
/* Send these bytes through each connection that is logged in. */
extern void fake_node_send(FakeNode *fake, Buf *out);
extern bool fake_node_was_asked(FakeNode *fake, const char *text);

/* ---- one connection ---- */
extern void fake_send(FakeConnection *connection, Buf *out);
extern void fake_parameter(Buf *out, const char *name, const char *value);
extern void fake_answer_query(FakeConnection *connection, Slice text);
extern void fake_ask(FakeConnection *connection);
extern void fake_on_closed(void *owner, const char *why);

extern long most_memory_kb(void);	/* that this process ever had */

/* These nodes, the first of them north, all usable. */
extern TopologyView *fake_view(FakeNode *const *nodes, int nnodes);

#endif							/* TESTS_FAKE_NODE_H */
