--
-- Parts of sources that come and go: partitions made, attached, detached and dropped,
-- inheritance children likewise.
-- Guards: such DDL brings rows and takes them away without any trigger firing; a part
-- that came later needs statement triggers of its own (a TRUNCATE of it was missed); a
-- part that has left leaves no trigger behind; what cannot be followed is refused.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cp;
SET search_path = cp;
CREATE TABLE customers (id int, name text);
CREATE TABLE orders (id int, status text, customer_id int) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100);
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
SELECT andon.create_board('cp.b', $$
    SELECT o.id, o.status, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id $$, '{id}', 'status');
CREATE VIEW shown AS SELECT id, status, name, pg_temp.differences('b') AS diff FROM b ORDER BY id;
CREATE VIEW triggers AS
    SELECT tgrelid::regclass AS relation, string_agg(substr(tgname, 7) || CASE WHEN tgparentid <> 0 THEN ' (clone)' ELSE '' END
                                                     || CASE tgenabled WHEN 'O' THEN '' ELSE ' ' || tgenabled::text END, ', ' ORDER BY tgname)
    FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid <> 'b'::regclass GROUP BY 1 ORDER BY tgrelid::regclass::text;
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 'NEW', 1);

-- a partition made later: TRUNCATE names it alone
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (100) TO (200);
INSERT INTO orders_2 VALUES (101, 'NEW', 2), (102, 'NEW', 2);
TABLE shown;
TRUNCATE orders_2;
TABLE shown;
-- one that is partitioned itself, and its parts
CREATE TABLE orders_3 PARTITION OF orders FOR VALUES FROM (200) TO (400) PARTITION BY RANGE (id);
CREATE TABLE orders_3a PARTITION OF orders_3 FOR VALUES FROM (200) TO (300);
INSERT INTO orders_3a VALUES (201, 'NEW', 1);
INSERT INTO orders_3 VALUES (202, 'NEW', 2);
TABLE shown;
TRUNCATE orders_3a;
TABLE shown;

-- attached with rows, at the second level, with a column order of its own and a former life
CREATE TABLE late (customer_id int, gone int, status text, id int);
ALTER TABLE late DROP COLUMN gone;
INSERT INTO late VALUES (1, 'LATE', 301), (2, 'LATE', 302);
ALTER TABLE orders_3 ATTACH PARTITION late FOR VALUES FROM (300) TO (400);
TABLE shown;
UPDATE late SET status = 'LATER' WHERE id = 301;
UPDATE customers SET name = name || '!';
TABLE shown;
-- detached: its rows leave, its triggers too
ALTER TABLE orders_3 DETACH PARTITION late;
TABLE shown;
TABLE triggers;
UPDATE late SET status = 'ALONE';
TABLE shown;
-- a whole subtree, detached and attached
ALTER TABLE orders_3 ATTACH PARTITION late FOR VALUES FROM (300) TO (400);
ALTER TABLE orders DETACH PARTITION orders_3;
TABLE shown;
TABLE triggers;
ALTER TABLE orders ATTACH PARTITION orders_3 FOR VALUES FROM (200) TO (400);
TABLE shown;
-- dropped
DROP TABLE late;
TABLE shown;
INSERT INTO orders VALUES (210, 'NEW', 1), (1000, 'NEW', 2);
TABLE shown;
DROP TABLE orders_3 CASCADE;
TABLE shown;
CREATE SCHEMA cp_parts
    CREATE TABLE more PARTITION OF cp.orders FOR VALUES FROM (400) TO (500);
INSERT INTO cp_parts.more VALUES (401, 'NEW', 1);
DROP SCHEMA cp_parts CASCADE;
TABLE shown;
-- undone with its transaction
BEGIN;
ALTER TABLE orders DETACH PARTITION orders_1;
TABLE shown;
SAVEPOINT s;
DROP TABLE orders_rest;
TABLE shown;
ROLLBACK TO s;
INSERT INTO orders VALUES (1001, 'NEW', 1);
TABLE shown;
ROLLBACK;
TABLE shown;
TABLE triggers;

-- at commit, when that is asked for
SET andon.maintain_at = commit;
BEGIN;
ALTER TABLE orders DETACH PARTITION orders_rest;
SELECT id, status FROM b ORDER BY id;
INSERT INTO orders VALUES (50, 'NEW', 1);
COMMIT;
TABLE shown;
ALTER TABLE orders ATTACH PARTITION orders_rest DEFAULT;
RESET andon.maintain_at;
TABLE shown;

-- a table that is a source by itself becomes a partition: two boards, one trigger
CREATE TABLE own (id int, status text, customer_id int);
INSERT INTO own VALUES (501, 'OWN', 1);
SELECT andon.create_board('cp.own_board', 'SELECT id, status FROM own', '{id}', 'status');
ALTER TABLE orders ATTACH PARTITION own FOR VALUES FROM (500) TO (600);
TABLE shown;
UPDATE orders SET status = 'BOTH' WHERE id = 501;
SELECT id, status, pg_temp.differences('own_board') FROM own_board;
TABLE shown;
ALTER TABLE orders DETACH PARTITION own;
UPDATE own SET status = 'OWN' WHERE id = 501;
SELECT id, status, pg_temp.differences('own_board') FROM own_board;
TABLE shown;
TABLE triggers;
SELECT andon.drop_board('own_board');
DROP TABLE own;

