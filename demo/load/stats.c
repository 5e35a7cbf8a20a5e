/*
 * stats.c
 *	  Counters, delays, errors and violations of one run; see stats.h.
 *
 * Delays are kept one by one rather than in buckets: a run of an hour at
 * 500 commits a second is 15 MB, and quantiles are exact.
 */
#include "load/stats.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PRINTED_VIOLATIONS 20

static int	compare_int64(const void *a, const void *b);

void
stats_init(LoadStats *stats)
{
	memset(stats, 0, sizeof(*stats));
	pthread_mutex_init(&stats->lock, NULL);
}

void
stats_fini(LoadStats *stats)
{
	free(stats->delays_us);
	pthread_mutex_destroy(&stats->lock);
}

void
stats_add_delay(LoadStats *stats, int64_t delay_us)
{
	pthread_mutex_lock(&stats->lock);
	if (stats->delay_count == stats->delay_capacity)
	{
		size_t		capacity = stats->delay_capacity == 0 ? 4096 : stats->delay_capacity * 2;
		int64_t    *grown = realloc(stats->delays_us, capacity * sizeof(*grown));

		if (grown == NULL)
		{
			pthread_mutex_unlock(&stats->lock);
			return;				/* one delay less to judge by, nothing worse */
		}
		stats->delays_us = grown;
		stats->delay_capacity = capacity;
	}
	stats->delays_us[stats->delay_count++] = delay_us;
	pthread_mutex_unlock(&stats->lock);
}

double
stats_delay_quantile_ms(LoadStats *stats, size_t from, double quantile)
{
	int64_t    *sorted = NULL;
	size_t		count = 0;
	double		result = 0;

	pthread_mutex_lock(&stats->lock);
	if (stats->delay_count > from)
	{
		count = stats->delay_count - from;
		sorted = malloc(count * sizeof(*sorted));
		if (sorted != NULL)
			memcpy(sorted, stats->delays_us + from, count * sizeof(*sorted));
	}
	pthread_mutex_unlock(&stats->lock);

	if (sorted != NULL)
	{
		qsort(sorted, count, sizeof(*sorted), compare_int64);
		result = (double) sorted[(size_t) (quantile * (double) (count - 1))] / 1000.0;
		free(sorted);
	}
	return result;
}

size_t
stats_delay_count(LoadStats *stats)
{
	size_t		count;

	pthread_mutex_lock(&stats->lock);
	count = stats->delay_count;
	pthread_mutex_unlock(&stats->lock);
	return count;
}

void
stats_add_sqlstate(LoadStats *stats, const char *sqlstate)
{
	int			i = 0;

	pthread_mutex_lock(&stats->lock);
	while (i < stats->sqlstate_count && strcmp(stats->sqlstates[i].sqlstate, sqlstate) != 0)
		i++;
	if (i < LOAD_MAX_SQLSTATES)
	{
		if (i == stats->sqlstate_count)
		{
			snprintf(stats->sqlstates[i].sqlstate, sizeof(stats->sqlstates[i].sqlstate), "%s", sqlstate);
			stats->sqlstate_count++;
		}
		stats->sqlstates[i].count++;
	}
	pthread_mutex_unlock(&stats->lock);
}

void
stats_print_violation(LoadStats *stats, const char *format,...)
{
	char		text[1000];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text[strcspn(text, "\n")] = '\0';	/* of a server's message, its first line */

	pthread_mutex_lock(&stats->lock);
	stats->violations_printed++;
	if (stats->violations_printed <= MAX_PRINTED_VIOLATIONS)
		fprintf(stderr, "violation: %s\n", text);
	else if (stats->violations_printed == MAX_PRINTED_VIOLATIONS + 1)
		fputs("violation: further ones are counted, not printed\n", stderr);
	pthread_mutex_unlock(&stats->lock);
}

long
stats_violation_count(const LoadStats *stats)
{
	return stats->ryw_violations + stats->monotonic_violations + stats->board_mismatches +
		stats->notifications_lost + stats->notifications_unknown + stats->errors;
}

int
stats_write_json(LoadStats *stats, double seconds, const char *path)
{
	json_t	   *root = json_object();
	json_t	   *sqlstates = json_object();
	int			failed;

#define SET_COUNTER(name, meaning) \
	json_object_set_new(root, #name, json_integer(stats->name));
	LOAD_COUNTER_LIST(SET_COUNTER)
#undef SET_COUNTER

	for (int i = 0; i < stats->sqlstate_count; i++)
		json_object_set_new(sqlstates, stats->sqlstates[i].sqlstate,
							json_integer(stats->sqlstates[i].count));
	json_object_set_new(root, "sqlstates", sqlstates);
	json_object_set_new(root, "seconds", json_real(seconds));
	json_object_set_new(root, "write_tps",
						json_real((double) (stats->status_changes + stats->orders_created +
											stats->renames) / seconds));
	json_object_set_new(root, "read_tps", json_real((double) stats->reads / seconds));
	json_object_set_new(root, "notify_p50_ms", json_real(stats_delay_quantile_ms(stats, 0, 0.50)));
	json_object_set_new(root, "notify_p99_ms", json_real(stats_delay_quantile_ms(stats, 0, 0.99)));

	failed = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(root);
	return failed;
}

static int
compare_int64(const void *a, const void *b)
{
	int64_t		left = *(const int64_t *) a;
	int64_t		right = *(const int64_t *) b;

	return (left > right) - (left < right);
}
