/*
 * parties.h
 *	  Who uses the database of the jewellery maker; one function per kind.
 *
 * Each function is the life of one client: it opens the connection, acts
 * until the load is over, closes the connection and returns. main.c runs each
 * in a thread of its own. Errors are counted in the stats, none is returned.
 */
#ifndef DEMO_LOAD_PARTIES_H
#define DEMO_LOAD_PARTIES_H

#include "load/client.h"

/* Takes and advances orders, in transactions; now and then corrects a name. */
extern void operator_run(Client *client);

/* Creates orders through the API, in transactions. */
extern void partner_run(Client *client);

/* Reads pages and counts, in autocommit. */
extern void shop_run(Client *client);

/* Reads single orders, a customer's orders and pages, in autocommit. */
extern void crm_run(Client *client);

#endif							/* DEMO_LOAD_PARTIES_H */
