/*
 * test_classify.c
 *		What each statement is: the rules of routing, as a table.
 *
 * Each row is a statement, what it must be, and the rule that must have
 * decided it.  The database is that of facts_fixture.h.  Rows are grouped by
 * the rule they guard; what once fooled routers is in test_regression_list.c.
 */
#include "router/unit/sql/classify_case.h"

/* ---- plain reads ---- */
static const Case reads[] = {
	{"SELECT 1", READ},
	{"SELECT", READ},
	{"TABLE t", READ},
	{"VALUES (1, 'a'), (2, 'b')", READ},
	{"(SELECT 1)", READ},
	{"((((SELECT * FROM t))))", READ},
	{"SELECT * FROM t", READ},
	{"select * from T", READ},
	{"SELECT * FROM public.t", READ},
	{"SELECT * FROM ONLY t", READ},
	{"SELECT abalance FROM t WHERE aid = 1", READ},
	{"SELECT abalance FROM t WHERE aid = $1", READ},
	{"SELECT * FROM t WHERE a = ANY($1) AND b IN (1, 2, 3) OR NOT c", READ},
	{"SELECT * FROM t WHERE a BETWEEN 1 AND 2 AND b IS NOT NULL AND c IS TRUE", READ},
	{"SELECT * FROM t WHERE a IS DISTINCT FROM b AND c LIKE 'x%' AND d ILIKE 'y' ESCAPE '!'", READ},
	{"SELECT * FROM t WHERE a SIMILAR TO 'x'", READ},
	{"SELECT a + b * c - d / e || f FROM t", READ},
	{"SELECT t.a, t.*, public.t.b FROM t", READ},
	{"SELECT (t).a, (t).b[1], (ARRAY[1, 2])[1:2] FROM t", READ},
	{"SELECT count(*), sum(a), avg(a) FILTER (WHERE b > 0), max(DISTINCT c) FROM t GROUP BY d HAVING count(*) > 1", READ},
	{"SELECT a, row_number() OVER (PARTITION BY b ORDER BY c ROWS 1 PRECEDING) FROM t", READ},
	{"SELECT a, sum(a) OVER w FROM t WINDOW w AS (ORDER BY b)", READ},
	{"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t", READ},
	{"SELECT a, b, GROUPING(a) FROM t GROUP BY GROUPING SETS ((a), (b), ()), CUBE (c)", READ},
	{"SELECT DISTINCT ON (a) a, b FROM t ORDER BY a DESC NULLS LAST, b USING < LIMIT 10 OFFSET 5", READ},
	{"SELECT * FROM t ORDER BY a FETCH FIRST 5 ROWS WITH TIES", READ},
	{"SELECT * FROM t JOIN u ON t.id = u.id LEFT JOIN orders o USING (id) NATURAL JOIN t AS x CROSS JOIN u AS y", READ},
	{"SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.id = t.id LIMIT 1) AS x", READ},
	{"SELECT * FROM generate_series(1, 10) AS g(i)", READ},
	{"SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[1])) WITH ORDINALITY", READ},
	{"SELECT * FROM json_to_recordset('[]') AS x(a int, b text)", READ},
	{"SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (1)", READ},
	{"SELECT * FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS x int PATH 'b' DEFAULT 1)", READ},
	{"SELECT * FROM t UNION SELECT * FROM u EXCEPT SELECT * FROM orders INTERSECT ALL VALUES (1)", READ},
	{"SELECT * FROM t WHERE EXISTS (SELECT FROM u) AND a IN (SELECT b FROM u) AND c > ALL (SELECT d FROM u)", READ},
	{"SELECT (SELECT a FROM t LIMIT 1), ARRAY(SELECT b FROM u)", READ},
	{"SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END, CASE a WHEN 1 THEN 2 END FROM t", READ},
	{"SELECT COALESCE(a, b), NULLIF(a, b), GREATEST(a, 1), LEAST(b, 2), ROW(a, b) FROM t", READ},
	{"SELECT a::text, CAST(b AS numeric(10, 2)), 'orders'::regclass, '1 day'::interval, date '2020-01-01' FROM t", READ},
	{"SELECT a COLLATE \"C\" FROM t", READ},
	{"SELECT EXTRACT(year FROM now()), now() AT TIME ZONE 'UTC', SUBSTRING('abc' FROM 2), TRIM('x')", READ},
	{"SELECT CURRENT_TIMESTAMP, CURRENT_DATE, LOCALTIME(0), CURRENT_USER, SESSION_USER, CURRENT_SCHEMA, CURRENT_CATALOG", READ},
	{"SELECT xmlelement(name a, xmlattributes(b AS c), d), xmlforest(a), xmlserialize(content a AS text) FROM t", READ},
	{"SELECT (a, b) = (1, 2), a->'x'->>'y', b @> '{}'::jsonb FROM t", READ},
	{"SELECT good(1), good(1, 2), good(b => 1), public.good(1, 2, 3)", READ},
	{"SELECT concat('a', 'b', 'c', 'd', VARIADIC ARRAY['e'])", READ},
	{"SELECT int4('1')", READ},
	{"SELECT version()", READ},
	{"SELECT $1::int + $2", READ},
	{"/* a comment */ -- another\n SELECT 1 /* nested /* comment */ */;", READ},
	{"SELECT 1;;", READ},
	{"SELECT 'DELETE FROM t; -- '", READ},
	{"SELECT $q$ UPDATE t SET a = 1 $q$", READ},
	{"SELECT E'\\'; DELETE FROM t; --'", READ},
	{"SELECT U&'d\\0061t\\+000061'", READ},
};

