/*
 * test_inflight.c
 *	  Which reply answers which message, and what an error skips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/inflight.h"

static InFlight inflight;
static int	skipped;
static uint64_t skipped_statement;

static int
setup(void **state)
{
	inflight_init(&inflight);
	skipped = 0;
	skipped_statement = 0;
	return 0;
}

static int
teardown(void **state)
{
	inflight_release(&inflight);
	return 0;
}

static void
note_skip(void *arg, const InFlightEntry *entry)
{
	skipped++;
	if (entry->statement)
		skipped_statement = entry->statement;
}

static void
push(InFlightKind kind, InFlightAction action)
{
	inflight_push(&inflight, kind, action, INFLIGHT_CLIENT, 0);
}

static void
expect_step(char type, InFlightVerdict verdict, bool completed)
{
	InFlightStep step = type == 'E' ? inflight_handle_error(&inflight, note_skip, NULL) :
		inflight_handle(&inflight, type);

	assert_int_equal(step.verdict, verdict);
	assert_int_equal(step.completed, completed);
}

static void
a_query_ends_with_ready_for_query(void **state)
{
	push(INFLIGHT_QUERY, INFLIGHT_FORWARD);
	expect_step('T', INFLIGHT_PASS, false);
	expect_step('D', INFLIGHT_PASS, false);
	expect_step('C', INFLIGHT_PASS, false);
	expect_step('E', INFLIGHT_PASS, false);
	expect_step('Z', INFLIGHT_PASS, true);
	assert_true(inflight_is_empty(&inflight));
}

static void
an_extended_unit_is_answered_in_order(void **state)
{
	push(INFLIGHT_PARSE, INFLIGHT_FORWARD);
	push(INFLIGHT_DESCRIBE, INFLIGHT_FORWARD);
	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	push(INFLIGHT_EXECUTE, INFLIGHT_FORWARD);
	push(INFLIGHT_CLOSE, INFLIGHT_FORWARD);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	expect_step('1', INFLIGHT_PASS, true);
	expect_step('t', INFLIGHT_PASS, false);
	expect_step('T', INFLIGHT_PASS, true);
	expect_step('2', INFLIGHT_PASS, true);
	expect_step('D', INFLIGHT_PASS, false);
	expect_step('s', INFLIGHT_PASS, true);
	expect_step('3', INFLIGHT_PASS, true);
	expect_step('Z', INFLIGHT_PASS, true);
	assert_true(inflight_is_empty(&inflight));
}

static void
what_the_router_sent_is_dropped(void **state)
{
	inflight_push(&inflight, INFLIGHT_QUERY, INFLIGHT_SWALLOW, INFLIGHT_POSITION, 0);
	push(INFLIGHT_QUERY, INFLIGHT_FORWARD);
	expect_step('C', INFLIGHT_DROP, false);
	expect_step('E', INFLIGHT_DROP, false);
	expect_step('Z', INFLIGHT_DROP, true);
	expect_step('Z', INFLIGHT_PASS, true);
}

/* Guards: a Parse put in front of the client's Bind does not fail unheard. */
static void
what_was_sent_for_the_client_fails_for_the_client(void **state)
{
	push(INFLIGHT_PARSE, INFLIGHT_SWALLOW);
	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	expect_step('E', INFLIGHT_PASS, false);
	expect_step('Z', INFLIGHT_PASS, true);
	assert_int_equal(skipped, 2);
}

static void
a_failed_begin_is_shown(void **state)
{
	inflight_push(&inflight, INFLIGHT_PARSE, INFLIGHT_SWALLOW, INFLIGHT_BEGIN, 0);
	push(INFLIGHT_QUERY, INFLIGHT_FORWARD);
	expect_step('E', INFLIGHT_PASS, false);
	assert_true(inflight_is_empty(&inflight));
	assert_int_equal(skipped, 2);
}

static void
an_error_skips_to_sync(void **state)
{
	inflight_push(&inflight, INFLIGHT_PARSE, INFLIGHT_FORWARD, INFLIGHT_CLIENT, 7);
	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	push(INFLIGHT_EXECUTE, INFLIGHT_FORWARD);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	expect_step('E', INFLIGHT_PASS, false);
	assert_int_equal(skipped, 3);
	assert_int_equal(skipped_statement, 7);
	expect_step('Z', INFLIGHT_PASS, true);
	expect_step('2', INFLIGHT_PASS, true);
}

static void
a_refused_message_gets_our_error(void **state)
{
	push(INFLIGHT_BIND, INFLIGHT_REFUSE);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	expect_step('E', INFLIGHT_REPLACE_ERROR, false);
	expect_step('Z', INFLIGHT_PASS, true);
}

static void
local_answers_wait_for_their_turn(void **state)
{
	InFlightEntry entry;

	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	push(INFLIGHT_CLOSE, INFLIGHT_LOCAL);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	assert_false(inflight_pop_local(&inflight, &entry));
	expect_step('2', INFLIGHT_PASS, true);
	assert_true(inflight_pop_local(&inflight, &entry));
	assert_int_equal(entry.kind, INFLIGHT_CLOSE);
	expect_step('Z', INFLIGHT_PASS, true);
}

static void
an_error_takes_local_answers_along(void **state)
{
	InFlightEntry entry;

	push(INFLIGHT_BIND, INFLIGHT_FORWARD);
	push(INFLIGHT_PARSE, INFLIGHT_LOCAL);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	expect_step('E', INFLIGHT_PASS, false);
	assert_false(inflight_pop_local(&inflight, &entry));
	expect_step('Z', INFLIGHT_PASS, true);
}

static void
replies_to_nothing_are_noticed(void **state)
{
	expect_step('Z', INFLIGHT_UNEXPECTED, false);
	push(INFLIGHT_PARSE, INFLIGHT_FORWARD);
	expect_step('2', INFLIGHT_UNEXPECTED, false);
	expect_step('\0', INFLIGHT_UNEXPECTED, false);
	expect_step('1', INFLIGHT_PASS, true);
}

static void
copy_drops_the_sync_it_was_sent_with(void **state)
{
	push(INFLIGHT_EXECUTE, INFLIGHT_FORWARD);
	push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
	inflight_drop_tail_sync(&inflight);
	expect_step('G', INFLIGHT_PASS, false);
	expect_step('C', INFLIGHT_PASS, true);
	assert_true(inflight_is_empty(&inflight));
	inflight_drop_tail_sync(&inflight);
}

static void
the_ring_keeps_order_while_it_grows(void **state)
{
	for (int round = 0; round < 3; round++)
	{
		for (uint64_t i = 1; i <= 100; i++)
			inflight_push(&inflight, INFLIGHT_PARSE, INFLIGHT_FORWARD, INFLIGHT_CLIENT, i);
		for (uint64_t i = 1; i <= 100; i++)
			assert_int_equal(inflight_handle(&inflight, '1').entry->statement, i);
		push(INFLIGHT_SYNC, INFLIGHT_FORWARD);
		expect_step('Z', INFLIGHT_PASS, true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_query_ends_with_ready_for_query, setup, teardown),
		cmocka_unit_test_setup_teardown(an_extended_unit_is_answered_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_router_sent_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_sent_for_the_client_fails_for_the_client, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_begin_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_skips_to_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_message_gets_our_error, setup, teardown),
		cmocka_unit_test_setup_teardown(local_answers_wait_for_their_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_takes_local_answers_along, setup, teardown),
		cmocka_unit_test_setup_teardown(replies_to_nothing_are_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(copy_drops_the_sync_it_was_sent_with, setup, teardown),
		cmocka_unit_test_setup_teardown(the_ring_keeps_order_while_it_grows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
