--
-- A warning where each change of a row would read a source as a whole.
--
-- Guards: whether a condition on the key reaches the sources is read off the
-- plan of a refresh, not off its costs: the same on empty tables and on filled
-- ones. What can be told to the planner in another way gets no warning then.
--
CREATE SCHEMA dd;
SET search_path = dd;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
CREATE TABLE old_orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE items (order_id int NOT NULL, line int, qty int, PRIMARY KEY (order_id, line));
CREATE TABLE rates (rate numeric);
CREATE TABLE events (order_id int, at int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events DEFAULT;

CREATE PROCEDURE try(query text, options jsonb DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM andon.create_board('dd.b', query, '{id}', 'status', options => options);
	PERFORM andon.drop_board('dd.b');
END $$;

CREATE PROCEDURE try_all() LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO 'customers by their orders, grouped beside and tied by LATERAL';
	CALL dd.try('SELECT o.id, o.status, n FROM orders o LEFT JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) c USING (customer_id)');
	CALL dd.try('SELECT o.id, o.status, n FROM orders o LEFT JOIN LATERAL (SELECT count(*) AS n FROM orders c WHERE c.customer_id = o.customer_id) c ON true');
	RAISE INFO 'the latest by DISTINCT ON, by the key and by another column';
	CALL dd.try('SELECT o.id, o.status, at FROM orders o LEFT JOIN (SELECT DISTINCT ON (order_id) order_id, at FROM events ORDER BY order_id, at) e ON order_id = o.id');
	CALL dd.try('SELECT o.id, o.status, at FROM orders o LEFT JOIN (SELECT DISTINCT ON (order_id) order_id, at FROM events ORDER BY order_id, at) e ON order_id = o.customer_id');
	RAISE INFO 'IN and EXISTS as a value';
	CALL dd.try('SELECT id, status, id IN (SELECT order_id FROM items) AS has_items FROM orders');
	CALL dd.try('SELECT id, status, EXISTS (SELECT FROM items WHERE order_id = id) AS has_items FROM orders');
	RAISE INFO 'a CTE, materialized and not';
	CALL dd.try('WITH t AS MATERIALIZED (SELECT order_id, sum(qty) AS qty FROM items GROUP BY 1) SELECT o.id, o.status, qty FROM orders o LEFT JOIN t ON order_id = o.id');
	CALL dd.try('WITH t AS (SELECT order_id, sum(qty) AS qty FROM items GROUP BY 1) SELECT o.id, o.status, qty FROM orders o LEFT JOIN t ON order_id = o.id');
	RAISE INFO 'FULL JOIN with its ON against the order of COALESCE, and in it';
	CALL dd.try('SELECT coalesce(o.id, a.id) AS id, coalesce(o.status, a.status) AS status FROM orders o FULL JOIN old_orders a ON a.id = o.id');
	CALL dd.try('SELECT id, coalesce(o.status, a.status) AS status FROM orders o FULL JOIN old_orders a USING (id)');
	RAISE INFO 'UNION ALL, windows, joins without an index, a static table';
	CALL dd.try('SELECT u.id, u.status, c.name FROM (SELECT * FROM orders WHERE id < 5 UNION ALL SELECT * FROM old_orders WHERE id >= 5) u LEFT JOIN customers c ON c.id = u.customer_id');
	CALL dd.try('SELECT id, status FROM (SELECT o.id, o.status, row_number() OVER (PARTITION BY o.id ORDER BY line) AS n FROM orders o JOIN items ON order_id = o.id) w WHERE n = 1');
	CALL dd.try('SELECT o.id, o.status, count(a.id) AS n FROM orders o LEFT JOIN old_orders a USING (customer_id) GROUP BY o.id');
	CALL dd.try('SELECT o.id, o.status, (SELECT max(rate) FROM rates) AS rate FROM orders o', '{"static": ["dd.rates"]}');
END $$;

CALL try_all();
-- the same with rows and statistics, terse
\set VERBOSITY terse
INSERT INTO orders SELECT i, i % 50, 'new' FROM generate_series(1, 1000) i;
INSERT INTO old_orders SELECT i, i % 50, 'old' FROM generate_series(500, 1500) i;
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 50) i;
INSERT INTO items SELECT i, l, l FROM generate_series(1, 1000) i, generate_series(1, 4) l;
INSERT INTO events SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE;
CALL try_all();
SET client_min_messages = warning;
DROP SCHEMA dd CASCADE;