/* ---- statements that write ---- */
static const Case writes[] = {
	{"INSERT INTO t VALUES (1)", PRIMARY, "INSERT"},
	{"INSERT INTO t SELECT * FROM u ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING a", PRIMARY, "INSERT"},
	{"UPDATE t SET a = 1, (b, c) = (SELECT 1, 2) FROM u WHERE t.id = u.id", PRIMARY, "UPDATE"},
	{"UPDATE t SET a = 1 WHERE CURRENT OF c", PRIMARY, "UPDATE"},
	{"DELETE FROM t USING u WHERE t.id = u.id", PRIMARY, "DELETE"},
	{"MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)", PRIMARY, "MERGE"},
	{"TRUNCATE t", PRIMARY, "command"},
	{"LOCK TABLE t IN SHARE MODE", PRIMARY, "command"},
	{"REFRESH MATERIALIZED VIEW t", PRIMARY, "command"},
	{"VACUUM t", PRIMARY, "command"},
	{"ANALYZE", PRIMARY, "command"},
	{"CLUSTER t", PRIMARY, "command"},
	{"REINDEX TABLE t", PRIMARY, "command"},
	{"CHECKPOINT", PRIMARY, "command"},
	{"NOTIFY a, 'b'", PRIMARY, "command"},
	{"GRANT SELECT ON t TO PUBLIC", PRIMARY, "command"},
	{"ALTER SYSTEM SET work_mem = '1MB'", PRIMARY, "command"},
	{"CALL evil(1)", TRANS, "CALL"},
	{"DO $$ BEGIN DELETE FROM t; END $$", TRANS, "DO"},
};

