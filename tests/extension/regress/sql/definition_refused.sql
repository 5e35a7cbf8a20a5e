--
-- Definitions that cannot be maintained are refused at creation.
--
-- Guards: each refusal names the table or function, the reason and the way
-- out, with its SQLSTATE, and leaves nothing behind.  A definition that slips
-- through would make a board that silently differs from its definition.
--
CREATE SCHEMA dr;
SET search_path = dr;
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, due timestamptz, cur text);
CREATE TABLE items (order_id int, product int, qty int);
CREATE TABLE products (id int, name text);
CREATE TABLE rates (cur text, rate numeric);
CREATE SEQUENCE numbers;

CREATE PROCEDURE try_definition(query text, key text[] DEFAULT '{id}', options jsonb DEFAULT '{}') LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	PERFORM andon.create_board('dr.b', query, key, 'status', options => options);
	RAISE INFO 'accepted';
	PERFORM andon.drop_board('dr.b');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE INFO E'%: %\n  %\n  %', SQLSTATE, message, detail, hint;
END $$;

-- no path
CALL try_definition('SELECT id, status, rate FROM orders, rates');
CALL try_definition('SELECT id, status, rate FROM orders LEFT JOIN rates ON lower(rates.cur) = orders.cur');
CALL try_definition('SELECT id, status, rate FROM orders LEFT JOIN rates ON rates.rate > orders.id');
-- ... and the two ways out
CALL try_definition('SELECT id, status, rate FROM orders LEFT JOIN rates ON rates.cur = orders.cur');
CALL try_definition('SELECT id, status, rate FROM orders, (SELECT sum(rate) AS rate FROM rates) r', options => '{"static": ["dr.rates"]}');
-- options that do not fit
CALL try_definition('SELECT id, status FROM orders', options => '{"static": ["dr.rates"]}');
CALL try_definition('SELECT id, status FROM orders', options => '{"static": ["dr.orders"]}');

-- the key
CALL try_definition('SELECT id AS number, status FROM orders');
CALL try_definition('SELECT id + 0 AS id, status FROM orders');
CALL try_definition('SELECT max(id) AS id, status FROM orders GROUP BY status');
CALL try_definition('SELECT DISTINCT ON (status) id, status FROM orders');
CALL try_definition('SELECT o.id, o.status, i.product FROM orders o, items i', '{id,product}');
CALL try_definition('SELECT status, ARRAY[id] AS id FROM orders');
CALL try_definition('SELECT id, status FROM (SELECT id, status FROM orders ORDER BY id LIMIT 5) s');

-- the key in the branches of a UNION and on the sides of a FULL JOIN
CREATE TABLE old (id bigint, status text);
CALL try_definition('SELECT id, status FROM orders UNION ALL SELECT id, status FROM old');
CALL try_definition('SELECT id, status FROM orders UNION ALL SELECT product + 1, ''x'' FROM items');
CALL try_definition('SELECT id, status FROM orders UNION ALL (SELECT product, ''x'' FROM items ORDER BY product LIMIT 5)');
CALL try_definition('SELECT id, status FROM orders UNION ALL SELECT max(product), ''x'' FROM items');
CALL try_definition('SELECT id, status FROM orders UNION ALL SELECT 0, ''none''');
CALL try_definition('SELECT ''new'' AS channel, id, status FROM orders UNION ALL SELECT ''old''::text, id::int, status FROM old', '{channel,id}');
CALL try_definition('SELECT 1 AS shop, id, status FROM orders', '{shop,id}');
CALL try_definition('SELECT id, status FROM (SELECT id, status FROM orders UNION ALL SELECT product, ''x'' FROM items ORDER BY id LIMIT 10) u');
CALL try_definition('SELECT o.id, o.status, u.t FROM orders o LEFT JOIN (SELECT order_id, qty AS t FROM items UNION ALL SELECT id, 0 FROM old) u ON u.order_id = o.id');
CALL try_definition('SELECT o.id, o.status, u.t FROM orders o LEFT JOIN LATERAL (SELECT qty AS t FROM items WHERE order_id = o.id UNION ALL SELECT 0 FROM old WHERE old.id > o.id) u ON true');
CALL try_definition('SELECT u.id, u.status, r.rate FROM (SELECT id, status, cur FROM orders UNION ALL SELECT product, ''x'', qty::text FROM items) u LEFT JOIN rates r ON r.cur = u.cur');
CALL try_definition('SELECT id, coalesce(o.status, a.status) AS status FROM orders o FULL JOIN old a USING (id)');
CALL try_definition('SELECT coalesce(o.id, 0) AS id, o.status FROM orders o FULL JOIN items i ON i.order_id = o.id');
CALL try_definition('SELECT coalesce(o.id, i.order_id) AS id, o.status FROM orders o FULL JOIN items i ON i.qty = o.id AND i.order_id > o.id JOIN rates ON rates.rate > o.id');
CALL try_definition('SELECT o.id, o.status, count(p.name) AS n FROM orders o LEFT JOIN (items i FULL JOIN products p ON p.id + 1 = i.product) ON i.order_id = o.id GROUP BY o.id');
-- ... and what may stand there
CALL try_definition('SELECT id, status, x FROM (SELECT id, status, NULL AS cur FROM orders UNION ALL SELECT product, ''x'', NULL FROM items) u LEFT JOIN (SELECT cur, sum(rate) AS x FROM rates GROUP BY cur) r USING (cur)');

