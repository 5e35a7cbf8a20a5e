/*-------------------------------------------------------------------------
 *
 * hint.h
 *	  The routing hint in a comment at the start of a statement.
 *
 * One of the two comments andon:primary and andon:replica, written with the
 * slash and star of SQL, before anything else but white space.  A comment
 * further on is none, so that text pasted into a statement cannot route it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_HINT_H
#define ROUTER_SQL_HINT_H

#include "base/slice.h"

/* STATEMENT_HINT_PRIMARY, STATEMENT_HINT_REPLICA or 0. */
extern unsigned hint_parse(Slice text);

#endif							/* ROUTER_SQL_HINT_H */