/* ---- functions ---- */
static const Case functions[] = {
	{"SELECT random(), clock_timestamp(), gen_random_uuid(), pg_sleep(0)", READ},
	{"SELECT evil(1)", PRIMARY, "volatile"},
	{"SELECT EVIL(1)", PRIMARY, "volatile"},
	{"SELECT public.evil(1)", PRIMARY, "volatile"},
	{"SELECT mixed(1)", PRIMARY, "volatile"},
	{"SELECT timeofday()", PRIMARY, "volatile"},
	{"SELECT evil(1, 2)", UNKNOWN, "function not known"},
	{"SELECT good()", UNKNOWN, "function not known"},
	{"SELECT good(1, 2, 3, 4)", UNKNOWN, "function not known"},
	{"SELECT nosuch(1)", UNKNOWN, "function not known"},
	{"SELECT \"Good\"(1)", UNKNOWN, "function not known"},
	{"SELECT * FROM evil(1)", PRIMARY, "volatile"},
	{"SELECT * FROM t WHERE evil(a) > 0", PRIMARY, "volatile"},
	{"SELECT * FROM t ORDER BY evil(a)", PRIMARY, "volatile"},
	{"SELECT * FROM t GROUP BY evil(a)", PRIMARY, "volatile"},
	{"SELECT * FROM t GROUP BY ROLLUP (evil(a))", PRIMARY, "volatile"},
	{"SELECT count(*) FROM t HAVING evil(1) = 1", PRIMARY, "volatile"},
	{"SELECT * FROM t LIMIT evil(1)", PRIMARY, "volatile"},
	{"SELECT * FROM t OFFSET evil(1)", PRIMARY, "volatile"},
	{"SELECT DISTINCT ON (evil(a)) a FROM t", PRIMARY, "volatile"},
	{"SELECT * FROM t JOIN u ON evil(t.a) = 1", PRIMARY, "volatile"},
	{"VALUES (1), (evil(1))", PRIMARY, "volatile"},
	{"SELECT CASE WHEN a THEN evil(1) END FROM t", PRIMARY, "volatile"},
	{"SELECT CASE evil(1) WHEN 1 THEN 2 END", PRIMARY, "volatile"},
	{"SELECT COALESCE(a, evil(1)) FROM t", PRIMARY, "volatile"},
	{"SELECT ARRAY[evil(1)]", PRIMARY, "volatile"},
	{"SELECT (ARRAY[1])[evil(1)]", PRIMARY, "volatile"},
	{"SELECT evil(1)::text", PRIMARY, "volatile"},
	{"SELECT evil(1) IS NULL", PRIMARY, "volatile"},
	{"SELECT NOT evil(1)", PRIMARY, "volatile"},
	{"SELECT ROW(evil(1))", PRIMARY, "volatile"},
	{"SELECT good(good(evil(1)))", PRIMARY, "volatile"},
	{"SELECT good(b => evil(1))", PRIMARY, "volatile"},
	{"SELECT sum(a ORDER BY evil(b)) FROM t", PRIMARY, "volatile"},
	{"SELECT sum(a) FILTER (WHERE evil(1) = 1) FROM t", PRIMARY, "volatile"},
	{"SELECT sum(a) OVER (PARTITION BY evil(b)) FROM t", PRIMARY, "volatile"},
	{"SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY evil(b))", PRIMARY, "volatile"},
	{"SELECT * FROM t TABLESAMPLE SYSTEM (evil(1))", PRIMARY, "volatile"},
	{"SELECT * FROM t TABLESAMPLE mysample (1)", PRIMARY, "sampling"},
	{"SELECT xmlelement(name a, evil(1))", PRIMARY, "volatile"},
	{"SELECT * FROM XMLTABLE('/a' PASSING evil(1) COLUMNS x int)", PRIMARY, "volatile"},
	{"SELECT (SELECT evil(1))", PRIMARY, "volatile"},
	{"SELECT evil(1) COLLATE \"C\"", PRIMARY, "volatile"},
	{"SELECT evil(1) UNION SELECT 2", PRIMARY, "volatile"},
	{"WITH RECURSIVE x AS (SELECT 1 UNION SELECT evil(1) FROM x) SELECT * FROM x", PRIMARY, "volatile"},
	{"SELECT nextval('ids')", PRIMARY, "effects"},
	{"SELECT setval('ids', 1)", PRIMARY, "effects"},
	{"SELECT currval('ids')", PRIMARY, "effects"},
	{"SELECT pg_advisory_xact_lock(1)", PRIMARY, "effects"},
	{"SELECT pg_notify('a', 'b')", PRIMARY, "effects"},
	{"SELECT txid_current()", PRIMARY, "effects"},
	{"SELECT pg_terminate_backend(1)", PRIMARY, "effects"},
	{"SELECT lo_get(1)", PRIMARY, "volatile"},
	{"SELECT pg_stat_reset()", PRIMARY, "volatile"},
	{"SELECT query_to_xml('DELETE FROM t', true, true, '')", PRIMARY, "volatile"},
	{"SELECT pg_read_file('x')", PRIMARY, "volatile"},
	{"SELECT lower(nosuch(evil(1)))", PRIMARY, "volatile"},
};

