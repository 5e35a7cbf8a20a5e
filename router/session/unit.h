/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What a routing unit is, taken whole: the messages from one Sync (or
 *	  Query) to the next.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_UNIT_H
#define ROUTER_SESSION_UNIT_H

#include "session/pins.h"
#include "session/prepared.h"
#include "sql/statement_cache.h"

typedef struct UnitSummary
{
	int			statements;		/* executed ones: Query, or Bind of each */
	StatementKind kind;			/* of the only statement; QUERY when there are several or none */
	unsigned	flags;			/* STATEMENT_IS_READ only if all are; the others if any has it */
	bool		is_simple;		/* one Query message */
	bool		has_function_call;
	bool		has_execute;
	bool		has_copy_in;	/* a COPY FROM STDIN is among them */
	bool		has_session_command;	/* SET, RESET, DISCARD ALL is among them */
	bool		only_prepares;	/* Parse, Describe, Close, Sync: nothing is executed */
	bool		prepares_write; /* it parses or describes what is not proven a read */
	const char *pin_reason;		/* static; NULL: leaves no state */
	unsigned	pins;			/* and of what kinds it is (session/pins.h) */
	const char *why;			/* static */
} UnitSummary;

typedef struct UnitContext
{
	StatementCache *statements;
	const PreparedMap *prepared;
	bool		unsafe_lexing;	/* texts of this session are not to be parsed */
} UnitContext;

/* Read the messages of a unit (whole frames). */
extern void unit_summarize(Slice messages, const UnitContext *context, UnitSummary *summary);

/*
 * One more statement of a unit that is summarized already and goes on: what is
 * bound (text.data == NULL: a name that nobody prepared), or a Query.
 */
extern void unit_add_statement(const UnitContext *context, Slice text, UnitSummary *summary);

/* The same for one that is too long to be looked at. */
extern void unit_add_unreadable(UnitSummary *summary);

/*
 * The class of the only statement of a unit, when it has exactly one and it
 * is executed exactly once; NULL otherwise.  Valid until the statement cache
 * is used again.
 */
extern const StatementClass *unit_sole_statement(Slice messages, const UnitContext *context, Slice *text);

/* A replica refused the unit: remember it for each of its statements. */
extern void unit_learn_primary(Slice messages, const UnitContext *context);

/* It leaves state of these kinds; the first reason stands. */
extern void unit_pin(UnitSummary *summary, unsigned pins, const char *reason);

/* May it run in a READ ONLY transaction on a replica?  What pins a session would pin it there. */
extern bool unit_is_allowed_on_replica(const UnitSummary *summary);

/* It neither reads nor writes data: it prepares, or is about the session alone. */
extern bool unit_looks_at_nothing(const UnitSummary *summary);

#endif							/* ROUTER_SESSION_UNIT_H */
