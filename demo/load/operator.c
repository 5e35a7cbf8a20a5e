/*
 * operator.c
 *	  An operator of the shop floor: looks at the board, takes an order from
 *	  the top of a queue and moves it to its next status.
 *
 * Looking is an autocommit read that may be answered by a replica and may be
 * a moment old. Taking is a transaction: it locks the order's row and looks
 * again, so two operators never move one order twice. After the commit the
 * operator reads the order back, as every program does that shows a user what
 * he just did.
 *
 * What a step changes besides the status differs (STEPS), so that the board
 * is fed from every table it is made of.
 */
#include "load/parties.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/clock.h"

#define QUEUE_TOP 10			/* an operator takes one of the first ten */
#define RENAME_ONE_IN 200

typedef enum StepDetail
{
	DETAIL_NONE,				/* only the status moves */
	DETAIL_UPLOAD,				/* a 3D model arrives */
	DETAIL_PRICE,				/* the items are priced, and so the order */
	DETAIL_TAKE					/* the order gets its operator */
} StepDetail;

/* From each status to the next. */
static const StepDetail STEPS[] = {
	[ORDER_INITIATED] = DETAIL_UPLOAD,
	[ORDER_FILE_UPLOADED] = DETAIL_NONE,
	[ORDER_SUBMITTED] = DETAIL_PRICE,
	[ORDER_PRICE_CALCULATED] = DETAIL_NONE,
	[ORDER_MANUFACTURING_APPROVED] = DETAIL_TAKE,
	[ORDER_MANUFACTURING_STARTED] = DETAIL_UPLOAD,
	[ORDER_MANUFACTURING_COMPLETED] = DETAIL_NONE,
	[ORDER_PACKAGING] = DETAIL_NONE,
	[ORDER_SHIPPED] = DETAIL_NONE,
};

static const Statement LOOK = {
	"operator_look",
	"SELECT id FROM mes_orders WHERE status = $1 ORDER BY priority DESC, due_date, id LIMIT $2"
};
static const Statement LOCK_ORDER = {
	"operator_lock",
	"SELECT 1 FROM orders WHERE id = $1 AND status = $2 FOR NO KEY UPDATE SKIP LOCKED"
};
static const Statement MOVE = {
	"operator_move",
	"UPDATE orders SET status = $2, updated_at = now() WHERE id = $1"
};
static const Statement TAKE = {
	"operator_take",
	"UPDATE orders SET status = $2, operator_id = 1 + $3::int % (SELECT count(*) FROM operators), "
	"updated_at = now() WHERE id = $1"
};
static const Statement UPLOAD = {
	"operator_upload",
	"INSERT INTO order_models (order_id, file_name, size_bytes, uploaded_at) "
	"VALUES ($1, $2, $3, clock_timestamp())"
};
static const Statement PRICE_ITEMS = {
	"operator_price_items",
	"UPDATE order_items SET unit_price = round(unit_price * 1.02, 2) WHERE order_id = $1"
};
static const Statement PRICE_ORDER = {
	"operator_price_order",
	"UPDATE orders AS o SET status = $2, updated_at = now(), price = "
	"(SELECT round(sum(i.quantity * i.unit_price) * (1 - coalesce(max(p.discount), 0)), 2) "
	"FROM order_items AS i LEFT JOIN partners AS p ON p.id = o.partner_id WHERE i.order_id = o.id) "
	"WHERE o.id = $1"
};
static const Statement COUNT_CUSTOMERS = {"operator_customers", "SELECT max(id) FROM customers"};
static const Statement RENAME = {"operator_rename", "UPDATE customers SET name = $2 WHERE id = $1"};
static const Statement READ_NAME = {"operator_read_name", "SELECT name FROM customers WHERE id = $1"};

/* An order on its way from one status to the next. */
typedef struct Move
{
	int64_t		order_id;
	OrderStatus from;
	bool		found;			/* still there, and ours, when we locked it */
} Move;

typedef struct Rename
{
	int64_t		customer_id;
	char		name[64];
} Rename;

static bool find_order(Client *client, Move *move);
static void move_order(Client *client, Move *move);
static TransactionOutcome move_body(Client *client, void *arg);
static bool apply_step(Client *client, const Move *move);
static void rename_customer(Client *client, int64_t customer_count);
static TransactionOutcome rename_body(Client *client, void *arg);
static int64_t count_customers(Client *client);

void
operator_run(Client *client)
{
	int64_t		customer_count;

	if (!client_open(client))
		return;
	customer_count = count_customers(client);
	do
	{
		Move		move = {0};

		if (client_draw(client, RENAME_ONE_IN) == 0)
			rename_customer(client, customer_count);
		else if (find_order(client, &move))
			move_order(client, &move);
	} while (client_think(client));
	client_close(client);
}

