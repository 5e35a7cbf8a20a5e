--
-- Changes that are applied without running the definition.
-- Guards: each rule of analysis/fast_columns.h, by a column that it keeps from being
-- fast and a change of it that goes wrong without the rule; and that the fast way
-- gives the board that the definition gives, whatever a statement does around it.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA fast;
SET search_path = fast;

-- the columns of the first key table that are fast
CREATE FUNCTION fast(board regclass) RETURNS text[] LANGUAGE sql AS
$$ SELECT fast_columns FROM andon.explain_board(board) WHERE note LIKE '%key table%' $$;

CREATE TABLE customers (id int PRIMARY KEY, name text, level int);
CREATE TABLE orders (
    id int PRIMARY KEY, status text, note text, customer_id int, parent int, due timestamptz,
    least int DEFAULT 0, flag bool DEFAULT true,
    open bool GENERATED ALWAYS AS (status <> 'CLOSED') STORED);
CREATE TABLE items (id int PRIMARY KEY, order_id int, price int);
CREATE INDEX ON items (order_id);
INSERT INTO customers SELECT g, 'c' || g, g FROM generate_series(1, 3) g;
INSERT INTO orders SELECT g, 'NEW', 'n' || g, 1 + g % 3, NULL, '2024-01-01 12:00+00' FROM generate_series(1, 6) g;
INSERT INTO items SELECT g, 1 + g % 6, g FROM generate_series(1, 18) g;

-- shown and in conditions of its own: fast, also where the query groups by the key
SELECT andon.create_board('fast.grouped', $$
    SELECT o.id, o.status, o.note, c.name, count(*) AS n FROM orders o
    JOIN customers c ON c.id = o.customer_id JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'CLOSED' AND o.flag IS NOT FALSE GROUP BY o.id, c.id $$, '{id}', 'status');
SELECT andon.create_board('fast.joined', $$
    SELECT o.id, o.status, o.status AS again, o.note, o.open, c.name FROM customers c
    JOIN orders o ON c.id = o.customer_id AND o.open AND o.least < 10
    ORDER BY o.due $$, '{id}', 'status');
SELECT fast('grouped'), fast('joined');

-- the definition by another name, which has no fast column: what a board must be like
CREATE VIEW orders_view AS SELECT * FROM orders;
SELECT andon.create_board('fast.slow', $$
    SELECT o.id, o.status, o.note, c.name, count(*) AS n FROM orders_view o
    JOIN customers c ON c.id = o.customer_id JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'CLOSED' AND o.flag IS NOT FALSE
    GROUP BY o.id, o.status, o.note, c.id $$, '{id}', 'status');
SELECT fast('slow');
CREATE VIEW compared AS
    SELECT pg_temp.differences('grouped') AS grouped, pg_temp.differences('joined') AS joined,
           (SELECT count(*) FROM grouped g FULL JOIN slow s USING (id, status, note, name, n, andon_version)
            WHERE g.id IS NULL OR s.id IS NULL) AS apart;

-- it stays, leaves, comes back; rows of all kinds in one statement
UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE orders SET status = 'CLOSED' WHERE id = 2;
UPDATE orders SET status = 'NEW' WHERE id = 2;
SELECT id, status, note, name, n, andon_version FROM grouped ORDER BY id;
UPDATE orders SET status = CASE id WHEN 1 THEN 'CLOSED' WHEN 2 THEN 'CUT' ELSE status END, note = note || '!';
TABLE compared;
UPDATE orders SET status = 'NEW', flag = id <> 3;
UPDATE orders SET status = NULL WHERE id = 4;
UPDATE orders SET least = 11 WHERE id = 5;
TABLE compared;
UPDATE orders SET status = 'NEW', flag = NULL, least = 0;
DELETE FROM orders WHERE id = 6;
TABLE compared;

