/*
 * reader.c
 *	  The shop and the CRM: read all day, in autocommit, and write nothing.
 *
 * These reads are what replicas are for. The router may answer each from any
 * node that is not behind what this client has already been shown, so a CRM
 * client also follows a single order for a while and checks that it never
 * moves backwards (monotonic reads).
 */
#include "load/parties.h"

#include <stdlib.h>

#define PAGE_SIZE 50
#define FOLLOW_READS 25			/* then the CRM turns to another order */

/* Pages go on after the last row seen, in the board's own order. */
static const Statement FIRST_PAGE = {
	"reader_first_page",
	"SELECT id, status, priority, due_date, customer, items, total FROM mes_orders "
	"WHERE status = $1 ORDER BY priority DESC, due_date, id LIMIT $2"
};
static const Statement NEXT_PAGE = {
	"reader_next_page",
	"SELECT id, status, priority, due_date, customer, items, total FROM mes_orders "
	"WHERE status = $1 AND priority <= $3 AND (priority < $3 OR (due_date, id) > ($4, $5)) "
	"ORDER BY priority DESC, due_date, id LIMIT $2"
};
static const Statement COUNT_BY_STATUS = {
	"reader_counts",
	"SELECT status, n FROM andon.counts('public.mes_orders')"
};
static const Statement READ_ORDER = {
	"reader_order",
	"SELECT id, status, customer, partner, operator, items, total, model FROM mes_orders WHERE id = $1"
};
static const Statement FOLLOW_ORDER = {
	"reader_follow",
	"SELECT status FROM orders WHERE id = $1"
};
static const Statement CUSTOMER_ORDERS = {
	"reader_customer_orders",
	"SELECT o.id, o.status, o.price, c.name FROM orders AS o JOIN customers AS c ON c.id = o.customer_id "
	"WHERE c.id = (SELECT customer_id FROM orders WHERE id = $1) ORDER BY o.id DESC LIMIT 20"
};

/* The order a CRM client has open on its screen. */
typedef struct Followed
{
	int64_t		order_id;		/* 0: none yet */
	OrderStatus last_seen;
	int			reads_left;
} Followed;

static PGresult *read_rows(Client *client, const Statement *statement, const Params *params);
static void read_result(Client *client, const Statement *statement, const Params *params);
static void read_pages(Client *client);
static void read_counts(Client *client);
static int64_t read_first_page(Client *client);
static void follow_order(Client *client, Followed *followed);
static void check_not_backwards(Client *client, Followed *followed, const char *name);

void
shop_run(Client *client)
{
	if (!client_open(client))
		return;
	do
	{
		if (client_draw(client, 10) == 0)
			read_counts(client);
		else
			read_pages(client);
	} while (client_think(client));
	client_close(client);
}

void
crm_run(Client *client)
{
	Followed	followed = {0};

	if (!client_open(client))
		return;
	do
	{
		Params		order = {0};

		if (followed.order_id == 0 || followed.reads_left-- == 0)
		{
			followed.order_id = read_first_page(client);
			followed.last_seen = ORDER_INITIATED;
			followed.reads_left = FOLLOW_READS;
		}
		if (followed.order_id == 0)
			continue;
		params_add_int(&order, followed.order_id);
		switch (client_draw(client, 8))
		{
			case 0:
				read_counts(client);
				break;
			case 1:
				read_result(client, &CUSTOMER_ORDERS, &order);
				break;
			case 2:
				read_result(client, &READ_ORDER, &order);
				break;
			default:
				follow_order(client, &followed);
				break;
		}
	} while (client_think(client));
	client_close(client);
}

/* One read in autocommit; NULL when it failed. */
static PGresult *
read_rows(Client *client, const Statement *statement, const Params *params)
{
	PGresult   *result = client_execute(client, statement, params);

	if (result != NULL)
		client->config->stats->reads++;
	return result;
}

/* For reads whose rows are only looked at. */
static void
read_result(Client *client, const Statement *statement, const Params *params)
{
	PQclear(read_rows(client, statement, params));
}

static void
read_counts(Client *client)
{
	read_result(client, &COUNT_BY_STATUS, NULL);
}

/* The first page of a status and, one time in three, the page after it. */
static void
read_pages(Client *client)
{
	Params		params = {0};
	PGresult   *page;
	int			rows;

	params_add_text(&params, order_status_name((OrderStatus) client_draw(client, ORDER_OPEN_STATUSES)));
	params_add_int(&params, PAGE_SIZE);
	page = read_rows(client, &FIRST_PAGE, &params);
	if (page == NULL)
		return;

	rows = PQntuples(page);
	if (rows == PAGE_SIZE && client_draw(client, 3) == 0)
	{
		params_add_text(&params, PQgetvalue(page, rows - 1, 2));
		params_add_text(&params, PQgetvalue(page, rows - 1, 3));
		params_add_text(&params, PQgetvalue(page, rows - 1, 0));
		read_result(client, &NEXT_PAGE, &params);
	}
	PQclear(page);
}

/* The order at the top of a queue, the next to move; 0 when the queue is empty. */
static int64_t
read_first_page(Client *client)
{
	Params		params = {0};
	PGresult   *page;
	int64_t		order_id = 0;

	params_add_text(&params, order_status_name((OrderStatus) client_draw(client, ORDER_OPEN_STATUSES)));
	params_add_int(&params, PAGE_SIZE);
	page = read_rows(client, &FIRST_PAGE, &params);
	if (page != NULL && PQntuples(page) > 0)
		order_id = atoll(PQgetvalue(page, 0, 0));
	PQclear(page);
	return order_id;
}

static void
follow_order(Client *client, Followed *followed)
{
	Params		params = {0};
	PGresult   *result;

	params_add_int(&params, followed->order_id);
	result = read_rows(client, &FOLLOW_ORDER, &params);
	if (result != NULL)
		check_not_backwards(client, followed,
							PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "no row");
	PQclear(result);
}

/* This client has seen the order on a page, so it must find it from then on. */
static void
check_not_backwards(Client *client, Followed *followed, const char *name)
{
	LoadStats  *stats = client->config->stats;
	OrderStatus seen;

	stats->monotonic_checked++;
	if (!order_status_parse(name, &seen) || seen < followed->last_seen)
	{
		stats->monotonic_violations++;
		stats_print_violation(stats, "%s saw order %lld as %s and then as %s", client->label,
							  (long long) followed->order_id,
							  order_status_name(followed->last_seen), name);
		return;
	}
	followed->last_seen = seen;
}
