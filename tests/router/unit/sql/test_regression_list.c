/*
 * test_regression_list.c
 *		What once fooled routers, line by line (router.md §3.6).
 *
 * A table per line of that list.  None of these is a read, but for the few in
 * each table that stand next to one, are reads, and must stay so: a rule that
 * sends everything to the primary would pass otherwise.
 */
#include "router/unit/sql/classify_case.h"

#define ENDS STATEMENT_ENDS_STATE
#define USES STATEMENT_USES_PREPARED

/* ---- writable CTE at any depth ---- */
static const Case writable_cte[] = {
	{"WITH x AS (SELECT 1) SELECT * FROM x", READ},
	{"WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", PRIMARY, "INSERT"},
	{"WITH x AS (DELETE FROM t RETURNING *) SELECT 1", PRIMARY, "DELETE"},
	{"WITH a AS (SELECT 1), b AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM a", PRIMARY, "UPDATE"},
	{"WITH x AS (INSERT INTO t VALUES (1)) VALUES (1)", PRIMARY, "INSERT"},
	{"WITH x AS (INSERT INTO t VALUES (1)) TABLE u", PRIMARY, "INSERT"},
	{"WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 2 FROM r), x AS (DELETE FROM t RETURNING *) SELECT * FROM r", PRIMARY, "DELETE"},
	{"WITH x AS MATERIALIZED (DELETE FROM t RETURNING *) SELECT * FROM x", PRIMARY, "DELETE"},
	{"WITH x AS (WITH y AS (DELETE FROM t RETURNING *) SELECT * FROM y) SELECT * FROM x", PRIMARY, "DELETE"},
	{"WITH a AS (WITH b AS (WITH c AS (DELETE FROM t RETURNING *) SELECT * FROM c) SELECT * FROM b) SELECT * FROM a", PRIMARY, "DELETE"},
	{"SELECT * FROM (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x) AS y", PRIMARY, "DELETE"},
	{"SELECT * FROM t, LATERAL (WITH x AS (DELETE FROM u RETURNING *) SELECT * FROM x) AS y", PRIMARY, "DELETE"},
	{"SELECT * FROM t JOIN (WITH x AS (DELETE FROM u RETURNING *) SELECT * FROM x) AS y ON true", PRIMARY, "DELETE"},
	{"SELECT (WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT ARRAY(WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT * FROM t WHERE a IN (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT * FROM t WHERE EXISTS (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT * FROM t ORDER BY (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)", PRIMARY, "DELETE"},
	{"SELECT * FROM t LIMIT (WITH x AS (DELETE FROM u RETURNING a) SELECT count(*) FROM x)", PRIMARY, "DELETE"},
	{"SELECT * FROM t UNION ALL (WITH x AS (DELETE FROM u RETURNING *) SELECT * FROM x)", PRIMARY, "DELETE"},
	{"VALUES ((WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x))", PRIMARY, "DELETE"},
	{"DECLARE c CURSOR FOR WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x", PRIMARY, "DELETE"},
	{"COPY (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x) TO STDOUT", PRIMARY, "DELETE"},
	{"EXPLAIN ANALYZE WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x", PRIMARY, "DELETE"},
};

