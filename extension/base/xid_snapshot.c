/*-------------------------------------------------------------------------
 *
 * xid_snapshot.c
 *	  A pg_snapshot taken apart: which transactions it shows.
 *
 * The type's layout is PostgreSQL's own affair; its text, xmin:xmax:xip,xip is
 * documented.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"

#include "base/xid_snapshot.h"

Datum
xid_snapshot_current(void)
{
	return OidFunctionCall0(F_PG_CURRENT_SNAPSHOT);
}

XidSnapshot *
xid_snapshot_parse(Datum snapshot)
{
	XidSnapshot *result = palloc0(sizeof(XidSnapshot));
	char	   *text = DatumGetCString(DirectFunctionCall1(pg_snapshot_out, snapshot));
	char	   *at = text;
	int			ncommas = 0;

	for (char *c = text; *c != '\0'; c++)
		ncommas += *c == ',';
	result->xip = palloc(sizeof(uint64) * (ncommas + 1));
	result->xmin = strtou64(at, &at, 10);
	result->xmax = strtou64(at + 1, &at, 10);
	while (at[0] != '\0' && at[1] != '\0')
		result->xip[result->nxip++] = strtou64(at + 1, &at, 10);
	pfree(text);
	return result;
}

bool
xid_snapshot_shows(const XidSnapshot *snapshot, uint64 xid)
{
	int			low = 0;
	int			high = snapshot->nxip;

	if (xid < snapshot->xmin)
		return true;
	if (xid >= snapshot->xmax)
		return false;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (snapshot->xip[middle] < xid)
			low = middle + 1;
		else
			high = middle;
	}
	return low == snapshot->nxip || snapshot->xip[low] != xid;
}
