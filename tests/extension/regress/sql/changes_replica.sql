--
-- Option enable_always: sessions in which ordinary triggers are off.
-- Guards: session_replication_role = replica with the option and without; statements,
-- TRUNCATE, parts that come later; two boards on one source of which one asks for it;
-- who may ask; andon.boards tells what is not followed.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cr;
SET search_path = cr;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE rates (id int, rate int);
CREATE TABLE orders (id int, status text, customer_id int) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100);
CREATE VIEW triggers AS
    SELECT tgrelid::regclass AS relation, string_agg(substr(tgname, 7) || ' ' || tgenabled::text, ', ' ORDER BY tgname)
    FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgname <> 'andon_guard' GROUP BY 1 ORDER BY tgrelid::regclass::text;
\set query 'SELECT o.id, o.status, c.name, (SELECT max(rate) FROM rates) AS rate FROM orders o LEFT JOIN customers c ON c.id = o.customer_id'
SELECT andon.create_board('cr.always', :'query', '{id}', 'status', options => '{"enable_always": true, "static": ["rates"]}');
SELECT andon.create_board('cr.plain', 'SELECT id, name AS status FROM customers', '{id}', 'status');
SELECT board, state, why, not_followed FROM andon.boards ORDER BY board::text;
TABLE triggers;

SET session_replication_role = replica;
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'NEW', 2);
UPDATE customers SET name = 'Ada L.' WHERE id = 1;
UPDATE orders SET status = 'CUT' WHERE id = 2;
DELETE FROM orders WHERE id = 1;
SELECT id, status, name, pg_temp.differences('always') FROM always;
-- DDL is followed too
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (100) TO (200);
INSERT INTO orders VALUES (101, 'NEW', 1);
INSERT INTO orders_2 VALUES (102, 'NEW', 1);
SELECT id, status, name, pg_temp.differences('always') FROM always ORDER BY id;
TRUNCATE orders_2;
SELECT id, status, name, pg_temp.differences('always') FROM always ORDER BY id;
CREATE TABLE late (id int, status text, customer_id int);
INSERT INTO late VALUES (201, 'LATE', 2);
ALTER TABLE orders ATTACH PARTITION late FOR VALUES FROM (200) TO (300);
UPDATE late SET status = 'LATER';
SELECT id, status, name, pg_temp.differences('always') FROM always ORDER BY id;
RESET session_replication_role;
-- the source that both have is always followed, and the other board profits
SELECT id, status, pg_temp.differences('plain') FROM plain ORDER BY id;
TABLE triggers;

-- switched back by hand: told, and mended by who owns the table
ALTER TABLE customers ENABLE TRIGGER ALL;
SELECT board, state, why FROM andon.boards ORDER BY board::text;
SELECT andon.refresh_board('always');
SELECT board, state, why FROM andon.boards ORDER BY board::text;
TABLE triggers;

-- the last who asked is gone
SELECT andon.drop_board('always');
TABLE triggers;
SET session_replication_role = replica;
UPDATE customers SET name = 'unseen' WHERE id = 2;
RESET session_replication_role;
SELECT id, status, pg_temp.differences('plain') > 0 AS differs FROM plain ORDER BY id;
SELECT andon.repair_board('plain');

-- who may ask, and how
SELECT andon.create_board('cr.bad', 'SELECT id, name AS status FROM customers', '{id}', 'status', options => '{"enable_always": "yes"}');
\echo :LAST_ERROR_SQLSTATE
CREATE ROLE cr_owner;
GRANT ALL ON SCHEMA cr TO cr_owner;
GRANT SELECT, TRIGGER ON customers TO cr_owner;
SET ROLE cr_owner;
SELECT andon.create_board('cr.theirs', 'SELECT id, name AS status FROM customers', '{id}', 'status', options => '{"enable_always": true}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
ALTER TABLE customers OWNER TO cr_owner;
SET ROLE cr_owner;
SELECT andon.create_board('cr.theirs', 'SELECT id, name AS status FROM customers', '{id}', 'status', options => '{"enable_always": true}');
RESET ROLE;
SET session_replication_role = replica;
UPDATE customers SET name = 'seen' WHERE id = 2;
RESET session_replication_role;
SELECT id, status, pg_temp.differences('theirs') FROM theirs ORDER BY id;
SELECT andon.drop_board('theirs'), andon.drop_board('plain');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SET client_min_messages = warning;
DROP SCHEMA cr CASCADE;
DROP OWNED BY cr_owner;
DROP ROLE cr_owner;
