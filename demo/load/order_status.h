/*
 * order_status.h
 *	  The statuses of an order, in the order in which it passes them.
 *
 * An order only moves forward and stands in each status once. The load leans
 * on that twice: a client that wrote one status and sees a later one has been
 * overtaken by another client, one that sees an earlier one has read stale
 * data; and an order with a status names one commit, which is how a
 * notification finds the commit it tells of.
 */
#ifndef DEMO_LOAD_ORDER_STATUS_H
#define DEMO_LOAD_ORDER_STATUS_H

#include <stdbool.h>

#define ORDER_STATUS_LIST(X) \
	X(INITIATED) \
	X(FILE_UPLOADED) \
	X(SUBMITTED) \
	X(PRICE_CALCULATED) \
	X(MANUFACTURING_APPROVED) \
	X(MANUFACTURING_STARTED) \
	X(MANUFACTURING_COMPLETED) \
	X(PACKAGING) \
	X(SHIPPED) \
	X(CLOSED)

#define ORDER_STATUS_ENUM(name) ORDER_##name,

typedef enum OrderStatus
{
	ORDER_STATUS_LIST(ORDER_STATUS_ENUM)
} OrderStatus;

/* Statuses of an open order, which is what the board shows. */
#define ORDER_OPEN_STATUSES ((int) ORDER_CLOSED)

/* The status as the database spells it. */
extern const char *order_status_name(OrderStatus status);

/* False when no status is spelt so; *status is then left alone. */
extern bool order_status_parse(const char *name, OrderStatus *status);

#endif							/* DEMO_LOAD_ORDER_STATUS_H */
