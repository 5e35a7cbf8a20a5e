/*-------------------------------------------------------------------------
 *
 * show_stats.c
 *	  SHOW STATS and its parts: what was done, per database or in all.
 *
 * Names and meanings are PgBouncer's; a query here is a unit: a simple query,
 * or what comes before a Sync.  Numbers per second are of the last stats_period
 * that is over, as are times: those of the whole period divided by what took
 * them.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "session/account.h"

/* name with the other kind beside it, name alone, of what */
#define TOTALS(X) \
	X("total_xact_count", "xact_count", transactions) \
	X("total_query_count", "query_count", queries) \
	X("total_server_assignment_count", "server_assignment_count", assignments) \
	X("total_received", "bytes_received", received) \
	X("total_sent", "bytes_sent", sent) \
	X("total_xact_time", "xact_time", transaction_us) \
	X("total_query_time", "query_time", query_us) \
	X("total_wait_time", "wait_time", wait_us) \
	X("total_client_parse_count", "client_parse_count", client_parses) \
	X("total_server_parse_count", "server_parse_count", server_parses) \
	X("total_bind_count", "bind_count", binds)

/* the same, and per second or per that */
#define AVERAGES(X) \
	X("avg_xact_count", "xact_count", transactions, SECOND) \
	X("avg_query_count", "query_count", queries, SECOND) \
	X("avg_server_assignment_count", "server_assignment_count", assignments, SECOND) \
	X("avg_recv", "bytes_received", received, SECOND) \
	X("avg_sent", "bytes_sent", sent, SECOND) \
	X("avg_xact_time", "xact_time", transaction_us, offsetof(Traffic, transactions)) \
	X("avg_query_time", "query_time", query_us, offsetof(Traffic, queries)) \
	X("avg_wait_time", "wait_time", wait_us, offsetof(Traffic, assignments)) \
	X("avg_client_parse_count", "client_parse_count", client_parses, SECOND) \
	X("avg_server_parse_count", "server_parse_count", server_parses, SECOND) \
	X("avg_bind_count", "bind_count", binds, SECOND)

#define SECOND SIZE_MAX

typedef struct Figure
{
	const char *name;
	size_t		offset;			/* in Traffic */
	size_t		divisor;		/* offset; or SECOND */
} Figure;

static const Figure totals[] = {
#define TOTAL_FIGURE(name, alone, member) {name, offsetof(Traffic, member), 0},
	TOTALS(TOTAL_FIGURE)
};

static const Figure averages[] = {
#define AVERAGE_FIGURE(name, alone, member, divisor) {name, offsetof(Traffic, member), divisor},
	AVERAGES(AVERAGE_FIGURE)
};

#define COUNT_OF(array) ((int) (sizeof(array) / sizeof((array)[0])))
#define TOTAL_COLUMN(name, alone, member) {name, RESULT_SUM},
#define TOTAL_ALONE(name, alone, member) {alone, RESULT_SUM},
#define AVERAGE_COLUMN(name, alone, member, divisor) {name, RESULT_RATIO},
#define AVERAGE_ALONE(name, alone, member, divisor) {alone, RESULT_RATIO},

static const ResultColumn stats_columns[] = {
	{"database", RESULT_KEY},
	TOTALS(TOTAL_COLUMN)
	AVERAGES(AVERAGE_COLUMN)
};

static const ResultColumn totals_columns[] = {
	{"database", RESULT_KEY},
	TOTALS(TOTAL_ALONE)
};

static const ResultColumn averages_columns[] = {
	{"database", RESULT_KEY},
	AVERAGES(AVERAGE_ALONE)
};

static const ResultColumn sum_columns[] = {
	{"name", RESULT_KEY},
	{"value", RESULT_RATIO},
};

