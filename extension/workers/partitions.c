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
 * Each step is a subtransaction under a lock_timeout of 50 ms, tried a few
 * times, so that a reader or a late writer is never behind us in a queue for
 * longer.  A step that fails for any reason but a lock is an ERROR.
 *
 * Rows that went to the default partition stay there and are deleted when they
 * are old.  Today's partition is only made while the default one is empty: else
 * it might hold rows of today.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/spi_util.h"
#include "maintain/change_log.h"
#include "workers/partitions.h"

#define LOCK_TIMEOUT "50ms"
#define TRIES 5

static bool create_partition(int64 day);
static bool drop_partitions(TimestampTz before);
static bool run_step(const char *sql);
static bool try_step(const char *sql);
static bool query_is_true(const char *sql);
static char *format_day(int64 day);

bool
partitions_maintain(void)
{
	int64		today = GetCurrentTimestamp() / USECS_PER_DAY;
	int			save_nestlevel = NewGUCNestLevel();
	bool		done = true;

	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int64 day = today; day <= today + PARTITIONS_AHEAD_DAYS; day++)
		if (day > today || !query_is_true("SELECT EXISTS (SELECT FROM andon.change_default)"))
			done &= create_partition(day);
	if (guc_log_retention_min > 0)
		done &= drop_partitions(GetCurrentTimestamp() -
								guc_log_retention_min * USECS_PER_MINUTE);
	AtEOXact_GUC(true, save_nestlevel);
	return done;
}

static bool
create_partition(int64 day)
{
	char		name[NAMEDATALEN];
	char	   *from = format_day(day);
	char	   *to = format_day(day + 1);

	change_log_format_partition(day * USECS_PER_DAY, name);
	if (query_is_true(psprintf("SELECT pg_catalog.to_regclass('andon.%s') IS NOT NULL", name)))
		return true;
	return run_step(psprintf("CREATE TABLE andon.%s (LIKE andon.change,"
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
		done &= run_step(psprintf("DROP TABLE andon.%s",
								  SPI_getvalue(names->vals[row], names->tupdesc, 1)));
	if (query_is_true(psprintf("SELECT EXISTS (SELECT FROM andon.change_default WHERE at < '%s')",
							   from)))
		done &= run_step(psprintf("DELETE FROM andon.change_default WHERE at < '%s'", from));
	return done;
}

static bool
run_step(const char *sql)
{
	for (int i = 0; i < TRIES; i++)
		if (try_step(sql))
			return true;
	return false;
}

/* False if a lock was not to be had in time: nothing has happened then. */
static bool
try_step(const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		spi_run(sql);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			ReThrowError(error);
		FreeErrorData(error);
		done = false;
	}
	PG_END_TRY();
	return done;
}

static bool
query_is_true(const char *sql)
{
	bool		isnull;

	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "partition query failed");
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
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
