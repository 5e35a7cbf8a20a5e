/*-------------------------------------------------------------------------
 *
 * test_pool.c
 *	  Pools: who gets which server when, and which servers nobody gets again.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/fake_node.h"

#define LONG_US (WAIT_SECS * US_PER_SEC)
#define SHORT_US 1000

static Loop *loop;
static FakeNode fake;
static SettingsPool *settings;
static PoolTotals *totals;
static PoolSet *set;
static PoolConfig config;
static int	suspected;
static int	starved;
static PoolWish wished;
static PoolLevel wished_level;
static int	order;				/* grows with each grant */

typedef struct Asker
{
	PoolWaiter	waiter;
	Server	   *server;
	int			granted;		/* which one it was, from 1; 0: not yet */
	bool		failed;
	bool		lost;
	Error		error;
} Asker;

static size_t
holder_on_data(void *owner, Slice data)
{
	return data.len;
}

static void
holder_on_lost(void *owner, const char *why)
{
	((Asker *) owner)->lost = true;
}

static const ServerEvents holder = {holder_on_data, NULL, holder_on_lost, NULL};

static void
on_granted(void *owner, Server *server)
{
	Asker	   *asker = owner;

	asker->server = server;
	asker->granted = ++order;
	server_hold(server, &holder, asker);
}

static void
on_failed(void *owner, const Error *error)
{
	((Asker *) owner)->failed = true;
	((Asker *) owner)->error = *error;
}

static void
on_starved(void *arg, const PoolNeed *need)
{
	assert_int_equal(need->node, 0);
	starved++;
	wished = need->wish;
	wished_level = need->level;
}

static void
on_server_lost(void *arg, int node)
{
	suspected++;
}

static const PoolSetHooks hooks = {on_starved, on_server_lost, NULL};

static int
setup(void **state)
{
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	suspected = starved = order = 0;
	config = (PoolConfig) {
		.limits.pool_size = 4,
		.server_connect_timeout_us = LONG_US,
		.server_reset_timeout_us = LONG_US,
		.login_retry_us = LONG_US,
		.max_prepared_statements = 10,
	};
	loop = loop_create();
	fake_node_init(&fake, loop);
	settings = settings_pool_create();
	totals = pool_totals_create();
	set = pool_set_create(loop, &config, totals, settings, &hooks);
	return 0;
}

static int
teardown(void **state)
{
	pool_set_destroy(set);
	fake_node_fini(&fake);
	loop_destroy(loop);
	settings_pool_destroy(settings);
	pool_totals_destroy(totals);
	return 0;
}

static void
configure(int pool_size)
{
	config.limits.pool_size = pool_size;
	pool_set_configure(set, &config);
}

static void
show_view_to(PoolSet *to)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	pool_set_view(to, view);
	topology_view_unref(view);
}

static void
show_unusable(const char *why, int primary)
{
	TopologyView *view = fake_view((FakeNode *const[]) {&fake}, 1);

	view->primary = primary;
	view->nodes[0].is_usable = false;
	snprintf(view->nodes[0].why, sizeof(view->nodes[0].why), "%s", why);
	pool_set_view(set, view);
	topology_view_unref(view);
}

static Pool *
pool_of(PoolSet *in)
{
	return pool_set_get(in, &(PoolTarget) {.database = "mes", .user = "app"});
}

static void
prepare(Asker *asker)
{
	uint64_t	deadline_us = asker->waiter.deadline_us;

	memset(asker, 0, sizeof(*asker));
	asker->waiter.on_granted = on_granted;
	asker->waiter.on_failed = on_failed;
	asker->waiter.owner = asker;
	asker->waiter.deadline_us = deadline_us;
}

static void
ask_of(PoolSet *in, Asker *asker)
{
	Server	   *server;

	prepare(asker);
	server = pool_checkout(pool_of(in), &asker->waiter);
	if (server != NULL)
		on_granted(asker, server);
}

