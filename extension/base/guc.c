/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The extension's settings: their definition.
 *
 * andon.notify decides whether others hear of a change, so an ordinary user
 * must not turn it off behind their back: superuser, or GRANT SET ON
 * PARAMETER.  The others concern the session that sets them only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "base/guc.h"

int			guc_maintain_at = MAINTAIN_AT_STATEMENT;
int			guc_notify = NOTIFY_COMMIT;
bool		guc_report_commit_lsn = false;

static char *guc_route = NULL;
static char *guc_floor = NULL;

static const struct config_enum_entry maintain_at_options[] = {
	{"statement", MAINTAIN_AT_STATEMENT, false},
	{"commit", MAINTAIN_AT_COMMIT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry notify_options[] = {
	{"commit", NOTIFY_COMMIT, false},
	{"off", NOTIFY_OFF, false},
	{NULL, 0, false}
};

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
							 "\"commit\": the writing transaction, at its commit; \"off\": nobody.",
							 &guc_notify, NOTIFY_COMMIT, notify_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("andon.report_commit_lsn",
							 "Reports the LSN of each commit to the client, as parameter andon.commit_lsn.",
							 NULL,
							 &guc_report_commit_lsn, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
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
