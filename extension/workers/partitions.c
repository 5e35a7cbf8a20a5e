/*-------------------------------------------------------------------------
 *
 * partitions.c
 *	  Partitions of the change log: made ahead, dropped when they are old.
 *
 * One partition a day, in UTC.  CREATE TABLE ... PARTITION OF would lock the
 * parent against all who read it; a table made alone and attached locks the
 * default partition only, and that no writer has open when partitions were made
 * in time.  Dropping one locks the parent and the default partition, but
 * writers lock neither (maintain/change_log.c).
 *
 * Each partition is a step (step.h), so that a reader or a late writer is never
 * behind us in a queue for long.
 *
 * Rows that went to the default partition stay there and are deleted when they
 * are old.  Today's partition is only made while the default one is empty: else
 * it might hold rows of today.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "executor/spi.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/guc.h"
#include "base/spi_util.h"
#include "maintain/change_log.h"
#include "maintain/counters.h"
#include "maintain/tick_table.h"
#include "workers/partitions.h"
#include "workers/step.h"

static bool create_partition(int64 day);
static bool drop_partitions(TimestampTz before);
static bool drop_partition(void *arg);
static bool delete_by_default(void *arg);
static void note_dropped(const char *partition, const char *condition);
static char *format_day(int64 day);

bool
partitions_maintain(void)
{
	int64		today = GetCurrentTimestamp() / USECS_PER_DAY;
	bool		done = true;

	for (int64 day = today; day <= today + PARTITIONS_AHEAD_DAYS; day++)
		if (day > today || !step_query("SELECT EXISTS (SELECT FROM andon.change_default)"))
			done &= create_partition(day);
	if (guc_log_retention_min > 0)
	{
		TimestampTz before = GetCurrentTimestamp() - guc_log_retention_min * USECS_PER_MINUTE;

		tick_table_trim(before);
		done &= drop_partitions(before);
	}
	return done;
}

static bool
create_partition(int64 day)
{
	char		name[NAMEDATALEN];
	char	   *from = format_day(day);
	char	   *to = format_day(day + 1);

	change_log_format_partition(day * USECS_PER_DAY, name);
	if (step_query(psprintf("SELECT pg_catalog.to_regclass('andon.%s') IS NOT NULL", name)))
		return true;
	return step_run_sql(psprintf("CREATE TABLE andon.%s (LIKE andon.change,"
							 " CONSTRAINT %s_at CHECK (at >= '%s' AND at < '%s'));"
							 " CREATE INDEX %s_xid ON andon.%s (xid);"
							 " CREATE INDEX %s_key ON andon.%s (key_hash);"
							 " ALTER TABLE andon.change ATTACH PARTITION andon.%s"
							 " FOR VALUES FROM ('%s') TO ('%s')",
							 name, name, from, to, name, name, name, name, name, from, to));
}

/* Whole days before that moment. */
static bool
drop_partitions(TimestampTz before)
{
	char	   *from = format_day(before / USECS_PER_DAY);
	char		last[NAMEDATALEN];
	bool		done = true;
	int			rc;
	uint64		count;
	SPITupleTable *names;

	change_log_format_partition(before, last);
	rc = SPI_execute(psprintf("SELECT c.relname FROM pg_catalog.pg_inherits i"
							  " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
							  " WHERE i.inhparent = 'andon.change'::pg_catalog.regclass"
							  " AND c.relname ~ '^change_[0-9]{8}$' AND c.relname < '%s'"
							  " ORDER BY c.relname", last), true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "partition query failed: %s", SPI_result_code_string(rc));
	count = SPI_processed;
	names = SPI_tuptable;
	for (uint64 row = 0; row < count; row++)
		done &= step_run(drop_partition, SPI_getvalue(names->vals[row], names->tupdesc, 1));
	if (step_query(psprintf("SELECT EXISTS (SELECT FROM andon.change_default WHERE at < '%s')",
							from)))
		done &= step_run(delete_by_default, from);
	return done;
}

/* Rows of days before that one that have no partition. */
static bool
delete_by_default(void *arg)
{
	char	   *condition = psprintf("at < '%s' AND %s", (char *) arg, counters_folded_condition());

	note_dropped("change_default", condition);
	spi_run(psprintf("DELETE FROM andon.change_default c WHERE %s", condition));
	return true;
}

/* Who follows the feed and has not been told these rows must read the board again. */
static void
note_dropped(const char *partition, const char *condition)
{
	bool		isnull;
	Datum		newest;

	if (SPI_execute(psprintf("SELECT pg_catalog.max(c.xid) FROM andon.%s c WHERE c.epoch = " INT64_FORMAT
							 " AND %s", partition, (int64) GetSystemIdentifier(), condition),
					true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "query failed on %s", partition);
	newest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		tick_table_note_dropped(U64FromFullTransactionId(DatumGetFullTransactionId(newest)));
}

/* Nothing is dropped that is in no counter yet: the caller has just folded. */
static bool
drop_partition(void *arg)
{
	const char *name = arg;

	spi_run(psprintf("LOCK TABLE andon.%s IN ACCESS EXCLUSIVE MODE", name));
	if (step_query(psprintf("SELECT EXISTS (SELECT FROM andon.%s c WHERE NOT %s)", name,
							counters_folded_condition())))
		return false;
	note_dropped(name, "true");
	spi_run(psprintf("DROP TABLE andon.%s", name));
	counters_note_retired();
	return true;
}

/* The start of a day since 2000, in UTC. */
static char *
format_day(int64 day)
{
	int			year;
	int			month;
	int			mday;

	j2date((int) (day + POSTGRES_EPOCH_JDATE), &year, &month, &mday);
	return psprintf("%04d-%02d-%02d 00:00:00+00", year, month, mday);
}