static void
ask(Asker *asker)
{
	ask_of(set, asker);
}

/* Ask, and wait until it is there. */
static void
get(Asker *asker)
{
	show_view_to(set);
	ask(asker);
	wait_until(loop, asker->granted || asker->failed);
	if (asker->failed)
		fail_msg("%s", asker->error.message);
}

static void
give(Asker *asker, CheckinMode mode)
{
	pool_checkin(asker->server, mode);
	asker->server = NULL;
}

/* What a peer at the limit of the pool asks for. */
static void
give_back(PoolSet *from, PoolWish wish)
{
	pool_set_give_back(from, &(PoolNeed) {0, "mes", "mes", "app", POOL_LEVEL_POOL, wish});
}

static PoolStats
stats_of(PoolSet *in)
{
	PoolStats	stats;

	pool_stats(pool_of(in), &stats);
	return stats;
}

/* ---------------------------------------------------------------- order */

static void
first_in_first_out(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};
	Server	   *server;

	configure(1);
	get(&a);
	server = a.server;
	ask(&b);
	ask(&c);
	assert_int_equal(pool_set_load(set, 0), 3);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_false(c.granted);
	give(&b, CHECKIN_CLEAN);
	wait_until(loop, c.granted);
	give(&c, CHECKIN_CLEAN);
	assert_int_equal(fake.logins, 1);
	assert_int_equal(pool_set_load(set, 0), 0);
}

/* Who has just given a server back does not get it before those who wait. */
static void
nobody_overtakes(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	configure(1);
	get(&a);
	ask(&b);
	give(&a, CHECKIN_CLEAN);
	ask(&a);
	assert_null(a.server);
	wait_until(loop, b.granted);
	assert_false(a.granted);
	give(&b, CHECKIN_CLEAN);
	wait_until(loop, a.granted);
	give(&a, CHECKIN_CLEAN);
}

static void
most_recent_is_reused(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Server	   *last;

	get(&a);
	get(&b);
	last = a.server;
	give(&b, CHECKIN_CLEAN);
	give(&a, CHECKIN_CLEAN);
	ask(&b);
	assert_ptr_equal(b.server, last);
	give(&b, CHECKIN_CLEAN);
}

static void
who_left_is_passed_over(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Asker		c = {0};

	configure(1);
	get(&a);
	ask(&b);
	ask(&c);
	pool_cancel_wait(&b.waiter);
	pool_cancel_wait(&b.waiter);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, c.granted);
	assert_false(b.granted || b.failed);
	give(&c, CHECKIN_CLEAN);
}

static void
deadline(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	configure(1);
	get(&a);
	b.waiter.deadline_us = clock_now_us() + SHORT_US;
	ask(&b);
	wait_until(loop, b.failed);
	assert_int_equal(b.waiter.failure, POOL_TIMED_OUT);
	assert_string_equal(b.error.sqlstate, SQLSTATE_CANNOT_CONNECT_NOW);
	assert_int_equal(stats_of(set).waiting, 0);
	give(&a, CHECKIN_CLEAN);
}

/* ---------------------------------------------------------------- logins */

/* One at a time until one has succeeded, then as many as there are waiters. */
static void
logins_as_needed(void **state)
{
	Asker		askers[4] = {0};

	fake.is_mute = true;
	show_view_to(set);
	for (int i = 0; i < 3; i++)
		ask(&askers[i]);
	wait_until(loop, fake.startups == 1);
	turn_loop(loop);
	assert_int_equal(fake.accepted, 1);
	fake.is_mute = false;
	fake_ask(list_entry(list_first(&fake.connections), FakeConnection, node));
	wait_until(loop, askers[0].granted && askers[1].granted && askers[2].granted);
	assert_int_equal(fake.accepted, 3);
	assert_int_equal(askers[0].granted, 1);
	for (int i = 0; i < 3; i++)
		give(&askers[i], CHECKIN_CLEAN);
}

