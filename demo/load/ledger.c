/*
 * ledger.c
 *	  Commits and notifications that wait for each other; see ledger.h.
 *
 * A hash table of chains by order. Entries live for a few milliseconds, so
 * chains are short whatever the number of orders.
 */
#include "load/ledger.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 4096

typedef struct Node
{
	LedgerEntry entry;
	struct Node *next;			/* owned by the chain */
} Node;

struct Ledger
{
	pthread_mutex_t lock;		/* guards all below */
	Node	   *buckets[BUCKETS];
	size_t		waiting;
};

static Node **chain_of(Ledger *ledger, int64_t order_id);
static Node **find_link(Ledger *ledger, int64_t order_id, OrderStatus status);
static Node *add_node(Ledger *ledger, int64_t order_id, OrderStatus status);
static void remove_at(Ledger *ledger, Node **link);

Ledger *
ledger_create(void)
{
	Ledger	   *ledger = calloc(1, sizeof(*ledger));

	if (ledger != NULL)
		pthread_mutex_init(&ledger->lock, NULL);
	return ledger;
}

void
ledger_destroy(Ledger *ledger)
{
	for (int i = 0; i < BUCKETS; i++)
	{
		while (ledger->buckets[i] != NULL)
			remove_at(ledger, &ledger->buckets[i]);
	}
	pthread_mutex_destroy(&ledger->lock);
	free(ledger);
}

bool
ledger_add_commit(Ledger *ledger, int64_t order_id, OrderStatus status,
				  int64_t at_us, int64_t *delay_us)
{
	Node	  **link;
	bool		matched = false;

	pthread_mutex_lock(&ledger->lock);
	link = find_link(ledger, order_id, status);
	if (*link != NULL && (*link)->entry.notified_us != 0)
	{
		*delay_us = 0;			/* announced before the reply was read */
		remove_at(ledger, link);
		matched = true;
	}
	else if (*link == NULL)
	{
		Node	   *node = add_node(ledger, order_id, status);

		if (node != NULL)
			node->entry.committed_us = at_us;
	}
	pthread_mutex_unlock(&ledger->lock);
	return matched;
}

bool
ledger_add_notification(Ledger *ledger, int64_t order_id, OrderStatus status,
						int64_t at_us, int64_t *delay_us)
{
	Node	  **link;
	bool		matched = false;

	pthread_mutex_lock(&ledger->lock);
	link = find_link(ledger, order_id, status);
	if (*link != NULL && (*link)->entry.committed_us != 0)
	{
		*delay_us = at_us - (*link)->entry.committed_us;
		remove_at(ledger, link);
		matched = true;
	}
	else if (*link == NULL)
	{
		Node	   *node = add_node(ledger, order_id, status);

		if (node != NULL)
			node->entry.notified_us = at_us;
	}
	pthread_mutex_unlock(&ledger->lock);
	return matched;
}

void
ledger_settle_commits(Ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	for (int i = 0; i < BUCKETS; i++)
	{
		Node	  **link = &ledger->buckets[i];

		while (*link != NULL)
		{
			if ((*link)->entry.committed_us != 0)
				remove_at(ledger, link);
			else
				link = &(*link)->next;
		}
	}
	pthread_mutex_unlock(&ledger->lock);
}

size_t
ledger_waiting_count(Ledger *ledger)
{
	size_t		waiting;

	pthread_mutex_lock(&ledger->lock);
	waiting = ledger->waiting;
	pthread_mutex_unlock(&ledger->lock);
	return waiting;
}

void
ledger_visit_waiting(Ledger *ledger, void (*visit) (const LedgerEntry *entry, void *arg),
					 void *arg)
{
	pthread_mutex_lock(&ledger->lock);
	for (int i = 0; i < BUCKETS; i++)
	{
		for (Node *node = ledger->buckets[i]; node != NULL; node = node->next)
			visit(&node->entry, arg);
	}
	pthread_mutex_unlock(&ledger->lock);
}

static Node **
chain_of(Ledger *ledger, int64_t order_id)
{
	return &ledger->buckets[(uint64_t) order_id % BUCKETS];
}

/* Where the entry hangs; the chain's end when there is none. */
static Node **
find_link(Ledger *ledger, int64_t order_id, OrderStatus status)
{
	Node	  **link = chain_of(ledger, order_id);

	while (*link != NULL &&
		   ((*link)->entry.order_id != order_id || (*link)->entry.status != status))
		link = &(*link)->next;
	return link;
}

static Node *
add_node(Ledger *ledger, int64_t order_id, OrderStatus status)
{
	Node	  **chain = chain_of(ledger, order_id);
	Node	   *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->entry.order_id = order_id;
	node->entry.status = status;
	node->next = *chain;
	*chain = node;
	ledger->waiting++;
	return node;
}

static void
remove_at(Ledger *ledger, Node **link)
{
	Node	   *node = *link;

	*link = node->next;
	ledger->waiting--;
	free(node);
}
