/*-------------------------------------------------------------------------
 *
 * alert_payload.h
 *	  The text of a notification about alerts of a board.
 *
 * Pure: events in, payload texts out, in the shape that contract/ promises,
 * each below the bound of NOTIFY.  Called by the watcher.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_ALERT_PAYLOAD_H
#define ANDON_FEED_ALERT_PAYLOAD_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* Events of one board and round that are told one by one. */
#define ALERT_EVENTS_MOST	1000

typedef enum AlertKind
{
	ALERT_OPENED,
	ALERT_CHANGED,				/* another severity or allowed time */
	ALERT_CLOSED
} AlertKind;

/* Strings belong to whoever made it. */
typedef struct AlertEvent
{
	AlertKind	kind;
	char	   *key;			/* JSON object text */
	char	   *status;
	char	   *severity;
	TimestampTz since;			/* when the order entered the status */
	int64		max_dwell_us;
} AlertEvent;

/*
 * Payloads that tell the events, a list of char *; one that asks readers to read
 * andon.alert again if they are too many, or one is too long.  lsn: who has
 * replayed it finds the orders as the watcher saw them.
 */
extern List *alert_payload_build(const char *board, XLogRecPtr lsn, TimestampTz at, List *events);

#endif							/* ANDON_FEED_ALERT_PAYLOAD_H */
