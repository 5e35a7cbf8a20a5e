/*
 * order_status.c
 *	  Names of the statuses, made from the one list in order_status.h.
 */
#include "load/order_status.h"

#include <string.h>

#define ORDER_STATUS_NAME(name) #name,

static const char *const NAMES[] = {ORDER_STATUS_LIST(ORDER_STATUS_NAME)};

const char *
order_status_name(OrderStatus status)
{
	return NAMES[status];
}

bool
order_status_parse(const char *name, OrderStatus *status)
{
	for (int i = 0; i <= (int) ORDER_CLOSED; i++)
	{
		if (strcmp(NAMES[i], name) == 0)
		{
			*status = (OrderStatus) i;
			return true;
		}
	}
	return false;
}
