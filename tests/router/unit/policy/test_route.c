/*
 * test_route.c
 *	  The routing decision as a table, and the floor's rules behind it.
 *
 * The cluster of each case: node 0 is the primary at LSN 1000, nodes 1 and 2
 * are replicas at 900 and 800; samples were taken at time 50.  What can be read
 * on the primary is covered by 950; it has flushed all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/route.h"

#define SAMPLED 50

typedef struct RouteCase
{
	const char *name;
	bool		is_read;
	Lsn			floor;
	int			last_node;		/* -1: none */
	uint64_t	uncovered_us;
	Consistency consistency;
	bool		patience_over;
	bool		insists;
	uint64_t	excluded;
	int			load[3];
	const char *broken;			/* nodes that are not usable, by digit */
	RouteAction action;
	int			node;
	RouteReason reason;
} RouteCase;

#define S CONSISTENCY_SESSION
#define E CONSISTENCY_EVENTUAL
#define P CONSISTENCY_PRIMARY

static const RouteCase cases[] = {
	/* name                            read  floor last uncov cons over insists excl load     broken action    node reason */
	{"a write", false, 0, -1, 0, S, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 0, ROUTE_WRITE},
	{"a write waits for a primary", false, 0, -1, 0, S, true, false, 0, {0, 0, 0}, "0", ROUTE_WAIT, -1, ROUTE_NO_PRIMARY},
	{"no replicas wanted", true, 0, -1, 0, P, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 0, ROUTE_CONSISTENCY_PRIMARY},
	{"a first read", true, 0, -1, 0, S, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"the least loaded", true, 0, -1, 0, S, false, false, 0, {0, 5, 2}, "", ROUTE_NODE, 2, ROUTE_LEAST_LOADED},
	{"only who has the floor", true, 850, -1, 0, S, false, false, 0, {0, 5, 2}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"nobody has the floor yet", true, 950, -1, 0, S, false, false, 0, {0, 0, 0}, "", ROUTE_PROBE, -1, ROUTE_BEHIND_FLOOR},
	{"and patience is over", true, 950, -1, 0, S, true, false, 0, {0, 0, 0}, "", ROUTE_NODE, 0, ROUTE_FALLBACK_WAIT},
	{"it insists on a replica", true, 950, -1, 0, S, true, true, 0, {0, 0, 0}, "", ROUTE_REFUSE, -1, ROUTE_NO_REPLICA},
	{"global asks for the floor like session", true, 950, -1, 0, CONSISTENCY_GLOBAL, false, false, 0, {0, 0, 0}, "", ROUTE_PROBE, -1, ROUTE_BEHIND_FLOOR},
	{"eventual asks no floor", true, 950, -1, 0, E, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"it stays where it read", true, 0, 2, 99, S, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 2, ROUTE_SAME_REPLICA},
	{"unless that is far more loaded", true, 0, 2, 40, S, false, false, 0, {0, 0, 20}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"an idle one is worth leaving for", true, 0, 2, 40, S, false, false, 0, {0, 0, 3}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"a less loaded one is not", true, 0, 2, 40, S, false, false, 0, {0, 1, 5}, "", ROUTE_NODE, 2, ROUTE_SAME_REPLICA},
	{"moving needs a later sample", true, 0, 2, 99, S, false, false, 0, {0, 0, 20}, "", ROUTE_PROBE, -1, ROUTE_UNCOVERED},
	{"a replica without the floor is left", true, 850, 2, 40, S, false, false, 0, {0, 0, 0}, "", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
	{"after the primary: its sample counts", true, 0, 0, 40, S, false, false, 0, {0, 0, 0}, "", ROUTE_PROBE, -1, ROUTE_BEHIND_FLOOR},
	{"after the primary: no later sample", true, 0, 0, 99, S, false, false, 0, {0, 0, 0}, "", ROUTE_PROBE, -1, ROUTE_UNCOVERED},
	{"a dead replica: the primary covers", true, 0, 2, 40, S, false, false, 0, {0, 0, 0}, "2", ROUTE_PROBE, -1, ROUTE_BEHIND_FLOOR},
	{"nobody tells what it has read: the primary has it", true, 0, 2, 99, S, true, false, 0, {0, 0, 20}, "", ROUTE_NODE, 0, ROUTE_FALLBACK_WAIT},
	{"it waits for topology where there is none", true, 0, 2, 99, S, true, false, 0, {0, 0, 0}, "02", ROUTE_WAIT, -1, ROUTE_NO_PRIMARY},
	{"it insists on a replica, and none is known to do", true, 0, 2, 99, S, true, true, 0, {0, 0, 0}, "02", ROUTE_REFUSE, -1, ROUTE_NO_REPLICA},
	{"no replica is left", true, 0, -1, 0, S, false, false, 0, {0, 0, 0}, "12", ROUTE_NODE, 0, ROUTE_FALLBACK_NO_REPLICA},
	{"the excluded one is not taken", true, 0, -1, 0, S, false, false, 2, {0, 0, 0}, "", ROUTE_NODE, 2, ROUTE_LEAST_LOADED},
	{"all excluded", true, 0, -1, 0, S, false, false, 6, {0, 0, 0}, "", ROUTE_NODE, 0, ROUTE_FALLBACK_NO_REPLICA},
	{"nothing at all", true, 0, -1, 0, S, true, false, 0, {0, 0, 0}, "012", ROUTE_WAIT, -1, ROUTE_NO_PRIMARY},
	{"reads go on without a primary", true, 0, -1, 0, S, false, false, 0, {0, 0, 0}, "0", ROUTE_NODE, 1, ROUTE_LEAST_LOADED},
};

static TopologyView *
make_view(const char *broken)
{
	static const Lsn lsns[] = {1000, 900, 800};
	TopologyView *view = topology_view_create(3);

	view->primary = 0;
	for (int i = 0; i < 3; i++)
	{
		NodeView   *node = &view->nodes[i];

		node->identity = (NodeIdentity) {7, 100 + i, i == 0 ? NODE_PRIMARY : NODE_REPLICA, 1};
		node->is_usable = true;
		node->lsn = node->visible_lsn = lsns[i];
		node->sampled_us = SAMPLED;
	}
	view->nodes[0].visible_lsn = 950;
	view->nodes[0].flush_lsn = 1000;
	for (const char *c = broken; *c; c++)
	{
		view->nodes[*c - '0'].is_usable = false;
		if (*c == '0')
			view->primary = -1;
	}
	return view;
}

static void
each_case_of_the_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const RouteCase *c = &cases[i];
		TopologyView *view = make_view(c->broken);
		SessionPosition position;
		RouteDecision decision;

		position_init(&position);
		position.floor = c->floor;
		if (c->last_node >= 0)
		{
			position.last_node = c->last_node;
			position.last_identity = view->nodes[c->last_node].identity;
			position.uncovered_us = c->uncovered_us;
		}
		decision = route_decide(&(RouteInput) {
								.view = view,
								.position = &position,
								.consistency = c->consistency,
								.is_read = c->is_read,
								.insists_on_replica = c->insists,
								.patience_over = c->patience_over,
								.excluded = c->excluded,
								.load = c->load,
								});
		if (decision.action != c->action || decision.node != c->node || decision.reason != c->reason)
			fail_msg("%s: got action %d node %d reason %s", c->name, decision.action, decision.node,
					 route_reason_name(decision.reason));
		topology_view_unref(view);
	}
}

