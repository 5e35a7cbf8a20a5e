/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  The extension's settings.
 *
 * Defined once, by guc_init() from _PG_init(); everybody else only reads the
 * variables below.  andon.route and andon.floor belong to andon-router, which
 * answers SET itself; they are defined here, without effect, so that the same
 * SET does not fail on a direct connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_GUC_H
#define ANDON_BASE_GUC_H

/* When a transaction's dirty keys are refreshed. */
typedef enum MaintainAt
{
	MAINTAIN_AT_STATEMENT,		/* at the end of the statement: the transaction
								 * sees its own board */
	MAINTAIN_AT_COMMIT			/* at commit: all locks known before the first */
} MaintainAt;

/* Who sends notifications. */
typedef enum NotifyMode
{
	NOTIFY_WORKER,				/* the feed worker; the writer, where there is
								 * none */
	NOTIFY_COMMIT,				/* the writer, coalesced, at commit */
	NOTIFY_OFF					/* nobody */
} NotifyMode;

/* enums kept as int, as the settings machinery wants them */
extern int	guc_maintain_at;	/* MaintainAt */
extern int	guc_notify;			/* NotifyMode */
extern bool guc_report_commit_lsn;
extern char *guc_traceparent;	/* goes into the change log; may be empty */
extern int	guc_log_retention_min;	/* how long the change log is kept; 0: for ever */
extern char *guc_databases;		/* that get a worker: a list of names, or "*" */
extern int	guc_feed_window_ms;	/* between two ticks */
extern int	guc_feed_interval_ms;	/* at most, without work */
extern int	guc_maintain_interval_secs; /* the worker's housekeeping; 0: never */

extern void guc_init(void);

#endif							/* ANDON_BASE_GUC_H */
