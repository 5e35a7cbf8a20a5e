/*-------------------------------------------------------------------------
 *
 * test_monitor.c
 *	  The monitor against nodes that say what the test wants.
 *
 * The nodes are fakes (probed_node.h) that run in the test's loop, the monitor in
 * its own thread, as it always does.  What the test changes in a fake shows in
 * some later view: tests wait for it.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "router/unit/net/turns.h"
#include "router/unit/topology/probed_node.h"
#include "topology/monitor.h"

#define FAKES 3

typedef struct Stage
{
	Loop	   *loop;
	ProbedNode	fakes[FAKES];
	MonitorNode nodes[FAKES];
	Monitor    *monitor;
	ViewSlot	slot;
	TopologyView *view;			/* the last one; a reference */
	int			views;
	int			wakes;
} Stage;

/* ---------------------------------------------------------------- the names */

/* Where south.test leads; NULL: nobody knows.  The resolver's thread looks. */
static _Atomic(const char *) south_address = "127.0.0.1";

/* The system's, but that it knows south.test. */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static int	(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node != NULL && strcmp(node, "south.test") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0)
	{
		node = atomic_load(&south_address);
		if (node == NULL)
			return EAI_NONAME;
	}
	return real(node, service, hints, found);
}

/* ---------------------------------------------------------------- the stage */

static void
on_view(void *arg)
{
	Stage	   *stage = arg;
	TopologyView *view = view_slot_take(&stage->slot);

	stage->wakes++;
	if (view == NULL)
		return;
	assert_true(stage->view == NULL || view->number > stage->view->number);
	topology_view_unref(stage->view);
	stage->view = view;
	stage->views++;
}

/* North is primary, south and east are its replicas. */
static int
set_stage_probed_every(void **state, uint64_t interval_us)
{
	static const char *const names[FAKES] = {"north", "south", "east"};
	Stage	   *stage = calloc(1, sizeof(Stage));
	Error		error;
	MonitorConfig config = {
		.nodes = stage->nodes,
		.nnodes = FAKES,
		.user = "monitor",
		.database = "postgres",
		.probe_interval_us = interval_us,
		.probe_timeout_us = 300 * US_PER_MS,
		.name_ttl_us = 5 * US_PER_MS,
		.facts_interval_us = 60 * US_PER_SEC
	};
	MonitorSubscriber subscriber = {.views = &stage->slot, .on_view = on_view, .arg = stage};

	stage->loop = subscriber.loop = loop_create();
	for (int i = 0; i < FAKES; i++)
	{
		ProbedNode *fake = &stage->fakes[i];

		*fake = (ProbedNode) {
			.loop = stage->loop, .system_id = 4711, .start_us = 1000 + (uint64_t) i,
			.in_recovery = i > 0, .timeline = 1, .lsn = 0x1000
		};
		probed_node_open(fake);
		stage->nodes[i] = (MonitorNode) {names[i], "127.0.0.1", fake->port, 1};
	}
	stage->monitor = monitor_create(&config, &error);
	monitor_subscribe(stage->monitor, &subscriber);
	view_slot_await(&stage->slot);	/* most tests want all */
	*state = stage;
	return 0;
}

static int
set_stage(void **state)
{
	return set_stage_probed_every(state, 5 * US_PER_MS);
}

/* Only what makes the monitor ask out of turn makes it ask. */
static int
set_quiet_stage(void **state)
{
	return set_stage_probed_every(state, 3600 * US_PER_SEC);
}

static int
clear_stage(void **state)
{
	Stage	   *stage = *state;

	monitor_stop(stage->monitor);
	loop_stop(stage->loop);
	loop_run(stage->loop);		/* what was posted until then */
	monitor_destroy(stage->monitor);
	for (int i = 0; i < FAKES; i++)
		probed_node_kill(&stage->fakes[i]);
	topology_view_unref(stage->view);
	view_slot_fini(&stage->slot);
	loop_destroy(stage->loop);
	free(stage);
	return 0;
}

