/*-------------------------------------------------------------------------
 *
 * test_pool_endings.c
 *	  How servers of a pool end: lost, grown old, moved, or having said what an
 *	  idle server has no reason to say.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

#include "backend/server_internal.h"

#define MINUTE_US (60 * US_PER_SEC)	/* a machine may have been up for less than an hour */

/* ---------------------------------------------------------------- lost */

/* What runs on a replica can run elsewhere: its holder is told as soon as it is silent. */
static void
silent_replica_is_lost(void **state)
{
	Asker		a = {0};

	fake.is_standby = true;
	get(&a);
	show_unusable_node("no answer", -1);
	assert_false(a.lost);		/* not in the middle of applying the view */
	wait_until(fake.loop, a.lost);
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 0);
}

/* A silent primary may yet answer; one that another has replaced must not go on. */
static void
replaced_primary_is_lost(void **state)
{
	Asker		a = {0};

	get(&a);
	show_unusable_node("no answer", -1);
	turn_loop(fake.loop);
	assert_false(a.lost);
	show_unusable_node("an old primary", 1);
	wait_until(fake.loop, a.lost);
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 0);
}

static void
lost_while_idle(void **state)
{
	Asker		a = {0};

	get(&a);
	asker_give(&a, CHECKIN_CLEAN);
	fake_node_crash(&fake);
	wait_until(fake.loop, app_stats().idle == 0);
	assert_int_equal(suspected, 1);
	get(&a);
	assert_int_equal(fake.logins, 2);
	asker_give(&a, CHECKIN_CLEAN);
}

static void
lost_while_active(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	set_pool_size(1);
	get(&a);
	ask(&b);
	fake_node_crash(&fake);
	wait_until(fake.loop, a.lost);
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(suspected, 1);
	wait_until(fake.loop, b.granted);
	assert_int_equal(fake.logins, 2);
	asker_give(&b, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- not reused */

static void
closed_on_demand(void **state)
{
	Asker		a = {0};

	get(&a);
	asker_give(&a, CHECKIN_CLOSE);
	assert_int_equal(app_stats().active, 0);
	wait_until(fake.loop, fake.terminated == 1);
	assert_int_equal(suspected, 0);
}

static void
not_clean_is_not_reused(void **state)
{
	Asker		a = {0};

	get(&a);
	server_set_tx_status(a.server, 'T');
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 0);
}

static void
changed_identity(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	TopologyView *view;

	get(&a);
	get(&b);
	asker_give(&b, CHECKIN_CLEAN);
	view = fake_view((FakeNode *const[]) {&fake}, 1);
	view->nodes[0].identity.postmaster_start_us++;
	pool_set_view(set, view);
	topology_view_unref(view);
	assert_int_equal(app_stats().idle, 0);
	assert_int_equal(app_stats().active, 1);
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 0);
	assert_int_equal(suspected, 0);
}

static void
show_address(const char *address)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	view->nodes[0].host = "north.invalid";
	snprintf(view->nodes[0].address, sizeof(view->nodes[0].address), "%s", address);
	pool_set_view(set, view);
	topology_view_unref(view);
}

/*
 * Guards: servers are where the samples of their node come from; when its name leads elsewhere, idle ones
 * go, those in use when they come back, and a cancel request goes to where its server is.
 */
static void
moved_node(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		a = {0};
	Asker		b = {0};

	show_address("127.0.0.1");
	asker_get(&a, pool, fake.loop);
	asker_get(&b, pool, fake.loop);
	asker_give(&b, CHECKIN_CLEAN);
	show_address("127.0.0.2");
	assert_int_equal(stats_of(pool).idle, 0);
	assert_int_equal(stats_of(pool).active, 1);
	assert_false(a.lost);
	pool_cancel_query(a.server);
	wait_until(fake.loop, fake.cancels == 1);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, fake.terminated == 2);
	assert_int_equal(stats_of(pool).idle, 0);
}

static void
reconnect(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	get(&a);
	get(&b);
	asker_give(&b, CHECKIN_CLEAN);
	pool_set_reconnect(set, NULL);
	assert_int_equal(app_stats().idle, 0);
	asker_give(&a, CHECKIN_CLEAN);
	assert_int_equal(app_stats().idle, 0);
}

/* ---------------------------------------------------------------- messages to idle servers */

static void
assert_idle_closed_by(Buf *message)
{
	Asker		a = {0};

	get(&a);
	asker_give(&a, CHECKIN_CLEAN);
	turn_loop(fake.loop);
	assert_int_equal(app_stats().idle, 1);
	fake_node_send(&fake, message);
	wait_until(fake.loop, app_stats().idle == 0);
}

