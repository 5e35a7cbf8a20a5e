/*-------------------------------------------------------------------------
 *
 * test_monitor.c
 *	  The monitor against nodes that say what the test wants.
 *
 * A Fake speaks as much of PostgreSQL's protocol as a probe needs.  The fakes
 * run in the test's loop, the monitor in its own thread, as it always does.
 * What the test changes in a fake shows in some later view: tests wait for it.
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

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "net/listener.h"
#include "net/stream.h"
#include "topology/monitor.h"

#define FAKES 3
#define SSL_REQUEST 80877103

typedef struct Fake
{
	Loop	   *loop;
	Listener   *listener;
	Sockets    *sockets;
	int			port;
	const char *address;		/* NULL: 127.0.0.1 */
	List		connections;	/* of FakeConnection */
	bool		is_frozen;		/* takes connections and answers nothing */

	/* what it says */
	uint64_t	system_id;
	uint64_t	start_us;
	bool		in_recovery;
	uint32_t	timeline;
	uint32_t	lsn;
	uint32_t	unflushed;		/* bytes before lsn that it has not flushed */
	uint32_t	ended;			/* transactions */
	bool		has_synchronous;
	int			probes;			/* how often it was asked */
} Fake;

typedef struct FakeConnection
{
	ListNode	node;
	Fake	   *fake;
	Stream	   *stream;
	bool		is_started;
} FakeConnection;

