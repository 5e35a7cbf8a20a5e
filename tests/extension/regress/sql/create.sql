--
-- create_board, what it makes, and how it goes away again.
-- Guards: the shape of the board, its indexes and guard, andon.boards, triggers
-- shared by boards on one source, DROP EXTENSION while boards exist.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cb;
SET search_path = cb, public;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int REFERENCES customers,
    status varchar(20) NOT NULL, priority int NOT NULL DEFAULT 0, due date);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 1, 'NEW', 5, '2030-01-02'), (2, 2, 'NEW', 7, NULL), (3, 1, 'CLOSED', 0, NULL);

SELECT andon.create_board('cb.mes', $$
    SELECT o.id, o.status, o.priority, o.due, c.name AS customer
    FROM orders o JOIN customers c ON c.id = o.customer_id
    WHERE o.status <> 'CLOSED' -- a comment at the end
$$, '{id}', 'status', 'priority DESC, due NULLS LAST');
\d cb.mes
\d+ cb.mes_definition
SELECT id, status, priority, due, customer, andon_version, andon_since <= clock_timestamp() AS since
FROM mes ORDER BY id;
SELECT pg_temp.differences('mes');
SELECT board, definition, key, status, order_by, options, channel, sources, state, why
FROM andon.boards WHERE board = 'mes'::regclass;
SELECT * FROM andon.counts('mes');
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE tgname LIKE 'andon%' AND tgrelid IN ('orders'::regclass, 'customers'::regclass) ORDER BY 1, 2;

-- direct changes are refused, of every kind
INSERT INTO mes (id, status, andon_since, andon_version) VALUES (9, 'NEW', now(), 1);
UPDATE mes SET status = 'CUT';
DELETE FROM mes WHERE false;
TRUNCATE mes;
COPY mes FROM stdin;
9	NEW	1	\N	x	2020-01-01	1
\.
\echo :LAST_ERROR_SQLSTATE

-- a quoted name, quoted and non-ASCII columns, no order, no rows, a schema of its own
CREATE SCHEMA "Board Room";
SELECT andon.create_board('"Board Room"."My Board"',
    'SELECT id AS "Schlüssel", status AS "the ""status""" FROM orders WHERE id > 100',
    '{Schlüssel}', 'the "status"');
\d "Board Room"."My Board"
INSERT INTO orders VALUES (101, 1, 'NEW');
SELECT "Schlüssel", "the ""status""", andon_version FROM "Board Room"."My Board";
SELECT pg_temp.differences('"Board Room"."My Board"');
SELECT * FROM andon.counts('"Board Room"."My Board"');
UPDATE "Board Room"."My Board" SET "Schlüssel" = 1;

-- refresh: finds nothing to do; puts right what happened behind our back
SELECT andon.refresh_board('mes');
ALTER TABLE orders DISABLE TRIGGER andon_capture;
UPDATE orders SET priority = 1 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
INSERT INTO orders VALUES (4, 2, 'NEW', 3);
SELECT state, why FROM andon.boards WHERE board = 'mes'::regclass;
ALTER TABLE orders ENABLE TRIGGER andon_capture;
SELECT key, problem, expected->'priority' AS expected, actual->'priority' AS actual
FROM andon.check_board('mes');
SELECT andon.refresh_board('mes');
SELECT state FROM andon.boards WHERE board = 'mes'::regclass;
SELECT pg_temp.differences('mes');

-- two boards on one source share its triggers, which go with the last
SELECT andon.drop_board('"Board Room"."My Board"');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid = 'orders'::regclass;
UPDATE orders SET priority = 8 WHERE id = 1;
SELECT id, priority FROM mes ORDER BY id;

-- the extension cannot be dropped from under a board, nor a source's column
DROP EXTENSION andon;
ALTER TABLE orders ALTER status TYPE text;
ALTER TABLE orders DROP COLUMN priority;
DROP TABLE customers;

-- renames of sources and columns do no harm
ALTER TABLE orders RENAME TO auftraege;
ALTER TABLE auftraege RENAME customer_id TO kunde;
UPDATE auftraege SET priority = 9 WHERE id = 1;
UPDATE customers SET name = 'Ada L.' WHERE id = 1;
SELECT id, priority, customer FROM mes ORDER BY id;
SELECT pg_temp.differences('mes');

-- renames of the board and its columns
ALTER TABLE mes RENAME TO shop;
ALTER TABLE shop RENAME priority TO prio;
UPDATE auftraege SET priority = 2 WHERE id = 1;
SELECT id, prio FROM shop ORDER BY id;
SELECT key, status, channel FROM andon.boards WHERE board = 'shop'::regclass;
UPDATE auftraege SET status = 'CLOSED' WHERE id = 1;
SELECT * FROM andon.check_board('shop');

SELECT andon.drop_board('shop');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid IN ('auftraege'::regclass, 'customers'::regclass);
SELECT to_regclass('cb.shop'), to_regclass('cb.mes_definition');
SELECT count(*) FROM andon.board WHERE board::text LIKE '%shop%';
SELECT andon.drop_board('auftraege');
SELECT * FROM andon.counts('auftraege');
SELECT * FROM andon.check_board('auftraege');
SELECT andon.refresh_board('auftraege');
\echo :LAST_ERROR_SQLSTATE

-- a board whose table was dropped by hand stops nobody, and says so
SELECT andon.create_board('cb.gone', 'SELECT id, status FROM auftraege', '{id}', 'status');
DROP TABLE gone;
UPDATE auftraege SET status = 'NEW' WHERE id = 1;
SELECT count(*) FROM andon.boards WHERE channel = 'andon_gone';
-- the same for one whose definition went with a source
SELECT andon.create_board('cb.gone', 'SELECT a.id, a.status, c.name FROM auftraege a LEFT JOIN customers c ON c.id = a.kunde', '{id}', 'status');
DROP TABLE customers CASCADE;
UPDATE auftraege SET status = 'CUT' WHERE id = 1;
SELECT count(*) FROM andon.boards WHERE channel = 'andon_gone';
SELECT * FROM andon.check_board('gone');
SELECT id, status, name FROM gone ORDER BY id;
DROP TABLE gone;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SELECT count(*) FROM andon.board_source;
SET client_min_messages = warning;
DROP SCHEMA cb, "Board Room" CASCADE;