/* ---- relations, types, operators, columns ---- */
static const Case names[] = {
	{"SELECT * FROM v", PRIMARY, "a view"},
	{"SELECT * FROM scratch", PRIMARY, "a view"},
	{"SELECT last_value FROM ids", PRIMARY, "a view"},
	{"SELECT * FROM other.v", PRIMARY, "a view"},
	{"SELECT * FROM t, v", PRIMARY, "a view"},
	{"SELECT * FROM nosuch", UNKNOWN, "relation not known"},
	{"SELECT * FROM \"T\"", UNKNOWN, "relation not known"},
	{"SELECT * FROM pg_temp.t", PRIMARY, "temporary"},
	{"SELECT * FROM pg_temp_3.t", PRIMARY, "temporary"},
	{"SELECT * FROM nosuch WHERE evil(1) = 1", PRIMARY, "volatile"},
	{"SELECT * FROM pg_class, pg_catalog.pg_namespace, pg_tables, pg_stats, pg_statistic", READ},
	{"SELECT * FROM information_schema.columns", READ},
	{"SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)", READ},
	{"SELECT 1 WHERE a === b", PRIMARY, "operator"},
	{"SELECT a OPERATOR(public.===) b FROM t", PRIMARY, "operator"},
	{"SELECT * FROM t WHERE a === ANY (ARRAY[1])", PRIMARY, "operator"},
	{"SELECT * FROM t ORDER BY a USING ===", PRIMARY, "operator"},
	{"SELECT * FROM t WHERE a === ANY (SELECT 1)", PRIMARY, "operator"},
	{"SELECT a <<< b FROM t", UNKNOWN, "operator not known"},
	{"SELECT 1::evil_domain", PRIMARY, "type"},
	{"SELECT CAST(a AS evil_domain[]) FROM t", PRIMARY, "type"},
	{"SELECT evil_domain '1'", PRIMARY, "type"},
	{"SELECT 1::nosuch", UNKNOWN, "type not known"},
	{"SELECT * FROM json_to_recordset('[]') AS x(a evil_domain)", PRIMARY, "type"},
	{"SELECT xmlserialize(content a AS evil_domain) FROM t", PRIMARY, "type"},
	{"SELECT t.rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT (t).rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT (SELECT t).rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT public.t.rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT t.evil_domain FROM t", PRIMARY, "function of the row"},
	{"SELECT rowfn FROM t", READ},
	{"SELECT a AS rowfn FROM t", READ},
};

/* ---- CTE names hide relations, where PostgreSQL lets them ---- */
static const Case ctes[] = {
	{"WITH x AS (SELECT * FROM t) SELECT * FROM x", READ},
	{"WITH v AS (SELECT 1) SELECT * FROM v", READ},
	{"WITH v AS (SELECT 1) SELECT * FROM public.v", PRIMARY, "a view"},
	{"WITH a AS (SELECT * FROM v), v AS (SELECT 1) SELECT * FROM a", PRIMARY, "a view"},
	{"WITH v AS (SELECT 1), a AS (SELECT * FROM v) SELECT * FROM a", READ},
	{"WITH v AS (SELECT * FROM v) SELECT * FROM v", PRIMARY, "a view"},
	{"WITH RECURSIVE a AS (SELECT * FROM v), v AS (SELECT 1) SELECT * FROM a", READ},
	{"WITH RECURSIVE x(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM x WHERE n < 9) SELECT * FROM x", READ},
	{"SELECT * FROM (WITH v AS (SELECT 1) SELECT * FROM v) AS x, v", PRIMARY, "a view"},
	{"WITH v AS (SELECT 1) SELECT * FROM (SELECT * FROM v) AS x WHERE EXISTS (SELECT FROM v)", READ},
	{"WITH v AS (SELECT 1) SELECT 1 UNION SELECT * FROM v", READ},
	{"SELECT 1 UNION (WITH v AS (SELECT 1) SELECT * FROM v) UNION SELECT * FROM v", PRIMARY, "a view"},
	{"WITH x AS MATERIALIZED (SELECT 1), y AS NOT MATERIALIZED (SELECT * FROM x) TABLE y", READ},
	{"WITH RECURSIVE x(n) AS (SELECT 1 UNION SELECT n FROM x) SEARCH DEPTH FIRST BY n SET o CYCLE n SET c TO true DEFAULT false USING p SELECT * FROM x", READ},
	{"WITH x AS (SELECT 1), x2 AS (SELECT * FROM nosuch) SELECT * FROM x", UNKNOWN, "relation not known"},
};