-- with something else of the same row, in one statement or before the drain
UPDATE orders SET status = 'CUT', customer_id = 3 WHERE id = 1;
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
UPDATE orders SET status = 'SET' WHERE id = 1;
UPDATE orders SET customer_id = 2 WHERE id = 1;
UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE orders SET status = 'CLOSED' WHERE id = 2;
DELETE FROM orders WHERE id = 2;
INSERT INTO orders (id, status, note, customer_id) VALUES (2, 'AGAIN', 'n2', 3);
UPDATE items SET price = 0 WHERE order_id = 3;
DELETE FROM orders WHERE id = 4;
COMMIT;
TABLE compared;

-- savepoints: what was drained and is undone is pending again, or was never there
BEGIN;
SAVEPOINT s;
UPDATE orders SET status = 'LOST' WHERE id = 1;
ROLLBACK TO s;
UPDATE orders SET status = 'KEPT' WHERE id = 3;
SAVEPOINT t;
UPDATE orders SET customer_id = 1 WHERE id = 3;
ROLLBACK TO t;
UPDATE orders SET note = 'kept' WHERE id = 3;
COMMIT;
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
UPDATE orders SET status = 'OUTER' WHERE id = 1;
SAVEPOINT s;
UPDATE orders SET status = 'INNER', customer_id = 2 WHERE id = 1;
SET LOCAL andon.maintain_at = 'statement';
UPDATE orders SET note = 'drains' WHERE id = 5;
ROLLBACK TO s;
COMMIT;
SELECT id, status, note, name, andon_version FROM grouped ORDER BY id;
TABLE compared;

-- a trigger that writes the row again, with another link: the first event's row is old news
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'again' THEN
        UPDATE orders SET note = 'twice', customer_id = 3, status = NEW.status || '+' WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_first AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION again();
UPDATE orders SET note = 'again', status = 'ONE' WHERE id IN (1, 3);
DROP TRIGGER a_first ON orders;
CREATE TRIGGER z_last AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION again();
UPDATE orders SET note = 'again', status = 'TWO', customer_id = 1 WHERE id IN (1, 3);
DROP TRIGGER z_last ON orders;
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.customer_id := 2; RETURN NEW; END $$;
CREATE TRIGGER before BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION other();
UPDATE orders SET status = 'BEFORE' WHERE id = 5;
DROP TRIGGER before ON orders;
SELECT id, status, note, name FROM grouped ORDER BY id;
TABLE compared;

-- values that do not fit into their row, of the key table and of the board
ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
UPDATE orders SET note = repeat('long', 5000) WHERE id = 1;
UPDATE orders SET status = 'LONG' WHERE id = 1;
UPDATE orders SET note = left(note, 15000) WHERE id = 1;
SELECT id, status, length(note) FROM grouped WHERE id = 1;
TABLE compared;

-- at the levels that keep their snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE orders SET status = 'RR' WHERE id = 1;
UPDATE orders SET status = 'CLOSED' WHERE id = 3;
UPDATE orders SET status = 'RR', note = 'rr' WHERE id IN (3, 5);
DELETE FROM orders WHERE id = 2;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE orders SET status = 'SER';
COMMIT;
TABLE compared;

-- the board's own: a column and triggers of its owner, more indexes, none on the key
ALTER TABLE grouped ADD remark text DEFAULT 'mine';
CREATE INDEX ON grouped (lower(status)) WHERE n > 1;
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE '% of %: % -> %', TG_OP, NEW.id, OLD.status, NEW.status; RETURN NEW; END $$;
CREATE TRIGGER told BEFORE UPDATE ON grouped FOR EACH ROW EXECUTE FUNCTION told();
CREATE TRIGGER told_after AFTER UPDATE ON grouped FOR EACH ROW EXECUTE FUNCTION told();
UPDATE orders SET status = 'TOLD' WHERE id = 1;
SELECT id, status, remark FROM grouped WHERE lower(status) = 'told' AND n > 1;
DROP TRIGGER told ON grouped;
DROP TRIGGER told_after ON grouped;
ALTER TABLE grouped DROP remark;
UPDATE orders SET status = 'DROPPED' WHERE id = 1;
TABLE compared;
ALTER TABLE grouped DROP CONSTRAINT grouped_pkey;
UPDATE orders SET status = 'UNINDEXED' WHERE id = 1;
TABLE compared;

