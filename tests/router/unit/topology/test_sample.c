/*-------------------------------------------------------------------------
 *
 * test_sample.c
 *	  Reading a node's answers to the probe.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "topology/sample.h"

#define SEGMENT (16 * 1024 * 1024)

/* One row; NULL is NULL. */
static PGresult *
row(int n, const char *const values[])
{
	PGresult   *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[10];

	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < n; i++)
		columns[i].name = (char *) "column";
	assert_int_equal(PQsetResultAttrs(result, n, columns), 1);
	for (int i = 0; i < n; i++)
		assert_int_equal(PQsetvalue(result, 0, i, (char *) values[i],
									values[i] != NULL ? (int) strlen(values[i]) : -1), 1);
	return result;
}

static bool
probe(const char *const values[10], NodeSample *sample, Error *error)
{
	PGresult   *result = row(10, values);
	bool		ok = sample_parse_probe(result, sample, error);

	PQclear(result);
	return ok;
}

static void
hello_names_the_life(void **state)
{
	PGresult   *result = row(3, (const char *const[]) {"7311234567890123456", "1700000000123456", "16777216"});
	NodeSample	sample = {0};
	Error		error;

	assert_true(sample_parse_hello(result, &sample, &error));
	assert_int_equal(sample.identity.system_id, 7311234567890123456);
	assert_int_equal(sample.identity.postmaster_start_us, 1700000000123456);
	assert_int_equal(sample.segment_bytes, SEGMENT);
	PQclear(result);
}

/* The timeline of a primary is read from a WAL file's name, in hexadecimal. */
static void
a_primary(void **state)
{
	NodeSample	sample = {.segment_bytes = SEGMENT};
	Error		error;

	assert_true(probe((const char *const[]) {"f", "1A/2B0003C8", "0000001F", "t", "0", "1A/2B000390", "730:738:730,735,736", "2", NULL,
	"1A/2A000028"}, &sample, &error));
	assert_int_equal(sample.identity.role, NODE_PRIMARY);
	assert_int_equal(sample.lsn, 0x1A2B0003C8);
	assert_int_equal(sample.flush_lsn, 0x1A2B000390);
	assert_int_equal(sample.ended, 735);
	assert_int_equal(sample.xmax, 738);
	assert_int_equal(sample.next_xid, 740);
	assert_int_equal(sample.began_lsn, 0x1A2A000028);
	assert_int_equal(sample.identity.timeline, 31);
	assert_true(sample.has_synchronous);
}

/* ... that of a replica in decimal. */
static void
a_replica(void **state)
{
	NodeSample	sample = {0};
	Error		error;

	assert_true(probe((const char *const[]) {"t", "FFFFFFFF/FFFFFFFF", "31", "f", "1500", NULL, "738:738:", "0", "730,736", NULL}, &sample, &error));
	assert_int_equal(sample.identity.role, NODE_REPLICA);
	assert_true(sample.lsn == UINT64_MAX);
	assert_int_equal(sample.identity.timeline, 31);
	assert_false(sample.has_synchronous);
	assert_int_equal(sample.replay_age_us, 1500);
	assert_int_equal(sample.xmax, 738);
	assert_int_equal(sample.next_xid, 738);
}

static void
a_replica_that_has_replayed_nothing(void **state)
{
	NodeSample	sample = {.lsn = 5, .flush_lsn = 5, .ended = 5, .replay_age_us = 5};
	Error		error;

	assert_true(probe((const char *const[]) {"t", NULL, "1", "f", NULL, NULL, "3:3:", "0", NULL, NULL}, &sample, &error));
	assert_int_equal(sample.lsn, 0);
	assert_int_equal(sample.flush_lsn, 0);
	assert_int_equal(sample.ended, 0);
	assert_int_equal(sample.replay_age_us, 0);
}

static void
what_was_not_asked_for_is_refused(void **state)
{
	static const char *const bad[][10] = {
		{"f", "1A2B", "00000001", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/", "00000001", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/2Bx", "00000001", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/2B000000000", "00000001", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/2B", "0000000Z", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/2B", "", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"t", "1A/2B", "-1", "f", "0", NULL, "3:3:", "0", NULL, NULL},
		{"t", "1A/2B", "1", "f", "99999999999999999999999", NULL, "3:3:", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "2B", "3:3:", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", NULL, "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "-1", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "3:3", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "3:-3:", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "3:3x:", "0", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "3:3:", "-1", NULL, NULL},
		{"f", "1A/2B", "00000001", "f", "0", "1A/2B", "3:3:", "0", NULL, "2B"},
	};
	NodeSample	sample;
	Error		error;
	PGresult   *short_row = row(2, (const char *const[]) {"f", "1A/2B"});
	PGresult   *failed = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(probe(bad[i], &sample, &error));
	assert_false(sample_parse_probe(short_row, &sample, &error));
	assert_false(sample_parse_hello(short_row, &sample, &error));
	assert_false(sample_parse_probe(failed, &sample, &error));
	assert_false(sample_parse_probe(NULL, &sample, &error));
	assert_true(strlen(error.message) > 0);
	PQclear(short_row);
	PQclear(failed);
}

/* An idle primary right after the switch to a new page or segment points
 * behind its header; its replicas point before it, and are not late. */
static void
headers_of_pages_are_not_records(void **state)
{
	assert_int_equal(sample_record_end(0x4000028, SEGMENT), 0x4000000);
	assert_int_equal(sample_record_end(0x4002018, SEGMENT), 0x4002000);
	assert_int_equal(sample_record_end(0x4000000, SEGMENT), 0x4000000);
	assert_int_equal(sample_record_end(0x4000050, SEGMENT), 0x4000050);
	assert_int_equal(sample_record_end(0x4002028, SEGMENT), 0x4002028); /* a record of which the end lies here */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_names_the_life),
		cmocka_unit_test(a_primary),
		cmocka_unit_test(a_replica),
		cmocka_unit_test(a_replica_that_has_replayed_nothing),
		cmocka_unit_test(what_was_not_asked_for_is_refused),
		cmocka_unit_test(headers_of_pages_are_not_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