/* ---- about the node ---- */
static const Case node_local[] = {
	{"SELECT pg_is_in_recovery()", NODE, "tells of the node"},
	{"SELECT pg_catalog.pg_is_in_recovery()", NODE, "tells of the node"},
	{"SELECT * FROM pg_stat_activity", NODE, "tells of the node"},
	{"SELECT * FROM pg_stat_user_tables", NODE, "tells of the node"},
	{"SELECT * FROM pg_locks, t", NODE, "tells of the node"},
	{"SELECT setting FROM pg_settings WHERE name = 'x'", NODE, "tells of the node"},
	{"SELECT pg_last_wal_replay_lsn()", NODE, "tells of the node"},
	{"SELECT pg_current_wal_lsn()", NODE, "tells of the node"},
	{"SELECT pg_backend_pid()", NODE, "tells of the node"},
	{"SELECT * FROM pg_stat_get_activity(NULL)", NODE, "tells of the node"},
	{"SELECT pg_total_relation_size('t')", NODE, "tells of the node"},
	{"SELECT current_setting('in_hot_standby')", NODE, "tells of the node"},
	{"SELECT current_setting($1)", NODE, "tells of the node"},
	{"SELECT current_setting('app.tenant', true)", READ},
	{"SELECT pg_is_in_recovery(), evil(1)", PRIMARY, "volatile"},
	{"SELECT pg_is_in_recovery() FROM nosuch", UNKNOWN, "relation not known"},
	{"WITH pg_locks AS (SELECT 1) SELECT * FROM pg_locks", READ},
	{"SELECT 1; SELECT pg_is_in_recovery()", NODE, "tells of the node"},
};

