/*-------------------------------------------------------------------------
 *
 * facts_keeper.c
 *	  Loads the facts of each wanted database from the primary, again and again.
 *
 * Each database has one timer.  While nothing runs it is the time of the next
 * load; while a load runs it is the load's deadline.  What asks for a load
 * only moves the timer forward, so that all the reasons to load share one
 * limit of rate.  After DDL it is a closer one: loading takes a fifth of the
 * time at most.
 *
 * A connection begins with LISTEN, and each load reads what was committed before
 * it.  So DDL is in the facts, or a notification of it comes after they were
 * begun: then they are read again.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/facts_keeper.h"

#include <string.h>

#include "contract/andon_contract.h"
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

/* After DDL: from one load to the next, at least and in times of what the last one took. */
#define DDL_DISTANCE_US (20 * US_PER_MS)
#define DDL_DISTANCE_LOADS 5

/* What a connection is asked first; the last: is there somebody who tells? */
static const char *const opening_queries[] = {
	"LISTEN \"" ANDON_CHANNEL_CATALOG "\"",
	"SELECT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = '" ANDON_CATALOG_TRIGGER "' AND evtenabled <> 'D')",
};
#define OPENING_COUNT ((int) (sizeof(opening_queries) / sizeof(opening_queries[0])))

typedef struct Keeping
{
	ListNode	node;
	FactsKeeper *keeper;
	char	   *database;		/* owned */
	LoopTimer  *timer;			/* owned */
	uint64_t	begun_us;		/* when the last load was begun; 0: never */
	uint64_t	duration_us;	/* of the last one */
	int			failures;		/* in a row */
	bool		was_loaded;
	bool		is_asked;		/* again, while it is being loaded */
	bool		is_overtaken;	/* by DDL that was heard of meanwhile */
	bool		is_paused;

	PgLink	   *link;			/* owned; NULL: no connection */
	bool		is_told;		/* of DDL, on it: it stays open */

	/* while it is being loaded */
	FactsLoader *loader;		/* owned; NULL: it is not */
	int			query;			/* which one is being answered; the opening ones are below 0 */
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

static void set_paused(FactsKeeper *keeper, const char *database, bool is_paused);
static void add_keeping(FactsKeeper *keeper, const char *database);
static Keeping *find_keeping(FactsKeeper *keeper, const char *database);
static void keeping_destroy(Keeping *keeping);
static void load_soon(Keeping *keeping, uint64_t distance_us);
static void load_after_ddl(Keeping *keeping);
static void on_timer(void *arg);
static void begin_load(Keeping *keeping);
static void on_open(void *arg);
static void next_query(Keeping *keeping);
static void on_answer(void *arg, const PGresult *result);
static void on_failed(void *arg, const char *why);
static void on_notify(void *arg);
static void finish_load(Keeping *keeping);
static void close_link(Keeping *keeping);
static void fail_load(Keeping *keeping, const char *why);

static const PgLinkEvents link_events = {
	.on_open = on_open,
	.on_answer = on_answer,
	.on_failed = on_failed,
	.on_notify = on_notify
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

		close_link(keeping);
		loop_timer_stop(keeping->timer);
		load_soon(keeping, LOAD_DISTANCE_US);
	}
}

void
facts_keeper_ask(FactsKeeper *keeper, const char *database, FactsAsk ask)
{
	Keeping    *keeping;

	if (ask == FACTS_PAUSE || ask == FACTS_RESUME)
	{
		set_paused(keeper, database, ask == FACTS_PAUSE);
		return;
	}
	keeping = find_keeping(keeper, database);
	if (keeping == NULL)
		add_keeping(keeper, database);
	else if (ask == FACTS_AFTER_DDL)
		load_after_ddl(keeping);
	else if (ask == FACTS_REFRESH && keeping->loader != NULL)
		keeping->is_asked = true;
	else if (ask == FACTS_REFRESH && keeping->failures == 0)
		load_soon(keeping, LOAD_DISTANCE_US);
}

static void
set_paused(FactsKeeper *keeper, const char *database, bool is_paused)
{
	LIST_FOREACH(node, &keeper->keepings)
	{
		Keeping    *keeping = list_entry(node, Keeping, node);

		if (keeping->is_paused == is_paused || (*database != '\0' && strcmp(keeping->database, database) != 0))
			continue;
		keeping->is_paused = is_paused;
		close_link(keeping);
		loop_timer_stop(keeping->timer);
		if (!is_paused)
			load_after_ddl(keeping);	/* nobody has listened */
	}
}