static void
start(Stage *stage)
{
	Error		error;

	assert_true(monitor_start(stage->monitor, &error));
}

#define run_until(stage, condition) wait_until((stage)->loop, (stage)->view != NULL && (condition))

#define NODE(i) (&stage->view->nodes[i])

static bool
all_usable(const Stage *stage)
{
	for (int i = 0; i < FAKES; i++)
		if (!stage->view->nodes[i].is_usable || stage->view->nodes[i].lsn == 0)
			return false;
	return true;
}

/* ---------------------------------------------------------------- tests */

static void
roles_and_positions_are_found_out(void **state)
{
	Stage	   *stage = *state;

	stage->fakes[0].has_synchronous = true;
	stage->fakes[0].lsn = 0x3000;
	stage->fakes[2].lsn = 0x3000;
	start(stage);
	run_until(stage, all_usable(stage));
	assert_int_equal(stage->view->primary, 0);
	assert_int_equal(stage->view->system_id, 4711);
	assert_true(stage->view->has_synchronous);
	assert_string_equal(NODE(1)->name, "south");
	assert_int_equal(NODE(0)->identity.role, NODE_PRIMARY);
	assert_int_equal(NODE(1)->identity.role, NODE_REPLICA);
	assert_int_equal(NODE(1)->identity.postmaster_start_us, 1001);
	assert_int_equal(NODE(0)->lsn, 0x3000);
	run_until(stage, NODE(1)->lag_bytes == 0x2000 && NODE(1)->lag_us > 0);
	assert_int_equal(NODE(2)->lag_us, 0);
	assert_string_equal(NODE(1)->why, "");

	stage->fakes[1].lsn = 0x3000;
	run_until(stage, NODE(1)->lag_bytes == 0);
	assert_int_equal(NODE(1)->lag_us, 0);

	/* a record that an idle primary leaves unflushed makes no replica late */
	stage->fakes[0].unflushed = 0x40;
	stage->fakes[0].lsn = 0x3040;
	run_until(stage, NODE(0)->lsn == 0x3040);
	assert_int_equal(NODE(1)->lag_bytes, 0);
	assert_int_equal(NODE(1)->lag_us, 0);
}

/* Guards: a session that has read on the primary waits for no running transaction's WAL. */
static void
running_transactions_move_the_insert_position_only(void **state)
{
	Stage	   *stage = *state;
	ProbedNode *north = &stage->fakes[0];

	start(stage);
	run_until(stage, all_usable(stage));
	assert_int_equal(NODE(0)->visible_lsn, 0x1000);
	assert_int_equal(NODE(1)->visible_lsn, 0x1000);

	north->unflushed = 0x80;
	north->lsn = 0x1080;
	run_until(stage, NODE(0)->lsn == 0x1080 && NODE(0)->unflushed_us > 0);
	assert_int_equal(NODE(0)->visible_lsn, 0x1000);
	assert_int_equal(NODE(0)->flush_lsn, 0x1000);

	north->ended++;
	run_until(stage, NODE(0)->visible_lsn == 0x1080);

	/* a crash may have taken it back: the same number may stand for others */
	north->lsn += 0x10;
	probed_node_drop_all(north);
	run_until(stage, NODE(0)->lsn == 0x1090);
	assert_int_equal(NODE(0)->visible_lsn, 0x1090);
}

/* Guards: that the primary hides what a replica shows gets into the views, and out of them. */
static void
a_hidden_commit_is_known(void **state)
{
	Stage	   *stage = *state;
	ProbedNode *north = &stage->fakes[0];
	ProbedNode *south = &stage->fakes[1];

	north->has_synchronous = north->runs = south->shows = true;
	north->ended = 5;
	south->ended = 6;
	stage->fakes[2].lsn -= 0x100;	/* has not come to it */
	start(stage);
	run_until(stage, NODE(1)->hidden_us > 0 && NODE(2)->shown_us > 0);
	assert_int_equal(NODE(1)->shown_us, 0);
	assert_int_equal(NODE(2)->hidden_us, 0);
	assert_int_equal(stage->view->shown_us, 0);
	north->runs = false;
	north->ended = 6;
	run_until(stage, NODE(1)->shown_us > 0 && stage->view->shown_us > 0);
	assert_int_equal(NODE(1)->hidden_us, 0);
}

