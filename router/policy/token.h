/*-------------------------------------------------------------------------
 *
 * token.h
 *	  A floor that goes from session to session as text: SHOW andon.floor here,
 *	  SET andon.floor there, through another router maybe.
 *
 *	  SYSTEM:TIMELINE:LSN	as in 7391826340912345678:1:0/16B3748
 *
 * The system identifier says of which cluster it is, the timeline what may
 * have become of it: commits of a later one lie below what was lost of the one
 * before.  An LSN alone says neither and is no token.
 *
 * A token covers all that its session has committed and read.  What was read
 * last may not be covered yet (consistency.h): then there is no token before a
 * later sample.  Nor is one taken before this router knows of its timeline:
 * nodes left behind at the switch look as far as others until then.
 *
 * Pure: no sockets, clock, globals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_TOKEN_H
#define ROUTER_POLICY_TOKEN_H

#include "policy/consistency.h"

#define TOKEN_SIZE 64

typedef enum TokenOutcome
{
	TOKEN_DONE,
	TOKEN_NOT_YET,				/* a later view may tell: probe */
	TOKEN_MALFORMED,
	TOKEN_FOREIGN				/* of another cluster */
} TokenOutcome;

/* The session's token into text; raises its floor as a move does. */
extern TokenOutcome token_show(SessionPosition *position, const TopologyView *view, char text[TOKEN_SIZE]);

/* The session reads no lower than the token from now on; unless DONE nothing has changed. */
extern TokenOutcome token_take(SessionPosition *position, const TopologyView *view, const char *text,
							   uint64_t now_us);

#endif							/* ROUTER_POLICY_TOKEN_H */
