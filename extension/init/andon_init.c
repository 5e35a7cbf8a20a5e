/*-------------------------------------------------------------------------
 *
 * andon_init.c
 *	  Loads the extension: one line per module, and who acts when at commit.
 *
 * The transaction callbacks of all modules are called from here, so that their
 * order is written down in one place.  At PRE_COMMIT boards are brought up to
 * date first, since that makes changes; then the changes are announced, by
 * notifications or by a slot for the feed worker; last the client's send buffer
 * is emptied for the message that the commit sends.  At COMMIT the client is
 * told before the worker is woken.
 *
 * From XACT_EVENT_COMMIT on an ERROR would be a PANIC: only functions marked
 * NOTHROW are called there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "base/row_hint.h"
#include "base/stats.h"
#include "board/board_cache.h"
#include "feed/catalog_news.h"
#include "feed/commit_lsn.h"
#include "feed/feed_commit.h"
#include "feed/feed_database.h"
#include "feed/slots.h"
#include "maintain/dirty_set.h"
#include "maintain/drain.h"
#include "workers/database_ddl.h"
#include "workers/launcher.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(andon_version);

void		_PG_init(void);

static shmem_request_hook_type next_shmem_request = NULL;
static shmem_startup_hook_type next_shmem_startup = NULL;

static void install_shmem_hooks(void);
static void on_shmem_request(void);
static void on_shmem_startup(void);
static void on_transaction_event(XactEvent event, void *arg);
static void on_subtransaction_event(SubXactEvent event, SubTransactionId subxact,
									SubTransactionId parent, void *arg);
static MemoryContext enter_transaction_memory(void);
static void on_transaction_end(void);

void
_PG_init(void)
{
	guc_init();
	board_cache_init();
	if (process_shared_preload_libraries_in_progress)
	{
		install_shmem_hooks();
		database_ddl_init();
		launcher_register();
	}
	RegisterXactCallback(on_transaction_event, NULL);
	RegisterSubXactCallback(on_subtransaction_event, NULL);
}

Datum
andon_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ANDON_VERSION));
}

static void
install_shmem_hooks(void)
{
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = on_shmem_request;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = on_shmem_startup;
}

static void
on_shmem_request(void)
{
	if (next_shmem_request)
		next_shmem_request();
	stats_request_shmem();
	row_hint_request_shmem();
	slots_request_shmem();
	feed_database_request_shmem();
}

static void
on_shmem_startup(void)
{
	if (next_shmem_startup)
		next_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	stats_init_shmem();
	row_hint_init_shmem();
	slots_init_shmem();
	feed_database_init_shmem();
	LWLockRelease(AddinShmemInitLock);
}

static void
on_transaction_event(XactEvent event, void *arg)
{
	MemoryContext old;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			old = enter_transaction_memory();
			drain_before_commit();
			feed_before_commit();
			catalog_news_before_commit();
			slots_announce();
			MemoryContextSwitchTo(old);
			break;
		case XACT_EVENT_PRE_PREPARE:
			old = enter_transaction_memory();
			drain_before_commit();
			feed_before_prepare();
			slots_announce_prepared();
			MemoryContextSwitchTo(old);
			break;
		case XACT_EVENT_COMMIT:
			commit_lsn_on_commit();
			on_transaction_end();
			slots_on_commit();
			break;
		case XACT_EVENT_ABORT:
			on_transaction_end();
			slots_on_abort();
			break;
		case XACT_EVENT_PREPARE:
			on_transaction_end();
			slots_on_prepare();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			/* workers never write */
			break;
	}
}

/*
 * What is left behind shall go with the transaction: in a procedure that
 * commits, the current context lives as long as the procedure runs.
 */
static MemoryContext
enter_transaction_memory(void)
{
	return MemoryContextSwitchTo(TopTransactionContext);
}

static void
on_subtransaction_event(SubXactEvent event, SubTransactionId subxact,
						SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		dirty_set_on_subcommit(level);
		feed_on_subcommit(level);
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		dirty_set_on_subabort(level);
		feed_on_subabort(level);
	}
}

static void
on_transaction_end(void)
{
	dirty_set_on_transaction_end();
	feed_on_transaction_end();
	catalog_news_on_transaction_end();
	board_cache_on_transaction_end();
	database_ddl_on_transaction_end();
}
