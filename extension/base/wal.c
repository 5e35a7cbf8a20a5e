/*-------------------------------------------------------------------------
 *
 * wal.c
 *	  Positions in the WAL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"

#include "base/wal.h"

XLogRecPtr
wal_insert_end(void)
{
	XLogRecPtr	next = GetXLogInsertRecPtr();
	uint32		header = XLogSegmentOffset(next, wal_segment_size) < XLOG_BLCKSZ ?
		SizeOfXLogLongPHD : SizeOfXLogShortPHD;

	return next % XLOG_BLCKSZ == header ? next - header : next;
}