static void
refused_login_is_not_repeated(void **state)
{
	Asker		a = {0};
	Error		error;
	PoolTarget	target = {.database = "mes", .user = "app", .password = "other"};

	error_set(&error, SQLSTATE_INVALID_PASSWORD, "no");
	fake.refuse = &error;
	show_view_to(set);
	for (int i = 0; i < 3; i++)
	{
		ask(&a);
		wait_until(loop, a.failed);
		assert_string_equal(a.error.sqlstate, SQLSTATE_INVALID_PASSWORD);
	}
	assert_int_equal(fake.startups, 1);

	/* a new secret is tried at once */
	fake.refuse = NULL;
	prepare(&a);
	assert_null(pool_checkout(pool_set_get(set, &target), &a.waiter));
	wait_until(loop, a.granted);
	give(&a, CHECKIN_CLEAN);
}

/* While servers are in use a waiter may hope for one of them. */
static void
refused_login_leaves_hope(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Error		error;

	get(&a);
	error_set(&error, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
	fake.refuse = &error;
	ask(&b);
	wait_until(loop, stats_of(set).login_failures == 1);
	turn_loop(loop);
	assert_false(b.failed);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, b.granted);
	give(&b, CHECKIN_CLEAN);
}

static void
login_deadline(void **state)
{
	Asker		a = {0};

	config.server_connect_timeout_us = SHORT_US;
	configure(4);
	fake.is_mute = true;
	show_view_to(set);
	ask(&a);
	wait_until(loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_int_equal(suspected, 1);
}

/* A fresh sample of the node ends the pause after a lost connection. */
static void
node_comes_back(void **state)
{
	Asker		a = {0};

	fake_stop_listening(&fake);
	turn_loop(loop);
	show_view_to(set);
	ask(&a);
	wait_until(loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	fake_listen(&fake);
	get(&a);
	give(&a, CHECKIN_CLEAN);
}

static void
waits_for_the_first_view(void **state)
{
	Asker		a = {0};

	ask(&a);
	turn_loop(loop);
	assert_false(a.failed);
	show_view_to(set);
	wait_until(loop, a.granted);
	give(&a, CHECKIN_CLEAN);
}

static void
unusable_node(void **state)
{
	Asker		a = {0};

	show_unusable("no answer", 0);
	ask(&a);
	assert_false(a.failed);
	wait_until(loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_string_equal(a.error.detail, "no answer");
	assert_int_equal(fake.accepted, 0);
}

/* A login that hangs on a node that has stopped: nobody waits for its end. */
static void
unusable_during_login(void **state)
{
	Asker		a = {0};

	fake.is_mute = true;
	show_view_to(set);
	ask(&a);
	wait_until(loop, stats_of(set).connecting == 1);
	show_unusable("no answer", 0);
	wait_until(loop, a.failed);
	assert_int_equal(a.waiter.failure, POOL_NODE_LOST);
	assert_int_equal(stats_of(set).connecting, 1);	/* not because the login was given up */
}

/* ---------------------------------------------------------------- endings */

/* What runs on a replica can run elsewhere: its holder is told as soon as it is silent. */
static void
silent_replica_is_lost(void **state)
{
	Asker		a = {0};

	fake.is_standby = true;
	get(&a);
	show_unusable("no answer", -1);
	assert_false(a.lost);		/* not in the middle of applying the view */
	wait_until(loop, a.lost);
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 0);
}

/* A silent primary may yet answer; one that another has replaced must not go on. */
static void
replaced_primary_is_lost(void **state)
{
	Asker		a = {0};

	get(&a);
	show_unusable("no answer", -1);
	turn_loop(loop);
	assert_false(a.lost);
	show_unusable("an old primary", 1);
	wait_until(loop, a.lost);
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 0);
}

static void
lost_while_idle(void **state)
{
	Asker		a = {0};

	get(&a);
	give(&a, CHECKIN_CLEAN);
	fake_node_crash(&fake);
	wait_until(loop, stats_of(set).idle == 0);
	assert_int_equal(suspected, 1);
	get(&a);
	assert_int_equal(fake.logins, 2);
	give(&a, CHECKIN_CLEAN);
}

static void
lost_while_active(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	configure(1);
	get(&a);
	ask(&b);
	fake_node_crash(&fake);
	wait_until(loop, a.lost);
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(suspected, 1);
	wait_until(loop, b.granted);
	assert_int_equal(fake.logins, 2);
	give(&b, CHECKIN_CLEAN);
}

static void
closed_on_demand(void **state)
{
	Asker		a = {0};

	get(&a);
	give(&a, CHECKIN_CLOSE);
	assert_int_equal(stats_of(set).active, 0);
	wait_until(loop, fake.terminated == 1);
	assert_int_equal(suspected, 0);
}

static void
not_clean_is_not_reused(void **state)
{
	Asker		a = {0};

	get(&a);
	server_set_tx_status(a.server, 'T');
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 0);
}