-- columns that are not fast, and why
SELECT andon.create_board('fast.expression', $$
    SELECT o.id, o.status, upper(o.note) AS note FROM orders o $$, '{id}', 'status');
SELECT andon.create_board('fast.kept_side', $$
    SELECT o.id, o.status, c.name FROM orders o
    LEFT JOIN customers c ON c.id = o.customer_id AND o.flag $$, '{id}', 'status');
SELECT andon.create_board('fast.aggregated', $$
    SELECT o.id, o.status, count(*) FILTER (WHERE i.price > o.least) AS n FROM orders o
    JOIN items i ON i.order_id = o.id GROUP BY o.id HAVING bool_or(o.flag) $$, '{id}', 'status');
SELECT andon.create_board('fast.sublinks', $$
    SELECT o.id, o.status, (SELECT sum(price) FROM items i WHERE i.order_id = o.id AND i.price > o.least) AS n
    FROM orders o WHERE o.flag AND (o.due IS NULL OR EXISTS (SELECT FROM items i WHERE i.order_id = o.id)) $$,
    '{id}', 'status');
SELECT andon.create_board('fast.lateral', $$
    SELECT o.id, o.status, l.price FROM orders o LEFT JOIN LATERAL (
        SELECT i.price FROM items i WHERE i.order_id = o.id AND i.price > o.least ORDER BY i.id LIMIT 1) l
    ON true $$, '{id}', 'status');
SELECT andon.create_board('fast.joined_names', $$
    SELECT j.id, j.status, j.note || '' AS note, c.name FROM (orders o JOIN items i ON i.id = o.id) AS j
        (id, status, note, customer_id, parent, due, least, flag, open, item, order_id, price)
    JOIN customers c ON c.id = j.customer_id AND c.level > j.least $$, '{id}', 'status');
SELECT andon.create_board('fast.twice', $$
    SELECT o.id, o.status, p.status AS parent FROM orders o
    LEFT JOIN orders p ON p.id = o.parent $$, '{id}', 'status');
SELECT andon.create_board('fast.whole_row', $$
    SELECT o.id, o.status, o.note, o AS everything FROM orders o $$, '{id}', 'status');
SELECT andon.create_board('fast.settings', $$
    SELECT o.id, o.status FROM orders o WHERE o.due::date < '2024-01-02' $$, '{id}', 'status');
CREATE FUNCTION is_due(due timestamptz) RETURNS bool IMMUTABLE LANGUAGE sql AS $$ SELECT due > '2023-01-01' $$;
SELECT andon.create_board('fast.own_function', $$
    SELECT o.id, o.status FROM orders o WHERE fast.is_due(o.due) $$, '{id}', 'status');
CREATE TABLE states (status text PRIMARY KEY, label text);
INSERT INTO states VALUES ('SER', 'serial'), ('NEW', 'new');
SELECT andon.create_board('fast.linked', $$
    SELECT o.id, o.status, s.label FROM orders o LEFT JOIN states s ON s.status = o.status $$,
    '{id}', 'status');
SELECT board, fast(board) FROM unnest('{expression,kept_side,aggregated,sublinks,lateral,joined_names,twice,
    whole_row,settings,own_function,linked}'::regclass[]) board;

CREATE VIEW all_right AS
    SELECT board, pg_temp.differences(board) FROM andon.boards
    WHERE pg_temp.differences(board) > 0;
