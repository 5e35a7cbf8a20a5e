--
-- Bad input to create_board: SQLSTATE, message, what to do; nothing left behind.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA er;
SET search_path = er;
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, j json, customer_id int);
CREATE TABLE items (order_id int, price int);
INSERT INTO orders VALUES (1, 'NEW', '{}', 1), (2, 'NEW', '{}', 1);
INSERT INTO items VALUES (1, 10), (1, 20), (2, 5);

-- not one SELECT
SELECT andon.create_board('er.b', '', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders; DROP TABLE items', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'DELETE FROM orders RETURNING id, status', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status INTO x FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders)', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM nowhere', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'WITH d AS (DELETE FROM orders RETURNING *) SELECT id, status FROM d', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE

-- arguments
SELECT andon.create_board(NULL, 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{nr}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id,id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'state');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, j AS status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status, 1 AS andon_version FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', 'priority');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', 'id DOWN');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', 'lower(status)');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', 'id LIMIT 1');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => '{"statik": ["items"]}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => '{"static": [1]}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => '{"static": ["items"]}');
\echo :LAST_ERROR_SQLSTATE

-- names
SELECT andon.create_board('er.orders', 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('nowhere.b', 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('pg_temp.b', 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.' || repeat('x', 53), 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => jsonb_build_object('channel', repeat('x', 64)));
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status', options => '{"channel": "andon_alert"}');
\echo :LAST_ERROR_SQLSTATE

-- definitions that cannot be kept up (the rest is in definition_refused)
SELECT andon.create_board('er.b', 'SELECT id, status, random() AS r FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b', 'SELECT o.id, o.status, i.price FROM orders o CROSS JOIN items i', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY, status text);
SELECT andon.create_board('er.b', 'SELECT id, status FROM fleeting', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE mine (id int PRIMARY KEY, status text);
SELECT andon.create_board('er.b', 'SELECT id, status FROM mine', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE

-- two rows of one key: at creation
SELECT andon.create_board('er.b', 'SELECT o.id, o.status, i.price FROM orders o JOIN items i ON i.order_id = o.id', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE

-- nothing is left of all that
SELECT relname FROM pg_class WHERE relnamespace = 'er'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid IN ('orders'::regclass, 'items'::regclass);
SELECT count(*) FROM andon.board;
SELECT count(*) FROM andon.board_source;

-- two rows of one key: by a later change, which is refused as a whole
DELETE FROM items WHERE price = 20;
SELECT andon.create_board('er.b', 'SELECT o.id, o.status, i.price FROM orders o JOIN items i ON i.order_id = o.id', '{id}', 'status');
INSERT INTO items VALUES (2, 5);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO items VALUES (1, 7);
UPDATE items SET order_id = 2;
SELECT * FROM items ORDER BY 1;
SELECT pg_temp.differences('b');
-- taken names and channels
SELECT andon.create_board('er.b', 'SELECT id, status FROM orders', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('er.b2', 'SELECT id, status FROM orders', '{id}', 'status', options => '{"channel": "andon_b"}');
\echo :LAST_ERROR_SQLSTATE

-- an expression that fails fails the writer's statement, and says where
SELECT andon.create_board('er.ratio', 'SELECT o.id, o.status, sum(100 / i.price) AS r FROM orders o JOIN items i ON i.order_id = o.id GROUP BY o.id', '{id}', 'status');
\set SHOW_CONTEXT never
UPDATE items SET price = 0 WHERE order_id = 1;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM items ORDER BY 1;
SELECT pg_temp.differences('ratio');

SELECT andon.drop_board('ratio'), andon.drop_board('b');
SET client_min_messages = warning;
DROP SCHEMA er CASCADE;