/* One of the first orders of a queue chosen at random. */
static bool
find_order(Client *client, Move *move)
{
	Params		params = {0};
	PGresult   *result;
	int			found;

	move->from = (OrderStatus) client_draw(client, ORDER_OPEN_STATUSES);
	params_add_text(&params, order_status_name(move->from));
	params_add_int(&params, QUEUE_TOP);
	result = client_execute(client, &LOOK, &params);
	if (result == NULL)
		return false;

	found = PQntuples(result);
	if (found > 0)
		move->order_id = atoll(PQgetvalue(result, (int) client_draw(client, found), 0));
	PQclear(result);
	return found > 0;
}

static void
move_order(Client *client, Move *move)
{
	OrderStatus to = (OrderStatus) (move->from + 1);
	int64_t		committed_us;

	if (client_run_transaction(client, move_body, move, &committed_us))
	{
		client_note_commit(client, move->order_id, to, committed_us);
		client->config->stats->status_changes++;
		client_check_order(client, move->order_id, to, committed_us);
	}
	else if (!move->found && client->sqlstate[0] == '\0')
		client->config->stats->taken_away++;
}

static TransactionOutcome
move_body(Client *client, void *arg)
{
	Move	   *move = arg;
	Params		params = {0};
	PGresult   *result;

	params_add_int(&params, move->order_id);
	params_add_text(&params, order_status_name(move->from));
	result = client_execute(client, &LOCK_ORDER, &params);
	if (result == NULL)
		return TRANSACTION_FAILED;
	move->found = PQntuples(result) == 1;
	PQclear(result);

	if (!move->found)
		return TRANSACTION_ROLLBACK;
	return apply_step(client, move) ? TRANSACTION_COMMIT : TRANSACTION_FAILED;
}

static bool
apply_step(Client *client, const Move *move)
{
	Params		order = {0};	/* $1 */
	Params		target = {0};	/* $1, $2 */
	Params		taken = {0};	/* $1, $2, $3 */
	Params		model = {0};
	char		file_name[64];
	const char *to = order_status_name((OrderStatus) (move->from + 1));

	params_add_int(&order, move->order_id);
	params_add_int(&target, move->order_id);
	params_add_text(&target, to);

	switch (STEPS[move->from])
	{
		case DETAIL_NONE:
			return client_perform(client, &MOVE, &target);
		case DETAIL_UPLOAD:
			snprintf(file_name, sizeof(file_name), "order-%lld-%s.stl",
					 (long long) move->order_id, to);
			params_add_int(&model, move->order_id);
			params_add_text(&model, file_name);
			params_add_int(&model, 20000 + client_draw(client, 40000000));
			return client_perform(client, &UPLOAD, &model) &&
				client_perform(client, &MOVE, &target);
		case DETAIL_PRICE:
			return client_perform(client, &PRICE_ITEMS, &order) &&
				client_perform(client, &PRICE_ORDER, &target);
		case DETAIL_TAKE:
			params_add_int(&taken, move->order_id);
			params_add_text(&taken, to);
			params_add_int(&taken, client->number);
			return client_perform(client, &TAKE, &taken);
	}
	return false;
}

/*
 * A customer's name is corrected; all his open orders change on the board.
 * Each operator looks after customers of his own, so that what he reads back
 * must be exactly what he wrote.
 */
static void
rename_customer(Client *client, int64_t customer_count)
{
	LoadStats  *stats = client->config->stats;
	Params		params = {0};
	Rename		rename;
	PGresult   *result;
	int64_t		committed_us;
	int64_t		groups = customer_count / client->kind_count;

	if (groups == 0)
		return;
	rename.customer_id = 1 + client_draw(client, groups) * client->kind_count + client->number;
	snprintf(rename.name, sizeof(rename.name), "Customer %lld-%lld",
			 (long long) rename.customer_id, (long long) client_draw(client, 1000000));
	if (!client_run_transaction(client, rename_body, &rename, &committed_us))
		return;
	stats->renames++;

	params_add_int(&params, rename.customer_id);
	result = client_execute(client, &READ_NAME, &params);
	if (result == NULL)
		return;
	stats->ryw_checked++;
	if (PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), rename.name) != 0)
	{
		stats->ryw_violations++;
		stats_print_violation(stats, "%s renamed customer %lld to \"%s\" and read another name %.1f ms later",
							  client->label, (long long) rename.customer_id, rename.name,
							  (double) (clock_now_us() - committed_us) / 1000);
	}
	PQclear(result);
}

static TransactionOutcome
rename_body(Client *client, void *arg)
{
	const Rename *rename = arg;
	Params		params = {0};

	params_add_int(&params, rename->customer_id);
	params_add_text(&params, rename->name);
	return client_perform(client, &RENAME, &params) ? TRANSACTION_COMMIT : TRANSACTION_FAILED;
}

static int64_t
count_customers(Client *client)
{
	PGresult   *result = client_execute(client, &COUNT_CUSTOMERS, NULL);
	int64_t		count = 0;

	if (result != NULL)
		count = atoll(PQgetvalue(result, 0, 0));
	PQclear(result);
	return count;
}
