/*
 * test_classify_later.c
 *		Statements that only the parsers of later PostgreSQL versions read.
 *
 * Which parser it is depends on the Debian it is built on: a table is skipped,
 * and says so, where the parser is older than the syntax.  What must hold with
 * every parser is at the end.
 */
#include "router/unit/sql/classify_case.h"

/* ---- 17: expressions of SQL/JSON ---- */
static const Case json_expressions[] = {
	{"SELECT JSON_OBJECT('a': 1, 'b' VALUE b ABSENT ON NULL) FROM t", READ},
	{"SELECT JSON_OBJECT('a': good(1) RETURNING jsonb)", READ},
	{"SELECT JSON_OBJECT()", READ},
	{"SELECT JSON_OBJECT(evil(1): 1)", PRIMARY, "volatile"},
	{"SELECT JSON_OBJECT('a': evil(1))", PRIMARY, "volatile"},
	{"SELECT JSON_OBJECT('a': 1 RETURNING evil_domain)", PRIMARY, "a type"},
	{"SELECT JSON_OBJECT('a': (WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x))", PRIMARY, "DELETE"},
	{"SELECT JSON_ARRAY(1, a, good(2)) FROM t", READ},
	{"SELECT JSON_ARRAY(1, evil(1))", PRIMARY, "volatile"},
	{"SELECT JSON_ARRAY(1 RETURNING evil_domain)", PRIMARY, "a type"},
	{"SELECT JSON_ARRAY(pg_advisory_lock(1))", PINS, "effects", "advisory lock"},
	{"SELECT JSON_ARRAY(SELECT a FROM t)", READ},
	{"SELECT JSON_ARRAY(SELECT a FROM nosuch)", UNKNOWN, "relation not known"},
	{"SELECT JSON_ARRAY(SELECT a FROM t FOR UPDATE)", PRIMARY, "locks rows"},
	{"SELECT JSON_ARRAY(SELECT 1 RETURNING evil_domain)", PRIMARY, "a type"},
	{"SELECT JSON_ARRAY(WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT JSON_OBJECTAGG(a: b) FROM t", READ},
	{"SELECT JSON_OBJECTAGG(evil(a): b) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_OBJECTAGG(a: evil(b)) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_OBJECTAGG(a: b) FILTER (WHERE evil(a) = 1) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_OBJECTAGG(a: b RETURNING evil_domain) FROM t", PRIMARY, "a type"},
	{"SELECT JSON_ARRAYAGG(a ORDER BY b RETURNING jsonb) FROM t", READ},
	{"SELECT JSON_ARRAYAGG(evil(a)) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_ARRAYAGG(a ORDER BY evil(b)) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_ARRAYAGG(a) OVER (PARTITION BY b) FROM t", READ},
	{"SELECT JSON_ARRAYAGG(a) OVER (PARTITION BY evil(b)) FROM t", PRIMARY, "volatile"},
	{"SELECT a IS JSON OBJECT WITH UNIQUE KEYS FROM t", READ},
	{"SELECT evil(1) IS JSON", PRIMARY, "volatile"},
	{"SELECT JSON('{}' WITH UNIQUE KEYS)", READ},
	{"SELECT JSON(evil(1))", PRIMARY, "volatile"},
	{"SELECT JSON_SCALAR(1)", READ},
	{"SELECT JSON_SCALAR(evil(1))", PRIMARY, "volatile"},
	{"SELECT JSON_SERIALIZE('{}' RETURNING text)", READ},
	{"SELECT JSON_SERIALIZE(evil(1))", PRIMARY, "volatile"},
	{"SELECT JSON_SERIALIZE('{}' RETURNING evil_domain)", PRIMARY, "a type"},
};

