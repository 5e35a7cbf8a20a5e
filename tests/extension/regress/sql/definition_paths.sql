--
-- How a change of each source finds the keys it may have changed.
--
-- Guards: every form of definition that is maintained (joins, grouped
-- subqueries, LATERAL with LIMIT, sublinks, views, CTEs, self-joins, several
-- hops, composite keys) has a path for each alias, and by it a board stays
-- equal to its definition.  The oracle does not use our own check: the board
-- against its definition with EXCEPT ALL, both ways.
--
\set VERBOSITY terse
CREATE SCHEMA dp;
SET search_path = dp;
CREATE TABLE regions (id int PRIMARY KEY, name text);
CREATE TABLE customers (id int PRIMARY KEY, name text, region_id int);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, parent_id int, status text NOT NULL, code text UNIQUE);
CREATE TABLE items (order_id int, line int, product_id int, qty int, PRIMARY KEY (order_id, line));
CREATE TABLE products (id int PRIMARY KEY, name text, price numeric);
CREATE TABLE models (id int PRIMARY KEY, order_id int NOT NULL, path text, uploaded int);
CREATE TABLE flags (order_id int, flag text);

CREATE FUNCTION difference(board text, key text) RETURNS bigint LANGUAGE plpgsql
SET search_path = dp AS $$
DECLARE
	cols text;
	n bigint;
BEGIN
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO cols
	  FROM pg_attribute WHERE attrelid = (board || '_definition')::regclass AND attnum > 0;
	EXECUTE format('SELECT (SELECT count(*) FROM (SELECT %1$s FROM %2$s_definition WHERE %3$s IS NOT NULL EXCEPT ALL SELECT %1$s FROM %2$s) a)
						 + (SELECT count(*) FROM (SELECT %1$s FROM %2$s EXCEPT ALL SELECT %1$s FROM %2$s_definition WHERE %3$s IS NOT NULL) b)',
				   cols, board, key) INTO n;
	RETURN n;
END $$;

-- One board after the other over the same changes: how often it differed, and
-- how many of its rows changed (a test in which nothing changes proves nothing).
CREATE PROCEDURE fill() LANGUAGE sql AS $$
	TRUNCATE dp.regions, dp.customers, dp.orders, dp.items, dp.products, dp.models, dp.flags;
	INSERT INTO dp.regions SELECT i, 'r' || i FROM generate_series(1, 3) i;
	INSERT INTO dp.customers SELECT i, 'c' || i, i % 4 FROM generate_series(1, 6) i;
	INSERT INTO dp.orders SELECT i, i % 7, nullif(i % 5, 0), CASE i % 3 WHEN 0 THEN 'NEW' WHEN 1 THEN 'CUT' ELSE 'SHIPPED' END, 'o' || i
	  FROM generate_series(1, 12) i;
	INSERT INTO dp.products SELECT i, 'p' || i, i * 10 FROM generate_series(1, 4) i;
	INSERT INTO dp.items SELECT o, l, (o + l) % 5, o * l FROM generate_series(1, 14) o, generate_series(1, 3) l WHERE (o + l) % 4 > 0;
	INSERT INTO dp.models SELECT i, i % 13, 'm' || i, i * 7 % 11 FROM generate_series(1, 20) i;
	INSERT INTO dp.flags SELECT i % 9, CASE WHEN i % 4 > 0 THEN 'f' || i % 4 END FROM generate_series(1, 10) i;
$$;

CREATE FUNCTION try(board text, key text) RETURNS text LANGUAGE plpgsql
SET search_path = dp AS $$
DECLARE
	change text;
	differed text := '';
	moved int := 0;
	before jsonb;
	after jsonb;
