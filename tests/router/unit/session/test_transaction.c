/*-------------------------------------------------------------------------
 *
 * test_transaction.c
 *	  What is left of a transaction when it ends one way or another.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "session/client_internal.h"

static SettingsPool *pool;
static SessionContext context;
static Client *client;

static int
setup(void **state)
{
	pool = settings_pool_create();
	client = mem_alloc(sizeof(Client));
	client->context = &context;
	client->transaction.status = 'I';
	client->settings = settings_empty(pool);
	return 0;
}

static int
teardown(void **state)
{
	transaction_reset(&client->transaction);
	settings_unref(client->settings);
	mem_free(client);
	settings_pool_destroy(pool);
	return 0;
}

static void
set(const char *value)
{
	Settings   *with = settings_with(client->settings, slice_from_string("timezone"), slice_from_string(value));

	transaction_apply_settings(client, with, with);
	settings_unref(with);
}

static const char *
timezone_now(void)
{
	const char *value = settings_find(client->settings, "timezone");

	return value ? value : "";
}

/* A unit ended: its last tag, whether it failed, and the server's status. */
static void
unit(const char *tag, bool failed, char status)
{
	client->relay.says_rollback = strcmp(tag, "ROLLBACK") == 0;
	client->relay.saw_error = failed;
	transaction_follow(client, status);
	client->relay.summary.flags = 0;
}

static void
settings_go_back_with_a_rollback(void **state)
{
	set("A");
	unit("BEGIN", false, 'T');
	set("B");
	set("C");
	unit("ROLLBACK", false, 'I');
	assert_string_equal(timezone_now(), "A");
	assert_int_equal(client->transaction.status, 'I');

	unit("BEGIN", false, 'T');
	set("B");
	unit("COMMIT", false, 'I');
	assert_string_equal(timezone_now(), "B");

	unit("BEGIN", false, 'T');
	set("D");
	unit("SELECT 1", true, 'E');
	unit("ROLLBACK", false, 'I');	/* what COMMIT says then */
	assert_string_equal(timezone_now(), "B");

	unit("BEGIN", false, 'T');
	set("E");
	unit("INSERT 0 1", true, 'I');	/* a deferred constraint fails the commit */
	assert_string_equal(timezone_now(), "B");
}

static void
chained_transactions_settle_one_by_one(void **state)
{
	unit("BEGIN", false, 'T');
	set("A");
	client->relay.summary.flags = STATEMENT_CHAIN;
	unit("COMMIT", false, 'T');
	set("B");
	client->relay.summary.flags = STATEMENT_CHAIN;
	unit("ROLLBACK", false, 'T');
	assert_string_equal(timezone_now(), "A");
	set("C");
	unit("ROLLBACK", false, 'I');
	assert_string_equal(timezone_now(), "A");
}

static void
a_lost_transaction_waits_for_its_end(void **state)
{
	transaction_lose(&client->transaction);
	assert_int_equal(client->transaction.status, 'I');
	client->transaction.status = 'T';
	client->transaction.is_deferred = true;
	set("A");
	transaction_lose(&client->transaction);
	assert_int_equal(client->transaction.status, 'E');
	assert_true(client->transaction.is_lost);
	assert_false(client->transaction.is_deferred);
	transaction_end(client, false);
	assert_string_equal(timezone_now(), "");
	assert_int_equal(client->transaction.status, 'I');
}

static void
what_only_prepares_is_outside_of_a_deferred_one(void **state)
{
	client->transaction.status = 'T';
	client->transaction.is_deferred = true;
	client->relay.outside_transaction = true;
	assert_int_equal(transaction_status_after(client, 'I'), 'T');
	unit("", false, 'I');
	assert_true(client->transaction.is_deferred);
	client->relay.saw_error = true;
	assert_int_equal(transaction_status_after(client, 'I'), 'E');
	unit("", true, 'I');
	assert_true(client->transaction.is_lost);
	client->relay.outside_transaction = false;
	assert_int_equal(transaction_status_after(client, 'T'), 'T');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(settings_go_back_with_a_rollback, setup, teardown),
		cmocka_unit_test_setup_teardown(chained_transactions_settle_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_transaction_waits_for_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(what_only_prepares_is_outside_of_a_deferred_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