/* Guards: what was read on a replica the primary must show before anything of the session runs there. */
static void
the_primary_must_show_what_was_read(void **state)
{
	TopologyView *view = make_view("");
	NodeView   *south = &view->nodes[1];
	SessionPosition position;
	const int	load[3] = {0, 0, 0};
	RouteInput	input = {.view = view, .position = &position, .load = load, .patience_us = 50000};

	position_init(&position);
	position_note_read(&position, 1, &south->identity, 60);
	assert_int_equal(route_decide(&input).node, 0); /* no synchronous replication */

	view->has_synchronous = true;
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	south->shown_us = 60;
	input.patience_over = true;
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE); /* not known: nobody is refused for that */
	south->hidden_us = 49999;
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	south->hidden_us = 50000;
	assert_int_equal(route_decide(&input).action, ROUTE_REFUSE);
	assert_int_equal(route_decide(&input).reason, ROUTE_PRIMARY_HIDES);
	input.patience_over = false;
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	input.consistency = CONSISTENCY_EVENTUAL;
	assert_int_equal(route_decide(&input).node, 0);
	input.consistency = CONSISTENCY_SESSION;

	south->shown_us = 61;
	assert_int_equal(route_decide(&input).node, 0);
	south->shown_us = 0;
	assert_int_equal(route_decide(&input).node, 0); /* once shown, always shown */
	topology_view_unref(view);
}

