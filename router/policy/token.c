/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Writes a session's floor as text and takes over that of another session.
 *
 * What was lost of an older timeline is taken off a token before it is taken
 * over (position_reset_lost): the session's own timeline may be a later one,
 * which would have it wait for that for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/message.h"

static bool parse_token(const char *text, uint64_t *system_id, SessionPosition *carried);
static bool parse_field(const char **at, uint64_t max, uint64_t *value);
static uint32_t known_timeline(const TopologyView *view);

TokenOutcome
token_show(SessionPosition *position, const TopologyView *view, char text[TOKEN_SIZE])
{
	position_reset_lost(position, view);
	if (view->system_id == 0 || !position_cover(position, view))
		return TOKEN_NOT_YET;
	snprintf(text, TOKEN_SIZE, "%" PRIu64 ":%" PRIu32 ":%X/%X", view->system_id, position->floor_timeline,
			 (unsigned) (position->floor >> 32), (unsigned) position->floor);
	return TOKEN_DONE;
}

TokenOutcome
token_take(SessionPosition *position, const TopologyView *view, const char *text, uint64_t now_us)
{
	SessionPosition carried;
	uint64_t	system_id;

	position_init(&carried);
	if (!parse_token(text, &system_id, &carried))
		return TOKEN_MALFORMED;
	if (view->system_id != 0 && system_id != view->system_id)
		return TOKEN_FOREIGN;
	if (view->system_id == 0 || known_timeline(view) < carried.floor_timeline)
		return TOKEN_NOT_YET;
	position_reset_lost(&carried, view);
	position_reset_lost(position, view);	/* before it takes over a later timeline */
	position_raise(position, carried.floor, carried.floor_timeline);
	position_note_token(position, now_us);
	return TOKEN_DONE;
}

/* A position without its timeline is none. */
static bool
parse_token(const char *text, uint64_t *system_id, SessionPosition *carried)
{
	uint64_t	timeline;

	if (!parse_field(&text, UINT64_MAX, system_id) || !parse_field(&text, UINT32_MAX, &timeline) ||
		!message_parse_lsn(slice_from_string(text), &carried->floor))
		return false;
	carried->floor_timeline = (uint32_t) timeline;
	return carried->floor == 0 || timeline != 0;
}

/* Decimal digits and the colon behind them. */
static bool
parse_field(const char **at, uint64_t max, uint64_t *value)
{
	char	   *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 10);
	if (errno != 0 || *end != ':' || *value > max)
		return false;
	*at = end + 1;
	return true;
}

/* The primary's; while there is none, the highest that a node is on. */
static uint32_t
known_timeline(const TopologyView *view)
{
	uint32_t	highest = 0;

	if (view->primary >= 0)
		return view->nodes[view->primary].identity.timeline;
	for (int i = 0; i < view->nnodes; i++)
		if (view->nodes[i].is_usable && view->nodes[i].identity.timeline > highest)
			highest = view->nodes[i].identity.timeline;
	return highest;
}
