/*-------------------------------------------------------------------------
 *
 * transition.c
 *	  Allowed changes of status, and andon.set_transitions().
 *
 * Once a board has a rule, a step from one status to another is refused unless
 * it is named.  Ways in (a row that comes onto the board, or gets a status) and
 * ways out (DELETE, a filter that no longer holds, a status that becomes NULL)
 * are free, each as long as the rule names none of its kind.
 *
 * set_transitions() takes the board lock exclusively: it waits for those who
 * have changed the board and not committed, and those who come later wait for
 * its end and then see the new rule, because they look for it under the lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "board/board_cache.h"
#include "board/board_catalog.h"
#include "board/board_status.h"
#include "board/board_transition.h"
#include "maintain/drain.h"
#include "maintain/transition.h"

PG_FUNCTION_INFO_V1(andon_set_transitions);

static ArrayType *read_rule(const Board *board, ArrayType *allowed);
static bool is_allowed(List *rule, const char *from, const char *to);
static bool same_status(const char *a, const char *b);
static bool list_allowed(StringInfo buf, List *rule, const char *from, bool leaves);
pg_noreturn static void raise_refused(const Board *board, List *rule, const char *key,
									  const char *from, const char *to);

Datum
andon_set_transitions(PG_FUNCTION_ARGS)
{
	ArrayType  *rule = NULL;
	Board	   *board;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"board\" of andon.set_transitions() must not be NULL")));
	PreventCommandIfReadOnly("andon.set_transitions()");
	board = board_load_or_error(PG_GETARG_OID(0));
	board_check_owner(board);
	/* what was done before is not measured by what comes now */
	drain_pending();
	if (!PG_ARGISNULL(1))
		rule = read_rule(board, PG_GETARG_ARRAYTYPE_P(1));
	locks_take_board(board->view, LOCKS_BOARD_ALONE);
	spi_connect();
	transition_store_rule(board->relid, rule);
	spi_finish();
	CacheInvalidateRelcacheByRelid(board->relid);
	PG_RETURN_VOID();
}

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

void
transition_store_rule(Oid relid, ArrayType *rule)
{
	Oid			types[] = {OIDOID, TEXTARRAYOID};
	Datum		values[] = {ObjectIdGetDatum(relid), PointerGetDatum(rule)};
	OwnerScope	scope;
	int			rc;

	spi_util_enter_owner(&scope, board_catalog_owner(), NIL);
	rc = SPI_execute_with_args("UPDATE andon.board SET transitions = $2"
							   " WHERE board OPERATOR(pg_catalog.=) $1",
							   lengthof(types), types, values, rule ? "  " : " n", false, 0);
	if (rc != SPI_OK_UPDATE)
		elog(ERROR, "change of transitions failed: %s", SPI_result_code_string(rc));
	spi_util_leave_owner(&scope);
}

/* Statuses as their type writes them; NULL if nothing is left. */
static ArrayType *
read_rule(const Board *board, ArrayType *allowed)
{
	List	   *rule = board_transition_parse(allowed);
	ListCell   *cell;

	foreach(cell, rule)
	{
		BoardTransition *transition = lfirst(cell);

		if (transition->from)
			transition->from = board_status_normalize(board, transition->from);
		if (transition->to)
			transition->to = board_status_normalize(board, transition->to);
	}
	return rule ? board_transition_format(rule) : NULL;
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
