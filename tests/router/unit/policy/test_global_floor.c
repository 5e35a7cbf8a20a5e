/*
 * test_global_floor.c
 *		One floor for all sessions of a database: what one commits, all read.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/global_floor.h"

#define THREADS 4
#define COMMITS 10000

static TopologyView *
make_view(Lsn visible_lsn, uint32_t timeline)
{
	TopologyView *view = topology_view_create(1);

	view->primary = 0;
	view->nodes[0].identity = (NodeIdentity) {7, 100, NODE_PRIMARY, timeline};
	view->nodes[0].is_usable = true;
	view->nodes[0].visible_lsn = visible_lsn;
	view->nodes[0].lsn = visible_lsn + 50;
	view->nodes[0].sampled_us = 1;
	return view;
}

static Lsn
floor_of_a_session(GlobalFloor *floor, const TopologyView *view)
{
	SessionPosition session;

	position_init(&session);
	global_floor_apply(floor, view, &session);
	return session.floor;
}

static void
sessions_take_over_what_others_committed(void **state)
{
	GlobalFloors *floors = global_floors_create();
	GlobalFloor *mes = global_floors_get(floors, "mes");
	GlobalFloor *crm = global_floors_get(floors, "crm");
	TopologyView *view = make_view(1000, 1);
	SessionPosition session;

	assert_ptr_equal(global_floors_get(floors, "mes"), mes);
	assert_int_equal(floor_of_a_session(mes, view), 1000);	/* an earlier process may have told of it */
	global_floor_raise(mes, 1200, 1);
	global_floor_raise(mes, 1100, 1);
	assert_int_equal(floor_of_a_session(mes, view), 1200);
	assert_int_equal(floor_of_a_session(crm, view), 1000);
	position_init(&session);
	position_raise(&session, 1300, 1);	/* a token: the session's own */
	global_floor_apply(mes, view, &session);
	assert_int_equal(session.floor, 1300);
	assert_int_equal(floor_of_a_session(mes, view), 1200);
	topology_view_unref(view);
	global_floors_destroy(floors);
}

static void
without_a_primary_nothing_is_known_yet(void **state)
{
	GlobalFloors *floors = global_floors_create();
	GlobalFloor *floor = global_floors_get(floors, "mes");
	TopologyView *view = make_view(1000, 1);

	view->primary = -1;
	assert_int_equal(floor_of_a_session(floor, view), 0);
	view->primary = 0;
	assert_int_equal(floor_of_a_session(floor, view), 1000);
	topology_view_unref(view);
	global_floors_destroy(floors);
}

/* Guards: after a failover nobody waits for what was lost, whether a read or a commit comes first. */
static void
a_lost_floor_is_lowered_for_all(void **state)
{
	GlobalFloors *floors = global_floors_create();
	GlobalFloor *read_first = global_floors_get(floors, "a");
	GlobalFloor *commit_first = global_floors_get(floors, "b");
	TopologyView *view = make_view(1000, 2);
	SessionPosition session;

	global_floor_raise(read_first, 2000, 1);
	global_floor_raise(commit_first, 2000, 1);
	position_init(&session);
	position_raise(&session, 2000, 1);
	global_floor_apply(read_first, view, &session);
	assert_int_equal(session.floor, 1050);
	global_floor_raise(commit_first, 1100, 2);
	assert_int_equal(floor_of_a_session(commit_first, view), 1100);
	position_init(&session);
	position_raise(&session, 2000, 1);
	global_floor_apply(commit_first, view, &session);
	assert_int_equal(session.floor, 1100);
	topology_view_unref(view);
	global_floors_destroy(floors);
}

/* Guards: after a reload to global the floor covers what sessions were told before, and nothing is read until it does. */
static void
it_begins_anew_where_nothing_was_raised(void **state)
{
	GlobalFloors *floors = global_floors_create();
	GlobalFloor *floor = global_floors_get(floors, "mes");
	TopologyView *view = make_view(1000, 1);
	SessionPosition session;

	assert_int_equal(floor_of_a_session(floor, view), 1000);
	global_floors_begin_anew(floors, 60);
	global_floors_begin_anew(floors, 50);	/* another worker, which was quicker */
	global_floor_raise(floor, 1100, 1);
	position_init(&session);
	view->nodes[0].sampled_us = 60;
	assert_false(global_floor_apply(floor, view, &session));
	view->nodes[0].sampled_us = 61;
	view->nodes[0].visible_lsn = 1200;
	assert_true(global_floor_apply(floor, view, &session));
	assert_int_equal(session.floor, 1200);
	assert_true(global_floor_apply(global_floors_get(floors, "crm"), view, &session));
	topology_view_unref(view);
	global_floors_destroy(floors);
}

static void *
commit_many(void *arg)
{
	for (Lsn lsn = 1; lsn <= COMMITS; lsn++)
		global_floor_raise(arg, lsn, 1);
	return NULL;
}

static void
any_thread_may_raise_it(void **state)
{
	GlobalFloors *floors = global_floors_create();
	GlobalFloor *floor = global_floors_get(floors, "mes");
	TopologyView *view = make_view(1, 1);
	pthread_t	threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, commit_many, floor), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(floor_of_a_session(floor, view), COMMITS);
	topology_view_unref(view);
	global_floors_destroy(floors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_take_over_what_others_committed),
		cmocka_unit_test(without_a_primary_nothing_is_known_yet),
		cmocka_unit_test(a_lost_floor_is_lowered_for_all),
		cmocka_unit_test(it_begins_anew_where_nothing_was_raised),
		cmocka_unit_test(any_thread_may_raise_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