/* Guards: another life of the replica has not shown the same; what holds for all replicas does. */
static void
a_replica_that_is_gone_is_not_believed(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;
	const int	load[3] = {0, 0, 0};
	RouteInput	input = {.view = view, .position = &position, .load = load};

	view->has_synchronous = true;
	position_init(&position);
	position_note_read(&position, 1, &view->nodes[1].identity, 60);
	view->nodes[1].identity.postmaster_start_us++;
	view->nodes[1].shown_us = view->nodes[2].shown_us = 61;
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	view->shown_us = 61;
	assert_int_equal(route_decide(&input).node, 0);

	/* a token may come from one that has read anywhere */
	position_note_token(&position, 70);
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	position_note_commit(&position, 0, &view->nodes[0].identity, 1000);
	assert_int_equal(route_decide(&input).action, ROUTE_PROBE);
	input.looks_at_nothing = true;
	assert_int_equal(route_decide(&input).node, 0);
	topology_view_unref(view);
}

/* Guards: what no replica can run is not tried there, and waits for a primary where there is none. */
static void
serializable_reads_need_the_primary(void **state)
{
	const int	load[3] = {0, 0, 0};

	for (int i = 0; i < 2; i++)
	{
		TopologyView *view = make_view(i == 0 ? "" : "0");
		SessionPosition position;
		RouteDecision decision;

		position_init(&position);
		decision = route_decide(&(RouteInput) {
								.view = view, .position = &position, .load = load,
								.is_read = true, .is_serializable = true,
								});
		assert_int_equal(decision.action, i == 0 ? ROUTE_NODE : ROUTE_WAIT);
		assert_int_equal(decision.reason, i == 0 ? ROUTE_SERIALIZABLE : ROUTE_NO_PRIMARY);
		topology_view_unref(view);
	}
}

static void
lag_limits_exclude(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;
	const int	load[3] = {0, 0, 0};
	RouteInput	input = {.view = view, .position = &position, .is_read = true, .load = load,
	.max_lag_us = 1000, .max_lag_bytes = 100};

	position_init(&position);
	view->nodes[1].lag_us = 2000;
	assert_int_equal(route_decide(&input).node, 2);
	view->nodes[2].lag_bytes = 200;
	assert_int_equal(route_decide(&input).reason, ROUTE_FALLBACK_NO_REPLICA);
	topology_view_unref(view);
}

static void
turns_spread_equal_replicas(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;
	const int	load[3] = {0, 0, 0};
	int			seen[3] = {0, 0, 0};

	for (unsigned turn = 0; turn < 30; turn++)
	{
		position_init(&position);
		seen[route_decide(&(RouteInput) {.view = view, .position = &position, .is_read = true,
						  .load = load, .turn = turn}).node]++;
	}
	assert_int_equal(seen[0], 0);
	assert_true(seen[1] > 0 && seen[2] > 0);
	topology_view_unref(view);
}

