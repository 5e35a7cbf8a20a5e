/*-------------------------------------------------------------------------
 *
 * xid_snapshot.h
 *	  A pg_snapshot taken apart: which transactions it shows.
 *
 * What PostgreSQL stores as pg_snapshot knows top-level transactions by their
 * 64-bit numbers; one that it shows has ended, committed or not.  Allocated in
 * the current context.  Knows nothing of what rows a snapshot sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_XID_SNAPSHOT_H
#define ANDON_BASE_XID_SNAPSHOT_H

#include "postgres.h"

typedef struct XidSnapshot
{
	uint64		xmin;			/* shows all that are lower */
	uint64		xmax;			/* shows none from here on */
	int			nxip;
	uint64	   *xip;			/* not shown all the same, ascending */
} XidSnapshot;

/* The active snapshot as a pg_snapshot. */
extern Datum xid_snapshot_current(void);

extern XidSnapshot *xid_snapshot_parse(Datum snapshot);

extern bool xid_snapshot_shows(const XidSnapshot *snapshot, uint64 xid);

#endif							/* ANDON_BASE_XID_SNAPSHOT_H */
