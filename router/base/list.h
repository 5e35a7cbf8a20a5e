/*-------------------------------------------------------------------------
 *
 * list.h
 *	  Intrusive doubly linked list.
 *
 * The node lives inside the object it links; the list owns nothing.  A node
 * that is in no list has next == NULL, so list_node_is_linked() can be asked
 * of any initialised (zeroed) node.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_LIST_H
#define ROUTER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ListNode
{
	struct ListNode *prev;
	struct ListNode *next;
} ListNode;

typedef struct List
{
	ListNode	head;			/* head.next is the first, head.prev the last */
	size_t		count;
} List;

/* The object of the given type whose member is the given node. */
#define list_entry(node, type, member) \
	((type *) ((char *) (node) - offsetof(type, member)))

/* Visit each node; the visited node may be removed by the body. */
#define LIST_FOREACH(node, list) \
	for (ListNode *node = (list)->head.next, *node##_next = node->next; \
		 node != &(list)->head; node = node##_next, node##_next = node->next)

static inline void
list_init(List *list)
{
	list->head.prev = list->head.next = &list->head;
	list->count = 0;
}

static inline bool
list_is_empty(const List *list)
{
	return list->count == 0;
}

static inline bool
list_node_is_linked(const ListNode *node)
{
	return node->next != NULL;
}

static inline void
list_insert_before(List *list, ListNode *position, ListNode *node)
{
	node->prev = position->prev;
	node->next = position;
	position->prev->next = node;
	position->prev = node;
	list->count++;
}

static inline void
list_push_tail(List *list, ListNode *node)
{
	list_insert_before(list, &list->head, node);
}

static inline void
list_push_head(List *list, ListNode *node)
{
	list_insert_before(list, list->head.next, node);
}

static inline void
list_remove(List *list, ListNode *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
	list->count--;
}

static inline ListNode *
list_first(const List *list)
{
	return list->count == 0 ? NULL : list->head.next;
}

static inline ListNode *
list_last(const List *list)
{
	return list->count == 0 ? NULL : list->head.prev;
}

static inline ListNode *
list_pop_head(List *list)
{
	ListNode   *node = list_first(list);

	if (node != NULL)
		list_remove(list, node);
	return node;
}

#endif							/* ROUTER_BASE_LIST_H */