/* Sessions of equally loaded replicas, counted by node: first_turn to first_turn + 99. */
static void
count_sessions(const RouteInput *input, unsigned first_turn, int *seen)
{
	SessionPosition position;
	RouteInput	of_session = *input;

	of_session.position = &position;
	memset(seen, 0, 3 * sizeof(int));
	for (of_session.turn = first_turn; of_session.turn < first_turn + 100; of_session.turn++)
	{
		position_init(&position);
		seen[route_decide(&of_session).node]++;
	}
}

/* Guards: sessions and load are shared as the weights say; weight 0 gets no reads, not even the last. */
static void
weights_share_the_reads(void **state)
{
	TopologyView *view = make_view("");
	int			load[3] = {0, 0, 0};
	int			seen[3];
	RouteInput	input = {.view = view, .is_read = true, .load = load, .asked_us = SAMPLED};

	view->nodes[1].weight = 3;
	count_sessions(&input, 0, seen);
	assert_in_range(seen[1], 73, 77);
	count_sessions(&input, 12345, seen);
	assert_in_range(seen[1], 73, 77);
	load[1] = 5;
	load[2] = 2;
	count_sessions(&input, 0, seen);
	assert_int_equal(seen[1], 100);
	load[1] = 7;
	count_sessions(&input, 0, seen);
	assert_int_equal(seen[2], 100);
	view->nodes[1].weight = 0;
	load[1] = 0;
	count_sessions(&input, 0, seen);
	assert_int_equal(seen[2], 100);
	view->nodes[2].weight = 0;
	count_sessions(&input, 0, seen);
	assert_int_equal(seen[0], 100);
	topology_view_unref(view);
}

/* Guards: a replica that came back a moment ago is not given all sessions at once. */
static void
a_replica_that_comes_back_starts_slowly(void **state)
{
	TopologyView *view = make_view("");
	const int	load[3] = {0, 0, 0};
	int			seen[3];
	RouteInput	input = {.view = view, .is_read = true, .load = load, .slow_start_us = 1000, .asked_us = 5000};

	view->nodes[2].usable_since_us = 5000;
	count_sessions(&input, 0, seen);
	assert_in_range(seen[2], 7, 11);	/* 0.1 of 1.1 */
	input.asked_us = 5500;
	count_sessions(&input, 0, seen);
	assert_in_range(seen[2], 33, 37);	/* 0.55 of 1.55 */
	input.asked_us = 6000;
	count_sessions(&input, 0, seen);
	assert_in_range(seen[2], 48, 52);
	input.asked_us = 4000;		/* asked before it came back: the view is newer */
	count_sessions(&input, 0, seen);
	assert_in_range(seen[2], 7, 11);
	input.slow_start_us = 0;
	count_sessions(&input, 0, seen);
	assert_in_range(seen[2], 48, 52);
	topology_view_unref(view);
}

/* Guards monotonic reads: a restarted replica may be behind where it was. */
static void
another_life_of_the_node_is_another_node(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;
	const int	load[3] = {0, 0, 0};

	position_init(&position);
	position_note_read(&position, 1, &view->nodes[1].identity, SAMPLED + 1);
	view->nodes[1].identity.postmaster_start_us++;
	assert_int_equal(route_decide(&(RouteInput) {.view = view, .position = &position, .is_read = true,
								  .load = load}).reason, ROUTE_UNCOVERED);
	topology_view_unref(view);
}

static void
a_commit_covers_what_was_read_before(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_note_read(&position, 0, &view->nodes[0].identity, SAMPLED + 10);
	position_note_commit(&position, 0, &view->nodes[0].identity, 890);
	assert_true(position_cover(&position, view));
	assert_int_equal(position.floor, 890);
	position_raise(&position, 880, 1);
	assert_int_equal(position.floor, 890);
	topology_view_unref(view);
}

