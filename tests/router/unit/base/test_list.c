/*
 * test_list.c
 *	  The intrusive list: order, counting, removal while visiting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

typedef struct Item
{
	int			number;
	ListNode	node;
} Item;

static int
sum_of_digits_in_order(const List *list)
{
	int			digits = 0;

	LIST_FOREACH(node, (List *) list)
		digits = digits * 10 + list_entry(node, Item, node)->number;
	return digits;
}

static void
nodes_keep_their_order(void **state)
{
	Item		items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
	List		list;

	list_init(&list);
	assert_true(list_is_empty(&list));
	assert_null(list_first(&list));
	assert_null(list_last(&list));
	assert_null(list_pop_head(&list));

	list_push_tail(&list, &items[1].node);
	list_push_tail(&list, &items[2].node);
	list_push_head(&list, &items[0].node);
	list_insert_before(&list, &items[2].node, &items[3].node);
	assert_int_equal(list.count, 4);
	assert_int_equal(sum_of_digits_in_order(&list), 1243);
	assert_ptr_equal(list_first(&list), &items[0].node);
	assert_ptr_equal(list_last(&list), &items[2].node);
}

static void
removed_nodes_know_it(void **state)
{
	Item		items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
	List		list;

	list_init(&list);
	for (int i = 0; i < 3; i++)
	{
		assert_false(list_node_is_linked(&items[i].node));
		list_push_tail(&list, &items[i].node);
		assert_true(list_node_is_linked(&items[i].node));
	}
	list_remove(&list, &items[1].node);
	assert_false(list_node_is_linked(&items[1].node));
	assert_int_equal(sum_of_digits_in_order(&list), 13);
	assert_ptr_equal(list_pop_head(&list), &items[0].node);
	assert_ptr_equal(list_pop_head(&list), &items[2].node);
	assert_true(list_is_empty(&list));
}

static void
the_visited_node_may_go(void **state)
{
	Item		items[5] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}, {.number = 5}};
	List		list;

	list_init(&list);
	for (int i = 0; i < 5; i++)
		list_push_tail(&list, &items[i].node);
	LIST_FOREACH(node, &list)
	{
		if (list_entry(node, Item, node)->number % 2 == 1)
			list_remove(&list, node);
	}
	assert_int_equal(sum_of_digits_in_order(&list), 24);
	assert_int_equal(list.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_keep_their_order),
		cmocka_unit_test(removed_nodes_know_it),
		cmocka_unit_test(the_visited_node_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