-- the clock, the session, chance
CALL try_definition('SELECT id, status, now() - due AS late FROM orders');
CALL try_definition('SELECT id, status FROM orders WHERE due < CURRENT_DATE');
CALL try_definition('SELECT id, status, LOCALTIMESTAMP AS at FROM orders');
CALL try_definition('SELECT id, status, age(due) AS age FROM orders');
CALL try_definition('SELECT id, status, clock_timestamp() AS at FROM orders');
CALL try_definition('SELECT id, status, random() AS r FROM orders');
CALL try_definition('SELECT id, status FROM orders WHERE cur = current_user');
CALL try_definition('SELECT id, status FROM orders WHERE cur = session_user::text');
CALL try_definition('SELECT id, status FROM orders WHERE cur = current_setting(''application_name'')');
CALL try_definition('SELECT id, status, txid_current_if_assigned() AS x FROM orders');
CALL try_definition('SELECT id, status, pg_current_snapshot()::text AS x FROM orders');
CALL try_definition('SELECT id, status, pg_table_size(''dr.orders'') AS x FROM orders');
CALL try_definition('SELECT id, status, cur::regclass AS x FROM orders');
CALL try_definition('SELECT id, status, nextval(''dr.numbers'') AS x FROM orders');
-- settings are pinned: what depends on them alone is fine
CALL try_definition('SELECT id, status, due::date AS day, to_char(due, ''Day'') AS weekday, due::text AS due, date_trunc(''day'', due) AS d, to_tsvector(status) AS w FROM orders');

