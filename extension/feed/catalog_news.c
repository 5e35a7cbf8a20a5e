/*-------------------------------------------------------------------------
 *
 * catalog_news.c
 *	  Who listens on ANDON_CHANNEL_CATALOG hears of each commit of DDL.
 *
 * The event trigger is called for the commands that may change what the router
 * knows (sql/modules/20_triggers.sql has the list) and asks which objects they
 * were about: temporary ones are nobody else's business.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/snapmgr.h"

#include "contract/andon_contract.h"
#include "base/spi_util.h"
#include "feed/catalog_news.h"

PG_FUNCTION_INFO_V1(andon_on_catalog_change);

/* Has this transaction changed the catalog? */
static bool has_news = false;

Datum
andon_on_catalog_change(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("andon.on_catalog_change() must be called as an event trigger")));
	if (has_news)
		PG_RETURN_NULL();
	PushActiveSnapshot(GetTransactionSnapshot());
	spi_connect();
	if (SPI_execute("SELECT FROM pg_catalog.pg_event_trigger_ddl_commands()"
					" WHERE schema_name IS DISTINCT FROM 'pg_temp'", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "reading the list of DDL commands failed");
	has_news = SPI_processed > 0;
	spi_finish();
	PopActiveSnapshot();
	PG_RETURN_NULL();
}

void
catalog_news_before_commit(void)
{
	if (has_news)
		Async_Notify(ANDON_CHANNEL_CATALOG, "");
}

void
catalog_news_on_transaction_end(void)
{
	has_news = false;
}