/* ---- 17: SQL/JSON queries ---- */
static const Case json_queries[] = {
	{"SELECT JSON_VALUE(a, '$.b' RETURNING int DEFAULT 0 ON EMPTY ERROR ON ERROR) FROM t", READ},
	{"SELECT JSON_QUERY(a, '$.b' PASSING b AS x WITH WRAPPER KEEP QUOTES) FROM t", READ},
	{"SELECT * FROM t WHERE JSON_EXISTS(a, '$ ? (@ > $x)' PASSING good(1) AS x)", READ},
	{"SELECT JSON_VALUE(evil(1), '$')", PRIMARY, "volatile"},
	{"SELECT JSON_VALUE(a, evil(1)) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_VALUE(a, '$' PASSING evil(1) AS x) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_VALUE(a, '$' RETURNING evil_domain) FROM t", PRIMARY, "a type"},
	{"SELECT JSON_VALUE(a, '$' DEFAULT evil(1) ON EMPTY) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_VALUE(a, '$' DEFAULT evil(1) ON ERROR) FROM t", PRIMARY, "volatile"},
	{"SELECT JSON_VALUE(a, '$' DEFAULT nextval('ids') ON ERROR) FROM t", PRIMARY, "effects"},
	{"SELECT JSON_QUERY(a, '$' PASSING (WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x) AS x) FROM t", PRIMARY, "DELETE"},
	{"SELECT * FROM t WHERE JSON_EXISTS(a, '$' PASSING pg_advisory_lock(1) AS x)", PINS, "effects", "advisory lock"},
	{"SELECT JSON_VALUE(current_setting('port'), '$')", NODE, "tells of the node"},
};

/* ---- 17: JSON_TABLE ---- */
static const Case json_table[] = {
	{"SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (n FOR ORDINALITY, a int PATH '$', e bool EXISTS PATH '$.b')) AS j", READ},
	{"SELECT j.b FROM t, JSON_TABLE(t.a, '$' AS root PASSING 1 AS x COLUMNS (NESTED PATH '$.c' COLUMNS (b text FORMAT JSON))) AS j", READ},
	{"SELECT * FROM JSON_TABLE(evil(1), '$' COLUMNS (a int))", PRIMARY, "volatile"},
	{"SELECT * FROM t, LATERAL JSON_TABLE(evil(t.a), '$' COLUMNS (a int)) AS j", PRIMARY, "volatile"},
	{"SELECT * FROM t LEFT JOIN JSON_TABLE('1', '$' PASSING evil(1) AS x COLUMNS (a int)) AS j ON true", PRIMARY, "volatile"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a evil_domain))", PRIMARY, "a type"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a nosuchtype))", UNKNOWN, "type not known"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a int DEFAULT evil(1) ON EMPTY))", PRIMARY, "volatile"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a int DEFAULT evil(1) ON ERROR))", PRIMARY, "volatile"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (NESTED PATH '$' COLUMNS (a evil_domain)))", PRIMARY, "a type"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (NESTED '$' COLUMNS (NESTED '$' COLUMNS (a int DEFAULT evil(1) ON EMPTY))))", PRIMARY, "volatile"},
	{"SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a int) DEFAULT evil(1) ON ERROR)", PRIMARY, "volatile"},
	{"SELECT * FROM JSON_TABLE((WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x), '$' COLUMNS (a int))", PRIMARY, "DELETE"},
	{"INSERT INTO t SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a int))", PRIMARY, "INSERT"},
	{"COPY (SELECT * FROM JSON_TABLE('1', '$' COLUMNS (a int))) TO STDOUT", READ},
	{"SELECT a INTO TEMP x FROM JSON_TABLE('1', '$' COLUMNS (a int))", PINS, "SELECT INTO", "temporary table"},
};

/* ---- 17: MERGE ---- */
#define MERGE "MERGE INTO t USING u ON t.id = u.id "