static void
add_keeping(FactsKeeper *keeper, const char *database)
{
	Keeping    *keeping = mem_alloc(sizeof(Keeping));

	keeping->keeper = keeper;
	keeping->database = mem_strdup(database);
	keeping->timer = loop_timer_create(keeper->loop, on_timer, keeping);
	list_push_tail(&keeper->keepings, &keeping->node);
	load_soon(keeping, LOAD_DISTANCE_US);
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
	close_link(keeping);
	list_remove(&keeping->keeper->keepings, &keeping->node);
	loop_timer_destroy(keeping->timer);
	mem_free(keeping->database);
	mem_free(keeping);
}

/* Now, or as soon as the last load was begun so long ago; if there is where to load from. */
static void
load_soon(Keeping *keeping, uint64_t distance_us)
{
	uint64_t	since_us = clock_now_us() - keeping->begun_us;

	if (keeping->keeper->host == NULL || keeping->is_paused)
		return;
	if (keeping->begun_us == 0 || since_us >= distance_us)
		loop_timer_start(keeping->timer, 0);
	else
		loop_timer_start(keeping->timer, distance_us - since_us);
}

static void
load_after_ddl(Keeping *keeping)
{
	uint64_t	distance_us = DDL_DISTANCE_LOADS * keeping->duration_us;

	if (keeping->loader != NULL)
		keeping->is_overtaken = true;
	else if (keeping->failures == 0)
		load_soon(keeping, distance_us > DDL_DISTANCE_US ? distance_us : DDL_DISTANCE_US);
}

static void
on_timer(void *arg)
{
	Keeping    *keeping = arg;

	if (keeping->loader != NULL)
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
	keeping->is_asked = keeping->is_overtaken = false;
	keeping->loader = facts_loader_create(keeping->database);
	loop_timer_start(keeping->timer, LOAD_TIMEOUT_US);
	if (keeping->link != NULL)
	{
		keeping->query = 0;
		next_query(keeping);
		return;
	}
	keeping->query = -OPENING_COUNT;
	keeping->link = pg_link_open(keeper->loop, &target, &link_events, keeping);
}

static void
on_open(void *arg)
{
	next_query(arg);
}

static void
next_query(Keeping *keeping)
{
	int			query = keeping->query;

	pg_link_query(keeping->link, query < 0 ? opening_queries[query + OPENING_COUNT] : facts_queries[query]);
}

static void
on_answer(void *arg, const PGresult *result)
{
	Keeping    *keeping = arg;
	Error		error;

	if (keeping->query < 0)
		keeping->is_told = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	else if (!facts_loader_add_result(keeping->loader, result, &error))
	{
		fail_load(keeping, error.message);
		return;
	}
	if (++keeping->query < FACTS_QUERY_COUNT)
		next_query(keeping);
	else
		finish_load(keeping);
}

static void
on_notify(void *arg)
{
	load_after_ddl(arg);
}

static void
on_failed(void *arg, const char *why)
{
	Keeping    *keeping = arg;

	if (keeping->loader != NULL)
	{
		fail_load(keeping, why);
		return;
	}
	/* what it would have been told meanwhile is in the next load */
	close_link(keeping);
	load_soon(keeping, LOAD_DISTANCE_US);
}

static void
finish_load(Keeping *keeping)
{
	FactsKeeper *keeper = keeping->keeper;
	Facts	   *facts = facts_loader_finish(keeping->loader);

	keeping->loader = NULL;
	if (!keeping->is_told)
		close_link(keeping);	/* there is nothing to hear on it */
	keeping->duration_us = clock_now_us() - keeping->begun_us;
	LOG_DEBUG("facts_loaded", LF_STR("database", keeping->database), LF_INT("duration_us", keeping->duration_us));
	keeping->failures = 0;
	keeping->was_loaded = true;
	loop_timer_start(keeping->timer, keeper->config.interval_us);
	if (keeping->is_overtaken)
		load_after_ddl(keeping);
	else if (keeping->is_asked)
		load_soon(keeping, LOAD_DISTANCE_US);
	keeper->fn(keeper->arg, facts);
	facts_unref(facts);
}

/* And end the load, if one runs on it. */
static void
close_link(Keeping *keeping)
{
	pg_link_close(keeping->link);
	keeping->link = NULL;
	keeping->is_told = false;
	facts_loader_destroy(keeping->loader);
	keeping->loader = NULL;
}

static void
fail_load(Keeping *keeping, const char *why)
{
	uint64_t	pause_us = LOAD_DISTANCE_US;

	if (keeping->failures == 0)
		LOG_WARN("facts_load_failed", LF_STR("database", keeping->database), LF_STR("reason", why));
	close_link(keeping);
	keeping->failures++;
	for (int i = 1; i < keeping->failures && pause_us < RETRY_LAST_US; i++)
		pause_us *= 2;
	if (keeping->was_loaded || keeping->failures < TRIES_BEFORE_FORGETTING)
		loop_timer_start(keeping->timer, pause_us < RETRY_LAST_US ? pause_us : RETRY_LAST_US);
	else
		keeping_destroy(keeping);
}