/* What was asked for after a moment is answered by samples begun after it. */
static void
a_requested_sample_is_begun_after_the_request(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	for (int i = 0; i < 50; i++)
	{
		uint64_t	asked_us = clock_now_us();

		stage->fakes[1].lsn += 0x10;
		monitor_request_probe(stage->monitor);
		run_until(stage, NODE(1)->sampled_us >= asked_us);
		assert_int_equal(NODE(1)->lsn, stage->fakes[1].lsn);
	}
}

/* Take views from the slot until one tells of a position that was not there before. */
static void
see_new_position(Stage *stage)
{
	stage->fakes[1].lsn += 0x10;
	monitor_request_probe(stage->monitor);
	for (uint64_t until_us = clock_now_us() + WAIT_SECS * US_PER_SEC; NODE(1)->lsn != stage->fakes[1].lsn;)
	{
		assert_true(clock_now_us() < until_us);
		turn_loop(stage->loop);
		view_slot_refresh(&stage->slot, &stage->view);
	}
	turn_loop(stage->loop);		/* whoever was woken runs */
}

/* Guards: positions wake nobody who does not await them; a change of roles, and a sign of one, wake all. */
static void
only_what_concerns_all_wakes_all(void **state)
{
	Stage	   *stage = *state;
	int			wakes;

	start(stage);
	run_until(stage, all_usable(stage));
	view_slot_await_no_more(&stage->slot);
	see_new_position(stage);
	wakes = stage->wakes;
	for (int i = 0; i < 10; i++)
		see_new_position(stage);
	assert_int_equal(stage->wakes, wakes);

	monitor_report_suspicion(stage->monitor, 0);
	run_until(stage, stage->wakes >= wakes + 3);
	probed_node_kill(&stage->fakes[0]);
	run_until(stage, stage->view->primary < 0);
}

static void
a_frozen_node_is_silent_until_it_thaws(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	probed_node_freeze(&stage->fakes[2], true);
	run_until(stage, !NODE(2)->is_usable);
	assert_int_equal(NODE(2)->lsn, 0);
	assert_non_null(strstr(NODE(2)->why, "no answer within 300 ms"));
	assert_int_equal(stage->view->primary, 0);
	probed_node_freeze(&stage->fakes[2], false);
	run_until(stage, all_usable(stage));
}

/* One frozen node must not keep the others from being told at the start. */
static void
a_node_frozen_from_the_start_does_not_hold_up_the_rest(void **state)
{
	Stage	   *stage = *state;

	probed_node_freeze(&stage->fakes[1], true);
	start(stage);
	run_until(stage, stage->view->primary == 0 && NODE(2)->is_usable);
	assert_false(NODE(1)->is_usable);
}

/* The node may have been restarted: it is still good, its position is not known. */
static void
a_lost_connection_voids_the_position(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	probed_node_freeze(&stage->fakes[1], true);	/* it does not get back in */
	probed_node_drop_all(&stage->fakes[1]);
	run_until(stage, NODE(1)->lsn == 0);
	assert_true(NODE(1)->is_usable || strlen(NODE(1)->why) > 0);
	stage->fakes[1].start_us = 2000;
	stage->fakes[1].lsn = 0x800;
	probed_node_freeze(&stage->fakes[1], false);
	run_until(stage, NODE(1)->lsn == 0x800);
	assert_int_equal(NODE(1)->identity.postmaster_start_us, 2000);
}