static void
assert_idle_closed_by(Buf *message)
{
	Asker		a = {0};

	get(&a);
	give(&a, CHECKIN_CLEAN);
	turn_loop(loop);
	assert_int_equal(stats_of(set).idle, 1);
	fake_node_send(&fake, message);
	wait_until(loop, stats_of(set).idle == 0);
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
	give(&a, CHECKIN_CLEAN);
	error_set(&error, "01000", "something to know");
	build_notice(&message, &error);
	fake_parameter(&message, "TimeZone", "Mars/Phobos");
	fake_node_send(&fake, &message);
	wait_until(loop, server_find_parameter(server, "TimeZone") != NULL);
	ask(&a);
	assert_ptr_equal(a.server, server);
	assert_string_equal(server_find_parameter(server, "TimeZone"), "Mars/Phobos");
	give(&a, CHECKIN_CLEAN);
}

/* Half a message behind an idle server: it is not known what comes next. */
static void
idle_half_message(void **state)
{
	Asker		a = {0};
	Buf			message = BUF_INIT;
	int			before;

	get(&a);
	give(&a, CHECKIN_CLEAN);
	buf_append(&message, slice_make("S\0\0\1", 4));
	before = fake.logins;
	fake_node_send(&fake, &message);

	/* they come in one of the next turns; the server goes at the next checkout */
	for (int i = 0; i < 1000 && fake.logins == before; i++)
	{
		turn_loop(loop);
		ask(&a);
		wait_until(loop, a.granted);
		give(&a, CHECKIN_CLEAN);
	}
	assert_int_equal(fake.logins, before + 1);
}

static void
changed_identity(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	TopologyView *view;

	get(&a);
	get(&b);
	give(&b, CHECKIN_CLEAN);
	view = fake_view((FakeNode *const[]) {&fake}, 1);
	view->nodes[0].identity.postmaster_start_us++;
	pool_set_view(set, view);
	topology_view_unref(view);
	assert_int_equal(stats_of(set).idle, 0);
	assert_int_equal(stats_of(set).active, 1);
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 0);
	assert_int_equal(suspected, 0);
}

static void
idle_timeout(void **state)
{
	Asker		a = {0};

	config.server_idle_timeout_us = SHORT_US;
	configure(4);
	get(&a);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, fake.terminated == 1);
	assert_int_equal(stats_of(set).idle, 0);
}

static void
lifetime(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	get(&a);
	get(&b);
	give(&b, CHECKIN_CLEAN);
	config.server_lifetime_us = 1;
	configure(4);
	wait_until(loop, fake.terminated == 1);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, fake.terminated == 2);
}