-- inheritance
CREATE TABLE vips (extra text) INHERITS (customers);
INSERT INTO vips VALUES (3, 'Cy', 'x');
INSERT INTO orders VALUES (3, 'NEW', 3), (4, 'NEW', 4);
TABLE shown;
CREATE TABLE guests (id int, name text, since date);
INSERT INTO guests VALUES (4, 'Di', NULL);
ALTER TABLE guests INHERIT customers;
TABLE shown;
UPDATE guests SET name = 'Dee';
TRUNCATE vips;
TABLE shown;
ALTER TABLE guests NO INHERIT customers;
TABLE shown;
TABLE triggers;
INSERT INTO vips VALUES (3, 'Cy', 'x');
DROP TABLE vips;
TABLE shown;

-- a grandchild, and a child of two parents that are sources both
CREATE TABLE people (id int, name text);
CREATE TABLE staff (id int, name text, desk int);
CREATE TABLE drivers (van int) INHERITS (people);
CREATE TABLE owners (share int) INHERITS (drivers, staff);
INSERT INTO people VALUES (1, 'P');
INSERT INTO staff VALUES (4, 'S', 2);
SELECT andon.create_board('cp.kin', $$
    SELECT o.id, o.status, string_agg(p.name, ',' ORDER BY p.name) AS people,
           (SELECT sum(s.desk) FROM staff s WHERE s.id = o.id) AS desk, (SELECT count(*) FROM ONLY drivers d WHERE d.id = o.id) AS drivers
    FROM orders o LEFT JOIN people p ON p.id = o.id GROUP BY o.id, o.status $$, '{id}', 'status');
CREATE VIEW shown_kin AS SELECT id, people, desk, drivers, pg_temp.differences('kin') AS diff FROM kin WHERE id < 5 ORDER BY id;
INSERT INTO owners VALUES (1, 'Ann', 3, 10, 50), (4, 'Bob', 4, 20, 50);
TABLE shown_kin;
UPDATE owners SET name = 'Bea', desk = 21 WHERE id = 4;
UPDATE staff SET desk = desk + 1;
UPDATE people SET id = 3 WHERE name = 'Ann';
TABLE shown_kin;
DELETE FROM drivers WHERE id = 3;
INSERT INTO drivers VALUES (3, 'Dot', 5);
TABLE shown_kin;
BEGIN;
TRUNCATE owners;
TABLE shown_kin;
ROLLBACK;
SET andon.maintain_at = commit;
BEGIN;
INSERT INTO owners VALUES (3, 'Cat', 6, 30, 0);
TRUNCATE owners;
INSERT INTO owners VALUES (1, 'Eve', 7, 40, 100);
COMMIT;
RESET andon.maintain_at;
TABLE shown_kin;
-- cut off from one of its parents, a grandchild from its grandparent
ALTER TABLE owners NO INHERIT staff;
TABLE shown_kin;
ALTER TABLE drivers NO INHERIT people;
TABLE shown_kin;
UPDATE owners SET desk = 50, name = 'Eva';
ALTER TABLE owners INHERIT staff;
TABLE shown_kin;
TRUNCATE owners;
TABLE shown_kin;
DROP VIEW shown_kin;
SELECT andon.drop_board('kin');
DROP TABLE people, staff, drivers, owners;

-- COPY through the root, and with FREEZE into a part that is new or has just been emptied
COPY orders FROM stdin;
2	COPY	1
110	COPY	2
2000	COPY	1
\.
BEGIN;
TRUNCATE orders_2;
COPY orders_2 FROM stdin WITH (FREEZE);
120	FREEZE	1
\.
CREATE TABLE orders_4 PARTITION OF orders FOR VALUES FROM (700) TO (800);
COPY orders_4 FROM stdin WITH (FREEZE);
701	FREEZE	2
\.
COMMIT;
TABLE shown;
-- rows that are taken out of one part, brought into a table, and come back with it
BEGIN;
CREATE TABLE moved (LIKE orders);
WITH taken AS (DELETE FROM orders WHERE id = 2000 RETURNING *) INSERT INTO moved SELECT id, 'MOVED', customer_id FROM taken;
ALTER TABLE orders ATTACH PARTITION moved FOR VALUES FROM (2000) TO (3000);
TABLE shown;
SAVEPOINT s;
DROP TABLE moved;
ROLLBACK TO s;
COMMIT;
TABLE shown;

-- what cannot be followed is refused, and nothing has happened
\set SHOW_CONTEXT never
ALTER TABLE orders DETACH PARTITION orders_2 CONCURRENTLY;
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN DATA WRAPPER cp_wrapper;
CREATE SERVER cp_server FOREIGN DATA WRAPPER cp_wrapper;
CREATE FOREIGN TABLE far PARTITION OF orders FOR VALUES FROM (600) TO (700) SERVER cp_server;
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE far (id int, status text, customer_id int) SERVER cp_server;
ALTER TABLE orders ATTACH PARTITION far FOR VALUES FROM (600) TO (700);
ALTER FOREIGN TABLE far DROP COLUMN status, DROP COLUMN customer_id, ADD COLUMN name text;
ALTER FOREIGN TABLE far INHERIT customers;
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE mine () INHERITS (customers);
\echo :LAST_ERROR_SQLSTATE
DROP FOREIGN DATA WRAPPER cp_wrapper CASCADE;
TABLE shown;

-- where no board is concerned it all goes its way
CREATE TABLE other (id int) PARTITION BY RANGE (id);
CREATE TABLE other_1 PARTITION OF other FOR VALUES FROM (0) TO (10);
ALTER TABLE other DETACH PARTITION other_1 CONCURRENTLY;
ALTER TABLE other ATTACH PARTITION other_1 DEFAULT;
DROP TABLE other;

DROP VIEW shown, triggers;
SELECT andon.drop_board('b');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SET client_min_messages = warning;
DROP SCHEMA cp CASCADE;
