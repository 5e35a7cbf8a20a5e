/*
 * ledger.h
 *	  Brings each commit together with the notification that tells of it.
 *
 * Writers enter what they committed, the listener enters what was announced;
 * an order and the status it moved to name one commit (order_status.h). The
 * two arrive in either order: a notification may overtake the reply to
 * COMMIT. Whoever comes second learns the delay, and the entry is gone.
 * What is left when both have had their time is lost or was never committed.
 *
 * Thread-safe: one mutex, held for a few hash steps.
 */
#ifndef DEMO_LOAD_LEDGER_H
#define DEMO_LOAD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/order_status.h"

typedef struct Ledger Ledger;

/* What is still waiting for its other half. */
typedef struct LedgerEntry
{
	int64_t		order_id;
	OrderStatus status;
	int64_t		committed_us;	/* 0: not heard of yet */
	int64_t		notified_us;	/* 0: not heard of yet */
} LedgerEntry;

/* NULL when out of memory. */
extern Ledger *ledger_create(void);
extern void ledger_destroy(Ledger *ledger);

/*
 * Both: true when the other half was there, and *delay_us is then the time
 * from the reply to COMMIT to the notification, 0 when that came first.
 */
extern bool ledger_add_commit(Ledger *ledger, int64_t order_id, OrderStatus status,
							  int64_t at_us, int64_t *delay_us);
extern bool ledger_add_notification(Ledger *ledger, int64_t order_id, OrderStatus status,
									int64_t at_us, int64_t *delay_us);

/* Listeners were told to read the board again: all commits so far are settled. */
extern void ledger_settle_commits(Ledger *ledger);

extern size_t ledger_waiting_count(Ledger *ledger);

/* Calls visit for every entry still waiting; visit must not call the ledger. */
extern void ledger_visit_waiting(Ledger *ledger,
								 void (*visit) (const LedgerEntry *entry, void *arg),
								 void *arg);

#endif							/* DEMO_LOAD_LEDGER_H */
