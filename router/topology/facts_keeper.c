/*-------------------------------------------------------------------------
 *
 * facts_keeper.c
 *	  Loads the facts of each wanted database from the primary, again and again.
 *
 * Each database has one timer.  While nothing runs it is the time of the next
 * load; while a load runs it is the load's deadline.  What asks for a load
 * only moves the timer forward, so that all the reasons to load share one
 * limit of rate.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/facts_keeper.h"

#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "topology/facts_loader.h"
#include "topology/pg_link.h"

#define LOAD_DISTANCE_US US_PER_SEC
#define LOAD_TIMEOUT_US (30 * US_PER_SEC)
#define RETRY_LAST_US (60 * US_PER_SEC)
#define TRIES_BEFORE_FORGETTING 8

typedef struct Keeping
{
	ListNode	node;
	FactsKeeper *keeper;
	char	   *database;		/* owned */
	LoopTimer  *timer;			/* owned */
	uint64_t	begun_us;		/* when the last load was begun; 0: never */
	int			failures;		/* in a row */
	bool		was_loaded;
	bool		is_asked;		/* again, while it is being loaded */

	/* while it is being loaded */
	PgLink	   *link;			/* owned; NULL: it is not */
	FactsLoader *loader;		/* owned */
	int			query;			/* which one is being answered */
} Keeping;

struct FactsKeeper
{
	Loop	   *loop;
	FactsKeeperConfig config;
	FactsCallback fn;
	void	   *arg;
	const char *host;			/* borrowed; NULL: there is no primary */
	int			port;
	List		keepings;
};

static Keeping *find_keeping(FactsKeeper *keeper, const char *database);
static void keeping_destroy(Keeping *keeping);
static void load_soon(Keeping *keeping);
static void on_timer(void *arg);
static void begin_load(Keeping *keeping);
static void on_open(void *arg);
static void on_answer(void *arg, const PGresult *result);
static void on_failed(void *arg, const char *why);
static void finish_load(Keeping *keeping);
static void end_load(Keeping *keeping);
static void fail_load(Keeping *keeping, const char *why);

static const PgLinkEvents link_events = {
	.on_open = on_open,
	.on_answer = on_answer,
	.on_failed = on_failed
};

FactsKeeper *
facts_keeper_create(Loop *loop, const FactsKeeperConfig *config, FactsCallback fn, void *arg)
{
	FactsKeeper *keeper = mem_alloc(sizeof(FactsKeeper));

	keeper->loop = loop;
	keeper->config = *config;
	keeper->fn = fn;
	keeper->arg = arg;
	list_init(&keeper->keepings);
	return keeper;
}

void
facts_keeper_destroy(FactsKeeper *keeper)
{
	if (keeper == NULL)
		return;
	LIST_FOREACH(node, &keeper->keepings)
		keeping_destroy(list_entry(node, Keeping, node));
	mem_free(keeper);
}

/* Also when it is the same place: it may be another server's life. */
void
facts_keeper_set_primary(FactsKeeper *keeper, const char *host, int port)
{
	keeper->host = host;
	keeper->port = port;
	LIST_FOREACH(node, &keeper->keepings)
	{
		Keeping    *keeping = list_entry(node, Keeping, node);

		end_load(keeping);
		loop_timer_stop(keeping->timer);
		if (host != NULL)
			load_soon(keeping);
	}
}

void
facts_keeper_want(FactsKeeper *keeper, const char *database)
{
	Keeping    *keeping = find_keeping(keeper, database);

	if (keeping != NULL)
		return;
	keeping = mem_alloc(sizeof(Keeping));
	keeping->keeper = keeper;
	keeping->database = mem_strdup(database);
	keeping->timer = loop_timer_create(keeper->loop, on_timer, keeping);
	list_push_tail(&keeper->keepings, &keeping->node);
	if (keeper->host != NULL)
		load_soon(keeping);
}

void
facts_keeper_refresh(FactsKeeper *keeper, const char *database)
{
	Keeping    *keeping = find_keeping(keeper, database);

	if (keeping == NULL)
		facts_keeper_want(keeper, database);
	else if (keeping->link != NULL)
		keeping->is_asked = true;
	else if (keeper->host != NULL && keeping->failures == 0)
		load_soon(keeping);
}