-- functions that may read tables unseen
CREATE FUNCTION lookup(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT max(qty) FROM dr.items WHERE order_id = $1';
CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION unmarked(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION last_of_next(int, int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $2';
CREATE AGGREGATE last_of(int) (SFUNC = last_of_next, STYPE = int);
CREATE OPERATOR ### (FUNCTION = lookup, RIGHTARG = int);
CALL try_definition('SELECT id, status, lookup(id) AS x FROM orders');
CALL try_definition('SELECT id, status, ### id AS x FROM orders');
CALL try_definition('SELECT id, status FROM orders WHERE EXISTS (SELECT FROM items WHERE order_id = id AND unmarked(qty) > 1)');
CALL try_definition('SELECT o.id, o.status, last_of(qty) AS x FROM orders o LEFT JOIN items ON order_id = id GROUP BY o.id');
CALL try_definition('SELECT id, status, f FROM orders, lookup(id) f');
CALL try_definition('SELECT id, status, plain(id) AS x FROM orders');
CALL try_definition('SELECT id, status, unmarked(id) AS x FROM orders', options => '{"trusted": ["dr.unmarked(integer)"]}');
-- ... reached by a way round: a moving window's own functions, an aggregate's by parts, a view, a cast, ANY
CREATE FUNCTION moving(int, int) RETURNS int LANGUAGE sql STABLE STRICT AS 'SELECT $2';
CREATE FUNCTION moved(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION is_near(int, int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT dr.lookup($1) = $2';
CREATE FUNCTION to_place(int) RETURNS point LANGUAGE sql STABLE AS 'SELECT point(dr.lookup($1), 0)';
CREATE CAST (int AS point) WITH FUNCTION to_place(int);
CREATE OPERATOR ~~~ (FUNCTION = is_near, LEFTARG = int, RIGHTARG = int);
CREATE AGGREGATE moving_sum(int) (SFUNC = int4pl, STYPE = int, MSFUNC = moving, MINVFUNC = int4mi, MSTYPE = int);
CREATE AGGREGATE inverse_sum(int) (SFUNC = int4pl, STYPE = int, MSFUNC = int4pl, MINVFUNC = moving, MSTYPE = int);
CREATE AGGREGATE final_sum(int) (SFUNC = int4pl, STYPE = int, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, MFINALFUNC = moved);
CREATE AGGREGATE part_sum(int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = moving);
CREATE AGGREGATE plain_sum(int) (SFUNC = int4pl, STYPE = int, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, COMBINEFUNC = int4pl);
CREATE VIEW looked_up AS SELECT id, lookup(id) AS x FROM orders;
CREATE PROCEDURE try_window(aggregate text) LANGUAGE sql AS $$
	CALL dr.try_definition(format('SELECT id, status, x FROM (SELECT order_id AS id, ''NEW'' AS status, row_number() OVER w AS n,
		dr.%s(qty) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x FROM dr.items WINDOW w AS (PARTITION BY order_id ORDER BY product)) s WHERE n = 2', aggregate)) $$;
CALL try_window('moving_sum');
CALL try_window('inverse_sum');
CALL try_window('final_sum');
CALL try_window('part_sum');
CALL try_window('plain_sum');
CALL try_definition('SELECT o.id, o.status, l.x FROM orders o JOIN looked_up l ON l.id = o.id');
CALL try_definition('SELECT id, status, id::point AS x FROM orders');
CALL try_definition('SELECT id, status, ARRAY[id]::point[] AS x FROM orders');
CALL try_definition('SELECT id, status FROM orders WHERE id ~~~ ANY (ARRAY[1, 2])');
CALL try_definition('SELECT id, status FROM orders WHERE id ~~~ ANY (SELECT qty FROM items WHERE order_id = id)');
CALL try_definition('SELECT id, status, xml FROM orders, XMLTABLE(''/a'' PASSING xmlparse(CONTENT cur) COLUMNS xml int PATH ''.'' DEFAULT lookup(1)) x');

-- clauses
CALL try_definition('SELECT id, status FROM orders ORDER BY id LIMIT 10');
CALL try_definition('SELECT id, status FROM orders OFFSET 1');
CALL try_definition('SELECT id, status FROM orders FOR UPDATE');
CALL try_definition('SELECT id, status FROM orders TABLESAMPLE system (50)');
CALL try_definition('SELECT id, status FROM orders EXCEPT SELECT order_id, ''x'' FROM items');
CALL try_definition('SELECT id, status FROM orders UNION ALL (SELECT order_id, ''x'' FROM items INTERSECT ALL (SELECT id, name FROM products EXCEPT SELECT 1, ''y''))');
CALL try_definition('SELECT id, status, count(*) FROM orders GROUP BY ROLLUP (id, status)');
CALL try_definition('WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT id, status, n FROM orders JOIN r ON n = id');
CALL try_definition('SELECT id, status, xmin FROM orders');
CALL try_definition('SELECT id, status, ctid::text AS place FROM orders');
CALL try_definition('SELECT o.id, o.status, i.tableoid FROM orders o JOIN items i ON i.order_id = o.id');

-- what no trigger can watch
CREATE TEMP TABLE scratch (id int, t text);
CREATE UNLOGGED TABLE cache (id int, t text);
CREATE MATERIALIZED VIEW summary AS SELECT order_id AS id, count(*) AS n FROM items GROUP BY 1;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE remote (id int, t text) SERVER elsewhere;
CREATE TABLE parts (id int, t text) PARTITION BY LIST (id);
CREATE FOREIGN TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) SERVER elsewhere;
CALL try_definition('SELECT id, status, t FROM orders LEFT JOIN scratch USING (id)');
CALL try_definition('SELECT id, status, t FROM orders LEFT JOIN cache USING (id)');
CALL try_definition('SELECT id, status, n FROM orders LEFT JOIN summary USING (id)');
CALL try_definition('SELECT id, status, t FROM orders LEFT JOIN remote USING (id)');
CALL try_definition('SELECT id, status, t FROM orders LEFT JOIN parts USING (id)');
CALL try_definition('SELECT id, status, relname FROM orders LEFT JOIN pg_class ON relname::text = cur');
CALL try_definition('SELECT id, status, n FROM orders LEFT JOIN summary USING (id)', options => '{"static": ["dr.summary"]}');
SELECT andon.create_board('dr.first', 'SELECT id, status FROM orders', '{id}', 'status');
CALL try_definition('SELECT f.id, f.status FROM first f');
SELECT andon.drop_board('first');

-- row-level security of the board's owner
CREATE ROLE regress_andon_owner;
GRANT USAGE, CREATE ON SCHEMA dr TO regress_andon_owner;
GRANT SELECT, TRIGGER ON orders, items, products TO regress_andon_owner;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE VIEW all_items AS SELECT * FROM items;
CREATE VIEW own_items WITH (security_invoker) AS SELECT * FROM items;
GRANT SELECT ON all_items, own_items TO regress_andon_owner;
SET ROLE regress_andon_owner;
CALL try_definition('SELECT o.id, o.status, count(qty) AS n FROM orders o LEFT JOIN items i ON order_id = o.id GROUP BY o.id');
CALL try_definition('SELECT o.id, o.status, count(qty) AS n FROM orders o LEFT JOIN own_items i ON order_id = o.id GROUP BY o.id');
CALL try_definition('SELECT o.id, o.status, count(qty) AS n FROM orders o LEFT JOIN all_items i ON order_id = o.id GROUP BY o.id');
-- the path of products leads over items, which the owner reads himself
CALL try_definition('SELECT o.id, o.status, count(name) AS n FROM orders o LEFT JOIN all_items i ON order_id = o.id LEFT JOIN products p ON p.id = i.product GROUP BY o.id');
RESET ROLE;
CALL try_definition('SELECT o.id, o.status, count(qty) AS n FROM orders o LEFT JOIN items i ON order_id = o.id GROUP BY o.id');

-- nothing is left behind
SELECT count(*) AS boards FROM andon.boards WHERE channel IN ('andon_b', 'andon_first');
SELECT relname FROM pg_class WHERE relnamespace = 'dr'::regnamespace AND relname ~ '^(b|first)($|_)';
SELECT tgrelid::regclass, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'dr'::regnamespace AND NOT tgisinternal;

-- the ways out that the refusals name: a column for the constant, one type for the key
CREATE TABLE shop (id int PRIMARY KEY, status text, channel text NOT NULL DEFAULT 'shop' CHECK (channel = 'shop'),
	n bigint GENERATED ALWAYS AS (id) STORED);
CREATE TABLE web (id bigint PRIMARY KEY, status text, channel text NOT NULL DEFAULT 'web' CHECK (channel = 'web'));
SELECT andon.create_board('dr.channels', 'SELECT channel, n AS id, status FROM shop UNION ALL SELECT channel, id, status FROM web', '{channel,id}', 'status');
INSERT INTO shop VALUES (1, 'NEW'), (2, 'NEW');
INSERT INTO web VALUES (1, 'NEW'), (3000000000, 'NEW');
UPDATE shop SET status = 'CUT', id = id + 5 WHERE id = 2;
UPDATE web SET status = 'CUT' WHERE id = 1;
DELETE FROM shop WHERE id = 1;
SELECT channel, id, status FROM channels ORDER BY channel, id;
SELECT count(*) FROM andon.check_board('channels');
SELECT andon.drop_board('channels');

SET client_min_messages = warning;
DROP SCHEMA dr CASCADE;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
DROP OWNED BY regress_andon_owner;
DROP ROLE regress_andon_owner;
