--
-- One key refreshed by a query that is kept ready to run.
-- Guards: a state that is used again gives what a new one gives, whatever kinds of
-- nodes it has, after errors, DDL and changed privileges, and holds nothing of a
-- transaction's beyond its end (PostgreSQL warns of what leaks); and settings are in
-- force wherever something of a board may depend on them.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ro;
SET search_path = ro;

CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int, long text);
CREATE TABLE items (id int PRIMARY KEY, order_id int, price numeric, name text);
CREATE INDEX items_of_order ON items (order_id);
INSERT INTO customers SELECT g, 'c' || g FROM generate_series(1, 50) g;
INSERT INTO orders SELECT g, 'NEW', nullif(g % 50, 7), NULL FROM generate_series(1, 500) g;
INSERT INTO items SELECT g, 1 + g % 400, g % 7, 'i' || g FROM generate_series(1, 2000) g;
ANALYZE;

-- each board has other nodes in its plan
SELECT andon.create_board('ro.sorted', $$
    SELECT o.id, o.status, c.name, count(*) AS n, sum(i.price) AS total
    FROM orders o JOIN customers c ON c.id = o.customer_id JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'CLOSED' GROUP BY o.id, c.id $$, '{id}', 'status');
SELECT andon.create_board('ro.outer', $$
    SELECT o.id, o.status, o.long, c.name, i.id AS item, i.price
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id
    LEFT JOIN LATERAL (SELECT i.id, i.price FROM items i WHERE i.order_id = o.id
                       ORDER BY i.price DESC, i.id LIMIT 1) i ON true $$, '{id}', 'status');
SELECT andon.create_board('ro.first', $$
    SELECT DISTINCT ON (o.id) o.id, o.status, i.name, o.customer_id
    FROM orders o JOIN items i ON i.order_id = o.id ORDER BY o.id, i.price, i.id $$, '{id}', 'status');
SELECT andon.create_board('ro.distinct_prices', $$
    SELECT o.id, o.status, count(DISTINCT i.price) AS prices, string_agg(i.name, ',' ORDER BY i.id DESC) AS names
    FROM orders o JOIN items i ON i.order_id = o.id GROUP BY o.id HAVING sum(i.price) > 3 $$, '{id}', 'status');

CREATE FUNCTION all_differences() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(pg_temp.differences(b)::text, ' ' ORDER BY b)
    FROM unnest('{sorted,outer,first,distinct_prices}'::text[]) b $$;

-- one key in each statement, many in one backend; rows come, go and change places
CREATE PROCEDURE changes(seed int, rounds int) LANGUAGE plpgsql AS $$
DECLARE k int;
BEGIN
    FOR i IN 1 .. rounds LOOP
        k := 1 + (i * 37 + seed * 11) % 500;
        UPDATE items SET price = price + 1 WHERE id = k;
        UPDATE items SET order_id = 1 + k % 400 WHERE id = 1000 + k;
        UPDATE orders SET customer_id = nullif((k + i) % 51, 0) WHERE id = k;
        DELETE FROM items WHERE id = 500 + k;
        INSERT INTO items VALUES (500 + k, k, i % 5, 'n' || i);
        UPDATE orders SET status = CASE WHEN i % 3 = 0 THEN 'CLOSED' ELSE 'CUT' END, long = repeat('x', i * 100) WHERE id = k;
        IF i % 10 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$;
CALL changes(1, 60);
SELECT all_differences();

-- the same with other plans: whatever may be read in order of an index is not, and the other way round
SET enable_indexscan = off; SET enable_bitmapscan = off;
DISCARD PLANS;
CALL changes(2, 30);
SELECT all_differences();
RESET enable_indexscan; RESET enable_bitmapscan;
SET enable_seqscan = off; SET enable_sort = off;
DISCARD PLANS;
CALL changes(3, 30);
SELECT all_differences();
RESET enable_seqscan; RESET enable_sort;
DISCARD PLANS;

-- only an index is read
CREATE TABLE seen (order_id int, by text, PRIMARY KEY (order_id, by));
INSERT INTO seen SELECT g % 500, 'm' || g FROM generate_series(1, 3000) g;
VACUUM ANALYZE seen;
SELECT andon.create_board('ro.watched', $$
    SELECT o.id, o.status, count(s.by) AS n, max(s.by) AS last
    FROM orders o LEFT JOIN seen s ON s.order_id = o.id GROUP BY o.id $$, '{id}', 'status');
INSERT INTO seen VALUES (5, 'x');
DELETE FROM seen WHERE order_id = 5 AND by = 'm5';
INSERT INTO seen VALUES (5, 'y');
SELECT n, last FROM watched WHERE id = 5;
SELECT pg_temp.differences('watched');

-- DDL of what is kept ready, in the very transaction that has used it
BEGIN;
UPDATE items SET price = 100 WHERE id = 5;
ALTER TABLE items ADD COLUMN more int DEFAULT 5;
UPDATE items SET price = 101 WHERE id = 5;
DROP INDEX items_of_order;
UPDATE items SET price = 102 WHERE id = 5;
CREATE INDEX items_of_order ON items (order_id);
UPDATE items SET price = 103 WHERE id = 5;
COMMIT;
REINDEX INDEX items_of_order;
UPDATE items SET price = 104 WHERE id = 5;
REINDEX TABLE orders;
UPDATE items SET price = 105 WHERE id = 5;
VACUUM FULL items;
UPDATE items SET price = 106 WHERE id = 5;
ALTER TABLE customers RENAME COLUMN name TO called;
UPDATE items SET price = 107 WHERE id = 5;
SELECT total FROM sorted WHERE id = 6;
SELECT all_differences();

