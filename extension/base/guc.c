/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The extension's settings: their definition.
 *
 * andon.notify decides whether others hear of a change, so an ordinary user
 * must not turn it off behind their back: superuser, or GRANT SET ON
 * PARAMETER.  Those of the worker are the configuration file's.  The others
 * concern the session that sets them only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "datatype/timestamp.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "base/guc.h"

#define LOG_RETENTION_MIN (30 * HOURS_PER_DAY * MINS_PER_HOUR)
#define FEED_WINDOW_MS 2
#define FEED_INTERVAL_MS 5000
#define MAINTAIN_INTERVAL_SECS 60

int			guc_maintain_at = MAINTAIN_AT_STATEMENT;
int			guc_notify = NOTIFY_WORKER;
bool		guc_report_commit_lsn = false;
char	   *guc_traceparent = NULL;
int			guc_log_retention_min = LOG_RETENTION_MIN;
char	   *guc_databases = NULL;
int			guc_feed_window_ms = FEED_WINDOW_MS;
int			guc_feed_interval_ms = FEED_INTERVAL_MS;
int			guc_maintain_interval_secs = MAINTAIN_INTERVAL_SECS;

#define TRACEPARENT_MAX 200

static char *guc_route = NULL;
static char *guc_floor = NULL;

static const struct config_enum_entry maintain_at_options[] = {
	{"statement", MAINTAIN_AT_STATEMENT, false},
	{"commit", MAINTAIN_AT_COMMIT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry notify_options[] = {
	{"worker", NOTIFY_WORKER, false},
	{"commit", NOTIFY_COMMIT, false},
	{"off", NOTIFY_OFF, false},
	{NULL, 0, false}
};

static bool check_traceparent(char **value, void **extra, GucSource source);
static bool check_databases(char **value, void **extra, GucSource source);

void
guc_init(void)
{
	DefineCustomEnumVariable("andon.maintain_at",
							 "When boards follow the changes of a transaction.",
							 "\"statement\": at the end of each statement; \"commit\": once, at commit.",
							 &guc_maintain_at, MAINTAIN_AT_STATEMENT, maintain_at_options,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("andon.notify",
							 "Who sends the notifications about changes of boards.",
							 "\"worker\": the feed worker, or the writing transaction where there is none;"
							 " \"commit\": the writing transaction, at its commit; \"off\": nobody.",
							 &guc_notify, NOTIFY_WORKER, notify_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("andon.report_commit_lsn",
							 "Reports the LSN of each commit to the client, as parameter andon.commit_lsn.",
							 NULL,
							 &guc_report_commit_lsn, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("andon.traceparent",
							   "Trace context that changes of boards are logged with, as W3C's traceparent.",
							   NULL, &guc_traceparent, "",
							   PGC_USERSET, 0, check_traceparent, NULL, NULL);
	DefineCustomIntVariable("andon.log_retention",
							"How long the change log is kept.",
							"Partitions that are older are dropped by andon.maintain(); 0 keeps them for ever.",
							&guc_log_retention_min, LOG_RETENTION_MIN, 0, INT_MAX / SECS_PER_MINUTE,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomStringVariable("andon.databases",
							   "Databases that get a feed worker where they have the extension: a list, or \"*\".",
							   NULL, &guc_databases, "*",
							   PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL, NULL);
	DefineCustomIntVariable("andon.feed_window",
							"How long the feed worker rests between two ticks, so that one tells of many commits.",
							NULL,
							&guc_feed_window_ms, FEED_WINDOW_MS, 0, 10000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("andon.feed_interval",
							"How long the feed worker sleeps at most when nobody wakes it.",
							NULL,
							&guc_feed_interval_ms, FEED_INTERVAL_MS, 10, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("andon.maintain_interval",
							"How often the feed worker does what andon.maintain() does.",
							"0 leaves it to andon.maintain().",
							&guc_maintain_interval_secs, MAINTAIN_INTERVAL_SECS, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("andon.route",
							   "Where andon-router sends statements; no effect on a direct connection.",
							   NULL, &guc_route, "auto",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("andon.floor",
							   "The oldest state andon-router may show; no effect on a direct connection.",
							   NULL, &guc_floor, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("andon");
}

/* It is stored as it is given; bounded, and fit for any log. */
static bool
check_traceparent(char **value, void **extra, GucSource source)
{
	Size		length = *value ? strlen(*value) : 0;

	for (Size i = 0; i < length; i++)
	{
		if (length <= TRACEPARENT_MAX && (*value)[i] > ' ' && (*value)[i] <= '~')
			continue;
		GUC_check_errdetail("It has printable ASCII characters only, %d at most.", TRACEPARENT_MAX);
		return false;
	}
	return true;
}

static bool
check_databases(char **value, void **extra, GucSource source)
{
	List	   *names;
	bool		is_list = SplitIdentifierString(pstrdup(*value), ',', &names);

	if (!is_list)
		GUC_check_errdetail("It is a list of names, separated by commas.");
	return is_list;
}
