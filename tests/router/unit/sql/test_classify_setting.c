/*
 * test_classify_setting.c
 *		Kinds of statements the session handles, with names and values.
 *
 * Values are what SET hands to the setting: set_config() with the name and value
 * of a row leaves a server as the row's statement does (compared on a server).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/unit/sql/facts_fixture.h"
#include "sql/classify.h"

typedef struct Case
{
	const char *sql;
	StatementKind kind;
	const char *name;
	const char *value;
} Case;

typedef struct FlagCase
{
	const char *sql;
	StatementKind kind;
	unsigned	flags;
} FlagCase;

static const Case settings[] = {
	{"SET work_mem = '4MB'", STATEMENT_SET, "work_mem", "4MB"},
	{"SET SESSION work_mem TO 4096", STATEMENT_SET, "work_mem", "4096"},
	{"set WORK_MEM to 4096", STATEMENT_SET, "work_mem", "4096"},
	{"SET \"TimeZone\" = 'Europe/Berlin'", STATEMENT_SET, "timezone", "Europe/Berlin"},
	{"SET TIME ZONE 'UTC'", STATEMENT_SET, "timezone", "UTC"},
	{"SET TIME ZONE -3", STATEMENT_SET, "timezone", "-3"},
	{"SET TIME ZONE 5.5", STATEMENT_SET, "timezone", "5.5"},
	{"SET TIME ZONE LOCAL", STATEMENT_RESET, "timezone", ""},
	{"SET NAMES 'latin1'", STATEMENT_SET, "client_encoding", "latin1"},
	{"SET NAMES", STATEMENT_RESET, "client_encoding", ""},
	{"SET SCHEMA 'Sales'", STATEMENT_SET, "search_path", "\"Sales\""},
	{"SET search_path = a, \"B\", \"$user\", 'c d', 'e\"f'", STATEMENT_SET, "search_path", "a, \"B\", \"$user\", \"c d\", \"e\"\"f\""},
	{"SET search_path TO ''", STATEMENT_SET, "search_path", "\"\""},
	{"SET search_path TO '1a'", STATEMENT_SET, "search_path", "\"1a\""},
	{"SET DateStyle = ISO, DMY", STATEMENT_SET, "datestyle", "iso, dmy"},
	{"SET DateStyle = 'ISO, DMY'", STATEMENT_SET, "datestyle", "ISO, DMY"},
	{"SET enable_seqscan = off", STATEMENT_SET, "enable_seqscan", "off"},
	{"SET enable_seqscan = true", STATEMENT_SET, "enable_seqscan", "true"},
	{"SET enable_seqscan TO on", STATEMENT_SET, "enable_seqscan", "on"},
	{"SET random_page_cost = 1.5", STATEMENT_SET, "random_page_cost", "1.5"},
	{"SET statement_timeout = 10000000000", STATEMENT_SET, "statement_timeout", "10000000000"},
	{"SET transaction_timeout = '5s'", STATEMENT_SET, "transaction_timeout", "5s"},
	{"SET Transaction_Timeout TO 5000", STATEMENT_SET, "transaction_timeout", "5000"},
	{"SET transaction_my.own = 'a'", STATEMENT_SET, "transaction_my.own", "a"},
	{"SET application_name = 'it''s'", STATEMENT_SET, "application_name", "it's"},
	{"SET application_name = ''", STATEMENT_SET, "application_name", ""},
	{"SET XML OPTION DOCUMENT", STATEMENT_SET, "xmloption", "DOCUMENT"},
	{"SET andon.route = 'replica'", STATEMENT_SET, "andon.route", "replica"},
	{"SET andon.floor = '1/16B3740'", STATEMENT_SET, "andon.floor", "1/16B3740"},
	{"SET default_transaction_isolation = serializable", STATEMENT_SET, "default_transaction_isolation", "serializable"},
	{"SET standard_conforming_strings = off;", STATEMENT_SET, "standard_conforming_strings", "off"},
	{"SET work_mem TO DEFAULT", STATEMENT_RESET, "work_mem", ""},
	{"RESET work_mem", STATEMENT_RESET, "work_mem", ""},
	{"SET transaction_timeout TO DEFAULT", STATEMENT_RESET, "transaction_timeout", ""},
	{"RESET transaction_timeout", STATEMENT_RESET, "transaction_timeout", ""},
	{"RESET TIME ZONE", STATEMENT_RESET, "timezone", ""},
	{"RESET ALL", STATEMENT_RESET, "all", ""},
	{"SET LOCAL work_mem = '1MB'", STATEMENT_SET_LOCAL, "work_mem", "1MB"},
	{"SET LOCAL work_mem TO DEFAULT", STATEMENT_SET_LOCAL, "work_mem", ""},
	{"SET LOCAL transaction_timeout = 0", STATEMENT_SET_LOCAL, "transaction_timeout", "0"},
	{"SET LOCAL ROLE x", STATEMENT_SET_LOCAL, "role", "x"},
	{"SET CONSTRAINTS ALL DEFERRED", STATEMENT_SET_LOCAL, "", ""},
	{"SHOW work_mem", STATEMENT_SHOW, "work_mem", ""},
	{"SHOW TimeZone", STATEMENT_SHOW, "timezone", ""},
	{"SHOW TIME ZONE", STATEMENT_SHOW, "timezone", ""},
	{"SHOW TRANSACTION ISOLATION LEVEL", STATEMENT_SHOW, "transaction_isolation", ""},
	{"SHOW SESSION AUTHORIZATION", STATEMENT_SHOW, "session_authorization", ""},
	{"SHOW ALL", STATEMENT_SHOW, "all", ""},
	{"SHOW andon.floor", STATEMENT_SHOW, "andon.floor", ""},
	{"DEALLOCATE p", STATEMENT_DEALLOCATE, "p", ""},
	{"DEALLOCATE PREPARE \"P\"", STATEMENT_DEALLOCATE, "P", ""},
	{"DEALLOCATE ALL", STATEMENT_DEALLOCATE, "", ""},
	{"DISCARD ALL", STATEMENT_DISCARD_ALL, "", ""},
	{"LISTEN \"Chan\"", STATEMENT_LISTEN, "Chan", ""},
	{"UNLISTEN chan", STATEMENT_UNLISTEN, "chan", ""},
	{"UNLISTEN *", STATEMENT_UNLISTEN, "", ""},
	{"SAVEPOINT a", STATEMENT_SAVEPOINT, "a", ""},
	{"RELEASE SAVEPOINT a", STATEMENT_SAVEPOINT, "a", ""},
	{"ROLLBACK TO a", STATEMENT_SAVEPOINT, "a", ""},
	{"PREPARE TRANSACTION 'x'", STATEMENT_TWO_PHASE, "", ""},
	{"COMMIT PREPARED 'x'", STATEMENT_TWO_PHASE, "", ""},
	{"ROLLBACK PREPARED 'x'", STATEMENT_TWO_PHASE, "", ""},
	{"COPY t FROM STDIN", STATEMENT_COPY, "", ""},
	{"COPY t TO STDOUT WITH (FORMAT csv)", STATEMENT_COPY, "", ""},
	{"COPY (SELECT 1) TO STDOUT", STATEMENT_COPY, "", ""},
	{"COPY t TO '/tmp/x'", STATEMENT_QUERY, "", ""},
	{"SELECT 1; SET a.b = 1", STATEMENT_MULTI, "", ""},
	{"SELECT 1", STATEMENT_QUERY, "", ""},
	{"", STATEMENT_EMPTY, "", ""},
	{" ; ;; ", STATEMENT_EMPTY, "", ""},
	{"-- nothing", STATEMENT_EMPTY, "", ""},
};

static const FlagCase transactions[] = {
	{"BEGIN", STATEMENT_BEGIN, 0},
	{"BEGIN WORK", STATEMENT_BEGIN, 0},
	{"/* x */ start transaction;", STATEMENT_BEGIN, 0},
	{"BEGIN READ ONLY", STATEMENT_BEGIN, STATEMENT_READ_ONLY},
	{"BEGIN READ WRITE", STATEMENT_BEGIN, STATEMENT_READ_WRITE},
	{"BEGIN READ ONLY, READ WRITE", STATEMENT_BEGIN, STATEMENT_READ_WRITE},
	{"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE", STATEMENT_BEGIN, STATEMENT_SERIALIZABLE | STATEMENT_READ_ONLY},
	{"START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", STATEMENT_BEGIN, STATEMENT_OTHER_ISOLATION | STATEMENT_READ_ONLY},
	{"BEGIN ISOLATION LEVEL SERIALIZABLE, ISOLATION LEVEL READ COMMITTED", STATEMENT_BEGIN, STATEMENT_OTHER_ISOLATION},
	{"COMMIT", STATEMENT_COMMIT, 0},
	{"END", STATEMENT_COMMIT, 0},
	{"COMMIT AND NO CHAIN", STATEMENT_COMMIT, 0},
	{"COMMIT AND CHAIN", STATEMENT_COMMIT, STATEMENT_CHAIN},
	{"ROLLBACK", STATEMENT_ROLLBACK, 0},
	{"ABORT", STATEMENT_ROLLBACK, 0},
	{"ROLLBACK AND CHAIN", STATEMENT_ROLLBACK, STATEMENT_CHAIN},
	{"SET TRANSACTION READ ONLY", STATEMENT_SET_TRANSACTION, STATEMENT_READ_ONLY},
	{"SET TRANSACTION READ WRITE", STATEMENT_SET_TRANSACTION, STATEMENT_READ_WRITE},
	{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", STATEMENT_SET_TRANSACTION, STATEMENT_SERIALIZABLE},
	{"SET transaction_read_only = off", STATEMENT_SET_TRANSACTION, STATEMENT_READ_WRITE},
	{"SET LOCAL transaction_read_only = off", STATEMENT_SET_TRANSACTION, STATEMENT_READ_WRITE},
	{"SET transaction_read_only TO 'Y'", STATEMENT_SET_TRANSACTION, STATEMENT_READ_ONLY},
	{"SET transaction_read_only = 0", STATEMENT_SET_TRANSACTION, STATEMENT_READ_WRITE},
	{"SET transaction_read_only = tru", STATEMENT_SET_TRANSACTION, STATEMENT_READ_ONLY},
	{"SET transaction_isolation = 'Serializable'", STATEMENT_SET_TRANSACTION, STATEMENT_SERIALIZABLE},
	{"SET transaction_deferrable = on", STATEMENT_SET_TRANSACTION, 0},
	{"SET transaction_read_only = o", STATEMENT_QUERY, 0},
	{"SET transaction_read_only = maybe", STATEMENT_QUERY, 0},
	{"SET transaction_read_only TO DEFAULT", STATEMENT_QUERY, 0},
	{"RESET transaction_isolation", STATEMENT_QUERY, 0},
	{"SELECT 1; SET transaction_read_only = off", STATEMENT_MULTI, STATEMENT_HAS_TRANSACTION},
	{"SET transaction_timeout = 5", STATEMENT_SET, 0},
	{"SET LOCAL transaction_timeout = 5", STATEMENT_SET_LOCAL, 0},
	{"SELECT 1; SET transaction_timeout = 5", STATEMENT_MULTI, STATEMENT_LEAVES_STATE},
	{"SELECT 1; RESET transaction_timeout", STATEMENT_MULTI, STATEMENT_LEAVES_STATE},
	{"SELECT 1; SET LOCAL transaction_timeout = 5", STATEMENT_MULTI, 0},
	{"SELECT set_config('transaction_timeout', '5', false)", STATEMENT_QUERY, STATEMENT_SET_CONFIG},
	{"SELECT set_config('transaction_read_only', 'off', false)", STATEMENT_QUERY, STATEMENT_LEAVES_STATE},
	{"SHOW transaction_read_only", STATEMENT_SHOW, STATEMENT_NODE_LOCAL},
	{"/* andon:replica */ BEGIN READ ONLY", STATEMENT_BEGIN, STATEMENT_READ_ONLY | STATEMENT_HINT_REPLICA},
	{"/* andon:primary */ SELEC", STATEMENT_QUERY, STATEMENT_UNPARSED | STATEMENT_HINT_PRIMARY},
	{"/* andon:replica */ DELETE FROM t", STATEMENT_QUERY, STATEMENT_HINT_REPLICA},
};