typedef struct Stage
{
	Loop	   *loop;
	Fake		fakes[FAKES];
	MonitorNode nodes[FAKES];
	Monitor    *monitor;
	TopologyView *view;			/* the last one; a reference */
	int			views;
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

/* ---------------------------------------------------------------- the fakes */

static void
begin_message(Buf *out, char type, uint32_t body_len)
{
	buf_append_u8(out, (uint8_t) type);
	buf_append_u32(out, body_len + 4);
}

static void
append_columns(Buf *out, int n)
{
	begin_message(out, 'T', 2 + (uint32_t) n * (2 + 18));
	buf_append_u16(out, (uint16_t) n);
	for (int i = 0; i < n; i++)
	{
		buf_append(out, slice_make("c", 2));	/* with its terminator */
		buf_append_u32(out, 0);
		buf_append_u16(out, 0);
		buf_append_u32(out, 25);
		buf_append_u16(out, 0xFFFF);
		buf_append_u32(out, 0xFFFFFFFF);
		buf_append_u16(out, 0);
	}
}

static void
append_row(Buf *out, int n, char values[][32])
{
	uint32_t	len = 2;

	for (int i = 0; i < n; i++)
		len += 4 + (uint32_t) strlen(values[i]);
	begin_message(out, 'D', len);
	buf_append_u16(out, (uint16_t) n);
	for (int i = 0; i < n; i++)
	{
		buf_append_u32(out, (uint32_t) strlen(values[i]));
		buf_append_string(out, values[i]);
	}
	begin_message(out, 'C', 9);
	buf_append(out, slice_make("SELECT 1", 9));
}

static void
append_ready(Buf *out)
{
	begin_message(out, 'Z', 1);
	buf_append_u8(out, 'I');
}

static void
answer_hello(const Fake *fake, Buf *out)
{
	char		values[3][32];

	snprintf(values[0], sizeof(values[0]), "%llu", (unsigned long long) fake->system_id);
	snprintf(values[1], sizeof(values[1]), "%llu", (unsigned long long) fake->start_us);
	snprintf(values[2], sizeof(values[2]), "16777216");
	append_columns(out, 3);
	append_row(out, 3, values);
	append_ready(out);
}

static void
answer_probe(Fake *fake, Buf *out)
{
	char		values[7][32];

	fake->probes++;
	snprintf(values[0], sizeof(values[0]), "%c", fake->in_recovery ? 't' : 'f');
	snprintf(values[1], sizeof(values[1]), "0/%X", fake->lsn);
	snprintf(values[2], sizeof(values[2]), fake->in_recovery ? "%u" : "%08X", fake->timeline);
	snprintf(values[3], sizeof(values[3]), "%c", fake->has_synchronous ? 't' : 'f');
	snprintf(values[4], sizeof(values[4]), "0");
	snprintf(values[5], sizeof(values[5]), "0/%X", fake->lsn - fake->unflushed);
	snprintf(values[6], sizeof(values[6]), "%u", fake->ended);
	append_row(out, 7, values);
}

static void
answer(Fake *fake, char type, Buf *out)
{
	switch (type)
	{
		case 'Q':
			answer_hello(fake, out);
			break;
		case 'P':
			begin_message(out, '1', 0);
			break;
		case 'B':
			begin_message(out, '2', 0);
			break;
		case 'D':
			append_columns(out, 7);
			break;
		case 'E':
			answer_probe(fake, out);
			break;
		case 'S':
			append_ready(out);
			break;
		default:
			break;
	}
}

static void
answer_startup(FakeConnection *connection, const unsigned char *packet, Buf *out)
{
	uint32_t	code = (uint32_t) packet[4] << 24 | (uint32_t) packet[5] << 16 |
		(uint32_t) packet[6] << 8 | packet[7];

	if (code == SSL_REQUEST)
	{
		buf_append_u8(out, 'N');
		return;
	}
	connection->is_started = true;
	begin_message(out, 'R', 4);
	buf_append_u32(out, 0);
	append_ready(out);
}

static size_t
on_data(void *arg, Slice data)
{
	FakeConnection *connection = arg;
	Buf			out = BUF_INIT;
	size_t		used = 0;

	for (;;)
	{
		size_t		type_len = connection->is_started ? 1 : 0;
		const unsigned char *at = (const unsigned char *) data.data + used;
		size_t		len;

		if (data.len - used < type_len + 4)
			break;
		len = type_len + ((size_t) at[type_len] << 24 | (size_t) at[type_len + 1] << 16 |
						  (size_t) at[type_len + 2] << 8 | at[type_len + 3]);
		if (data.len - used < len)
			break;
		if (connection->is_started)
			answer(connection->fake, (char) at[0], &out);
		else
			answer_startup(connection, at, &out);
		used += len;
	}
	stream_write(connection->stream, buf_slice(&out));
	buf_release(&out);
	return used;
}

static void
drop(FakeConnection *connection)
{
	stream_destroy(connection->stream, STREAM_DROP);
	list_remove(&connection->fake->connections, &connection->node);
	free(connection);
}

static void
on_closed(void *arg, const char *why)
{
	drop(arg);
}

static const StreamEvents events = {.on_data = on_data, .on_closed = on_closed};

static void
on_accepted(void *arg, int fd, const PeerAddress *peer)
{
	Fake	   *fake = arg;
	FakeConnection *connection = calloc(1, sizeof(FakeConnection));

	connection->fake = fake;
	connection->stream = stream_create(fake->loop, fd, &events, connection);
	list_push_tail(&fake->connections, &connection->node);
	if (fake->is_frozen)
		stream_pause(connection->stream);
}

static void
fake_open(Fake *fake)
{
	const SocketWish wish = {.address = fake->address ? fake->address : "127.0.0.1", .port = fake->port, .count = 1};
	Error		error;

	fake->sockets = sockets_create();
	assert_true(sockets_open_tcp(fake->sockets, &wish, &error));
	assert_true(sockets_listen(fake->sockets, &error));
	fake->listener = listener_create(fake->loop, &(ListenerConfig) {fake->sockets, 0, 1}, on_accepted, fake);
	fake->port = socket_port(sockets_get(fake->sockets, 0)->fd);
}

static void
fake_freeze(Fake *fake, bool on)
{
	fake->is_frozen = on;
	LIST_FOREACH(node, &fake->connections)
	{
		FakeConnection *connection = list_entry(node, FakeConnection, node);

		if (on)
			stream_pause(connection->stream);
		else
			stream_resume(connection->stream);
	}
}

static void
fake_drop_all(Fake *fake)
{
	LIST_FOREACH(node, &fake->connections)
		drop(list_entry(node, FakeConnection, node));
}

static void
fake_kill(Fake *fake)
{
	listener_destroy(fake->listener);
	sockets_destroy(fake->sockets);
	fake->listener = NULL;
	fake->sockets = NULL;
	fake_drop_all(fake);
}

/* ---------------------------------------------------------------- the stage */

static void
on_view(void *arg, TopologyView *view)
{
	Stage	   *stage = arg;

	assert_true(stage->view == NULL || view->number > stage->view->number);
	topology_view_unref(stage->view);
	stage->view = view;
	stage->views++;
}

/* North is primary, south and east are its replicas. */
static int
set_stage(void **state)
{
	static const char *const names[FAKES] = {"north", "south", "east"};
	Stage	   *stage = calloc(1, sizeof(Stage));
	Error		error;
	MonitorConfig config = {
		.nodes = stage->nodes,
		.nnodes = FAKES,
		.user = "monitor",
		.database = "postgres",
		.probe_interval_us = 5 * US_PER_MS,
		.probe_timeout_us = 300 * US_PER_MS,
		.name_ttl_us = 5 * US_PER_MS,
		.facts_interval_us = 60 * US_PER_SEC
	};
	MonitorSubscriber subscriber = {.on_view = on_view, .arg = stage};

	stage->loop = subscriber.loop = loop_create();
	for (int i = 0; i < FAKES; i++)
	{
		Fake	   *fake = &stage->fakes[i];

		*fake = (Fake) {
			.loop = stage->loop, .system_id = 4711, .start_us = 1000 + (uint64_t) i,
			.in_recovery = i > 0, .timeline = 1, .lsn = 0x1000
		};
		list_init(&fake->connections);
		fake_open(fake);
		stage->nodes[i] = (MonitorNode) {names[i], "127.0.0.1", fake->port, 1};
	}
	stage->monitor = monitor_create(&config, &error);
	monitor_subscribe(stage->monitor, &subscriber);
	*state = stage;
	return 0;
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
		fake_kill(&stage->fakes[i]);
	topology_view_unref(stage->view);
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

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* Lets the loop run for some milliseconds or until something has happened. */
static void
turn(Loop *loop)
{
	LoopTimer  *timer = loop_timer_create(loop, stop, loop);

	loop_timer_start(timer, US_PER_MS);
	loop_run(loop);
	loop_timer_destroy(timer);
}

#define run_until(stage, condition) \
	do { \
		uint64_t	until_us_ = clock_now_us() + 30 * US_PER_SEC; \
		while ((stage)->view == NULL || !(condition)) \
		{ \
			assert_true(clock_now_us() < until_us_); \
			turn((stage)->loop); \
		} \
	} while (0)

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
	Fake	   *north = &stage->fakes[0];

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
	fake_drop_all(north);
	run_until(stage, NODE(0)->lsn == 0x1090);
	assert_int_equal(NODE(0)->visible_lsn, 0x1090);
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

static void
a_frozen_node_is_silent_until_it_thaws(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	fake_freeze(&stage->fakes[2], true);
	run_until(stage, !NODE(2)->is_usable);
	assert_int_equal(NODE(2)->lsn, 0);
	assert_non_null(strstr(NODE(2)->why, "no answer within 300 ms"));
	assert_int_equal(stage->view->primary, 0);
	fake_freeze(&stage->fakes[2], false);
	run_until(stage, all_usable(stage));
}

/* One frozen node must not keep the others from being told at the start. */
static void
a_node_frozen_from_the_start_does_not_hold_up_the_rest(void **state)
{
	Stage	   *stage = *state;

	fake_freeze(&stage->fakes[1], true);
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
	fake_freeze(&stage->fakes[1], true);	/* it does not get back in */
	fake_drop_all(&stage->fakes[1]);
	run_until(stage, NODE(1)->lsn == 0);
	assert_true(NODE(1)->is_usable || strlen(NODE(1)->why) > 0);
	stage->fakes[1].start_us = 2000;
	stage->fakes[1].lsn = 0x800;
	fake_freeze(&stage->fakes[1], false);
	run_until(stage, NODE(1)->lsn == 0x800);
	assert_int_equal(NODE(1)->identity.postmaster_start_us, 2000);
}

/* Guards: a name that leads elsewhere is followed while the old node is still there and answers. */
static void
a_name_is_followed(void **state)
{
	Stage	   *stage = *state;
	Fake		moved = stage->fakes[1];

	moved.address = "127.0.0.2";
	moved.start_us = 5000;
	list_init(&moved.connections);
	fake_open(&moved);
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
		turn(stage->loop);
	assert_string_equal(NODE(1)->address, "127.0.0.2");
	assert_true(NODE(1)->is_usable);
	monitor_stop(stage->monitor);
	fake_kill(&moved);
}

static void
a_refused_connection_needs_no_waiting(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	fake_kill(&stage->fakes[0]);
	run_until(stage, stage->view->primary < 0);
	assert_non_null(strstr(NODE(0)->why, "refused"));
	assert_true(NODE(1)->is_usable && NODE(2)->is_usable);	/* reads go on */
	fake_open(&stage->fakes[0]);
	run_until(stage, stage->view->primary == 0);
}

static void
failover_and_the_return_of_the_old_primary(void **state)
{
	Stage	   *stage = *state;

	start(stage);
	run_until(stage, all_usable(stage));
	fake_freeze(&stage->fakes[0], true);
	run_until(stage, stage->view->primary < 0);

	stage->fakes[1].in_recovery = false;
	stage->fakes[1].timeline = 2;
	run_until(stage, stage->view->primary == 1);
	assert_int_equal(NODE(1)->identity.timeline, 2);
	assert_true(NODE(2)->is_usable);	/* it is where both timelines agree */

	/* Thawed, it still takes itself for the primary. */
	fake_freeze(&stage->fakes[0], false);
	run_until(stage, NODE(0)->lsn != 0);
	assert_int_equal(stage->view->primary, 1);
	assert_false(NODE(0)->is_usable);
	assert_non_null(strstr(NODE(0)->why, "old primary"));

	/* South has gone on: a replica that went on on the old timeline is lost. */
	stage->fakes[1].lsn = 0x9000;
	stage->fakes[2].lsn = 0x5000;
	run_until(stage, !NODE(2)->is_usable);
	stage->fakes[2].timeline = 2;
	run_until(stage, NODE(2)->is_usable);
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
	fake_kill(&stage->fakes[0]);
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
		fake_kill(&stage->fakes[i]);
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
			monitor_want_facts(monitor, "mes");
			monitor_refresh_facts(monitor, "mes");
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
	monitor_want_facts(stage->monitor, "crm");
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
	turn(stage->loop);
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
		cmocka_unit_test_setup_teardown(a_requested_sample_is_begun_after_the_request, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_frozen_node_is_silent_until_it_thaws, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_node_frozen_from_the_start_does_not_hold_up_the_rest, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_lost_connection_voids_the_position, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_name_is_followed, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_refused_connection_needs_no_waiting, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(failover_and_the_return_of_the_old_primary, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_timeline_does_not_go_back_within_a_life, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(a_foreign_node_is_refused, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(nobody_there, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(any_thread_may_ask_until_it_is_destroyed, set_stage, clear_stage),
		cmocka_unit_test_setup_teardown(requests_that_come_together_are_one, set_stage, clear_stage),
		cmocka_unit_test(impossible_configurations_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
