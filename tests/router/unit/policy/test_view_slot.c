/*-------------------------------------------------------------------------
 *
 * test_view_slot.c
 *	  The slot between the monitor and a worker: newest wins, no wake is lost.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "policy/view_slot.h"

static TopologyView *
make_view(uint64_t number, uint64_t state)
{
	TopologyView *view = topology_view_create(1);

	view->number = number;
	view->state = state;
	return view;
}

static void
the_newest_is_taken_and_what_it_replaced_is_freed(void **state)
{
	ViewSlot	slot = {0};
	TopologyView *first = topology_view_ref(make_view(1, 1));
	TopologyView *second = make_view(2, 1);

	assert_null(view_slot_take(&slot));
	view_slot_put(&slot, first);
	view_slot_put(&slot, second);
	assert_int_equal(first->refcount, 1);
	assert_ptr_equal(view_slot_take(&slot), second);
	assert_null(view_slot_take(&slot));
	view_slot_put(&slot, first);
	topology_view_unref(second);
	view_slot_fini(&slot);		/* frees the first; the sanitizers are the judges */
}

/* Guards: a change of roles is not looked at by one session before all have been told of it. */
static void
only_what_is_alike_is_exchanged(void **state)
{
	ViewSlot	slot = {0};
	TopologyView *view = make_view(1, 1);

	view_slot_refresh(&slot, &view);
	assert_int_equal(view->number, 1);
	view_slot_put(&slot, make_view(2, 1));
	view_slot_refresh(&slot, &view);
	assert_int_equal(view->number, 2);
	view_slot_put(&slot, make_view(3, 3));
	view_slot_refresh(&slot, &view);
	assert_int_equal(view->number, 2);
	topology_view_unref(view);
	view = view_slot_take(&slot);
	assert_int_equal(view->number, 3);
	topology_view_unref(view);
}

static void
who_puts_is_told_of_who_awaits(void **state)
{
	ViewSlot	slot = {0};

	assert_false(view_slot_put(&slot, make_view(1, 1)));
	assert_true(view_slot_await(&slot));	/* it is there already */
	assert_true(view_slot_put(&slot, make_view(2, 1)));
	assert_false(view_slot_await(&slot));	/* who put it wakes all who wait */
	topology_view_unref(view_slot_take(&slot));
	assert_false(view_slot_await(&slot));
	view_slot_await_no_more(&slot);
	assert_false(view_slot_put(&slot, make_view(3, 1)));
	view_slot_fini(&slot);
}

/* ---------------------------------------------------------------- two threads */

#define ROUNDS 20000

typedef struct Pair
{
	ViewSlot	slot;
	atomic_int	wakes;			/* what a post to the reader's loop would be */
	atomic_uint_least64_t seen; /* number of the last view taken */
	uint64_t	until_us;
} Pair;

/* The next view comes when this one was seen: nothing makes up for a wake that is lost. */
static void *
write_views(void *arg)
{
	Pair	   *pair = arg;

	for (uint64_t number = 1; number <= ROUNDS; number++)
	{
		if (view_slot_put(&pair->slot, make_view(number, number / 3)))
			atomic_fetch_add(&pair->wakes, 1);
		while (atomic_load(&pair->seen) < number)
		{
			if (clock_now_us() > pair->until_us)
				return arg;
			sched_yield();
		}
	}
	return NULL;
}

/* The next view, for a reader that looks only when it has reason to. */
static TopologyView *
wait_for_view(Pair *pair)
{
	TopologyView *view;

	sched_yield();				/* a view that comes now wakes nobody */
	view = view_slot_await(&pair->slot) ? view_slot_take(&pair->slot) : NULL;
	while (view == NULL)
	{
		assert_true(clock_now_us() < pair->until_us);
		sched_yield();
		if (atomic_exchange(&pair->wakes, 0) > 0)
			view = view_slot_take(&pair->slot);	/* the wake may be an older one's */
	}
	view_slot_await_no_more(&pair->slot);
	return view;
}

/* Guards: a view put while its reader begins to wait is seen by one of the two. */
static void
no_wake_is_lost(void **state)
{
	Pair		pair = {.until_us = clock_now_us() + 60 * US_PER_SEC};
	TopologyView *view = make_view(0, 0);
	pthread_t	thread;
	void	   *failed;

	assert_int_equal(pthread_create(&thread, NULL, write_views, &pair), 0);
	for (uint64_t number = 1; number <= ROUNDS; number++)
	{
		view_slot_refresh(&pair.slot, &view);
		if (view->number < number)
		{
			topology_view_unref(view);
			view = wait_for_view(&pair);
		}
		assert_int_equal(view->number, number);
		atomic_store(&pair.seen, number);
	}
	pthread_join(thread, &failed);
	assert_null(failed);
	topology_view_unref(view);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_is_taken_and_what_it_replaced_is_freed),
		cmocka_unit_test(only_what_is_alike_is_exchanged),
		cmocka_unit_test(who_puts_is_told_of_who_awaits),
		cmocka_unit_test(no_wake_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
