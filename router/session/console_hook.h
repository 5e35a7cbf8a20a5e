/*-------------------------------------------------------------------------
 *
 * console_hook.h
 *	  How a session reaches the admin console without knowing it.
 *
 * admin/ implements the callbacks, app/worker.c joins them.  All are called in
 * the session's thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_CONSOLE_HOOK_H
#define ROUTER_SESSION_CONSOLE_HOOK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

typedef struct ConsoleReply
{
	/* Called once, in the session's thread, maybe from within run(): complete
	 * messages (RowDescription if there are rows, rows, CommandComplete; or
	 * one ErrorResponse; no ReadyForQuery). */
	void		(*done) (void *arg, Slice messages);
	void	   *arg;
} ConsoleReply;

typedef struct ConsoleHook
{
	/* Run one command for a user.  The reply may come later; unless it is
	 * cancelled it always comes.  The command is not used after run() returns. */
	void		(*run) (void *console, const char *user, Slice command, ConsoleReply reply);

	/* Who waits for the reply with this arg is gone: no reply.  No-op without one. */
	void		(*cancel) (void *console, void *reply_arg);

	/* What the command would give: appends RowDescription or NoData. */
	void		(*describe) (void *console, Slice command, Buf *out);

	/* false: error says what to do about it. */
	bool		(*may_connect) (void *console, const char *user, Error *error);
	void	   *console;
} ConsoleHook;

#endif							/* ROUTER_SESSION_CONSOLE_HOOK_H */
