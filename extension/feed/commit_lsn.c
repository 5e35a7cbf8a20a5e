/*-------------------------------------------------------------------------
 *
 * commit_lsn.c
 *	  Tells the client where its commit ended in the WAL.
 *
 * The message is put into the send buffer by the commit callback, after the
 * commit record is flushed and the transaction is visible.  The buffer leaves
 * with ReadyForQuery, and not before: in the extended protocol it holds the
 * CommandComplete of what is being committed, which drivers take for the end
 * (Postgres.js does), and a synchronous standby may yet keep the commit waiting.
 * Nor may the callback wait for a slow client, with all locks held.  So the
 * message goes in by pq_putmessage_noblock(), which writes nothing to the socket
 * and makes the buffer larger if it is full.
 *
 * An ERROR that leaves the callback would be a PANIC.  What is called in the
 * part marked NOTHROW neither allocates nor looks anything up, but for that
 * buffer.  If there is no memory for it, the connection ends without an answer,
 * as if the client were lost: told of the commit and not of its position, the
 * router would take it for one that wrote nothing, and read below it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "libpq/libpq.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/wal.h"
#include "contract/andon_contract.h"
#include "feed/commit_lsn.h"

PG_FUNCTION_INFO_V1(andon_enable_commit_lsn);
PG_FUNCTION_INFO_V1(andon_last_commit_lsn);

/* "FFFFFFFF/FFFFFFFF" and its end */
#define LSN_TEXT_BYTES 18

/* End of this session's last commit that had a transaction ID. */
static XLogRecPtr last_commit_lsn = InvalidXLogRecPtr;

static bool client_is_told(void);
static void send_commit_lsn(XLogRecPtr lsn);
static void put_message(const char *message, int length);

/* ------------------------------------------------------------- NOTHROW */

void
commit_lsn_on_commit(void)
{
	/* without a transaction ID XactLastCommitEnd is some other commit's */
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	last_commit_lsn = XactLastCommitEnd;
	if (client_is_told())
		send_commit_lsn(last_commit_lsn);
}

static bool
client_is_told(void)
{
	return guc_report_commit_lsn && whereToSendOutput == DestRemote;
}

static void
send_commit_lsn(XLogRecPtr lsn)
{
	char		message[sizeof(ANDON_PARAMETER_COMMIT_LSN) + LSN_TEXT_BYTES];
	int			length;

	length = sizeof(ANDON_PARAMETER_COMMIT_LSN);
	memcpy(message, ANDON_PARAMETER_COMMIT_LSN, length);
	length += snprintf(message + length, sizeof(message) - length, "%X/%X",
					   LSN_FORMAT_ARGS(lsn)) + 1;
	put_message(message, length);
}

/* An ERROR ends the holding of interrupts, on which the commit relies, and leaves us in another context. */
static void
put_message(const char *message, int length)
{
	MemoryContext context = CurrentMemoryContext;
	uint32		interrupts_held = InterruptHoldoffCount;
	uint32		cancels_held = QueryCancelHoldoffCount;

	PG_TRY();
	{
		pq_putmessage_noblock(COMPAT_MSG_PARAMETER_STATUS, message, length);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		InterruptHoldoffCount = interrupts_held;
		QueryCancelHoldoffCount = cancels_held;
		whereToSendOutput = DestNone;	/* as ProcessInterrupts() does */
		ClientConnectionLost = true;
		InterruptPending = true;
	}
	PG_END_TRY();
}

/* -------------------------------------------------------- end of NOTHROW */

/*
 * Turns reporting on for the session, and answers with a ParameterStatus at
 * once: proof for the caller that the library is loaded and talks to it.
 */
Datum
andon_enable_commit_lsn(PG_FUNCTION_ARGS)
{
	XLogRecPtr	lsn = last_commit_lsn;

	if (XLogRecPtrIsInvalid(lsn) && !RecoveryInProgress())
		lsn = wal_insert_end();
	SetConfigOption(ANDON_SETTING_REPORT_COMMIT_LSN, "on", PGC_USERSET, PGC_S_SESSION);
	if (client_is_told())
		send_commit_lsn(lsn);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%X/%X", LSN_FORMAT_ARGS(lsn))));
}

Datum
andon_last_commit_lsn(PG_FUNCTION_ARGS)
{
	if (XLogRecPtrIsInvalid(last_commit_lsn))
		PG_RETURN_NULL();
	PG_RETURN_LSN(last_commit_lsn);
}
