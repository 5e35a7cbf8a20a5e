/*-------------------------------------------------------------------------
 *
 * route_target.c
 *	  Where a session or a statement asks to be run, and what that changes.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/route_target.h"

#include <stdio.h>
#include <string.h>

static bool hint_decides(unsigned flags);

const char *const route_target_names[] = {
	[ROUTE_TARGET_AUTO] = "auto", [ROUTE_TARGET_PRIMARY] = "primary", [ROUTE_TARGET_REPLICA] = "replica", NULL
};

bool
route_target_parse(const char *word, RouteTarget *target)
{
	for (int i = 0; route_target_names[i] != NULL; i++)
	{
		if (strcmp(word, route_target_names[i]) == 0)
		{
			*target = (RouteTarget) i;
			return true;
		}
	}
	return false;
}

/* Of two hints in one unit that for the primary counts. */
bool
route_target_allows_replica(unsigned flags, RouteTarget target)
{
	if (flags & STATEMENT_HINT_PRIMARY)
		target = ROUTE_TARGET_PRIMARY;
	else if (flags & STATEMENT_HINT_REPLICA)
		target = ROUTE_TARGET_REPLICA;
	if (target == ROUTE_TARGET_PRIMARY)
		return false;
	return (flags & STATEMENT_IS_READ) || ((flags & STATEMENT_NODE_LOCAL) && target == ROUTE_TARGET_REPLICA);
}

void
route_target_explain(const StatementClass *class, const RouteWish *wish, char *rule, int size)
{
	unsigned	without_hint = class->flags & ~(unsigned) (STATEMENT_HINT_PRIMARY | STATEMENT_HINT_REPLICA);
	bool		as_it_is = route_target_allows_replica(without_hint, ROUTE_TARGET_AUTO);

	if (hint_decides(class->flags))
		snprintf(rule, (size_t) size, "the hint in it");
	else if (wish->target != ROUTE_TARGET_AUTO && !(class->flags & STATEMENT_HINT_REPLICA) &&
			 route_target_allows_replica(without_hint, wish->target) != as_it_is)
		snprintf(rule, (size_t) size, "%s%s", wish->is_set ? "SET andon.route" : "[routes] ",
				 wish->is_set ? "" : wish->rule);
	else
		snprintf(rule, (size_t) size, "%s", class->why);
}

/* A write goes to the primary without one. */
static bool
hint_decides(unsigned flags)
{
	if (flags & STATEMENT_HINT_PRIMARY)
		return true;
	return (flags & STATEMENT_HINT_REPLICA) && (flags & STATEMENT_NODE_LOCAL);
}
