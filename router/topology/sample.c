/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  What a node says of itself when it is asked.
 *
 * The timeline of a primary is that of the WAL it writes; its control file
 * lags behind for up to half a minute after a promotion.  That of a standby is
 * the one it receives; pg_stat_wal_receiver shows it to members of pg_monitor
 * only and while it streams, else the control file must do.
 *
 * How many transactions have ended is told by the statement's own snapshot:
 * the numbers below its xmax that are not in progress.  Each end of a
 * transaction that has a number takes it out of those in progress, or moves
 * xmax behind it; nothing else counts.  The snapshot is older than the
 * positions, which are asked for while the statement runs.
 *
 * age() counts from the next transaction number to be given.  A replica knows
 * nothing of numbers it has not come to: asking for their status is an error.
 *
 * What a primary has replayed stands still since recovery ended: for one that
 * was promoted in this life it is where its timeline left the one before it,
 * to the byte what the timeline's history file says.  (A primary that was
 * restarted says where its crash recovery ended, or NULL.)
 *
 * The role is asked once and decides which functions are called, since those
 * of the other role raise errors.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* access/xlog_internal.h: XLOG_BLCKSZ, SizeOfXLogLongPHD, SizeOfXLogShortPHD */
#define WAL_PAGE_BYTES 8192
#define SEGMENT_HEADER_BYTES 40
#define PAGE_HEADER_BYTES 24

const char	sample_hello_sql[] =
"SELECT (SELECT system_identifier FROM pg_control_system()),"
"       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,"
"       pg_size_bytes(current_setting('wal_segment_size'))";

const char	sample_probe_sql[] =
"SELECT r.in_recovery,"
"       CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn()"
"            ELSE pg_current_wal_insert_lsn() END,"
"       CASE WHEN r.in_recovery"
"            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),"
"                          (SELECT timeline_id FROM pg_control_checkpoint()))::text"
"            ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END,"
"       current_setting('synchronous_standby_names') <> '',"
"       CASE WHEN NOT r.in_recovery OR pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0"
"            ELSE greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000000)"
"            END::bigint,"
"       CASE WHEN NOT r.in_recovery THEN pg_current_wal_flush_lsn() END,"
"       pg_current_snapshot(),"
"       CASE WHEN r.in_recovery THEN 0 ELSE age(pg_snapshot_xmax(pg_current_snapshot())::xid) END,"
"       CASE WHEN r.in_recovery"
"            THEN (SELECT string_agg(x::text, ',' ORDER BY x) FROM unnest($1::xid8[]) AS x"
"                   WHERE CASE WHEN x < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status(x) END = 'committed')"
"            END,"
"       CASE WHEN NOT r.in_recovery THEN pg_last_wal_replay_lsn() END"
"  FROM (SELECT pg_is_in_recovery() AS in_recovery OFFSET 0) AS r";

static bool check_shape(const PGresult *result, int nfields, Error *error);
static bool parse_number(const PGresult *result, int field, int base, uint64_t *value, Error *error);
static bool parse_lsn(const PGresult *result, int field, Lsn *lsn, Error *error);
static bool parse_snapshot(const PGresult *result, NodeSample *sample, Error *error);
static bool refuse(const PGresult *result, int field, Error *error);

bool
sample_parse_hello(const PGresult *result, NodeSample *sample, Error *error)
{
	uint64_t	start_us;

	if (!check_shape(result, 3, error) ||
		!parse_number(result, 0, 10, &sample->identity.system_id, error) ||
		!parse_number(result, 1, 10, &start_us, error) ||
		!parse_number(result, 2, 10, &sample->segment_bytes, error))
		return false;
	sample->identity.postmaster_start_us = (int64_t) start_us;
	return true;
}