/* ---- FOR [NO KEY] UPDATE / [KEY] SHARE anywhere ---- */
static const Case row_locks[] = {
	{"SELECT 'FOR UPDATE' FROM t", READ},
	{"SELECT * FROM t FOR READ ONLY", READ},
	{"SELECT * FROM t FOR UPDATE", PRIMARY, "locks rows"},
	{"SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED", PRIMARY, "locks rows"},
	{"SELECT * FROM t FOR SHARE NOWAIT", PRIMARY, "locks rows"},
	{"SELECT * FROM t FOR KEY SHARE OF t", PRIMARY, "locks rows"},
	{"SELECT * FROM t LIMIT 1 FOR UPDATE", PRIMARY, "locks rows"},
	{"SELECT * FROM t FOR UPDATE LIMIT 1", PRIMARY, "locks rows"},
	{"TABLE t FOR UPDATE", PRIMARY, "locks rows"},
	{"SELECT * FROM (SELECT * FROM t FOR UPDATE) AS x", PRIMARY, "locks rows"},
	{"SELECT * FROM u, LATERAL (SELECT * FROM t FOR SHARE) AS x", PRIMARY, "locks rows"},
	{"SELECT * FROM u LEFT JOIN (SELECT * FROM t FOR SHARE) AS x ON true", PRIMARY, "locks rows"},
	{"WITH x AS (SELECT * FROM t FOR UPDATE) SELECT * FROM x", PRIMARY, "locks rows"},
	{"SELECT * FROM t WHERE a IN (SELECT a FROM u FOR SHARE)", PRIMARY, "locks rows"},
	{"SELECT (SELECT a FROM u FOR KEY SHARE)", PRIMARY, "locks rows"},
	{"SELECT ARRAY(SELECT a FROM u FOR KEY SHARE)", PRIMARY, "locks rows"},
	{"SELECT 1 UNION ALL (SELECT a FROM t FOR UPDATE)", PRIMARY, "locks rows"},
	{"(SELECT * FROM t FOR UPDATE)", PRIMARY, "locks rows"},
	{"((SELECT * FROM t) FOR UPDATE)", PRIMARY, "locks rows"},
	{"COPY (SELECT * FROM t FOR UPDATE) TO STDOUT", PRIMARY, "locks rows"},
	{"DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE", PRIMARY, "locks rows"},
	{"EXPLAIN SELECT * FROM t FOR UPDATE", PRIMARY, "locks rows"},
	{"EXPLAIN ANALYZE SELECT * FROM t FOR SHARE", PRIMARY, "locks rows"},
};

/* ---- SELECT INTO ---- */
static const Case select_into[] = {
	{"SELECT a AS into_ FROM t", READ},
	{"SELECT * INTO x FROM t", DDL, "SELECT INTO"},
	{"SELECT * INTO TABLE x FROM t", DDL, "SELECT INTO"},
	{"SELECT * INTO UNLOGGED x FROM t", DDL, "SELECT INTO"},
	{"SELECT * INTO TEMP x FROM t", PINS, "SELECT INTO", "temporary table"},
	{"SELECT 1 INTO pg_temp.x", PINS, "SELECT INTO", "temporary table"},
	{"(SELECT 1 INTO x)", DDL, "SELECT INTO"},
	{"WITH y AS (SELECT 1) SELECT * INTO x FROM y", DDL, "SELECT INTO"},
	{"SELECT 1 INTO x UNION SELECT 2", DDL, "SELECT INTO"},
	{"EXPLAIN ANALYZE SELECT * INTO x FROM t", DDL, "SELECT INTO"},
	{"CREATE TABLE x AS SELECT 1", DDL, "catalog"},
	{"CREATE TABLE x AS EXECUTE p", DDL | PINS | USES, "catalog", "EXECUTE"},
};

