/*-------------------------------------------------------------------------
 *
 * step.c
 *	  One step of the care of the catalog: done, or not begun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/spi_util.h"
#include "workers/step.h"

#define LOCK_TIMEOUT "50ms"
#define TRIES 5

static bool try_once(bool (*run) (void *arg), void *arg);
static bool run_sql(void *arg);

bool
step_run(bool (*run) (void *arg), void *arg)
{
	int			save_nestlevel = NewGUCNestLevel();
	bool		done = false;

	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < TRIES && !done; i++)
		done = try_once(run, arg);
	AtEOXact_GUC(true, save_nestlevel);
	return done;
}

bool
step_run_sql(const char *sql)
{
	return step_run(run_sql, (void *) sql);
}

bool
step_query(const char *sql)
{
	bool		isnull;

	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "query failed: %s", sql);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static bool
try_once(bool (*run) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		done = run(arg);
		if (done)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
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
		/* the latter: ATTACH found a row that a writer has put into the default partition meanwhile */
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
			error->sqlerrcode != ERRCODE_CHECK_VIOLATION)
			ReThrowError(error);
		FreeErrorData(error);
		done = false;
	}
	PG_END_TRY();
	return done;
}

static bool
run_sql(void *arg)
{
	spi_run(arg);
	return true;
}
