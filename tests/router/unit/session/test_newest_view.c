/*-------------------------------------------------------------------------
 *
 * test_newest_view.c
 *	  Sessions and the views that nobody was woken for.
 *
 * The test is the monitor: it puts views into the worker's slot and wakes it,
 * or does not.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

static uint64_t number;
static uint64_t roles;			/* TopologyView.state */

/* Published; true: the worker would be woken. */
static bool
put(TopologyView *view)
{
	view->number = ++number;
	view->state = roles;
	return view_slot_put(&context.views, view);
}

static void
wake(void)
{
	loop_post(loop, session_context_take_view, &context);
}

static int
setup(void **state)
{
	number = roles = 0;
	return setup_talk(state);
}

static void
write_beyond_the_replica(Talker *t)
{
	log_in(t);
	say(t, "Q INSERT INTO t VALUES (1)");
	hears(t, "C:INSERT 0 1 Z:I");
	show_view();
}

/* Guards: a worker that is not woken plans on the newest view all the same. */
static void
a_unit_is_planned_on_the_newest_view(void **state)
{
	Talker		t;

	write_beyond_the_replica(&t);
	south.replayed = wal;
	assert_false(put(make_view()));
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	assert_int_equal(probes, 0);
	hang_up(&t);
}

/* Guards: who waits ends its wait with the first view that has what it waits for, also if another has looked at that before. */
static void
who_waits_is_woken(void **state)
{
	Talker		t;
	Talker		other;

	write_beyond_the_replica(&t);
	log_in(&other);
	say(&t, "Q SELECT a FROM t");
	hears(&t, "");
	south.replayed = wal;
	assert_true(put(make_view()));
	say(&other, "Q SELECT a FROM t");
	hears(&other, "T D:south C:SELECT 1 Z:I");
	assert_int_equal(context.view->number, number);
	wake();
	hears(&t, "T D:south C:SELECT 1 Z:I");
	assert_false(put(make_view()));	/* nobody waits any more */
	hang_up(&t);
	hang_up(&other);
}

static bool
publish_and_refuse(void *arg, int max)
{
	south.replayed = wal;
	put(make_view());
	return false;
}

static void
hook_release_fallback(void *arg)
{
}

/* Guards: a view published while the session decides to wait is not missed. */
static void
what_comes_meanwhile_is_acted_on(void **state)
{
	Talker		t;

	write_beyond_the_replica(&t);
	context.config.max_fallback_reads = 1;
	context.hooks.admit_fallback = publish_and_refuse;
	context.hooks.release_fallback = hook_release_fallback;
	context.config.replica_wait_us = 0;
	loop_timer_stop(context.sweep);	/* which would take it, too late */
	say(&t, "Q SELECT a FROM t");
	hears(&t, "T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: a change of roles comes to pools and sessions at once, not to who asks first. */
static void
a_change_of_roles_is_left_to_the_loop(void **state)
{
	Talker		t;

	log_in(&t);
	roles++;
	put(view_without_primary());
	say(&t, "Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	wake();
	turn_loop(loop);
	say(&t, "Q INSERT INTO t VALUES (2)");
	hears(&t, "");
	roles++;
	assert_true(put(make_view()));
	wake();
	hears(&t, "C:INSERT 0 1 Z:I");
	hang_up(&t);
}

static void
lookup_answered(void *owner, UserTable *user)
{
}

static void
lookup_failed(void *owner, const char *why)
{
}

static TopologyView *
view_without_nodes(void)
{
	TopologyView *view = view_without_primary();

	for (int i = 0; i < view->nnodes; i++)
		view->nodes[i].is_usable = false;
	return view;
}

/* Guards: a lookup whose nodes have all failed is shown each view at once, also one that is there already, not at the sweep. */
static void
a_lookup_without_a_node_is_woken(void **state)
{
	AuthQueryWaiter waiters[2] = {
		{.on_answer = lookup_answered,.on_failed = lookup_failed},
		{.on_answer = lookup_answered,.on_failed = lookup_failed},
	};

	loop_timer_stop(context.sweep); /* which would take views, too late */
	context.auth_query = auth_query_create(loop, pools, settings);
	auth_query_configure(context.auth_query, &(AuthQueryConfig) {.user = "lookup",.query = "SELECT $1"});
	auth_query_on_starved(context.auth_query, session_context_await_view, &context);
	session_context_set_view(&context, view_without_nodes());

	assert_false(put(make_view()));
	auth_query_ask(context.auth_query, "mes", "anna", &waiters[0]);
	assert_true(auth_query_is_starved(context.auth_query));
	wait_until(loop, !auth_query_is_starved(context.auth_query));
	auth_query_cancel(&waiters[0]);

	assert_false(put(view_without_nodes()));	/* nobody waits any more */
	session_context_take_view(&context);
	auth_query_ask(context.auth_query, "mes", "bert", &waiters[1]);
	assert_true(put(view_without_nodes()));
	session_context_take_view(&context);
	assert_true(put(make_view()));	/* that one was not enough */
	session_context_take_view(&context);
	assert_false(auth_query_is_starved(context.auth_query));
	auth_query_cancel(&waiters[1]);
	auth_query_destroy(context.auth_query);
	context.auth_query = NULL;
}

/* Guards: what nobody was woken for reaches pools and lookups at the next sweep. */
static void
the_sweep_takes_what_is_there(void **state)
{
	put(make_view());
	wait_until(loop, context.acted_view == number);
	put(make_view());
	view_slot_refresh(&context.views, &context.view);
	assert_int_equal(context.view->number, number);
	wait_until(loop, context.acted_view == number);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_unit_is_planned_on_the_newest_view, setup, teardown_talk),
		cmocka_unit_test_setup_teardown(who_waits_is_woken, setup, teardown_talk),
		cmocka_unit_test_setup_teardown(what_comes_meanwhile_is_acted_on, setup, teardown_talk),
		cmocka_unit_test_setup_teardown(a_change_of_roles_is_left_to_the_loop, setup, teardown_talk),
		cmocka_unit_test_setup_teardown(a_lookup_without_a_node_is_woken, setup, teardown_talk),
		cmocka_unit_test_setup_teardown(the_sweep_takes_what_is_there, setup, teardown_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