/* ---- what stays behind in the session ---- */
static const Case state[] = {
	{"CREATE TEMP TABLE x (a int)", PINS, "catalog", "temporary table"},
	{"CREATE TEMPORARY TABLE x (a int) ON COMMIT DELETE ROWS", PINS, "catalog", "temporary table"},
	{"CREATE TEMP TABLE x (a int) ON COMMIT DROP", PRIMARY, "catalog"},
	{"CREATE TABLE pg_temp.x (a int)", PINS, "catalog", "temporary table"},
	{"CREATE TEMP TABLE x AS SELECT 1", PINS, "catalog", "temporary table"},
	{"CREATE TEMP TABLE x ON COMMIT DROP AS SELECT 1", PRIMARY, "catalog"},
	{"SELECT * INTO TEMP x FROM t", PINS, "SELECT INTO", "temporary table"},
	{"SELECT 1 INTO pg_temp.x", PINS, "SELECT INTO", "temporary table"},
	{"CREATE TEMP VIEW x AS SELECT 1", PINS, "catalog", "temporary view"},
	{"CREATE TEMP SEQUENCE x", PINS, "catalog", "temporary sequence"},
	{"CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", PINS | DDL, "catalog", "temporary function"},
	{"SELECT pg_advisory_lock(1)", PINS, "effects", "advisory lock"},
	{"SELECT pg_try_advisory_lock(1, 2)", PINS, "effects", "advisory lock"},
	{"SELECT pg_advisory_lock(a) FROM t", PINS, "effects", "advisory lock"},
	{"UPDATE t SET a = 1 WHERE pg_try_advisory_lock(id)", PINS, "UPDATE", "advisory lock"},
	{"INSERT INTO t SELECT pg_advisory_lock(1)", PINS, "INSERT", "advisory lock"},
	{"INSERT INTO t VALUES (1) RETURNING pg_advisory_lock(1)", PINS, "INSERT", "advisory lock"},
	{"DELETE FROM t WHERE pg_advisory_lock(1) IS NULL", PINS, "DELETE", "advisory lock"},
	{"EXPLAIN SELECT pg_advisory_lock(1)", PRIMARY, "effects"},
	{"EXPLAIN ANALYZE SELECT pg_advisory_lock(1)", PINS, "effects", "advisory lock"},
	{"EXPLAIN (ANALYZE off) SELECT pg_advisory_lock(1)", PINS, "effects", "advisory lock"},
	{"CREATE TABLE x AS SELECT pg_advisory_lock(1)", PINS | DDL, "catalog", "advisory lock"},
	{"SELECT set_config('a.b', 'c', false)", STATEMENT_SET_CONFIG, "setting"},
	{"SELECT pg_catalog.set_config('a.b', 'c', false)", STATEMENT_SET_CONFIG, "setting"},
	{"SELECT mine.set_config('a.b', 'c', false)", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', 'c', false), 1", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', 'c', false) FROM t", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', 'c', false) LIMIT 0", PINS, "effects", "set_config"},
	{"SELECT set_config('role', 'c', false)", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', NULL, false)", PINS, "effects", "set_config"},
	{"EXPLAIN ANALYZE SELECT set_config('a.b', 'c', false)", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', 'c', false); SELECT 1", PINS, "setting", "set_config"},
	{"SELECT set_config('TimeZone', 'c', true)", STATEMENT_LOCAL_MEANING, "effects"},
	{"SELECT set_config($1, 'c', true)", STATEMENT_LOCAL_MEANING, "effects"},
	{"SELECT pg_advisory_unlock(1)", STATEMENT_ENDS_STATE, "effects"},
	{"SELECT pg_advisory_unlock_all(); SELECT 1", STATEMENT_ENDS_STATE, "effects"},
	{"SELECT set_config('a.b', 'c', $1)", PINS, "effects", "set_config"},
	{"SELECT set_config('a.b', 'c', true)", PRIMARY, "effects"},
	{"SELECT setseed(0.5)", PINS, "effects", "seed"},
	{"SELECT dblink_connect('c', 'x')", PINS, "effects", "dblink"},
	{"PREPARE p AS SELECT 1", PINS | STATEMENT_USES_PREPARED, "prepared", "PREPARE"},
	{"PREPARE p AS DELETE FROM t", PINS | STATEMENT_USES_PREPARED, "prepared", "PREPARE"},
	{"EXECUTE p(1)", PINS | STATEMENT_USES_PREPARED, "prepared", "EXECUTE"},
	{"SELECT 1; DEALLOCATE p", PINS | STATEMENT_ENDS_STATE | STATEMENT_USES_PREPARED, "prepared", "DEALLOCATE"},
	{"DECLARE c CURSOR WITH HOLD FOR SELECT 1", PINS, "outlives", "WITH HOLD"},
	{"LOAD 'x'", PINS, "library", "LOAD"},
	{"SET ROLE x", PINS, "setting", "SET ROLE"},
	{"SET ROLE NONE", PINS | STATEMENT_ENDS_STATE, "setting", "SET ROLE"},
	{"SET SESSION AUTHORIZATION x", PINS, "setting", "session_authorization"},
	{"RESET ROLE", PINS | STATEMENT_ENDS_STATE, "setting", "SET ROLE"},
	{"RESET SESSION AUTHORIZATION", PINS, "setting", "session_authorization"},
	{"UNLISTEN c", STATEMENT_ENDS_STATE, "primary"},
	{"SET LOCAL TimeZone = 'UTC'", STATEMENT_LOCAL_MEANING, "setting"},
	{"SET LOCAL search_path = x", PRIMARY, "setting"},
	{"SELECT 1; SET LOCAL datestyle = 'ISO'", STATEMENT_LOCAL_MEANING, "setting"},
	{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", PINS, "setting", "CHARACTERISTICS"},
	{"SET TIME ZONE INTERVAL '1' HOUR TO MINUTE", PINS, "setting", "cannot be followed"},
	{"SELECT 1; SET a.b = 'c'", PINS, "setting", "among several"},
	{"SELECT 1; RESET ALL", STATEMENT_RESETS_ALL, "setting"},
	{"SELECT 1; RESET a.b", PINS, "setting", "among several"},
	{"RESET ALL; SET a.b = 'c'", PINS | STATEMENT_RESETS_ALL, "setting", "among several"},
	{"SELECT 1; SELECT pg_advisory_lock(1)", PINS, "effects", "advisory lock"},
	{"SELECT 1; LISTEN a", PINS, "notifications", "LISTEN"},
	{"SELECT 1; DEALLOCATE ALL", PINS | STATEMENT_ENDS_STATE, "prepared", "DEALLOCATE"},
	{"DISCARD ALL; SELECT 1", PINS, "session", "DISCARD ALL"},
};

/* ---- DDL and what goes with it ---- */
static const Case ddl[] = {
	{"CREATE TABLE x (a int DEFAULT nextval('ids'))", DDL, "catalog"},
	{"CREATE UNLOGGED TABLE x (a int)", DDL, "catalog"},
	{"CREATE VIEW x AS SELECT pg_advisory_lock(1)", DDL, "catalog"},
	{"CREATE MATERIALIZED VIEW x AS SELECT 1", DDL, "catalog"},
	{"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", DDL, "catalog"},
	{"ALTER TABLE t ADD COLUMN x int", DDL, "catalog"},
	{"DROP TABLE t", STATEMENT_ENDS_STATE, "catalog"},
	{"CREATE INDEX ON t (a)", PRIMARY, "command"},
	{"COMMENT ON TABLE t IS 'x'", PRIMARY, "command"},
	{"CREATE POLICY p ON t USING (evil(1) = 1)", DDL, "catalog"},
	{"ALTER TABLE t SET UNLOGGED", DDL, "catalog"},
	{"CREATE OR REPLACE VIEW x AS SELECT evil(1)", DDL, "catalog"},
	{"ALTER TABLE t ENABLE ROW LEVEL SECURITY", DDL, "catalog"},
	{"ALTER FUNCTION good(int) VOLATILE", DDL, "catalog"},
	{"CREATE RULE r AS ON SELECT TO t DO INSTEAD SELECT 1", DDL, "catalog"},
	{"CREATE DOMAIN d AS int CHECK (evil(value) > 0)", DDL, "catalog"},
	{"CREATE OPERATOR === (LEFTARG = int, FUNCTION = f)", DDL, "catalog"},
	{"CREATE CAST (int AS text) WITH FUNCTION f(int)", DDL, "catalog"},
	{"CREATE EXTENSION dblink", DDL, "catalog"},
	{"IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z", DDL, "catalog"},
	{"SELECT 1; CREATE TABLE x (a int)", DDL, "catalog"},
};

/* ---- EXPLAIN, cursors, COPY: as the query inside ---- */
static const Case wrapped[] = {
	{"EXPLAIN SELECT * FROM t", READ},
	{"EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM t", READ},
	{"EXPLAIN SELECT * FROM nosuch", UNKNOWN, "relation not known"},
	{"EXPLAIN UPDATE t SET a = 1", PRIMARY, "EXPLAIN"},
	{"EXPLAIN SELECT evil(1)", PRIMARY, "volatile"},
	{"DECLARE c CURSOR FOR SELECT * FROM t", READ},
	{"DECLARE c CURSOR FOR SELECT evil(1)", PRIMARY, "volatile"},
	{"DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE", PRIMARY, "locks rows"},
	{"FETCH 10 FROM c", READ},
	{"MOVE ALL IN c", READ},
	{"CLOSE c", READ | STATEMENT_ENDS_STATE},
	{"SELECT 1; SELECT * FROM t; VALUES (2)", READ},
	{"SELECT 1; SELECT * FROM nosuch", UNKNOWN, "relation not known"},
	{"BEGIN; SELECT 1; COMMIT", TRANS, "transaction"},
	{"SELECT 1; SET LOCAL a.b = 'c'", PRIMARY, "setting"},
	{"SELECT 1; SET TRANSACTION READ WRITE", TRANS, "setting"},
	{"DISCARD PLANS", STATEMENT_ENDS_STATE, "resets"},
	{"DISCARD TEMP", STATEMENT_ENDS_STATE, "resets"},
	{"SET TRANSACTION SNAPSHOT '1-1'", PRIMARY, "setting"},
};

/* ---- not parsed ---- */
static const Case unparsed[] = {
	{"SELEC 1", UNPARSED, "parser"},
	{"SELECT 'a", UNPARSED, "parser"},
	{"SELECT /* 1", UNPARSED, "parser"},
	{"SELECT 1 FROM", UNPARSED, "parser"},
	{"SELECT * FROM t WHERE", UNPARSED, "parser"},
	{"\x80\xff\xfe", UNPARSED, "parser"},
	{"SELECT 1; SELEC 2", UNPARSED, "parser"},
	{"BEGIN; SELEC", UNPARSED, "parser"},
};

TABLE_TEST(reads)
TABLE_TEST(writes)
TABLE_TEST(functions)
TABLE_TEST(names)
TABLE_TEST(ctes)
TABLE_TEST(node_local)
TABLE_TEST(state)
TABLE_TEST(ddl)
TABLE_TEST(wrapped)
TABLE_TEST(unparsed)

/* ---- single rules that do not fit a table ---- */

static void
test_parser_fits(void **unused)
{
	assert_true(classify_check_parser());
}

/* Without facts only what names nothing is a read. */
static void
test_without_facts(void **unused)
{
	static const struct
	{
		const char *sql;
		unsigned	flags;
	}			cases[] = {
		{"SELECT 1", READ}, {"VALUES (1), ($1)", READ}, {"SELECT 1 + 1", UNKNOWN}, {"SELECT 1::int", UNKNOWN},
		{"SELECT now()", UNKNOWN}, {"SELECT * FROM pg_class", UNKNOWN}, {"SELECT x.a FROM (SELECT 1 AS a) AS x", UNKNOWN},
		{"SELECT random()", UNKNOWN}, {"DELETE FROM t", PRIMARY}, {"SELECT pg_advisory_lock(1)", PINS},
	};
	StatementClass class;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		classify_text(slice_from_string(cases[i].sql), NULL, &class);
		if (class.flags != cases[i].flags)
			fail_msg("%s: %#x instead of %#x", cases[i].sql, class.flags, cases[i].flags);
	}
}

/* A volatile implicit cast can be called by anything that has values of types. */
static void
test_unsafe_casts(void **unused)
{
	Facts	   *unsafe = fixture_facts();
	StatementClass class;

	facts_set_unsafe_casts(unsafe);
	classify_text(slice_from_string("SELECT * FROM t WHERE a = b"), unsafe, &class);
	assert_int_equal(class.flags, PRIMARY);
	assert_non_null(strstr(class.why, "implicit cast"));
	classify_text(slice_from_string("SELECT lower('x')"), unsafe, &class);
	assert_int_equal(class.flags, PRIMARY);
	classify_text(slice_from_string("SELECT 1"), unsafe, &class);
	assert_int_equal(class.flags, READ);
	facts_unref(unsafe);
}

static void
test_detail_names_what_decided(void **unused)
{
	StatementClass class;

	classify_text(slice_from_string("SELECT * FROM t, nosuch"), facts, &class);
	assert_string_equal(class.detail, "nosuch");
	classify_text(slice_from_string("SELECT good(1), evil(2)"), facts, &class);
	assert_string_equal(class.detail, "evil");
	classify_text(slice_from_string("SELECT 1; DELETE FROM orders"), facts, &class);
	assert_string_equal(class.detail, "orders");
	classify_text(slice_from_string("SELECT 1"), facts, &class);
	assert_string_equal(class.detail, "");
}

static void
test_kind_names(void **unused)
{
	for (int kind = STATEMENT_EMPTY; kind <= STATEMENT_MULTI; kind++)
		assert_non_null(statement_kind_name((StatementKind) kind));
	assert_string_equal(statement_kind_name(STATEMENT_SET_LOCAL), "set local");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parser_fits),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ctes),
		cmocka_unit_test(test_node_local),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_ddl),
		cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_unparsed),
		cmocka_unit_test(test_without_facts),
		cmocka_unit_test(test_unsafe_casts),
		cmocka_unit_test(test_detail_names_what_decided),
		cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