const ResultShape show_stats_shape = RESULT_SHAPE(stats_columns);
const ResultShape show_stats_totals_shape = RESULT_SHAPE(totals_columns);
const ResultShape show_stats_averages_shape = RESULT_SHAPE(averages_columns);
const ResultShape show_totals_shape = RESULT_SHAPE(sum_columns);

/* One database of one worker. */
typedef struct Counted
{
	Traffic		total;
	Traffic		period;
	uint64_t	period_us;		/* 0: none is over */
} Counted;

static void count_database(const SessionContext *context, const Database *database, Counted *counted);
static void add_total(Result *result, const Figure *figure, const Counted *counted);
static void add_average(Result *result, const Figure *figure, const Counted *counted);
static uint64_t value_at(const Traffic *traffic, size_t offset);
static void add_databases(Result *result, const SessionContext *context, bool has_totals, bool has_averages);

void
show_stats(ConsoleRun *run, int worker, SessionContext *context)
{
	add_databases(run->result, context, true, true);
}

void
show_stats_totals(ConsoleRun *run, int worker, SessionContext *context)
{
	add_databases(run->result, context, true, false);
}

void
show_stats_averages(ConsoleRun *run, int worker, SessionContext *context)
{
	add_databases(run->result, context, false, true);
}

/* All figures, also when no database has been named yet. */
bool
show_totals_begin(ConsoleRun *run)
{
	for (int i = 0; i < COUNT_OF(totals) + COUNT_OF(averages); i++)
	{
		result_begin_row(run->result);
		result_add_text(run->result, i < COUNT_OF(totals) ? totals[i].name : averages[i - COUNT_OF(totals)].name);
		result_add_ratio(run->result, 0, 0);
	}
	return true;
}

void
show_totals(ConsoleRun *run, int worker, SessionContext *context)
{
	Counted		counted;

	LIST_FOREACH(node, &context->databases)
	{
		count_database(context, list_entry(node, Database, node), &counted);
		for (int i = 0; i < COUNT_OF(totals); i++)
		{
			result_begin_row(run->result);
			result_add_text(run->result, totals[i].name);
			add_total(run->result, &totals[i], &counted);
		}
		for (int i = 0; i < COUNT_OF(averages); i++)
		{
			result_begin_row(run->result);
			result_add_text(run->result, averages[i].name);
			add_average(run->result, &averages[i], &counted);
		}
	}
}

static void
add_databases(Result *result, const SessionContext *context, bool has_totals, bool has_averages)
{
	Counted		counted;

	LIST_FOREACH(node, &context->databases)
	{
		const Database *database = list_entry(node, Database, node);

		count_database(context, database, &counted);
		result_begin_row(result);
		result_add_text(result, database->name);
		for (int i = 0; has_totals && i < COUNT_OF(totals); i++)
			add_total(result, &totals[i], &counted);
		for (int i = 0; has_averages && i < COUNT_OF(averages); i++)
			add_average(result, &averages[i], &counted);
	}
}

static void
count_database(const SessionContext *context, const Database *database, Counted *counted)
{
	traffic_total(context, database, &counted->total);
	counted->period_us = traffic_last_period(database, &counted->period);
}

static void
add_total(Result *result, const Figure *figure, const Counted *counted)
{
	result_add_ratio(result, value_at(&counted->total, figure->offset), 0);
}

/* Rates of several workers are added, times divided by what all of them did. */
static void
add_average(Result *result, const Figure *figure, const Counted *counted)
{
	uint64_t	value = value_at(&counted->period, figure->offset);

	if (figure->divisor != SECOND)
		result_add_ratio(result, value, value_at(&counted->period, figure->divisor));
	else if (counted->period_us == 0)
		result_add_ratio(result, 0, 0);
	else
		result_add_ratio(result, (value * US_PER_SEC + counted->period_us / 2) / counted->period_us, 0);
}

static uint64_t
value_at(const Traffic *traffic, size_t offset)
{
	return *(const uint64_t *) ((const char *) traffic + offset);
}
