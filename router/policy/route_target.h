/*-------------------------------------------------------------------------
 *
 * route_target.h
 *	  Where a session or a statement asks to be run, and what that changes.
 *
 * Three may ask: a comment at the start of the statement, SET andon.route, and
 * a line of [routes]; the first of them that does is heard.  A replica runs
 * what is proven to have no effect, whoever asks for what: "primary" keeps reads
 * from replicas, "replica" sends there also what tells of the node itself.
 *
 * Used by the session for each unit, and by those who explain routes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_POLICY_ROUTE_TARGET_H
#define ROUTER_POLICY_ROUTE_TARGET_H

#include <stdbool.h>

#include "sql/classify.h"

typedef enum RouteTarget
{
	ROUTE_TARGET_AUTO,			/* as the statement is */
	ROUTE_TARGET_PRIMARY,
	ROUTE_TARGET_REPLICA
} RouteTarget;

/* Who has asked for it, and for what. */
typedef struct RouteWish
{
	RouteTarget target;
	bool		is_set;			/* by SET andon.route: no rule counts */
	const char *rule;			/* the line of [routes] that fits the session, borrowed; NULL: none */
} RouteWish;

/* In the order of the enum; NULL ends them. */
extern const char *const route_target_names[];

/* False: no such word. */
extern bool route_target_parse(const char *word, RouteTarget *target);

/* May what has these flags (STATEMENT_...) run on a replica, in a session that asks for target? */
extern bool route_target_allows_replica(unsigned flags, RouteTarget target);

/*
 * The rule that decided where a statement goes: of its class, or who asked.
 * Written for people; wish->rule is in it.
 */
extern void route_target_explain(const StatementClass *class, const RouteWish *wish, char *rule, int size);

#endif							/* ROUTER_POLICY_ROUTE_TARGET_H */
