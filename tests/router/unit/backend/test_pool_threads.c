/*-------------------------------------------------------------------------
 *
 * test_pool_threads.c
 *	  Workers in threads of their own share one limit, and none is starved.
 *
 * Each thread has its loop, its pool set and its fake node (all nodes are "the
 * same" one: what is counted is how many servers are in use).  Its clients
 * take a server and give it back a hundred times, as busy clients do.  A
 * starved worker asks the others as app/ does, by a message to their loops.
 * Made for ThreadSanitizer; without it it still checks limit and progress.
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <stdatomic.h>

#include "router/unit/backend/fake_node.h"

#define THREADS_MAX 3
#define CLIENTS 6
#define ROUNDS 100

typedef struct Thread Thread;

typedef struct Client
{
	Thread	   *thread;
	PoolWaiter	waiter;
	Server	   *server;
	int			rounds;
} Client;

struct Thread
{
	pthread_t	id;
	Loop	   *loop;
	FakeNode	fake;
	SettingsPool *settings;
	PoolSet    *set;
	LoopTimer  *watch;
	Client		clients[CLIENTS];
};

static Thread threads[THREADS_MAX];
static int	nthreads;
static int	limit;
static bool is_of_database;		/* the limit; each thread then has a user of its own */
static const char *const users[THREADS_MAX] = {"ann", "bob", "carl"};
static PoolTotals *totals;
static atomic_int in_use;
static atomic_int most_in_use;
static atomic_int asked;
static atomic_int finished;		/* clients */
static atomic_int failures;

static void ask(void *arg);

static size_t
on_data(void *owner, Slice data)
{
	return data.len;
}

static void
on_lost(void *owner, const char *why)
{
	atomic_fetch_add(&failures, 1);
}

static const ServerEvents holder = {on_data, NULL, on_lost, NULL};

static void
give(void *arg)
{
	Client	   *client = arg;

	atomic_fetch_sub(&in_use, 1);
	pool_checkin(client->server, CHECKIN_CLEAN);
	if (++client->rounds < ROUNDS)
		ask(client);
	else
		atomic_fetch_add(&finished, 1);
}

static void
on_granted(void *owner, Server *server)
{
	Client	   *client = owner;
	int			now = atomic_fetch_add(&in_use, 1) + 1;
	int			most = atomic_load(&most_in_use);

	while (now > most && !atomic_compare_exchange_weak(&most_in_use, &most, now))
		;
	client->server = server;
	server_hold(server, &holder, client);
	loop_post(client->thread->loop, give, client);
}

static void
on_failed(void *owner, const Error *error)
{
	atomic_fetch_add(&failures, 1);
	atomic_fetch_add(&finished, 1);
}

static const char *
user_of(const Thread *thread)
{
	return is_of_database ? users[thread - threads] : "app";
}

static Pool *
pool_of(Thread *thread)
{
	return pool_set_get(thread->set, &(PoolTarget) {.database = "mes", .user = user_of(thread)});
}

static void
ask(void *arg)
{
	Client	   *client = arg;
	Server	   *server;

	client->waiter = (PoolWaiter) {.on_granted = on_granted, .on_failed = on_failed, .owner = client};
	server = pool_checkout(pool_of(client->thread), &client->waiter);
	if (server != NULL)
		on_granted(client, server);
}

typedef struct Message
{
	Thread	   *to;
	PoolNeed	need;			/* its strings are constants here */
} Message;

static void
give_back(void *arg)
{
	Message    *message = arg;

	pool_set_give_back(message->to->set, &message->need);
	mem_free(message);
}

static void
on_starved(void *arg, const PoolNeed *need)
{
	atomic_fetch_add(&asked, 1);
	for (int i = 0; i < nthreads; i++)
	{
		Message    *message;

		if (&threads[i] == arg)
			continue;
		message = mem_alloc(sizeof(Message));
		*message = (Message) {&threads[i], *need};
		message->need.name = message->need.database = "mes";
		message->need.user = user_of(arg);
		loop_post(threads[i].loop, give_back, message);
	}
}

/* Peers need this loop until all are done. */
static void
on_watch(void *arg)
{
	Thread	   *thread = arg;

	if (atomic_load(&finished) == nthreads * CLIENTS)
		loop_stop(thread->loop);
	else
		loop_timer_start(thread->watch, 1000);
}

static void *
thread_main(void *arg)
{
	Thread	   *thread = arg;
	TopologyView *view = fake_view((FakeNode *const[]) {&thread->fake}, 1);

	pool_set_view(thread->set, view);
	topology_view_unref(view);
	for (int i = 0; i < CLIENTS; i++)
		ask(&thread->clients[i]);
	loop_timer_start(thread->watch, 1000);
	loop_run(thread->loop);
	return NULL;
}

static void
thread_init(Thread *thread)
{
	const PoolConfig config = {
		.limits = {.pool_size = is_of_database ? limit + 1 : limit, .max_db_connections = is_of_database ? limit : 0},
		.server_connect_timeout_us = WAIT_SECS * US_PER_SEC,
		.login_retry_us = US_PER_SEC,
		.max_prepared_statements = 10,
	};
	const PoolSetHooks hooks = {on_starved, NULL, thread};

	memset(thread, 0, sizeof(*thread));
	thread->loop = loop_create();
	fake_node_init(&thread->fake, thread->loop);
	thread->settings = settings_pool_create();
	thread->set = pool_set_create(thread->loop, &config, totals, thread->settings, &hooks);
	thread->watch = loop_timer_create(thread->loop, on_watch, thread);
	for (int i = 0; i < CLIENTS; i++)
		thread->clients[i].thread = thread;
}

static void
thread_fini(Thread *thread)
{
	pool_set_destroy(thread->set);
	fake_node_fini(&thread->fake);
	loop_timer_destroy(thread->watch);
	loop_destroy(thread->loop);
	settings_pool_destroy(thread->settings);
}

static void
run(int threads_wanted, int limit_wanted, bool of_database)
{
	is_of_database = of_database;
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	nthreads = threads_wanted;
	limit = limit_wanted;
	in_use = most_in_use = asked = finished = failures = 0;
	totals = pool_totals_create();
	for (int i = 0; i < nthreads; i++)
		thread_init(&threads[i]);
	for (int i = 0; i < nthreads; i++)
		assert_int_equal(pthread_create(&threads[i].id, NULL, thread_main, &threads[i]), 0);
	for (int i = 0; i < nthreads; i++)
		pthread_join(threads[i].id, NULL);
	for (int i = 0; i < nthreads; i++)
		thread_fini(&threads[i]);
	pool_totals_destroy(totals);
	assert_int_equal(failures, 0);
	assert_int_equal(in_use, 0);
	assert_true(most_in_use <= limit);
}

static void
shares_of_two(void **state)
{
	run(2, 4, false);
	assert_true(most_in_use > 1);
}

/* Fewer servers than workers: they go round. */
static void
more_workers_than_servers(void **state)
{
	run(3, 2, false);
	assert_true(asked > 0);
}

static void
one_server_for_all(void **state)
{
	run(2, 1, false);
	assert_true(asked > 0);
}

/* Users below the limit of their database: no two of them have a pool in common. */
static void
users_share_a_database(void **state)
{
	run(3, 2, true);
	assert_true(asked > 0);
	run(2, 1, true);
	run(3, 4, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_of_two),
		cmocka_unit_test(more_workers_than_servers),
		cmocka_unit_test(one_server_for_all),
		cmocka_unit_test(users_share_a_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