static void
idle_termination(void **state)
{
	Buf			message = BUF_INIT;
	Error		error;

	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
	build_error(&message, "FATAL", &error);
	assert_idle_closed_by(&message);
}

static void
idle_unasked_message(void **state)
{
	Buf			message = BUF_INIT;

	build_ready(&message, 'I');
	assert_idle_closed_by(&message);
}

static void
idle_oversized_message(void **state)
{
	Buf			message = BUF_INIT;

	buf_append(&message, slice_make("N\x7f\xff\xff\xff", 5));
	assert_idle_closed_by(&message);
}

static void
idle_promotion(void **state)
{
	Buf			message = BUF_INIT;

	fake.is_standby = true;
	fake_parameter(&message, "in_hot_standby", "off");
	assert_idle_closed_by(&message);
}

static void
idle_parameter_is_noted(void **state)
{
	Asker		a = {0};
	Buf			message = BUF_INIT;
	Error		error;
	Server	   *server;

	get(&a);
	server = a.server;
	asker_give(&a, CHECKIN_CLEAN);
	error_set(&error, "01000", "something to know");
	build_notice(&message, &error);
	fake_parameter(&message, "TimeZone", "Mars/Phobos");
	fake_node_send(&fake, &message);
	wait_until(fake.loop, server_find_parameter(server, "TimeZone") != NULL);
	ask(&a);
	assert_ptr_equal(a.server, server);
	assert_string_equal(server_find_parameter(server, "TimeZone"), "Mars/Phobos");
	asker_give(&a, CHECKIN_CLEAN);
}

/* Half a message behind an idle server: it is not known what comes next. */
static void
idle_half_message(void **state)
{
	Asker		a = {0};
	Buf			message = BUF_INIT;
	int			before;

	get(&a);
	asker_give(&a, CHECKIN_CLEAN);
	buf_append(&message, slice_make("S\0\0\1", 4));
	before = fake.logins;
	fake_node_send(&fake, &message);

	/* they come in one of the next turns; the server goes at the next checkout */
	for (int i = 0; i < 1000 && fake.logins == before; i++)
	{
		turn_loop(fake.loop);
		ask(&a);
		wait_until(fake.loop, a.granted);
		asker_give(&a, CHECKIN_CLEAN);
	}
	assert_int_equal(fake.logins, before + 1);
}

/* ---------------------------------------------------------------- age */

static void
idle_timeout(void **state)
{
	Asker		a = {0};

	config.server_idle_timeout_us = SHORT_US;
	configure();
	get(&a);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, fake.terminated == 1);
	assert_int_equal(app_stats().idle, 0);
}

static void
lifetime(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	get(&a);
	get(&b);
	asker_give(&b, CHECKIN_CLEAN);
	config.server_lifetime_us = 1;
	configure();
	wait_until(fake.loop, fake.terminated == 1);
	asker_give(&a, CHECKIN_CLEAN);
	wait_until(fake.loop, fake.terminated == 2);
}

/* Guards: servers of one age are not all closed at once. */
static void
old_servers_go_one_by_one(void **state)
{
	Pool	   *pool = pool_of(set, "mes", "app");
	Asker		askers[3] = {0};

	for (int i = 0; i < 3; i++)
	{
		asker_get(&askers[i], pool, fake.loop);
		askers[i].server->connected_us -= MINUTE_US;
	}
	config.server_lifetime_us = MINUTE_US;
	configure();
	for (int i = 0; i < 3; i++)
		asker_give(&askers[i], CHECKIN_CLEAN);
	turn_loop(fake.loop);
	assert_int_equal(stats_of(pool).idle, 2);

	/* a while later it is the next one's turn */
	config.server_lifetime_us = 1;
	configure();
	wait_until(fake.loop, stats_of(pool).idle == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(silent_replica_is_lost), TEST(replaced_primary_is_lost), TEST(lost_while_idle),
		TEST(lost_while_active), TEST(closed_on_demand), TEST(not_clean_is_not_reused), TEST(changed_identity),
		TEST(moved_node), TEST(reconnect), TEST(idle_termination), TEST(idle_unasked_message),
		TEST(idle_oversized_message), TEST(idle_promotion), TEST(idle_parameter_is_noted), TEST(idle_half_message),
		TEST(idle_timeout), TEST(lifetime), TEST(old_servers_go_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