bool
sample_parse_probe(const PGresult *result, NodeSample *sample, Error *error)
{
	bool		in_recovery;
	uint64_t	timeline;

	if (!check_shape(result, 10, error))
		return false;
	in_recovery = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	sample->identity.role = in_recovery ? NODE_REPLICA : NODE_PRIMARY;

	/* A standby that has replayed nothing yet says NULL. */
	if (PQgetisnull(result, 0, 1))
		sample->lsn = 0;
	else if (!parse_lsn(result, 1, &sample->lsn, error))
		return false;
	if (!in_recovery)
		sample->lsn = sample_record_end(sample->lsn, sample->segment_bytes);

	/* WAL file names are in hexadecimal. */
	if (!parse_number(result, 2, in_recovery ? 10 : 16, &timeline, error))
		return false;
	sample->identity.timeline = (uint32_t) timeline;
	sample->has_synchronous = strcmp(PQgetvalue(result, 0, 3), "t") == 0;

	sample->flush_lsn = 0;
	if (!in_recovery && !parse_lsn(result, 5, &sample->flush_lsn, error))
		return false;
	if (!parse_snapshot(result, sample, error))
		return false;
	sample->began_lsn = 0;
	if (!PQgetisnull(result, 0, 9) && !parse_lsn(result, 9, &sample->began_lsn, error))
		return false;
	sample->replay_age_us = 0;
	return PQgetisnull(result, 0, 4) || parse_number(result, 4, 10, &sample->replay_age_us, error);
}

Lsn
sample_record_end(Lsn insert_lsn, uint64_t segment_bytes)
{
	if (segment_bytes > 0 && insert_lsn % segment_bytes == SEGMENT_HEADER_BYTES)
		return insert_lsn - SEGMENT_HEADER_BYTES;
	if (insert_lsn % WAL_PAGE_BYTES == PAGE_HEADER_BYTES)
		return insert_lsn - PAGE_HEADER_BYTES;
	return insert_lsn;
}

static bool
check_shape(const PGresult *result, int nfields, Error *error)
{
	const char *sqlstate;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && PQnfields(result) == nfields)
		return true;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return error_set(error, SQLSTATE_PROTOCOL_VIOLATION, "the answer to a probe has %d rows of %d columns",
						 PQntuples(result), PQnfields(result));
	sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return error_set(error, sqlstate != NULL ? sqlstate : SQLSTATE_INTERNAL_ERROR, "the probe failed: %s",
					 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) != NULL ?
					 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : "no reason given");
}

static bool
parse_number(const PGresult *result, int field, int base, uint64_t *value, Error *error)
{
	const char *text = PQgetvalue(result, 0, field);
	char	   *end;

	errno = 0;
	*value = (uint64_t) strtoull(text, &end, base);
	if (errno == 0 && end != text && *end == '\0' && text[0] != '-')
		return true;
	return refuse(result, field, error);
}

static bool
parse_lsn(const PGresult *result, int field, Lsn *lsn, Error *error)
{
	unsigned int high;
	unsigned int low;
	int			len = 0;
	const char *text = PQgetvalue(result, 0, field);

	if (sscanf(text, "%8X/%8X%n", &high, &low, &len) != 2 || text[len] != '\0')
		return refuse(result, field, error);
	*lsn = (Lsn) high << 32 | low;
	return true;
}

/* xmin:xmax:running, and what belongs to it. */
static bool
parse_snapshot(const PGresult *result, NodeSample *sample, Error *error)
{
	const char *text = PQgetvalue(result, 0, 6);
	const char *xmax = strchr(text, ':');
	const char *running = xmax ? strchr(xmax + 1, ':') : NULL;
	uint64_t	not_ended;
	uint64_t	beyond;
	char	   *end;

	if (running == NULL || xmax[1] < '0' || xmax[1] > '9')
		return refuse(result, 6, error);
	sample->xmax = strtoull(xmax + 1, &end, 10);
	if (end != running || !parse_number(result, 7, 10, &beyond, error))
		return refuse(result, 6, error);
	sample->next_xid = sample->xmax + beyond;
	sample->running = running + 1;
	sample->committed = PQgetvalue(result, 0, 8);
	not_ended = *sample->running != '\0';
	for (const char *c = sample->running; *c; c++)
		not_ended += *c == ',';
	sample->ended = sample->identity.role == NODE_PRIMARY ? sample->xmax - not_ended : 0;
	return true;
}

static bool
refuse(const PGresult *result, int field, Error *error)
{
	return error_set(error, SQLSTATE_PROTOCOL_VIOLATION,
					 "column %d of the answer to a probe is not what was asked for", field + 1);
}