/* Guards: a name that leads elsewhere is followed while the old node is still there and answers. */
static void
a_name_is_followed(void **state)
{
	Stage	   *stage = *state;
	ProbedNode	moved = stage->fakes[1];

	moved.address = "127.0.0.2";
	moved.start_us = 5000;
	probed_node_open(&moved);
	atomic_store(&south_address, "127.0.0.1");
	stage->nodes[1].host = "south.test";
	start(stage);
	run_until(stage, all_usable(stage));
	assert_string_equal(NODE(1)->address, "127.0.0.1");
	assert_int_equal(NODE(1)->identity.postmaster_start_us, 1001);
	atomic_store(&south_address, "127.0.0.2");
	run_until(stage, NODE(1)->identity.postmaster_start_us == 5000 && all_usable(stage));
	assert_string_equal(NODE(1)->address, "127.0.0.2");
	assert_string_equal(NODE(1)->host, "south.test");
	run_until(stage, list_is_empty(&stage->fakes[1].connections));

	/* a name that cannot be looked up is no reason to leave */
	atomic_store(&south_address, NULL);
	for (int views = stage->views + 20; stage->views < views;)
		turn_loop(stage->loop);
	assert_string_equal(NODE(1)->address, "127.0.0.2");
	assert_true(NODE(1)->is_usable);
	monitor_stop(stage->monitor);
	probed_node_kill(&moved);
}

static void
a_refused_connection_needs_no_waiting(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	probed_node_kill(&stage->fakes[0]);
	run_until(stage, stage->view->primary < 0);
	assert_non_null(strstr(NODE(0)->why, "refused"));
	assert_true(NODE(1)->is_usable && NODE(2)->is_usable);	/* reads go on */
	probed_node_open(&stage->fakes[0]);
	run_until(stage, stage->view->primary == 0);
}

static void
failover_and_the_return_of_the_old_primary(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	probed_node_freeze(&stage->fakes[0], true);
	run_until(stage, stage->view->primary < 0);

	stage->fakes[1].in_recovery = false;
	stage->fakes[1].began = 0x1800;
	stage->fakes[1].timeline = 2;
	run_until(stage, stage->view->primary == 1);
	assert_int_equal(NODE(1)->identity.timeline, 2);
	assert_int_equal(stage->view->former_timeline, 1);
	assert_int_equal(stage->view->fork_lsn, 0x1800);
	assert_true(NODE(2)->is_usable);	/* it is where both timelines agree */
	stage->fakes[2].lsn = 0x1801;	/* it went on on the old one */
	run_until(stage, !NODE(2)->is_usable);
	stage->fakes[2].lsn = 0x1800;
	run_until(stage, NODE(2)->is_usable);

	/* Thawed, it still takes itself for the primary. */
	probed_node_freeze(&stage->fakes[0], false);
	run_until(stage, NODE(0)->lsn != 0);
	assert_int_equal(stage->view->primary, 1);
	assert_false(NODE(0)->is_usable);
	assert_non_null(strstr(NODE(0)->why, "old primary"));

	/* East may follow it, past where both agree. */
	run_until(stage, !NODE(2)->is_usable);
	stage->fakes[2].timeline = 2;
	run_until(stage, NODE(2)->is_usable);
}

static void
promote(ProbedNode *fake)
{
	fake->in_recovery = false;
	fake->timeline++;
}

/* Guards: a lost connection is a sign of more: all are asked at once, and again soon, not only at the next interval. */
static void
a_lost_primary_makes_all_be_asked(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	promote(&stage->fakes[1]);
	probed_node_kill(&stage->fakes[0]);
	run_until(stage, stage->view->primary == 1);
}

/* Guards: so is a write that a server refuses because it is a primary no more; a worker tells. */
static void
a_reported_sign_makes_all_be_asked(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	promote(&stage->fakes[1]);
	monitor_report_suspicion(stage->monitor, 0);
	run_until(stage, stage->view->primary == 1);
	assert_false(NODE(0)->is_usable);
}

