/*-------------------------------------------------------------------------
 *
 * test_pool_pause.c
 *	  PAUSE, RESUME and RECONNECT of pools: which servers go and who waits.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

static void
ask_for(Asker *asker, const char *database)
{
	Pool	   *pool = pool_of(set, database, "app");

	asker_ask(asker, pool);
	pool_release(pool);
}

/* Nothing here may take a server from who uses it. */
static void
give(Asker *asker)
{
	assert_false(asker->lost);
	asker_give(asker, CHECKIN_CLEAN);
}

static void
get_for(Asker *asker, const char *database)
{
	ask_for(asker, database);
	wait_until(fake.loop, asker->server != NULL);
}

static int
count_of(const char *database)
{
	PoolCount	count = {0};

	pool_set_count(set, database, &count);
	return count.servers;
}

/* Guards: PAUSE closes what is idle, what is busy when it comes back, and opens nothing until RESUME. */
static void
paused_pools_become_quiet(void **state)
{
	Asker		busy = {0};
	Asker		idle = {0};
	Asker		late = {0};
	Asker		new = {0};

	get_for(&busy, "mes");
	get_for(&idle, "mes");
	give(&idle);
	assert_int_equal(count_of(NULL), 2);
	assert_true(pool_set_pause(set, NULL));
	assert_int_equal(count_of(NULL), 1);
	ask_for(&late, "mes");
	ask_for(&new, "of_a_pool_that_is_new");
	give(&busy);
	assert_int_equal(count_of(NULL), 0);
	turn_loop(fake.loop);
	assert_null(late.server);
	assert_null(new.server);
	assert_int_equal(fake.logins, 2);

	assert_true(pool_set_resume(set, NULL));
	wait_until(fake.loop, late.server != NULL && new.server != NULL);
	assert_int_equal(fake.logins, 4);
	give(&late);
	give(&new);
	assert_int_equal(count_of(NULL), 2);

	get_for(&late, "mes");
	pool_set_pause(set, NULL);
	pool_set_resume(set, NULL);
	give(&late);
	assert_int_equal(count_of("mes"), 1);	/* it was not paused when it came back */
}

/* Guards: PAUSE of a database leaves the others alone, and each is resumed by its name, or all at once. */
static void
a_database_is_paused_by_itself(void **state)
{
	Asker		mes = {0};
	Asker		crm = {0};

	assert_true(pool_set_pause(set, "mes"));
	assert_false(pool_set_pause(set, "mes"));
	assert_true(pool_set_is_paused(set, "mes"));
	assert_false(pool_set_is_paused(set, "crm"));
	assert_false(pool_set_is_paused(set, NULL));
	ask_for(&mes, "mes");
	get_for(&crm, "crm");
	assert_null(mes.server);
	give(&crm);
	assert_int_equal(count_of("crm"), 1);
	assert_false(pool_set_resume(set, "crm"));
	assert_true(pool_set_resume(set, "mes"));
	wait_until(fake.loop, mes.server != NULL);
	give(&mes);

	pool_set_pause(set, "mes");
	assert_true(pool_set_pause(set, NULL));
	assert_false(pool_set_pause(set, NULL));
	assert_true(pool_set_resume(set, NULL));
	assert_false(pool_set_is_paused(set, "mes"));
	assert_false(pool_set_resume(set, NULL));
}

/* Guards: a login under way does not bring a server to a paused pool; who waited for it goes on waiting. */
static void
a_login_under_way_is_given_up(void **state)
{
	Asker		asker = {0};

	fake.is_mute = true;
	ask_for(&asker, "mes");
	wait_until(fake.loop, fake.accepted == 1);
	pool_set_pause(set, "mes");
	assert_int_equal(count_of(NULL), 0);
	turn_loop(fake.loop);
	assert_false(asker.failed);
	fake.is_mute = false;
	pool_set_resume(set, "mes");
	wait_until(fake.loop, asker.server != NULL);
	give(&asker);
}

/* Guards: who waits longer than its deadline is told that the database is paused. */
static void
waiting_ends_at_the_deadline(void **state)
{
	Asker		asker = {.waiter.deadline_us = clock_now_us() + SHORT_US};

	pool_set_pause(set, NULL);
	ask_for(&asker, "mes");
	wait_until(fake.loop, asker.failed);
	assert_string_equal(asker.error.sqlstate, "57P03");
	assert_non_null(strstr(asker.error.detail, "paused"));
	assert_non_null(strstr(asker.error.hint, "RESUME"));
}

/* Guards: RECONNECT replaces servers when they are released, of one database or all, and says which are left. */
static void
reconnect_replaces(void **state)
{
	Asker		mes = {0};
	Asker		crm = {0};
	PoolCount	count = {0};

	get_for(&mes, "mes");
	get_for(&crm, "crm");
	pool_set_reconnect(set, "mes");
	pool_set_count(set, NULL, &count);
	assert_int_equal(count.servers, 2);
	assert_int_equal(count.retired, 1);
	give(&mes);
	give(&crm);
	assert_int_equal(count_of("mes"), 0);
	assert_int_equal(count_of("crm"), 1);
	get_for(&mes, "mes");
	give(&mes);
	assert_int_equal(fake.logins, 3);
	pool_set_reconnect(set, NULL);
	assert_int_equal(count_of(NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paused_pools_become_quiet),
		TEST(a_database_is_paused_by_itself),
		TEST(a_login_under_way_is_given_up),
		TEST(waiting_ends_at_the_deadline),
		TEST(reconnect_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
