/*-------------------------------------------------------------------------
 *
 * console_hook.h
 *	  How a session reaches the admin console without knowing it.
 *
 * admin/ implements the callback, app/worker.c joins them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_CONSOLE_HOOK_H
#define ROUTER_SESSION_CONSOLE_HOOK_H

#include "base/buf.h"
#include "base/slice.h"

typedef struct ConsoleReply
{
	/* Called once, in the session's thread: complete messages (rows, errors,
	 * CommandComplete; no ReadyForQuery). */
	void		(*done) (void *arg, Slice messages);
	void	   *arg;
} ConsoleReply;

typedef struct ConsoleHook
{
	/* Run one command for a user.  The reply may come later; it always comes. */
	void		(*run) (void *console, const char *user, Slice command, ConsoleReply reply);
	bool		(*may_connect) (void *console, const char *user);
	void	   *console;
} ConsoleHook;

#endif							/* ROUTER_SESSION_CONSOLE_HOOK_H */
