/*-------------------------------------------------------------------------
 *
 * test_topology_view.c
 *	  The view of the nodes: references, copies, identities.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "policy/topology_view.h"

static void
a_new_view_knows_nothing(void **state)
{
	TopologyView *view = topology_view_create(3);

	assert_int_equal(view->refcount, 1);
	assert_int_equal(view->nnodes, 3);
	assert_int_equal(view->primary, -1);
	assert_int_equal(view->system_id, 0);
	for (int i = 0; i < view->nnodes; i++)
	{
		assert_int_equal(view->nodes[i].identity.role, NODE_UNKNOWN);
		assert_false(view->nodes[i].is_usable);
		assert_int_equal(view->nodes[i].lsn, 0);
	}
	topology_view_unref(view);
	topology_view_unref(NULL);
}

static void
a_copy_has_its_own_life(void **state)
{
	TopologyView *view = topology_view_create(2);
	TopologyView *copy;

	view->number = 7;
	view->state = 5;
	view->system_id = 42;
	view->primary = 1;
	view->has_synchronous = true;
	view->nodes[1].name = "north";
	view->nodes[1].lsn = 0x1600000;
	topology_view_ref(view);
	copy = topology_view_copy(view);
	topology_view_unref(view);
	topology_view_unref(view);

	assert_int_equal(copy->refcount, 1);
	assert_int_equal(copy->number, 7);
	assert_int_equal(copy->state, 5);
	assert_int_equal(copy->system_id, 42);
	assert_int_equal(copy->primary, 1);
	assert_true(copy->has_synchronous);
	assert_string_equal(copy->nodes[1].name, "north");
	assert_int_equal(copy->nodes[1].lsn, 0x1600000);
	topology_view_unref(copy);
}

#define THREADS 4
#define ROUNDS 50000

static void *
ref_and_unref(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
	{
		TopologyView *view = topology_view_ref(arg);

		if (view->nodes[0].lsn != 99)
			return arg;
		topology_view_unref(view);
	}
	topology_view_unref(arg);
	return NULL;
}

/* The last of many threads frees it; the sanitizers are the judges. */
static void
references_may_be_dropped_by_any_thread(void **state)
{
	TopologyView *view = topology_view_create(1);
	pthread_t	threads[THREADS];
	void	   *failed;

	view->nodes[0].lsn = 99;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, topology_view_ref(view)), 0);
	topology_view_unref(view);
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static void
identities_differ_in_every_part(void **state)
{
	const NodeIdentity one = {.system_id = 1, .postmaster_start_us = 2, .role = NODE_REPLICA, .timeline = 3};
	NodeIdentity other = one;

	assert_true(node_identity_equals(&one, &other));
	other.system_id++;
	assert_false(node_identity_equals(&one, &other));
	other = one;
	other.postmaster_start_us++;	/* restarted */
	assert_false(node_identity_equals(&one, &other));
	other = one;
	other.role = NODE_PRIMARY;	/* promoted */
	assert_false(node_identity_equals(&one, &other));
	other = one;
	other.timeline++;
	assert_false(node_identity_equals(&one, &other));
}

static bool
drop_after_comparing(TopologyView *view, const TopologyView *before)
{
	bool		is_alike = topology_view_is_alike(view, before);

	topology_view_unref(view);
	return is_alike;
}

/* Is a copy alike that differs so? */
#define is_alike_but(change) \
	({ \
		TopologyView *view = topology_view_copy(before); \
		NodeView   *node = &view->nodes[1]; \
		node->sampled_us++; \
		change; \
		drop_after_comparing(view, before); \
	})

/* Guards: only positions and times may change without all being woken. */
static void
positions_and_times_alone_make_no_other_state(void **state)
{
	TopologyView *before = topology_view_create(2);

	before->primary = 0;
	before->nodes[1].is_usable = true;
	before->nodes[1].lsn = 0x1000;
	assert_true(is_alike_but(view->number++));
	assert_true(is_alike_but(view->shown_us = node->shown_us = node->hidden_us = 77));
	assert_true(is_alike_but(node->lsn = node->visible_lsn = node->flush_lsn = 0x2000));
	assert_true(is_alike_but(node->unflushed_us = node->lag_us = node->lag_bytes = 77));

	assert_false(is_alike_but(view->primary = 1));
	assert_false(is_alike_but(view->system_id++));
	assert_false(is_alike_but(view->former_timeline++));
	assert_false(is_alike_but(view->fork_lsn++));
	assert_false(is_alike_but(view->has_synchronous = true));
	assert_false(is_alike_but(node->identity.role = NODE_PRIMARY));
	assert_false(is_alike_but(node->is_usable = false));
	assert_false(is_alike_but(node->usable_since_us++));
	assert_false(is_alike_but(node->weight++));
	assert_false(is_alike_but(node->lsn = 0));
	assert_false(is_alike_but(strcpy(node->address, "127.0.0.2")));
	assert_false(is_alike_but(strcpy(node->why, "no answer")));
	topology_view_unref(before);
}

static void
roles_have_names(void **state)
{
	assert_string_equal(node_role_name(NODE_PRIMARY), "primary");
	assert_string_equal(node_role_name(NODE_REPLICA), "replica");
	assert_string_equal(node_role_name(NODE_UNKNOWN), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_view_knows_nothing),
		cmocka_unit_test(a_copy_has_its_own_life),
		cmocka_unit_test(references_may_be_dropped_by_any_thread),
		cmocka_unit_test(identities_differ_in_every_part),
		cmocka_unit_test(positions_and_times_alone_make_no_other_state),
		cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