static const Case merge[] = {
	{MERGE "WHEN MATCHED THEN DELETE RETURNING merge_action(), t.*", PRIMARY, "MERGE"},
	{MERGE "WHEN NOT MATCHED BY SOURCE THEN DELETE", PRIMARY, "MERGE"},
	{"MERGE INTO v USING u ON v.id = u.id WHEN MATCHED THEN UPDATE SET a = 1", PRIMARY, "MERGE"},
	{MERGE "WHEN MATCHED THEN DELETE RETURNING pg_advisory_lock(1)", PINS, "MERGE", "advisory lock"},
	{MERGE "WHEN MATCHED AND pg_try_advisory_lock(1) THEN DELETE", PINS, "MERGE", "advisory lock"},
	{"WITH x AS (" MERGE "WHEN MATCHED THEN DELETE RETURNING t.id) SELECT * FROM x", PRIMARY, "MERGE"},
	{"WITH x AS (" MERGE "WHEN MATCHED THEN DELETE RETURNING pg_advisory_lock(1)) SELECT 1", PINS, "MERGE", "advisory lock"},
	{"SELECT (WITH x AS (" MERGE "WHEN MATCHED THEN DELETE RETURNING 1) SELECT 1 FROM x)", PRIMARY, "MERGE"},
	{"WITH x AS (SELECT pg_advisory_lock(1)) " MERGE "WHEN MATCHED THEN DELETE RETURNING *", PINS, "MERGE", "advisory lock"},
	{"COPY (" MERGE "WHEN MATCHED THEN DELETE RETURNING *) TO STDOUT", PRIMARY, "MERGE"},
	{"EXPLAIN ANALYZE " MERGE "WHEN MATCHED THEN DELETE RETURNING *", PRIMARY, "EXPLAIN"},
	{"PREPARE p AS " MERGE "WHEN MATCHED THEN DELETE RETURNING *", PINS | STATEMENT_USES_PREPARED, "prepared", "PREPARE"},
};

/* ---- 17: what else is new ---- */
static const Case others[] = {
	{"SELECT SYSTEM_USER", NODE, "tells of the node"},
	{"SELECT 1_000, 0x1F, 0b11, 0o17", READ},
	{"SELECT a FROM (SELECT a FROM t)", READ},
	{"SELECT a FROM (DELETE FROM t RETURNING a)", UNPARSED, "parser does not take"},
	{"SELECT XMLSERIALIZE(DOCUMENT a AS text INDENT) FROM t", READ},
	{"SELECT XMLSERIALIZE(DOCUMENT evil(1) AS text INDENT)", PRIMARY, "volatile"},
	{"EXPLAIN (ANALYZE, MEMORY, SERIALIZE text) SELECT * FROM t", READ},
	{"EXPLAIN (ANALYZE, SERIALIZE) SELECT evil(1)", PRIMARY, "volatile"},
	{"COPY t FROM STDIN (ON_ERROR ignore)", PRIMARY, "COPY FROM"},
};

/* ---- 18: RETURNING of old and new rows ---- */
static const Case returning[] = {
	{"UPDATE t SET a = 1 RETURNING old.*, new.a", PRIMARY, "UPDATE"},
	{"INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1 RETURNING WITH (OLD AS o, NEW AS n) o.a, n.a", PRIMARY, "INSERT"},
	{"DELETE FROM t RETURNING WITH (OLD AS o) o.a", PRIMARY, "DELETE"},
	{MERGE "WHEN MATCHED THEN UPDATE SET a = 1 RETURNING merge_action(), old.a, new.a", PRIMARY, "MERGE"},
	{"UPDATE t SET a = 1 RETURNING WITH (NEW AS n) pg_advisory_lock(n.a)", PINS, "UPDATE", "advisory lock"},
	{"INSERT INTO t VALUES (1) RETURNING WITH (OLD AS o) pg_advisory_lock(o.a)", PINS, "INSERT", "advisory lock"},
	{"DELETE FROM t RETURNING WITH (OLD AS o) pg_advisory_lock(o.a)", PINS, "DELETE", "advisory lock"},
	{MERGE "WHEN MATCHED THEN DELETE RETURNING WITH (OLD AS o) pg_advisory_lock(o.a)", PINS, "MERGE", "advisory lock"},
	{"WITH x AS (UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a) SELECT * FROM x", PRIMARY, "UPDATE"},
};

/* ---- with every parser ---- */