static void
reconnect(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	get(&a);
	get(&b);
	give(&b, CHECKIN_CLEAN);
	pool_set_reconnect(set, NULL);
	assert_int_equal(stats_of(set).idle, 0);
	give(&a, CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 0);
}

static void
destroy_tells_waiters(void **state)
{
	Asker		a = {0};
	Asker		b = {0};

	configure(1);
	get(&a);
	ask(&b);
	pool_set_destroy(set);
	assert_true(b.failed);
	assert_int_equal(b.waiter.failure, POOL_CLOSING);
	set = NULL;
}

/* ---------------------------------------------------------------- reset */

static void
reset_makes_clean(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Settings   *empty = settings_empty(settings);
	Settings   *changed = settings_with(empty, slice_from_string("a"), slice_from_string("1"));
	Server	   *server;

	configure(1);
	get(&a);
	server = a.server;
	server_set_settings(server, changed);
	server_add_statement(server, 7);
	ask(&b);
	give(&a, CHECKIN_RESET);
	assert_int_equal(server_state(server), SERVER_RESETTING);
	wait_until(loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_ptr_equal(server_settings(server), empty);
	assert_false(server_has_statement(server, 7));
	assert_true(fake_node_was_asked(&fake, "DISCARD ALL"));
	assert_false(fake_node_was_asked(&fake, "ROLLBACK"));
	give(&b, CHECKIN_CLEAN);
	settings_unref(changed);
	settings_unref(empty);
}

static void
reset_ends_a_transaction(void **state)
{
	Asker		a = {0};

	get(&a);
	server_set_tx_status(a.server, 'E');
	give(&a, CHECKIN_RESET);
	wait_until(loop, stats_of(set).idle == 1);
	assert_true(fake_node_was_asked(&fake, "ROLLBACK\nDISCARD ALL\n"));
}

static void
reset_without_answer(void **state)
{
	Asker		a = {0};

	config.server_reset_timeout_us = SHORT_US;
	configure(4);
	get(&a);
	fake.hold_replies = true;
	give(&a, CHECKIN_RESET);
	assert_int_equal(stats_of(set).resetting, 1);
	wait_until(loop, stats_of(set).resetting == 0);
	assert_int_equal(stats_of(set).idle, 0);
}

/* ---------------------------------------------------------------- cancel */

/* A cancel that arrives late must not hit the next client's query. */
static void
cancel_in_flight_keeps_server(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	Server	   *server;

	configure(1);
	get(&a);
	server = a.server;
	ask(&b);
	fake.hold_cancels = true;
	pool_cancel_query(server);
	pool_cancel_query(server);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, fake.cancels == 1);
	turn_loop(loop);
	assert_false(b.granted);
	LIST_FOREACH(node, &fake.connections)
	{
		FakeConnection *connection = list_entry(node, FakeConnection, node);

		if (connection->is_cancel)
			fake_on_closed(connection, "done");
	}
	wait_until(loop, b.granted);
	assert_ptr_equal(b.server, server);
	assert_int_equal(fake.cancels, 1);
	assert_int_equal(fake.cancel_pid, 1001);
	give(&b, CHECKIN_CLEAN);
}

static void
cancel_then_go_on(void **state)
{
	Asker		a = {0};
	Server	   *server;

	get(&a);
	server = a.server;
	pool_cancel_query(server);
	wait_until(loop, fake.cancels == 1);
	give(&a, CHECKIN_CLEAN);
	ask(&a);
	wait_until(loop, a.granted);
	assert_ptr_equal(a.server, server);
	pool_cancel_query(server);
	wait_until(loop, fake.cancels == 2);
	give(&a, CHECKIN_CLEAN);
}

static void
cancel_without_answer_closes(void **state)
{
	Asker		a = {0};

	get(&a);
	config.server_connect_timeout_us = SHORT_US;
	configure(4);
	fake.hold_cancels = true;
	pool_cancel_query(a.server);
	give(&a, CHECKIN_CLEAN);
	wait_until(loop, fake.terminated == 1);
	assert_int_equal(stats_of(set).idle, 0);
}

