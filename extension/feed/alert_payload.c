/*-------------------------------------------------------------------------
 *
 * alert_payload.c
 *	  The text of a notification about alerts of a board.
 *
 * A payload is
 *
 *	  {"v":1,"board":B,"pos":null,"part":1,"of":1,"lsn":L,"alerts":[A,A]}
 *	  A = {"event":"opened","key":{..},"status":"CUT","severity":"warning",
 *		   "since":T,"max_dwell_s":14400,"at":T}
 *
 * Times are in UTC.  at is the time of the round, the same in all of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "contract/andon_contract.h"
#include "feed/alert_payload.h"

/* Room for the head of a payload, beside the board's name. */
#define HEAD_ROOM 120

static char *build_event(const AlertEvent *event, TimestampTz at);
static void append_time(StringInfo buf, const char *name, TimestampTz time);
static void append_seconds(StringInfo buf, const char *name, int64 us);
static char *build_part(const char *board, XLogRecPtr lsn, int part, int of, const char *alerts);
static List *build_resync(const char *board, XLogRecPtr lsn);
static void append_head(StringInfo buf, const char *board);

List *
alert_payload_build(const char *board, XLogRecPtr lsn, TimestampTz at, List *events)
{
	Size		room = ANDON_PAYLOAD_MAX_BYTES - HEAD_ROOM - 6 * strlen(board);
	List	   *bodies = NIL;
	List	   *result = NIL;
	StringInfo	body = NULL;
	ListCell   *cell;

	if (list_length(events) > ALERT_EVENTS_MOST)
		return build_resync(board, lsn);
	foreach(cell, events)
	{
		char	   *text = build_event(lfirst(cell), at);

		if (strlen(text) > room)
			return build_resync(board, lsn);
		if (body == NULL || body->len + 1 + strlen(text) > room)
		{
			body = makeStringInfo();
			bodies = lappend(bodies, body);
		}
		appendStringInfo(body, "%s%s", body->len ? "," : "", text);
	}
	foreach(cell, bodies)
		result = lappend(result, build_part(board, lsn, foreach_current_index(cell) + 1,
											list_length(bodies),
											((StringInfo) lfirst(cell))->data));
	return result;
}

static char *
build_event(const AlertEvent *event, TimestampTz at)
{
	static const char *const names[] = {
		[ALERT_OPENED] = "opened",
		[ALERT_CHANGED] = "changed",
		[ALERT_CLOSED] = "closed",
	};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"event\":\"%s\",\"key\":%s,\"status\":", names[event->kind], event->key);
	escape_json(&buf, event->status);
	appendStringInfoString(&buf, ",\"severity\":");
	escape_json(&buf, event->severity);
	append_time(&buf, "since", event->since);
	append_seconds(&buf, "max_dwell_s", event->max_dwell_us);
	append_time(&buf, "at", at);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

static void
append_time(StringInfo buf, const char *name, TimestampTz time)
{
	char		text[MAXDATELEN + 1];
	int			utc = 0;

	JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
	appendStringInfo(buf, ",\"%s\":\"%s\"", name, text);
}

/* A JSON number without needless zeros. */
static void
append_seconds(StringInfo buf, const char *name, int64 us)
{
	appendStringInfo(buf, ",\"%s\":" INT64_FORMAT, name, us / USECS_PER_SEC);
	if (us % USECS_PER_SEC != 0)
	{
		appendStringInfo(buf, ".%06d", (int) (us % USECS_PER_SEC));
		while (buf->data[buf->len - 1] == '0')
			buf->data[--buf->len] = '\0';
	}
}

static char *
build_part(const char *board, XLogRecPtr lsn, int part, int of, const char *alerts)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_head(&buf, board);
	appendStringInfo(&buf, ",\"part\":%d,\"of\":%d,\"lsn\":\"%X/%X\",\"alerts\":[%s]}",
					 part, of, LSN_FORMAT_ARGS(lsn), alerts);
	return buf.data;
}

static List *
build_resync(const char *board, XLogRecPtr lsn)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_head(&buf, board);
	appendStringInfo(&buf, ",\"lsn\":\"%X/%X\",\"resync\":true}", LSN_FORMAT_ARGS(lsn));
	return list_make1(buf.data);
}

static void
append_head(StringInfo buf, const char *board)
{
	appendStringInfo(buf, "{\"v\":%d,\"board\":", ANDON_PAYLOAD_VERSION);
	escape_json(buf, board);
	appendStringInfoString(buf, ",\"pos\":null");
}
