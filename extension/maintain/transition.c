/*-------------------------------------------------------------------------
 *
 * transition.c
 *	  Allowed changes of status: is this one?
 *
 * Once a board has a rule, a step from one status to another is refused unless
 * it is named.  Ways in (a row that comes onto the board, or gets a status) and
 * ways out (DELETE, a filter that no longer holds, a status that becomes NULL)
 * are free, each as long as the rule names none of its kind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/inval.h"

#include "board/board_cache.h"
#include "board/board_transition.h"
#include "maintain/transition.h"

static bool is_allowed(List *rule, const char *from, const char *to);
static bool same_status(const char *a, const char *b);
static bool list_allowed(StringInfo buf, List *rule, const char *from, bool leaves);
pg_noreturn static void raise_refused(const Board *board, List *rule, const char *key,
									  const char *from, const char *to);

List *
transition_find_rule(const Board *board)
{
	BoardEntry *entry;

	/* the board lock may have been waited for */
	AcceptInvalidationMessages();
	entry = board_cache_get(board->relid);
	return entry->board ? entry->board->transitions : NIL;
}

void
transition_check(const Board *board, List *rule, const char *key, const char *from, const char *to)
{
	if (!same_status(from, to) && !is_allowed(rule, from, to))
		raise_refused(board, rule, key, from, to);
}

static bool
is_allowed(List *rule, const char *from, const char *to)
{
	bool		of_this_kind = from && to;
	ListCell   *cell;

	foreach(cell, rule)
	{
		BoardTransition *transition = lfirst(cell);

		if (same_status(transition->from, from) && same_status(transition->to, to))
			return true;
		if (!transition->from == !from && !transition->to == !to)
			of_this_kind = true;
	}
	return !of_this_kind;
}

/* NULL is like NULL; blanks at the end do not count, since char(n) pads. */
static bool
same_status(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	while (*a && *a == *b)
	{
		a++;
		b++;
	}
	return a[strspn(a, " ")] == '\0' && b[strspn(b, " ")] == '\0';
}

static void
raise_refused(const Board *board, List *rule, const char *key, const char *from, const char *to)
{
	StringInfoData allowed;
	char	   *message;
	char	   *detail;

	initStringInfo(&allowed);
	if (from && to)
	{
		message = psprintf(_("%s of board %s cannot go from status \"%s\" to \"%s\""),
						   key, board->qualified, from, to);
		detail = list_allowed(&allowed, rule, from, false)
			? psprintf(_("From \"%s\" it may go to %s."), from, allowed.data)
			: psprintf(_("From \"%s\" it may go nowhere."), from);
	}
	else if (to)
	{
		message = psprintf(_("%s cannot enter board %s with status \"%s\""),
						   key, board->qualified, to);
		(void) list_allowed(&allowed, rule, NULL, false);
		detail = psprintf(_("It may enter with %s."), allowed.data);
	}
	else
	{
		message = psprintf(_("%s cannot leave board %s from status \"%s\""),
						   key, board->qualified, from);
		(void) list_allowed(&allowed, rule, NULL, true);
		detail = psprintf(_("It may leave from %s."), allowed.data);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg_internal("%s", message),
			 errdetail_internal("%s", detail),
			 errhint("Take one allowed step after the other, or have the board's owner change them with andon.set_transitions().")));
}

/* Where a row may go from here (NULL: onto the board), or from where it may leave. */
static bool
list_allowed(StringInfo buf, List *rule, const char *from, bool leaves)
{
	ListCell   *cell;

	foreach(cell, rule)
	{
		BoardTransition *transition = lfirst(cell);
		const char *name = leaves ? transition->from : transition->to;

		if (leaves ? transition->to != NULL :
			transition->to == NULL || !same_status(transition->from, from))
			continue;
		appendStringInfo(buf, "%s\"%s\"", buf->len ? ", " : "", name);
	}
	return buf->len > 0;
}