/* Functions and views that came after PostgreSQL 15 are names like any other. */
static const Case later_names[] = {
	{"SELECT uuidv7()", READ},
	{"SELECT * FROM pg_wait_events", NODE, "tells of the node"},
	{"SELECT pg_input_is_valid('1', 'evil_domain')", PRIMARY, "effects"},
	{"SELECT * FROM pg_input_error_info('1', 'evil_domain')", PRIMARY, "effects"},
};

TABLE_TEST(later_names)

/* What a parser cannot read goes to the primary, what it can is no read by mistake. */
static const char *const never_reads[] = {
	"SELECT JSON_ARRAY(evil(1))",
	"SELECT * FROM JSON_TABLE(evil(1), '$' COLUMNS (a int))",
	"WITH x AS (" MERGE "WHEN MATCHED THEN DELETE RETURNING 1) SELECT * FROM x",
	"UPDATE t SET a = 1 RETURNING old.*",
	"INSERT INTO t VALUES (1) RETURNING pg_advisory_lock(1)",
	"UPDATE t SET a = 1 RETURNING pg_advisory_lock(1)",
	"DELETE FROM t RETURNING pg_advisory_lock(1)",
};

static bool
is_too_old(unsigned major)
{
	if (classify_parser_major() >= major)
		return false;
	print_message("the parser here is of PostgreSQL %u, this syntax came with %u\n", classify_parser_major(), major);
	return true;
}

#define LATER_TABLE_TEST(table, major) \
static void \
test_##table(void **unused) \
{ \
	if (is_too_old(major)) \
		skip(); \
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) \
		check_case(&table[i]); \
}

LATER_TABLE_TEST(json_expressions, 17)
LATER_TABLE_TEST(json_queries, 17)
LATER_TABLE_TEST(json_table, 17)
LATER_TABLE_TEST(merge, 17)
LATER_TABLE_TEST(others, 17)
LATER_TABLE_TEST(returning, 18)

/* A volatile cast to json is called for values nobody cast by name. */
static void
test_json_casts(void **unused)
{
	static const char *const statements[] = {
		"SELECT JSON_OBJECT('a': a) FROM t", "SELECT JSON_ARRAY(a) FROM t", "SELECT JSON_ARRAY(SELECT a FROM t)",
		"SELECT JSON_OBJECTAGG(a: b) FROM t", "SELECT JSON_ARRAYAGG(a) FROM t", "SELECT JSON_SCALAR(a) FROM t",
		"SELECT JSON_EXISTS(a, '$') FROM t", "SELECT j.a FROM t, JSON_TABLE(t.a, '$' COLUMNS (a int)) AS j",
	};
	Facts	   *unsafe;
	StatementClass class;

	if (is_too_old(17))
		skip();
	unsafe = fixture_facts();
	facts_add_type(unsafe, slice_from_string("json"), NAME_UNSAFE);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
	{
		classify_text(slice_from_string(statements[i]), facts, &class);
		if (class.flags != READ)
			fail_msg("%s: %#x (%s: %s)", statements[i], class.flags, class.why, class.detail);
		classify_text(slice_from_string(statements[i]), unsafe, &class);
		if (class.flags != PRIMARY)
			fail_msg("%s: %#x with a volatile cast", statements[i], class.flags);
	}
	facts_unref(unsafe);
}

static void
test_never_reads(void **unused)
{
	StatementClass class;

	for (size_t i = 0; i < sizeof(never_reads) / sizeof(never_reads[0]); i++)
	{
		classify_text(slice_from_string(never_reads[i]), facts, &class);
		if ((class.flags & (READ | NODE | UNKNOWN)) != 0)
			fail_msg("%s: %#x (%s)", never_reads[i], class.flags, class.why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_expressions),
		cmocka_unit_test(test_json_queries),
		cmocka_unit_test(test_json_table),
		cmocka_unit_test(test_json_casts),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_returning),
		cmocka_unit_test(test_later_names),
		cmocka_unit_test(test_never_reads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
