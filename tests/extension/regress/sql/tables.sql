--
-- Sources that are more than one table: partitions of several levels, written
-- directly, moved between, truncated; inheritance children; views over tables.
-- Guards: triggers on every part, attribute numbers that differ between parts.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ta;
SET search_path = ta;
CREATE TABLE orders (status text NOT NULL, id int, customer_id int, PRIMARY KEY (id, status)) PARTITION BY LIST (status);
CREATE TABLE orders_open PARTITION OF orders FOR VALUES IN ('NEW', 'CUT') PARTITION BY RANGE (id);
CREATE TABLE orders_low PARTITION OF orders_open FOR VALUES FROM (0) TO (100);
-- a partition whose columns stand elsewhere
CREATE TABLE orders_high (dropped int, id int NOT NULL, customer_id int, status text NOT NULL);
ALTER TABLE orders_high DROP COLUMN dropped;
ALTER TABLE orders_open ATTACH PARTITION orders_high FOR VALUES FROM (100) TO (1000);
CREATE TABLE orders_done PARTITION OF orders DEFAULT;
CREATE TABLE customers (id int, name text);
CREATE TABLE vips (extra text) INHERITS (customers);
CREATE VIEW named AS SELECT id, upper(name) AS name FROM customers WHERE name <> '';
SELECT andon.create_board('ta.b', $$
    SELECT o.id, o.status, c.name FROM orders o LEFT JOIN named c ON c.id = o.customer_id $$, '{id}', 'status');
SELECT tgrelid::regclass, tgname, tgparentid <> 0 AS clone FROM pg_trigger
WHERE tgname LIKE 'andon%' AND tgrelid::regclass::text !~ '^b' ORDER BY 1, 2;

INSERT INTO customers VALUES (1, 'Ada');
INSERT INTO vips VALUES (2, 'Bo', 'x');
INSERT INTO orders VALUES ('NEW', 1, 1), ('CUT', 101, 2), ('DONE', 3, 1);
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
-- parts written directly
INSERT INTO orders_high VALUES (102, 1, 'NEW');
UPDATE orders_high SET customer_id = 2 WHERE id = 102;
UPDATE vips SET name = 'Cy';
DELETE FROM orders_low;
SELECT id, status, name, andon_version, pg_temp.differences('b') FROM b ORDER BY id;
-- rows that move between partitions
UPDATE orders SET status = 'DONE' WHERE id = 101;
UPDATE orders SET id = 5 WHERE id = 102;
SELECT id, status, name, andon_version, pg_temp.differences('b') FROM b ORDER BY id;
-- truncated: a part, a child, the whole
TRUNCATE orders_done;
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
TRUNCATE vips;
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
TRUNCATE orders;
SELECT count(*), pg_temp.differences('b') FROM b;
-- a partition made and one attached empty later
CREATE TABLE orders_lost PARTITION OF orders FOR VALUES IN ('LOST');
INSERT INTO orders_lost VALUES ('LOST', 7, 1);
INSERT INTO orders VALUES ('LOST', 8, 1);
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
-- a board on one partition beside the one on the root, made and dropped in either order
SELECT andon.create_board('ta.high', 'SELECT id, status FROM orders_high', '{id}', 'status');
INSERT INTO orders VALUES ('NEW', 200, 1);
SELECT id, status, pg_temp.differences('high') FROM high;
SELECT andon.drop_board('b');
UPDATE orders SET status = 'CUT' WHERE id = 200;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid <> 'high'::regclass ORDER BY 1, 2;
SELECT id, status, pg_temp.differences('high') FROM high;
-- what is written by way of the whole, which has no statement trigger of ours then, is on
-- the board of the part when something of it is written directly, and at the commit
BEGIN;
INSERT INTO orders VALUES ('NEW', 201, 1), ('NEW', 202, 1);
UPDATE orders SET status = 'DONE' WHERE id = 200;
SELECT id, status FROM high ORDER BY id;
UPDATE orders_high SET status = 'CUT' WHERE id = 201;
SELECT id, status, pg_temp.differences('high') FROM high ORDER BY id;
UPDATE orders SET id = 5 WHERE id = 202;
UPDATE orders SET status = 'NEW' WHERE id = 200;
COPY orders FROM stdin;
NEW	203	1
NEW	6	1
\.
DELETE FROM orders WHERE id = 201;
COMMIT;
SELECT id, status, pg_temp.differences('high') FROM high ORDER BY id;
TRUNCATE orders;
SELECT count(*), pg_temp.differences('high') FROM high;
INSERT INTO orders VALUES ('CUT', 200, 1);
SELECT andon.create_board('ta.b', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT andon.drop_board('high');
UPDATE orders SET status = 'NEW' WHERE id = 200;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
SELECT andon.drop_board('b');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SET client_min_messages = warning;
DROP SCHEMA ta CASCADE;