/* ---- EXPLAIN ANALYZE of a write ---- */
static const Case explain_analyze[] = {
	{"EXPLAIN ANALYZE SELECT * FROM t", READ},
	{"EXPLAIN (ANALYZE, BUFFERS, VERBOSE, SETTINGS, WAL, TIMING off, FORMAT json) SELECT * FROM t", READ},
	{"EXPLAIN ANALYZE INSERT INTO t VALUES (1)", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE UPDATE t SET a = 1", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE VERBOSE DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", PRIMARY, "EXPLAIN"},
	{"EXPLAIN (ANALYZE true) DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN (\"analyze\" 1) DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN (ANALYZE off) DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN (ANALYZE off, ANALYZE on) DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN DELETE FROM t", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE SELECT evil(1)", PRIMARY, "volatile"},
	{"EXPLAIN ANALYZE SELECT nextval('ids')", PRIMARY, "effects"},
	{"EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", DDL, "EXPLAIN"},
	{"EXPLAIN ANALYZE CREATE MATERIALIZED VIEW x AS SELECT 1", DDL, "EXPLAIN"},
	{"EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW x", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT 1", PRIMARY, "EXPLAIN"},
	{"EXPLAIN ANALYZE EXECUTE p", PINS | USES, "EXPLAIN", "EXECUTE"},
	{"EXPLAIN EXECUTE p", USES, "EXPLAIN"},
	{"/* x */ EXPLAIN ANALYZE DELETE FROM t", PRIMARY, "EXPLAIN"},
};

/* ---- COPY FROM, CALL, DO, MERGE, LOCK, DECLARE WITH HOLD ---- */
static const Case commands[] = {
	{"COPY t TO STDOUT", READ},
	{"COPY (SELECT * FROM t) TO STDOUT WITH (FORMAT csv)", READ},
	{"COPY t FROM STDIN", PRIMARY, "COPY FROM"},
	{"COPY t (a, b) FROM STDIN WITH (FORMAT binary)", PRIMARY, "COPY FROM"},
	{"COPY t FROM '/tmp/x'", PRIMARY, "file or program"},
	{"COPY t FROM PROGRAM 'cat /tmp/x'", PRIMARY, "file or program"},
	{"COPY t TO '/tmp/x'", PRIMARY, "file or program"},
	{"COPY t TO PROGRAM 'cat'", PRIMARY, "file or program"},
	{"COPY (DELETE FROM t RETURNING *) TO STDOUT", PRIMARY, "DELETE"},
	{"COPY (SELECT evil(1)) TO STDOUT", PRIMARY, "volatile"},
	{"COPY v TO STDOUT", PRIMARY, "a view"},
	{"COPY nosuch TO STDOUT", UNKNOWN, "relation not known"},
	{"CALL good(1)", TRANS, "CALL"},
	{"CALL nosuch(pg_advisory_lock(1))", TRANS | PINS, "CALL", "advisory lock"},
	{"DO $$ BEGIN PERFORM 1; END $$", TRANS, "DO"},
	{"DO LANGUAGE plpgsql 'BEGIN DELETE FROM t; END'", TRANS, "DO"},
	{"MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DO NOTHING", PRIMARY, "MERGE"},
	{"WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", PRIMARY, "MERGE"},
	{"LOCK t", PRIMARY, "command"},
	{"LOCK TABLE t IN ACCESS SHARE MODE NOWAIT", PRIMARY, "command"},
	{"DECLARE c CURSOR FOR SELECT * FROM t", READ},
	{"DECLARE c INSENSITIVE SCROLL CURSOR WITHOUT HOLD FOR SELECT * FROM t", READ},
	{"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t", PINS, "outlives", "WITH HOLD"},
	{"DECLARE c BINARY NO SCROLL CURSOR WITH HOLD FOR TABLE t", PINS, "outlives", "WITH HOLD"},
};

/* ---- PREPARE and EXECUTE of these ---- */
static const Case prepared[] = {
	{"PREPARE p AS SELECT 1", PINS | USES, "prepared", "PREPARE"},
	{"PREPARE p (int) AS DELETE FROM t WHERE id = $1", PINS | USES, "prepared", "PREPARE"},
	{"PREPARE p AS INSERT INTO t VALUES (1)", PINS | USES, "prepared", "PREPARE"},
	{"PREPARE p AS MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", PINS | USES, "prepared", "PREPARE"},
	{"PREPARE p AS WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", PINS | USES, "prepared", "PREPARE"},
	{"PREPARE p AS SELECT * FROM t FOR UPDATE", PINS | USES, "prepared", "PREPARE"},
	{"EXECUTE p", PINS | USES, "prepared", "EXECUTE"},
	{"EXECUTE p (1, evil(2))", PINS | USES, "prepared", "EXECUTE"},
	{"PREPARE p AS SELECT 1; EXECUTE p", PINS | USES, "prepared", "PREPARE"},
	{"SELECT 1; EXECUTE p", PINS | USES, "prepared", "EXECUTE"},
	{"CREATE TEMP TABLE x AS EXECUTE p", PINS | USES, "catalog", "temporary table"},
};

/* ---- multi-statement strings with a write anywhere ---- */
static const Case several[] = {
	{"SELECT 1; SELECT 2", READ},
	{"SELECT 'a; DELETE FROM t'; SELECT 2;", READ},
	{"SELECT 1; DELETE FROM t", PRIMARY, "DELETE"},
	{"DELETE FROM t; SELECT 1", PRIMARY, "DELETE"},
	{"SELECT 1; DELETE FROM t; SELECT 2", PRIMARY, "DELETE"},
	{";;SELECT 1;; DELETE FROM t;;", PRIMARY, "DELETE"},
	{"SELECT 1;/* */DELETE FROM t", PRIMARY, "DELETE"},
	{"SELECT 1 --;\n; DELETE FROM t", PRIMARY, "DELETE"},
	{"SELECT 1; SELECT evil(1); SELECT 2", PRIMARY, "volatile"},
	{"SELECT 1; SELECT * FROM t FOR UPDATE", PRIMARY, "locks rows"},
	{"SELECT 1; CALL p()", TRANS, "CALL"},
	{"SELECT 1; COPY t FROM STDIN", PRIMARY, "COPY FROM"},
	{"SELECT 1; CREATE TABLE x (a int)", DDL, "catalog"},
	{"SELECT 1; DROP TABLE x", ENDS, "catalog"},
	{"SELECT 1; LOCK t", PRIMARY, "command"},
	{"BEGIN; DELETE FROM t; COMMIT", TRANS, "transaction"},
	{"BEGIN READ ONLY; SELECT 1; COMMIT; DELETE FROM t", TRANS, "transaction"},
	{"COMMIT; DELETE FROM t", TRANS, "transaction"},
	{"SELECT 1; SET a.b = 'c'; SELECT 2", PINS, "setting", "among several"},
	{"SELECT 1; SELECT * FROM nosuch", UNKNOWN, "relation not known"},
	{"SELECT * FROM nosuch; DELETE FROM t", PRIMARY, "DELETE"},
	{"SELECT 1; SELEC 2", UNPARSED, "parser"},
};

/* ---- volatile functions through operators, casts, views, columns ---- */
static const Case indirect_calls[] = {
	{"SELECT good(1)", READ},
	{"SELECT a = 1 FROM t", READ},
	{"SELECT 1 === 2", PRIMARY, "operator"},
	{"SELECT a OPERATOR(public.===) b FROM t", PRIMARY, "operator"},
	{"SELECT * FROM t JOIN u ON t.id === u.id", PRIMARY, "operator"},
	{"SELECT * FROM t WHERE (a, b) === (1, 2)", PRIMARY, "operator"},
	{"SELECT * FROM t WHERE a === ANY (ARRAY[1])", PRIMARY, "operator"},
	{"SELECT * FROM t WHERE a === ALL (SELECT 1)", PRIMARY, "operator"},
	{"SELECT * FROM t ORDER BY a USING ===", PRIMARY, "operator"},
	{"SELECT 1::evil_domain", PRIMARY, "type"},
	{"SELECT CAST($1 AS evil_domain)", PRIMARY, "type"},
	{"SELECT CAST(a AS evil_domain[]) FROM t", PRIMARY, "type"},
	{"SELECT evil_domain '1'", PRIMARY, "type"},
	{"SELECT evil_domain(1)", PRIMARY, "type"},
	{"SELECT * FROM json_to_recordset('[]') AS x(a evil_domain)", PRIMARY, "type"},
	{"SELECT * FROM v", PRIMARY, "a view"},
	{"SELECT * FROM ONLY v", PRIMARY, "a view"},
	{"SELECT * FROM t, other.v AS x", PRIMARY, "a view"},
	{"SELECT a FROM t WHERE a IN (TABLE v)", PRIMARY, "a view"},
	{"SELECT t.rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT (t).rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT (t.*).rowfn FROM t", PRIMARY, "function of the row"},
	{"SELECT x.rowfn FROM (SELECT * FROM t) AS x", PRIMARY, "function of the row"},
	{"SELECT * FROM t ORDER BY t.rowfn", PRIMARY, "function of the row"},
	{"SELECT rowfn(t) FROM t", UNKNOWN, "function not known"},
	{"SELECT * FROM evil(1) WITH ORDINALITY", PRIMARY, "volatile"},
	{"SELECT * FROM ROWS FROM (good(1), evil(1))", PRIMARY, "volatile"},
	{"SELECT (evil(1)).a", PRIMARY, "volatile"},
	{"SELECT 1 WHERE evil(1) BETWEEN 1 AND 2", PRIMARY, "volatile"},
	{"SELECT crosstab('SELECT evil(1)')", PRIMARY, "effects"},
	{"SELECT table_to_xmlschema('v', true, false, '')", READ},
	{"SELECT table_to_xml('v', true, false, '')", PRIMARY, "effects"},
	{"SELECT schema_to_xml('public', true, false, '')", PRIMARY, "effects"},
	{"SELECT database_to_xml_and_xmlschema(true, false, '')", PRIMARY, "effects"},
};

/* ---- temporary tables that shadow: who has one is pinned, and nobody else sees it ---- */
static const Case temporary[] = {
	{"CREATE TEMP TABLE t (a int)", PINS, "catalog", "temporary table"},
	{"CREATE LOCAL TEMPORARY TABLE t (a int)", PINS, "catalog", "temporary table"},
	{"CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 1", PINS, "catalog", "temporary table"},
	{"CREATE TABLE pg_temp.t (a int)", PINS, "catalog", "temporary table"},
	{"CREATE TEMP VIEW t AS SELECT 1", PINS, "catalog", "temporary view"},
	{"CREATE TEMP SEQUENCE t", PINS, "catalog", "temporary sequence"},
	{"SELECT * FROM pg_temp.t", PRIMARY, "temporary"},
	{"SELECT * FROM pg_temp_12.t", PRIMARY, "temporary"},
	{"SELECT * FROM u JOIN pg_temp.t USING (id)", PRIMARY, "temporary"},
	{"COPY pg_temp.t TO STDOUT", PRIMARY, "temporary"},
	{"INSERT INTO pg_temp.t VALUES (1)", PRIMARY, "INSERT"},
};

/* ---- leading comments and parentheses ---- */
static const Case wrappings[] = {
	{"/* DELETE FROM t */ SELECT 1", READ},
	{"-- DELETE FROM t\nSELECT 1", READ},
	{"((SELECT 1))", READ},
	{"/* SELECT */ DELETE FROM t", PRIMARY, "DELETE"},
	{"-- SELECT\nDELETE FROM t", PRIMARY, "DELETE"},
	{"/* a /* nested */ SELECT */ DELETE FROM t", PRIMARY, "DELETE"},
	{"/**/DELETE/**/FROM/**/t", PRIMARY, "DELETE"},
	{"\n\t /* x */ -- y\n DELETE FROM t", PRIMARY, "DELETE"},
	{"/* hi */ (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x)", PRIMARY, "DELETE"},
	{"(((SELECT evil(1))))", PRIMARY, "volatile"},
	{"((SELECT 1) UNION ((SELECT evil(1))))", PRIMARY, "volatile"},
	{"/* andon:replica */ DELETE FROM t", STATEMENT_HINT_REPLICA, "DELETE"},
	{"/* andon:replica */ SELECT evil(1)", STATEMENT_HINT_REPLICA, "volatile"},
	{"/* andon:replica */ SELECT * FROM nosuch", STATEMENT_HINT_REPLICA | UNKNOWN, "relation not known"},
	{"/* andon:replica */ SELEC 1", STATEMENT_HINT_REPLICA | UNPARSED, "parser"},
	{"/* andon:primary */ SELECT 1", STATEMENT_HINT_PRIMARY | READ},
	{"SELECT 1 /* andon:primary */", READ},
};

/* ---- SET transaction_read_only = off, and its kin ---- */
static const Case read_write_settings[] = {
	{"SET transaction_read_only = off", STATEMENT_READ_WRITE, "setting"},
	{"SET LOCAL transaction_read_only = off", STATEMENT_READ_WRITE, "setting"},
	{"SET TRANSACTION READ WRITE", STATEMENT_READ_WRITE, "setting"},
	{"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", PINS, "setting", "CHARACTERISTICS"},
	{"SET default_transaction_read_only = off", PRIMARY, "setting"},
	{"SELECT set_config('transaction_read_only', 'off', true)", PRIMARY, "effects"},
	{"SELECT 1; SET transaction_read_only = off; DELETE FROM t", TRANS, "setting"},
	{"BEGIN READ WRITE", STATEMENT_READ_WRITE, "transaction"},
	{"BEGIN READ ONLY; SET TRANSACTION READ WRITE; DELETE FROM t; COMMIT", TRANS, "transaction"},
	{"RESET transaction_read_only", PRIMARY, "setting"},
};

/* ---- parse errors ---- */
static const Case parse_errors[] = {
	{"SELEC 1", UNPARSED, "parser"},
	{"SELECT 'a", UNPARSED, "parser"},
	{"SELECT \"a", UNPARSED, "parser"},
	{"SELECT $q$a", UNPARSED, "parser"},
	{"SELECT /* 1", UNPARSED, "parser"},
	{"SELECT (1", UNPARSED, "parser"},
	{"SELECT 1)", UNPARSED, "parser"},
	{"SELECT 1 FROM", UNPARSED, "parser"},
	{"SELECT * FROM t WHERE", UNPARSED, "parser"},
	{"WITH x AS (DELETE FROM t) SELECT", PRIMARY, "DELETE"},
	{"SELECT U&'\\zzzz'", UNPARSED, "parser"},
	{"SELECT 1; SELEC 2", UNPARSED, "parser"},
	{"SELEC 1; DELETE FROM t", UNPARSED, "parser"},
	{"BEGIN; SELEC", UNPARSED, "parser"},
	{"\x80\xff\xfe", UNPARSED, "parser"},
};

/* ---- denied although "stable", and what else acts (router.md §3.4) ---- */
static const Case denied[] = {
	{"SELECT pg_advisory_lock(1)", PINS, "effects", "advisory lock"},
	{"SELECT pg_advisory_lock_shared(1, 2)", PINS, "effects", "advisory lock"},
	{"SELECT pg_try_advisory_lock_shared(1)", PINS, "effects", "advisory lock"},
	{"SELECT pg_advisory_xact_lock_shared(1)", PRIMARY, "effects"},
	{"SELECT pg_try_advisory_xact_lock(1)", PRIMARY, "effects"},
	{"SELECT pg_advisory_unlock_shared(1)", ENDS, "effects"},
	{"SELECT set_config('work_mem', '1MB', true)", PRIMARY, "effects"},
	{"SELECT pg_notify('a', '')", PRIMARY, "effects"},
	{"SELECT nextval('ids')", PRIMARY, "effects"},
	{"VALUES (nextval('ids'))", PRIMARY, "effects"},
	{"SELECT setval('ids', 1, false)", PRIMARY, "effects"},
	{"SELECT lo_create(0)", PRIMARY, "volatile"},
	{"SELECT lo_open(1, 131072)", PRIMARY, "volatile"},
	{"SELECT lo_get(1)", PRIMARY, "volatile"},
	{"SELECT lo_unlink(1)", PRIMARY, "volatile"},
	{"SELECT pg_stat_reset()", PRIMARY, "volatile"},
	{"SELECT pg_stat_reset_shared('wal')", PRIMARY, "volatile"},
	{"SELECT pg_terminate_backend(1)", PRIMARY, "effects"},
	{"SELECT pg_cancel_backend(1)", PRIMARY, "effects"},
	{"SELECT pg_reload_conf()", PRIMARY, "volatile"},
	{"SELECT pg_create_physical_replication_slot('s')", PRIMARY, "volatile"},
	{"SELECT pg_drop_replication_slot('s')", PRIMARY, "volatile"},
	{"SELECT pg_replication_origin_session_setup('o')", PRIMARY, "volatile"},
	{"SELECT pg_logical_emit_message(true, 'a', 'b')", PRIMARY, "volatile"},
	{"SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)", PRIMARY, "volatile"},
	{"SELECT pg_promote()", PRIMARY, "volatile"},
	{"SELECT pg_wal_replay_pause()", PRIMARY, "volatile"},
	{"SELECT pg_switch_wal()", PRIMARY, "volatile"},
	{"SELECT pg_export_snapshot()", PRIMARY, "effects"},
	{"SELECT dblink_connect('c', 'host=x')", PINS, "effects", "dblink"},
	{"SELECT dblink_exec('c', 'DELETE FROM t')", PRIMARY, "volatile"},
	{"SELECT * FROM dblink('c', 'DELETE FROM t') AS x(a int4)", PRIMARY, "volatile"},
	{"SELECT query_to_xml('DELETE FROM t', true, true, '')", PRIMARY, "volatile"},
	{"SELECT * FROM connectby('t', 'a', 'b', '1', 0) AS x(a int4)", PRIMARY, "effects"},
};

TABLE_TEST(writable_cte)
TABLE_TEST(row_locks)
TABLE_TEST(select_into)
TABLE_TEST(explain_analyze)
TABLE_TEST(commands)
TABLE_TEST(prepared)
TABLE_TEST(several)
TABLE_TEST(indirect_calls)
TABLE_TEST(temporary)
TABLE_TEST(wrappings)
TABLE_TEST(read_write_settings)
TABLE_TEST(parse_errors)
TABLE_TEST(denied)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writable_cte),
		cmocka_unit_test(test_row_locks),
		cmocka_unit_test(test_select_into),
		cmocka_unit_test(test_explain_analyze),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_indirect_calls),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_wrappings),
		cmocka_unit_test(test_read_write_settings),
		cmocka_unit_test(test_parse_errors),
		cmocka_unit_test(test_denied),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
