/*-------------------------------------------------------------------------
 *
 * wal.h
 *	  Positions in the WAL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_WAL_H
#define ANDON_BASE_WAL_H

#include "postgres.h"

#include "access/xlogdefs.h"

/*
 * The end of the last record that has been inserted, or begun: what may be
 * flushed, and what a replica has replayed when it has all that was written
 * before.  GetXLogInsertRecPtr() is where the next record will start: behind the
 * header of a new page, if the last one filled its page to the end.  Nothing can
 * be flushed up to there, and no replica gets there, before there is another record.
 */
extern XLogRecPtr wal_insert_end(void);

#endif							/* ANDON_BASE_WAL_H */
