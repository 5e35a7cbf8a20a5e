/*-------------------------------------------------------------------------
 *
 * board_order.c
 *	  The order of a board's rows: order_by, then what it lacks of the key.
 *
 * The names in order_by are those of the definition's columns.  They are looked
 * up in the definition's view, not in the board: a column of the board that has
 * been renamed is still the column of that position.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/spi_util.h"
#include "board/board_order.h"

static void add_item(BoardOrder *order, const Board *board, AttrNumber attno, const SortBy *sort);
static AttrNumber find_column(const Board *board, const char *name);

List *
board_order_parse(const char *order_by)
{
	char	   *query = psprintf("SELECT ORDER BY %s", order_by);
	ErrorContextCallback callback = {error_context_stack, spi_util_on_text_error, query};
	List	   *statements;
	SelectStmt *select;
	bool		plain;
	ListCell   *cell;

	error_context_stack = &callback;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;

	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	plain = list_length(statements) == 1 && IsA(select, SelectStmt) &&
		select->op == SETOP_NONE && select->limitCount == NULL &&
		select->limitOffset == NULL && select->lockingClause == NIL;
	foreach(cell, plain ? select->sortClause : NIL)
	{
		SortBy	   *item = lfirst_node(SortBy, cell);

		plain = plain && IsA(item->node, ColumnRef) && item->sortby_dir != SORTBY_USING &&
			list_length(((ColumnRef *) item->node)->fields) == 1 &&
			IsA(linitial(((ColumnRef *) item->node)->fields), String);
	}
	if (!plain)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the order of a board must be a list of its columns"),
				 errdetail("Given: %s.", order_by),
				 errhint("For example 'priority DESC, due_date NULLS LAST, id'; compute what else you need in the definition.")));
	return select->sortClause;
}

BoardOrder *
board_order_create(const Board *board)
{
	List	   *sorts = board->order_by ? board_order_parse(board->order_by) : NIL;
	BoardOrder *order = palloc0(sizeof(BoardOrder));
	Bitmapset  *seen = NULL;
	ListCell   *cell;

	order->items = palloc0(sizeof(BoardOrderItem) * (list_length(sorts) + board->nkeys));
	foreach(cell, sorts)
	{
		SortBy	   *sort = lfirst_node(SortBy, cell);
		AttrNumber	attno = find_column(board, strVal(linitial(((ColumnRef *) sort->node)->fields)));

		if (bms_is_member(attno, seen))
			continue;
		seen = bms_add_member(seen, attno);
		add_item(order, board, attno, sort);
	}
	for (int i = 0; i < board->nkeys; i++)
		if (!bms_is_member(board->key_attnos[i], seen))
			add_item(order, board, board->key_attnos[i], NULL);
	return order;
}

void
board_order_append_sort(StringInfo buf, const Board *board, const BoardOrder *order,
						const char *prefix)
{
	appendStringInfo(buf, "%s%s", prefix,
					 quote_identifier(board->column_names[board->status_attno - 1]));
	for (int i = 0; i < order->n; i++)
		if (order->items[i].attno != board->status_attno)
			appendStringInfo(buf, ", %s%s %s %s", prefix,
							 quote_identifier(board->column_names[order->items[i].attno - 1]),
							 order->items[i].descending ? "DESC" : "ASC",
							 order->items[i].nulls_first ? "NULLS FIRST" : "NULLS LAST");
}

/* sort is NULL for a column of the key that order_by does not name. */
static void
add_item(BoardOrder *order, const Board *board, AttrNumber attno, const SortBy *sort)
{
	BoardOrderItem *item = &order->items[order->n++];
	int32		typmod;
	TypeCacheEntry *type;

	item->attno = attno;
	get_atttypetypmodcoll(board->relid, attno, &item->type, &typmod, &item->collation);
	item->type = getBaseType(item->type);
	item->descending = sort && sort->sortby_dir == SORTBY_DESC;
	item->nulls_first = item->descending;
	if (sort && sort->sortby_nulls != SORTBY_NULLS_DEFAULT)
		item->nulls_first = sort->sortby_nulls == SORTBY_NULLS_FIRST;
	type = lookup_type_cache(item->type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_EQ_OPR);
	item->before_op = item->descending ? type->gt_opr : type->lt_opr;
	item->after_op = item->descending ? type->lt_opr : type->gt_opr;
	item->equal_op = type->eq_opr;
}

static AttrNumber
find_column(const Board *board, const char *name)
{
	AttrNumber	attno = get_attnum(board->view, name);

	if (attno <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of the order of board %s does not exist", name,
						board->qualified),
				 errhint("Columns of view %s must keep the names that the board was created with.",
						 spi_util_relation_name(board->view))));
	return attno;
}