static Keeping *
find_keeping(FactsKeeper *keeper, const char *database)
{
	LIST_FOREACH(node, &keeper->keepings)
	{
		Keeping    *keeping = list_entry(node, Keeping, node);

		if (strcmp(keeping->database, database) == 0)
			return keeping;
	}
	return NULL;
}

static void
keeping_destroy(Keeping *keeping)
{
	end_load(keeping);
	list_remove(&keeping->keeper->keepings, &keeping->node);
	loop_timer_destroy(keeping->timer);
	mem_free(keeping->database);
	mem_free(keeping);
}

/* Now, or as soon as the last load is far enough back. */
static void
load_soon(Keeping *keeping)
{
	uint64_t	since_us = clock_now_us() - keeping->begun_us;

	if (keeping->begun_us == 0 || since_us >= LOAD_DISTANCE_US)
		loop_timer_start(keeping->timer, 0);
	else
		loop_timer_start(keeping->timer, LOAD_DISTANCE_US - since_us);
}

static void
on_timer(void *arg)
{
	Keeping    *keeping = arg;

	if (keeping->link != NULL)
		fail_load(keeping, "the catalog could not be read in time");
	else
		begin_load(keeping);
}

/* ---------------------------------------------------------------- one load */

static void
begin_load(Keeping *keeping)
{
	FactsKeeper *keeper = keeping->keeper;
	const PgLinkTarget target = {
		.host = keeper->host,
		.port = keeper->port,
		.user = keeper->config.user,
		.password = keeper->config.password,
		.tls = keeper->config.tls,
		.database = keeping->database
	};

	keeping->begun_us = clock_now_us();
	keeping->is_asked = false;
	keeping->query = 0;
	keeping->loader = facts_loader_create(keeping->database);
	keeping->link = pg_link_open(keeper->loop, &target, &link_events, keeping);
	loop_timer_start(keeping->timer, LOAD_TIMEOUT_US);
}

static void
on_open(void *arg)
{
	Keeping    *keeping = arg;

	pg_link_query(keeping->link, facts_queries[0]);
}

static void
on_answer(void *arg, const PGresult *result)
{
	Keeping    *keeping = arg;
	Error		error;

	if (!facts_loader_add_result(keeping->loader, result, &error))
		fail_load(keeping, error.message);
	else if (++keeping->query < FACTS_QUERY_COUNT)
		pg_link_query(keeping->link, facts_queries[keeping->query]);
	else
		finish_load(keeping);
}

static void
on_failed(void *arg, const char *why)
{
	fail_load(arg, why);
}

static void
finish_load(Keeping *keeping)
{
	FactsKeeper *keeper = keeping->keeper;
	Facts	   *facts = facts_loader_finish(keeping->loader);
	bool		again = keeping->is_asked;

	keeping->loader = NULL;
	end_load(keeping);
	LOG_DEBUG("facts_loaded", LF_STR("database", keeping->database),
			  LF_INT("duration_us", clock_now_us() - keeping->begun_us));
	keeping->failures = 0;
	keeping->was_loaded = true;
	if (again)
		load_soon(keeping);
	else
		loop_timer_start(keeping->timer, keeper->config.interval_us);
	keeper->fn(keeper->arg, facts);
	facts_unref(facts);
}

static void
end_load(Keeping *keeping)
{
	pg_link_close(keeping->link);
	keeping->link = NULL;
	facts_loader_destroy(keeping->loader);
	keeping->loader = NULL;
}

static void
fail_load(Keeping *keeping, const char *why)
{
	uint64_t	pause_us = LOAD_DISTANCE_US;

	if (keeping->failures == 0)
		LOG_WARN("facts_load_failed", LF_STR("database", keeping->database), LF_STR("reason", why));
	end_load(keeping);
	keeping->failures++;
	for (int i = 1; i < keeping->failures && pause_us < RETRY_LAST_US; i++)
		pause_us *= 2;
	if (keeping->was_loaded || keeping->failures < TRIES_BEFORE_FORGETTING)
		loop_timer_start(keeping->timer, pause_us < RETRY_LAST_US ? pause_us : RETRY_LAST_US);
	else
		keeping_destroy(keeping);
}
