/*
 * classify_case.h
 *		A statement, what it must be, and the rule that must have decided it.
 *
 * For the tests of the classifier that are tables.  The database is that of
 * facts_fixture.h.
 */
#ifndef TESTS_CLASSIFY_CASE_H
#define TESTS_CLASSIFY_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/unit/sql/facts_fixture.h"
#include "sql/classify.h"

/* Rows leave out what they have nothing to say of. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* The flags of a verdict, short. */
#define READ STATEMENT_IS_READ
#define NODE STATEMENT_NODE_LOCAL
#define UNKNOWN STATEMENT_NEEDS_UNKNOWN
#define UNPARSED STATEMENT_UNPARSED
#define PRIMARY 0
#define PINS STATEMENT_LEAVES_STATE
#define DDL STATEMENT_IS_DDL
#define TRANS STATEMENT_HAS_TRANSACTION

typedef struct Case
{
	const char *sql;
	unsigned	flags;
	const char *why;			/* what the reason must say; NULL: the reason of reads */
	const char *pin;			/* what the pin reason must say */
} Case;

static Facts *facts;

static inline void
check_case(const Case *expected)
{
	StatementClass class;
	const char *why = expected->why != NULL ? expected->why : "known to be a read";

	classify_text(slice_from_string(expected->sql), facts, &class);
	if (class.flags != expected->flags)
		fail_msg("%s\n  flags %#x instead of %#x (%s: %s)", expected->sql, class.flags, expected->flags,
				 class.why, class.detail);
	if (strstr(class.why, why) == NULL)
		fail_msg("%s\n  why: \"%s\" (%s) instead of \"%s\"", expected->sql, class.why, class.detail, why);
	if ((class.pin_reason != NULL) != (expected->pin != NULL) ||
		(expected->pin != NULL && strstr(class.pin_reason, expected->pin) == NULL))
		fail_msg("%s\n  pins because \"%s\" instead of \"%s\"", expected->sql,
				 class.pin_reason ? class.pin_reason : "(not)", expected->pin ? expected->pin : "(not)");
}

#define TABLE_TEST(table) \
static void \
test_##table(void **unused) \
{ \
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) \
		check_case(&table[i]); \
}

static inline int
setup(void **unused)
{
	facts = fixture_facts();
	return 0;
}

static inline int
teardown(void **unused)
{
	facts_unref(facts);
	return 0;
}

#endif							/* TESTS_CLASSIFY_CASE_H */