/* The query may go on running there: the request is carried out all the same. */
static void
cancel_outlives_its_server(void **state)
{
	Asker		a = {0};

	get(&a);
	pool_cancel_query(a.server);
	give(&a, CHECKIN_CLOSE);
	wait_until(loop, fake.cancels == 1);
}

/* ---------------------------------------------------------------- peers */

/* Two workers, one limit: what one has the other cannot have. */
static void
limit_holds_over_sets(void **state)
{
	PoolSet    *peer = pool_set_create(loop, &config, totals, settings, &hooks);
	Asker		mine[5] = {0};
	Asker		theirs = {0};

	show_view_to(peer);
	for (int i = 0; i < 4; i++)
		get(&mine[i]);
	ask(&mine[4]);
	ask_of(peer, &theirs);
	wait_until(loop, starved > 0);
	assert_int_equal(fake.accepted, 4);

	/* no idle server: the next that comes back is the peer's */
	give_back(set, POOL_WISH_SHARE);
	give(&mine[0], CHECKIN_CLEAN);
	wait_until(loop, theirs.granted);
	assert_false(mine[4].granted);
	assert_int_equal(stats_of(set).active, 3);
	give(&mine[1], CHECKIN_CLEAN);
	wait_until(loop, mine[4].granted);
	give(&theirs, CHECKIN_CLEAN);
	for (int i = 2; i < 5; i++)
		give(&mine[i], CHECKIN_CLEAN);
	pool_set_destroy(peer);
}

static void
idle_servers_are_given_back(void **state)
{
	PoolSet    *peer = pool_set_create(loop, &config, totals, settings, &hooks);
	Asker		mine = {0};
	Asker		theirs = {0};

	configure(1);
	config.limits.pool_size = 1;
	pool_set_configure(peer, &config);
	show_view_to(peer);
	get(&mine);
	give(&mine, CHECKIN_CLEAN);
	ask_of(peer, &theirs);
	wait_until(loop, starved > 0);
	assert_false(theirs.granted);
	give_back(set, POOL_WISH_SHARE);
	wait_until(loop, theirs.granted);
	assert_int_equal(stats_of(set).idle, 0);
	give(&theirs, CHECKIN_CLEAN);
	pool_set_destroy(peer);
}

/* Who has no more than its share keeps what it uses. */
static void
share_is_kept(void **state)
{
	PoolSet    *peer = pool_set_create(loop, &config, totals, settings, &hooks);
	Asker		mine[2] = {0};
	Asker		theirs[3] = {0};

	show_view_to(peer);
	get(&mine[0]);
	get(&mine[1]);
	for (int i = 0; i < 3; i++)
		ask_of(peer, &theirs[i]);
	wait_until(loop, theirs[0].granted && theirs[1].granted);
	wait_until(loop, starved > 0);
	assert_int_equal(wished, POOL_WISH_IDLE);
	give_back(set, POOL_WISH_IDLE);
	give(&mine[0], CHECKIN_CLEAN);
	assert_int_equal(stats_of(set).idle, 1);

	/* but what it does not use is given to who waits */
	give_back(set, POOL_WISH_IDLE);
	wait_until(loop, theirs[2].granted);
	assert_int_equal(stats_of(set).idle, 0);
	give(&theirs[2], CHECKIN_CLEAN);
	give(&mine[1], CHECKIN_CLEAN);
	give(&theirs[0], CHECKIN_CLEAN);
	give(&theirs[1], CHECKIN_CLEAN);
	pool_set_destroy(peer);
}

static void
count_pool(void *arg, const Pool *pool)
{
	++*(int *) arg;
}