-- an error in the middle of a run, caught and not, and a savepoint's end
SELECT andon.create_board('ro.fraction', $$
    SELECT o.id, o.status, sum(12 / i.price) AS parts FROM orders o JOIN items i ON i.order_id = o.id
    WHERE i.id > 9000 GROUP BY o.id HAVING min(i.price) < 0 $$, '{id}', 'status');
DELETE FROM items WHERE order_id = 450;
INSERT INTO items VALUES (9001, 450, -1), (9002, 450, 4);
UPDATE items SET price = 3 WHERE id = 9002;
UPDATE items SET price = 0 WHERE id = 9002;
UPDATE items SET price = 6 WHERE id = 9002;
DO $$ BEGIN
    FOR i IN 1 .. 3 LOOP
        BEGIN
            UPDATE items SET price = 0 WHERE id = 9002;
        EXCEPTION WHEN division_by_zero THEN
            UPDATE items SET price = 12 + i WHERE id = 9002;
        END;
    END LOOP;
END $$;
SELECT parts FROM fraction WHERE id = 450;
BEGIN;
SAVEPOINT a;
UPDATE items SET price = 2 WHERE id = 9002;
ROLLBACK TO a;
SELECT parts FROM fraction WHERE id = 450;
UPDATE items SET price = 1 WHERE id = 9002;
COMMIT;
SELECT parts FROM fraction WHERE id = 450;
SELECT pg_temp.differences('fraction');

-- more than one row of a key, and on with it
SELECT andon.create_board('ro.each_item', $$
    SELECT o.id, o.status, i.price FROM orders o JOIN items i ON i.order_id = o.id WHERE i.price > 500 $$, '{id}', 'status');
UPDATE items SET price = 501 WHERE id = 9001;
UPDATE items SET price = 502 WHERE id = 9002;
UPDATE items SET price = 503 WHERE id = 9001;
SELECT price FROM each_item;
SELECT pg_temp.differences('each_item');

-- what the owner may no longer read is not read on
CREATE ROLE ro_owner;
GRANT USAGE, CREATE ON SCHEMA ro TO ro_owner;
GRANT SELECT, TRIGGER ON orders, items TO ro_owner;
SET ROLE ro_owner;
SELECT andon.create_board('ro.owned', $$
    SELECT o.id, o.status, max(i.price) AS dearest FROM orders o JOIN items i ON i.order_id = o.id GROUP BY o.id $$, '{id}', 'status');
RESET ROLE;
UPDATE items SET price = 10 WHERE id = 7;
UPDATE items SET price = 11 WHERE id = 7;
REVOKE SELECT ON items FROM ro_owner;
UPDATE items SET price = 12 WHERE id = 7;
GRANT SELECT (id, order_id) ON items TO ro_owner;
UPDATE items SET price = 13 WHERE id = 7;
GRANT SELECT (price) ON items TO ro_owner;
UPDATE items SET price = 14 WHERE id = 7;
SELECT dearest FROM owned WHERE id = 8;

-- a trigger of the owner's finds names where the owner says, on both ways of maintenance
CREATE TABLE heard (who name, what text);
GRANT INSERT ON heard TO ro_owner;
CREATE FUNCTION spoken() RETURNS text LANGUAGE sql AS $$ SELECT 'the owner''s' $$;
SET ROLE ro_owner;
CREATE FUNCTION listen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO ro.heard VALUES (current_user, spoken()); RETURN NULL; END $$;
CREATE TRIGGER listen AFTER UPDATE ON owned FOR EACH ROW EXECUTE FUNCTION listen();
RESET ROLE;
CREATE SCHEMA ro_hostile;
GRANT USAGE ON SCHEMA ro_hostile TO PUBLIC;
CREATE FUNCTION ro_hostile.spoken() RETURNS text LANGUAGE sql AS $$ SELECT 'another''s' $$;
SET search_path = ro_hostile, ro;
UPDATE ro.items SET price = 15 WHERE id = 7;
UPDATE ro.orders SET status = 'SAID' WHERE id = 8;
SET search_path = ro;
SELECT * FROM heard;

-- texts that settings change, though PostgreSQL calls their functions immutable
CREATE TABLE texts (id int PRIMARY KEY, status text, f float8, i interval, b bytea, p point);
INSERT INTO texts SELECT 1, 'NEW', 1.0 / 3, '1 day 02:00', '\x01', '(0.1,0.2)';
SELECT andon.create_board('ro.of_texts', $$
    SELECT id, status, f::text AS f, i::text AS i, b::text AS b, p::text AS p, 'x' || f AS joined FROM texts $$, '{id}', 'status');
SET extra_float_digits = -5; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape';
UPDATE texts SET f = 2.0 / 3, i = '1 day 03:00', b = '\x02', p = '(0.2,0.3)';
SELECT id, f, i, b, p, joined FROM of_texts;
RESET extra_float_digits; RESET IntervalStyle; RESET bytea_output;
SELECT pg_temp.differences('of_texts');

RESET search_path;
SET client_min_messages = warning;
SELECT count(andon.drop_board(board)) FROM andon.boards WHERE board::text LIKE 'ro.%';
DROP SCHEMA ro, ro_hostile CASCADE;
DROP OWNED BY ro_owner;
DROP ROLE ro_owner;