static void
classify(const char *sql, StatementClass *class)
{
	Facts	   *facts = fixture_facts();

	classify_text(slice_from_string(sql), facts, class);
	facts_unref(facts);
}

static void
test_names_and_values(void **state)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		const Case *expected = &settings[i];
		StatementClass class;

		classify(expected->sql, &class);
		if (class.kind != expected->kind || strcmp(class.set_name, expected->name) != 0 ||
			strcmp(class.set_value, expected->value) != 0)
			fail_msg("%s\n  is %s \"%s\" = \"%s\"", expected->sql, statement_kind_name(class.kind),
					 class.set_name, class.set_value);
	}
}

static void
test_transaction_flags(void **state)
{
	for (size_t i = 0; i < sizeof(transactions) / sizeof(transactions[0]); i++)
	{
		const FlagCase *expected = &transactions[i];
		StatementClass class;

		classify(expected->sql, &class);
		if (class.kind != expected->kind || class.flags != expected->flags)
			fail_msg("%s\n  is %s, flags %#x", expected->sql, statement_kind_name(class.kind), class.flags);
	}
}

/* A value that does not fit cannot be brought to another server, so the session stays where it is. */
static void
test_value_too_long(void **state)
{
	char		sql[1024];
	StatementClass class;

	snprintf(sql, sizeof(sql), "SET application_name = '%0255d'", 0);
	classify(sql, &class);
	assert_int_equal(class.kind, STATEMENT_SET);
	assert_int_equal(strlen(class.set_value), 255);
	assert_int_equal(class.flags, 0);

	snprintf(sql, sizeof(sql), "SET application_name = '%0256d'", 0);
	classify(sql, &class);
	assert_int_equal(class.kind, STATEMENT_QUERY);
	assert_int_equal(class.flags, STATEMENT_LEAVES_STATE);
	assert_string_equal(class.set_value, "");
}

static void
test_name_too_long(void **state)
{
	char		sql[256];
	StatementClass class;

	snprintf(sql, sizeof(sql), "SET %s.b%062d = 1", "a", 0);	/* each part fits an identifier */
	classify(sql, &class);
	assert_int_equal(class.kind, STATEMENT_QUERY);
	assert_int_equal(class.flags, STATEMENT_LEAVES_STATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_values),
		cmocka_unit_test(test_transaction_flags),
		cmocka_unit_test(test_value_too_long),
		cmocka_unit_test(test_name_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