/* A pool that all have released goes when it is empty, and not before. */
static void
released_pool_goes(void **state)
{
	Asker		a = {0};
	Pool	   *pool;
	int			pools = 1;

	config.server_idle_timeout_us = SHORT_US;
	configure(4);
	get(&a);
	pool = pool_of(set);
	pool_release(pool);			/* get() and here: twice */
	pool_release(pool);
	turn_loop(loop);
	assert_ptr_equal(pool_of(set), pool);
	pool_release(pool);
	give(&a, CHECKIN_CLEAN);
	while (pools > 0)
	{
		pools = 0;
		turn_loop(loop);
		pool_set_each_pool(set, count_pool, &pools);
	}
	get(&a);
	assert_int_equal(fake.logins, 2);
	give(&a, CHECKIN_CLEAN);
}

/* The pause after a refusal outlives whoever was refused. */
static void
refusal_is_remembered(void **state)
{
	Asker		a = {0};
	Error		error;
	PoolTarget	target = {.database = "mes", .user = "app"};
	Pool	   *pool = pool_set_get(set, &target);

	error_set(&error, SQLSTATE_INVALID_PASSWORD, "no");
	fake.refuse = &error;
	show_view_to(set);
	prepare(&a);
	assert_null(pool_checkout(pool, &a.waiter));
	wait_until(loop, a.failed);
	pool_release(pool);
	turn_loop(loop);
	assert_ptr_equal(pool_set_get(set, &target), pool);
	prepare(&a);
	assert_null(pool_checkout(pool, &a.waiter));
	wait_until(loop, a.failed);
	assert_int_equal(fake.startups, 1);
}

/* ---------------------------------------------------------------- reports */

static void
count_server(void *arg, const Server *server)
{
	ServerStats stats;

	server_stats(server, &stats);
	assert_string_equal(stats.database, "mes");
	assert_true(stats.pid > 1000);
	++*(int *) arg;
}

static void
reports(void **state)
{
	Asker		a = {0};
	Asker		b = {0};
	int			pools = 0;
	int			servers = 0;

	get(&a);
	get(&b);
	give(&b, CHECKIN_CLEAN);
	pool_set_each_pool(set, count_pool, &pools);
	pool_set_each_server(set, count_server, &servers);
	assert_int_equal(pools, 1);
	assert_int_equal(servers, 2);
	assert_int_equal(stats_of(set).logins, 2);
	assert_int_equal(stats_of(set).checkouts, 2);
	assert_string_equal(server_state_name(SERVER_RESETTING), "resetting");
	give(&a, CHECKIN_CLEAN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_in_first_out), TEST(nobody_overtakes), TEST(most_recent_is_reused), TEST(who_left_is_passed_over),
		TEST(deadline), TEST(logins_as_needed), TEST(refused_login_is_not_repeated), TEST(refused_login_leaves_hope),
		TEST(login_deadline), TEST(node_comes_back), TEST(waits_for_the_first_view), TEST(unusable_node),
		TEST(unusable_during_login),
		TEST(silent_replica_is_lost), TEST(replaced_primary_is_lost),
		TEST(lost_while_idle), TEST(lost_while_active), TEST(closed_on_demand), TEST(not_clean_is_not_reused),
		TEST(idle_termination), TEST(idle_unasked_message), TEST(idle_oversized_message), TEST(idle_promotion),
		TEST(idle_parameter_is_noted), TEST(idle_half_message), TEST(changed_identity), TEST(idle_timeout),
		TEST(lifetime), TEST(reconnect), TEST(destroy_tells_waiters),
		TEST(reset_makes_clean), TEST(reset_ends_a_transaction), TEST(reset_without_answer),
		TEST(cancel_in_flight_keeps_server), TEST(cancel_then_go_on), TEST(cancel_without_answer_closes),
		TEST(cancel_outlives_its_server),
		TEST(limit_holds_over_sets), TEST(idle_servers_are_given_back), TEST(share_is_kept),
		TEST(released_pool_goes), TEST(refusal_is_remembered), TEST(reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
