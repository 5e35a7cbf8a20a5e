/*-------------------------------------------------------------------------
 *
 * change_log.h
 *	  Writes andon.change, one row per change of a board's row, and reads rows.
 *
 * Called by the board writer, under the key's lock, in the transaction that
 * makes the change: what is rolled back leaves no row.  Opened lazily by the
 * first change of a batch and closed with it.  The rows go past all privileges:
 * they belong to the extension's owner, and no board owner can forge one.
 *
 * Which changes of a board are kept is its option "log" (BoardLog).  What fills
 * a new board is no change and not logged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_CHANGE_LOG_H
#define ANDON_MAINTAIN_CHANGE_LOG_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "board/board.h"
#include "feed/feed_payload.h"

/* andon.change, see sql/modules/15_change_log.sql */
enum
{
	CHANGE_ATT_XID = 1,
	CHANGE_ATT_EPOCH,
	CHANGE_ATT_AT,
	CHANGE_ATT_VERSION,
	CHANGE_ATT_KEY_HASH,
	CHANGE_ATT_BOARD,
	CHANGE_ATT_OP,
	CHANGE_ATT_KEY,
	CHANGE_ATT_FROM_STATUS,
	CHANGE_ATT_TO_STATUS,
	CHANGE_ATT_ACTOR,
	CHANGE_ATT_APPLICATION,
	CHANGE_ATT_TRACEPARENT,
	CHANGE_NATTS = CHANGE_ATT_TRACEPARENT
};

typedef struct ChangeLog ChangeLog;

/* Is a change of this board kept?  A transition is a change of status. */
extern bool change_log_is_wanted(const Board *board, bool is_transition);

/* In the current context. */
extern ChangeLog *change_log_open(void);

/* key_hash: value_lock_hash() of the key.  Allocates in the current context. */
extern void change_log_write(ChangeLog *log, Oid board, const FeedChange *change,
							 uint64 key_hash, TimestampTz at);

extern void change_log_close(ChangeLog *log);

/* A row as it was logged. */
typedef struct LoggedChange
{
	Jsonb	   *key;
	TimestampTz at;
	FeedChange	change;			/* key: the text of the one above, without blanks */
} LoggedChange;

/* Fills it in the current context. */
extern void change_log_read(HeapTuple tuple, TupleDesc desc, LoggedChange *logged);

/* What the column op says. */
extern FeedOp change_log_op(char letter);

/* For qsort: by key, then by version, in which the changes of a key follow one another. */
extern int	change_log_compare(const void *a, const void *b);

extern bool change_log_is_same_key(const LoggedChange *a, const LoggedChange *b);

/* The board is dropped: its rows go with it.  SPI is connected. */
extern void change_log_forget(Oid board);

/* Name of the partition for a moment, in a buffer of NAMEDATALEN. */
extern void change_log_format_partition(TimestampTz at, char *name);

#endif							/* ANDON_MAINTAIN_CHANGE_LOG_H */