UPDATE orders SET note = 'expression';
UPDATE orders SET least = 7 WHERE id <> 5;
UPDATE orders SET flag = false WHERE id <> 3;
TABLE all_right;
UPDATE orders SET flag = true, parent = 1;
UPDATE orders SET status = 'NEW' WHERE id = 1;
UPDATE orders SET due = NULL WHERE id = 5;
TABLE all_right;
-- the same moment is another day elsewhere; the board's day counts
SET TimeZone = 'Asia/Tokyo';
UPDATE orders SET due = '2024-01-01 20:00+00';
RESET TimeZone;
TABLE all_right;
SELECT count(*) FROM settings;

-- keys that several rows have: the row of a key is not the row that was changed
CREATE TABLE parts (id int PRIMARY KEY, code text NOT NULL, status text);
SELECT andon.create_board('fast.not_unique', $$
    SELECT p.code, p.status FROM parts p WHERE p.status <> 'CLOSED' $$, '{code}', 'status');
INSERT INTO parts VALUES (1, 'x', 'NEW'), (2, 'x', 'CLOSED'), (3, 'y', 'NEW');
UPDATE parts SET status = CASE id WHEN 1 THEN 'CLOSED' ELSE 'CUT' END;
CREATE UNIQUE INDEX ON parts (code) WHERE status <> 'CLOSED';
UPDATE parts SET status = 'CLOSED' WHERE id = 2;
UPDATE parts SET status = 'CUT' WHERE id = 1;
CREATE TABLE tree (id int PRIMARY KEY, status text);
CREATE TABLE leaf () INHERITS (tree);
SELECT andon.create_board('fast.inherited', 'SELECT id, status FROM tree', '{id}', 'status');
CREATE TABLE split (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);
CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
CREATE TABLE split_2 PARTITION OF split DEFAULT;
SELECT andon.create_board('fast.partitioned', 'SELECT id, status FROM split', '{id}', 'status');
INSERT INTO leaf VALUES (1, 'NEW');
UPDATE tree SET status = 'CUT';
INSERT INTO split VALUES (1, 'NEW'), (20, 'NEW');
UPDATE split SET status = 'CUT';
UPDATE split_2 SET status = 'SET';
DELETE FROM split WHERE id = 1;
SELECT board, fast(board) FROM unnest('{not_unique,inherited,partitioned}'::regclass[]) board;
TABLE all_right;
SELECT code, status FROM not_unique ORDER BY code;

-- a table that gets children, or row-level security, has no fast columns any more
CREATE TABLE lone (id int PRIMARY KEY, status text);
SELECT andon.create_board('fast.alone', 'SELECT id, status FROM lone', '{id}', 'status');
SELECT fast('alone');
INSERT INTO lone VALUES (1, 'NEW');
UPDATE lone SET status = 'CUT';
CREATE TABLE child () INHERITS (lone);
SELECT fast('alone');
TABLE all_right;

-- keys that are equal but not the same; a key of several columns, out of order
CREATE TABLE prices (price numeric, place varchar(10) COLLATE "C", status text, PRIMARY KEY (place, price));
SELECT andon.create_board('fast.priced', 'SELECT price, status, place FROM prices', '{price,place}', 'status');
SELECT fast('priced');
INSERT INTO prices VALUES (1.0, 'a', 'NEW'), (2, 'a', 'NEW'), (2, 'b', 'NEW');
UPDATE prices SET status = 'CUT' WHERE price = 2;
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
UPDATE prices SET status = 'A' WHERE price = 1;
UPDATE prices SET price = 1.00 WHERE price = 1;
UPDATE prices SET status = 'B' WHERE price = 1;
COMMIT;
DELETE FROM prices WHERE place = 'b';
SELECT price, place, status, andon_version FROM priced ORDER BY 1, 2;
TABLE all_right;

DROP VIEW compared, all_right;
DO $$ BEGIN PERFORM andon.drop_board(board) FROM andon.boards; END $$;
SET client_min_messages = warning;
DROP SCHEMA fast CASCADE;
