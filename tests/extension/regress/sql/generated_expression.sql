--
-- Another expression for a stored generated column, which PostgreSQL 17 can set.
-- Guards: it rewrites the rows without a trigger: the board is computed anew, also one of a
-- part where the command names the whole; it is followed as any other column afterwards.
--
SELECT current_setting('server_version_num')::int < 170000 AS skip \gset
\if :skip
\quit
\endif
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ge;
SET search_path = ge;
CREATE TABLE customers (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE orders (id int PRIMARY KEY, status text, a int, customer int GENERATED ALWAYS AS (a) STORED,
                     s int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE events (id int, order_id int, a int, s int GENERATED ALWAYS AS (a * 2) STORED) PARTITION BY LIST (order_id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO customers SELECT i, i FROM generate_series(1, 4) i;
INSERT INTO orders SELECT i, 'new', i FROM generate_series(1, 4) i;
INSERT INTO events SELECT i, 1 + i % 4, i FROM generate_series(1, 8) i;
SELECT andon.create_board('ge.fast', 'SELECT id, status, s FROM orders', '{id}', 'status');
SELECT andon.create_board('ge.linked', 'SELECT o.id, o.status, c.s FROM orders o LEFT JOIN customers c ON c.id = o.customer', '{id}', 'status');
SELECT andon.create_board('ge.keyed', 'SELECT customer, min(status) AS status FROM orders GROUP BY customer', '{customer}', 'status');
SELECT andon.create_board('ge.of_events', 'SELECT o.id, o.status, sum(e.s) AS s FROM orders o JOIN events e ON e.order_id = o.id GROUP BY o.id', '{id}', 'status');
SELECT andon.create_board('ge.of_events_1', 'SELECT id, ''new'' AS status, s FROM events_1', '{id}', 'status');
CREATE VIEW wrong AS SELECT string_agg(board::text, ' ') AS wrong FROM andon.boards WHERE pg_temp.differences(board) > 0;

-- shown, of a joined table, the link, the key
ALTER TABLE orders ALTER COLUMN s SET EXPRESSION AS (a * 3);
SELECT id, s, (TABLE wrong) FROM fast ORDER BY id;
ALTER TABLE customers ALTER COLUMN s SET EXPRESSION AS (a * 3);
SELECT id, s, (TABLE wrong) FROM linked ORDER BY id;
ALTER TABLE orders ALTER COLUMN customer SET EXPRESSION AS (5 - a);
SELECT id, s, (TABLE wrong) FROM linked ORDER BY id;
SELECT customer, (TABLE wrong) FROM keyed ORDER BY customer;
UPDATE orders SET a = 1 + a % 4;
UPDATE customers SET a = a + 1 WHERE id < 3;
TABLE wrong;
-- named: the whole, one part
ALTER TABLE events ALTER COLUMN s SET EXPRESSION AS (a * 3);
SELECT id, s, (TABLE wrong) FROM of_events_1 ORDER BY id;
ALTER TABLE events_1 ALTER COLUMN s SET EXPRESSION AS (a * 4);
SELECT id, s, (TABLE wrong) FROM of_events ORDER BY id;
UPDATE events SET a = a + 1;
TABLE wrong;

-- inside a transaction that has changed rows and goes on, rolled back and not
SET andon.maintain_at = 'commit';
BEGIN;
UPDATE orders SET a = 2 WHERE id = 1;
SAVEPOINT before;
ALTER TABLE orders ALTER COLUMN s SET EXPRESSION AS (a - 1);
UPDATE orders SET a = 3 WHERE id = 1;
ROLLBACK TO before;
UPDATE orders SET a = 4 WHERE id = 2;
COMMIT;
TABLE wrong;
BEGIN;
UPDATE orders SET a = 3 WHERE id = 1;
ALTER TABLE orders ALTER COLUMN customer SET EXPRESSION AS (a);
UPDATE orders SET a = 2 WHERE id = 1;
COMMIT;
TABLE wrong;
RESET andon.maintain_at;
-- no expression any more: the values stay
ALTER TABLE orders ALTER COLUMN s DROP EXPRESSION;
UPDATE orders SET s = 0 WHERE id = 3;
SELECT id, s, (TABLE wrong) FROM fast ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA ge CASCADE;
