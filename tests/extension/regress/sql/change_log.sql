--
-- The change log: andon.change, andon.transition, trace(), dwell(), options.log.
-- Guards: every committed change of a board's row has one row and nothing else has;
-- replayed per key it gives the board; shown as far as the board is, written by nobody else.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set file :srcdir /log_oracle.inc
\i :file
\set ECHO all
SET client_min_messages = warning;
CREATE ROLE cl_reader;
CREATE ROLE cl_owner;
CREATE SCHEMA cl;
GRANT USAGE ON SCHEMA cl TO PUBLIC;
SET search_path = cl, public;
CREATE TABLE orders (id int PRIMARY KEY, status text, note text, customer_id int);
CREATE TABLE customers (id int PRIMARY KEY, name text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders SELECT i, 'NEW', 'n', 1 + i % 2 FROM generate_series(1, 6) i;
SELECT andon.create_board('cl.b', 'SELECT o.id, o.status, o.note, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status <> ''CLOSED''', '{id}', 'status');
-- what fills a board is no change
SELECT count(*) FROM andon.change;
CREATE VIEW logged AS
    SELECT key, op, from_status, to_status, version FROM andon.change WHERE board = 'cl.b'::regclass ORDER BY key, version;
SET application_name = 'line 3';
SET andon.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE orders SET note = 'x' WHERE id = 1;
UPDATE orders SET status = 'CLOSED' WHERE id = 2;
RESET andon.traceparent;
UPDATE orders SET status = 'AGAIN' WHERE id = 2;
UPDATE orders SET note = note WHERE id = 3;
UPDATE orders SET status = NULL WHERE id = 3;
UPDATE customers SET name = 'Bob' WHERE id = 2;
SELECT * FROM logged;
SELECT DISTINCT epoch = (SELECT system_identifier FROM pg_control_system()) AS epoch,
       actor = session_user AS actor, application, traceparent FROM andon.change ORDER BY traceparent;
SELECT pg_temp.log_differences('b'), pg_temp.differences('b');

-- what is rolled back was not; TRUNCATE and refresh_board change rows like any statement
BEGIN;
UPDATE orders SET status = 'LOST';
ROLLBACK;
BEGIN;
SAVEPOINT s;
UPDATE orders SET status = 'LOST';
ROLLBACK TO s;
SAVEPOINT t;
UPDATE orders SET status = 'KEPT' WHERE id = 4;
RELEASE t;
COMMIT;
SELECT count(*) FILTER (WHERE to_status = 'LOST') AS lost, count(*) FILTER (WHERE to_status = 'KEPT') AS kept FROM logged;
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET status = 'UNSEEN' WHERE id = 5;
DELETE FROM orders WHERE id = 6;
ALTER TABLE orders ENABLE TRIGGER USER;
SELECT andon.refresh_board('b');
SELECT pg_temp.log_differences('b');
CREATE TEMP TABLE kept AS TABLE orders;
TRUNCATE orders;
SELECT pg_temp.log_differences('b');
INSERT INTO orders TABLE kept;
SELECT pg_temp.log_differences('b'), pg_temp.differences('b');

-- the way of a key; a bare value will do; no change of status: where it is, since when
SELECT from_status, to_status, dwell >= '0' AS dwell, application, traceparent FROM andon.trace('b', '{"id": 2}');
SELECT from_status, to_status FROM andon.trace('b', '1');
INSERT INTO orders VALUES (7, 'NEW', 'n', 1);
SELECT from_status, to_status, dwell >= '0' AS dwell FROM andon.trace('b', '7');
SELECT andon.create_board('cl.quiet', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT t.at = q.andon_since AS since, t.from_status, t.to_status, t.actor FROM andon.trace('quiet', '7') t, quiet q WHERE q.id = 7;
SELECT count(*) FROM andon.trace('b', '4711');
SELECT * FROM andon.trace('b', '{"no": 1}');
SELECT * FROM andon.trace('b', '{"id": null}');
SELECT * FROM andon.trace('b', '{"id": 1, "x": 2}');
SELECT * FROM andon.trace('b', '"abc"');
SELECT status, entered, p50 <= p95 AND p95 <= longest AND p50 >= '0' AS ordered FROM andon.dwell('b', '1 hour');
SELECT * FROM andon.dwell('b', '-1 hour');
SELECT count(*) = count(*) FILTER (WHERE from_status IS DISTINCT FROM to_status) AS transitions, count(*) > 0 AS some
FROM andon.transition WHERE board = 'b'::regclass;

-- keys that are equal are one key, several columns, any type
CREATE TABLE v (a numeric, b timestamptz, status text, PRIMARY KEY (a, b));
SELECT andon.create_board('cl.n', 'SELECT a, b, status FROM v', '{a,b}', 'status');
INSERT INTO v VALUES (1.0, '2026-01-02 03:04:05+00', 'NEW'), ('NaN', 'infinity', 'NEW');
UPDATE v SET status = 'CUT';
SELECT from_status, to_status FROM andon.trace('n', '{"a": 1.000, "b": "2026-01-02T04:04:05+01:00"}');
SELECT from_status, to_status FROM andon.trace('n', '{"b": "infinity", "a": "NaN"}');

-- options.log
SELECT andon.create_board('cl.t', 'SELECT id, status, note FROM orders', '{id}', 'status', options => '{"log": "transitions"}');
SELECT andon.create_board('cl.off', 'SELECT id, status, note FROM orders', '{id}', 'status', options => '{"log": "off"}');
SELECT andon.create_board('cl.x', 'SELECT id, status, note FROM orders', '{id}', 'status', options => '{"log": "some"}');
UPDATE orders SET note = 'y' WHERE id = 7;
UPDATE orders SET status = 'z' WHERE id = 7;
SELECT board, op, from_status, to_status FROM andon.change WHERE board IN ('t'::regclass, 'off'::regclass);
SELECT * FROM andon.trace('off', '7');
SELECT * FROM andon.dwell('off', '1 hour');
SET andon.traceparent = 'a b';
-- an old order is not older than its stay, whatever the clock says
SELECT count(*) FROM andon.change c JOIN andon.change d USING (board, key) WHERE d.version = c.version + 1 AND d.at < c.at;

-- who may see it: whoever may read the board, no more and no less
SET ROLE cl_reader;
SELECT count(*) FROM andon.change;
SELECT count(*) FROM andon.transition;
SELECT * FROM andon.trace('b', '1');
SELECT * FROM andon.dwell('b', '1 hour');
RESET ROLE;
GRANT SELECT ON b TO cl_reader;
SET ROLE cl_reader;
SELECT DISTINCT board FROM andon.transition;
SELECT from_status, to_status FROM andon.trace('b', '1');
SELECT count(*) > 0 FROM andon.dwell('b', '1 hour');
RESET ROLE;
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON b FOR SELECT TO cl_reader USING (id = 1);
SET ROLE cl_reader;
SELECT count(*) FROM andon.transition;
SELECT * FROM andon.trace('b', '1');
SELECT andon.maintain();
RESET ROLE;

-- a board's owner can neither write the log nor change it, but his changes are in it
GRANT SELECT, TRIGGER, UPDATE ON orders TO cl_owner;
GRANT CREATE ON SCHEMA cl TO cl_owner;
SET ROLE cl_owner;
SELECT andon.create_board('cl.own', 'SELECT id, status FROM orders', '{id}', 'status');
UPDATE orders SET status = 'mine' WHERE id = 7;
SELECT to_status, actor = session_user AS actor FROM andon.trace('own', '7');
INSERT INTO andon.change SELECT * FROM andon.change_default;
UPDATE andon.change_default SET to_status = 'x';
DELETE FROM andon.change;
SELECT andon.drop_board('own');
RESET ROLE;
SELECT count(*) FROM andon.change WHERE NOT EXISTS (SELECT FROM andon.boards b WHERE b.board = change.board);

-- partitions: made ahead, the changes of their day go there
BEGIN;
SELECT andon.maintain();
ROLLBACK;
SELECT andon.maintain();
SELECT count(*) FROM pg_inherits WHERE inhparent = 'andon.change'::regclass;
SELECT andon.drop_board(board) FROM andon.boards WHERE board::text <> 'b';
DELETE FROM andon.change_default;
SELECT andon.maintain();
UPDATE orders SET note = 'p';
SELECT tableoid::regclass::text = 'andon.change_' || to_char(at AT TIME ZONE 'UTC', 'YYYYMMDD') AS right, count(*) FROM andon.change GROUP BY 1;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'andon.change'::regclass;
RESET application_name;
DROP VIEW logged;
SELECT andon.drop_board('b');
SELECT count(*) FROM andon.change;
DROP SCHEMA cl CASCADE;
DROP OWNED BY cl_reader, cl_owner;
DROP ROLE cl_reader, cl_owner;