BEGIN
	FOREACH change IN ARRAY ARRAY[
		'UPDATE regions SET name = name || ''+'' WHERE id = 1',
		'UPDATE customers SET name = name || ''+'' WHERE id IN (1, 2)',
		'UPDATE customers SET region_id = 2 WHERE id IN (3, 4)',
		'UPDATE customers SET id = 60 WHERE id = 6',
		'INSERT INTO customers VALUES (6, ''again'', 1)',
		'DELETE FROM customers WHERE id = 5',
		'UPDATE orders SET status = ''CUT'' WHERE id IN (3, 6)',
		'UPDATE orders SET customer_id = 2 WHERE id = 4',
		'UPDATE orders SET parent_id = 9, customer_id = NULL WHERE id IN (1, 8)',
		'UPDATE orders SET id = 100 WHERE id = 10',
		'INSERT INTO orders VALUES (13, 60, 1, ''NEW'', ''o13''), (14, 1, 14, ''CUT'', NULL)',
		'DELETE FROM orders WHERE id IN (2, 7)',
		'UPDATE items SET qty = qty + 1 WHERE product_id = 2',
		'UPDATE items SET order_id = 100 WHERE order_id = 4 AND line = 1',
		'UPDATE items SET product_id = 4 WHERE product_id = 3',
		'DELETE FROM items WHERE order_id IN (5, 9)',
		'INSERT INTO items VALUES (5, 9, 1, 1), (9, 9, NULL, 2), (77, 1, 1, 1)',
		'UPDATE products SET price = price + 1, name = name || ''+'' WHERE id IN (1, 4)',
		'DELETE FROM products WHERE id = 2',
		'INSERT INTO products VALUES (0, ''zero'', 5), (2, ''two'', 7)',
		'UPDATE models SET uploaded = 99 WHERE id IN (4, 17)',
		'DELETE FROM models WHERE uploaded = 99',
		'UPDATE models SET order_id = 14 WHERE id < 4',
		'INSERT INTO models VALUES (30, 100, ''new'', 50), (31, 3, ''new'', 0)',
		'UPDATE flags SET flag = ''f1'' WHERE flag IS NULL',
		'UPDATE flags SET order_id = NULL WHERE order_id = 3',
		'INSERT INTO flags VALUES (13, ''f2''), (14, NULL), (13, ''f2'')',
		'DELETE FROM flags WHERE flag = ''f2''',
		'WITH c AS (UPDATE customers SET id = id + 200 RETURNING id), o AS (UPDATE orders SET customer_id = customer_id + 200 RETURNING id)
		 UPDATE items SET order_id = order_id + 1000 WHERE order_id < 4',
		'TRUNCATE models',
		'TRUNCATE items, flags',
		'DELETE FROM orders'] LOOP
		EXECUTE format('SELECT jsonb_agg(to_jsonb(b) ORDER BY to_jsonb(b)::text) FROM %s b', board) INTO before;
		EXECUTE change;
		EXECUTE format('SELECT jsonb_agg(to_jsonb(b) ORDER BY to_jsonb(b)::text) FROM %s b', board) INTO after;
		moved := moved + (before IS DISTINCT FROM after)::int;
		IF difference(board, key) > 0 THEN
			differed := differed || E'\n  differs after: ' || change;
		END IF;
	END LOOP;
	RETURN CASE WHEN moved > 3 THEN 'followed' ELSE 'did not move' END || differed;
END $$;

CREATE PROCEDURE try_definition(query text, key text[]) LANGUAGE plpgsql
SET search_path = dp AS $$
DECLARE
	line record;
BEGIN
	CALL fill();
	PERFORM andon.create_board('dp.b', query, key, 'status');
	FOR line IN SELECT source, alias, path, note FROM andon.explain_board('dp.b') LOOP
		RAISE INFO '% %: %', line.source, line.alias, concat_ws('  -- ', line.path, line.note);
	END LOOP;
	RAISE INFO '%', try('dp.b', key[1]);
	PERFORM andon.drop_board('dp.b');
END $$;

-- the demo's shape: left joins, a grouped subquery, LATERAL with LIMIT
CALL try_definition($$
	SELECT o.id, o.status, c.name, i.n, i.total, m.path
	  FROM orders o
	  JOIN customers c ON c.id = o.customer_id
	  LEFT JOIN (SELECT order_id, count(*) AS n, sum(qty) AS total FROM items GROUP BY order_id) i ON i.order_id = o.id
	  LEFT JOIN LATERAL (SELECT path FROM models WHERE order_id = o.id ORDER BY uploaded DESC, id LIMIT 1) m ON true
	 WHERE o.status <> 'SHIPPED'$$, '{id}');

-- three hops
CALL try_definition($$
	SELECT o.id, o.status, r.name AS region
	  FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN regions r ON r.id = c.region_id$$, '{id}');

-- hops through a table that is aggregated away; HAVING; a nullable inner join
CALL try_definition($$
	SELECT o.id, o.status, sum(i.qty * p.price) AS total
	  FROM orders o LEFT JOIN (items i JOIN products p ON p.id = i.product_id) ON i.order_id = o.id
	 GROUP BY o.id HAVING count(i.line) <> 2$$, '{id}');

-- RIGHT JOIN, USING
CALL try_definition($$
	SELECT o.id, o.status, order_id IS NULL AS bare, min(flag) AS flag, count(DISTINCT line) AS lines
	  FROM items JOIN flags USING (order_id) RIGHT JOIN orders o ON o.id = order_id
	 GROUP BY o.id, order_id$$, '{id}');

