/*-------------------------------------------------------------------------
 *
 * feed_payload.c
 *	  The text of a notification about changes of a board.
 *
 * A payload is
 *
 *	  {"v":1,"board":B,"pos":P,"part":1,"of":2,"lsn":L,"safe_lsn":L,"changes":[C,C]}
 *	  C = {"key":{..},"op":"update","from":"NEW","to":"CUT","version":4}
 *
 * pos and lsn are null, and safe_lsn is left out, in what a writer sends at its
 * own commit: none is known before the commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "contract/andon_contract.h"
#include "feed/feed_payload.h"

/* Where a key's coalesced change is. */
typedef struct SeenKey
{
	char	   *key;			/* hash key, compared as text */
	FeedChange *change;
} SeenKey;

/* Room for the head of a payload, beside the board's name, and for its stamp. */
#define HEAD_ROOM 120
#define STAMP_ROOM 120

static char *build_change(const FeedChange *change);
static char *build_part(const char *board, const FeedStamp *stamp, int part, int of,
						const char *changes);
static void append_head(StringInfo buf, const char *board, const FeedStamp *stamp);
static void append_lsn(StringInfo buf, const FeedStamp *stamp);
static void append_nullable(StringInfo buf, const char *text);
static uint32 hash_key(const void *key, Size size);
static int	compare_key(const void *a, const void *b, Size size);

List *
feed_payload_coalesce(List *changes)
{
	HASHCTL		ctl = {0};
	HTAB	   *seen;
	List	   *result = NIL;
	ListCell   *cell;

	ctl.keysize = sizeof(char *);
	ctl.entrysize = sizeof(SeenKey);
	ctl.hash = hash_key;
	ctl.match = compare_key;
	ctl.hcxt = CurrentMemoryContext;
	seen = hash_create("andon coalesced keys", 256, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	foreach(cell, changes)
	{
		FeedChange *next = lfirst(cell);
		bool		found;
		SeenKey    *entry = hash_search(seen, &next->key, HASH_ENTER, &found);
		bool		is_gone = false;

		if (found)
			is_gone = !feed_payload_merge(entry->change, next);
		else
		{
			entry->change = palloc(sizeof(FeedChange));
			*entry->change = *next;
			result = lappend(result, entry->change);
		}
		if (is_gone)
		{
			result = list_delete_ptr(result, entry->change);
			hash_search(seen, &next->key, HASH_REMOVE, NULL);
		}
	}
	hash_destroy(seen);
	return result;
}

bool
feed_payload_merge(FeedChange *into, const FeedChange *next)
{
	if (into->op == FEED_INSERT && next->op == FEED_DELETE)
		return false;
	if (into->op == FEED_DELETE)
		into->op = FEED_UPDATE;
	else if (into->op == FEED_UPDATE)
		into->op = next->op;
	into->to = next->to;
	into->version = next->version;
	return true;
}

List *
feed_payload_build(const char *board, const FeedStamp *stamp, List *changes)
{
	Size		room = ANDON_PAYLOAD_MAX_BYTES - HEAD_ROOM - (stamp ? STAMP_ROOM : 0) -
		6 * strlen(board);
	List	   *bodies = NIL;
	List	   *result = NIL;
	StringInfo	body = NULL;
	ListCell   *cell;

	foreach(cell, changes)
	{
		char	   *text = build_change(lfirst(cell));

		if (strlen(text) > room)
			return list_make1(feed_payload_build_resync(board, stamp));
		if (body == NULL || body->len + 1 + strlen(text) > room)
		{
			body = makeStringInfo();
			bodies = lappend(bodies, body);
		}
		appendStringInfo(body, "%s%s", body->len ? "," : "", text);
	}
	foreach(cell, bodies)
		result = lappend(result, build_part(board, stamp, foreach_current_index(cell) + 1,
											list_length(bodies),
											((StringInfo) lfirst(cell))->data));
	return result;
}

char *
feed_payload_build_resync(const char *board, const FeedStamp *stamp)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_head(&buf, board, stamp);
	append_lsn(&buf, stamp);
	appendStringInfoString(&buf, ",\"resync\":true}");
	return buf.data;
}

static char *
build_change(const FeedChange *change)
{
	static const char *const op_names[] = {
		[FEED_INSERT] = "insert",
		[FEED_UPDATE] = "update",
		[FEED_DELETE] = "delete",
	};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"key\":%s,\"op\":\"%s\",\"from\":", change->key,
					 op_names[change->op]);
	append_nullable(&buf, change->from);
	appendStringInfoString(&buf, ",\"to\":");
	append_nullable(&buf, change->to);
	appendStringInfo(&buf, ",\"version\":" INT64_FORMAT "}", change->version);
	return buf.data;
}

static char *
build_part(const char *board, const FeedStamp *stamp, int part, int of, const char *changes)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_head(&buf, board, stamp);
	appendStringInfo(&buf, ",\"part\":%d,\"of\":%d", part, of);
	append_lsn(&buf, stamp);
	if (stamp)
		appendStringInfo(&buf, ",\"safe_lsn\":\"%X/%X\"", LSN_FORMAT_ARGS(stamp->safe_lsn));
	appendStringInfo(&buf, ",\"changes\":[%s]}", changes);
	return buf.data;
}

static void
append_head(StringInfo buf, const char *board, const FeedStamp *stamp)
{
	appendStringInfo(buf, "{\"v\":%d,\"board\":", ANDON_PAYLOAD_VERSION);
	escape_json(buf, board);
	appendStringInfoString(buf, ",\"pos\":");
	append_nullable(buf, stamp ? stamp->pos : NULL);
}

static void
append_lsn(StringInfo buf, const FeedStamp *stamp)
{
	if (stamp)
		appendStringInfo(buf, ",\"lsn\":\"%X/%X\"", LSN_FORMAT_ARGS(stamp->lsn));
	else
		appendStringInfoString(buf, ",\"lsn\":null");
}

static void
append_nullable(StringInfo buf, const char *text)
{
	if (text)
		escape_json(buf, text);
	else
		appendStringInfoString(buf, "null");
}

static uint32
hash_key(const void *key, Size size)
{
	const char *text = *(char *const *) key;

	return hash_bytes((const unsigned char *) text, strlen(text));
}

static int
compare_key(const void *a, const void *b, Size size)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}
