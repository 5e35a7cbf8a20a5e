--
-- claim(): the next orders of a status, in board order.
-- Guards: the right rows in the right order, written with the caller's rights; the board
-- true afterwards; what leaves the board is still told; refusals leave nothing behind.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE SCHEMA cl;
SET search_path = cl;
CREATE TABLE orders (id int PRIMARY KEY, status varchar(12) NOT NULL, priority int, operator int, note text, taken timestamptz, shown int GENERATED ALWAYS AS (id * 10) STORED);
CREATE TABLE items (order_id int REFERENCES orders, price int);
INSERT INTO orders SELECT i, CASE WHEN i % 4 = 0 THEN 'SHIPPED' ELSE 'NEW' END, nullif(i % 3, 2) FROM generate_series(1, 20) i;
INSERT INTO items SELECT i, i FROM generate_series(1, 20) i;
SELECT andon.create_board('cl.b', 'SELECT o.id, o.status, o.priority, o.operator, sum(i.price) AS total
    FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE o.status <> ''CLOSED'' GROUP BY o.id', '{id}', 'status', 'priority DESC');
CREATE FUNCTION ids(claimed jsonb) RETURNS int[] LANGUAGE sql AS
    $$ SELECT array_agg((o->>'id')::int ORDER BY n) FROM jsonb_array_elements(claimed) WITH ORDINALITY a (o, n) $$;

-- one, the first in board order, as it is afterwards
SELECT jsonb_agg(o - 'andon_since') FROM jsonb_array_elements(andon.claim('b', 'NEW', 'CUT')) o;
SELECT * FROM orders WHERE status = 'CUT';
SELECT id, status, operator, andon_version, pg_temp.differences('b') FROM b WHERE status = 'CUT';
-- several, with more columns; NULL and text of any type
SELECT ids(andon.claim('b', 'NEW', 'CUT', '{"operator": 7, "note": "a''\"b", "taken": "2024-05-01 10:00+02"}', 3));
SELECT id, operator, note, taken AT TIME ZONE 'UTC' AS taken FROM orders WHERE operator = 7 ORDER BY id;
SELECT ids(andon.claim('b', 'CUT', 'NEW', '{"operator": null, "note": "back"}', 2));
SELECT id, status, operator, note FROM orders WHERE note = 'back' ORDER BY id;
SELECT pg_temp.differences('b');
-- fewer than wanted; none; a status that nobody has
SELECT cardinality(ids(andon.claim('b', 'SHIPPED', 'DONE', n => 100)));
SELECT andon.claim('b', 'SHIPPED', 'DONE', n => 100);
SELECT andon.claim('b', 'NONE', 'DONE');
-- an order that leaves the board with the claim: as it was, with the new status
SELECT andon.claim('b', 'DONE', 'CLOSED');
SELECT id, status FROM orders WHERE status = 'CLOSED';
SELECT count(*), pg_temp.differences('b') FROM b WHERE status = 'DONE';
-- nothing happens twice in one transaction, and nothing at all when it rolls back
BEGIN;
SELECT ids(andon.claim('b', 'NEW', 'SET', n => 2));
SAVEPOINT s;
SELECT ids(andon.claim('b', 'NEW', 'SET', n => 2));
ROLLBACK TO s;
SELECT ids(andon.claim('b', 'NEW', 'SET', n => 2));
SELECT ids(andon.claim('b', 'SET', 'NEW', n => 4));
ROLLBACK;
SELECT count(*), pg_temp.differences('b') FROM b WHERE status = 'SET';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
-- maintenance at commit: the claim still sees what this transaction did, and leaves the board true
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
INSERT INTO orders (id, status, priority) VALUES (100, 'RUSH', 5);
SELECT jsonb_agg(o - 'andon_since') FROM jsonb_array_elements(andon.claim('b', 'RUSH', 'CUT')) o;
SELECT id, status, pg_temp.differences('b') FROM b WHERE id = 100;
COMMIT;
-- a trigger of the table refuses one row, and changes another's status once more; its names are looked up as the caller's
CREATE TABLE refused (id int);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.id % 2 = 1 THEN INSERT INTO refused VALUES (OLD.id); RETURN NULL; END IF;
    NEW.status := NEW.status || '!';
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION keep();
SELECT jsonb_agg(o->'id') AS id, jsonb_agg(DISTINCT o->'status') AS status
FROM jsonb_array_elements(andon.claim('b', 'NEW', 'PACK', n => 6)) o;
DROP TRIGGER keep ON orders;
SELECT pg_temp.differences('b');

-- composite key, an enum behind a view and a subquery, a partitioned table; names to be quoted
CREATE TYPE stage AS ENUM ('NEW', 'CUT');
CREATE TABLE "or""ders" (plant text COLLATE "C", nr numeric, "st""age" stage, "who ""m" text, PRIMARY KEY (plant, nr)) PARTITION BY LIST (plant);
CREATE TABLE p1 PARTITION OF "or""ders" FOR VALUES IN ('A');
CREATE TABLE p2 PARTITION OF "or""ders" FOR VALUES IN ('B');
INSERT INTO "or""ders" SELECT chr(65 + i % 2), i, 'NEW' FROM generate_series(1, 6) i;
CREATE VIEW v AS SELECT plant AS p, nr AS n, "st""age" AS s FROM "or""ders";
SELECT andon.create_board('cl."B b"', 'SELECT q.p, q.n, q."S s" FROM (SELECT p, n, s AS "S s" FROM v) q', '{p,n}', 'S s', 'n DESC');
SELECT jsonb_agg(o - 'andon_since') FROM jsonb_array_elements(andon.claim('"B b"', 'NEW', 'CUT', '{"who \"m": "x"}', 2)) o;
SELECT * FROM "or""ders" ORDER BY nr;
SELECT andon.claim('"B b"', 'NEW', 'BENT');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.differences('"B b"');

-- arguments
SELECT andon.claim('b', 'NEW', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', n => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', n => 101);
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'NEW');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('orders', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '[1]');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '{"opera": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '{"id": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '{"status": "X"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '{"operator": "x"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT', '{"shown": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'longer than twelve');
\echo :LAST_ERROR_SQLSTATE
BEGIN READ ONLY;
SELECT andon.claim('b', 'NONE', 'CUT');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT count(*), pg_temp.differences('b') FROM b WHERE status = 'NEW';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';

-- no single row of the key table, or no plain status in it
SELECT andon.create_board('cl.r1', 'SELECT id, upper(status) AS status FROM orders', '{id}', 'status');
SELECT andon.claim('r1', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('cl.r2', 'SELECT o.id, p.status FROM orders o LEFT JOIN orders p ON p.id = o.operator', '{id}', 'status');
SELECT andon.claim('r2', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('cl.r3', 'SELECT operator, max(status) AS status FROM orders GROUP BY operator', '{operator}', 'status');
SELECT andon.claim('r3', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('cl.r4', 'SELECT DISTINCT ON (operator) operator, status FROM orders ORDER BY operator, id', '{operator}', 'status');
SELECT andon.claim('r4', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
-- several tables, or one twice, that have keys
SELECT andon.create_board('cl.r6', 'SELECT id, status FROM orders WHERE id < 5 UNION SELECT id, status FROM orders WHERE id >= 5', '{id}', 'status');
SELECT andon.claim('r6', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.drop_board('r6');
-- the same order twice in the definition: the status is that of the row with the key
SELECT andon.create_board('cl.r5', 'SELECT o.id, o.status, p.status AS before FROM orders o LEFT JOIN orders p ON p.id = o.operator', '{id}', 'status');
SELECT ids(andon.claim('r5', 'NEW', 'CUT'));
SELECT pg_temp.differences('r5'), pg_temp.differences('b');

-- the caller's rights: SELECT on the board, UPDATE of the columns, policies of both
CREATE ROLE cl_op;
GRANT USAGE ON SCHEMA cl TO cl_op;
SET ROLE cl_op;
SELECT andon.claim('b', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON b TO cl_op;
SET ROLE cl_op;
SELECT andon.claim('b', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT, UPDATE (status) ON orders TO cl_op;
SET ROLE cl_op;
SELECT andon.claim('b', 'NEW', 'CUT', '{"operator": 9}');
\echo :LAST_ERROR_SQLSTATE
SELECT o->'id' AS id FROM jsonb_array_elements(andon.claim('b', 'NEW', 'CUT')) o;
RESET ROLE;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON orders TO cl_op USING (id IN (3, 5)) WITH CHECK (true);
SET ROLE cl_op;
SELECT o->'id' AS id FROM jsonb_array_elements(andon.claim('b', 'NEW', 'CUT', n => 5)) o;
RESET ROLE;
SELECT provolatile FROM pg_proc WHERE oid = 'andon.claim'::regproc;
SELECT pg_temp.differences('b');
SET client_min_messages = warning;
DROP OWNED BY cl_op;
DROP ROLE cl_op;
SELECT count(andon.drop_board(board)) FROM andon.boards WHERE board::text !~ '\.';
DROP SCHEMA cl CASCADE;