static void
a_sample_must_begin_after_the_read(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_note_read(&position, 1, &view->nodes[1].identity, SAMPLED);
	assert_false(position_cover(&position, view));
	view->nodes[1].sampled_us = SAMPLED + 1;
	assert_true(position_cover(&position, view));
	assert_int_equal(position.floor, 900);
	topology_view_unref(view);
}

/* Guards: WAL that nobody can have read of is not waited for. */
static void
a_read_on_the_primary_sees_what_is_visible(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_note_read(&position, 0, &view->nodes[0].identity, SAMPLED - 1);
	assert_true(position_cover(&position, view));
	assert_int_equal(position.floor, 950);
	topology_view_unref(view);
}

/* Guards monotonic reads: a replica may show a commit that the primary does not show yet. */
static void
a_lost_replica_is_covered_by_all_the_primary_has(void **state)
{
	TopologyView *view = make_view("2");
	SessionPosition position;

	position_init(&position);
	position_note_read(&position, 2, &view->nodes[2].identity, SAMPLED - 1);
	assert_true(position_cover(&position, view));
	assert_int_equal(position.floor, 1000);
	topology_view_unref(view);
}

/* Guards: a read does not wait for WAL that an idle primary has not even flushed. */
static void
an_unflushed_floor_is_read_on_the_primary(void **state)
{
	static const struct
	{
		const char *name;
		Lsn			floor;
		Lsn			flush_lsn;
		uint64_t	unflushed_us;
		uint64_t	asked_us;
		bool		insists;
		RouteReason reason;
	}			of_flushing[] = {
		{"left unflushed", 950, 940, 10000, SAMPLED - 1, false, ROUTE_FALLBACK_UNFLUSHED},
		{"flushed: replicas will have it", 950, 950, 10000, SAMPLED - 1, false, ROUTE_BEHIND_FLOOR},
		{"being flushed", 950, 940, 9999, SAMPLED - 1, false, ROUTE_BEHIND_FLOOR},
		{"the sample may be older than the floor", 950, 940, 10000, SAMPLED, false, ROUTE_BEHIND_FLOOR},
		{"it insists on a replica", 950, 940, 10000, SAMPLED - 1, true, ROUTE_BEHIND_FLOOR},
		{"a replica has what is asked for", 900, 890, 10000, SAMPLED - 1, false, ROUTE_LEAST_LOADED},
	};
	const int	load[3] = {0, 0, 0};

	for (size_t i = 0; i < sizeof(of_flushing) / sizeof(of_flushing[0]); i++)
	{
		TopologyView *view = make_view("");
		SessionPosition position;
		RouteDecision decision;

		view->nodes[0].flush_lsn = of_flushing[i].flush_lsn;
		view->nodes[0].unflushed_us = of_flushing[i].unflushed_us;
		position_init(&position);
		position_raise(&position, of_flushing[i].floor, 1);
		decision = route_decide(&(RouteInput) {.view = view, .position = &position, .is_read = true, .load = load,
								.insists_on_replica = of_flushing[i].insists, .patience_us = 10000,
								.asked_us = of_flushing[i].asked_us});
		if (decision.reason != of_flushing[i].reason)
			fail_msg("%s: got %s", of_flushing[i].name, route_reason_name(decision.reason));
		assert_int_equal(decision.node, decision.reason == ROUTE_FALLBACK_UNFLUSHED ? 0 :
						 decision.reason == ROUTE_LEAST_LOADED ? 1 : -1);
		topology_view_unref(view);
	}
}

/* After a failover what was beyond the new primary is gone: waiting for it would be forever. */
static void
a_floor_beyond_a_new_timeline_is_lowered(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_raise(&position, 2000, 1);
	assert_false(position_reset_lost(&position, view));
	view->nodes[0].identity.timeline = 2;
	assert_true(position_reset_lost(&position, view));
	assert_int_equal(position.floor, 1000);
	assert_false(position_reset_lost(&position, view));
	topology_view_unref(view);
}