-- self-join: two aliases of the key table, each with its path
CALL try_definition($$
	SELECT o.id, o.status, p.status AS parent_status, g.status AS grandparent_status
	  FROM orders o LEFT JOIN orders p ON p.id = o.parent_id LEFT JOIN orders g ON g.id = p.parent_id$$, '{id}');

-- EXISTS and NOT EXISTS, also under OR; a scalar subquery in the select list
CALL try_definition($$
	SELECT o.id, o.status,
		   (SELECT max(c.name) FROM customers c WHERE c.id = o.customer_id) AS customer,
		   ARRAY(SELECT p.name FROM items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id ORDER BY 1) AS products
	  FROM orders o
	 WHERE NOT EXISTS (SELECT FROM flags f WHERE f.order_id = o.id AND f.flag = 'f1')
	   AND (o.status = 'NEW' OR EXISTS (SELECT FROM models m WHERE m.order_id = o.id))$$, '{id}');

-- IN as a condition; NOT IN where nothing can be NULL
CALL try_definition($$
	SELECT o.id, o.status FROM orders o
	 WHERE o.id IN (SELECT i.order_id FROM items i JOIN products p ON p.id = i.product_id WHERE p.price > 10)
	   AND o.id NOT IN (SELECT order_id FROM models WHERE uploaded > 5)$$, '{id}');

-- the latest row by DISTINCT ON, a window by the key
CALL try_definition($$
	SELECT o.id, o.status, m.path, w.rank
	  FROM orders o
	  LEFT JOIN (SELECT DISTINCT ON (order_id) order_id, path FROM models ORDER BY order_id, uploaded DESC, id) m ON m.order_id = o.id
	  LEFT JOIN (SELECT order_id, line, rank() OVER (PARTITION BY order_id ORDER BY qty, line) AS rank FROM items) w
		ON w.order_id = o.id AND w.line = 2$$, '{id}');

-- views and CTEs are looked through
CREATE VIEW big_customers AS SELECT c.id, c.name, r.name AS region FROM customers c LEFT JOIN regions r ON r.id = c.region_id;
CALL try_definition($$
	WITH totals AS (SELECT order_id, sum(qty) AS total FROM items GROUP BY order_id),
		 both_totals AS (SELECT a.order_id, a.total, f.flag FROM totals a JOIN flags f ON f.order_id = a.order_id AND f.flag = 'f2')
	SELECT o.id, o.status, b.name, b.region, t.total, (SELECT count(*) FROM both_totals x WHERE x.order_id = o.id) AS n
	  FROM orders o LEFT JOIN big_customers b ON b.id = o.customer_id LEFT JOIN totals t ON t.order_id = o.id$$, '{id}');

-- composite key; another source has half of it
CALL try_definition($$
	SELECT i.order_id, i.line, o.status, p.name, i.qty
	  FROM items i JOIN orders o ON o.id = i.order_id LEFT JOIN products p ON p.id = i.product_id$$, '{order_id,line}');

-- the key by another name of an equal column; not the primary key
CALL try_definition($$
	SELECT o.code, max(o.status) AS status, count(*) AS n
	  FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.code$$, '{code}');
CALL try_definition($$
	SELECT i.order_id AS id, max(o.status) AS status, sum(i.qty) AS total
	  FROM items i JOIN orders o ON o.id = i.order_id GROUP BY i.order_id$$, '{id}');

-- a whole row, a subquery without a source, a function over a row's own columns
CALL try_definition($$
	SELECT o.id, o.status, to_jsonb(c) AS customer, t.word
	  FROM orders o LEFT JOIN customers c ON c.id = o.customer_id,
		   LATERAL (SELECT max(w) AS word FROM unnest(ARRAY[o.status, c.name]) w) t$$, '{id}');

-- the queries of the hops: quoted, qualified, operators too
CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one"""."Länder" ("Id" int PRIMARY KEY, "select" text);
ALTER TABLE customers ADD "Land" int;
SELECT andon.create_board('dp.b', $$
	SELECT o.id, o.status, l."select" AS land
	  FROM orders o JOIN customers c ON c.id = o.customer_id JOIN "Odd ""one"""."Länder" l ON l."Id" = c."Land"$$, '{id}', 'status');
SELECT source, path, dirty_sql FROM andon.explain_board('b');
SELECT andon.drop_board('b');

SET client_min_messages = warning;
DROP SCHEMA dp, "Odd ""one""" CASCADE;
