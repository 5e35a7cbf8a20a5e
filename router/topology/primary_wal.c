/*-------------------------------------------------------------------------
 *
 * primary_wal.c
 *	  Follows a primary's positions from sample to sample; see primary_wal.h.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/primary_wal.h"

void
primary_wal_note(PrimaryWal *wal, const NodeSample *sample)
{
	bool		stands = sample->flush_lsn < sample->lsn && sample->flush_lsn == wal->flush_lsn;

	if (wal->visible_lsn == 0 || sample->ended != wal->ended)
		wal->visible_lsn = sample->lsn;
	wal->ended = sample->ended;

	if (sample->flush_lsn >= sample->lsn)
		wal->unflushed_since_us = 0;
	else if (!stands || wal->unflushed_since_us == 0)
		wal->unflushed_since_us = sample->sampled_us;
	wal->flush_lsn = sample->flush_lsn;
}

uint64_t
primary_wal_unflushed_us(const PrimaryWal *wal, uint64_t sampled_us)
{
	return wal->unflushed_since_us != 0 ? sampled_us - wal->unflushed_since_us : 0;
}