/* Guards: a session that writes first after a failover is rid of a lost floor too, whatever the sample said. */
static void
a_commit_on_a_new_timeline_lowers_a_lost_floor(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_raise(&position, 2000, 1);
	view->nodes[0].identity.timeline = 2;
	position_note_commit(&position, 0, &view->nodes[0].identity, 1100);
	assert_int_equal(position.floor, 1100);
	position_raise_commit(&position, 1050, 2);	/* told later, made earlier */
	assert_int_equal(position.floor, 1100);
	topology_view_unref(view);
}

/* Guards: a lost commit is told whenever its session comes back, however far the new primary is by then. */
static void
a_lost_commit_is_told_once(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_note_commit(&position, 0, &view->nodes[0].identity, 700);
	view->fork_lsn = 600;
	assert_int_equal(position_take_lost(&position, view), 0);
	view->nodes[0].identity.timeline = 2;
	view->former_timeline = 1;
	assert_int_equal(position_take_lost(&position, view), 100);
	assert_int_equal(position_take_lost(&position, view), 0);

	position_note_commit(&position, 0, &view->nodes[0].identity, 950);
	assert_int_equal(position_take_lost(&position, view), 0);

	/* where the timelines part is not known: only what is beyond the new primary is surely lost */
	view->nodes[0].identity.timeline = 4;
	assert_int_equal(position_take_lost(&position, view), 0);
	view->nodes[0].lsn = 900;
	assert_int_equal(position_take_lost(&position, view), 50);
	topology_view_unref(view);
}

/* Guards: what was written before the fork, or read anywhere, is no lost commit. */
static void
a_commit_that_survived_is_not_lost(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_note_commit(&position, 0, &view->nodes[0].identity, 600);
	position_note_read(&position, 0, &view->nodes[0].identity, SAMPLED - 1);
	assert_true(position_cover(&position, view));
	assert_int_equal(position.floor, 950);
	view->fork_lsn = 600;
	view->former_timeline = 1;
	view->nodes[0].identity.timeline = 2;
	assert_int_equal(position_take_lost(&position, view), 0);
	topology_view_unref(view);
}

/* Guards: a replica of the new timeline, read before its primary was known, does not make a lost floor one of that timeline. */
static void
a_floor_keeps_its_timeline(void **state)
{
	TopologyView *view = make_view("");
	SessionPosition position;

	position_init(&position);
	position_raise(&position, 2000, 1);
	position_raise(&position, 900, 2);
	view->nodes[0].identity.timeline = 2;
	assert_true(position_reset_lost(&position, view));
	assert_int_equal(position.floor, 1000);
	topology_view_unref(view);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_table),
		cmocka_unit_test(the_primary_must_show_what_was_read),
		cmocka_unit_test(a_replica_that_is_gone_is_not_believed),
		cmocka_unit_test(serializable_reads_need_the_primary),
		cmocka_unit_test(lag_limits_exclude),
		cmocka_unit_test(turns_spread_equal_replicas),
		cmocka_unit_test(weights_share_the_reads),
		cmocka_unit_test(a_replica_that_comes_back_starts_slowly),
		cmocka_unit_test(another_life_of_the_node_is_another_node),
		cmocka_unit_test(a_commit_covers_what_was_read_before),
		cmocka_unit_test(a_sample_must_begin_after_the_read),
		cmocka_unit_test(a_read_on_the_primary_sees_what_is_visible),
		cmocka_unit_test(a_lost_replica_is_covered_by_all_the_primary_has),
		cmocka_unit_test(an_unflushed_floor_is_read_on_the_primary),
		cmocka_unit_test(a_floor_beyond_a_new_timeline_is_lowered),
		cmocka_unit_test(a_commit_on_a_new_timeline_lowers_a_lost_floor),
		cmocka_unit_test(a_lost_commit_is_told_once),
		cmocka_unit_test(a_commit_that_survived_is_not_lost),
		cmocka_unit_test(a_floor_keeps_its_timeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
