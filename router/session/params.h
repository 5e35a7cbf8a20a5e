/*-------------------------------------------------------------------------
 *
 * params.h
 *	  Which settings of a client are followed from server to server.
 *
 * A followed setting may come in the startup packet (by name or in options)
 * or by SET; the server that runs the client's unit is made to have it
 * (backend/settings.h).  Others are refused at startup and pin the session
 * when set later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_PARAMS_H
#define ROUTER_SESSION_PARAMS_H

#include "backend/settings.h"
#include "base/error.h"
#include "wire/startup.h"

#define PARAMS_FOLLOWED_MAX 100	/* of one session; with more it keeps its server */

extern bool params_is_followed(const char *name);	/* lower case */

/* The settings a startup packet asks for; NULL and an error when it asks for
 * what is not followed.  A reference. */
extern Settings *params_from_startup(SettingsPool *pool, const Startup *startup, Error *error);

/* What holds where a session sets nothing itself: defaults of the server, the
 * database and the role, as servers report them. */
typedef struct LexDefaults
{
	bool		is_nonconforming;	/* standard_conforming_strings is off */
	bool		is_unsafe_encoding;
} LexDefaults;

/* The defaults that values reported by a server mean; NULL: not reported. */
extern LexDefaults params_lex_defaults(const char *conforming_strings, const char *encoding);

/* With these settings texts cannot be read safely: a backslash may hide quotes
 * (standard_conforming_strings off), or be part of a character. */
extern bool params_are_unsafe_to_lex(const Settings *settings, const LexDefaults *defaults);

#endif							/* ROUTER_SESSION_PARAMS_H */
