/*
 * partner.c
 *	  A partner's program: creates orders through the API.
 *
 * An order and its items are one transaction. Once it has committed the
 * partner reads the order back, from the source and from the board, before it
 * tells its own customer that the order is placed.
 */
#include "load/parties.h"

#include <stdlib.h>

static const Statement COUNTS = {
	"partner_counts",
	"SELECT (SELECT max(id) FROM customers), (SELECT max(id) FROM partners)"
};
static const Statement CREATE_ORDER = {
	"partner_create_order",
	"INSERT INTO orders (channel, customer_id, partner_id, priority, due_date) "
	"VALUES ('api', $1, $2, $3, current_date + $4::int) RETURNING id"
};
static const Statement CREATE_ITEM = {
	"partner_create_item",
	"INSERT INTO order_items (order_id, article, metal, quantity, unit_price) "
	"VALUES ($1, $2, $3, $4, $5::numeric / 100)"
};

static const char *const ARTICLES[] = {"ring", "pendant", "earrings", "bracelet"};
static const char *const METALS[] = {"silver", "gold 585", "gold 750", "platinum"};

typedef struct NewOrder
{
	int64_t		customer_count;
	int64_t		partner_count;
	int64_t		id;				/* given by the database */
} NewOrder;

static bool count_parties(Client *client, NewOrder *order);
static void create_order(Client *client, NewOrder *order);
static TransactionOutcome create_body(Client *client, void *arg);
static bool create_items(Client *client, int64_t order_id);

void
partner_run(Client *client)
{
	NewOrder	order = {0};

	if (!client_open(client))
		return;
	if (count_parties(client, &order))
	{
		do
		{
			create_order(client, &order);
		} while (client_think(client));
	}
	client_close(client);
}

static bool
count_parties(Client *client, NewOrder *order)
{
	PGresult   *result = client_execute(client, &COUNTS, NULL);

	if (result == NULL)
		return false;
	order->customer_count = atoll(PQgetvalue(result, 0, 0));
	order->partner_count = atoll(PQgetvalue(result, 0, 1));
	PQclear(result);
	return true;
}

static void
create_order(Client *client, NewOrder *order)
{
	int64_t		committed_us;

	if (!client_run_transaction(client, create_body, order, &committed_us))
		return;
	client_note_commit(client, order->id, ORDER_INITIATED, committed_us);
	client->config->stats->orders_created++;
	client_check_order(client, order->id, ORDER_INITIATED, committed_us);
}

static TransactionOutcome
create_body(Client *client, void *arg)
{
	NewOrder   *order = arg;
	Params		params = {0};
	PGresult   *result;
	double		skew = client_draw_fraction(client);

	params_add_int(&params, 1 + (int64_t) (skew * skew * skew * (double) order->customer_count));
	params_add_int(&params, 1 + client_draw(client, order->partner_count));
	params_add_int(&params, client_draw(client, 10) == 0 ? 9 : 0);
	params_add_int(&params, 7 + client_draw(client, 35));
	result = client_execute(client, &CREATE_ORDER, &params);
	if (result == NULL)
		return TRANSACTION_FAILED;
	order->id = atoll(PQgetvalue(result, 0, 0));
	PQclear(result);

	return create_items(client, order->id) ? TRANSACTION_COMMIT : TRANSACTION_FAILED;
}

static bool
create_items(Client *client, int64_t order_id)
{
	int64_t		count = 1 + client_draw(client, 3);

	for (int64_t i = 0; i < count; i++)
	{
		Params		params = {0};

		params_add_int(&params, order_id);
		params_add_text(&params, ARTICLES[client_draw(client, 4)]);
		params_add_text(&params, METALS[client_draw(client, 4)]);
		params_add_int(&params, 1 + client_draw(client, 3));
		params_add_int(&params, 4000 + client_draw(client, 196000));
		if (!client_perform(client, &CREATE_ITEM, &params))
			return false;
	}
	return true;
}