/* Without its upstream a replica only knows the timeline of its control file. */
static void
a_timeline_does_not_go_back_within_a_life(void **state)
{
	Stage	   *stage = *state;

	for (int i = 0; i < FAKES; i++)
		stage->fakes[i].timeline = 7;
	start(stage);
	run_until(stage, all_usable(stage));
	probed_node_kill(&stage->fakes[0]);
	stage->fakes[1].timeline = 6;
	stage->fakes[1].lsn = 0x2000;
	run_until(stage, stage->view->primary < 0 && NODE(1)->lsn == 0x2000);
	assert_true(NODE(1)->is_usable);
	assert_int_equal(NODE(1)->identity.timeline, 7);
}

static void
a_foreign_node_is_refused(void **state)
{
	Stage	   *stage = *state;

	stage->fakes[2].system_id = 815;
	start(stage);
	run_until(stage, stage->view->primary == 0 && NODE(1)->is_usable);
	assert_false(NODE(2)->is_usable);
	assert_non_null(strstr(NODE(2)->why, "another cluster"));
}

static void
nobody_there(void **state)
{
	Stage	   *stage = *state;

	for (int i = 0; i < FAKES; i++)
		probed_node_kill(&stage->fakes[i]);
	start(stage);
	run_until(stage, stage->view->number >= 1);
	assert_int_equal(stage->view->primary, -1);
	for (int i = 0; i < FAKES; i++)
	{
		assert_false(NODE(i)->is_usable);
		assert_non_null(strstr(NODE(i)->why, "refused"));
	}
}

static void *
ask_often(void *arg)
{
	Monitor    *monitor = arg;

	for (int i = 0; i < 2000; i++)
	{
		monitor_request_probe(monitor);
		if (i % 50 == 0)
			monitor_report_suspicion(monitor, i % FAKES);
		if (i % 500 == 0)
		{
			monitor_ask_facts(monitor, "mes", FACTS_WANT);
			monitor_ask_facts(monitor, "mes", FACTS_AFTER_DDL);
		}
	}
	return NULL;
}

/* Workers ask while it runs, while it stops and when it has stopped. */
static void
any_thread_may_ask_until_it_is_destroyed(void **state)
{
	Stage	   *stage = *state;
	pthread_t	threads[3];

	start(stage);
	run_until(stage, all_usable(stage));
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, stage->monitor), 0);
	monitor_stop(stage->monitor);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	monitor_request_probe(stage->monitor);
	monitor_ask_facts(stage->monitor, "crm", FACTS_WANT);
}

static void
requests_that_come_together_are_one(void **state)
{
	Stage	   *stage = *state;
	int			before;

	start(stage);
	run_until(stage, all_usable(stage));
	before = stage->fakes[1].probes;
	ask_often(stage->monitor);	/* the fakes answer when we let the loop turn */
	assert_int_equal(stage->fakes[1].probes, before);
	turn_loop(stage->loop);
	assert_true(stage->fakes[1].probes - before < 200);
}

static void
impossible_configurations_are_errors(void **state)
{
	MonitorConfig config = {.nnodes = 0};
	Error		error;

	assert_null(monitor_create(&config, &error));
	assert_true(strlen(error.hint) > 0);
	config.nnodes = TOPOLOGY_MAX_NODES + 1;
	assert_null(monitor_create(&config, &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(roles_and_positions_are_found_out, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(running_transactions_move_the_insert_position_only, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_hidden_commit_is_known, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_requested_sample_is_begun_after_the_request, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(only_what_concerns_all_wakes_all, set_quiet_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_frozen_node_is_silent_until_it_thaws, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_node_frozen_from_the_start_does_not_hold_up_the_rest, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_lost_connection_voids_the_position, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_name_is_followed, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_refused_connection_needs_no_waiting, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(failover_and_the_return_of_the_old_primary, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_lost_primary_makes_all_be_asked, set_quiet_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_reported_sign_makes_all_be_asked, set_quiet_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_timeline_does_not_go_back_within_a_life, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_foreign_node_is_refused, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(nobody_there, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(any_thread_may_ask_until_it_is_destroyed, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(requests_that_come_together_are_one, set_stage, clear_stage),
		cmocka_unit_test(impossible_configurations_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
